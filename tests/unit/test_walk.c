/* SPDX-License-Identifier: MIT */
/* The walker and the reader: every record of a log in order, and what they say where it is broken. */
#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "hash.h"
#include "sample.h"
#include "scratch.h"

static char dir[PATH_MAX], store[PATH_MAX], big[PATH_MAX], copy[PATH_MAX], log_dir[PATH_MAX],
	file[PATH_MAX];
static uint8_t *good;
static size_t good_size, count;
static size_t at[SAMPLE_FRAMES_MAX + 1];

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	scratch_path(dir, "big", big);
	scratch_path(dir, "copy", copy);
	sample_small(store, NULL);
	sample_segments(big, NULL);
	tree_copy(store, copy);
	scratch_path(copy, "log", log_dir);
	scratch_path(copy, SAMPLE_SEGMENT, file);
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

/* Records up to the first step that is none. */
static uint64_t walk_all(const struct io *io, const char *path, enum walk_step *ret_step,
			 enum walk_fault *ret_fault, uint64_t *ret_place)
{
	struct walk walk;
	uint64_t records = 0;

	assert_ok(walk_open(&walk, io, path));
	assert_ok(walk_next(&walk, ret_step));
	while (*ret_step == WALK_RECORD) {
		assert_int_equal(walk.record.header.seq, records);
		records++;
		assert_ok(walk_next(&walk, ret_step));
	}
	*ret_fault = walk.fault;
	*ret_place = walk.place;
	walk_close(&walk);
	return records;
}

static void yields_every_record_of_several_segments(void **state)
{
	enum walk_fault fault;
	enum walk_step step;
	char path[PATH_MAX];
	uint64_t place;

	(void)state;
	file_write(file, good, good_size);
	assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), count);
	assert_int_equal(step, WALK_END);
	assert_int_equal(place, good_size);
	scratch_path(big, "log", path);
	assert_true(walk_all(io_system(), path, &step, &fault, &place) > 16);
	assert_int_equal(step, WALK_END);
	assert_true(place_segment(place) >= 2);
}

static void says_what_is_wrong_and_where(void **state)
{
	static const struct {
		size_t offset;
		enum walk_fault fault;
	} cases[] = {
		{ 0, WALK_MAGIC },
		{ FRAME_OFF_CHECK, WALK_CHECK },
		{ FRAME_OFF_HEADER + HEADER_OFF_WALL, WALK_CHECK },
		{ FRAME_OFF_NONCE, WALK_DIGEST },
		{ FRAME_OFF_BODY, WALK_DIGEST },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		enum walk_fault fault;
		enum walk_step step;
		uint64_t place;

		for (size_t n = 0; n < count; n++) {
			good[at[n] + cases[i].offset] ^= 0x10;
			file_write(file, good, good_size);
			good[at[n] + cases[i].offset] ^= 0x10;
			assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), n);
			assert_int_equal(step, WALK_BAD);
			assert_int_equal(fault, cases[i].fault);
			assert_int_equal(place, at[n]);
		}
	}
}

static void a_cut_frame_is_told_from_an_end(void **state)
{
	enum walk_fault fault;
	enum walk_step step;
	uint64_t place;

	(void)state;
	for (size_t size = at[count - 1]; size < good_size; size += 8) {
		file_write(file, good, size);
		assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), count - 1);
		assert_int_equal(step, size == at[count - 1] ? WALK_END : WALK_BAD);
		assert_int_equal(fault, size == at[count - 1] ? WALK_SOUND : WALK_SIZE);
	}
}

/* Each field of a later segment's header, with its hash made anew. */
static void a_segment_follows_the_one_before_it_in_everything(void **state)
{
	static const struct {
		size_t offset;
		const char *what;
	} fields[] = {
		{ SEGMENT_OFF_INDEX + 3, "index" },
		{ SEGMENT_OFF_FIRST_SEQ + 7, "first record" },
		{ SEGMENT_OFF_STORE_ID, "store" },
		{ SEGMENT_OFF_PREV, "record before" },
	};
	char path[PATH_MAX], second[PATH_MAX];
	uint8_t *bytes, kept[SEGMENT_HEADER_SIZE];
	size_t size;

	(void)state;
	scratch_path(big, "log", path);
	scratch_path(path, "0000000001.seg", second);
	bytes = file_read(second, &size);
	memcpy(kept, bytes, sizeof(kept));
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		enum walk_fault fault;
		enum walk_step step;
		uint64_t place;

		bytes[fields[i].offset] ^= 1;
		hash_data(bytes, SEGMENT_OFF_HASH, bytes + SEGMENT_OFF_HASH);
		file_write(second, bytes, size);
		walk_all(io_system(), path, &step, &fault, &place);
		if (step != WALK_BAD || fault != WALK_SEGMENT_CHAIN || place_segment(place) != 1)
			fail_msg("another %s: %s", fields[i].what, walk_fault_text(fault));
		memcpy(bytes, kept, sizeof(kept));
	}
	file_write(second, bytes, size);
	free(bytes);
}

/* Where a frame should begin: the beginning of a write is told from what somebody has put there. */
static void a_torn_magic_is_told_from_other_bytes(void **state)
{
	static const struct {
		uint8_t bytes[FRAME_ALIGN];
		enum walk_fault fault;
	} rows[] = {
		{ { 'i' }, WALK_CHECK },
		{ { 'i', 'n', 'k' }, WALK_CHECK },
		{ { 'i', 'n', 'k', 0, 0, 0, 0, 1 }, WALK_MAGIC },
		{ { 'i', 'x' }, WALK_MAGIC },
		{ { 'x' }, WALK_MAGIC },
		{ { 0, 'n' }, WALK_MAGIC },
		{ { 0, 0, 0, 0, 0, 0, 0, 1 }, WALK_MAGIC },
	};
	uint8_t *data = calloc(1, good_size + 4096);

	(void)state;
	assert_non_null(data);
	memcpy(data, good, good_size);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum walk_fault fault;
		enum walk_step step;
		uint64_t place;

		memcpy(data + good_size, rows[i].bytes, FRAME_ALIGN);
		file_write(file, data, good_size + 4096);
		assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), count);
		assert_int_equal(step, WALK_BAD);
		assert_int_equal(fault, rows[i].fault);
	}
	free(data);
}

static void goes_on_at_a_place_with_the_chain_given(void **state)
{
	static const uint8_t other[INK_HASH_SIZE] = { 1 };
	struct walk walk;
	enum walk_step step;
	uint8_t prev[INK_HASH_SIZE];

	(void)state;
	file_write(file, good, good_size);
	assert_ok(walk_open(&walk, io_system(), log_dir));
	for (size_t n = count - 1; n > 0; n--) {
		memcpy(prev, good + at[n] + FRAME_OFF_HEADER + HEADER_OFF_PREV, sizeof(prev));
		assert_ok(walk_seek(&walk, at[n], n, prev));
		assert_ok(walk_next(&walk, &step));
		assert_int_equal(step, WALK_RECORD);
		assert_int_equal(walk.record.header.seq, n);
		assert_ok(walk_seek(&walk, at[n], n, other));
		assert_ok(walk_next(&walk, &step));
		assert_int_equal(step, WALK_BAD);
		assert_int_equal(walk.fault, WALK_PREV);
		assert_ok(walk_seek(&walk, at[n], n + 1, prev));
		assert_ok(walk_next(&walk, &step));
		assert_int_equal(walk.fault, WALK_SEQ);
	}
	assert_err(INK_ERR_DAMAGED, walk_seek(&walk, place_make(7, 128), 0, NULL));
	walk_close(&walk);
}

static void a_log_that_grows_can_be_followed(void **state)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;

	(void)state;
	file_write(file, good, at[1]);
	assert_ok(ink_reader_open(copy, &reader, &error));
	for (size_t n = 0; n < count; n++) {
		assert_ok(ink_reader_next(reader, &record));
		assert_non_null(record);
		assert_int_equal(record->header.seq, n);
		assert_ok(ink_reader_next(reader, &record));
		assert_null(record);
		assert_true(ink_reader_is_at_end(reader));
		/* Half of the next frame is not a record yet. */
		file_write(file, good, n + 1 < count ? (at[n + 1] + at[n + 2]) / 2 : good_size);
		assert_ok(ink_reader_next(reader, &record));
		assert_null(record);
		file_write(file, good, n + 1 < count ? at[n + 2] : good_size);
	}
	ink_reader_close(reader);
}

static void the_reader_seeks_and_gives_erased_bodies(void **state)
{
	size_t n = sample_find(good, at, count, INK_APPEND, 0);
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	uint8_t *data = malloc(good_size);

	(void)state;
	memcpy(data, good, good_size);
	memset(data + at[n] + FRAME_OFF_NONCE, 0, INK_NONCE_SIZE + 9);
	file_write(file, data, good_size);
	free(data);
	assert_ok(ink_reader_open(copy, &reader, &error));
	assert_ok(ink_reader_seek(reader, at[n], n));
	assert_ok(ink_reader_next(reader, &record));
	assert_non_null(record);
	assert_true(record->is_erased);
	assert_ok(ink_reader_next(reader, &record));
	assert_non_null(record);
	assert_false(record->is_erased);
	assert_int_equal(record->header.seq, n + 1);
	ink_reader_close(reader);
}

static void the_reader_marks_a_damaged_body_and_goes_on(void **state)
{
	size_t n = sample_find(good, at, count, INK_APPEND, 0);
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	uint8_t *data = malloc(good_size);

	(void)state;
	memcpy(data, good, good_size);
	data[at[n] + FRAME_OFF_BODY] ^= 1;
	file_write(file, data, good_size);
	free(data);
	for (unsigned skips = 0; skips < 2; skips++) {
		assert_ok(ink_reader_open(copy, &reader, &error));
		if (skips)
			ink_reader_skip_digests(reader);
		for (size_t i = 0; i < count; i++) {
			assert_ok(ink_reader_next(reader, &record));
			assert_non_null(record);
			assert_int_equal(record->is_damaged, i == n && !skips);
			assert_false(record->is_erased);
		}
		assert_ok(ink_reader_next(reader, &record));
		assert_null(record);
		assert_true(ink_reader_is_at_end(reader));
		ink_reader_close(reader);
	}
}

static void what_is_no_segment_is_not_waited_for(void **state)
{
	enum walk_fault fault;
	enum walk_step step;
	uint64_t place;

	(void)state;
	unlink(file);
	assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), 0);
	assert_int_equal(fault, WALK_SEGMENT_NONE);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), 0);
	assert_int_equal(fault, WALK_SEGMENT_TYPE);
	unlink(file);
	assert_int_equal(symlink("/dev/zero", file), 0);
	assert_int_equal(walk_all(io_system(), log_dir, &step, &fault, &place), 0);
	assert_int_equal(fault, WALK_SEGMENT_TYPE);
	unlink(file);
}

static void every_failing_read_is_an_error_and_no_end(void **state)
{
	struct fault_io fault;

	(void)state;
	file_write(file, good, good_size);
	for (unsigned fail_at = 1;; fail_at++) {
		enum walk_step step = WALK_RECORD;
		enum ink_err err;
		struct walk walk;

		fault_io_init(&fault);
		fault_io_arm(&fault, fail_at, FAULT_ALL, true, EIO);
		assert_ok(walk_open(&walk, &fault.io, log_dir));
		do {
			err = walk_next(&walk, &step);
		} while (err == INK_OK && step == WALK_RECORD);
		walk_close(&walk);
		if (!fault_io_fired(&fault))
			break;
		assert_err(INK_ERR_IO, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yields_every_record_of_several_segments),
		cmocka_unit_test(says_what_is_wrong_and_where),
		cmocka_unit_test(a_cut_frame_is_told_from_an_end),
		cmocka_unit_test(a_segment_follows_the_one_before_it_in_everything),
		cmocka_unit_test(a_torn_magic_is_told_from_other_bytes),
		cmocka_unit_test(goes_on_at_a_place_with_the_chain_given),
		cmocka_unit_test(a_log_that_grows_can_be_followed),
		cmocka_unit_test(the_reader_seeks_and_gives_erased_bodies),
		cmocka_unit_test(the_reader_marks_a_damaged_body_and_goes_on),
		cmocka_unit_test(what_is_no_segment_is_not_waited_for),
		cmocka_unit_test(every_failing_read_is_an_error_and_no_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
