/* SPDX-License-Identifier: MIT */
/* The space of a log: its reserve, what it takes ahead, the zeros that it writes there, and a disk that has none left. */
#include "log.h"

#include <errno.h>

#include "check.h"
#include "log_fixture.h"
#include "scratch.h"

static void ordinary_records_leave_the_reserve_to_the_system(void **state)
{
	struct log_fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	log_path_of(f, 0, path);
	/* The disk is full: no further space. */
	fault_io_arm(&f->fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	while (log_feed(f, 1000, false) == INK_OK)
		;
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(file_size(path), ALLOCATE_FIRST);
	assert_true(f->place + RESERVE_SIZE < ALLOCATE_FIRST);
	assert_true(f->place + RESERVE_SIZE + 3000 > ALLOCATE_FIRST);
	assert_ok(log_feed(f, SEAL_BODY_SIZE, true));
	for (unsigned i = 0; i < 200; i++)
		assert_ok(log_feed(f, SEAL_BODY_SIZE, true));
	assert_err(INK_ERR_IO, log_feed(f, 1000, false));
	/* Space again: all goes on. */
	fault_io_disarm(&f->fault);
	assert_ok(log_feed(f, 1000, false));
	assert_true(log_count_records(f) == log_next_seq(f->log));
}

static void a_full_disk_at_a_rotation_leaves_the_old_segment_in_use(void **state)
{
	struct log_fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, INK_APPEND_SIZE_MAX, false));
	assert_ok(log_feed(f, 900000, false));
	fault_io_arm(&f->fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	assert_err(INK_ERR_IO, log_feed(f, 500000, false));
	log_path_of(f, 1, path);
	assert_false(file_exists(path));
	assert_int_equal(log_segment_count(f->log), 1);
	fault_io_arm(&f->fault, 1, 1 << FAULT_TRUNCATE, false, EIO);
	assert_err(INK_ERR_IO, log_feed(f, 500000, false));
	assert_false(file_exists(path));
	assert_ok(log_feed(f, 500000, false));
	assert_int_equal(log_segment_count(f->log), 2);
	assert_int_equal(log_count_records(f), 3);
}

static void space_is_taken_ahead_and_never_beyond_the_segments_size(void **state)
{
	struct log_fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	log_path_of(f, 0, path);
	f->fault.calls[FAULT_ALLOCATE] = 0;
	for (unsigned i = 0; i < 500; i++)
		assert_ok(log_feed(f, 1000, false));
	assert_int_equal(f->fault.calls[FAULT_ALLOCATE], 0);
	while (log_segment_count(f->log) < 2) {
		assert_true(file_size(path) <= SEGMENT_SIZE_MIN);
		assert_ok(log_feed(f, 1000, false));
	}
	assert_true(f->fault.calls[FAULT_ALLOCATE] <= 3);
}

static void a_trimmed_log_ends_with_its_last_frame(void **state)
{
	struct log_fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, 100, false));
	assert_ok(log_trim(f->log, frame_size(UNMOUNT_BODY_SIZE)));
	fault_io_arm(&f->fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	assert_ok(log_feed(f, UNMOUNT_BODY_SIZE, true));
	log_path_of(f, 0, path);
	assert_int_equal(file_size(path),
			 SEGMENT_HEADER_SIZE + frame_size(100) + frame_size(UNMOUNT_BODY_SIZE));
	fault_io_disarm(&f->fault);
	assert_ok(log_feed(f, 5, true)); /* and may grow again */
	assert_int_equal(log_count_records(f), 3);
}

/* --- space that is written ahead --- */

static unsigned write_count(struct log_fixture *f)
{
	return f->fault.calls[FAULT_PWRITEV];
}

static void zeros_ahead_change_no_record_whatever_comes_between(void **state)
{
	struct log_fixture *f = *state;
	unsigned ahead = 0, before;
	char path[PATH_MAX];
	uint64_t count = 0;
	struct rng rng;

	rng_init(&rng, "ahead");
	assert_ok(log_create(&f->options, &f->log));
	for (unsigned round = 0; round < 400; round++) {
		uint64_t size = 1 + rng_below(&rng, rng_below(&rng, 2) ? 90000 : 300);

		assert_ok(log_feed(f, (uint32_t)size, false));
		count++;
		if (rng_below(&rng, 3) == 0)
			assert_ok(log_sync_all(f));
		before = write_count(f);
		if (rng_below(&rng, 2) == 0)
			log_write_ahead(f->log);
		ahead += write_count(f) - before;
		log_path_of(f, log_segment_count(f->log) - 1, path);
		assert_true(file_size(path) <= SEGMENT_SIZE_MIN);
	}
	assert_true(log_segment_count(f->log) > 2 && ahead > 10);
	assert_ok(log_feed(f, 100, false));
	log_write_ahead(f->log);
	assert_ok(log_trim(f->log, 0));
	assert_int_equal(file_size(path), place_offset(f->place) + frame_size(100));
	assert_int_equal(log_count_records(f), count + 1);
}

/* A store that is small stays small, and a sync that comes right after takes nothing along. */
static void zeros_are_written_ahead_once_and_into_allocated_space_only(void **state)
{
	struct log_fixture *f = *state;
	char path[PATH_MAX];
	unsigned before;

	assert_ok(log_create(&f->options, &f->log));
	log_path_of(f, 0, path);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t written = 0;

		assert_ok(log_feed(f, 3000, false));
		before = write_count(f);
		log_write_ahead(f->log);
		assert_int_equal(write_count(f), before + 1);
		log_write_ahead(f->log);
		while (written + frame_size(3000) < AHEAD_SIZE - AHEAD_LOW - AHEAD_ALIGN) {
			assert_ok(log_feed(f, 3000, false));
			written += frame_size(3000);
			before = write_count(f);
			log_write_ahead(f->log);
			assert_int_equal(write_count(f), before);
		}
		while (written < AHEAD_SIZE - AHEAD_LOW) {
			assert_ok(log_feed(f, 3000, false));
			written += frame_size(3000);
		}
		assert_int_equal(f->fault.calls[FAULT_ALLOCATE], 1);
		assert_int_equal(file_size(path), ALLOCATE_FIRST);
	}
}

static void a_disk_that_takes_no_zeros_is_asked_once_and_still_takes_records(void **state)
{
	struct log_fixture *f = *state;
	unsigned before;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, 3000, false));
	f->fault.is_torn = true;
	fault_io_arm(&f->fault, 1, 1 << FAULT_PWRITEV, true, EIO);
	log_write_ahead(f->log);
	assert_true(fault_io_fired(&f->fault));
	fault_io_disarm(&f->fault);
	before = write_count(f);
	log_write_ahead(f->log);
	assert_int_equal(write_count(f), before);
	assert_ok(log_feed(f, 3000, false));
	assert_int_equal(log_count_records(f), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, log_setup, log_teardown)
	const struct CMUnitTest tests[] = {
		T(ordinary_records_leave_the_reserve_to_the_system),
		T(a_full_disk_at_a_rotation_leaves_the_old_segment_in_use),
		T(space_is_taken_ahead_and_never_beyond_the_segments_size),
		T(a_trimmed_log_ends_with_its_last_frame),
		T(zeros_ahead_change_no_record_whatever_comes_between),
		T(zeros_are_written_ahead_once_and_into_allocated_space_only),
		T(a_disk_that_takes_no_zeros_is_asked_once_and_still_takes_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
