/* SPDX-License-Identifier: MIT */
/* Verification of what is not spoiled: good stores, crashed ones, busy ones, other people's. */
#include "inkfs/verify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "format.h"
#include "sample.h"
#include "scratch.h"

static char dir[PATH_MAX], store[PATH_MAX], file[PATH_MAX];
static char vkey[INK_VKEY_SIZE];

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	scratch_path(store, SAMPLE_SEGMENT, file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void expect_whole(const char *what, uint64_t sessions)
{
	struct verdict verdict;

	verdict_of(store, vkey, &verdict);
	if (!verdict_is_whole(&verdict))
		fail_msg("%s: %s", what, verdict.first);
	assert_int_equal(verdict.result.session_count, sessions);
	assert_int_equal(verdict.result.unsealed_count, 0);
	assert_int_equal(verdict.result.unclean_count, 0);
	assert_int_equal(verdict.result.trust, INK_TRUST_PINNED_KEY);
	if (sessions > 0) {
		assert_int_equal(verdict.result.observation_count, 0);
		assert_int_equal(verdict.result.index_count, verdict.result.record_count);
	}
}

static void good_stores_are_whole(void **state)
{
	(void)state;
	sample_init(store, vkey);
	expect_whole("a new store", 0);
	assert_ok(ink_store_close(sample_open(store), INK_UNMOUNT_ASKED));
	expect_whole("a session without a write", 1);
	for (uint64_t i = 2; i < 6; i++) {
		sample_session(store);
		expect_whole("sessions", i);
	}
	tree_remove(store);
	sample_segments(store, vkey);
	expect_whole("several segments", 1);
	sample_session(store);
	expect_whole("several segments", 2);
}

static void the_result_counts_what_is_there(void **state)
{
	struct verdict verdict;
	uint8_t zero[INK_HASH_SIZE] = { 0 };

	(void)state;
	tree_remove(store);
	sample_small(store, vkey);
	verdict_of(store, NULL, &verdict);
	assert_string_equal(verdict.result.vkey, vkey);
	assert_int_equal(verdict.result.payload_bytes, 2 * (3 * 9 + 10 + 5));
	assert_int_equal(verdict.result.file_count, 1 + 2 * 4);
	assert_int_equal(verdict.result.refusal_count, 2);
	assert_true(verdict.result.seal_count >= 4);
	assert_true(verdict.result.first_wall_ns <= verdict.result.last_wall_ns);
	assert_memory_not_equal(verdict.result.root, zero, sizeof(zero));
	assert_false(verdict.result.is_live);
}

static void a_killed_writer_leaves_no_evidence(void **state)
{
	struct verdict verdict;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		int status;
		pid_t child;

		tree_remove(store);
		sample_small(store, vkey);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct ink_store *s = sample_open(store);

			for (unsigned i = 0; i < round * 20; i++)
				(void)!ink_append(s, &(struct ink_caller){ 0 }, 3, INK_AT_END,
						  "x\n", 2, i % 7 == 3);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		verdict_of(store, vkey, &verdict);
		if (verdict.err != INK_OK || !verdict.result.is_intact)
			fail_msg("killed: %s", verdict.first);
		assert_false(verdict.result.is_closed);
		assert_int_equal(verdict.result.unclean_count, 1);
		sample_session(store);
		verdict_of(store, vkey, &verdict);
		assert_true(verdict_is_whole(&verdict));
		assert_int_equal(verdict.notes[INK_FIND_RECOVERY], 1);
	}
}

/* A copy of the store as it was while a session was open, its synced part left alone, the rest torn. */
static void a_torn_end_is_no_evidence(void **state)
{
	struct ink_store *s;
	struct verdict verdict;
	char copy[PATH_MAX], torn[PATH_MAX];
	static size_t at[SAMPLE_FRAMES_MAX + 1];
	size_t size, synced, count, before;
	uint8_t *data;

	(void)state;
	tree_remove(store);
	sample_small(store, vkey);
	s = sample_open(store);
	assert_ok(ink_append(s, &(struct ink_caller){ 0 }, 3, INK_AT_END, "synced\n", 7, true));
	data = file_read(file, &size);
	synced = sample_frames(data, size, at);
	free(data);
	for (unsigned i = 0; i < 5; i++)
		assert_ok(ink_append(s, &(struct ink_caller){ 0 }, 3, INK_AT_END, "not yet\n", 8,
				     false));
	scratch_path(dir, "torn", copy);
	tree_copy(store, copy);
	assert_ok(ink_store_close(s, INK_UNMOUNT_ASKED));
	scratch_path(copy, SAMPLE_SEGMENT, torn);
	data = file_read(torn, &size);
	count = sample_frames(data, size, at);
	before = at[synced];
	assert_true(count > synced);
	for (size_t pos = before; pos < at[count]; pos += stride()) {
		uint8_t keep = data[pos];

		data[pos] = 0;
		file_write(torn, data, size);
		verdict_of(copy, vkey, &verdict);
		if (verdict.err != INK_OK || !verdict.result.is_intact)
			fail_msg("byte %zu lost: %s", pos - before, verdict.first);
		assert_int_equal(verdict.notes[INK_FIND_TORN_TAIL], keep != 0);
		assert_true(verdict.result.record_count >= synced);
		data[pos] = keep;
	}
	for (size_t end = before; end < at[count]; end += 5 * stride()) {
		file_write(torn, data, end);
		verdict_of(copy, vkey, &verdict);
		assert_true(verdict.err == INK_OK && verdict.result.is_intact);
		assert_false(verdict.result.is_closed);
	}
	free(data);
	tree_remove(copy);
}

/* The first writes of a session, torn, behind an orderly end. */
static void a_crash_while_opening_is_no_evidence(void **state)
{
	char copy[PATH_MAX], torn[PATH_MAX];
	struct verdict verdict;
	size_t size, more_size;
	uint8_t *more;

	(void)state;
	tree_remove(store);
	sample_small(store, vkey);
	size = file_size(file);
	scratch_path(dir, "before", copy);
	tree_copy(store, copy);
	scratch_path(copy, SAMPLE_SEGMENT, torn);
	assert_ok(ink_store_close(sample_open(store), INK_UNMOUNT_ASKED));
	more = file_read(file, &more_size);
	assert_true(more_size > size + 376);
	for (size_t left = 0; left < 376; left += stride()) {
		size_t written = 375 - left;

		memset(more + size + written, 0, more_size - size - written);
		file_write(torn, more, size + 376 + written % 3 * 100);
		verdict_of(copy, vkey, &verdict);
		if (verdict.err != INK_OK || !verdict.result.is_intact)
			fail_msg("%zu bytes of a first write: %s", written, verdict.first);
		assert_false(verdict.result.is_closed);
		if (written < 360) /* the last bytes may be zero anyway */
			assert_int_equal(verdict.notes[INK_FIND_TORN_TAIL], 1);
	}
	free(more);
	tree_remove(copy);
}

static void *write_on(void *arg)
{
	struct ink_store *s = arg;

	for (unsigned i = 0; i < rounds(6000); i++)
		if (ink_append(s, &(struct ink_caller){ 0 }, 3, INK_AT_END, "while it is read\n",
			       17, i % 50 == 0) != INK_OK)
			break;
	return NULL;
}

static void a_store_that_is_written_to_is_a_good_prefix(void **state)
{
	struct ink_store *s;
	pthread_t writer;

	(void)state;
	tree_remove(store);
	sample_small(store, vkey);
	s = sample_open(store);
	assert_int_equal(pthread_create(&writer, NULL, write_on, s), 0);
	for (unsigned i = 0; i < 25; i++) {
		struct verdict verdict;

		verdict_of(store, vkey, &verdict);
		if (verdict.err != INK_OK || !verdict.result.is_intact)
			fail_msg("while it is written: %s %s", verdict.first, verdict.error.text);
		assert_true(verdict.result.is_live);
		assert_false(verdict.result.is_closed);
		assert_int_equal(verdict.notes[INK_FIND_TORN_TAIL], 0);
		assert_int_equal(verdict.result.unclean_count, 0);
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_ok(ink_store_close(s, INK_UNMOUNT_ASKED));
	expect_whole("afterwards", 3);
}

static void verifying_writes_nothing(void **state)
{
	static const char *const names[] = { SAMPLE_SEGMENT, "index/data.mdb", "vkey", "lock",
					     "log",          "index",          "keys", "" };
	struct stat before[COUNT_OF(names)], after;
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		scratch_path(store, names[i], path);
		assert_int_equal(stat(path, &before[i]), 0);
	}
	expect_whole("once more", 3);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		scratch_path(store, names[i], path);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(after.st_mtim.tv_nsec, before[i].st_mtim.tv_nsec);
		assert_int_equal(after.st_ctim.tv_nsec, before[i].st_ctim.tv_nsec);
		assert_int_equal(after.st_size, before[i].st_size);
	}
}

struct progress {
	uint64_t last, total;
	unsigned calls;
};

static void on_progress(void *ctx, uint64_t done, uint64_t total, uint64_t record_count)
{
	struct progress *progress = ctx;

	(void)record_count;
	assert_true(done >= progress->last && done <= total);
	*progress = (struct progress){ done, total, progress->calls + 1 };
}

static void progress_grows_up_to_the_size_of_the_log(void **state)
{
	struct progress progress = { 0 };
	struct ink_verify_options options = { .on_progress = on_progress, .ctx = &progress };
	struct ink_verify_result result;
	struct ink_error error;

	(void)state;
	tree_remove(store);
	sample_segments(store, vkey);
	assert_ok(ink_verify(store, &options, &result, &error));
	assert_true(result.is_intact);
	assert_true(progress.calls > 0);
	assert_true(progress.total >= result.payload_bytes);
}

static void every_finding_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = INK_FIND_FOREIGN_FILE; a <= INK_FIND_CHECKPOINT_WEAK; a++) {
		assert_non_null(ink_finding_name((enum ink_finding_code)a));
		for (int b = INK_FIND_FOREIGN_FILE; b < a; b++)
			assert_string_not_equal(ink_finding_name((enum ink_finding_code)a),
						ink_finding_name((enum ink_finding_code)b));
	}
	assert_null(ink_finding_name((enum ink_finding_code)0));
	assert_null(ink_finding_name((enum ink_finding_code)(INK_FIND_CHECKPOINT_WEAK + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_stores_are_whole),
		cmocka_unit_test(the_result_counts_what_is_there),
		cmocka_unit_test(a_killed_writer_leaves_no_evidence),
		cmocka_unit_test(a_torn_end_is_no_evidence),
		cmocka_unit_test(a_crash_while_opening_is_no_evidence),
		cmocka_unit_test(a_store_that_is_written_to_is_a_good_prefix),
		cmocka_unit_test(verifying_writes_nothing),
		cmocka_unit_test(progress_grows_up_to_the_size_of_the_log),
		cmocka_unit_test(every_finding_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
