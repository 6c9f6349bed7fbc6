/* SPDX-License-Identifier: MIT */
/* Whole sessions, and recoveries of crashes, that begin and end while a store is being verified. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "format.h"
#include "inkfs/verify.h"
#include "scratch.h"
#include "store_place.h"
#include "trial.h"

enum { PIECE_SIZE = 1 << 20, PIECE_COUNT = 12 };

static const struct ink_options options_of_session = { .epoch_s = 3600 };

/* What happens in a callback of the verifier, which is where we can be sure that it is not done yet. */
struct meanwhile {
	void (*happens)(void);
	enum ink_finding_code
		at; /* with the first finding of this code; 0: as soon as there is progress */
	unsigned count_max, count;
	unsigned evidence, told[INK_FIND_CHECKPOINT_WEAK + 1];
	char first[512];
};

static int without_store(void **state)
{
	(void)state;
	tree_remove(store_place);
	return 0;
}

/* --- what happens ---------------------------------------------------------------------------- */

static uint64_t inode_of(struct ink_store *s, const char *name)
{
	struct ink_attr attr;

	if (ink_lookup(s, INK_ROOT_INODE, name, &attr) == INK_OK)
		return attr.inode;
	return trial_create(s, name);
}

static void session(void)
{
	struct ink_store *s = trial_open(store_place, &options_of_session);

	trial_append(s, inode_of(s, "meanwhile.log"), "a line\n", 7);
	trial_close(s);
}

static void killed_session(void)
{
	struct ink_store *s = trial_open(store_place, &options_of_session);

	trial_append(s, inode_of(s, "meanwhile.log"), "a line\n", 7);
	trial_abandon(s);
}

static void sessions(void)
{
	killed_session();
	session();
	session();
}

static struct ink_store *held;

static void session_that_stays(void)
{
	held = trial_open(store_place, &options_of_session);
	trial_append(held, inode_of(held, "meanwhile.log"), "a line\n", 7);
}

/* --- stores ---------------------------------------------------------------------------------- */

static void append_pieces(struct ink_store *s)
{
	static uint8_t piece[PIECE_SIZE];
	uint64_t inode = inode_of(s, "a.log");

	memset(piece, 'p', sizeof(piece));
	for (unsigned i = 0; i < PIECE_COUNT; i++)
		trial_append(s, inode, piece, sizeof(piece));
}

static void make_large(void)
{
	struct ink_store *s;

	trial_make(store_place, 0);
	s = trial_open(store_place, &options_of_session);
	append_pieces(s);
	trial_close(s);
}

/* Of the pieces nothing says that they were synced: there are fewer segments than a commit would be asked for. */
static void make_large_and_crashed(void)
{
	struct ink_options quiet = trial_quiet();
	struct ink_store *s;
	char path[PATH_MAX];

	trial_make(store_place, 2 * SEGMENT_SIZE_MIN);
	s = trial_open(store_place, &quiet);
	append_pieces(s);
	trial_abandon(s);
	scratch_path(store_place, "index", path); /* which may know of more */
	tree_remove(path);
}

static void flip(unsigned segment, size_t at)
{
	char name[64], path[PATH_MAX];
	uint8_t *data;
	size_t size;

	snprintf(name, sizeof(name), "log/%010u.seg", segment);
	scratch_path(store_place, name, path);
	data = file_read(path, &size);
	assert_true(at < size);
	data[at] ^= 1;
	file_write(path, data, size);
	free(data);
}

/* --- verifying ------------------------------------------------------------------------------- */

static void go(struct meanwhile *m)
{
	if (m->count == m->count_max)
		return;
	m->count++;
	m->happens();
}

static void on_finding(void *ctx, const struct ink_finding *finding)
{
	struct meanwhile *m = ctx;

	m->told[finding->code]++;
	if (finding->severity == INK_EVIDENCE && m->evidence++ == 0)
		snprintf(m->first, sizeof(m->first), "%s: %.400s", ink_finding_name(finding->code),
			 finding->text);
	if (finding->code == m->at)
		go(m);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total, uint64_t count)
{
	struct meanwhile *m = ctx;

	(void)done;
	(void)total;
	(void)count;
	if (m->at == 0)
		go(m);
}

static void verify(struct meanwhile *m, unsigned threads, struct ink_verify_result *ret_result)
{
	struct ink_verify_options options = { .on_finding = on_finding,
					      .on_progress = on_progress,
					      .thread_count = threads,
					      .ctx = m };
	struct ink_error error = { 0 };

	if (m->count_max == 0)
		m->count_max = 1;
	if (ink_verify(store_place, &options, ret_result, &error) != INK_OK)
		fail_msg("not checked: %s", error.text);
	assert_int_equal(m->count, m->count_max);
	assert_int_equal(m->evidence, ret_result->evidence_count);
}

/* All of it was verified, what came meanwhile too, and it is at rest. */
static void expect_whole(struct meanwhile *m, unsigned threads)
{
	struct ink_verify_result result;

	verify(m, threads, &result);
	if (!result.is_intact)
		fail_msg("called changed: %s", m->first);
	assert_true(result.is_closed);
	assert_false(result.is_live);
	assert_int_equal(result.record_count, count_records(store_place, 0));
	assert_int_equal(m->told[INK_FIND_TORN_TAIL] + m->told[INK_FIND_NOT_CLOSED], 0);
}

static void a_session_within_the_walk_is_verified_too(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 3; threads += 2) {
		struct meanwhile one = { .happens = session },
				 many = { .happens = session, .count_max = 2 },
				 killed = { .happens = sessions };

		tree_remove(store_place);
		make_large();
		expect_whole(&one, threads);
		expect_whole(&many, threads);
		expect_whole(&killed, threads);
	}
}

static void a_session_that_begins_and_stays_is_a_good_prefix(void **state)
{
	struct meanwhile m = { .happens = session_that_stays };
	struct ink_verify_result result;

	(void)state;
	make_large();
	verify(&m, 1, &result);
	trial_close(held);
	if (!result.is_intact)
		fail_msg("called changed: %s", m.first);
	assert_true(result.is_live);
	assert_false(result.is_closed);
}

static void a_killed_session_is_an_unclean_end(void **state)
{
	struct meanwhile m = { .happens = killed_session };
	struct ink_verify_result result;

	(void)state;
	make_large();
	verify(&m, 1, &result);
	if (!result.is_intact)
		fail_msg("called changed: %s", m.first);
	assert_false(result.is_live || result.is_closed);
	assert_int_equal(m.told[INK_FIND_UNCLEAN_END], 1);
}

/* The log is read, and the keys are not yet: a file in lost/ is looked at in between. */
static void keys_of_a_later_session_are_no_cut_end(void **state)
{
	struct meanwhile m = { .happens = session, .at = INK_FIND_LOST_UNNAMED };
	struct ink_verify_result result;
	char path[PATH_MAX];

	(void)state;
	make_large();
	scratch_path(store_place, "lost/tail.new", path);
	file_write(path, "x", 1);
	verify(&m, 1, &result);
	if (!result.is_intact)
		fail_msg("called changed: %s", m.first);
	assert_int_equal(m.told[INK_FIND_LOST_UNNAMED], 1);
}

/* The first of two recoveries is told of before the walk comes to the torn end; the second one then cuts that off. */
static void a_recovery_before_the_walk_comes_to_the_torn_end(void **state)
{
	struct meanwhile m = { .happens = session, .at = INK_FIND_RECOVERY };
	char path[PATH_MAX];
	uint8_t *data;
	size_t size;

	(void)state;
	trial_make(store_place, 0);
	killed_session();
	killed_session();
	scratch_path(store_place, "log/0000000000.seg", path);
	data = file_read(path, &size);
	while (size > 0 && data[size - 1] == 0)
		size--;
	file_write(path, data, size - 20);
	free(data);
	scratch_path(store_place, "index", path);
	tree_remove(path);
	expect_whole(&m, 1);
	assert_int_equal(m.told[INK_FIND_RECOVERY], 2);
}

/* The walk is beyond what may be the end, megabytes of it; then all of that is cut off beneath it. */
static void a_recovery_behind_which_the_walk_stands(void **state)
{
	char path[PATH_MAX];

	(void)state;
	for (unsigned threads = 1; threads <= 3; threads += 2) {
		struct meanwhile m = { .happens = sessions };

		tree_remove(store_place);
		make_large_and_crashed();
		flip(0, 4096);
		scratch_path(store_place, "lost+found", path);
		assert_int_equal(mkdir(path, 0700), 0);
		scratch_path(store_place, "lost+found/#12", path);
		file_write(path, "x", 1);
		expect_whole(&m, threads);
		/* In each of its runs, but told once. */
		assert_int_equal(m.told[INK_FIND_FOREIGN_FILE], 1);
	}
}

static void spoiled_session(void)
{
	char path[PATH_MAX];
	uint8_t *data;
	size_t size;

	session();
	scratch_path(store_place, "keys/seal.key", path);
	data = file_read(path, &size);
	data[60] ^= 1;
	file_write(path, data, size);
	free(data);
}

/* The walk goes on to the new end, so the keys must be those of that end. */
static void keys_are_checked_when_a_session_has_gone_by(void **state)
{
	struct meanwhile m = { .happens = spoiled_session };
	struct ink_verify_result result;

	(void)state;
	make_large();
	verify(&m, 1, &result);
	assert_int_equal(m.told[INK_FIND_KEY_FILE], 1);
	assert_int_equal(m.evidence, 1);
}

static void damage_is_found_all_the_same_and_told_once(void **state)
{
	struct meanwhile m = { .happens = session };
	struct ink_verify_result result;

	(void)state;
	make_large();
	flip(0, PIECE_SIZE);
	flip(5, PIECE_SIZE / 2);
	verify(&m, 1, &result);
	assert_false(result.is_intact);
	assert_int_equal(m.told[INK_FIND_DIGEST], 2);
	assert_int_equal(result.evidence_count, 2);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, without_store)
	const struct CMUnitTest tests[] = {
		EACH(a_session_within_the_walk_is_verified_too),
		EACH(a_session_that_begins_and_stays_is_a_good_prefix),
		EACH(a_killed_session_is_an_unclean_end),
		EACH(keys_of_a_later_session_are_no_cut_end),
		EACH(a_recovery_before_the_walk_comes_to_the_torn_end),
		EACH(a_recovery_behind_which_the_walk_stands),
		EACH(keys_are_checked_when_a_session_has_gone_by),
		EACH(damage_is_found_all_the_same_and_told_once),
	};

	return cmocka_run_group_tests(tests, store_place_setup, store_place_teardown);
}
