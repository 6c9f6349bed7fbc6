/* SPDX-License-Identifier: MIT */
/* Hashing ahead changes nothing: a walk with it takes the same steps as one without, whatever lies there. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "sample.h"
#include "scratch.h"
#include "trial.h"
#include "vkey.h"
#include "walk.h"
#include "walk_ahead.h"

static char dir[PATH_MAX], small[PATH_MAX], big[PATH_MAX], copy[PATH_MAX], log_dir[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	assert_true(vkey_setup());
	scratch_dir_in_memory(dir);
	scratch_path(dir, "small", small);
	scratch_path(dir, "big", big);
	scratch_path(dir, "copy", copy);
	scratch_path(copy, "log", log_dir);
	sample_small(small, NULL);
	sample_segments(big, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

/* One step, then on as the verifier goes on; false at the end. */
static bool step_on(struct walk *walk, char *ret_line, size_t size)
{
	uint32_t segment = walk->segment;
	enum walk_step step;
	bool is_found = false;

	assert_ok(walk_next(walk, &step));
	snprintf(ret_line, size, "%d %d %llx %llu %02x%02x", (int)step, (int)walk->fault,
		 (unsigned long long)walk->place, (unsigned long long)walk->next_seq,
		 walk->record.leaf[0], walk->record.leaf[31]);
	if (step == WALK_RECORD)
		return true;
	if (step == WALK_BAD && walk->has_record) {
		walk_accept(walk);
		return true;
	}
	assert_ok(walk_resync(walk, &is_found));
	if (is_found)
		return true;
	segment = walk->segment >= segment ? walk->segment + 1 : segment + 1;
	assert_ok(walk_enter(walk, segment));
	return walk->fd >= 0;
}

/* @ret_ahead_count: frames that the walk did not have to hash itself. */
static void assert_same_steps(unsigned thread_count, uint64_t skip_seq, const char *what,
			      uint64_t *ret_ahead_count)
{
	struct walk with, without;
	char ours[128], theirs[128];
	bool goes_on = true;

	assert_ok(walk_open(&without, io_system(), log_dir));
	assert_ok(walk_open(&with, io_system(), log_dir));
	with.skip_seq = without.skip_seq = skip_seq;
	assert_ok(ahead_open(io_system(), log_dir, thread_count, skip_seq, &with.ahead));
	while (goes_on) {
		goes_on = step_on(&without, theirs, sizeof(theirs));
		assert_int_equal(step_on(&with, ours, sizeof(ours)), goes_on);
		if (strcmp(ours, theirs) != 0)
			fail_msg("%s, %u threads: %s, but %s", what, thread_count, theirs, ours);
	}
	*ret_ahead_count = ahead_read_bytes(with.ahead);
	ahead_close(with.ahead);
	walk_close(&with);
	walk_close(&without);
}

static void fresh_copy(const char *from)
{
	tree_remove(copy);
	tree_copy(from, copy);
}

static void every_step_is_the_same_and_nearly_all_bytes_are_read_ahead(void **state)
{
	static const unsigned counts[] = { 1, 2, 5, 16 };
	const char *stores[] = { small, big };
	uint64_t ahead_bytes;

	(void)state;
	for (size_t s = 0; s < COUNT_OF(stores); s++) {
		fresh_copy(stores[s]);
		for (size_t i = 0; i < COUNT_OF(counts); i++) {
			assert_same_steps(counts[i], 0, stores[s], &ahead_bytes);
			assert_in_range(ahead_bytes, s == 0 ? 4000 : 5 << 20, 8 << 20);
		}
	}
}

/* As long as the first segment's file, wherever frames are broken. */
static void every_step_is_the_same_in_noise(void **state)
{
	const char *stores[] = { small, big };
	struct rng rng;

	(void)state;
	rng_init(&rng, "noise");
	for (unsigned round = rounds(200); round > 0; round--) {
		uint64_t ahead_bytes;
		char path[PATH_MAX], name[64];
		uint8_t *data;
		size_t size, from;

		fresh_copy(stores[round % 8 == 0]);
		snprintf(name, sizeof(name), "%010u.seg", round % 24 == 0 ? 1U : 0U);
		scratch_path(log_dir, name, path);
		data = file_read(path, &size);
		for (unsigned faults = 1 + (unsigned)rng_below(&rng, 6); faults > 0; faults--) {
			from = rng_below(&rng, size);
			rng_fill(&rng, data + from,
				 1 + rng_below(&rng, size - from < 40 ? size - from : 40));
		}
		if (round % 5 == 0)
			size = rng_below(&rng, size);
		file_write(path, data, size);
		free(data);
		assert_same_steps(2 + round % 3, round % 2 ? rng_below(&rng, 40) : 0, "noise",
				  &ahead_bytes);
	}
}

static void missing_and_empty_segments_are_walked_the_same(void **state)
{
	static const char *const names[] = { "0000000000.seg", "0000000001.seg", "0000000002.seg" };
	uint64_t ahead_bytes;
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(names); i++) {
		fresh_copy(big);
		scratch_path(log_dir, names[i / 2], path);
		if (i % 2)
			file_write(path, "", 0);
		else
			assert_int_equal(unlink(path), 0);
		assert_same_steps(3, i % 3 ? 0 : 12, names[i / 2], &ahead_bytes);
	}
}

/* Who asks twice for a place wants to see what stands there now. */
static void a_frame_is_given_out_once(void **state)
{
	struct walk_ahead *ahead;
	const struct ahead_frame *f;

	(void)state;
	fresh_copy(small);
	assert_ok(ahead_open(io_system(), log_dir, 2, 0, &ahead));
	f = ahead_take(ahead, 0, SEGMENT_HEADER_SIZE);
	assert_non_null(f);
	assert_int_equal(f->header.kind, INK_GENESIS);
	assert_null(ahead_take(ahead, 0, SEGMENT_HEADER_SIZE));
	assert_null(ahead_take(ahead, 7, SEGMENT_HEADER_SIZE));
	ahead_close(ahead);
	ahead_close(NULL);
}

/* Seals are checked with the key that the records before them name, and with no other. */
static void seals_carry_the_key_they_were_checked_with(void **state)
{
	struct walk walk;
	struct walk_ahead *ahead;
	enum walk_step step;
	unsigned seals = 0, epochs = 0;
	uint8_t key[INK_KEY_SIZE] = { 0 };

	(void)state;
	fresh_copy(small);
	assert_ok(walk_open(&walk, io_system(), log_dir));
	assert_ok(ahead_open(io_system(), log_dir, 2, 0, &ahead));
	walk.ahead = ahead;
	for (assert_ok(walk_next(&walk, &step)); step == WALK_RECORD;
	     assert_ok(walk_next(&walk, &step))) {
		uint8_t kind = walk.record.header.kind;

		if (kind == INK_GENESIS)
			memcpy(key, walk.record.body + 64, INK_KEY_SIZE);
		if (kind != INK_SEAL && kind != INK_EPOCH) {
			assert_null(walk.seal);
			continue;
		}
		assert_non_null(walk.seal);
		assert_memory_equal(walk.seal->key, key, INK_KEY_SIZE);
		assert_true(walk.seal->is_good[0]);
		assert_int_equal(walk.seal->is_good[1], kind == INK_EPOCH);
		if (kind == INK_EPOCH)
			memcpy(key, walk.record.body + 56, INK_KEY_SIZE);
		seals += kind == INK_SEAL;
		epochs += kind == INK_EPOCH;
	}
	assert_true(seals >= 2 && epochs >= 4);
	ahead_close(ahead);
	walk_close(&walk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_is_the_same_and_nearly_all_bytes_are_read_ahead),
		cmocka_unit_test(every_step_is_the_same_in_noise),
		cmocka_unit_test(missing_and_empty_segments_are_walked_the_same),
		cmocka_unit_test(a_frame_is_given_out_once),
		cmocka_unit_test(seals_carry_the_key_they_were_checked_with),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
