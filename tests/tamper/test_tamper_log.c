/* SPDX-License-Identifier: MIT */
/* Spoiled logs: whatever is done to the segments without the keys, verification sees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "sample.h"
#include "scratch.h"

static char dir[PATH_MAX], store[PATH_MAX], big[PATH_MAX], copy[PATH_MAX], file[PATH_MAX];
static char vkey[INK_VKEY_SIZE];
static uint8_t *good;
static size_t good_size;
static size_t at[SAMPLE_FRAMES_MAX + 1];
static size_t count;

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	scratch_path(dir, "big", big);
	scratch_path(dir, "copy", copy);
	sample_small(store, vkey);
	sample_segments(big, NULL);
	good = sample_read(store, &good_size, at, &count);
	scratch_path(copy, SAMPLE_SEGMENT, file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(good);
	tree_remove(dir);
	return 0;
}

static void fresh_copy(const char *from)
{
	tree_remove(copy);
	tree_copy(from, copy);
}

static void remove_index(void)
{
	char path[PATH_MAX];

	scratch_path(copy, "index", path);
	tree_remove(path);
}

static void expect_evidence(const char *what)
{
	if (!sample_has_evidence(copy))
		fail_msg("%s: not found", what);
}

/* At least: not called whole. */
static void expect_seen(const char *what)
{
	struct verdict verdict;

	verdict_of(copy, NULL, &verdict);
	if (verdict_is_whole(&verdict))
		fail_msg("%s: not seen", what);
}

static void the_samples_are_whole(void **state)
{
	struct verdict verdict;

	(void)state;
	verdict_of(store, vkey, &verdict);
	assert_true(verdict_is_whole(&verdict));
	assert_int_equal(verdict.result.record_count, count);
	verdict_of(big, NULL, &verdict);
	assert_true(verdict_is_whole(&verdict));
}

static void every_flipped_byte_of_a_segment_is_found(void **state)
{
	char what[64];

	(void)state;
	fresh_copy(store);
	for (size_t pos = 0; pos < good_size; pos += stride()) {
		good[pos] ^= (uint8_t)(1 << pos % 8);
		file_write(file, good, good_size);
		good[pos] ^= (uint8_t)(1 << pos % 8);
		snprintf(what, sizeof(what), "byte %zu flipped", pos);
		expect_evidence(what);
	}
}

static void every_flipped_byte_is_seen_without_the_index(void **state)
{
	char what[64];

	(void)state;
	fresh_copy(store);
	remove_index();
	for (size_t pos = 0; pos < good_size; pos += 3 * stride()) {
		good[pos] ^= (uint8_t)(0x80 >> pos % 8);
		file_write(file, good, good_size);
		good[pos] ^= (uint8_t)(0x80 >> pos % 8);
		snprintf(what, sizeof(what), "byte %zu flipped, no index", pos);
		expect_seen(what);
	}
}

static void every_cut_is_found(void **state)
{
	char what[64];

	(void)state;
	fresh_copy(store);
	for (size_t i = 0; i < count; i++) {
		file_write(file, good, at[i]);
		snprintf(what, sizeof(what), "cut before record %zu", i);
		expect_evidence(what);
		file_write(file, good, (at[i] + at[i + 1]) / 2);
		expect_evidence(what);
	}
}

static void every_cut_is_seen_without_index_and_keys(void **state)
{
	char path[PATH_MAX], what[64];

	(void)state;
	fresh_copy(store);
	remove_index();
	scratch_path(copy, "keys", path);
	tree_remove(path);
	for (size_t i = 2; i < count; i++) {
		/* A cut right behind a closing record is the state that was. */
		if (good[at[i - 1] + FRAME_OFF_HEADER + HEADER_OFF_KIND] == INK_EPOCH &&
		    good[at[i - 2] + FRAME_OFF_HEADER + HEADER_OFF_KIND] == INK_UNMOUNT)
			continue;
		file_write(file, good, at[i]);
		snprintf(what, sizeof(what), "cut before record %zu", i);
		expect_seen(what);
	}
}

static void appended_bytes_are_found(void **state)
{
	uint8_t *data = malloc(good_size + 4096);

	(void)state;
	fresh_copy(store);
	memcpy(data, good, good_size);
	memset(data + good_size, 'x', 4096);
	file_write(file, data, good_size + 1);
	expect_evidence("one byte behind the end");
	file_write(file, data, good_size + 4096);
	expect_evidence("a page behind the end");
	memcpy(data + good_size, good + at[count - 1], at[count] - at[count - 1]);
	file_write(file, data, good_size + at[count] - at[count - 1]);
	expect_evidence("the last record once more");
	memset(data + good_size, 0, 4096);
	file_write(file, data, good_size + 4096);
	expect_seen("zeros behind the end");
	free(data);
}

static void bytes_between_frames_are_found(void **state)
{
	uint8_t *data = malloc(good_size + 64);

	(void)state;
	fresh_copy(store);
	for (size_t i = 0; i <= count; i += 5) {
		memcpy(data, good, at[i]);
		memset(data + at[i], 'y', 64);
		memcpy(data + at[i] + 64, good + at[i], good_size - at[i]);
		file_write(file, data, good_size + 64);
		expect_evidence("bytes between frames");
	}
	free(data);
}

/* With the chain made anew behind the edit: only signatures stand against it. */
static void rehashed(uint8_t *data, size_t size, const char *what)
{
	sample_rehash(data, size);
	file_write(file, data, size);
	remove_index();
	expect_evidence(what);
}

static void a_removed_record_is_found_though_the_chain_was_made_anew(void **state)
{
	uint8_t *data = malloc(good_size);

	(void)state;
	fresh_copy(store);
	for (size_t i = 1; i + 3 < count; i++) {
		size_t size = good_size;

		memcpy(data, good, good_size);
		sample_cut(data, &size, at[i], at[i + 1]);
		rehashed(data, size, "a record removed");
	}
	free(data);
}

static void an_edited_record_is_found_though_the_chain_was_made_anew(void **state)
{
	uint8_t *data = malloc(good_size);
	size_t line = sample_find(good, at, count, INK_APPEND, 0);

	(void)state;
	fresh_copy(store);
	memcpy(data, good, good_size);
	data[at[line] + FRAME_OFF_BODY] ^= 1;
	rehashed(data, good_size, "a body edited");
	memcpy(data, good, good_size);
	data[at[line] + FRAME_OFF_HEADER + HEADER_OFF_WALL + 7] ^= 1;
	rehashed(data, good_size, "a time edited");
	memcpy(data, good, good_size);
	data[at[line] + FRAME_OFF_HEADER + HEADER_OFF_UID + 3] ^= 1;
	rehashed(data, good_size, "a user edited");
	free(data);
}

static void records_put_in_another_order_are_found(void **state)
{
	uint8_t *data = malloc(good_size);

	(void)state;
	fresh_copy(store);
	for (size_t i = 1; i + 2 < count; i++) {
		size_t first = at[i + 1] - at[i], second = at[i + 2] - at[i + 1];

		memcpy(data, good, good_size);
		memcpy(data + at[i], good + at[i + 1], second);
		memcpy(data + at[i] + second, good + at[i], first);
		file_write(file, data, good_size);
		expect_evidence("two records swapped");
		if (i + 4 < count)
			rehashed(data, good_size, "two records swapped, chain made anew");
	}
	free(data);
}

static void a_damaged_line_is_named_with_path_and_place(void **state)
{
	size_t line = sample_find(good, at, count, INK_APPEND, 0);
	struct verdict verdict;

	(void)state;
	line = sample_find(good, at, count, INK_APPEND, line + 1);
	fresh_copy(store);
	good[at[line] + FRAME_OFF_BODY + 2] ^= 4;
	file_write(file, good, good_size);
	good[at[line] + FRAME_OFF_BODY + 2] ^= 4;
	verdict_of(copy, NULL, &verdict);
	assert_int_equal(verdict.result.evidence_count, 1);
	assert_int_equal(verdict.evidence[INK_FIND_DIGEST], 1);
	assert_string_equal(verdict.path, "/dir1/a.log");
	assert_int_equal(verdict.offset, 9);
	assert_int_equal(verdict.size, 9);
}

static void one_damaged_header_is_one_finding(void **state)
{
	size_t line = sample_find(good, at, count, INK_APPEND, 0);
	struct verdict verdict;

	(void)state;
	fresh_copy(store);
	good[at[line] + FRAME_OFF_HEADER + HEADER_OFF_WALL + 6] ^= 1;
	file_write(file, good, good_size);
	good[at[line] + FRAME_OFF_HEADER + HEADER_OFF_WALL + 6] ^= 1;
	verdict_of(copy, NULL, &verdict);
	assert_int_equal(verdict.result.evidence_count, 1);
	assert_int_equal(verdict.evidence[INK_FIND_FRAME], 1);
	assert_int_equal(verdict.result.record_count, line);
}

static void rename_segment(const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];

	scratch_path(copy, from, a);
	scratch_path(copy, to, b);
	assert_int_equal(rename(a, b), 0);
}

static void copy_file(const char *from, const char *to)
{
	size_t size;
	uint8_t *data = file_read(from, &size);

	file_write(to, data, size);
	free(data);
}

static void missing_doubled_and_swapped_segments_are_found(void **state)
{
	char path[PATH_MAX], other[PATH_MAX], name[64];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned with_index = 0; with_index < 2; with_index++) {
			fresh_copy(big);
			if (!with_index)
				remove_index();
			snprintf(name, sizeof(name), "log/%010u.seg", i);
			scratch_path(copy, name, path);
			assert_int_equal(unlink(path), 0);
			expect_evidence("a segment removed");
		}
	}
	fresh_copy(big);
	rename_segment("log/0000000000.seg", "log/x");
	rename_segment("log/0000000001.seg", "log/0000000000.seg");
	rename_segment("log/x", "log/0000000001.seg");
	expect_evidence("segments swapped");
	for (unsigned i = 0; i < 3; i++) {
		fresh_copy(big);
		snprintf(name, sizeof(name), "log/%010u.seg", i);
		scratch_path(copy, name, path);
		for (unsigned next = 0;; next++) {
			snprintf(name, sizeof(name), "log/%010u.seg", next);
			scratch_path(copy, name, other);
			if (!file_exists(other))
				break;
		}
		copy_file(path, other);
		remove_index();
		expect_evidence("a segment doubled");
	}
}

static void an_emptied_store_is_not_intact(void **state)
{
	struct verdict verdict;
	char path[PATH_MAX];

	(void)state;
	fresh_copy(store);
	file_write(file, "", 0);
	expect_evidence("an empty segment");
	unlink(file);
	expect_evidence("a log without segments");
	scratch_path(copy, "log", path);
	tree_remove(path);
	expect_evidence("no log");
	tree_remove(copy);
	assert_int_equal(mkdir(copy, 0700), 0);
	verdict_of(copy, NULL, &verdict);
	assert_err(INK_ERR_FOREIGN, verdict.err);
	tree_remove(copy);
	verdict_of(copy, NULL, &verdict);
	assert_err(INK_ERR_IO, verdict.err);
}

static void foreign_files_are_found(void **state)
{
	static const char *const names[] = { "x",
					     "log/x",
					     "index/x",
					     "log/1.seg",
					     "log/0000000001.se",
					     "log/000000000a.seg",
					     "log/.hidden",
					     "index/data.mdb.bak",
					     "log/9999999999.seg" };
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		fresh_copy(store);
		scratch_path(copy, names[i], path);
		file_write(path, "x", 1);
		expect_evidence(names[i]);
	}
	fresh_copy(store);
	scratch_path(copy, "lock", path);
	file_write(path, "x", 1);
	expect_evidence("a lock file that is not empty");
}

/* The keys may be anything, a link to a stick for example; they are not read then. */
static void expect_answer(const char *name)
{
	struct verdict verdict;

	if (strncmp(name, "keys/", 5) == 0)
		verdict_of(copy, NULL, &verdict);
	else
		expect_evidence(name);
}

static void what_is_no_file_is_never_waited_for(void **state)
{
	static const char *const names[] = { SAMPLE_SEGMENT, "index/data.mdb", "vkey",
					     "lock",         "keys/seal.key",  "keys/log.key" };
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		fresh_copy(store);
		scratch_path(copy, names[i], path);
		unlink(path);
		assert_int_equal(mkfifo(path, 0600), 0);
		expect_answer(names[i]);
		unlink(path);
		assert_int_equal(symlink("/dev/zero", path), 0);
		expect_answer(names[i]);
		unlink(path);
		assert_int_equal(mkdir(path, 0700), 0);
		expect_answer(names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_samples_are_whole),
		cmocka_unit_test(every_flipped_byte_of_a_segment_is_found),
		cmocka_unit_test(every_flipped_byte_is_seen_without_the_index),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(every_cut_is_seen_without_index_and_keys),
		cmocka_unit_test(appended_bytes_are_found),
		cmocka_unit_test(bytes_between_frames_are_found),
		cmocka_unit_test(a_removed_record_is_found_though_the_chain_was_made_anew),
		cmocka_unit_test(an_edited_record_is_found_though_the_chain_was_made_anew),
		cmocka_unit_test(records_put_in_another_order_are_found),
		cmocka_unit_test(a_damaged_line_is_named_with_path_and_place),
		cmocka_unit_test(one_damaged_header_is_one_finding),
		cmocka_unit_test(missing_doubled_and_swapped_segments_are_found),
		cmocka_unit_test(an_emptied_store_is_not_intact),
		cmocka_unit_test(foreign_files_are_found),
		cmocka_unit_test(what_is_no_file_is_never_waited_for),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
