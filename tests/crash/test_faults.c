/* SPDX-License-Identifier: MIT */
/*
 * Every disk call of a session fails, one after the other, once and for ever: nothing that was acknowledged
 * is lost, nothing is invented, and what was refused is not there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { LARGE = 700000 };

struct fixture {
	char dir[PATH_MAX], made[PATH_MAX], path[PATH_MAX];
	struct ink_options options;
	uint8_t *large;
};

struct session {
	struct ink_store *store;
	struct trial_model model;
};

static int setup(void **state)
{
	static struct fixture f;
	struct rng rng;

	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "made", f.made);
	scratch_path(f.dir, "store", f.path);
	trial_make(f.made, 0);
	f.options = trial_quiet();
	f.large = malloc(LARGE);
	rng_init_from(&rng, 1);
	rng_fill(&rng, f.large, LARGE);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->large);
	tree_remove(f->dir);
	return 0;
}

static struct trial_file *create(struct session *s, const char *name)
{
	struct ink_attr attr;

	if (ink_make(s->store, &trial_root, INK_ROOT_INODE, name, S_IFREG | 0644, NULL, &attr) !=
	    INK_OK)
		return NULL;
	return model_add(&s->model, name, attr.inode);
}

static void append(struct session *s, struct trial_file *file, const void *data, size_t size,
		   bool is_sync)
{
	struct ink_attr attr;
	enum ink_err err;

	if (!file)
		return;
	err = ink_append(s->store, &trial_root, file->inode, INK_AT_END, data, size, is_sync);
	/* A record whose sync or seal failed cannot be taken back: the error says that it may be there. */
	if (err != INK_OK && is_sync && ink_getattr(s->store, file->inode, &attr) == INK_OK &&
	    attr.size == file->size + size)
		err = INK_OK;
	if (err == INK_OK)
		model_append(file, data, size);
}

/* All that a store does, in an order that is always the same. */
static void work(struct fixture *f, struct session *s, bool is_sync)
{
	struct trial_file *a = create(s, "a"), *b;
	char line[32];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		append(s, a, line, strlen(line), false);
	}
	if (a)
		(void)!ink_seal(s->store, a->inode);
	append(s, a, "synced\n", 7, true);
	b = create(s, "b");
	(void)!ink_truncate(s->store, &trial_root, a ? a->inode : 1, 3);
	/* Over the end of the segment. */
	for (unsigned i = 0; i < 3; i++)
		append(s, b, f->large, LARGE - i, is_sync);
	(void)!ink_sync(s->store);
	append(s, a, "after\n", 6, is_sync);
	(void)!store_change_epoch(s->store, INK_SEAL_EPOCH);
	(void)!store_commit_index(s->store);
	append(s, b, "the end", 7, false);
}

static void check_afterwards(struct fixture *f, struct session *s, const char *what)
{
	struct ink_store *store;
	struct ink_error error = { 0 };
	struct fault_io healthy;

	fault_io_init(&healthy);
	healthy.is_lazy = true;
	/* What a failing disk leaves is never called an attack, before and after it was mended. */
	if (!is_intact(f->path))
		fail_msg("%s: not intact before it is opened", what);
	if (store_open_on(&healthy.io, f->path, &f->options, &store, &error) != INK_OK)
		fail_msg("%s: does not open: %s", what, error.text);
	assert_store_is(store, &s->model);
	trial_close(store);
	if (!is_intact(f->path))
		fail_msg("%s: not intact afterwards", what);
}

/* @ret_has_fired: false if the session was over before call @at. */
static void run_once(struct fixture *f, unsigned at, bool is_persistent, bool is_torn,
		     int errno_code, bool is_sync, bool *ret_has_fired)
{
	struct session s = { 0 };
	struct ink_error error;
	struct fault_io fault;
	char what[128];

	tree_copy(f->made, f->path);
	fault_io_init(&fault);
	fault.is_torn = is_torn;
	fault.is_lazy = true;
	fault_io_arm(&fault, at, FAULT_ALL, is_persistent, errno_code);
	if (store_open_on(&fault.io, f->path, &f->options, &s.store, &error) == INK_OK) {
		work(f, &s, is_sync);
		(void)ink_store_close(s.store, INK_UNMOUNT_ASKED);
	}
	*ret_has_fired = fault_io_fired(&fault);
	snprintf(what, sizeof(what), "call %u (%s) %s, errno %d%s", at,
		 *ret_has_fired ? fault_call_name(fault.fired) : "none",
		 is_persistent ? "for ever" : "once", errno_code, is_torn ? ", torn" : "");
	if (getenv("INKFS_TEST_VERBOSE"))
		fprintf(stderr, "%s\n", what);
	check_afterwards(f, &s, what);
	tree_remove(f->path);
	model_free(&s.model);
}

static void run_all(struct fixture *f, bool is_persistent, bool is_torn, int errno_code,
		    bool is_sync)
{
	unsigned step = rounds(100) >= 100 ? 1 : 100 / rounds(100), at;
	bool has_fired = true;

	for (at = 1; has_fired; at += step)
		run_once(f, at, is_persistent, is_torn, errno_code, is_sync, &has_fired);
	assert_true(at > 50); /* there were calls to fail at all */
}

static void one_call_fails_once(void **state)
{
	run_all(*state, false, false, EIO, false);
}

static void one_call_fails_once_and_its_write_is_torn(void **state)
{
	run_all(*state, false, true, EIO, true);
}

static void all_calls_fail_from_one_on(void **state)
{
	run_all(*state, true, false, EIO, true);
}

static void the_disk_is_full_from_one_call_on(void **state)
{
	run_all(*state, true, true, ENOSPC, false);
}

/* All of the frame but its padding was written, the caller was told that nothing was, and the process died. */
static void what_was_refused_is_not_there_after_a_crash(void **state)
{
	struct fixture *f = *state;

	for (size_t size = 1; size <= 8; size++) {
		struct ink_store *store;
		struct ink_error error;
		struct ink_attr attr;
		struct fault_io fault;
		uint64_t inode;

		tree_copy(f->made, f->path);
		fault_io_init(&fault);
		assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
		inode = trial_create(store, "a");
		fault.is_torn = true;
		/* The second: fault_io leaves the first half of one, and almost all of the other. */
		fault_io_arm(&fault, 2, 1 << FAULT_PWRITEV, true, EIO);
		trial_append(store, inode, "one line", 8);
		assert_int_equal(
			ink_append(store, &trial_root, inode, INK_AT_END, "refused.", size, false),
			INK_ERR_IO);
		trial_abandon(store);
		store = trial_open(f->path, &f->options);
		assert_ok(ink_lookup(store, INK_ROOT_INODE, "a", &attr));
		assert_int_equal(attr.size, 8);
		trial_close(store);
		assert_true(is_intact(f->path));
		tree_remove(f->path);
	}
}

static bool holds(const char *path, const uint8_t *piece, size_t piece_size)
{
	size_t size;
	uint8_t *bytes = file_read(path, &size);
	bool result = memmem(bytes, size, piece, piece_size) != NULL;

	free(bytes);
	return result;
}

/* The body of a large append goes to the segment before its head does, by a thread of its own. */
static void nothing_of_a_large_refused_write_is_left(void **state)
{
	struct fixture *f = *state;

	for (unsigned at = 1; at <= 2; at++) {
		struct trial_model model = { 0 };
		struct trial_file *file;
		struct ink_store *store;
		struct ink_error error;
		struct fault_io fault;
		char path[PATH_MAX];

		tree_copy(f->made, f->path);
		fault_io_init(&fault);
		assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
		assert_non_null(store->writer);
		file = model_add(&model, "a", trial_create(store, "a"));
		fault.is_torn = true;
		/* The first write of those that count leaves its first half, the second almost all. */
		fault_io_arm(&fault, at, 1 << FAULT_PWRITEV, false, EIO);
		if (at == 2) {
			trial_append(store, file->inode, "one line", 8);
			model_append(file, "one line", 8);
		}
		assert_err(INK_ERR_IO, ink_append(store, &trial_root, file->inode, INK_AT_END,
						  f->large, LARGE_SIZE + 1, false));
		assert_int_equal(errno, EIO);
		trial_append(store, file->inode, "next", 4);
		model_append(file, "next", 4);
		trial_abandon(store);
		scratch_path(f->path, "log/0000000000.seg", path);
		assert_false(holds(path, f->large + LARGE_SIZE / 4, 64));
		store = trial_open(f->path, &f->options);
		assert_store_is(store, &model);
		trial_close(store);
		assert_int_equal(count_losses(f->path), 0);
		assert_true(is_intact(f->path));
		tree_remove(f->path);
		model_free(&model);
	}
}

/* --- opening after a crash, on a disk that fails again --- */

static void make_torn(struct fixture *f, struct trial_model *model)
{
	struct ink_store *store = trial_open(f->made, &f->options);
	struct trial_file *file = model_add(model, "a", trial_create(store, "a"));
	char path[PATH_MAX];
	struct ink_status status;
	uint8_t *bytes;
	uint64_t place;
	size_t size;

	for (unsigned i = 0; i < 40; i++) {
		trial_append(store, file->inode, f->large, 60000);
		if (i < 39)
			model_append(file, f->large, 60000);
	}
	ink_status(store, &status);
	assert_int_equal(status.segment_count, 2);
	assert_ok(ink_place(store, status.record_count - 1, &place));
	trial_abandon(store);
	/* The last record lacks its end. */
	scratch_path(f->made, "log/0000000001.seg", path);
	bytes = file_read(path, &size);
	memset(bytes + (uint32_t)place + 30000, 0, 40000);
	file_write(path, bytes, size);
	free(bytes);
}

static void a_recovery_that_fails_anywhere_is_done_again_and_loses_nothing_more(void **state)
{
	struct fixture *f = *state;
	struct session s = { 0 };
	bool has_fired = true;
	unsigned at;

	make_torn(f, &s.model);
	for (at = 1; has_fired; at++) {
		struct ink_store *store;
		struct ink_error error;
		struct fault_io fault;
		char name[128], lost[PATH_MAX];

		tree_copy(f->made, f->path);
		fault_io_init(&fault);
		fault.is_torn = true;
		fault_io_arm(&fault, at, FAULT_ALL, true, EIO);
		if (store_open_on(&fault.io, f->path, &f->options, &store, &error) == INK_OK)
			trial_abandon(store);
		has_fired = fault_io_fired(&fault);
		snprintf(name, sizeof(name), "recovery, call %u (%s)", at,
			 has_fired ? fault_call_name(fault.fired) : "none");
		check_afterwards(f, &s, name);
		/* The loss is in a RECOVERY, and what was lost is kept. */
		assert_true(count_losses(f->path) >= 1);
		scratch_path(f->path, "lost/00000000000000000044.tail", lost);
		assert_true(file_exists(lost));
		assert_true(file_size(lost) >= 30000);
		tree_remove(f->path);
	}
	assert_true(at > 10);
	model_free(&s.model);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_call_fails_once),
		T(one_call_fails_once_and_its_write_is_torn),
		T(all_calls_fail_from_one_on),
		T(the_disk_is_full_from_one_call_on),
		T(what_was_refused_is_not_there_after_a_crash),
		T(nothing_of_a_large_refused_write_is_left),
		T(a_recovery_that_fails_anywhere_is_done_again_and_loses_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
