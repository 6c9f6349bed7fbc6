/* SPDX-License-Identifier: MIT */
/*
 * A log whose end was torn at every byte: cut, zeroed, or with rubbish behind.  It opens, what was whole is there,
 * what was cut is kept, and the verifier has nothing against it, before and after.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { LINES = 6, LINE_SIZE = 21 };

struct fixture {
	char dir[PATH_MAX], made[PATH_MAX], path[PATH_MAX];
	struct ink_options options;
	uint64_t places[LINES + 1]; /* of the lines; then the end */
	uint64_t seqs[LINES];
	struct fault_io lazy; /* a disk that need not survive a power cut */
};

static int setup(void **state)
{
	static struct fixture f;
	struct ink_store *store;
	struct ink_status status;
	uint64_t file;

	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "made", f.made);
	scratch_path(f.dir, "store", f.path);
	trial_make(f.made, 0);
	f.options = trial_quiet();
	fault_io_init(&f.lazy);
	f.lazy.is_lazy = true;
	store = trial_open(f.made, &f.options);
	file = trial_create(store, "a");
	for (unsigned i = 0; i < LINES; i++) {
		char line[LINE_SIZE + 1];

		snprintf(line, sizeof(line), "%020u\n", i);
		trial_append(store, file, line, LINE_SIZE);
		ink_status(store, &status);
		f.seqs[i] = status.record_count - 1;
		assert_ok(ink_place(store, f.seqs[i], &f.places[i]));
	}
	f.places[LINES] = f.places[LINES - 1] + frame_size(LINE_SIZE);
	trial_abandon(store);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(((struct fixture *)*state)->dir);
	return 0;
}

static unsigned whole_lines(const struct fixture *f, uint64_t end)
{
	unsigned lines = 0;

	while (lines < LINES && f->places[lines + 1] <= end)
		lines++;
	return lines;
}

/* The store in f->path has @lines whole lines and @lost (the bytes of the log behind them, as they were). */
static void check(struct fixture *f, unsigned lines, const uint8_t *lost, size_t lost_size,
		  const char *what)
{
	char text[LINES * LINE_SIZE + 1], expected[LINES * LINE_SIZE + 1], tail[PATH_MAX];
	struct ink_store *store;
	struct ink_error error;
	struct ink_attr attr;
	size_t size;

	if (!is_intact(f->path))
		fail_msg("%s: evidence before it was opened", what);
	if (store_open_on(&f->lazy.io, f->path, &f->options, &store, &error) != INK_OK)
		fail_msg("%s: %s", what, error.text);
	assert_ok(ink_lookup(store, 1, "a", &attr));
	assert_ok(ink_read(store, attr.inode, 0, text, sizeof(text) - 1, &size));
	for (unsigned i = 0; i < lines; i++)
		snprintf(expected + (size_t)i * LINE_SIZE, LINE_SIZE + 1, "%020u\n", i);
	if (size != lines * LINE_SIZE || memcmp(text, expected, size) != 0)
		fail_msg("%s: %zu bytes instead of %u lines", what, size, lines);
	trial_close(store);
	snprintf(tail, sizeof(tail), "%.*s/lost/%020llu.tail", PATH_MAX - 80, f->path,
		 (unsigned long long)(lines < LINES ? f->seqs[lines] : f->seqs[LINES - 1] + 1));
	assert_int_equal(file_exists(tail), lost_size > 0);
	assert_int_equal(count_losses(f->path), lost_size > 0);
	if (lost_size > 0) {
		uint8_t *kept = file_read(tail, &size);

		if (size < lost_size || memcmp(kept, lost, lost_size) != 0)
			fail_msg("%s: what was cut was not kept", what);
		free(kept);
	}
	if (!is_intact(f->path))
		fail_msg("%s: evidence afterwards", what);
}

enum tear { CUT, ZEROS, RUBBISH, FLIP };

/* Not zero bytes at the end of @bytes. */
static size_t trimmed(const uint8_t *bytes, size_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size;
}

static void tear_at(struct fixture *f, uint64_t at, enum tear tear)
{
	static const char *const names[] = { "cut", "zeros", "rubbish", "flip" };
	char segment[PATH_MAX], what[64];
	uint8_t *bytes;
	size_t size;
	unsigned lines;

	snprintf(what, sizeof(what), "%s at byte %llu", names[tear], (unsigned long long)at);
	tree_copy(f->made, f->path);
	scratch_path(f->path, "log/0000000000.seg", segment);
	bytes = file_read(segment, &size);
	switch (tear) {
	case CUT: size = at; break;
	case ZEROS: memset(bytes + at, 0, size - at); break;
	case RUBBISH: memset(bytes + at, 'R', 1000); break;
	case FLIP: bytes[at] ^= 0x10; break;
	}
	file_write(segment, bytes, size);
	lines = whole_lines(f, at);
	/* The padding of a frame is zero: cut there or zeroed there, the record is whole or lacks nothing but length. */
	if (tear == ZEROS && lines < LINES && at >= f->places[lines] + FRAME_OFF_BODY + LINE_SIZE)
		lines++;
	check(f, lines, bytes + f->places[lines],
	      f->places[lines] < size ? trimmed(bytes + f->places[lines], size - f->places[lines])
				      : 0,
	      what);
	free(bytes);
	tree_remove(f->path);
}

static unsigned step(void)
{
	return rounds(100) >= 100 ? 1 : 100 / rounds(100);
}

static void cut_at_every_byte_of_the_last_frames(void **state)
{
	struct fixture *f = *state;

	for (uint64_t at = f->places[LINES - 1]; at <= f->places[LINES]; at += step())
		tear_at(f, at, CUT);
	for (uint64_t at = f->places[LINES - 2]; at < f->places[LINES - 1]; at += 9 * step())
		tear_at(f, at, CUT);
	/* And at each frame's beginning further back. */
	for (unsigned i = 0; i < LINES; i++)
		tear_at(f, f->places[i], CUT);
}

static void zeros_from_every_byte_of_the_last_frame_on(void **state)
{
	struct fixture *f = *state;

	for (uint64_t at = f->places[LINES - 1] - 1; at <= f->places[LINES]; at += 5 * step())
		tear_at(f, at, ZEROS);
}

static void rubbish_in_and_behind_the_last_frames(void **state)
{
	struct fixture *f = *state;

	for (uint64_t at = f->places[LINES - 1]; at <= f->places[LINES] + 40; at += 17 * step())
		tear_at(f, at, RUBBISH);
	for (unsigned i = 0; i <= LINES; i++)
		tear_at(f, f->places[i], RUBBISH);
}

/* As when a later page reached the disk and an earlier did not. */
static void one_wrong_byte_with_good_frames_behind_it(void **state)
{
	struct fixture *f = *state;

	for (uint64_t at = f->places[2]; at < f->places[3]; at += 11 * step())
		tear_at(f, at, FLIP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(cut_at_every_byte_of_the_last_frames),
		T(zeros_from_every_byte_of_the_last_frame_on),
		T(rubbish_in_and_behind_the_last_frames),
		T(one_wrong_byte_with_good_frames_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
