/* SPDX-License-Identifier: MIT */
/* What opening does with a log that is torn or damaged: by position, recovery or refusal. */
#include "recover.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "hash.h"
#include "scratch.h"
#include "store_private.h"
#include "torn.h"

static void a_whole_log_is_taken_to_its_last_record(void **state)
{
	struct torn *f = *state;

	torn_recovers(f, TORN_LINES, 0);
}

static void damage_before_the_durable_size_is_refused_and_nothing_is_changed(void **state)
{
	struct torn *f = *state;
	/* Without an index only what a later seal calls durable is known to have been: all up to the MOUNT's seal. */
	const uint64_t seal_durable = 4;

	for (unsigned has_index = 0; has_index < 2; has_index++)
		for (uint64_t seq = 1; seq < (has_index ? f->durable_count : seal_durable); seq++) {
			struct ink_error error = { 0 };
			struct ink_store *store = NULL;
			char copy[PATH_MAX], segment[PATH_MAX], lost[PATH_MAX], index[PATH_MAX];
			uint8_t *before, *after;
			size_t size, size_after;

			scratch_path(f->dir, "copy", copy);
			tree_copy(f->path, copy);
			scratch_path(copy, "log/0000000000.seg", segment);
			scratch_path(copy, "lost/00000000000000000001.tail", lost);
			scratch_path(copy, "index", index);
			if (!has_index)
				tree_remove(index);
			torn_change_byte(segment, f->places[seq] + FRAME_OFF_HEADER + 20);
			before = file_read(segment, &size);
			/* With an index the record before it is not looked at again, unless it is asked to be. */
			if (has_index)
				assert_err(INK_ERR_DAMAGED, ink_store_reindex(copy, &error));
			else
				assert_err(INK_ERR_DAMAGED,
					   ink_store_open(copy, &f->options, &store, &error));
			assert_non_null(strstr(error.text, "is not what was recorded"));
			assert_non_null(strstr(error.text, "inkfs verify"));
			assert_false(ink_store_is_locked(copy));
			after = file_read(segment, &size_after);
			assert_true(size == size_after && memcmp(before, after, size) == 0);
			assert_false(file_exists(lost));
			free(before);
			free(after);
			tree_remove(copy);
		}
}

static void a_log_that_ends_before_the_durable_size_is_refused(void **state)
{
	struct torn *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;

	assert_int_equal(truncate(f->segment, (off_t)f->places[f->durable_count - 1]), 0);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_err(INK_ERR_DAMAGED, ink_store_reindex(f->path, &error));
}

static void a_log_cut_right_behind_the_durable_size_is_a_crash(void **state)
{
	struct torn *f = *state;

	assert_int_equal(truncate(f->segment, (off_t)f->places[f->durable_count]), 0);
	torn_recovers(f, TORN_DURABLE_LINES, 0);
}

static void damage_behind_the_durable_size_ends_the_log_there(void **state)
{
	struct torn *f = *state;
	uint8_t *before, *tail;
	size_t size, tail_size;
	char path[PATH_MAX];

	torn_change_byte(f->segment, f->places[f->count - 3] + FRAME_OFF_BODY);
	before = file_read(f->segment, &size);
	torn_recovers(f, TORN_LINES - 3, 1);
	/* All of it is kept, byte for byte, what was good behind the damage too. */
	torn_lost_path(f, f->count - 3, 0, path);
	tail = file_read(path, &tail_size);
	assert_true(tail_size >= f->end - f->places[f->count - 3]);
	assert_memory_equal(tail, before + f->places[f->count - 3],
			    f->end - f->places[f->count - 3]);
	free(before);
	free(tail);
}

static void a_seal_further_on_that_says_it_was_synced_makes_it_evidence(void **state)
{
	struct torn *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store = trial_open(f->path, &f->options);
	char index[PATH_MAX];
	uint64_t place;

	/* A seal that covers the five first lines as durable; then without index, damaged in them. */
	trial_append(store, f->model.files[0].inode, "x", 1);
	assert_ok(ink_sync(store));
	trial_append(store, f->model.files[0].inode, "y", 1);
	assert_ok(ink_seal(store, f->model.files[0].inode));
	assert_ok(ink_place(store, f->count + 3, &place));
	trial_abandon(store);
	scratch_path(f->path, "index", index);
	tree_remove(index);
	torn_change_byte(f->segment, place + FRAME_OFF_HEADER + 20);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
}

/* The records may have been in memory only when the driver died; the index must not be ahead of the disk. */
static void the_log_is_synced_from_the_last_commit_on_before_anything_else(void **state)
{
	struct torn *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;
	struct fault_io fault;

	fault_io_init(&fault);
	fault_io_arm(&fault, 1, 1 << FAULT_FDATASYNC, false, EIO);
	assert_err(INK_ERR_IO, store_open_on(&fault.io, f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "0000000000.seg"));
	/* The same bytes once more (recover_sync.c), and nothing else. */
	assert_int_equal(fault.calls[FAULT_PWRITEV], 1);
	torn_recovers(f, TORN_LINES, 0);
}

/* The opening's @at-th open() answers with an error, nothing else does.  INK_OK: it opened, and was closed again. */
static enum ink_err open_without(struct torn *f, unsigned at, int errno_code,
				 struct ink_error *ret_error, bool *ret_has_fired)
{
	struct ink_store *store;
	struct fault_io fault;
	enum ink_err err;

	*ret_error = (struct ink_error){ 0 };
	fault_io_init(&fault);
	fault.is_lazy = true;
	fault_io_arm(&fault, at, 1 << FAULT_OPEN, false, errno_code);
	err = store_open_on(&fault.io, f->path, &f->options, &store, ret_error);
	*ret_has_fired = fault_io_fired(&fault);
	fault_io_disarm(&fault);
	if (err == INK_OK)
		trial_close(store);
	return err;
}

static void copy_fixture(const struct torn *f, struct torn *ret_copy)
{
	*ret_copy = *f;
	scratch_path(f->dir, "copy", ret_copy->path);
	scratch_path(ret_copy->path, "log/0000000000.seg", ret_copy->segment);
	scratch_path(ret_copy->path, "lost", ret_copy->lost);
	tree_copy(f->path, ret_copy->path);
}

static void a_segment_that_must_not_be_written_is_not_gone_on_behind(void **state)
{
	unsigned told = 0;
	bool has_fired = true;

	for (unsigned at = 1; has_fired; at++) {
		struct ink_error error;
		struct torn copy;

		copy_fixture(*state, &copy);
		if (open_without(&copy, at, EPERM, &error, &has_fired) != INK_OK &&
		    strstr(error.text, "/log/0000000000.seg: ") && strstr(error.text, "chattr"))
			told++;
		if (!is_intact(copy.path))
			fail_msg("open %u: not intact", at);
		torn_recovers(&copy, TORN_LINES, 0);
		tree_remove(copy.path);
	}
	assert_int_equal(told, 1);
}

/*
 * Too many open files: what cannot be opened is not taken for absent.  A segment without records would stay, and the
 * log could never go on in its place; what lies in the segments behind would be no longer synced.
 */
static void what_cannot_be_opened_is_not_taken_for_absent(void **state)
{
	struct ink_error error = { 0 };

	/* Up to the first that the new seal key needs: all before it have to do with the log. */
	for (unsigned at = 1; !strstr(error.text, "new seal key"); at++) {
		struct torn copy;
		char next[PATH_MAX];
		bool has_fired;

		copy_fixture(*state, &copy);
		assert_int_equal(truncate(copy.segment, (off_t)copy.end), 0);
		scratch_path(copy.path, "log/0000000001.seg", next);
		file_write(next, "", 0);
		assert_int_not_equal(open_without(&copy, at, EMFILE, &error, &has_fired), INK_OK);
		assert_true(has_fired && error.text[0] != '\0');
		torn_recovers(&copy, TORN_LINES, 0);
		tree_remove(copy.path);
	}
}

static void reading_only_and_reindexing_change_no_byte_of_a_torn_log(void **state)
{
	struct torn *f = *state;
	struct ink_options read_only = { .is_read_only = true };
	struct ink_store *store;
	struct ink_error error;
	struct ink_attr attr;
	uint8_t *before, *after;
	size_t size, size_after;
	char tail[PATH_MAX];

	torn_change_byte(f->segment, f->places[f->count - 2] + FRAME_OFF_BODY);
	before = file_read(f->segment, &size);
	store = trial_open(f->path, &read_only);
	assert_ok(ink_lookup(store, 1, "a", &attr));
	assert_int_equal(attr.size, (TORN_LINES - 2) * TORN_LINE_SIZE);
	trial_close(store);
	/* It is made as far as the log is whole, and that is said. */
	assert_err(INK_ERR_DAMAGED, ink_store_reindex(f->path, &error));
	assert_non_null(strstr(error.text, "the index is made anew for the"));
	after = file_read(f->segment, &size_after);
	assert_true(size == size_after && memcmp(before, after, size) == 0);
	torn_lost_path(f, f->count - 2, 0, tail);
	assert_false(file_exists(tail));
	free(before);
	free(after);
	torn_recovers(f, TORN_LINES - 2, 1);
}

/* The last record is a seal with another signature, everything else about it made right again. */
static void a_seal_that_no_key_of_the_store_signed_is_not_taken(void **state)
{
	struct torn *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct ink_error error = { 0 };
	struct ink_status status;
	uint8_t *bytes, *frame, leaf[INK_HASH_SIZE];
	uint64_t place;
	size_t size;

	trial_append(store, f->model.files[0].inode, "x", 1);
	assert_ok(ink_seal(store, f->model.files[0].inode));
	ink_status(store, &status);
	assert_ok(ink_place(store, status.record_count - 1, &place));
	trial_abandon(store);
	bytes = file_read(f->segment, &size);
	frame = bytes + place;
	assert_int_equal(frame[FRAME_OFF_HEADER + HEADER_OFF_KIND], INK_SEAL);
	frame[FRAME_OFF_BODY + SEAL_BODY_SIZE - 40] ^= 1;
	hash_data(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE + SEAL_BODY_SIZE,
		  frame + FRAME_OFF_HEADER + HEADER_OFF_DIGEST);
	hash_leaf(frame + FRAME_OFF_HEADER, HEADER_SIZE, leaf);
	memcpy(frame + FRAME_OFF_CHECK, leaf, FRAME_CHECK_SIZE);
	file_write(f->segment, bytes, size);
	free(bytes);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "signature"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, torn_setup, torn_teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_log_is_taken_to_its_last_record),
		T(damage_before_the_durable_size_is_refused_and_nothing_is_changed),
		T(a_log_that_ends_before_the_durable_size_is_refused),
		T(a_log_cut_right_behind_the_durable_size_is_a_crash),
		T(damage_behind_the_durable_size_ends_the_log_there),
		T(a_seal_further_on_that_says_it_was_synced_makes_it_evidence),
		T(the_log_is_synced_from_the_last_commit_on_before_anything_else),
		T(a_segment_that_must_not_be_written_is_not_gone_on_behind),
		T(what_cannot_be_opened_is_not_taken_for_absent),
		T(reading_only_and_reindexing_change_no_byte_of_a_torn_log),
		T(a_seal_that_no_key_of_the_store_signed_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
