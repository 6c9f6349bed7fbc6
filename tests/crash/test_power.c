/* SPDX-License-Identifier: MIT */
/*
 * Loss of power, death of the process and errors of the disk at every moment of a store's life: some thousands of seeds
 * of the soak (tests/soak/soak_power.c), shared among the processors; the seeds that once found a fault; and what the
 * threads promise by the clock.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "inkfs/verify.h"
#include "lying_disk.h"
#include "power.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { SEEDS = 2400, WORKERS_MAX = 8 };

/* A child: every @step-th seed; the first failure is printed and ends it. */
static void run_seeds(uint64_t first, unsigned count, unsigned step)
{
	struct power_env *env = power_env_open();
	char why[POWER_WHY_SIZE];

	for (unsigned i = 0; i < count; i += step)
		if (!power_run(env, first + i, why)) {
			printf("seed %llu: %s; again with 'make soak SEED=%llu'\n",
			       (unsigned long long)first + i, why, (unsigned long long)first + i);
			fflush(NULL);
			_exit(1);
		}
	power_env_close(env);
	_exit(0);
}

static void run_on_all_processors(uint64_t first, unsigned count)
{
	unsigned workers, failures = 0;
	cpu_set_t cpus;
	int status;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	workers = (unsigned)CPU_COUNT(&cpus);
	if (workers > WORKERS_MAX)
		workers = WORKERS_MAX;
	fflush(NULL);
	for (unsigned i = 0; i < workers; i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			run_seeds(first + i, count > i ? count - i : 0, workers);
	}
	for (unsigned i = 0; i < workers; i++) {
		assert_true(wait(&status) > 0);
		failures += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	assert_int_equal(failures, 0);
}

/* INKFS_TEST_SEED is where they begin, so that each run of `make test` may have others. */
static void nothing_is_lost_or_invented_whenever_the_power_goes(void **state)
{
	const char *first = getenv("INKFS_TEST_SEED");

	(void)state;
	run_on_all_processors(first ? strtoull(first, NULL, 10) : 1, rounds(SEEDS));
}

/*
 * Seeds that found something: 2060, 5155: a failed sync whose pages the next opening took for durable.
 * What a seed does changes with the workload and with the store's calls; these stay as they are cheap.
 */
static void seeds_that_found_a_fault_find_it_no_more(void **state)
{
	static const uint64_t seeds[] = { 2060, 5155, 1071, 322 };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(seeds); i++)
		run_on_all_processors(seeds[i], 1);
}

/* --- by the clock, and with threads --- */

struct fixture {
	char dir[PATH_MAX], root[PATH_MAX], path[PATH_MAX];
	struct lying_disk *disk;
};

static int setup(void **state)
{
	static struct fixture f;

	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "disk", f.root);
	if (mkdir(f.root, 0700) != 0)
		return -1;
	scratch_path(f.root, "store", f.path);
	f.disk = lying_disk_open(f.root);
	lying_disk_load(f.disk, 1);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	lying_disk_close(f->disk);
	tree_remove(f->dir);
	return 0;
}

static struct ink_store *open_store(struct fixture *f, const struct ink_options *options)
{
	struct ink_error error = { 0 };
	struct ink_store *store;

	if (store_open_on(lying_disk_io(f->disk), f->path, options, &store, &error) != INK_OK)
		fail_msg("open: %s", error.text);
	return store;
}

static void make_store(struct fixture *f)
{
	struct ink_init_options init = { .origin = "test.example/power",
					 .segment_size = SEGMENT_SIZE_MIN };
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;

	assert_ok(store_init_on(lying_disk_io(f->disk), f->path, &init, vkey, &error));
}

/* One line, a second and what a busy machine needs to wake a thread, and the power goes: is the line there, signed? */
static bool survives_unasked(struct fixture *f, struct ink_store *store, const char *name)
{
	const struct timespec second = { 1, 500000000 };
	struct ink_verify_result result;
	struct ink_verify_options verify = { 0 };
	const struct ink_options options = { 0 };
	struct ink_error error;
	struct ink_attr attr;
	bool is_there;
	uint64_t inode;

	inode = trial_create(store, name);
	trial_append(store, inode, "one line\n", 9);
	nanosleep(&second, NULL);
	lying_disk_arm_cut(f->disk, 1);
	trial_append(store, inode, "", 0);
	(void)!ink_sync(store);
	trial_abandon(store);
	lying_disk_cut_all(f->disk);
	assert_ok(ink_verify(f->path, &verify, &result, &error));
	assert_true(result.is_intact);
	store = open_store(f, &options);
	is_there = ink_lookup(store, INK_ROOT_INODE, name, &attr) == INK_OK && attr.size == 9;
	trial_close(store);
	return is_there && result.unsealed_count == 0;
}

static void what_nobody_asked_to_sync_is_durable_and_signed_after_a_second(void **state)
{
	const struct ink_options options = { 0 }; /* the defaults are the promise */
	struct fixture *f = *state;
	bool survives = false;
	char name[2] = "a";

	make_store(f);
	/* A machine may stall for half a second, but not five times in turn. */
	for (; *name < 'f' && !survives; name[0]++) {
		struct ink_store *store = open_store(f, &options);

		/* At any moment of the committer's round. */
		nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
		survives = survives_unasked(f, store, name);
	}
	assert_true(survives);
}

/*
 * Linux marks clean what a failed sync could not write, shows it as ever, and calls the next sync a success: the bytes
 * that the next opening reads are on no disk unless it writes them once more.
 */
static void what_a_failed_sync_lost_is_written_again_by_the_next_opening(void **state)
{
	const struct lying_fault fault = {
		.at = 1, .mask = 1 << LYING_SYNC, .errno_code = EIO, .forget_one_in = 1
	};
	static const struct lying_fault none;
	const struct ink_options options = trial_quiet();
	struct fixture *f = *state;
	struct ink_store *store;
	struct ink_attr attr;
	uint64_t inode;

	make_store(f);
	store = open_store(f, &options);
	inode = trial_create(store, "a");
	trial_append(store, inode, "one line\n", 9);
	lying_disk_arm_fault(f->disk, &fault);
	assert_int_equal(ink_sync(store), INK_ERR_IO);
	trial_abandon(store);
	lying_disk_arm_fault(f->disk, &none);
	store = open_store(f, &options);
	assert_ok(ink_sync(store));
	trial_abandon(store);
	lying_disk_cut(f->disk);
	store = open_store(f, &options);
	assert_ok(ink_lookup(store, INK_ROOT_INODE, "a", &attr));
	assert_int_equal(attr.size, 9);
	trial_close(store);
}

/* An index that cannot be committed, for a moment or for hours, does not keep the log off the disk. */
static void what_is_recorded_while_the_index_cannot_be_committed_is_durable_all_the_same(
	void **state)
{
	/* The first sync is the log's, the second LMDB's. */
	const struct lying_fault fault = { .at = 2, .mask = 1 << LYING_SYNC, .errno_code = EIO };
	const struct ink_options options = trial_quiet();
	struct fixture *f = *state;
	struct ink_store *store;
	struct ink_attr attr;
	uint64_t inode;

	make_store(f);
	store = open_store(f, &options);
	inode = trial_create(store, "a");
	for (unsigned i = 0; i < 3; i++) {
		trial_append(store, inode, "one line\n", 9);
		lying_disk_arm_fault(f->disk, &fault);
		assert_int_equal(store_commit_index(store), INK_ERR_IO);
		assert_true(lying_disk_has_failed(f->disk));
	}
	trial_abandon(store);
	lying_disk_cut(f->disk);
	store = open_store(f, &options);
	assert_ok(ink_lookup(store, INK_ROOT_INODE, "a", &attr));
	assert_int_equal(attr.size, 27);
	trial_close(store);
}

/* An init that has returned has made a store; one that had no time to return has made one or none. */
static void the_power_goes_while_a_store_is_made(void **state)
{
	struct ink_init_options init = { .origin = "test.example/power" };
	const struct ink_options options = trial_quiet();
	struct fixture *f = *state;
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;
	bool is_made = false;

	for (unsigned at = 1; !is_made; at++)
		for (unsigned again = 0; again < 8; again++) {
			struct ink_store *store;

			if (file_exists(f->path))
				tree_remove(f->path);
			lying_disk_load(f->disk, at * 8 + again);
			lying_disk_arm_cut(f->disk, at);
			is_made = store_init_on(lying_disk_io(f->disk), f->path, &init, vkey,
						&error) == INK_OK;
			lying_disk_cut(f->disk);
			if (store_open_on(lying_disk_io(f->disk), f->path, &options, &store,
					  &error) == INK_OK)
				trial_close(store);
			else if (is_made)
				fail_msg("made, and after call %u gone: %s", at, error.text);
		}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_invented_whenever_the_power_goes),
		cmocka_unit_test(seeds_that_found_a_fault_find_it_no_more),
		T(what_nobody_asked_to_sync_is_durable_and_signed_after_a_second),
		T(what_a_failed_sync_lost_is_written_again_by_the_next_opening),
		T(what_is_recorded_while_the_index_cannot_be_committed_is_durable_all_the_same),
		T(the_power_goes_while_a_store_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
