/* SPDX-License-Identifier: MIT */
/*
 * Clocks that jump beneath a running store: a leap second, a suspended machine, a date set back by a year, a boot
 * without one.  None of it is damage, none of it is hidden, and seals and syncs go on.
 *
 * This program takes clock_gettime() from the store (a symbol that a program defines comes before that of a library) and
 * moves two clocks: that of the wall, and that of the time since boot, which goes on while a machine sleeps.  The third,
 * monotonic, stands still then and cannot be set, so it is the kernel's: the store waits by it.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "inkfs/verify.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)
#define YEAR_NS (365 * 24 * HOUR_NS)

static _Atomic int64_t wall_shift_ns, boot_shift_ns;

static int64_t kernel_ns(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int64_t now = kernel_ns(clock);

	if (clock == CLOCK_REALTIME)
		now += wall_shift_ns;
	else if (clock == CLOCK_BOOTTIME)
		now += boot_shift_ns;
	ret_time->tv_sec = now / SECOND_NS;
	ret_time->tv_nsec = now % SECOND_NS;
	return 0;
}

/* --- a store whose clocks jump between two records ----------------------------------------- */

struct found {
	unsigned clock_back_count, epoch_long_count, other_count;
};

static void count_finding(void *ctx, const struct ink_finding *finding)
{
	struct found *found = ctx;

	if (finding->code == INK_FIND_CLOCK_BACK)
		found->clock_back_count++;
	else if (finding->code == INK_FIND_EPOCH_LONG)
		found->epoch_long_count++;
	else
		found->other_count++;
	if (finding->severity == INK_EVIDENCE)
		fail_msg("%s: %s", ink_finding_name(finding->code), finding->text);
}

/* Intact and closed, with no more observations than those of clocks. */
static struct found verify(const char *path)
{
	struct found found = { 0 };
	struct ink_verify_options options = { .on_finding = count_finding, .ctx = &found };
	struct ink_verify_result result;
	struct ink_error error = { 0 };

	if (ink_verify(path, &options, &result, &error) != INK_OK)
		fail_msg("%s", error.text);
	assert_true(result.is_intact && result.is_closed);
	assert_int_equal(found.other_count, 0);
	return found;
}

static struct ink_store *reopen(struct store_fixture *f, struct ink_store *store)
{
	trial_close(store);
	return trial_open(f->path, &f->options);
}

static void line(struct ink_store *store, uint64_t inode)
{
	trial_append(store, inode, "line\n", 5);
}

static struct ink_header last_header(const char *path, uint8_t kind)
{
	struct ink_header header = { 0 };
	union ink_body body;
	uint8_t *bytes;

	assert_true(last_record(path, kind, &header, &body, &bytes));
	free(bytes);
	return header;
}

/* Linux repeats the last second of the day; and a second step, by hand, is no second finding. */
static void a_leap_second_is_an_observation(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t inode = trial_create(store, "a");

	line(store, inode);
	wall_shift_ns -= SECOND_NS;
	line(store, inode);
	trial_close(store);
	assert_int_equal(verify(f->path).clock_back_count, 1);
	assert_int_equal(verify(f->path).epoch_long_count, 0);
}

/* It slept for hours, twice: the wall's clock and that since boot have jumped, nothing went back. */
static void a_machine_that_slept_is_no_observation(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t inode = trial_create(store, "a");
	int64_t wall_ns = kernel_ns(CLOCK_REALTIME), boot_ns = kernel_ns(CLOCK_BOOTTIME);

	line(store, inode);
	wall_shift_ns += 5 * HOUR_NS;
	boot_shift_ns += 5 * HOUR_NS;
	line(store, inode);
	assert_ok(ink_sync(store));
	trial_close(store);
	/* Both stand in the records: who reads them sees that it was not the wall's clock alone. */
	assert_true(last_header(f->path, INK_APPEND).wall_ns - wall_ns >= 5 * HOUR_NS);
	assert_true((int64_t)last_header(f->path, INK_APPEND).boot_ns - boot_ns >= 5 * HOUR_NS);
	assert_int_equal(verify(f->path).clock_back_count, 0);
	assert_int_equal(verify(f->path).epoch_long_count, 0);
}

static uint32_t epoch_before;

static bool is_of_a_later_epoch(const struct ink_status *status)
{
	return status->epoch > epoch_before;
}

/* An epoch takes the time that it sleeps, too: a key that lay in a sleeping machine is gone soon after it wakes. */
static void an_epoch_does_not_outlast_the_sleep(void **state)
{
	struct store_fixture *f = *state;
	struct ink_status status;
	struct ink_store *store;
	uint64_t inode;

	f->options.sync_interval_ms = 50;
	f->options.epoch_s = 3000;
	store = trial_open(f->path, &f->options);
	inode = trial_create(store, "a");
	for (unsigned i = 0; i < 3; i++) {
		line(store, inode);
		ink_status(store, &status);
		epoch_before = status.epoch;
		wall_shift_ns += HOUR_NS;
		boot_shift_ns += HOUR_NS;
		assert_true(store_comes_true(store, is_of_a_later_epoch));
	}
	trial_close(store);
	assert_int_equal(verify(f->path).epoch_long_count, 0);
}

static void a_clock_set_back_by_a_year_between_sessions_is_an_observation(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t inode = trial_create(store, "a");

	line(store, inode);
	wall_shift_ns -= YEAR_NS;
	store = reopen(f, store);
	line(store, inode);
	trial_close(store);
	assert_int_equal(verify(f->path).clock_back_count, 1);
	/* And forward again, further than it was: as if nothing had been. */
	wall_shift_ns += 2 * YEAR_NS;
	store = trial_open(f->path, &f->options);
	line(store, inode);
	trial_close(store);
	assert_int_equal(verify(f->path).clock_back_count, 1);
}

/* 1970 until the network tells; the time since boot begins anew with every boot, and is never held against the last one. */
static void a_boot_without_a_clock_is_an_observation(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t inode = trial_create(store, "a");

	line(store, inode);
	trial_abandon(store);
	wall_shift_ns = 5 * SECOND_NS - kernel_ns(CLOCK_REALTIME);
	boot_shift_ns = SECOND_NS - kernel_ns(CLOCK_BOOTTIME);
	store = trial_open(f->path, &f->options);
	line(store, inode);
	wall_shift_ns = 0;
	line(store, inode);
	trial_close(store);
	assert_true(last_header(f->path, INK_MOUNT).wall_ns < HOUR_NS);
	assert_true((int64_t)last_header(f->path, INK_MOUNT).boot_ns < HOUR_NS);
	assert_true(is_intact(f->path));
}

static bool is_all_sealed(const struct ink_status *status)
{
	return status->sealed_count == status->record_count &&
	       status->durable_count == status->record_count;
}

/* Forth and back while its threads run: nobody waits for a time that does not come. */
static void seals_and_syncs_go_on_whatever_the_clocks_do(void **state)
{
	static const int64_t jumps[] = { -YEAR_NS, 2 * YEAR_NS, -SECOND_NS, -40 * YEAR_NS, 0 };
	const struct ink_options usual = { 0 };
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &usual);
	uint64_t inode = trial_create(store, "a");

	for (unsigned i = 0; i < COUNT_OF(jumps); i++) {
		wall_shift_ns += jumps[i];
		boot_shift_ns += jumps[i] > 0 ? jumps[i] : 0;
		line(store, inode);
		assert_true(store_comes_true(store, is_all_sealed));
	}
	trial_close(store);
	assert_int_equal(verify(f->path).clock_back_count, 1);
}

/* Not what counts in an unclean end: RECOVERY and the sessions are by number. */
static void a_crash_and_a_clock_set_back_are_told_apart(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));

	for (unsigned i = 0; i < 3; i++) {
		line(store, file->inode);
		model_append(file, "line\n", 5);
		wall_shift_ns -= YEAR_NS;
		trial_abandon(store);
		store = trial_open(f->path, &f->options);
		assert_store_is(store, &model);
	}
	trial_close(store);
	assert_int_equal(count_records(f->path, INK_RECOVERY), 3);
	assert_true(is_intact(f->path));
	model_free(&model);
}

static int teardown(void **state)
{
	wall_shift_ns = 0;
	boot_shift_ns = 0;
	return store_teardown(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_leap_second_is_an_observation),
		T(a_machine_that_slept_is_no_observation),
		T(an_epoch_does_not_outlast_the_sleep),
		T(a_clock_set_back_by_a_year_between_sessions_is_an_observation),
		T(a_boot_without_a_clock_is_an_observation),
		T(seals_and_syncs_go_on_whatever_the_clocks_do),
		T(a_crash_and_a_clock_set_back_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
