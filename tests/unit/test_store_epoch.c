/* SPDX-License-Identifier: MIT */
/* Seal keys: how long they live, and what happens when they cannot be changed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "key.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

static bool second_epoch(const struct ink_status *status)
{
	return status->epoch >= 2;
}

static bool third_epoch(const struct ink_status *status)
{
	return status->epoch >= 3;
}

static void an_epoch_ends_after_its_time_and_its_secret_is_gone(void **state)
{
	struct store_fixture *f = *state;
	struct seal_key_file file = { 0 };
	struct ink_store *store;
	struct ink_error error;
	char keys[PATH_MAX];
	uint64_t a;

	f->options.sync_interval_ms = 50;
	f->options.epoch_s = 1;
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	trial_append(store, a, "x", 1);
	assert_true(store_comes_true(store, second_epoch));
	trial_append(store, a, "x", 1);
	assert_true(store_comes_true(store, third_epoch));
	trial_close(store);
	scratch_path(f->path, "keys", keys);
	store = trial_open(f->path, &f->options);
	assert_ok(seal_key_read(io_system(), keys, store->store_id, &file, &error));
	assert_null(file.next);
	seal_key_file_release(&file);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_true(count_records(f->path, INK_EPOCH) >= 5);
}

/* Of the epochs that the log and the key file know, the file must hold one that the log has begun and not ended. */
static void a_change_that_was_not_synced_is_not_followed_by_another(void **state)
{
	struct store_fixture *f = *state;
	struct seal_key_file file = { 0 };
	struct ink_options quiet = trial_quiet();
	struct ink_store *store;
	struct fault_io fault;
	struct ink_error error;
	char keys[PATH_MAX];
	uint32_t epoch;

	scratch_path(f->path, "keys", keys);
	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &quiet, &store, &error));
	epoch = catalog_head(store->catalog)->epoch;
	/* The first of its syncs is that of the key file, the second that of the place it had, the third the log's. */
	fault_io_arm(&fault, 3, 1 << FAULT_FDATASYNC, false, EIO);
	assert_int_equal(store_change_epoch(store, INK_SEAL_EPOCH), INK_ERR_IO);
	assert_true(fault_io_fired(&fault));
	assert_true(store_change_epoch(store, INK_SEAL_EPOCH) != INK_OK);
	assert_ok(seal_key_read(io_system(), keys, store->store_id, &file, &error));
	assert_int_equal(file.epoch, epoch);
	assert_non_null(file.next);
	seal_key_file_release(&file);
	trial_abandon(store);
}

/* --- an epoch that cannot end --- */

static _Atomic unsigned begun_count, over_count;
static char last_notice[1024];

static void hear(void *ctx, bool is_over, const char *text)
{
	(void)ctx;
	/* Only one thread tells, and the test reads it when the count has changed. */
	snprintf(last_notice, sizeof(last_notice), "%s", text);
	if (is_over)
		over_count++;
	else
		begun_count++;
}

static bool reaches(_Atomic unsigned *count, unsigned wanted)
{
	for (unsigned i = 0; i < 500 && *count < wanted; i++)
		usleep(10000);
	return *count >= wanted;
}

static void short_epochs(struct store_fixture *f)
{
	f->options.sync_interval_ms = 50;
	f->options.epoch_s = 1;
	f->options.on_notice = hear;
	begun_count = 0;
	over_count = 0;
}

/* One seed, and it is the key in force: what went before is gone from the disk. */
static void assert_one_seed(const struct ink_store *store, const char *keys)
{
	struct seal_key_file file = { 0 };
	struct ink_error error;

	assert_ok(seal_key_read(io_system(), keys, store->store_id, &file, &error));
	assert_null(file.next);
	assert_memory_equal(file.first->public_key, store->seal_key->public_key, INK_KEY_SIZE);
	seal_key_file_release(&file);
}

static void keys_that_go_away_are_told_once_and_epochs_go_on_when_they_are_back(void **state)
{
	struct store_fixture *f = *state;
	struct ink_options read_only = { .is_read_only = true };
	char keys[PATH_MAX], away[PATH_MAX];
	struct ink_store *store, *reader;
	struct ink_status status;
	uint64_t a;

	short_epochs(f);
	scratch_path(f->path, "keys", keys);
	scratch_path(f->dir, "away", away);
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	assert_int_equal(rename(keys, away), 0);
	assert_true(reaches(&begun_count, 1));
	assert_non_null(strstr(last_notice, "seal key"));
	assert_non_null(strstr(last_notice, keys));
	for (unsigned i = 0; i < 25; i++) {
		trial_append(store, a, "x", 1); /* writers are not held up */
		usleep(100000);
	}
	/* Tried again after one second and two more, not at each of 50 ticks; told once. */
	assert_in_range(store->epoch_tries, 2, 4);
	assert_int_equal(begun_count, 1);
	ink_status(store, &status);
	assert_true(status.is_epoch_overdue && status.epoch == 1 && !status.has_failed);
	/* Who has only the store sees how long it has been. */
	reader = trial_open(f->path, &read_only);
	ink_status(reader, &status);
	assert_int_equal(status.epoch_s, 1);
	assert_in_range(status.epoch_age_s, 2, 100);
	trial_close(reader);

	assert_int_equal(rename(away, keys), 0);
	assert_true(store_comes_true(store, second_epoch));
	assert_true(reaches(&over_count, 1));
	ink_status(store, &status);
	assert_false(status.is_epoch_overdue);
	assert_one_seed(store, keys);
	assert_int_equal(store->epoch_tries, 0);
	trial_close(store);
	assert_int_equal(begun_count, 1);
	assert_verifies(f->path, true);
}

/* Whoever asks a session how it is must not make its writers wait for the disk, nor for a walk over all seals. */
static void a_session_says_how_old_its_epoch_is_without_reading_a_record(void **state)
{
	struct store_fixture *f = *state;
	struct ink_status status;
	struct ink_store *store;
	struct ink_error error;
	struct fault_io fault;
	unsigned before;

	fault_io_init(&fault);
	f->options.epoch_s = 77;
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	trial_create(store, "a");
	usleep(1100000);
	before = fault.calls[FAULT_PREAD];
	ink_status(store, &status);
	assert_int_equal(fault.calls[FAULT_PREAD], before);
	assert_int_equal(status.epoch_s, 77);
	assert_in_range(status.epoch_age_s, 1, 60);
	assert_false(status.is_epoch_overdue);
	assert_ok(store_change_epoch(store, INK_SEAL_EPOCH));
	ink_status(store, &status);
	assert_int_equal(status.epoch_age_s, 0);
	trial_close(store);
}

/* As beneath a stick that was pulled out: the secret must not be written to what lies there. */
static void another_folder_in_the_place_of_the_keys_gets_no_secret(void **state)
{
	struct store_fixture *f = *state;
	char keys[PATH_MAX], away[PATH_MAX], other[PATH_MAX];
	struct ink_store *store;

	short_epochs(f);
	scratch_path(f->path, "keys", keys);
	scratch_path(f->dir, "away", away);
	scratch_path(keys, "seal.key", other);
	store = trial_open(f->path, &f->options);
	trial_create(store, "a");
	assert_int_equal(rename(keys, away), 0);
	assert_int_equal(mkdir(keys, 0700), 0);
	assert_true(reaches(&begun_count, 1));
	assert_non_null(strstr(last_notice, "not the folder"));
	assert_int_equal(rmdir(keys), 0);
	/* A copy of the folder will do: it has a key file of this store. */
	tree_copy(away, keys);
	assert_true(reaches(&over_count, 1)); /* the record comes before the last key file */
	assert_true(store_comes_true(store, second_epoch));
	assert_one_seed(store, keys);
	trial_close(store);
	assert_verifies(f->path, true);
}

/* Whatever call of the change of keys fails: it is told, tried again, and in the end one secret is on the disk. */
static void a_change_of_keys_that_fails_anywhere_is_made_good(void **state)
{
	struct store_fixture *f = *state;
	const unsigned mask = 1 << FAULT_RENAME | 1 << FAULT_SYNC_DIR | 1 << FAULT_UNLINK;
	char keys[PATH_MAX];

	short_epochs(f);
	f->options.sync_interval_ms = 3600000; /* epochs end when this test says so */
	scratch_path(f->path, "keys", keys);
	for (unsigned at = 1;; at++) {
		struct ink_store *store;
		struct ink_error error;
		struct fault_io fault;
		bool has_fired;

		begun_count = 0;
		over_count = 0;
		fault_io_init(&fault);
		assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
		store->epoch_time_ns = 1; /* long ago */
		fault_io_arm(&fault, at, mask, false, ENOSPC);
		store_end_epoch(store);
		has_fired = fault_io_fired(&fault);
		fault_io_disarm(&fault);
		assert_int_equal(begun_count, has_fired);
		if (has_fired) {
			store_end_epoch(store); /* too early: nothing */
			assert_int_equal(over_count, 0);
			store->epoch_retry_ns = 0;
			store_end_epoch(store);
			assert_int_equal(over_count, 1);
		}
		assert_one_seed(store, keys);
		trial_close(store);
		assert_verifies(f->path, true);
		if (!has_fired) {
			assert_true(at > 4); /* both key files, and the folder after each */
			break;
		}
	}
}

static void a_failed_sync_is_told_once(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store;
	struct ink_error error;
	struct fault_io fault;

	short_epochs(f);
	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	fault_io_arm(&fault, 1, 1 << FAULT_FDATASYNC, true, EIO);
	trial_create(store, "a");
	assert_true(reaches(&begun_count, 1));
	usleep(300000);
	assert_int_equal(begun_count, 1);
	assert_non_null(strstr(last_notice, "mount it again"));
	fault_io_disarm(&fault);
	assert_err(INK_ERR_FAILED, ink_store_close(store, INK_UNMOUNT_ASKED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(an_epoch_ends_after_its_time_and_its_secret_is_gone),
		T(a_change_that_was_not_synced_is_not_followed_by_another),
		T(keys_that_go_away_are_told_once_and_epochs_go_on_when_they_are_back),
		T(a_session_says_how_old_its_epoch_is_without_reading_a_record),
		T(another_folder_in_the_place_of_the_keys_gets_no_secret),
		T(a_change_of_keys_that_fails_anywhere_is_made_good),
		T(a_failed_sync_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
