/* SPDX-License-Identifier: MIT */
/* Looking on behind a place where the log is broken: what is taken up again, and what is not. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "frame.h"
#include "sample.h"
#include "scratch.h"
#include "walk.h"

static char dir[PATH_MAX], store[PATH_MAX], log_dir[PATH_MAX], file[PATH_MAX];
static uint8_t *good;
static size_t good_size, count;
static size_t at[SAMPLE_FRAMES_MAX + 1];

static int setup(void **state)
{
	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", store);
	sample_small(store, NULL);
	scratch_path(store, "log", log_dir);
	scratch_path(store, SAMPLE_SEGMENT, file);
	good = sample_read(store, &good_size, at, &count);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(good);
	tree_remove(dir);
	return 0;
}

static void finds_the_next_frame_behind_a_damaged_one(void **state)
{
	struct walk walk;
	enum walk_step step;
	bool is_found;

	(void)state;
	good[at[5] + FRAME_OFF_HEADER + HEADER_OFF_BODY_SIZE] ^= 1;
	file_write(file, good, good_size);
	good[at[5] + FRAME_OFF_HEADER + HEADER_OFF_BODY_SIZE] ^= 1;
	assert_ok(walk_open(&walk, io_system(), log_dir));
	do {
		assert_ok(walk_next(&walk, &step));
	} while (step == WALK_RECORD);
	assert_int_equal(walk.fault, WALK_CHECK);
	assert_ok(walk_resync(&walk, &is_found));
	assert_true(is_found);
	assert_int_equal(walk.next_seq, 6);
	for (size_t n = 6; n < count; n++) {
		assert_ok(walk_next(&walk, &step));
		assert_int_equal(step, WALK_RECORD);
		assert_int_equal(walk.record.header.seq, n);
	}
	walk_close(&walk);
}

/* What looks like a frame behind a broken one is taken up only if the log can have come that far. */
static void only_a_frame_that_can_be_ours_is_taken_up_again(void **state)
{
	static const struct {
		uint64_t seq;
		bool is_found;
	} rows[] = { { 4, false },
		     { 5, true },
		     { 500, true },
		     { 5 + SEGMENT_SIZE_MAX / FRAME_OFF_BODY, true },
		     { 5 + SEGMENT_SIZE_MAX / FRAME_OFF_BODY + 1, false },
		     { UINT64_MAX, false } };
	static const uint8_t nonce[INK_NONCE_SIZE] = { 1 };
	uint8_t *data = calloc(1, at[5] + 4096);

	(void)state;
	assert_non_null(data);
	memcpy(data, good, at[5]);
	data[at[5]] = 'x';
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ink_header header = { .kind = INK_APPEND, .body_size = 1, .inode = 2 };
		struct frame_head head;
		enum walk_step step;
		struct walk walk;
		bool is_found;

		header.seq = rows[i].seq;
		frame_encode(&header, nonce, &head);
		memcpy(data + at[5] + 1024, head.bytes, sizeof(head.bytes));
		file_write(file, data, at[5] + 4096);
		assert_ok(walk_open(&walk, io_system(), log_dir));
		do {
			assert_ok(walk_next(&walk, &step));
		} while (step == WALK_RECORD);
		assert_ok(walk_resync(&walk, &is_found));
		assert_int_equal(is_found, rows[i].is_found);
		if (is_found)
			assert_true(walk.next_seq == rows[i].seq);
		walk_close(&walk);
	}
	free(data);
}

/* Not even as the first record, whose number is none. */
static void a_frame_with_another_check_is_not_taken_up(void **state)
{
	static const uint8_t nonce[INK_NONCE_SIZE] = { 1 };
	const struct ink_header header = { .kind = INK_APPEND, .body_size = 1, .inode = 2 };
	uint8_t *data = calloc(1, at[0] + 4096);
	struct frame_head head;
	enum walk_step step;
	struct walk walk;
	bool is_found;

	(void)state;
	assert_non_null(data);
	memcpy(data, good, at[0]);
	data[at[0]] = 'x';
	for (unsigned has_check = 0; has_check < 2; has_check++) {
		frame_encode(&header, nonce, &head);
		head.bytes[FRAME_OFF_CHECK] ^= !has_check;
		memcpy(data + at[0] + 1024, head.bytes, sizeof(head.bytes));
		file_write(file, data, at[0] + 4096);
		assert_ok(walk_open(&walk, io_system(), log_dir));
		assert_ok(walk_next(&walk, &step));
		assert_int_equal(step, WALK_BAD);
		assert_ok(walk_resync(&walk, &is_found));
		assert_int_equal(is_found, has_check);
		walk_close(&walk);
	}
	free(data);
}

/* What is missing of it lies where it would in memory: the same bytes of the frame before, which was read there. */
static void a_frame_that_the_end_cuts_off_is_not_taken_up(void **state)
{
	enum { PLACE = 1 << 20, CUT = 100 }; /* read anew from there */
	static const uint8_t nonce[INK_NONCE_SIZE] = { 1 };
	struct ink_header header = {
		.kind = INK_APPEND, .body_size = 8, .seq = 5, .inode = 2, .digest = { 9 }
	};
	size_t end = PLACE + frame_size(header.body_size);
	uint8_t *data = calloc(1, end + frame_size(header.body_size));
	struct frame_head head;
	enum walk_step step;
	struct walk walk;
	bool is_found;

	(void)state;
	assert_non_null(data);
	memcpy(data, good, SEGMENT_HEADER_SIZE);
	frame_encode(&header, nonce, &head);
	memcpy(data + PLACE, head.bytes, sizeof(head.bytes));
	data[PLACE] = 'x';
	header.seq++;
	frame_encode(&header, nonce, &head);
	memcpy(data + end, head.bytes, sizeof(head.bytes));
	for (unsigned is_cut = 0; is_cut < 2; is_cut++) {
		file_write(file, data, end + (is_cut ? CUT : frame_size(header.body_size)));
		assert_ok(walk_open(&walk, io_system(), log_dir));
		assert_ok(walk_seek(&walk, place_make(0, PLACE), 5, header.prev));
		assert_ok(walk_next(&walk, &step));
		assert_int_equal(step, WALK_BAD);
		assert_ok(walk_resync(&walk, &is_found));
		assert_int_equal(is_found, !is_cut);
		walk_close(&walk);
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_next_frame_behind_a_damaged_one),
		cmocka_unit_test(only_a_frame_that_can_be_ours_is_taken_up_again),
		cmocka_unit_test(a_frame_with_another_check_is_not_taken_up),
		cmocka_unit_test(a_frame_that_the_end_cuts_off_is_not_taken_up),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
