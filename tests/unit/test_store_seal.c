/* SPDX-License-Identifier: MIT */
/* When a signature covers a record and when it is on the disk; disks that fail. */
#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

static void every_write_is_sealed_with_seal_write(void **state)
{
	struct store_fixture *f = *state;
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	struct ink_store *store;
	uint64_t a;

	f->options.seal_mode = INK_SEAL_MODE_WRITE;
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	for (unsigned i = 0; i < 20; i++) {
		struct ink_file_info info;

		trial_append(store, a, "line\n", 5);
		assert_ok(ink_file_info(store, a, &info));
		assert_true(info.is_sealed && info.record_count == i + 1);
	}
	trial_close(store);
	assert_ok(ink_reader_open(f->path, &reader, &error));
	for (uint8_t before = 0;; before = record->header.kind) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		assert_true(before != INK_APPEND || record->header.kind == INK_SEAL);
	}
	ink_reader_close(reader);
}

static void closing_a_file_seals_what_was_written_to_it_and_only_if_need_be(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a"), b = trial_create(store, "b"), seals;
	struct ink_file_info info;

	trial_append(store, a, "x", 1);
	assert_ok(ink_file_info(store, a, &info));
	assert_false(info.is_sealed);
	seals = count_records(f->path, INK_SEAL);
	assert_ok(ink_seal(store, a));
	assert_ok(ink_file_info(store, a, &info));
	assert_true(info.is_sealed);
	assert_true(count_records(f->path, INK_SEAL) == seals + 1);
	assert_ok(ink_seal(store, a));
	assert_ok(ink_seal(store, b));
	assert_true(count_records(f->path, INK_SEAL) == seals + 1);
	trial_append(store, b, "x", 1);
	assert_ok(ink_seal(store, a)); /* nothing of a's is unsealed */
	assert_true(count_records(f->path, INK_SEAL) == seals + 1);
	trial_close(store);
}

static void a_sync_makes_everything_durable_with_its_seal(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a");
	struct ink_status status;

	trial_append(store, a, "x", 1);
	ink_status(store, &status);
	assert_true(status.durable_count < status.record_count &&
		    status.sealed_count < status.record_count);
	assert_ok(ink_sync(store));
	ink_status(store, &status);
	assert_true(status.durable_count == status.record_count &&
		    status.sealed_count == status.record_count);
	assert_ok(ink_append(store, &trial_root, a, INK_AT_END, "y", 1, true));
	ink_status(store, &status);
	assert_true(status.durable_count == status.record_count &&
		    status.sealed_count == status.record_count);
	trial_close(store);
}

static bool all_sealed(const struct ink_status *status)
{
	return status->sealed_count == status->record_count;
}

static bool all_indexed(const struct ink_status *status)
{
	return status->index_count == status->record_count &&
	       status->durable_count == status->record_count;
}

static void nobody_asks_and_records_are_sealed_synced_and_indexed_all_the_same(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store;
	uint64_t a;

	f->options.seal_interval_ms = 20;
	f->options.sync_interval_ms = 100;
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	trial_append(store, a, "x", 1);
	assert_true(store_comes_true(store, all_sealed));
	assert_true(store_comes_true(store, all_indexed));
	trial_close(store);
}

/* The thread that seals is woken for the first record; when it comes, that is sealed, and the next must wake it again. */
static void a_record_after_one_that_was_sealed_at_once_is_sealed_in_time_too(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store;
	uint64_t a;

	f->options.seal_interval_ms = 10;
	f->options.sync_interval_ms = 600000; /* nobody else seals */
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	for (unsigned i = 0; i < 30; i++) {
		assert_true(store_comes_true(store, all_sealed));
		usleep(15000); /* until it is idle */
		trial_append(store, a, "x", 1);
		assert_ok(ink_seal(store, a));
		usleep(500);
		trial_append(store, a, "y", 1);
	}
	assert_true(store_comes_true(store, all_sealed));
	trial_close(store);
}

static void after_a_failed_sync_the_store_takes_nothing_until_it_is_opened_anew(void **state)
{
	struct store_fixture *f = *state;
	struct trial_model model = { 0 };
	struct ink_store *store;
	struct fault_io fault;
	struct ink_error error;
	struct ink_status status;
	struct trial_file *file;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	file = model_add(&model, "a", trial_create(store, "a"));
	trial_append(store, file->inode, "before", 6);
	model_append(file, "before", 6);
	fault_io_arm(&fault, 1, 1 << FAULT_FDATASYNC, false, EIO);
	assert_err(INK_ERR_IO, ink_sync(store));
	assert_err(INK_ERR_FAILED,
		   ink_append(store, &trial_root, file->inode, INK_AT_END, "x", 1, false));
	assert_err(INK_ERR_FAILED, ink_sync(store));
	assert_err(INK_ERR_FAILED, ink_truncate(store, &trial_root, file->inode, 0));
	ink_status(store, &status);
	assert_true(status.has_failed);
	assert_store_is(store, &model); /* reading goes on */
	assert_err(INK_ERR_FAILED, ink_store_close(store, INK_UNMOUNT_ASKED));
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_int_equal(count_records(f->path, INK_RECOVERY), 1);
	assert_verifies(f->path, true);
	model_free(&model);
}

static void a_full_disk_refuses_writes_and_still_closes_in_order(void **state)
{
	struct store_fixture *f = *state;
	static const uint8_t data[10000];
	struct trial_model model = { 0 };
	struct ink_store *store;
	struct fault_io fault;
	struct ink_status status;
	struct ink_error error;
	struct trial_file *file;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	file = model_add(&model, "a", trial_create(store, "a"));
	/* Refusals that wait to be counted when the disk is full already. */
	for (unsigned i = 0; i < 10; i++)
		assert_err(INK_ERR_DENIED, ink_truncate(store, &trial_root, file->inode, 1));
	fault_io_arm(&fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	for (;;) {
		enum ink_err err = ink_append(store, &trial_root, file->inode, INK_AT_END, data,
					      sizeof(data), false);

		if (err != INK_OK) {
			assert_err(INK_ERR_IO, err);
			assert_int_equal(errno, ENOSPC);
			break;
		}
		model_append(file, data, sizeof(data));
	}
	assert_ok(ink_sync(store));
	assert_store_is(store, &model);
	/* An attempt that cannot be recorded is refused as well. */
	assert_int_not_equal((int)ink_unlink(store, &trial_root, 1, "a", false), INK_OK);
	assert_ok(ink_store_close(store, INK_UNMOUNT_ASKED));
	assert_verifies(f->path, true);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	ink_status(store, &status);
	assert_true(status.refusal_count >= 10); /* and the unlink, if it fitted */
	trial_close(store);
	model_free(&model);
}

static void a_sync_waits_for_no_second_one_if_the_first_covers_it(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store;
	struct fault_io fault;
	struct ink_error error;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	trial_create(store, "a");
	assert_ok(ink_sync(store));
	fault.calls[FAULT_FDATASYNC] = 0;
	assert_ok(ink_sync(store));
	assert_int_equal(fault.calls[FAULT_FDATASYNC], 0);
	trial_close(store);
}

/* Space that was written before makes a sync short; who never syncs is not made to write everything twice. */
static void who_syncs_often_gets_space_that_was_written_ahead(void **state)
{
	struct store_fixture *f = *state;
	unsigned before, ahead = 0;
	struct ink_store *store;
	struct fault_io fault;
	struct ink_error error;
	uint64_t a;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	a = trial_create(store, "a");
	/* Opening was the first to ask. */
	for (unsigned i = 2; i < SYNC_HABIT_COUNT + 100; i++) {
		trial_append(store, a, "x", 1);
		before = fault.calls[FAULT_PWRITEV];
		assert_ok(ink_sync(store));
		/* The seal is one. */
		ahead += fault.calls[FAULT_PWRITEV] - before - 1;
		assert_int_equal(ahead, i < SYNC_HABIT_COUNT ? 0 : 1);
	}
	trial_abandon(store);
	store = trial_open(f->path, &f->options); /* zeros behind the end are no loss */
	trial_close(store);
	assert_int_equal(count_losses(f->path), 0);
	assert_verifies(f->path, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(every_write_is_sealed_with_seal_write),
		T(closing_a_file_seals_what_was_written_to_it_and_only_if_need_be),
		T(a_sync_makes_everything_durable_with_its_seal),
		T(nobody_asks_and_records_are_sealed_synced_and_indexed_all_the_same),
		T(a_record_after_one_that_was_sealed_at_once_is_sealed_in_time_too),
		T(after_a_failed_sync_the_store_takes_nothing_until_it_is_opened_anew),
		T(a_full_disk_refuses_writes_and_still_closes_in_order),
		T(a_sync_waits_for_no_second_one_if_the_first_covers_it),
		T(who_syncs_often_gets_space_that_was_written_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
