/* SPDX-License-Identifier: MIT */
/*
 * Writers beside the commit of the index.  LMDB does its own I/O, so this program takes the C library's fdatasync()
 * away from it, and LMDB's setting of the map's size from the store: a symbol that a program defines comes before
 * that of a library.
 */
#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

enum { TINY_MAP_SIZE = 1 << 20 };

/* LMDB's syncs wait while it is held. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_held, has_come;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

static int index_error;       /* errno of LMDB's next sync; 0: none */
static size_t first_map_size; /* 0: as asked for */
static unsigned map_growths;

static bool is_of_index(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t size;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, path, sizeof(path));
	return size > 9 && memcmp(path + size - 9, "/data.mdb", 9) == 0;
}

int fdatasync(int fd)
{
	if (is_of_index(fd)) {
		pthread_mutex_lock(&gate.lock);
		gate.has_come = true;
		pthread_cond_broadcast(&gate.cond);
		while (gate.is_held)
			pthread_cond_wait(&gate.cond, &gate.lock);
		pthread_mutex_unlock(&gate.lock);
		errno = index_error;
		index_error = 0;
		if (errno != 0)
			return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int mdb_env_set_mapsize(MDB_env *env, size_t size)
{
	static int (*real)(MDB_env *, size_t);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mdb_env_set_mapsize");
	if (first_map_size > 0) {
		size = first_map_size;
		first_map_size = 0;
	} else {
		map_growths++;
	}
	return real(env, size);
}

static void gate_hold(bool is_held)
{
	pthread_mutex_lock(&gate.lock);
	gate.is_held = is_held;
	gate.has_come = false;
	pthread_cond_broadcast(&gate.cond);
	pthread_mutex_unlock(&gate.lock);
}

static void gate_wait_for_commit(void)
{
	pthread_mutex_lock(&gate.lock);
	while (!gate.has_come)
		pthread_cond_wait(&gate.cond, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void *commit(void *store)
{
	return store_commit_index(store) == INK_OK ? store : NULL;
}

/* More than two seconds of a busy log.  If any of it waited for the commit, it would never end. */
static void a_commit_that_takes_for_ever_keeps_no_writer(void **state)
{
	struct store_fixture *f = *state;
	struct trial_model model = { 0 };
	struct ink_status before, after;
	struct trial_file *file;
	struct ink_store *store;
	pthread_t committer;
	void *result;

	f->options.profile = INK_PROFILE_ROTATE;
	store = trial_open(f->path, &f->options);
	file = model_add(&model, "a", trial_create(store, "a"));
	trial_append(store, file->inode, "first", 5);
	model_append(file, "first", 5);
	gate_hold(true);
	pthread_create(&committer, NULL, commit, store);
	gate_wait_for_commit();
	ink_status(store, &before);
	for (unsigned i = 0; i < 40000; i++) {
		trial_append(store, file->inode, "0123456789abcde\n", 16);
		model_append(file, "0123456789abcde\n", 16);
		if (i % 1000 == 0)
			assert_ok(ink_sync(store));
	}
	model_add(&model, "b", trial_create(store, "was-b"));
	assert_ok(ink_rename(store, &trial_root, 1, "was-b", 1, "b", 0));
	assert_ok(ink_append(store, &trial_root, file->inode, INK_AT_END, "end", 3, true));
	model_append(file, "end", 3);
	assert_store_is(store, &model);
	ink_status(store, &after);
	assert_int_equal(after.index_count, before.index_count); /* it was under way all the time */
	assert_int_equal(after.durable_count, after.record_count);
	gate_hold(false);
	pthread_join(committer, &result);
	assert_non_null(result);
	ink_status(store, &after);
	assert_true(after.index_count > before.index_count &&
		    after.index_count < after.record_count);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	model_free(&model);
}

static bool is_all_durable(const struct ink_status *status)
{
	return status->durable_count == status->record_count;
}

/* A line, and whether it was durable unasked within a second and what a busy machine needs to wake a thread. */
static bool is_durable_in_time(struct ink_store *store, uint64_t inode)
{
	uint64_t begun_ns = monotonic_ns(), took_ns;
	struct ink_status status;

	trial_append(store, inode, "line\n", 5);
	do {
		usleep(10000);
		ink_status(store, &status);
		took_ns = monotonic_ns() - begun_ns;
	} while (!is_all_durable(&status) && took_ns < UINT64_C(60000000000));
	assert_true(is_all_durable(&status));
	return took_ns < UINT64_C(1500000000);
}

/* Unasked, within a second, though the thread that syncs waits for the index; a machine may stall, but not ten times. */
static void a_commit_that_takes_for_ever_keeps_nothing_from_the_disk(void **state)
{
	struct store_fixture *f = *state;
	struct ink_status before, after;
	struct ink_store *store;
	unsigned on_time_count = 0;
	uint64_t inode;

	f->options.sync_interval_ms = 1000;
	store = trial_open(f->path, &f->options);
	inode = trial_create(store, "a");
	gate_hold(true);
	gate_wait_for_commit();
	ink_status(store, &before);
	for (unsigned round = 0; round < 10 && on_time_count < 3; round++)
		on_time_count += is_durable_in_time(store, inode);
	assert_int_equal(on_time_count, 3);
	ink_status(store, &after);
	assert_int_equal(after.index_count, before.index_count); /* it was under way all the time */
	gate_hold(false);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
}

static void an_index_that_outgrows_its_map_gets_a_larger_one(void **state)
{
	struct store_fixture *f = *state;
	struct trial_model model = { 0 };
	struct ink_store *store;
	struct trial_file *file;

	first_map_size = TINY_MAP_SIZE;
	map_growths = 0;
	store = trial_open(f->path, &f->options);
	file = model_add(&model, "a", trial_create(store, "a"));
	for (unsigned i = 0; i < 30000; i++) {
		trial_append(store, file->inode, "line\n", 5);
		model_append(file, "line\n", 5);
		if (i % 5000 == 4999)
			assert_ok(store_commit_index(store));
	}
	assert_true(map_growths >= 1);
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	model_free(&model);
}

/* A commit that the disk refused is none, whatever the error's number: what was frozen waits for the next. */
static void an_error_with_the_number_of_a_full_map_loses_nothing(void **state)
{
	struct store_fixture *f = *state;
	struct trial_model model = { 0 };
	struct ink_status before, after;
	struct trial_file *file;
	struct ink_store *store;

	store = trial_open(f->path, &f->options);
	ink_status(store, &before);
	file = model_add(&model, "a", trial_create(store, "a"));
	trial_append(store, file->inode, "line\n", 5);
	model_append(file, "line\n", 5);
	map_growths = 0;
	index_error = EAGAIN;
	assert_err(INK_ERR_IO, store_commit_index(store));
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(index_error, 0);
	assert_int_equal(map_growths, 0);
	ink_status(store, &after);
	assert_int_equal(after.index_count, before.index_count);
	assert_store_is(store, &model);
	assert_ok(store_commit_index(store));
	ink_status(store, &after);
	assert_true(after.index_count > before.index_count);
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	model_free(&model);
}

/* A test that failed must not leave the next one waiting. */
static int teardown(void **state)
{
	gate_hold(false);
	index_error = 0;
	return store_teardown(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_commit_that_takes_for_ever_keeps_no_writer),
		T(a_commit_that_takes_for_ever_keeps_nothing_from_the_disk),
		T(an_index_that_outgrows_its_map_gets_a_larger_one),
		T(an_error_with_the_number_of_a_full_map_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
