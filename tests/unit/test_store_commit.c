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

#include "catalog_private.h"
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

/* A link takes the more of the index the longer its target is. */
static void make_links(struct ink_store *store, unsigned count, unsigned *number)
{
	static char target[INK_TARGET_SIZE_MAX + 1];
	struct ink_attr attr;

	memset(target, 'x', INK_TARGET_SIZE_MAX);
	for (; count > 0; count--) {
		char name[32];

		snprintf(name, sizeof(name), "link-%u", ++*number);
		assert_ok(ink_make(store, &trial_root, INK_ROOT_INODE, name, 0, target, &attr));
	}
}

static size_t pending_bytes(struct ink_store *store)
{
	size_t bytes;

	pthread_mutex_lock(&store->lock);
	bytes = index_pending_bytes(store->index);
	pthread_mutex_unlock(&store->lock);
	return bytes;
}

/* The nearer memory is to its limit, the slower are writers; so that it is not reached, and none of them waits long. */
static void a_commit_that_takes_long_slows_writers_before_it_keeps_them(void **state)
{
	enum { TRIES = 30, STEP = 50 };
	struct store_fixture *f = *state;
	uint64_t begun_ns, took_ns;
	struct ink_store *store = trial_open(f->path, &f->options);
	unsigned number = 0;

	gate_hold(true);
	/* This much is frozen, and its commit stands still. */
	while (pending_bytes(store) <= PENDING_KICK_BYTES)
		make_links(store, STEP, &number);
	make_links(store, 1, &number);
	gate_wait_for_commit();
	while (pending_bytes(store) < PENDING_PACE_BYTES + (2 << 20))
		make_links(store, STEP, &number);
	begun_ns = monotonic_ns();
	make_links(store, TRIES, &number);
	took_ns = monotonic_ns() - begun_ns;
	/* A quarter of the way. */
	assert_true(took_ns >= TRIES * (uint64_t)PACE_MAX_NS / 4);
	assert_true(pending_bytes(store) < PENDING_WAIT_BYTES);
	gate_hold(false);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
}

/* What a commit takes of the writers' time is to flush them. */
static void a_commit_finds_few_changed_inodes_however_many_there_are(void **state)
{
	enum { FILES = 2 * INODE_DIRTY_MAX };
	static uint64_t inodes[FILES];
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct ink_attr attr;

	for (unsigned i = 0; i < FILES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "file-%u", i);
		inodes[i] = trial_create(store, name);
		trial_append(store, inodes[i], "1", 1);
		assert_true(store->catalog->dirty_count <= INODE_DIRTY_MAX);
	}
	for (unsigned i = 0; i < FILES; i += 3) {
		trial_append(store, inodes[i], "2", 1);
		assert_true(store->catalog->dirty_count <= INODE_DIRTY_MAX);
	}
	assert_ok(store_commit_index(store));
	assert_int_equal(store->catalog->dirty_count, 0);
	for (unsigned i = 0; i < FILES; i++) {
		assert_ok(ink_getattr(store, inodes[i], &attr));
		assert_int_equal(attr.size, i % 3 == 0 ? 2 : 1);
	}
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
}

/* Also where the index had not followed the log to its end, and never will. */
static void who_only_reads_keeps_few_inodes_in_memory(void **state)
{
	struct store_fixture *f = *state;
	struct ink_options read_only = { .is_read_only = true };
	struct ink_store *store = trial_open(f->path, &f->options);
	struct ink_attr attr;
	char name[32];

	for (unsigned i = 0; i < INODE_CACHE_MAX + 100; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		trial_create(store, name);
		/* Before there is so much that the committing thread does. */
		if (i % 2000 == 1999)
			assert_ok(store_commit_index(store));
	}
	assert_ok(store_commit_index(store));
	trial_create(store, "one more");
	trial_abandon(store);
	store = trial_open(f->path, &read_only);
	assert_true(index_pending_bytes(store->index) > 0);
	for (unsigned i = 0; i < INODE_CACHE_MAX + 100; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		assert_ok(ink_lookup(store, INK_ROOT_INODE, name, &attr));
		assert_true(store->catalog->inode_count <= INODE_CACHE_MAX);
	}
	assert_ok(ink_lookup(store, INK_ROOT_INODE, "one more", &attr));
	trial_close(store);
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
		T(a_commit_that_takes_long_slows_writers_before_it_keeps_them),
		T(a_commit_finds_few_changed_inodes_however_many_there_are),
		T(who_only_reads_keeps_few_inodes_in_memory),
		T(a_commit_that_takes_for_ever_keeps_nothing_from_the_disk),
		T(an_index_that_outgrows_its_map_gets_a_larger_one),
		T(an_error_with_the_number_of_a_full_map_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
