/* SPDX-License-Identifier: MIT */
/* Records, segments and syncs of a log, and what opening it again makes of them. */
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "log_fixture.h"
#include "scratch.h"
#include "segment.h"

static void records_follow_each_other_and_each_is_one_write_of_three_parts(void **state)
{
	struct log_fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	f->fault.calls[FAULT_PWRITEV] = 0;
	for (uint32_t i = 0; i < 100; i++) {
		assert_ok(log_feed(f, 1 + i * 7, false));
		assert_int_equal(f->fault.calls[FAULT_PWRITEV], i + 1);
		assert_int_equal(f->fault.parts_count, 3);
	}
	assert_true(log_next_seq(f->log) == 100);
	assert_int_equal(log_count_records(f), 100);
}

static void an_existing_log_is_not_made_again(void **state)
{
	struct log_fixture *f = *state;
	struct log *other = NULL;

	assert_ok(log_create(&f->options, &f->log));
	assert_err(INK_ERR_IO, log_create(&f->options, &other));
	assert_int_equal(errno, EEXIST);
	assert_null(other);
}

static void a_finished_segment_ends_with_its_last_frame_and_the_next_is_chained_to_it(void **state)
{
	struct log_fixture *f = *state;
	struct segment_header header;
	uint8_t *bytes;
	char path[PATH_MAX];
	uint8_t leaf_before[INK_HASH_SIZE];
	size_t size;

	assert_ok(log_create(&f->options, &f->log));
	while (log_segment_count(f->log) < 3) {
		memcpy(leaf_before, f->last_leaf, INK_HASH_SIZE);
		assert_ok(log_feed(f, 100000, false));
	}
	for (uint32_t i = 0; i < 2; i++) {
		log_path_of(f, i, path);
		assert_true(file_size(path) <= SEGMENT_SIZE_MIN);
		assert_int_equal((file_size(path) - SEGMENT_HEADER_SIZE) % frame_size(100000), 0);
	}
	log_path_of(f, 2, path);
	bytes = file_read(path, &size);
	assert_ok(segment_header_decode(bytes, &header));
	assert_int_equal(header.index, 2);
	assert_true(header.first_seq == log_next_seq(f->log) - 1);
	assert_memory_equal(header.prev, leaf_before, INK_HASH_SIZE);
	assert_memory_equal(header.store_id, f->store_id, INK_STORE_ID_SIZE);
	free(bytes);
	assert_true(log_count_records(f) == log_next_seq(f->log));
	assert_int_equal(log_closing_count(f->log), 2);
	assert_ok(log_sync_all(f));
	assert_int_equal(log_closing_count(f->log), 0);
}

static void a_segment_may_end_exactly_at_its_limit(void **state)
{
	struct log_fixture *f = *state;
	uint64_t room = SEGMENT_SIZE_MIN - SEGMENT_HEADER_SIZE;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, INK_APPEND_SIZE_MAX, true));
	room -= frame_size(INK_APPEND_SIZE_MAX);
	assert_ok(log_feed(f, (uint32_t)room - FRAME_OFF_BODY, true));
	log_path_of(f, 0, path);
	assert_int_equal(file_size(path), SEGMENT_SIZE_MIN);
	assert_int_equal(log_segment_count(f->log), 1);
	assert_ok(log_feed(f, 1, true));
	assert_int_equal(log_segment_count(f->log), 2);
	assert_int_equal(file_size(path), SEGMENT_SIZE_MIN);
	assert_int_equal(log_count_records(f), 3);
}

static void a_write_that_fails_never_was(void **state)
{
	struct log_fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, 100, false));
	for (unsigned torn = 0; torn < 4; torn++) {
		f->fault.is_torn = torn > 0;
		fault_io_arm(&f->fault, 1 + torn % 2, 1 << FAULT_PWRITEV, true, EIO);
		f->fault.write_size_max = torn == 3 ? 150 : 0;
		if (torn == 1)
			f->fault.write_size_max = 400; /* all but the last bytes, then an error */
		assert_err(INK_ERR_IO, log_feed(f, 300, false));
		assert_true(log_next_seq(f->log) == 1);
		/* Also not for somebody who opens the log now, as after a crash. */
		assert_int_equal(log_count_records(f), 1);
		f->fault.write_size_max = 0;
		fault_io_disarm(&f->fault);
	}
	assert_ok(log_feed(f, 30, false));
	assert_int_equal(log_count_records(f), 2);
}

static void a_failed_sync_is_for_ever(void **state)
{
	struct log_fixture *f = *state;
	struct ink_header header = { .kind = INK_MOUNT };
	struct log_ticket ticket;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, 100, false));
	fault_io_arm(&f->fault, 1, 1 << FAULT_FDATASYNC, false, EIO);
	assert_err(INK_ERR_IO, log_sync_all(f));
	assert_true(log_has_failed(f->log));
	f->fault.calls[FAULT_FDATASYNC] = 0;
	assert_err(INK_ERR_FAILED, log_feed(f, 1, true));
	assert_err(INK_ERR_FAILED, log_prepare(f->log, &header, true));
	assert_err(INK_ERR_FAILED, log_ticket_take(f->log, &ticket));
	assert_err(INK_ERR_FAILED, log_trim(f->log, 0));
	assert_int_equal(f->fault.calls[FAULT_FDATASYNC], 0);
	assert_int_equal(log_count_records(f), 1);
}

static void a_sync_covers_finished_segments_and_the_folder_of_a_new_one(void **state)
{
	struct log_fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	f->fault.calls[FAULT_FDATASYNC] = f->fault.calls[FAULT_SYNC_DIR] = 0;
	assert_ok(log_feed(f, 100, false));
	assert_ok(log_sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_FDATASYNC], 1);
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 1);
	assert_ok(log_feed(f, 100, false));
	assert_ok(log_sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 1); /* no new name since */
	while (log_segment_count(f->log) < 4)
		assert_ok(log_feed(f, INK_APPEND_SIZE_MAX, false));
	f->fault.calls[FAULT_FDATASYNC] = 0;
	assert_ok(log_sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_FDATASYNC], 4);
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 2);
}

static void a_segment_made_while_a_ticket_is_out_waits_for_the_next(void **state)
{
	struct log_fixture *f = *state;
	struct log_ticket ticket;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, 100, false));
	assert_ok(log_ticket_take(f->log, &ticket));
	assert_true(ticket.record_count == 1);
	while (log_segment_count(f->log) < 2)
		assert_ok(log_feed(f, 500000, false));
	assert_ok(log_ticket_sync(&ticket));
	log_ticket_return(f->log, &ticket, true);
	assert_int_equal(log_closing_count(f->log), 1);
	f->fault.calls[FAULT_SYNC_DIR] = 0;
	assert_ok(log_sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 1);
	assert_int_equal(log_closing_count(f->log), 0);
}

static void finished_segments_are_read_only_once_they_are_synced(void **state)
{
	struct log_fixture *f = *state;
	char path[PATH_MAX];
	struct stat st;

	assert_ok(log_create(&f->options, &f->log));
	while (log_segment_count(f->log) < 2)
		assert_ok(log_feed(f, 500000, false));
	log_path_of(f, 0, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(log_sync_all(f));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
}

static void too_many_unsynced_segments_are_refused_before_one_is_lost(void **state)
{
	struct log_fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	while (log_feed(f, INK_APPEND_SIZE_MAX, false) == INK_OK)
		assert_true(log_segment_count(f->log) <= CLOSING_MAX + 1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(log_closing_count(f->log), CLOSING_MAX);
	assert_ok(log_sync_all(f));
	assert_ok(log_feed(f, INK_APPEND_SIZE_MAX, false));
}

static void a_log_that_is_opened_again_goes_on_where_it_ended(void **state)
{
	struct log_fixture *f = *state;
	struct log_position at;

	assert_ok(log_create(&f->options, &f->log));
	for (unsigned i = 0; i < 10; i++) {
		uint8_t leaf[INK_HASH_SIZE];

		assert_ok(log_feed(f, 50 + i, false));
		memcpy(leaf, f->last_leaf, sizeof(leaf));
		at = (struct log_position){ log_next_seq(f->log), f->place + frame_size(50 + i),
					    leaf };
		log_close(f->log);
		f->log = NULL;
		assert_ok(log_open(&f->options, &at, &f->log));
	}
	assert_int_equal(log_count_records(f), 10);
	log_close(NULL);
}

static void a_log_without_its_last_segment_does_not_open(void **state)
{
	struct log_fixture *f = *state;
	struct log_position at = { 1, place_make(3, 128), f->last_leaf };

	assert_err(INK_ERR_IO, log_open(&f->options, &at, &f->log));
	assert_int_equal(errno, ENOENT);
	assert_null(f->log);
}

/* As open() answers who is not root; root is kept out by chattr +a and +i only. */
static enum ink_err open_protected(struct log_fixture *f, int errno_code)
{
	struct log_position at = { log_next_seq(f->log), f->place + frame_size(50), f->last_leaf };

	log_close(f->log);
	f->log = NULL;
	fault_io_arm(&f->fault, 1, 1 << FAULT_OPEN, false, errno_code);
	return log_open(&f->options, &at, &f->log);
}

static void behind_a_protected_segment_the_log_goes_on_only_if_it_is_finished(void **state)
{
	struct log_fixture *f = *state;
	char first[PATH_MAX], second[PATH_MAX];

	log_path_of(f, 0, first);
	log_path_of(f, 1, second);
	for (int errno_code = EPERM; errno_code != 0;
	     errno_code = errno_code == EPERM ? EACCES : 0) {
		assert_ok(log_create(&f->options, &f->log));
		assert_ok(log_feed(f, 50, false));
		assert_err(INK_ERR_DENIED, open_protected(f, errno_code));
		assert_null(f->log);
		assert_false(file_exists(second));
		assert_int_equal(unlink(first), 0);
	}
	assert_ok(log_create(&f->options, &f->log));
	assert_ok(log_feed(f, 50, false));
	assert_int_equal(truncate(first, (off_t)(f->place + frame_size(50))), 0);
	assert_ok(open_protected(f, EPERM));
	assert_int_equal(log_segment_count(f->log), 2);
	assert_true(file_exists(second));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, log_setup, log_teardown)
	const struct CMUnitTest tests[] = {
		T(records_follow_each_other_and_each_is_one_write_of_three_parts),
		T(an_existing_log_is_not_made_again),
		T(a_finished_segment_ends_with_its_last_frame_and_the_next_is_chained_to_it),
		T(a_segment_may_end_exactly_at_its_limit),
		T(a_write_that_fails_never_was),
		T(a_failed_sync_is_for_ever),
		T(a_sync_covers_finished_segments_and_the_folder_of_a_new_one),
		T(a_segment_made_while_a_ticket_is_out_waits_for_the_next),
		T(finished_segments_are_read_only_once_they_are_synced),
		T(too_many_unsynced_segments_are_refused_before_one_is_lost),
		T(a_log_that_is_opened_again_goes_on_where_it_ended),
		T(a_log_without_its_last_segment_does_not_open),
		T(behind_a_protected_segment_the_log_goes_on_only_if_it_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
