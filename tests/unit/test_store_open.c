/* SPDX-License-Identifier: MIT */
/* Opening and making a store: what is there, what is missing, what is not ours. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

static void a_store_is_locked_while_it_is_open_for_writing(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store, *other;
	struct ink_error error = { 0 };

	assert_false(ink_store_is_locked(f->path));
	store = trial_open(f->path, &f->options);
	assert_true(ink_store_is_locked(f->path));
	assert_err(INK_ERR_LOCKED, ink_store_open(f->path, &f->options, &other, &error));
	assert_true(strlen(error.text) > 10);
	assert_err(INK_ERR_LOCKED, ink_store_reindex(f->path, &error));
	trial_close(store);
	assert_false(ink_store_is_locked(f->path));
	trial_close(trial_open(f->path, &f->options));
}

/* --- what an opening costs ----------------------------------------------------------------- */

/* With an index that lacks the last records.  @is_killed: its last session has no end either. */
static void make_of_segments(struct store_fixture *f, uint64_t count, bool is_killed,
			     const char *path)
{
	uint8_t *data = calloc(1, INK_APPEND_SIZE_MAX);
	struct ink_status status = { 0 };
	struct ink_store *store;
	uint64_t inode;

	trial_make(path, 0);
	store = trial_open(path, &f->options);
	inode = trial_create(store, "a");
	while (status.segment_count < count) {
		trial_append(store, inode, data, INK_APPEND_SIZE_MAX);
		ink_status(store, &status);
	}
	trial_close(store);
	store = trial_open(path, &f->options);
	for (unsigned i = 0; i < 10; i++)
		trial_append(store, inode, data, 100);
	if (is_killed)
		trial_abandon(store);
	else
		trial_close(store);
	free(data);
}

static unsigned calls_of_opening(struct store_fixture *f, const char *path, bool is_read_only)
{
	struct ink_options options = f->options;
	struct ink_error error = { 0 };
	struct ink_store *store;
	struct fault_io count;

	options.is_read_only = is_read_only;
	fault_io_init(&count);
	if (store_open_on(&count.io, path, &options, &store, &error) != INK_OK)
		fail_msg("%s", error.text);
	trial_abandon(store);
	return count.calls[FAULT_OPEN] + count.calls[FAULT_STAT] + count.calls[FAULT_PREAD] +
	       count.calls[FAULT_PWRITEV] + count.calls[FAULT_FDATASYNC];
}

static void an_opening_costs_the_same_however_large_the_store_is(void **state)
{
	enum { SMALL = 3, LARGE = 24 };
	struct store_fixture *f = *state;
	char small[PATH_MAX], large[PATH_MAX];

	scratch_path(f->dir, "small", small);
	scratch_path(f->dir, "large", large);
	for (int is_killed = 0; is_killed <= 1; is_killed++) {
		make_of_segments(f, SMALL, is_killed, small);
		make_of_segments(f, LARGE, is_killed, large);
		/* The second time there is an end without order in any case. */
		for (int is_read_only = 1; is_read_only >= 0; is_read_only--)
			assert_int_equal(calls_of_opening(f, large, is_read_only),
					 calls_of_opening(f, small, is_read_only));
		assert_int_equal(calls_of_opening(f, large, false),
				 calls_of_opening(f, small, false));
		tree_remove(small);
		tree_remove(large);
	}
}

/* Nobody would read it until years later. */
static void a_segment_that_is_missing_is_noticed_at_once(void **state)
{
	enum { COUNT = 6 };
	struct store_fixture *f = *state;
	char path[PATH_MAX], segment[PATH_MAX];
	struct ink_error error = { 0 };
	struct ink_store *store;

	scratch_path(f->dir, "holed", path);
	make_of_segments(f, COUNT, false, path);
	scratch_path(path, "log/0000000003.seg", segment);
	assert_int_equal(unlink(segment), 0);
	/* As many names as before, and one of them is of no segment. */
	scratch_path(path, "log/0000000003.seg.bak", segment);
	file_write(segment, "x", 1);
	assert_err(INK_ERR_DAMAGED, ink_store_open(path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "log/0000000003.seg is missing"));
}

static void a_missing_index_is_made_from_the_log(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));
	char index[PATH_MAX];

	for (unsigned i = 0; i < 1000; i++) {
		trial_append(store, file->inode, &i, sizeof(i));
		model_append(file, &i, sizeof(i));
	}
	trial_close(store);
	scratch_path(f->path, "index", index);
	tree_remove(index);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	model_free(&model);
}

static void a_damaged_index_says_how_to_mend_it_and_is_mended_so(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct ink_error error = { 0 };
	uint8_t rubbish[8192];
	char data[PATH_MAX];

	model_add(&model, "a", trial_create(store, "a"));
	trial_close(store);
	memset(rubbish, 0x5a, sizeof(rubbish));
	scratch_path(f->path, "index/data.mdb", data);
	file_write(data, rubbish, sizeof(rubbish));
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "reindex"));
	assert_ok(ink_store_reindex(f->path, &error));
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	model_free(&model);
}

static void the_index_of_another_store_is_refused(void **state)
{
	struct store_fixture *f = *state;
	char other[PATH_MAX], mine[PATH_MAX], theirs[PATH_MAX];
	struct ink_store *store;
	struct ink_error error = { 0 };

	scratch_path(f->dir, "other", other);
	trial_make(other, 0);
	trial_close(trial_open(other, &f->options));
	scratch_path(f->path, "index", mine);
	scratch_path(other, "index", theirs);
	tree_copy(theirs, mine);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_ok(ink_store_reindex(f->path, &error));
	trial_close(trial_open(f->path, &f->options));
}

static void an_orderly_end_leaves_the_file_ending_with_its_last_frame(void **state)
{
	struct store_fixture *f = *state;
	char segment[PATH_MAX];
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;
	uint64_t frames;

	scratch_path(f->path, "log/0000000000.seg", segment);
	assert_verifies(f->path, true); /* never opened: GENESIS alone */
	for (unsigned round = 0; round < 3; round++) {
		struct ink_store *store = trial_open(f->path, &f->options);
		struct ink_status status;

		assert_true(file_size(segment) >= 1 << 20);
		ink_status(store, &status);
		assert_false(status.is_closed);
		trial_close(store);
		assert_true(last_record(f->path, 0, &header, &body, &bytes));
		assert_true(header.kind == INK_EPOCH && body.seal.reason == INK_SEAL_UNMOUNT);
		free(bytes);
		assert_true(last_record(f->path, INK_UNMOUNT, &header, &body, &bytes));
		assert_true(body.unmount.reason == INK_UNMOUNT_ASKED &&
			    body.unmount.payload_bytes == 0);
		free(bytes);
		assert_verifies(f->path, true);
	}
	frames = count_records(f->path, 0);
	bytes = file_read(segment, &frames);
	assert_memory_not_equal(bytes + frames - 8, "\0\0\0\0\0\0\0\0", 8); /* a signature */
	free(bytes);
	assert_int_equal(count_records(f->path, INK_RECOVERY), 0);
}

static void a_driver_that_died_leaves_everything_acknowledged_and_a_recovery(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;

	trial_append(store, file->inode, "acknowledged", 12);
	model_append(file, "acknowledged", 12);
	trial_abandon(store);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_true(last_record(f->path, INK_RECOVERY, &header, &body, &bytes));
	assert_int_equal(body.recovery.lost_count, 0);
	assert_true(body.recovery.unsealed_count == 2); /* CREATE and APPEND */
	free(bytes);
	assert_verifies(f->path, true);
	model_free(&model);
}

/* Names, sizes and times of all that is in the folder. */
static void reading_only_changes_nothing_and_refuses_changes(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));
	struct ink_options read_only = { .is_read_only = true };
	struct ink_setattr change = { .mask = INK_ATTR_MODE, .mode = 0600 };
	char segment[PATH_MAX], index[PATH_MAX];
	struct ink_attr attr;
	uint64_t actor;
	size_t size, size_after;
	uint8_t *before, *after;
	static struct ink_body_actor body;

	trial_append(store, file->inode, "x", 1);
	model_append(file, "x", 1);
	trial_abandon(store); /* not closed, and an index that is behind */
	scratch_path(f->path, "log/0000000000.seg", segment);
	before = file_read(segment, &size);
	store = trial_open(f->path, &read_only);
	assert_false(ink_store_is_locked(f->path));
	assert_store_is(store, &model);
	assert_err(INK_ERR_IO,
		   ink_append(store, &trial_root, file->inode, INK_AT_END, "y", 1, false));
	assert_int_equal(errno, EROFS);
	assert_err(INK_ERR_IO, ink_make(store, &trial_root, 1, "b", S_IFREG, NULL, &attr));
	assert_err(INK_ERR_IO, ink_setattr(store, &trial_root, file->inode, &change, &attr));
	assert_err(INK_ERR_IO, ink_truncate(store, &trial_root, file->inode, 0));
	assert_int_not_equal((int)ink_unlink(store, &trial_root, 1, "a", false), INK_OK);
	assert_err(INK_ERR_IO, ink_rename(store, &trial_root, 1, "a", 1, "b", 0));
	assert_err(INK_ERR_IO, ink_open(store, &trial_root, file->inode, O_WRONLY));
	assert_ok(ink_open(store, &trial_root, file->inode, O_RDONLY));
	assert_ok(ink_sync(store));
	assert_ok(ink_seal(store, file->inode));
	assert_ok(ink_actor(store, 0, 0, &body, &actor));
	trial_close(store);
	after = file_read(segment, &size_after);
	assert_true(size == size_after && memcmp(before, after, size) == 0);
	free(before);
	free(after);
	/* Without any index too. */
	scratch_path(f->path, "index", index);
	tree_remove(index);
	store = trial_open(f->path, &read_only);
	assert_store_is(store, &model);
	trial_close(store);
	assert_false(file_exists(index));
	model_free(&model);
}

static void what_is_no_store_is_left_alone(void **state)
{
	struct store_fixture *f = *state;
	char folder[PATH_MAX], inner[PATH_MAX];
	struct ink_store *store = NULL;
	struct ink_error error = { 0 };

	scratch_path(f->dir, "nothing", folder);
	assert_err(INK_ERR_IO, ink_store_open(folder, &f->options, &store, &error));
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_err(INK_ERR_FOREIGN, ink_store_open(folder, &f->options, &store, &error));
	assert_int_equal(rmdir(folder), 0); /* no lock, no index was made in it */
	assert_int_equal(mkdir(folder, 0700), 0);
	scratch_path(folder, "log", inner);
	assert_int_equal(mkdir(inner, 0700), 0);
	scratch_path(folder, "log/0000000000.seg", inner);
	file_write(inner, "", 0);
	assert_err(INK_ERR_DAMAGED, ink_store_open(folder, &f->options, &store, &error));
	assert_null(store);
}

static void a_store_is_not_made_where_something_is(void **state)
{
	struct store_fixture *f = *state;
	struct ink_init_options options = { .origin = "x" };
	char vkey[INK_VKEY_SIZE], folder[PATH_MAX], keys[PATH_MAX];
	struct ink_error error = { 0 };

	assert_err(INK_ERR_EXISTS, ink_store_init(f->path, &options, vkey, &error));
	assert_err(INK_ERR_EXISTS, ink_store_init(f->dir, &options, vkey, &error));
	trial_close(trial_open(f->path, &f->options));
	scratch_path(f->dir, "new", folder);
	scratch_path(f->path, "keys", keys);
	options.keys_dir = keys; /* another store's */
	assert_err(INK_ERR_EXISTS, ink_store_init(folder, &options, vkey, &error));
	assert_false(file_exists(folder));
	trial_close(trial_open(f->path, &f->options)); /* its keys are untouched */
	options = (struct ink_init_options){ .origin = "with space" };
	assert_err(INK_ERR_INVALID, ink_store_init(folder, &options, vkey, &error));
	options = (struct ink_init_options){ .origin = "x", .segment_size = SEGMENT_SIZE_MIN - 1 };
	assert_err(INK_ERR_INVALID, ink_store_init(folder, &options, vkey, &error));
	options = (struct ink_init_options){ .origin = "x", .root_mode = 010000 };
	assert_err(INK_ERR_INVALID, ink_store_init(folder, &options, vkey, &error));
	assert_false(file_exists(folder));
}

static void whatever_fails_while_a_store_is_made_nothing_stays_behind(void **state)
{
	struct store_fixture *f = *state;
	struct ink_init_options options = { .origin = "x" };
	char vkey[INK_VKEY_SIZE], folder[PATH_MAX];
	struct ink_error error = { 0 };
	unsigned at;

	scratch_path(f->dir, "new", folder);
	for (at = 1;; at++) {
		struct fault_io fault;
		enum ink_err err;

		fault_io_init(&fault);
		fault_io_arm(&fault, at, FAULT_ALL, at % 2, at % 3 ? EIO : ENOSPC);
		err = store_init_on(&fault.io, folder, &options, vkey, &error);
		if (err == INK_OK)
			break;
		assert_true(fault_io_fired(&fault));
		assert_true(strlen(error.text) > 5);
		if (file_exists(folder))
			fail_msg("call %u (%s): something stayed", at,
				 fault_call_name(fault.fired));
	}
	assert_true(at > 20);
	trial_close(trial_open(folder, &f->options));
	assert_verifies(folder, true);
}

static void an_old_or_missing_seal_key_is_refused_with_a_sentence(void **state)
{
	struct store_fixture *f = *state;
	char key[PATH_MAX];
	struct ink_store *store = NULL;
	struct ink_error error = { 0 };
	uint8_t *old;
	size_t size;

	scratch_path(f->path, "keys/seal.key", key);
	old = file_read(key, &size);
	trial_close(trial_open(f->path, &f->options));
	file_write(key, old, size);
	assert_err(INK_ERR_KEY, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "epoch"));
	assert_int_equal(unlink(key), 0);
	assert_err(INK_ERR_KEY, ink_store_open(f->path, &f->options, &store, &error));
	assert_false(ink_store_is_locked(f->path));
	free(old);
}

static void keys_may_lie_elsewhere(void **state)
{
	struct store_fixture *f = *state;
	char folder[PATH_MAX], keys[PATH_MAX], vkey[INK_VKEY_SIZE], path[PATH_MAX];
	struct ink_init_options options = { .origin = "x", .keys_dir = keys };
	struct ink_error error = { 0 };

	scratch_path(f->dir, "new", folder);
	scratch_path(f->dir, "my keys", keys);
	assert_ok(ink_store_init(folder, &options, vkey, &error));
	scratch_path(folder, "keys", path);
	assert_false(file_exists(path));
	f->options.keys_dir = keys;
	trial_close(trial_open(folder, &f->options));
	assert_verifies(folder, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(a_store_is_locked_while_it_is_open_for_writing),
		T(an_opening_costs_the_same_however_large_the_store_is),
		T(a_segment_that_is_missing_is_noticed_at_once),
		T(a_missing_index_is_made_from_the_log),
		T(a_damaged_index_says_how_to_mend_it_and_is_mended_so),
		T(the_index_of_another_store_is_refused),
		T(an_orderly_end_leaves_the_file_ending_with_its_last_frame),
		T(a_driver_that_died_leaves_everything_acknowledged_and_a_recovery),
		T(reading_only_changes_nothing_and_refuses_changes),
		T(what_is_no_store_is_left_alone),
		T(a_store_is_not_made_where_something_is),
		T(whatever_fails_while_a_store_is_made_nothing_stays_behind),
		T(an_old_or_missing_seal_key_is_refused_with_a_sentence),
		T(keys_may_lie_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
