/* SPDX-License-Identifier: MIT */
/* What recovery set aside is bound by its RECOVERY record: nothing in lost/ can be changed, added or passed off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "format.h"
#include "sample.h"
#include "scratch.h"
#include "trial.h"

enum { KEPT_SIZE = 300 };

static char dir[PATH_MAX], store[PATH_MAX], lost[PATH_MAX], file[PATH_MAX], name[64];
static uint64_t recovery_seq;

/* A driver that died and whose last record lost its end; recovered, written on, closed in order. */
static int setup(void **state)
{
	const struct ink_options options = trial_quiet();
	char segment[PATH_MAX];
	struct ink_status status;
	struct ink_header header;
	struct ink_store *s;
	union ink_body body;
	uint64_t inode, place;
	uint8_t *bytes;

	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", store);
	trial_make(store, 0);
	s = trial_open(store, &options);
	inode = trial_create(s, "a");
	trial_append(s, inode, "kept\n", 5);
	assert_ok(ink_sync(s));
	trial_append(s, inode, "torn\n", 5);
	ink_status(s, &status);
	assert_ok(ink_place(s, status.record_count - 1, &place));
	trial_abandon(s);
	scratch_path(store, SAMPLE_SEGMENT, segment);
	assert_int_equal(truncate(segment, (off_t)place_offset(place) + 100), 0);
	s = trial_open(store, &options);
	trial_append(s, inode, "later\n", 6);
	trial_close(s);
	assert_true(last_record(store, INK_RECOVERY, &header, &body, &bytes));
	assert_int_equal(body.recovery.lost_count, 1);
	assert_int_equal(body.recovery.lost[0].size, 100);
	free(bytes);
	recovery_seq = header.seq;
	ink_lost_name(recovery_seq, 0, name);
	scratch_path(store, "lost", lost);
	scratch_path(lost, name, file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void assert_whole(void)
{
	struct verdict verdict;

	verdict_of(store, NULL, &verdict);
	if (verdict.err != INK_OK || !verdict.result.is_intact || !verdict.result.is_closed)
		fail_msg("%s", verdict.first);
}

static void assert_evidence(enum ink_finding_code code, const char *what)
{
	struct verdict verdict;

	verdict_of(store, NULL, &verdict);
	if (verdict.err != INK_OK || verdict.evidence[code] != 1 || verdict.result.is_intact)
		fail_msg("%s: %u findings, the first is %s", what, verdict.evidence[code],
			 verdict.first);
	assert_int_equal(verdict.result.evidence_count, 1);
}

static void assert_noted(enum ink_finding_code code)
{
	struct verdict verdict;

	verdict_of(store, NULL, &verdict);
	assert_int_equal(verdict.err, INK_OK);
	assert_int_equal(verdict.notes[code], 1);
	assert_true(verdict.result.is_intact);
}

static void every_changed_byte_of_a_tail_is_evidence(void **state)
{
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_whole();
	bytes = file_read(file, &size);
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= (uint8_t)(1 << at % 8);
		file_write(file, bytes, size);
		assert_evidence(INK_FIND_LOST_FILE, "a changed byte");
		bytes[at] ^= (uint8_t)(1 << at % 8);
	}
	file_write(file, bytes, size);
	free(bytes);
	assert_whole();
}

static void a_tail_cut_or_lengthened_is_evidence(void **state)
{
	uint8_t bytes[KEPT_SIZE], *kept;
	size_t size;

	(void)state;
	kept = file_read(file, &size);
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, kept, size);
	free(kept);
	for (size_t end = 0; end < sizeof(bytes); end += 7) {
		file_write(file, bytes, end);
		if (end != size)
			assert_evidence(INK_FIND_LOST_FILE, "another size");
	}
}

static void a_tail_that_is_gone_is_an_observation(void **state)
{
	(void)state;
	assert_int_equal(unlink(file), 0);
	assert_noted(INK_FIND_LOST_MISSING);
	assert_int_equal(rmdir(lost), 0);
	assert_noted(INK_FIND_LOST_MISSING);
}

static void what_is_no_file_in_the_place_of_a_tail_is_evidence(void **state)
{
	char aside[PATH_MAX];
	struct verdict verdict;

	(void)state;
	scratch_path(dir, "aside", aside);
	assert_int_equal(rename(file, aside), 0);
	for (unsigned i = 0; i < 3; i++) {
		if (i == 0)
			assert_int_equal(symlink(aside, file), 0);
		else if (i == 1)
			assert_int_equal(mkfifo(file, 0600), 0);
		else
			assert_int_equal(mkdir(file, 0700), 0);
		verdict_of(store, NULL, &verdict);
		assert_int_equal(verdict.err, INK_OK);
		assert_int_equal(verdict.evidence[INK_FIND_LOST_FILE], 1);
		assert_int_equal(verdict.evidence[INK_FIND_FOREIGN_FILE], 1);
		assert_int_equal(remove(file), 0);
	}
}

/* A file put there to be taken for something that a crash had torn off. */
static void a_file_that_no_recovery_names_is_evidence(void **state)
{
	static const char *const foreign[] = { "x", ".tail", "1.tail", "tail.new2" };
	char path[PATH_MAX], other[INK_LOST_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		scratch_path(lost, foreign[i], path);
		file_write(path, "x", 1);
		assert_evidence(INK_FIND_FOREIGN_FILE, foreign[i]);
		assert_int_equal(unlink(path), 0);
	}
	for (uint64_t seq = 0; seq <= recovery_seq; seq++) {
		ink_lost_name(seq, seq == recovery_seq ? 1 : 0, other);
		scratch_path(lost, other, path);
		file_write(path, "x", 1);
		assert_evidence(INK_FIND_FOREIGN_FILE, other);
		assert_int_equal(unlink(path), 0);
	}
}

static void the_tails_of_two_crashes_cannot_change_places(void **state)
{
	char path[PATH_MAX], second[INK_LOST_NAME_SIZE];

	(void)state;
	ink_lost_name(recovery_seq - 1, 0, second);
	scratch_path(lost, second, path);
	assert_int_equal(rename(file, path), 0);
	assert_evidence(INK_FIND_FOREIGN_FILE, "moved to another record");
}

static void what_an_opening_that_was_cut_off_left_is_an_observation(void **state)
{
	char path[PATH_MAX], later[INK_LOST_NAME_SIZE];

	(void)state;
	scratch_path(lost, "tail.new", path);
	file_write(path, "half a co", 9);
	assert_noted(INK_FIND_LOST_UNNAMED);
	assert_int_equal(unlink(path), 0);
	ink_lost_name(count_records(store, 0), 0, later);
	scratch_path(lost, later, path);
	file_write(path, "torn", 4);
	assert_noted(INK_FIND_LOST_UNNAMED);
	/* And the next opening names it. */
	trial_close(trial_open(store, &(struct ink_options){ .heartbeat_s = 3600 }));
	assert_whole();
	assert_int_equal(count_losses(store), 2);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_changed_byte_of_a_tail_is_evidence),
		T(a_tail_cut_or_lengthened_is_evidence),
		T(a_tail_that_is_gone_is_an_observation),
		T(what_is_no_file_in_the_place_of_a_tail_is_evidence),
		T(a_file_that_no_recovery_names_is_evidence),
		T(the_tails_of_two_crashes_cannot_change_places),
		T(what_an_opening_that_was_cut_off_left_is_an_observation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
