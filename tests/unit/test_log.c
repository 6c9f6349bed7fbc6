/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "hash.h"
#include "inkfs/reader.h"
#include "scratch.h"
#include "segment.h"

struct fixture {
	char store[PATH_MAX], dir[PATH_MAX];
	struct fault_io fault;
	struct log_options options;
	uint8_t store_id[INK_STORE_ID_SIZE];
	struct log *log;
	uint8_t last_leaf[INK_HASH_SIZE];
	uint64_t place; /* of the last record written */
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	scratch_dir(f.store);
	scratch_path(f.store, "log", f.dir);
	if (mkdir(f.dir, 0700) != 0)
		return -1;
	fault_io_init(&f.fault);
	memset(f.store_id, 6, sizeof(f.store_id));
	f.options = (struct log_options){ .io = &f.fault.io,
					  .dir = f.dir,
					  .segment_size = SEGMENT_SIZE_MIN,
					  .store_id = f.store_id };
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_close(f->log);
	tree_remove(f->store);
	return 0;
}

static enum ink_err append(struct fixture *f, uint32_t size, bool is_system)
{
	static uint8_t body[INK_APPEND_SIZE_MAX];
	struct ink_header header = { .kind = INK_APPEND, .body_size = size, .inode = 2 };
	uint8_t nonce[INK_NONCE_SIZE] = { 1 };
	enum ink_err err = log_prepare(f->log, &header, is_system);

	if (err != INK_OK)
		return err;
	memset(body, (int)(header.seq % 251), size);
	hash_two(nonce, sizeof(nonce), body, size, header.digest);
	return log_write(f->log, &header, nonce, body, f->last_leaf, &f->place);
}

static enum ink_err sync_all(struct fixture *f)
{
	struct log_ticket ticket;
	enum ink_err err = log_ticket_take(f->log, &ticket);

	if (err != INK_OK)
		return err;
	err = log_ticket_sync(&ticket);
	log_ticket_return(f->log, &ticket, err == INK_OK);
	return err;
}

static void path_of(struct fixture *f, uint32_t segment, char *ret_path)
{
	segment_path(f->dir, segment, ret_path);
}

/* Chain, leaves and segments as somebody sees them who has only the files. */
static uint64_t count_records(struct fixture *f)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	uint64_t count = 0;

	assert_ok(ink_reader_open(f->store, &reader, &error));
	for (;; count++) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		assert_true(record->header.seq == count);
		for (uint32_t i = 0; i < record->header.body_size; i++)
			assert_int_equal(record->body[i], count % 251);
	}
	ink_reader_close(reader);
	return count;
}

static void records_follow_each_other_and_each_is_one_write_of_three_parts(void **state)
{
	struct fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	f->fault.calls[FAULT_PWRITEV] = 0;
	for (uint32_t i = 0; i < 100; i++) {
		assert_ok(append(f, 1 + i * 7, false));
		assert_int_equal(f->fault.calls[FAULT_PWRITEV], i + 1);
		assert_int_equal(f->fault.parts_count, 3);
	}
	assert_true(log_next_seq(f->log) == 100);
	assert_int_equal(count_records(f), 100);
}

static void an_existing_log_is_not_made_again(void **state)
{
	struct fixture *f = *state;
	struct log *other = NULL;

	assert_ok(log_create(&f->options, &f->log));
	assert_err(INK_ERR_IO, log_create(&f->options, &other));
	assert_int_equal(errno, EEXIST);
	assert_null(other);
}

static void a_finished_segment_ends_with_its_last_frame_and_the_next_is_chained_to_it(void **state)
{
	struct fixture *f = *state;
	struct segment_header header;
	uint8_t *bytes;
	char path[PATH_MAX];
	uint8_t leaf_before[INK_HASH_SIZE];
	size_t size;

	assert_ok(log_create(&f->options, &f->log));
	while (log_segment_count(f->log) < 3) {
		memcpy(leaf_before, f->last_leaf, INK_HASH_SIZE);
		assert_ok(append(f, 100000, false));
	}
	for (uint32_t i = 0; i < 2; i++) {
		path_of(f, i, path);
		assert_true(file_size(path) <= SEGMENT_SIZE_MIN);
		assert_int_equal((file_size(path) - SEGMENT_HEADER_SIZE) % frame_size(100000), 0);
	}
	path_of(f, 2, path);
	bytes = file_read(path, &size);
	assert_ok(segment_header_decode(bytes, &header));
	assert_int_equal(header.index, 2);
	assert_true(header.first_seq == log_next_seq(f->log) - 1);
	assert_memory_equal(header.prev, leaf_before, INK_HASH_SIZE);
	assert_memory_equal(header.store_id, f->store_id, INK_STORE_ID_SIZE);
	free(bytes);
	assert_true(count_records(f) == log_next_seq(f->log));
	assert_int_equal(log_closing_count(f->log), 2);
	assert_ok(sync_all(f));
	assert_int_equal(log_closing_count(f->log), 0);
}

static void a_segment_may_end_exactly_at_its_limit(void **state)
{
	struct fixture *f = *state;
	uint64_t room = SEGMENT_SIZE_MIN - SEGMENT_HEADER_SIZE;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, INK_APPEND_SIZE_MAX, true));
	room -= frame_size(INK_APPEND_SIZE_MAX);
	assert_ok(append(f, (uint32_t)room - FRAME_OFF_BODY, true));
	path_of(f, 0, path);
	assert_int_equal(file_size(path), SEGMENT_SIZE_MIN);
	assert_int_equal(log_segment_count(f->log), 1);
	assert_ok(append(f, 1, true));
	assert_int_equal(log_segment_count(f->log), 2);
	assert_int_equal(file_size(path), SEGMENT_SIZE_MIN);
	assert_int_equal(count_records(f), 3);
}

static void ordinary_records_leave_the_reserve_to_the_system(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	path_of(f, 0, path);
	/* The disk is full: no further space. */
	fault_io_arm(&f->fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	while (append(f, 1000, false) == INK_OK)
		;
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(file_size(path), ALLOCATE_FIRST);
	assert_true(f->place + RESERVE_SIZE < ALLOCATE_FIRST);
	assert_true(f->place + RESERVE_SIZE + 3000 > ALLOCATE_FIRST);
	assert_ok(append(f, SEAL_BODY_SIZE, true));
	for (unsigned i = 0; i < 200; i++)
		assert_ok(append(f, SEAL_BODY_SIZE, true));
	assert_err(INK_ERR_IO, append(f, 1000, false));
	/* Space again: all goes on. */
	fault_io_disarm(&f->fault);
	assert_ok(append(f, 1000, false));
	assert_true(count_records(f) == log_next_seq(f->log));
}

static void a_full_disk_at_a_rotation_leaves_the_old_segment_in_use(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, INK_APPEND_SIZE_MAX, false));
	assert_ok(append(f, 900000, false));
	fault_io_arm(&f->fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	assert_err(INK_ERR_IO, append(f, 500000, false));
	path_of(f, 1, path);
	assert_false(file_exists(path));
	assert_int_equal(log_segment_count(f->log), 1);
	fault_io_arm(&f->fault, 1, 1 << FAULT_TRUNCATE, false, EIO);
	assert_err(INK_ERR_IO, append(f, 500000, false));
	assert_false(file_exists(path));
	assert_ok(append(f, 500000, false));
	assert_int_equal(log_segment_count(f->log), 2);
	assert_int_equal(count_records(f), 3);
}

static void space_is_taken_ahead_and_never_beyond_the_segments_size(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	path_of(f, 0, path);
	f->fault.calls[FAULT_ALLOCATE] = 0;
	for (unsigned i = 0; i < 500; i++)
		assert_ok(append(f, 1000, false));
	assert_int_equal(f->fault.calls[FAULT_ALLOCATE], 0);
	while (log_segment_count(f->log) < 2) {
		assert_true(file_size(path) <= SEGMENT_SIZE_MIN);
		assert_ok(append(f, 1000, false));
	}
	assert_true(f->fault.calls[FAULT_ALLOCATE] <= 3);
}

static void a_write_that_fails_never_was(void **state)
{
	struct fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, 100, false));
	for (unsigned torn = 0; torn < 4; torn++) {
		f->fault.is_torn = torn > 0;
		fault_io_arm(&f->fault, 1 + torn % 2, 1 << FAULT_PWRITEV, true, EIO);
		f->fault.write_size_max = torn == 3 ? 150 : 0;
		if (torn == 1)
			f->fault.write_size_max = 400; /* all but the last bytes, then an error */
		assert_err(INK_ERR_IO, append(f, 300, false));
		assert_true(log_next_seq(f->log) == 1);
		/* Also not for somebody who opens the log now, as after a crash. */
		assert_int_equal(count_records(f), 1);
		f->fault.write_size_max = 0;
		fault_io_disarm(&f->fault);
	}
	assert_ok(append(f, 30, false));
	assert_int_equal(count_records(f), 2);
}

static void a_failed_sync_is_for_ever(void **state)
{
	struct fixture *f = *state;
	struct ink_header header = { .kind = INK_MOUNT };
	struct log_ticket ticket;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, 100, false));
	fault_io_arm(&f->fault, 1, 1 << FAULT_FDATASYNC, false, EIO);
	assert_err(INK_ERR_IO, sync_all(f));
	assert_true(log_has_failed(f->log));
	f->fault.calls[FAULT_FDATASYNC] = 0;
	assert_err(INK_ERR_FAILED, append(f, 1, true));
	assert_err(INK_ERR_FAILED, log_prepare(f->log, &header, true));
	assert_err(INK_ERR_FAILED, log_ticket_take(f->log, &ticket));
	assert_err(INK_ERR_FAILED, log_trim(f->log, 0));
	assert_int_equal(f->fault.calls[FAULT_FDATASYNC], 0);
	assert_int_equal(count_records(f), 1);
}

static void a_sync_covers_finished_segments_and_the_folder_of_a_new_one(void **state)
{
	struct fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	f->fault.calls[FAULT_FDATASYNC] = f->fault.calls[FAULT_SYNC_DIR] = 0;
	assert_ok(append(f, 100, false));
	assert_ok(sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_FDATASYNC], 1);
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 1);
	assert_ok(append(f, 100, false));
	assert_ok(sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 1); /* no new name since */
	while (log_segment_count(f->log) < 4)
		assert_ok(append(f, INK_APPEND_SIZE_MAX, false));
	f->fault.calls[FAULT_FDATASYNC] = 0;
	assert_ok(sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_FDATASYNC], 4);
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 2);
}

static void a_segment_made_while_a_ticket_is_out_waits_for_the_next(void **state)
{
	struct fixture *f = *state;
	struct log_ticket ticket;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, 100, false));
	assert_ok(log_ticket_take(f->log, &ticket));
	assert_true(ticket.record_count == 1);
	while (log_segment_count(f->log) < 2)
		assert_ok(append(f, 500000, false));
	assert_ok(log_ticket_sync(&ticket));
	log_ticket_return(f->log, &ticket, true);
	assert_int_equal(log_closing_count(f->log), 1);
	f->fault.calls[FAULT_SYNC_DIR] = 0;
	assert_ok(sync_all(f));
	assert_int_equal(f->fault.calls[FAULT_SYNC_DIR], 1);
	assert_int_equal(log_closing_count(f->log), 0);
}

static void finished_segments_are_read_only_once_they_are_synced(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	struct stat st;

	assert_ok(log_create(&f->options, &f->log));
	while (log_segment_count(f->log) < 2)
		assert_ok(append(f, 500000, false));
	path_of(f, 0, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_ok(sync_all(f));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
}

static void too_many_unsynced_segments_are_refused_before_one_is_lost(void **state)
{
	struct fixture *f = *state;

	assert_ok(log_create(&f->options, &f->log));
	while (append(f, INK_APPEND_SIZE_MAX, false) == INK_OK)
		assert_true(log_segment_count(f->log) <= CLOSING_MAX + 1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(log_closing_count(f->log), CLOSING_MAX);
	assert_ok(sync_all(f));
	assert_ok(append(f, INK_APPEND_SIZE_MAX, false));
}

static void a_trimmed_log_ends_with_its_last_frame(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, 100, false));
	assert_ok(log_trim(f->log, frame_size(UNMOUNT_BODY_SIZE)));
	fault_io_arm(&f->fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	assert_ok(append(f, UNMOUNT_BODY_SIZE, true));
	path_of(f, 0, path);
	assert_int_equal(file_size(path),
			 SEGMENT_HEADER_SIZE + frame_size(100) + frame_size(UNMOUNT_BODY_SIZE));
	fault_io_disarm(&f->fault);
	assert_ok(append(f, 5, true)); /* and may grow again */
	assert_int_equal(count_records(f), 3);
}

static void a_log_that_is_opened_again_goes_on_where_it_ended(void **state)
{
	struct fixture *f = *state;
	struct log_position at;

	assert_ok(log_create(&f->options, &f->log));
	for (unsigned i = 0; i < 10; i++) {
		uint8_t leaf[INK_HASH_SIZE];

		assert_ok(append(f, 50 + i, false));
		memcpy(leaf, f->last_leaf, sizeof(leaf));
		at = (struct log_position){ log_next_seq(f->log), f->place + frame_size(50 + i),
					    leaf };
		log_close(f->log);
		f->log = NULL;
		assert_ok(log_open(&f->options, &at, &f->log));
	}
	assert_int_equal(count_records(f), 10);
	log_close(NULL);
}

static void a_log_without_its_last_segment_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct log_position at = { 1, place_make(3, 128), f->last_leaf };

	assert_err(INK_ERR_IO, log_open(&f->options, &at, &f->log));
	assert_int_equal(errno, ENOENT);
	assert_null(f->log);
}

/* As open() answers who is not root; root is kept out by chattr +a and +i only. */
static enum ink_err open_protected(struct fixture *f, int errno_code)
{
	struct log_position at = { log_next_seq(f->log), f->place + frame_size(50), f->last_leaf };

	log_close(f->log);
	f->log = NULL;
	fault_io_arm(&f->fault, 1, 1 << FAULT_OPEN, false, errno_code);
	return log_open(&f->options, &at, &f->log);
}

static void behind_a_protected_segment_the_log_goes_on_only_if_it_is_finished(void **state)
{
	struct fixture *f = *state;
	char first[PATH_MAX], second[PATH_MAX];

	path_of(f, 0, first);
	path_of(f, 1, second);
	for (int errno_code = EPERM; errno_code != 0;
	     errno_code = errno_code == EPERM ? EACCES : 0) {
		assert_ok(log_create(&f->options, &f->log));
		assert_ok(append(f, 50, false));
		assert_err(INK_ERR_DENIED, open_protected(f, errno_code));
		assert_null(f->log);
		assert_false(file_exists(second));
		assert_int_equal(unlink(first), 0);
	}
	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, 50, false));
	assert_int_equal(truncate(first, (off_t)(f->place + frame_size(50))), 0);
	assert_ok(open_protected(f, EPERM));
	assert_int_equal(log_segment_count(f->log), 2);
	assert_true(file_exists(second));
}

/* --- space that is written ahead --- */

static unsigned write_count(struct fixture *f)
{
	return f->fault.calls[FAULT_PWRITEV];
}

static void zeros_ahead_change_no_record_whatever_comes_between(void **state)
{
	struct fixture *f = *state;
	unsigned ahead = 0, before;
	char path[PATH_MAX];
	uint64_t count = 0;
	struct rng rng;

	rng_init(&rng, "ahead");
	assert_ok(log_create(&f->options, &f->log));
	for (unsigned round = 0; round < 400; round++) {
		uint64_t size = 1 + rng_below(&rng, rng_below(&rng, 2) ? 90000 : 300);

		assert_ok(append(f, (uint32_t)size, false));
		count++;
		if (rng_below(&rng, 3) == 0)
			assert_ok(sync_all(f));
		before = write_count(f);
		if (rng_below(&rng, 2) == 0)
			log_write_ahead(f->log);
		ahead += write_count(f) - before;
		path_of(f, log_segment_count(f->log) - 1, path);
		assert_true(file_size(path) <= SEGMENT_SIZE_MIN);
	}
	assert_true(log_segment_count(f->log) > 2 && ahead > 10);
	assert_ok(append(f, 100, false));
	log_write_ahead(f->log);
	assert_ok(log_trim(f->log, 0));
	assert_int_equal(file_size(path), place_offset(f->place) + frame_size(100));
	assert_int_equal(count_records(f), count + 1);
}

/* A store that is small stays small, and a sync that comes right after takes nothing along. */
static void zeros_are_written_ahead_once_and_into_allocated_space_only(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	unsigned before;

	assert_ok(log_create(&f->options, &f->log));
	path_of(f, 0, path);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t written = 0;

		assert_ok(append(f, 3000, false));
		before = write_count(f);
		log_write_ahead(f->log);
		assert_int_equal(write_count(f), before + 1);
		log_write_ahead(f->log);
		while (written + frame_size(3000) < AHEAD_SIZE - AHEAD_LOW - AHEAD_ALIGN) {
			assert_ok(append(f, 3000, false));
			written += frame_size(3000);
			before = write_count(f);
			log_write_ahead(f->log);
			assert_int_equal(write_count(f), before);
		}
		while (written < AHEAD_SIZE - AHEAD_LOW) {
			assert_ok(append(f, 3000, false));
			written += frame_size(3000);
		}
		assert_int_equal(f->fault.calls[FAULT_ALLOCATE], 1);
		assert_int_equal(file_size(path), ALLOCATE_FIRST);
	}
}

static void a_disk_that_takes_no_zeros_is_asked_once_and_still_takes_records(void **state)
{
	struct fixture *f = *state;
	unsigned before;

	assert_ok(log_create(&f->options, &f->log));
	assert_ok(append(f, 3000, false));
	f->fault.is_torn = true;
	fault_io_arm(&f->fault, 1, 1 << FAULT_PWRITEV, true, EIO);
	log_write_ahead(f->log);
	assert_true(fault_io_fired(&f->fault));
	fault_io_disarm(&f->fault);
	before = write_count(f);
	log_write_ahead(f->log);
	assert_int_equal(write_count(f), before);
	assert_ok(append(f, 3000, false));
	assert_int_equal(count_records(f), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(records_follow_each_other_and_each_is_one_write_of_three_parts),
		T(an_existing_log_is_not_made_again),
		T(a_finished_segment_ends_with_its_last_frame_and_the_next_is_chained_to_it),
		T(a_segment_may_end_exactly_at_its_limit),
		T(ordinary_records_leave_the_reserve_to_the_system),
		T(a_full_disk_at_a_rotation_leaves_the_old_segment_in_use),
		T(space_is_taken_ahead_and_never_beyond_the_segments_size),
		T(a_write_that_fails_never_was),
		T(a_failed_sync_is_for_ever),
		T(a_sync_covers_finished_segments_and_the_folder_of_a_new_one),
		T(a_segment_made_while_a_ticket_is_out_waits_for_the_next),
		T(finished_segments_are_read_only_once_they_are_synced),
		T(too_many_unsynced_segments_are_refused_before_one_is_lost),
		T(a_trimmed_log_ends_with_its_last_frame),
		T(a_log_that_is_opened_again_goes_on_where_it_ended),
		T(a_log_without_its_last_segment_does_not_open),
		T(behind_a_protected_segment_the_log_goes_on_only_if_it_is_finished),
		T(zeros_ahead_change_no_record_whatever_comes_between),
		T(zeros_are_written_ahead_once_and_into_allocated_space_only),
		T(a_disk_that_takes_no_zeros_is_asked_once_and_still_takes_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
