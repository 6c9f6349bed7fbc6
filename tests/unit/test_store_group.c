/* SPDX-License-Identifier: MIT */
/* Those who wait for the disk at the same time share one flush; a disk that holds its flushes shows how many. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"
#include "held_disk.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

enum { WAITER_COUNT = 24 };

enum asking { ASKS_DSYNC, ASKS_FSYNC, ASKS_REQUEST, ASKING_COUNT };

struct waiter {
	struct ink_sync sync; /* first: its done finds us by it */
	struct ink_store *store;
	pthread_t thread;
	uint64_t inode;
	enum asking asks;
	enum ink_err err;
	int error;
	bool is_durable; /* what was written, when it was told */
	_Atomic unsigned told_count, returned_count;
};

static void be_told(struct waiter *w, enum ink_err err)
{
	struct ink_status status;
	struct ink_file_info info;

	w->error = errno;
	w->err = err;
	ink_status(w->store, &status);
	w->is_durable = ink_file_info(w->store, w->inode, &info) == INK_OK &&
			info.last_seq < status.durable_count && info.last_seq < status.sealed_count;
	w->told_count++;
}

static void on_done(struct ink_sync *sync, enum ink_err err)
{
	be_told((struct waiter *)sync, err);
}

static void *wait_for_disk(void *arg)
{
	struct waiter *w = arg;
	enum ink_err err = ink_append(w->store, &trial_user, w->inode, INK_AT_END, "x", 1,
				      w->asks == ASKS_DSYNC);

	if (err == INK_OK && w->asks == ASKS_REQUEST)
		ink_sync_begin(w->store, &w->sync);
	else if (err == INK_OK && w->asks == ASKS_FSYNC)
		be_told(w, ink_sync(w->store));
	else
		be_told(w, err);
	w->returned_count++;
	return NULL;
}

/*
 * One who flushes, held there; then all the others, until each of them waits.
 *
 * @asks: what each does; ASKING_COUNT: as it comes.
 */
static void let_all_wait(struct ink_store *store, struct held_disk *disk, struct waiter *waiters,
			 enum asking asks)
{
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		char name[] = { (char)('A' + i), '\0' };

		waiters[i] = (struct waiter){ .store = store, .inode = trial_create(store, name) };
		waiters[i].sync.done = on_done;
		waiters[i].asks = asks == ASKING_COUNT ? i % ASKING_COUNT : asks;
	}
	disk->fault.calls[FAULT_FDATASYNC] = 0;
	disk_hold(disk, true);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		pthread_create(&waiters[i].thread, NULL, wait_for_disk, &waiters[i]);
		if (i == 0)
			disk_wait_for_flush(disk);
	}
	while (store_sync_waiter_count(store) < WAITER_COUNT - (asks != ASKS_REQUEST))
		usleep(1000);
}

/* A request is told by some thread, which is not always the one that brought it. */
static void join_all(struct waiter *waiters)
{
	for (unsigned i = 0; i < WAITER_COUNT; i++)
		pthread_join(waiters[i].thread, NULL);
	for (unsigned i = 0; i < WAITER_COUNT; i++)
		while (waiters[i].told_count == 0)
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

/* The flush under way, and one for all who wait: each is told once. */
static void let_go(struct held_disk *disk, struct waiter *waiters)
{
	disk_hold(disk, false);
	join_all(waiters);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		assert_ok(waiters[i].err);
		assert_true(waiters[i].is_durable);
		assert_int_equal(waiters[i].told_count, 1);
	}
	assert_int_equal(disk->fault.calls[FAULT_FDATASYNC], 2);
}

static void share_one_flush(struct store_fixture *f, enum asking asks)
{
	struct waiter waiters[WAITER_COUNT];
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);

	let_all_wait(store, &disk, waiters, asks);
	let_go(&disk, waiters);
	assert_int_equal(store_sync_waiter_count(store), 0);
	trial_close(store);
	assert_verifies(f->path, true);
}

static void who_writes_on_o_dsync_shares_one_flush(void **state)
{
	share_one_flush(*state, ASKS_DSYNC);
}

static void who_calls_fsync_shares_one_flush(void **state)
{
	share_one_flush(*state, ASKS_FSYNC);
}

static void requests_and_threads_share_one_flush(void **state)
{
	share_one_flush(*state, ASKING_COUNT);
}

/* The one that flushes, and the one that tells; the others have gone on long before the disk answers. */
static void requests_share_one_flush_and_keep_two_threads(void **state)
{
	struct store_fixture *f = *state;
	struct waiter waiters[WAITER_COUNT];
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);
	unsigned returned_count = 0;

	let_all_wait(store, &disk, waiters, ASKS_REQUEST);
	while (returned_count < WAITER_COUNT - 2) {
		returned_count = 0;
		for (unsigned i = 0; i < WAITER_COUNT; i++) {
			returned_count += waiters[i].returned_count;
			assert_int_equal(waiters[i].told_count, 0);
		}
	}
	assert_int_equal(returned_count, WAITER_COUNT - 2);
	let_go(&disk, waiters);
	assert_int_equal(store_sync_waiter_count(store), 0);
	trial_close(store);
	assert_verifies(f->path, true);
}

/* What was left while another thread flushed, and only that: somebody flushes for it. */
static void a_request_left_to_a_thread_that_goes_is_served(void **state)
{
	struct store_fixture *f = *state;
	struct waiter thread, request;
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);

	thread = (struct waiter){ .store = store, .asks = ASKS_FSYNC };
	thread.inode = trial_create(store, "thread");
	request = (struct waiter){ .store = store, .asks = ASKS_REQUEST, .sync.done = on_done };
	request.inode = trial_create(store, "request");
	disk.fault.calls[FAULT_FDATASYNC] = 0;
	disk_hold(&disk, true);
	pthread_create(&thread.thread, NULL, wait_for_disk, &thread);
	disk_wait_for_flush(&disk);
	pthread_create(&request.thread, NULL, wait_for_disk, &request);
	while (store_sync_waiter_count(store) < 1)
		usleep(1000);
	disk_hold(&disk, false);
	pthread_join(thread.thread, NULL);
	pthread_join(request.thread, NULL);
	assert_int_equal(request.told_count, 1);
	assert_true(thread.is_durable && request.is_durable);
	assert_int_equal(disk.fault.calls[FAULT_FDATASYNC], 2);
	trial_close(store);
}

static void a_request_for_what_is_durable_is_told_at_once(void **state)
{
	struct store_fixture *f = *state;
	struct waiter waiter = { .asks = ASKS_REQUEST, .sync.done = on_done };
	struct held_disk disk;

	waiter.store = open_held(f, &disk);
	waiter.inode = trial_create(waiter.store, "a");
	assert_ok(ink_sync(waiter.store));
	disk.fault.calls[FAULT_FDATASYNC] = 0;
	ink_sync_begin(waiter.store, &waiter.sync);
	assert_int_equal(waiter.told_count, 1);
	assert_ok(waiter.err);
	assert_int_equal(disk.fault.calls[FAULT_FDATASYNC], 0);
	trial_close(waiter.store);
	f->options.is_read_only = true;
	waiter.store = trial_open(f->path, &f->options);
	ink_sync_begin(waiter.store, &waiter.sync);
	assert_int_equal(waiter.told_count, 2);
	assert_ok(waiter.err);
	trial_close(waiter.store);
}

/* The flush under way succeeds, the one that they share does not: one call of the disk failed, for all of them. */
static void fail_the_shared_flush(struct store_fixture *f, enum asking asks)
{
	struct waiter waiters[WAITER_COUNT];
	struct held_disk disk;
	struct ink_store *store = open_held(f, &disk);

	let_all_wait(store, &disk, waiters, asks);
	fault_io_arm(&disk.fault, 2, 1 << FAULT_FDATASYNC, false, EIO);
	disk_hold(&disk, false);
	join_all(waiters);
	assert_true(waiters[0].err == INK_OK && waiters[0].is_durable);
	for (unsigned i = 1; i < WAITER_COUNT; i++) {
		assert_int_not_equal(waiters[i].err, INK_OK);
		assert_false(waiters[i].is_durable);
		assert_int_equal(waiters[i].told_count, 1);
		if (waiters[i].err == INK_ERR_IO)
			assert_int_equal(waiters[i].error, EIO);
	}
	assert_int_equal(disk.fault.calls[FAULT_FDATASYNC], 2); /* none after the one that failed */
	assert_err(INK_ERR_FAILED, ink_store_close(store, INK_UNMOUNT_ASKED));
	store = trial_open(f->path, &f->options);
	trial_close(store);
	assert_verifies(f->path, true);
}

static void all_who_share_a_flush_that_fails_are_told_so(void **state)
{
	fail_the_shared_flush(*state, ASKS_FSYNC);
}

static void requests_that_share_a_flush_that_fails_are_told_so(void **state)
{
	fail_the_shared_flush(*state, ASKS_REQUEST);
}

static void threads_and_requests_that_share_a_flush_that_fails_are_told_so(void **state)
{
	fail_the_shared_flush(*state, ASKING_COUNT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(one_writer_waits_for_one_flush_with_the_seal_inside),
		T(who_writes_on_o_dsync_shares_one_flush),
		T(who_calls_fsync_shares_one_flush),
		T(requests_and_threads_share_one_flush),
		T(requests_share_one_flush_and_keep_two_threads),
		T(a_request_left_to_a_thread_that_goes_is_served),
		T(a_request_for_what_is_durable_is_told_at_once),
		T(all_who_share_a_flush_that_fails_are_told_so),
		T(requests_that_share_a_flush_that_fails_are_told_so),
		T(threads_and_requests_that_share_a_flush_that_fails_are_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
