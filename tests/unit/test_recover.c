/* SPDX-License-Identifier: MIT */
/* What opening does with a log that does not end where it should: by position, torn or damaged. */
#include "recover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "hash.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { LINE_SIZE = 32, DURABLE_LINES = 5, LINES = 10 };

struct fixture {
	char dir[PATH_MAX], path[PATH_MAX], segment[PATH_MAX], lost[PATH_MAX];
	struct ink_options options;
	struct trial_model model; /* the durable lines */
	uint64_t durable_count;
	uint64_t places[64]; /* of records */
	uint64_t count;
	uint64_t end; /* behind the last frame */
};

/* A driver that died: five lines synced and indexed, five more only written. */
static int setup(void **state)
{
	static struct fixture f;
	char line[LINE_SIZE + 1];
	struct ink_store *store;
	struct ink_status status;
	struct trial_file *file;

	f = (struct fixture){ .options = trial_quiet() };
	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "store", f.path);
	scratch_path(f.path, "log/0000000000.seg", f.segment);
	scratch_path(f.path, "lost", f.lost);
	trial_make(f.path, 0);
	store = trial_open(f.path, &f.options);
	file = model_add(&f.model, "a", trial_create(store, "a"));
	for (unsigned i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "%031u\n", i);
		trial_append(store, file->inode, line, LINE_SIZE);
		if (i < DURABLE_LINES)
			model_append(file, line, LINE_SIZE);
		if (i + 1 == DURABLE_LINES) {
			assert_ok(ink_sync(store));
			assert_ok(store_commit_index(store));
			ink_status(store, &status);
			f.durable_count = status.durable_count;
		}
	}
	ink_status(store, &status);
	f.count = status.record_count;
	for (uint64_t seq = 0; seq < f.count; seq++)
		assert_ok(ink_place(store, seq, &f.places[seq]));
	f.end = f.places[f.count - 1] + frame_size(LINE_SIZE);
	trial_abandon(store);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	model_free(&f->model);
	tree_remove(f->dir);
	return 0;
}

static void change_byte(const char *path, uint64_t at)
{
	size_t size;
	uint8_t *bytes = file_read(path, &size);

	assert_true(at < size);
	bytes[at] ^= 0x40;
	file_write(path, bytes, size);
	free(bytes);
}

/* The @number-th file of RECOVERY @seq. */
static void lost_path(const struct fixture *f, uint64_t seq, unsigned number, char *ret_path)
{
	char name[INK_LOST_NAME_SIZE];

	ink_lost_name(seq, number, name);
	scratch_path(f->lost, name, ret_path);
}

/* The store opens, has @lines lines, verifies; the last RECOVERY told of @lost_count files, and they are as it says. */
static void assert_recovers(struct fixture *f, unsigned lines, unsigned lost_count)
{
	struct ink_store *store = trial_open(f->path, &f->options);
	char path[PATH_MAX];
	struct ink_header header;
	struct ink_attr attr;
	union ink_body body;
	uint8_t *bytes;

	assert_ok(ink_lookup(store, 1, "a", &attr));
	assert_int_equal(attr.size, lines * LINE_SIZE);
	trial_close(store);
	assert_true(last_record(f->path, INK_RECOVERY, &header, &body, &bytes));
	assert_int_equal(body.recovery.lost_count, lost_count);
	for (unsigned i = 0; i < lost_count; i++) {
		uint8_t digest[INK_HASH_SIZE], *tail;
		size_t size;

		lost_path(f, header.seq, i, path);
		tail = file_read(path, &size);
		assert_int_equal(size, body.recovery.lost[i].size);
		hash_data(tail, size, digest);
		assert_memory_equal(digest, body.recovery.lost[i].digest, INK_HASH_SIZE);
		free(tail);
	}
	lost_path(f, header.seq, lost_count, path);
	assert_false(file_exists(path));
	free(bytes);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
}

static void a_whole_log_is_taken_to_its_last_record(void **state)
{
	struct fixture *f = *state;

	assert_recovers(f, LINES, 0);
}

static void damage_before_the_durable_size_is_refused_and_nothing_is_changed(void **state)
{
	struct fixture *f = *state;
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
			change_byte(segment, f->places[seq] + FRAME_OFF_HEADER + 20);
			before = file_read(segment, &size);
			/* With an index the record before it is not looked at again, unless it is asked to be. */
			if (has_index)
				assert_err(INK_ERR_DAMAGED, ink_store_reindex(copy, &error));
			else
				assert_err(INK_ERR_DAMAGED,
					   ink_store_open(copy, &f->options, &store, &error));
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
	struct fixture *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;

	assert_int_equal(truncate(f->segment, (off_t)f->places[f->durable_count - 1]), 0);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_err(INK_ERR_DAMAGED, ink_store_reindex(f->path, &error));
}

static void a_log_cut_right_behind_the_durable_size_is_a_crash(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(truncate(f->segment, (off_t)f->places[f->durable_count]), 0);
	assert_recovers(f, DURABLE_LINES, 0);
}

static void damage_behind_the_durable_size_ends_the_log_there(void **state)
{
	struct fixture *f = *state;
	uint8_t *before, *tail;
	size_t size, tail_size;
	char path[PATH_MAX];

	change_byte(f->segment, f->places[f->count - 3] + FRAME_OFF_BODY);
	before = file_read(f->segment, &size);
	assert_recovers(f, LINES - 3, 1);
	/* All of it is kept, byte for byte, what was good behind the damage too. */
	lost_path(f, f->count - 3, 0, path);
	tail = file_read(path, &tail_size);
	assert_true(tail_size >= f->end - f->places[f->count - 3]);
	assert_memory_equal(tail, before + f->places[f->count - 3],
			    f->end - f->places[f->count - 3]);
	free(before);
	free(tail);
}

static void a_seal_further_on_that_says_it_was_synced_makes_it_evidence(void **state)
{
	struct fixture *f = *state;
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
	change_byte(f->segment, place + FRAME_OFF_HEADER + 20);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
}

static void put_behind_the_end(const struct fixture *f, const char *start)
{
	uint8_t *bytes;
	size_t size;

	bytes = file_read(f->segment, &size);
	bytes = realloc(bytes, size + 100);
	memset(bytes + size, 'g', 100);
	memcpy(bytes + size, start, strlen(start));
	file_write(f->segment, bytes, size + 100);
	free(bytes);
}

static void a_torn_frame_behind_an_orderly_end_is_set_aside(void **state)
{
	struct fixture *f = *state;

	trial_close(trial_open(f->path, &f->options));
	put_behind_the_end(f, FRAME_MAGIC);
	assert_recovers(f, LINES, 1);
}

static void bytes_put_behind_an_orderly_end_are_not_repaired(void **state)
{
	struct fixture *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;

	trial_close(trial_open(f->path, &f->options));
	put_behind_the_end(f, "");
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "behind the closing record"));
}

static void zeros_behind_the_end_are_no_loss(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(truncate(f->segment, 1500000), 0);
	assert_recovers(f, LINES, 0);
}

static void a_segment_that_never_got_its_header_is_no_loss(void **state)
{
	struct fixture *f = *state;
	static const uint8_t zeros[4096];
	char next[PATH_MAX];

	scratch_path(f->path, "log/0000000001.seg", next);
	file_write(next, zeros, 0);
	assert_recovers(f, LINES, 0);
	assert_false(file_exists(next));
	trial_abandon(trial_open(f->path, &f->options));
	file_write(next, zeros, sizeof(zeros));
	assert_recovers(f, LINES, 0);
	assert_false(file_exists(next));
}

static void a_segment_begun_without_a_record_is_begun_again(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	static const uint8_t data[700000];
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	char next[PATH_MAX];
	off_t end;

	scratch_path(f->path, "log/0000000001.seg", next);
	segment_header_encode(1, log_next_seq(store->log), store->store_id,
			      catalog_head(store->catalog)->last_leaf, bytes);
	end = place_offset(catalog_head(store->catalog)->end_place);
	trial_abandon(store);
	assert_int_equal(truncate(f->segment, end), 0);
	file_write(next, bytes, sizeof(bytes));
	assert_recovers(f, LINES, 0);
	assert_false(file_exists(next));
	/* And the place is free for the real one. */
	store = trial_open(f->path, &f->options);
	for (unsigned i = 0; i < 3; i++)
		trial_append(store, f->model.files[0].inode, data, sizeof(data));
	trial_close(store);
	assert_true(file_exists(next));
	assert_verifies(f->path, true);
}

static void a_segment_behind_that_does_not_follow_is_set_aside_whole(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[300];
	char next[PATH_MAX];

	memset(bytes, 'n', sizeof(bytes));
	scratch_path(f->path, "log/0000000001.seg", next);
	file_write(next, bytes, sizeof(bytes));
	assert_recovers(f, LINES, 1);
	assert_false(file_exists(next));
}

static void a_tail_set_aside_before_its_record_was_written_is_recorded_by_the_next_opening(
	void **state)
{
	struct fixture *f = *state;
	char tail[PATH_MAX];

	lost_path(f, f->count, 0, tail);
	file_write(tail, "what was cut before", 19);
	assert_recovers(f, LINES, 1);
}

static void a_tail_of_an_earlier_crash_is_never_written_over(void **state)
{
	struct fixture *f = *state;
	char tail[PATH_MAX], second[PATH_MAX];
	uint8_t *bytes;
	size_t size;

	lost_path(f, f->count - 1, 0, tail);
	lost_path(f, f->count - 1, 1, second);
	file_write(tail, "of an earlier crash", 19);
	change_byte(f->segment, f->places[f->count - 1] + FRAME_OFF_BODY);
	/* One RECOVERY tells of both. */
	assert_recovers(f, LINES - 1, 2);
	bytes = file_read(tail, &size);
	assert_int_equal(size, 19);
	assert_memory_equal(bytes, "of an earlier crash", 19);
	free(bytes);
	assert_true(file_exists(second));
}

/* Cut off after the last segment of several was removed: the copy that has it all must stay. */
static void a_recovery_cut_off_half_way_keeps_what_it_had_kept(void **state)
{
	struct fixture *f = *state;
	char tail[PATH_MAX], next[PATH_MAX];
	uint8_t *all, garbage[200];
	size_t size, from = f->places[f->count - 1], size_after;

	change_byte(f->segment, from + FRAME_OFF_BODY);
	memset(garbage, 'q', sizeof(garbage));
	all = file_read(f->segment, &size);
	all = realloc(all, size + sizeof(garbage));
	memcpy(all + size, garbage, sizeof(garbage));
	lost_path(f, f->count - 1, 0, tail);
	file_write(tail, all + from,
		   size - from + sizeof(garbage)); /* the copy of segments 0 and 1 */
	scratch_path(f->path, "log/0000000001.seg", next);
	assert_false(file_exists(next)); /* removed already */
	free(all);
	assert_recovers(f, LINES - 1, 1);
	size_after = file_size(tail);
	assert_int_equal(size_after, size - from + sizeof(garbage));
}

/* The records may have been in memory only when the driver died; the index must not be ahead of the disk. */
static void the_log_is_synced_from_the_last_commit_on_before_anything_else(void **state)
{
	struct fixture *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;
	struct fault_io fault;

	fault_io_init(&fault);
	fault_io_arm(&fault, 1, 1 << FAULT_FDATASYNC, false, EIO);
	assert_err(INK_ERR_IO, store_open_on(&fault.io, f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "0000000000.seg"));
	/* The same bytes once more (recover_sync.c), and nothing else. */
	assert_int_equal(fault.calls[FAULT_PWRITEV], 1);
	assert_recovers(f, LINES, 0);
}

/* The opening's @at-th open() answers with an error, nothing else does.  INK_OK: it opened, and was closed again. */
static enum ink_err open_without(struct fixture *f, unsigned at, int errno_code,
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

static void copy_fixture(const struct fixture *f, struct fixture *ret_copy)
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
		struct fixture copy;

		copy_fixture(*state, &copy);
		if (open_without(&copy, at, EPERM, &error, &has_fired) != INK_OK &&
		    strstr(error.text, "/log/0000000000.seg: ") && strstr(error.text, "chattr"))
			told++;
		if (!is_intact(copy.path))
			fail_msg("open %u: not intact", at);
		assert_recovers(&copy, LINES, 0);
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
		struct fixture copy;
		char next[PATH_MAX];
		bool has_fired;

		copy_fixture(*state, &copy);
		assert_int_equal(truncate(copy.segment, (off_t)copy.end), 0);
		scratch_path(copy.path, "log/0000000001.seg", next);
		file_write(next, "", 0);
		assert_int_not_equal(open_without(&copy, at, EMFILE, &error, &has_fired), INK_OK);
		assert_true(has_fired && error.text[0] != '\0');
		assert_recovers(&copy, LINES, 0);
		tree_remove(copy.path);
	}
}

static void reading_only_and_reindexing_change_no_byte_of_a_torn_log(void **state)
{
	struct fixture *f = *state;
	struct ink_options read_only = { .is_read_only = true };
	struct ink_store *store;
	struct ink_error error;
	struct ink_attr attr;
	uint8_t *before, *after;
	size_t size, size_after;
	char tail[PATH_MAX];

	change_byte(f->segment, f->places[f->count - 2] + FRAME_OFF_BODY);
	before = file_read(f->segment, &size);
	store = trial_open(f->path, &read_only);
	assert_ok(ink_lookup(store, 1, "a", &attr));
	assert_int_equal(attr.size, (LINES - 2) * LINE_SIZE);
	trial_close(store);
	/* It is made as far as the log is whole, and that is said. */
	assert_err(INK_ERR_DAMAGED, ink_store_reindex(f->path, &error));
	assert_non_null(strstr(error.text, "the index is made anew for the"));
	after = file_read(f->segment, &size_after);
	assert_true(size == size_after && memcmp(before, after, size) == 0);
	lost_path(f, f->count - 2, 0, tail);
	assert_false(file_exists(tail));
	free(before);
	free(after);
	assert_recovers(f, LINES - 2, 1);
}

/* An older driver must not cut off what a newer one wrote. */
static void a_segment_of_a_later_version_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;
	uint8_t bytes[4096] = SEGMENT_MAGIC "\0\0\0\2 whatever";
	char next[PATH_MAX], lost[PATH_MAX];
	off_t end;

	store = trial_open(f->path, &f->options);
	end = place_offset(catalog_head(store->catalog)->end_place);
	trial_abandon(store);
	assert_int_equal(truncate(f->segment, end), 0);
	scratch_path(f->path, "log/0000000001.seg", next);
	file_write(next, bytes, sizeof(bytes));
	assert_err(INK_ERR_FOREIGN, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "newer inkfs"));
	assert_int_equal(file_size(next), sizeof(bytes));
	assert_int_equal(file_size(f->segment), end);
	lost_path(f, count_records(f->path, 0), 0, lost);
	assert_false(file_exists(lost));
}

/* The last record is a seal with another signature, everything else about it made right again. */
static void a_seal_that_no_key_of_the_store_signed_is_not_taken(void **state)
{
	struct fixture *f = *state;
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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_log_is_taken_to_its_last_record),
		T(damage_before_the_durable_size_is_refused_and_nothing_is_changed),
		T(a_log_that_ends_before_the_durable_size_is_refused),
		T(a_log_cut_right_behind_the_durable_size_is_a_crash),
		T(damage_behind_the_durable_size_ends_the_log_there),
		T(a_seal_further_on_that_says_it_was_synced_makes_it_evidence),
		T(a_torn_frame_behind_an_orderly_end_is_set_aside),
		T(bytes_put_behind_an_orderly_end_are_not_repaired),
		T(zeros_behind_the_end_are_no_loss),
		T(a_segment_that_never_got_its_header_is_no_loss),
		T(a_segment_begun_without_a_record_is_begun_again),
		T(a_segment_behind_that_does_not_follow_is_set_aside_whole),
		T(a_tail_set_aside_before_its_record_was_written_is_recorded_by_the_next_opening),
		T(a_tail_of_an_earlier_crash_is_never_written_over),
		T(a_recovery_cut_off_half_way_keeps_what_it_had_kept),
		T(the_log_is_synced_from_the_last_commit_on_before_anything_else),
		T(a_segment_that_must_not_be_written_is_not_gone_on_behind),
		T(what_cannot_be_opened_is_not_taken_for_absent),
		T(reading_only_and_reindexing_change_no_byte_of_a_torn_log),
		T(a_segment_of_a_later_version_is_left_alone),
		T(a_seal_that_no_key_of_the_store_signed_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
