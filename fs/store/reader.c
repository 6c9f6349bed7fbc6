/* SPDX-License-Identifier: MIT */
/* The reader of include/inkfs/reader.h: a walk that stops at the first thing that is not sound. */
#include "error.h"
#include "walk.h"
#include "walk_ahead.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A writer that is not let run for so long, in the middle of a write, is given up. */
enum { BODY_WAIT_MS = 5000 };

struct ink_reader {
	struct walk walk;
	bool is_at_end;
	bool is_beside_writer;
	struct walk_ahead *ahead;
};

static enum ink_err check_first_segment(struct ink_reader *reader, const char *store_path,
					struct ink_error *ret_error)
{
	enum ink_err err = walk_enter(&reader->walk, 0);

	if (err != INK_OK)
		return error_io(ret_error, store_path, "reading the log");
	if (reader->walk.fd < 0)
		return error_set(ret_error, INK_ERR_FOREIGN,
				 "%s: no inkfs store: there is no log/0000000000.seg in it",
				 store_path);
	reader->walk.next_seq = 0; /* whatever the header says, the first record is number 0 */
	memset(reader->walk.prev, 0, INK_HASH_SIZE);
	return INK_OK;
}

enum ink_err ink_reader_open(const char *store_path, struct ink_reader **ret_reader,
			     struct ink_error *ret_error)
{
	struct ink_reader *reader = calloc(1, sizeof(*reader));
	size_t size = strlen(store_path) + sizeof("/log");
	char *log_dir = malloc(size);
	enum ink_err err;

	if (!reader || !log_dir) {
		errno = ENOMEM;
		err = error_io(ret_error, store_path, "opening a reader");
		goto fail;
	}
	snprintf(log_dir, size, "%s/log", store_path);
	if (walk_open(&reader->walk, io_system(), log_dir) != INK_OK) {
		err = error_io(ret_error, store_path, "opening a reader");
		goto fail;
	}
	err = check_first_segment(reader, store_path, ret_error);
	if (err != INK_OK)
		goto fail;
	free(log_dir);
	*ret_reader = reader;
	return INK_OK;
fail:
	free(log_dir);
	ink_reader_close(reader);
	return err;
}

void ink_reader_close(struct ink_reader *reader)
{
	if (!reader)
		return;
	ahead_close(reader->ahead);
	walk_close(&reader->walk);
	free(reader);
}

void ink_reader_hash_ahead(struct ink_reader *reader)
{
	cpu_set_t cpus;
	int count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;

	if (count > AHEAD_THREADS_MAX)
		count = AHEAD_THREADS_MAX;
	if (count < 2 || reader->ahead || reader->walk.skips_digests)
		return;
	if (ahead_open(reader->walk.io, reader->walk.log_dir, (unsigned)count, 0, &reader->ahead) ==
	    INK_OK)
		reader->walk.ahead = reader->ahead;
}

void ink_reader_skip_digests(struct ink_reader *reader)
{
	reader->walk.skips_digests = true;
}

void ink_reader_beside_writer(struct ink_reader *reader)
{
	reader->is_beside_writer = true;
}

bool ink_reader_is_at_end(const struct ink_reader *reader)
{
	return reader->is_at_end;
}

/* Is anything written behind the record at hand?  Then that one is as whole as it will ever be. */
static enum ink_err has_successor(struct walk *walk, bool *ret_has)
{
	uint64_t end = walk->pos + frame_size(walk->record.header.body_size);
	const uint8_t *bytes;
	size_t size;
	enum ink_err err;

	walk->window_size = 0;
	err = walk_need(walk, end, FRAME_OFF_BODY, &bytes, &size);
	*ret_has = err == INK_OK && !bytes_are_zero(bytes, size);
	return err;
}

static bool is_torn(const struct walk *walk, enum walk_step step)
{
	return step == WALK_BAD && walk->fault == WALK_DIGEST && !walk->record.is_erased;
}

/* The head of the last record can be seen before its body is written. */
static enum ink_err wait_for_body(struct walk *walk, enum walk_step *step)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	bool has_successor_now = false;
	enum ink_err err = INK_OK;

	walk->ahead = NULL;
	for (unsigned i = 0; i < BODY_WAIT_MS && is_torn(walk, *step) && !has_successor_now; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		err = has_successor(walk, &has_successor_now);
		walk->window_size = 0;
		if (err == INK_OK)
			err = walk_next(walk, step);
		if (err != INK_OK)
			return err;
	}
	return INK_OK;
}

enum ink_err ink_reader_next(struct ink_reader *reader, const struct ink_record **ret_record)
{
	struct walk *walk = &reader->walk;
	enum walk_step step;
	enum ink_err err = walk_next(walk, &step);

	if (err == INK_OK && reader->is_beside_writer && is_torn(walk, step))
		err = wait_for_body(walk, &step);
	if (err != INK_OK)
		return err;
	*ret_record = NULL;
	reader->is_at_end = step == WALK_END;
	/* A body that was erased later, or damaged: the chain goes on. */
	if (step == WALK_BAD && walk->fault == WALK_DIGEST) {
		walk->record.is_damaged = !walk->record.is_erased;
		walk_accept(walk);
		step = WALK_RECORD;
	}
	if (step == WALK_RECORD)
		*ret_record = &walk->record;
	return INK_OK;
}

enum ink_err ink_reader_seek(struct ink_reader *reader, uint64_t place, uint64_t seq)
{
	return walk_seek(&reader->walk, place, seq, NULL);
}
