/* SPDX-License-Identifier: MIT */
/* What lies behind the last whole record when a store is opened: taken for no loss, set aside or left alone. */
#include "recover.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "store_private.h"
#include "torn.h"

static void put_behind_the_end(const struct torn *f, const char *start)
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
	struct torn *f = *state;

	trial_close(trial_open(f->path, &f->options));
	put_behind_the_end(f, FRAME_MAGIC);
	torn_recovers(f, TORN_LINES, 1);
}

static void bytes_put_behind_an_orderly_end_are_not_repaired(void **state)
{
	struct torn *f = *state;
	struct ink_error error = { 0 };
	struct ink_store *store;

	trial_close(trial_open(f->path, &f->options));
	put_behind_the_end(f, "");
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "behind the closing record"));
}

static void zeros_behind_the_end_are_no_loss(void **state)
{
	struct torn *f = *state;

	assert_int_equal(truncate(f->segment, 1500000), 0);
	torn_recovers(f, TORN_LINES, 0);
}

static void a_segment_that_never_got_its_header_is_no_loss(void **state)
{
	struct torn *f = *state;
	static const uint8_t zeros[4096];
	char next[PATH_MAX];

	scratch_path(f->path, "log/0000000001.seg", next);
	file_write(next, zeros, 0);
	torn_recovers(f, TORN_LINES, 0);
	assert_false(file_exists(next));
	trial_abandon(trial_open(f->path, &f->options));
	file_write(next, zeros, sizeof(zeros));
	torn_recovers(f, TORN_LINES, 0);
	assert_false(file_exists(next));
}

static void a_segment_begun_without_a_record_is_begun_again(void **state)
{
	struct torn *f = *state;
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
	torn_recovers(f, TORN_LINES, 0);
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
	struct torn *f = *state;
	uint8_t bytes[300];
	char next[PATH_MAX];

	memset(bytes, 'n', sizeof(bytes));
	scratch_path(f->path, "log/0000000001.seg", next);
	file_write(next, bytes, sizeof(bytes));
	torn_recovers(f, TORN_LINES, 1);
	assert_false(file_exists(next));
}

static void a_tail_set_aside_before_its_record_was_written_is_recorded_by_the_next_opening(
	void **state)
{
	struct torn *f = *state;
	char tail[PATH_MAX];

	torn_lost_path(f, f->count, 0, tail);
	file_write(tail, "what was cut before", 19);
	torn_recovers(f, TORN_LINES, 1);
}

static void a_tail_of_an_earlier_crash_is_never_written_over(void **state)
{
	struct torn *f = *state;
	char tail[PATH_MAX], second[PATH_MAX];
	uint8_t *bytes;
	size_t size;

	torn_lost_path(f, f->count - 1, 0, tail);
	torn_lost_path(f, f->count - 1, 1, second);
	file_write(tail, "of an earlier crash", 19);
	torn_change_byte(f->segment, f->places[f->count - 1] + FRAME_OFF_BODY);
	/* One RECOVERY tells of both. */
	torn_recovers(f, TORN_LINES - 1, 2);
	bytes = file_read(tail, &size);
	assert_int_equal(size, 19);
	assert_memory_equal(bytes, "of an earlier crash", 19);
	free(bytes);
	assert_true(file_exists(second));
}

/* Cut off after the last segment of several was removed: the copy that has it all must stay. */
static void a_recovery_cut_off_half_way_keeps_what_it_had_kept(void **state)
{
	struct torn *f = *state;
	char tail[PATH_MAX], next[PATH_MAX];
	uint8_t *all, garbage[200];
	size_t size, from = f->places[f->count - 1], size_after;

	torn_change_byte(f->segment, from + FRAME_OFF_BODY);
	memset(garbage, 'q', sizeof(garbage));
	all = file_read(f->segment, &size);
	all = realloc(all, size + sizeof(garbage));
	memcpy(all + size, garbage, sizeof(garbage));
	torn_lost_path(f, f->count - 1, 0, tail);
	file_write(tail, all + from,
		   size - from + sizeof(garbage)); /* the copy of segments 0 and 1 */
	scratch_path(f->path, "log/0000000001.seg", next);
	assert_false(file_exists(next)); /* removed already */
	free(all);
	torn_recovers(f, TORN_LINES - 1, 1);
	size_after = file_size(tail);
	assert_int_equal(size_after, size - from + sizeof(garbage));
}

/* An older driver must not cut off what a newer one wrote. */
static void a_segment_of_a_later_version_is_left_alone(void **state)
{
	struct torn *f = *state;
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
	torn_lost_path(f, count_records(f->path, 0), 0, lost);
	assert_false(file_exists(lost));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, torn_setup, torn_teardown)
	const struct CMUnitTest tests[] = {
		T(a_torn_frame_behind_an_orderly_end_is_set_aside),
		T(bytes_put_behind_an_orderly_end_are_not_repaired),
		T(zeros_behind_the_end_are_no_loss),
		T(a_segment_that_never_got_its_header_is_no_loss),
		T(a_segment_begun_without_a_record_is_begun_again),
		T(a_segment_behind_that_does_not_follow_is_set_aside_whole),
		T(a_tail_set_aside_before_its_record_was_written_is_recorded_by_the_next_opening),
		T(a_tail_of_an_earlier_crash_is_never_written_over),
		T(a_recovery_cut_off_half_way_keeps_what_it_had_kept),
		T(a_segment_of_a_later_version_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
