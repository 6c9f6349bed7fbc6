/* SPDX-License-Identifier: MIT */
/* What must never be called an attack (classes 21 to 24). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attack.h"
#include "check.h"
#include "format.h"
#include "frame.h"
#include "mounted.h"
#include "sample.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

/* --- unclean ends ---------------------------------------------------------------------------- */

static void opened_again(struct attempt *a)
{
	struct ink_options options = trial_quiet();

	trial_close(trial_open(a->scene->copy, &options));
}

static void torn(struct attempt *a, size_t more)
{
	char path[PATH_MAX];
	struct intruder x;

	attempt_open(a, &x);
	scratch_path(a->scene->copy, SAMPLE_SEGMENT, path);
	assert_int_equal(truncate(path, (off_t)(attempt_place(&x, x.count - 1) + more)), 0);
	attempt_remove(a, "index");
	intruder_release(&x);
}

static void last_write_torn(struct attempt *a)
{
	torn(a, 100);
}

static void last_write_lost(struct attempt *a)
{
	torn(a, 0);
}

static void torn_and_opened(struct attempt *a)
{
	last_write_torn(a);
	opened_again(a);
}

/* ext4 after a power cut: the file is as long as it was, and nothing is in it. */
static void last_write_zeros(struct attempt *a)
{
	char path[PATH_MAX];
	struct intruder x;
	size_t at, size;
	uint8_t *data;

	attempt_open(a, &x);
	at = attempt_place(&x, x.count - 1);
	scratch_path(a->scene->copy, SAMPLE_SEGMENT, path);
	data = file_read(path, &size);
	memset(data + at, 0, size - at);
	file_write(path, data, size);
	free(data);
	attempt_remove(a, "index");
	intruder_release(&x);
}

/* --- clocks ---------------------------------------------------------------------------------- */

/* The same store with other times, founded by ourselves: nobody can set a clock for a test alone. */
static void with_times(struct attempt *a, int64_t step_ns, bool is_zero)
{
	struct intruder x;

	attempt_open(a, &x);
	for (size_t n = x.count / 2; n < x.count; n++) {
		uint8_t *wall = intruder_header(&x, n) + HEADER_OFF_WALL;

		be64_store(wall, is_zero ? n : be64_load(wall) + (uint64_t)step_ns);
	}
	intruder_found_anew(&x, a->vkey);
	intruder_release(&x);
}

static void clock_stepped_back(struct attempt *a)
{
	with_times(a, INT64_C(-3600000000000), false);
}

static void clock_stepped_forward(struct attempt *a)
{
	with_times(a, INT64_C(86400000000000), false);
}

static void clock_without_time(struct attempt *a)
{
	with_times(a, 0, true);
}

static void founded_anew(struct attempt *a)
{
	with_times(a, 0, false);
}

/* --- copies ---------------------------------------------------------------------------------- */

static void copied_by(struct attempt *a, const char *command)
{
	const char *argv[] = { "sh", "-c", command, "sh", a->scene->copy, a->store, NULL };

	scratch_path(a->scene->dir, "copied", a->store);
	tree_remove(a->store);
	assert_int_equal(run_program(argv), 0);
}

static void copied_by_cp(struct attempt *a)
{
	copied_by(a, "cp -a --sparse=always \"$1\" \"$2\"");
}

static void copied_by_tar(struct attempt *a)
{
	copied_by(a, "mkdir \"$2\" && tar -C \"$1\" -cSf - . | tar -C \"$2\" -xf -");
}

static void copied_without_modes(struct attempt *a)
{
	copied_by(a, "cp -r \"$1\" \"$2\" && chmod -R a+rX,go-w \"$2\" && rm -r \"$2/keys\"");
}

static void copied_read_only(struct attempt *a)
{
	copied_by(a, "cp -r \"$1\" \"$2\" && rm -r \"$2/keys\" && chmod -R a-w \"$2\"");
}

static void log_alone(struct attempt *a)
{
	copied_by(a, "mkdir \"$2\" && cp -r \"$1/log\" \"$2\"");
}

static void in_use(struct attempt *a)
{
	const struct ink_options options = { 0 };
	struct ink_attr attr;

	a->held = trial_open(a->scene->copy, &options);
	assert_ok(ink_lookup(a->held, INK_ROOT_INODE, "app.log", &attr));
	for (unsigned i = 0; i < 50; i++)
		trial_append(a->held, attr.inode, "while it is verified\n", 21);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void fresh_store(struct attempt *a)
{
	struct ink_init_options init = { .origin = "example.org/none", .segment_size = 2 << 20 };
	struct ink_error error;

	scratch_path(a->scene->dir, "copied", a->store);
	tree_remove(a->store);
	assert_ok(ink_store_init(a->store, &init, a->vkey, &error));
}

static void one_record(struct attempt *a)
{
	fresh_store(a);
}

static void no_write(struct attempt *a)
{
	struct ink_options options = trial_quiet();

	fresh_store(a);
	trial_close(trial_open(a->store, &options));
}

static void epoch_between_any_two(struct attempt *a)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;
	struct ink_attr attr;
	uint64_t inode;

	fresh_store(a);
	store = trial_open(a->store, &options);
	assert_ok(store_change_epoch(store, INK_SEAL_EPOCH));
	inode = trial_create(store, "a.log");
	for (unsigned i = 0; i < 8; i++) {
		assert_ok(store_change_epoch(store, INK_SEAL_EPOCH));
		if (i % 4 == 3)
			assert_ok(store_change_epoch(store, INK_SEAL_EPOCH));
		trial_append(store, inode, "line\n", 5);
		if (i % 2)
			assert_ok(ink_seal(store, inode));
	}
	assert_ok(store_change_epoch(store, INK_SEAL_EPOCH));
	assert_ok(ink_getattr(store, inode, &attr));
	trial_close(store);
}

/* Writers leave some room for the file system's own records, so EPOCHs fill up what is left. */
static void segment_exactly_full(struct attempt *a)
{
	enum { OWN_COUNT = 176 };
	struct ink_options options = trial_quiet();
	static uint8_t data[INK_APPEND_SIZE_MAX];
	struct ink_store *store;
	struct ink_status status;
	uint64_t inode, room;
	char path[PATH_MAX];

	fresh_store(a);
	store = trial_open(a->store, &options);
	inode = trial_create(store, "a.log");
	memset(data, 'f', sizeof(data));
	trial_append(store, inode, data, sizeof(data));
	ink_status(store, &status);
	room = status.segment_size - status.log_bytes - OWN_COUNT * frame_size(EPOCH_BODY_SIZE);
	trial_append(store, inode, data, (size_t)room - FRAME_OFF_BODY);
	for (unsigned i = 0; i < OWN_COUNT; i++)
		assert_ok(store_change_epoch(store, INK_SEAL_EPOCH));
	trial_append(store, inode, "the next segment\n", 17);
	trial_close(store);
	scratch_path(a->store, SAMPLE_SEGMENT, path);
	assert_int_equal(file_size(path), status.segment_size);
}

const struct attack no_attacks[] = {
	{ 21, "killed", FROM_KILLED, 0, NULL, END_INTACT, INK_FIND_UNCLEAN_END },
	{ 21, "killed, opened again and closed", FROM_KILLED, 0, opened_again, END_WHOLE, 0 },
	{ 21, "the last write torn", FROM_KILLED, 0, last_write_torn, END_INTACT,
	  INK_FIND_TORN_TAIL },
	{ 21, "the last write lost", FROM_KILLED, 0, last_write_lost, END_INTACT,
	  INK_FIND_NOT_CLOSED },
	{ 21, "the last write all zeros", FROM_KILLED, 0, last_write_zeros, END_INTACT,
	  INK_FIND_NOT_CLOSED },
	{ 21, "torn, opened again and closed", FROM_KILLED, 0, torn_and_opened, END_WHOLE,
	  INK_FIND_RECOVERY },
	{ 22, "the same records founded anew", FROM_CLOSED, 0, founded_anew, END_WHOLE, 0 },
	{ 22, "the clock stepped back", FROM_CLOSED, 0, clock_stepped_back, END_WHOLE,
	  INK_FIND_CLOCK_BACK },
	{ 22, "the clock stepped forward", FROM_CLOSED, 0, clock_stepped_forward, END_WHOLE, 0 },
	{ 22, "a boot without a clock", FROM_CLOSED, 0, clock_without_time, END_WHOLE,
	  INK_FIND_CLOCK_BACK },
	{ 23, "verified while it is in use", FROM_CLOSED, 0, in_use, END_INTACT, 0 },
	{ 23, "a copy made with cp, holes and all", FROM_CLOSED, 0, copied_by_cp, END_WHOLE, 0 },
	{ 23, "a copy made with tar", FROM_CLOSED, 0, copied_by_tar, END_WHOLE, 0 },
	{ 23, "a copy with other modes, without keys", FROM_CLOSED, 0, copied_without_modes,
	  END_WHOLE, 0 },
	{ 23, "a copy that cannot be written to", FROM_CLOSED, 0, copied_read_only, END_WHOLE, 0 },
	{ 23, "the log alone", FROM_CLOSED, 0, log_alone, END_WHOLE, INK_FIND_NO_INDEX },
	{ 23, "a store in use, copied index first", FROM_AT_T, 0, NULL, END_INTACT, 0 },
	{ 23, "checkpoints of any age", FROM_CLOSED, GIVE_NOTE_OLD | GIVE_NOTE_T | GIVE_NOTE_CLOSED,
	  NULL, END_WHOLE, 0 },
	{ 24, "an epoch that ends between any two records", FROM_CLOSED, 0, epoch_between_any_two,
	  END_WHOLE, 0 },
	{ 24, "a mount without a write", FROM_CLOSED, 0, no_write, END_WHOLE, 0 },
	{ 24, "a segment that ends exactly at its limit", FROM_CLOSED, 0, segment_exactly_full,
	  END_WHOLE, 0 },
	{ 24, "a store with one record", FROM_CLOSED, 0, one_record, END_WHOLE, 0 },
	{ 0 },
};
