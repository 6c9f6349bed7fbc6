/* SPDX-License-Identifier: MIT */
/* Attacks on how much there is: cut, emptied, rolled back, forked, ended otherwise (classes 9 to 13). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attack.h"
#include "check.h"
#include "frame.h"
#include "sample.h"
#include "scratch.h"
#include "trial.h"

/* The log with only @count records and @more bytes of the next; all else stays. */
static void cut_to(struct attempt *a, size_t count, size_t more)
{
	char path[PATH_MAX];
	struct intruder x;

	attempt_open(a, &x);
	scratch_path(a->scene->copy, SAMPLE_SEGMENT, path);
	assert_int_equal(truncate(path, (off_t)(attempt_place(&x, count) + more)), 0);
	intruder_release(&x);
}

static size_t record_count(struct attempt *a)
{
	struct intruder x;
	size_t count;

	attempt_open(a, &x);
	count = x.count;
	intruder_release(&x);
	return count;
}

/* Behind the second record of the session before the last: not at any end. */
static size_t somewhere(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "select secret", 0) + 1;
	intruder_release(&x);
	return n;
}

static void refuses_to_open(struct attempt *a)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store = NULL;
	struct ink_error error;

	if (ink_store_open(a->scene->copy, &options, &store, &error) == INK_OK)
		fail_msg("a cut store was opened");
}

static void cut_at_a_frame(struct attempt *a)
{
	cut_to(a, somewhere(a), 0);
}

static void cut_within_a_frame(struct attempt *a)
{
	cut_to(a, somewhere(a), 40);
}

static void cut_and_opened(struct attempt *a)
{
	cut_at_a_frame(a);
	refuses_to_open(a);
}

static void cut_without_index(struct attempt *a)
{
	cut_at_a_frame(a);
	attempt_remove(a, "index");
}

static void cut_without_index_and_opened(struct attempt *a)
{
	cut_without_index(a);
	refuses_to_open(a);
}

static void cut_without_traces(struct attempt *a)
{
	cut_without_index(a);
	attempt_remove(a, "keys");
}

static void segment_deleted(struct attempt *a)
{
	attempt_remove(a, "log");
	{
		char path[PATH_MAX];

		scratch_path(a->scene->copy, "log", path);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	a->path = "log";
}

static void segment_emptied(struct attempt *a)
{
	char path[PATH_MAX];

	scratch_path(a->scene->copy, SAMPLE_SEGMENT, path);
	file_write(path, "", 0);
}

static void all_emptied(struct attempt *a)
{
	tree_remove(a->scene->copy);
	assert_int_equal(mkdir(a->scene->copy, 0700), 0);
}

/* The older copy, written on until it is longer than what it was rolled back from. */
static void written_on(struct attempt *a)
{
	struct ink_options options = trial_quiet();
	size_t count = 0;

	for (unsigned i = 0; i < 5; i++) {
		struct ink_store *store = trial_open(a->scene->copy, &options);
		struct ink_attr attr;

		assert_ok(ink_lookup(store, INK_ROOT_INODE, "app.log", &attr));
		for (unsigned line = 0; line < 10; line++)
			trial_append(store, attr.inode, "another history\n", 16);
		trial_close(store);
	}
	count = record_count(a);
	assert_true(count > 60);
}

static void closing_removed(struct attempt *a)
{
	cut_to(a, record_count(a) - 1, 0);
}

static void closing_removed_without_traces(struct attempt *a)
{
	closing_removed(a);
	attempt_remove(a, "index");
	attempt_remove(a, "keys");
}

static void unmount_taken_out(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_last(&x, INK_UNMOUNT);
	intruder_remove(&x, n);
	expect_record(a, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

/* What was cut off is given an end, from another session of the same store, without the key. */
static void end_put_on(struct attempt *a)
{
	struct intruder x;
	size_t n, count;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_UNMOUNT, 0);
	count = x.count;
	intruder_insert(&x, count, &x, n);
	intruder_insert(&x, count + 1, &x, n + 1);
	be32_store(intruder_body(&x, count + 1), x.epoch_now + 1);
	expect_record(a, count + 1);
	attempt_forge(&x, count, INTRUDER_SIGNS_NOTHING);
}

const struct attack attacks_on_ends[] = {
	{ 9, "the tail cut behind a record", FROM_CLOSED, 0, cut_at_a_frame, END_FOUND,
	  INK_FIND_INDEX_AHEAD },
	{ 9, "the tail cut within a record", FROM_CLOSED, 0, cut_within_a_frame, END_FOUND,
	  INK_FIND_FRAME },
	{ 9, "the tail cut, then opened: refused", FROM_CLOSED, 0, cut_and_opened, END_FOUND,
	  INK_FIND_INDEX_AHEAD },
	{ 9, "the tail cut, the index removed", FROM_CLOSED, 0, cut_without_index, END_FOUND,
	  INK_FIND_INDEX_AHEAD },
	{ 9, "the same, then opened: refused", FROM_CLOSED, 0, cut_without_index_and_opened,
	  END_FOUND, INK_FIND_INDEX_AHEAD },
	{ 9, "the tail cut, index and keys removed: never called closed", FROM_CLOSED, 0,
	  cut_without_traces, END_INTACT, INK_FIND_NOT_CLOSED },
	{ 9, "the same, with a later checkpoint", FROM_CLOSED, GIVE_NOTE_CLOSED, cut_without_traces,
	  END_FOUND, INK_FIND_CHECKPOINT_AHEAD },
	{ 10, "the segments deleted", FROM_CLOSED, 0, segment_deleted, END_FOUND,
	  INK_FIND_SEGMENT_MISSING },
	{ 10, "a segment emptied", FROM_CLOSED, 0, segment_emptied, END_FOUND, INK_FIND_GENESIS },
	{ 10, "an empty folder", FROM_CLOSED, 0, all_emptied, END_UNCHECKED, 0 },
	{ 11, "an older copy, keys included: passes", FROM_OLD, 0, NULL, END_WHOLE, 0 },
	{ 11, "an older copy, with a later checkpoint", FROM_OLD, GIVE_NOTE_CLOSED, NULL, END_FOUND,
	  INK_FIND_CHECKPOINT_AHEAD },
	{ 11, "an older copy written on: passes", FROM_OLD, GIVE_NOTE_OLD, written_on, END_WHOLE,
	  0 },
	{ 11, "an older copy written on, with a checkpoint from between", FROM_OLD,
	  GIVE_NOTE_CLOSED, written_on, END_FOUND, INK_FIND_CHECKPOINT_FORK },
	{ 12, "the closing record removed", FROM_CLOSED, 0, closing_removed, END_FOUND,
	  INK_FIND_INDEX_AHEAD },
	{ 12, "the closing record removed, index and keys too: never called closed", FROM_CLOSED, 0,
	  closing_removed_without_traces, END_INTACT, INK_FIND_NOT_CLOSED },
	{ 12, "UNMOUNT taken out before the closing EPOCH", FROM_CLOSED, 0, unmount_taken_out,
	  END_FOUND, INK_FIND_SIGNATURE },
	{ 12, "an orderly end put on what was cut off", FROM_KILLED, 0, end_put_on, END_FOUND,
	  INK_FIND_SIGNATURE },
	{ 13, "another store of the same name, the key pinned", FROM_OTHER, 0, NULL, END_FOUND,
	  INK_FIND_PINNED_KEY },
	{ 13, "another store of the same name, no key: passes", FROM_OTHER, GIVE_NO_KEY, NULL,
	  END_WHOLE, 0 },
	{ 13, "another store of the same name, a checkpoint", FROM_OTHER,
	  GIVE_NO_KEY | GIVE_NOTE_OLD, NULL, END_FOUND, INK_FIND_CHECKPOINT },
	{ 0 },
};
