/* SPDX-License-Identifier: MIT */
/* Those who wait for the disk at the same time share one flush; a disk that holds its flushes shows how many. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

enum { WAITER_COUNT = 24 };

/* A disk whose flushes wait while it is held. */
struct held_disk {
	struct fault_io fault; /* first: its io finds us by it */
	int (*fdatasync)(void *ctx, int fd);
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_held;
	unsigned arrived;    /* flushes that began */
	unsigned writes_now; /* made when the last of them began */
};

static int held_fdatasync(void *ctx, int fd)
{
	struct held_disk *disk = ctx;

	pthread_mutex_lock(&disk->lock);
	disk->arrived++;
	disk->writes_now = disk->fault.calls[FAULT_PWRITEV];
	pthread_cond_broadcast(&disk->cond);
	while (disk->is_held)
		pthread_cond_wait(&disk->cond, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
	return disk->fdatasync(&disk->fault, fd);
}

static void disk_init(struct held_disk *disk)
{
	fault_io_init(&disk->fault);
	disk->fdatasync = disk->fault.io.fdatasync;
	disk->fault.io.fdatasync = held_fdatasync;
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->cond, NULL);
	disk->is_held = false;
	disk->arrived = 0;
}

static void disk_hold(struct held_disk *disk, bool is_held)
{
	pthread_mutex_lock(&disk->lock);
	disk->is_held = is_held;
	if (is_held)
		disk->arrived = 0;
	pthread_cond_broadcast(&disk->cond);
	pthread_mutex_unlock(&disk->lock);
}

static void disk_wait_for_flush(struct held_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	while (disk->arrived == 0)
		pthread_cond_wait(&disk->cond, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
}

struct waiter {
	struct ink_store *store;
	pthread_t thread;
	uint64_t inode;
	bool is_dsync, is_fsync; /* how it asks, if at all */
	enum ink_err err;
	bool is_durable; /* what was written, when the call returned */
};

static void *wait_for_disk(void *arg)
{
	struct waiter *w = arg;
	struct ink_status status;
	struct ink_file_info info;

	w->err = ink_append(w->store, &trial_user, w->inode, INK_AT_END, "x", 1, w->is_dsync);
	if (w->err == INK_OK && w->is_fsync)
		w->err = ink_sync(w->store);
	ink_status(w->store, &status);
	w->is_durable = ink_file_info(w->store, w->inode, &info) == INK_OK &&
			info.last_seq < status.durable_count && info.last_seq < status.sealed_count;
	return NULL;
}

/* One who flushes, held there; then all the others, until each of them waits. */
static void let_all_wait(struct ink_store *store, struct held_disk *disk, struct waiter *waiters)
{
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		char name[] = { (char)('A' + i), '\0' };

		waiters[i] = (struct waiter){ .store = store, .inode = trial_create(store, name) };
		waiters[i].is_dsync = i % 2 && !store->options.is_sync;
		waiters[i].is_fsync = i % 2 == 0 && !store->options.is_sync;
	}
	disk->fault.calls[FAULT_FDATASYNC] = 0;
	disk_hold(disk, true);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		pthread_create(&waiters[i].thread, NULL, wait_for_disk, &waiters[i]);
		if (i == 0)
			disk_wait_for_flush(disk);
	}
	while (store_sync_waiter_count(store) < WAITER_COUNT - 1)
		usleep(1000);
}

static struct ink_store *open_held(struct store_fixture *f, struct held_disk *disk)
{
	struct ink_store *store;
	struct ink_error error;

	disk_init(disk);
	assert_ok(store_open_on(&disk->fault.io, f->path, &f->options, &store, &error));
	return store;
}

static void one_writer_waits_for_one_flush_with_the_seal_inside(void **state)
{
	struct store_fixture *f = *state;
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);
	uint64_t a = trial_create(store, "a");
	struct ink_status status;

	for (unsigned i = 0; i < 2; i++) {
		bool is_dsync = i == 0;

		assert_ok(ink_sync(store));
		disk.fault.calls[FAULT_FDATASYNC] = 0;
		disk.fault.calls[FAULT_SYNC_DIR] = 0;
		disk.fault.calls[FAULT_PWRITEV] = 0;
		assert_ok(ink_append(store, &trial_user, a, INK_AT_END, "x", 1, is_dsync));
		if (!is_dsync)
			assert_ok(ink_sync(store));
		assert_int_equal(disk.fault.calls[FAULT_FDATASYNC], 1);
		assert_int_equal(disk.fault.calls[FAULT_SYNC_DIR], 0);
		assert_int_equal(disk.fault.calls[FAULT_PWRITEV], 2); /* record and seal */
		assert_int_equal(disk.writes_now, 2);
		ink_status(store, &status);
		assert_int_equal(status.sealed_count, status.record_count);
		assert_int_equal(status.durable_count, status.record_count);
	}
	trial_close(store);
}

static void share_one_flush(struct store_fixture *f)
{
	struct waiter waiters[WAITER_COUNT];
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);

	let_all_wait(store, &disk, waiters);
	disk_hold(&disk, false);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_ok(waiters[i].err);
		assert_true(waiters[i].is_durable);
	}
	assert_int_equal(disk.fault.calls[FAULT_FDATASYNC], 2);
	trial_close(store);
	assert_verifies(f->path, true);
}

static void who_calls_fsync_or_writes_on_o_dsync_shares_one_flush(void **state)
{
	share_one_flush(*state);
}

static void who_writes_to_a_store_mounted_with_sync_shares_one_flush(void **state)
{
	struct store_fixture *f = *state;

	f->options.is_sync = true;
	share_one_flush(f);
}

/* The flush under way succeeds, the one that they share does not: one call of the disk failed, for all of them. */
static void all_who_share_a_flush_that_fails_are_told_so(void **state)
{
	struct store_fixture *f = *state;
	struct waiter waiters[WAITER_COUNT];
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);

	let_all_wait(store, &disk, waiters);
	fault_io_arm(&disk.fault, 2, 1 << FAULT_FDATASYNC, false, EIO);
	disk_hold(&disk, false);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_true(i == 0 ? waiters[i].err == INK_OK : waiters[i].err != INK_OK);
		assert_int_equal(waiters[i].is_durable, i == 0);
	}
	assert_int_equal(disk.fault.calls[FAULT_FDATASYNC], 2); /* none after the one that failed */
	assert_err(INK_ERR_FAILED, ink_store_close(store, INK_UNMOUNT_ASKED));
	store = trial_open(f->path, &f->options);
	trial_close(store);
	assert_verifies(f->path, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(one_writer_waits_for_one_flush_with_the_seal_inside),
		T(who_calls_fsync_or_writes_on_o_dsync_shares_one_flush),
		T(who_writes_to_a_store_mounted_with_sync_shares_one_flush),
		T(all_who_share_a_flush_that_fails_are_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
