/* SPDX-License-Identifier: MIT */
/* Refusals: each is counted, the first of a kind in words, and no flood becomes a flood of records. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "store_fixture.h"
#include "store_private.h"

/* What the DENIED records of a store say together. */
struct denials {
	uint64_t records;
	uint64_t count;         /* refusals they stand for */
	uint64_t without_name;  /* of these records */
	uint64_t of_user;       /* of these records, by trial_user */
	char last_of_user[128]; /* the name in the last of them */
};

static struct denials read_denials(const char *path)
{
	struct denials sum = { 0 };
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	union ink_body body;

	assert_ok(ink_reader_open(path, &reader, &error));
	for (;;) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		if (record->header.kind != INK_DENIED)
			continue;
		assert_ok(
			ink_body_decode(INK_DENIED, record->body, record->header.body_size, &body));
		sum.records++;
		sum.count += body.denied.count;
		sum.without_name += body.denied.name.size == 0;
		assert_int_equal(body.denied.name.size == 0, record->header.inode == 0);
		if (record->header.uid != trial_user.uid)
			continue;
		sum.of_user++;
		snprintf(sum.last_of_user, sizeof(sum.last_of_user), "%.*s",
			 (int)body.denied.name.size, body.denied.name.data);
	}
	ink_reader_close(reader);
	return sum;
}

static void deny(struct ink_store *store, const struct ink_caller *caller, enum ink_op op,
		 const char *name)
{
	struct ink_body_denied what = { .op = (uint16_t)op,
					.name = { name, (uint32_t)strlen(name) } };

	assert_int_equal(ink_denied(store, caller, INK_ROOT_INODE, &what), INK_ERR_DENIED);
}

static void deny_many(struct ink_store *store, const struct ink_caller *caller, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "name-%u", i);
		deny(store, caller, i % 2 == 0 ? INK_OP_UNLINK : INK_OP_RENAME, name);
	}
}

static uint64_t refused_unlinks(struct ink_store *store)
{
	struct ink_status status;

	ink_status(store, &status);
	return status.refusals_by_op[INK_OP_UNLINK];
}

static uint64_t seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)(now.tv_sec - begun->tv_sec);
}

static void the_same_again_is_counted_and_all_are_told(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct denials sum;

	for (unsigned i = 0; i < 5000; i++)
		deny(store, &trial_root, INK_OP_UNLINK, "a");
	assert_int_equal(refused_unlinks(store), 5000);
	trial_close(store);
	sum = read_denials(f->path);
	assert_int_equal(sum.count, 5000);
	assert_in_range(sum.records, 2, 20);
	assert_int_equal(sum.without_name, 0);
	assert_verifies(f->path, true);
}

/* Ever other names: what one actor may have recorded in full in a second, and then one record for each operation. */
static void a_flood_of_different_ones_is_folded_by_operation(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t seconds;
	struct timespec begun;
	struct denials sum;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	deny_many(store, &trial_root, 20000);
	/* Somebody else meanwhile is told of in full. */
	deny(store, &trial_user, INK_OP_UNLINK, "mine");
	seconds = seconds_since(&begun) + 1;
	trial_close(store);
	sum = read_denials(f->path);
	assert_int_equal(sum.count, 20001);
	assert_in_range(sum.records, REFUSAL_RATE_MAX + 1 + 4,
			(seconds + 1) * (REFUSAL_RATE_MAX + 2 * 2) + 1);
	assert_true(sum.records - sum.without_name >= REFUSAL_RATE_MAX + 1);
	assert_int_equal(sum.of_user, 1);
	assert_string_equal(sum.last_of_user, "mine");
	assert_verifies(f->path, true);
}

/* More actors than there are places, in turns, each with other names: none of them gets more by that. */
static void many_actors_in_turns_are_held_back_together(void **state)
{
	enum { ACTOR_COUNT = 3 * REFUSAL_RATE_COUNT, TURN_COUNT = 150 };
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t actors[ACTOR_COUNT], seconds;
	struct timespec begun;
	struct denials sum;

	for (unsigned i = 0; i < ACTOR_COUNT; i++) {
		struct ink_body_actor body = { .pid = 1 + i };

		assert_ok(ink_actor(store, 0, 0, &body, &actors[i]));
	}
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (unsigned i = 0; i < ACTOR_COUNT * TURN_COUNT; i++) {
		struct ink_caller caller = { .actor = actors[i % ACTOR_COUNT] };
		char name[32];

		snprintf(name, sizeof(name), "name-%u", i);
		deny(store, &caller, INK_OP_UNLINK, name);
	}
	seconds = seconds_since(&begun) + 1;
	trial_close(store);
	sum = read_denials(f->path);
	assert_int_equal(sum.count, ACTOR_COUNT * TURN_COUNT);
	/* In full: no more than so many places hold; the others' kinds, one for each actor, fit into the slots. */
	assert_true(sum.records - sum.without_name <=
		    (seconds + 1) * REFUSAL_RATE_COUNT * REFUSAL_RATE_MAX);
	assert_true(sum.without_name <= (seconds + 1) * ACTOR_COUNT * 3);
}

/* Nothing else happens, and no thread but the one that is asked would act for a minute. */
static void a_count_is_recorded_within_a_second_or_so(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct timespec begun;

	for (unsigned i = 0; i < 50; i++)
		deny(store, &trial_root, INK_OP_UNLINK, "a");
	assert_int_equal(read_denials(f->path).count, 1);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (read_denials(f->path).count < 50) {
		assert_true(seconds_since(&begun) < 10);
		usleep(20000);
	}
	/* The next ones are counted anew. */
	deny(store, &trial_root, INK_OP_UNLINK, "a");
	deny(store, &trial_root, INK_OP_UNLINK, "b");
	while (read_denials(f->path).count < 52) {
		assert_true(seconds_since(&begun) < 20);
		usleep(20000);
	}
	trial_close(store);
}

/* A driver that dies takes along what it had counted, and nothing that was recorded. */
static void a_killed_driver_loses_at_most_what_was_counted_last(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct denials sum;

	deny_many(store, &trial_root, 1000);
	trial_abandon(store);
	sum = read_denials(f->path);
	assert_in_range(sum.records, REFUSAL_RATE_MAX, 1000);
	assert_in_range(sum.count, sum.records, 1000);
	trial_close(trial_open(f->path, &f->options));
	assert_int_equal(read_denials(f->path).count, sum.count);
	assert_verifies(f->path, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(the_same_again_is_counted_and_all_are_told),
		T(a_flood_of_different_ones_is_folded_by_operation),
		T(many_actors_in_turns_are_held_back_together),
		T(a_count_is_recorded_within_a_second_or_so),
		T(a_killed_driver_loses_at_most_what_was_counted_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
