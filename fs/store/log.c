/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "segment.h"

struct log {
	const struct io *io;
	char dir[PATH_MAX];
	uint64_t segment_size;
	uint8_t store_id[INK_STORE_ID_SIZE];
	bool is_immutable;
	bool has_failed;
	bool has_new_file; /* the folder has a name that is not synced */

	uint64_t seq; /* of the next record */
	uint8_t last_leaf[INK_HASH_SIZE];

	uint32_t segment;
	int fd;
	uint64_t end;       /* behind the last frame */
	uint64_t allocated; /* the file's size */
	uint64_t ahead;     /* up to here zeros were written; less than end: nothing ahead */

	/* Finished, not synced; the oldest first. */
	unsigned closing_count;
	int closing_fds[CLOSING_MAX];
};

static struct log *log_make(const struct log_options *options)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->io = options->io;
	log->segment_size = options->segment_size;
	log->is_immutable = options->is_immutable;
	memcpy(log->store_id, options->store_id, INK_STORE_ID_SIZE);
	log->fd = -1;
	if (snprintf(log->dir, sizeof(log->dir), "%s", options->dir) >= PATH_MAX - 32) {
		free(log);
		errno = ENAMETOOLONG;
		return NULL;
	}
	return log;
}

/* A new segment file with its header, allocated; on failure no file stays. */
static enum ink_err segment_make(struct log *log, uint32_t index, int *ret_fd)
{
	uint8_t bytes[SEGMENT_HEADER_SIZE];
	struct iovec part = { bytes, sizeof(bytes) };
	char path[PATH_MAX];
	int fd, keep;

	segment_path(log->dir, index, path);
	fd = log->io->open(log->io->ctx, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return INK_ERR_IO;
	segment_header_encode(index, log->seq, log->store_id, log->last_leaf, bytes);
	if (log->io->allocate(log->io->ctx, fd, 0, ALLOCATE_FIRST) == 0 &&
	    io_write(log->io, fd, &part, 1, 0) == INK_OK) {
		*ret_fd = fd;
		return INK_OK;
	}
	keep = errno;
	io_close(log->io, fd);
	(void)log->io->unlink(log->io->ctx, path);
	errno = keep;
	return INK_ERR_IO;
}

static void enter_segment(struct log *log, uint32_t index, int fd)
{
	log->segment = index;
	log->fd = fd;
	log->end = SEGMENT_HEADER_SIZE;
	log->allocated = ALLOCATE_FIRST;
	log->ahead = 0;
	log->has_new_file = true;
}

enum ink_err log_create(const struct log_options *options, struct log **ret_log)
{
	struct log *log = log_make(options);
	enum ink_err err;
	int fd;

	if (!log)
		return INK_ERR_IO;
	err = segment_make(log, 0, &fd);
	if (err != INK_OK) {
		log_close(log);
		return err;
	}
	enter_segment(log, 0, fd);
	*ret_log = log;
	return INK_OK;
}

/*
 * The last segment may not be written.  If it ends with its last frame it was finished, synced and protected, and only
 * its successor was lost: make that anew.  If not, somebody else protects it, and behind bytes that will never be cut
 * off no segment may follow.
 */
static enum ink_err go_on_behind(struct log *log, const char *path)
{
	int fd = log->io->open(log->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	enum ink_err err = INK_OK;
	struct stat st;

	if (fd < 0 || log->io->stat(log->io->ctx, fd, &st) != 0)
		err = INK_ERR_IO;
	else if (st.st_size != (off_t)log->end)
		err = INK_ERR_DENIED;
	io_close(log->io, fd);
	if (err != INK_OK)
		return err;
	err = segment_make(log, log->segment + 1, &fd);
	if (err == INK_OK)
		enter_segment(log, log->segment + 1, fd);
	return err;
}

enum ink_err log_open(const struct log_options *options, const struct log_position *at,
		      struct log **ret_log)
{
	struct log *log = log_make(options);
	char path[PATH_MAX];
	struct stat st;

	if (!log)
		return INK_ERR_IO;
	log->seq = at->seq;
	memcpy(log->last_leaf, at->last_leaf, INK_HASH_SIZE);
	log->segment = place_segment(at->place);
	log->end = place_offset(at->place);
	segment_path(log->dir, log->segment, path);
	log->fd = log->io->open(log->io->ctx, path, O_RDWR, 0);
	if (log->fd < 0 && (errno == EACCES || errno == EPERM)) {
		enum ink_err err = go_on_behind(log, path);

		if (err != INK_OK) {
			log_close(log);
			return err;
		}
		*ret_log = log;
		return INK_OK;
	}
	if (log->fd < 0 || log->io->stat(log->io->ctx, log->fd, &st) != 0) {
		log_close(log);
		return INK_ERR_IO;
	}
	log->allocated = (uint64_t)st.st_size;
	*ret_log = log;
	return INK_OK;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	io_close(log->io, log->fd);
	for (unsigned i = 0; i < log->closing_count; i++)
		io_close(log->io, log->closing_fds[i]);
	free(log);
}

uint64_t log_next_seq(const struct log *log)
{
	return log->seq;
}

bool log_has_failed(const struct log *log)
{
	return log->has_failed;
}

uint32_t log_segment_count(const struct log *log)
{
	return log->segment + 1;
}

unsigned log_closing_count(const struct log *log)
{
	return log->closing_count;
}

/* Begin the next segment.  The old one is cut to its end only when the new one is there (invariant 1). */
static enum ink_err rotate(struct log *log)
{
	enum ink_err err;
	int fd;

	/* Who writes faster than the disk syncs waits long before this (the store sees to it). */
	if (log->closing_count == CLOSING_MAX) {
		errno = EAGAIN;
		return INK_ERR_IO;
	}
	err = segment_make(log, log->segment + 1, &fd);
	if (err != INK_OK)
		return err;
	if (log->io->truncate(log->io->ctx, log->fd, log->end) != 0) {
		char path[PATH_MAX];
		int keep = errno;

		io_close(log->io, fd);
		segment_path(log->dir, log->segment + 1, path);
		(void)log->io->unlink(log->io->ctx, path);
		errno = keep;
		return INK_ERR_IO;
	}
	log->closing_fds[log->closing_count++] = log->fd;
	enter_segment(log, log->segment + 1, fd);
	return INK_OK;
}

/* More space in steps that grow with the segment, so that a small store stays small. */
static enum ink_err allocate_to(struct log *log, uint64_t need)
{
	uint64_t step = log->allocated < ALLOCATE_STEP_MAX ? log->allocated : ALLOCATE_STEP_MAX;
	uint64_t goal = log->allocated + step;

	if (step < ALLOCATE_FIRST)
		goal = log->allocated + ALLOCATE_FIRST;
	if (goal < need)
		goal = need;
	if (goal > log->segment_size)
		goal = log->segment_size;
	if (log->io->allocate(log->io->ctx, log->fd, log->allocated, goal - log->allocated) != 0) {
		/* The last free bytes of a disk are worth taking one by one. */
		goal = need;
		if (log->io->allocate(log->io->ctx, log->fd, log->allocated,
				      goal - log->allocated) != 0)
			return INK_ERR_IO;
	}
	log->allocated = goal;
	return INK_OK;
}

static enum ink_err make_room(struct log *log, uint64_t size, bool is_system)
{
	uint64_t reserve = is_system ? 0 : RESERVE_SIZE;
	enum ink_err err;

	if (log->end + size + reserve > log->segment_size) {
		err = rotate(log);
		if (err != INK_OK)
			return err;
	}
	if (log->end + size + reserve <= log->allocated)
		return INK_OK;
	err = allocate_to(log, log->end + size + reserve);
	if (err != INK_OK && is_system && log->end + size <= log->allocated)
		return INK_OK;
	return err;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

enum ink_err log_prepare(struct log *log, struct ink_header *header, bool is_system)
{
	enum ink_err err;

	if (log->has_failed)
		return INK_ERR_FAILED;
	err = make_room(log, frame_size(header->body_size), is_system);
	if (err != INK_OK)
		return err;
	header->seq = log->seq;
	header->wall_ns = (int64_t)now_ns(CLOCK_REALTIME);
	header->boot_ns = now_ns(CLOCK_BOOTTIME);
	memcpy(header->prev, log->last_leaf, INK_HASH_SIZE);
	return INK_OK;
}

void log_take_back(struct log *log)
{
	uint64_t allocated = log->allocated;
	int keep = errno;

	if (log->io->truncate(log->io->ctx, log->fd, log->end) == 0) {
		log->allocated = log->end;
		log->ahead = 0;
		if (log->io->allocate(log->io->ctx, log->fd, log->end, allocated - log->end) == 0)
			log->allocated = allocated;
	}
	errno = keep;
}

void log_body_target(const struct log *log, int *ret_fd, uint64_t *ret_offset)
{
	*ret_fd = log->fd;
	*ret_offset = log->end + FRAME_OFF_BODY;
}

enum ink_err log_write(struct log *log, const struct ink_header *header,
		       const uint8_t nonce[static INK_NONCE_SIZE], const void *body,
		       uint8_t ret_leaf[static INK_HASH_SIZE], uint64_t *ret_place)
{
	static const uint8_t zeros[FRAME_ALIGN];
	uint64_t size = frame_size(header->body_size);
	struct frame_head head;
	struct iovec parts[3];

	assert(header->seq == log->seq && log->end + size <= log->allocated);
	frame_encode(header, nonce, &head);
	parts[0] = (struct iovec){ head.bytes, sizeof(head.bytes) };
	parts[1] = (struct iovec){ (void *)(uintptr_t)body, header->body_size };
	parts[2] = (struct iovec){ (void *)(uintptr_t)zeros,
				   size - FRAME_OFF_BODY - header->body_size };
	if (io_write(log->io, log->fd, parts, body ? 3 : 1, log->end) != INK_OK) {
		log_take_back(log);
		return INK_ERR_IO;
	}
	*ret_place = place_make(log->segment, (uint32_t)log->end);
	memcpy(ret_leaf, head.leaf, INK_HASH_SIZE);
	memcpy(log->last_leaf, head.leaf, INK_HASH_SIZE);
	log->end += size;
	log->seq++;
	return INK_OK;
}

void log_write_ahead(struct log *log)
{
	static const uint8_t zeros[AHEAD_SIZE];
	/* The page that the end is in was written with the last frame. */
	uint64_t from = (log->end + AHEAD_ALIGN - 1) & ~(uint64_t)(AHEAD_ALIGN - 1);
	uint64_t goal = log->end + AHEAD_SIZE;
	struct iovec part = { (void *)(uintptr_t)zeros, 0 };

	if (log->has_failed || log->ahead >= log->end + AHEAD_LOW)
		return;
	if (from < log->ahead)
		from = log->ahead;
	if (goal > log->allocated)
		goal = log->allocated;
	if (from >= goal)
		return;
	part.iov_len = goal - from;
	log->ahead = goal;
	if (io_write(log->io, log->fd, &part, 1, from) != INK_OK)
		log->ahead = UINT64_MAX; /* not again in this segment */
}

enum ink_err log_ticket_take(struct log *log, struct log_ticket *ret_ticket)
{
	if (log->has_failed)
		return INK_ERR_FAILED;
	ret_ticket->record_count = log->seq;
	ret_ticket->closing_count = log->closing_count;
	memcpy(ret_ticket->closing_fds, log->closing_fds, sizeof(log->closing_fds));
	ret_ticket->tail_fd = log->fd;
	ret_ticket->has_new_file = log->has_new_file;
	ret_ticket->io = log->io;
	ret_ticket->dir = log->dir;
	ret_ticket->is_immutable = log->is_immutable;
	return INK_OK;
}

enum ink_err log_ticket_sync(const struct log_ticket *ticket)
{
	const struct io *io = ticket->io;

	for (unsigned i = 0; i < ticket->closing_count; i++)
		if (io->fdatasync(io->ctx, ticket->closing_fds[i]) != 0)
			return INK_ERR_IO;
	if (io->fdatasync(io->ctx, ticket->tail_fd) != 0)
		return INK_ERR_IO;
	if (ticket->has_new_file && io->sync_dir(io->ctx, ticket->dir) != 0)
		return INK_ERR_IO;
	return INK_OK;
}

/* A finished segment is only protected, not changed: failing to is not worth a word in the log. */
static void protect(const struct log *log, int fd)
{
	(void)log->io->chmod(log->io->ctx, fd, 0400);
	if (log->is_immutable)
		(void)log->io->set_immutable(log->io->ctx, fd);
}

void log_ticket_return(struct log *log, const struct log_ticket *ticket, bool is_done)
{
	if (!is_done) {
		log->has_failed = true;
		return;
	}
	for (unsigned i = 0; i < ticket->closing_count; i++) {
		protect(log, ticket->closing_fds[i]);
		io_close(log->io, ticket->closing_fds[i]);
	}
	log->closing_count -= ticket->closing_count;
	memmove(log->closing_fds, log->closing_fds + ticket->closing_count,
		log->closing_count * sizeof(log->closing_fds[0]));
	/* A file made since the ticket was taken still waits: its descriptor is not the ticket's. */
	if (ticket->tail_fd == log->fd)
		log->has_new_file = false;
}

enum ink_err log_trim(struct log *log, uint64_t size)
{
	enum ink_err err = log->has_failed ? INK_ERR_FAILED : make_room(log, size, true);

	if (err != INK_OK)
		return err;
	/* make_room() has seen to it that this shortens, so that a full disk is no matter. */
	if (log->io->truncate(log->io->ctx, log->fd, log->end + size) != 0)
		return INK_ERR_IO;
	log->allocated = log->end + size;
	log->ahead = 0;
	return INK_OK;
}
