/* SPDX-License-Identifier: MIT */
#include "log_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "hash.h"
#include "inkfs/reader.h"
#include "scratch.h"
#include "segment.h"

int log_setup(void **state)
{
	static struct log_fixture f;

	f = (struct log_fixture){ 0 };
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

int log_teardown(void **state)
{
	struct log_fixture *f = *state;

	log_close(f->log);
	tree_remove(f->store);
	return 0;
}

enum ink_err log_feed(struct log_fixture *f, uint32_t size, bool is_system)
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

enum ink_err log_sync_all(struct log_fixture *f)
{
	struct log_ticket ticket;
	enum ink_err err = log_ticket_take(f->log, &ticket);

	if (err != INK_OK)
		return err;
	err = log_ticket_sync(&ticket);
	log_ticket_return(f->log, &ticket, err == INK_OK);
	return err;
}

void log_path_of(struct log_fixture *f, uint32_t segment, char *ret_path)
{
	segment_path(f->dir, segment, ret_path);
}

uint64_t log_count_records(struct log_fixture *f)
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
