/* SPDX-License-Identifier: MIT */
/*
 * The log: a run of segment files to which frames are added.
 *
 * Owns: the segment being written, finished ones until they are synced, the chain's last link.
 * Knows nothing of: what records mean, keys, the index.
 * Threads: all calls under one lock of the caller's, but log_ticket_sync(), which runs beside them.
 *
 * 1. A frame is written by one pwritev into space that was allocated before (a large one: its body
 *    first, then its head).  Until that has succeeded nothing in this struct has moved, so a failed
 *    append never was.
 * 2. Frames are written in the order of their sequence numbers; there is never a hole before one.
 * 3. Ordinary records leave RESERVE_SIZE bytes of allocated space free, so that a full disk can
 *    still be told from a broken one by seals and the closing record.
 * 4. A segment is cut to its last frame before the next one takes a record, and is synced before
 *    anything in the next one counts as durable (a ticket holds all segments since the last sync).
 * 5. Bytes behind the end are zero: allocated, or written ahead of who syncs often.  The first write
 *    to a block that was only allocated makes the next sync commit the file's extents to the file
 *    system's journal, with a flush of its own; a block that was written before takes its bytes alone.
 * 6. A sync that failed is never tried again: has_failed, and every later call says INK_ERR_FAILED.
 */
#ifndef INK_LOG_H
#define INK_LOG_H

#include "frame.h"
#include "io.h"

enum {
	ALLOCATE_FIRST = 1 << 20,
	ALLOCATE_STEP_MAX = 8 << 20,
	RESERVE_SIZE = 64 << 10,
	AHEAD_SIZE = 256 << 10, /* zeros written ahead in one go */
	AHEAD_LOW = 32 << 10,   /* so few left of them: time for more; less than RESERVE_SIZE */
	AHEAD_ALIGN = 4096,
	CLOSING_MAX = 64,
};

struct log_options {
	const struct io *io;
	const char *dir;       /* STORE/log; borrowed for the call */
	uint64_t segment_size; /* bytes */
	const uint8_t *store_id;
	bool is_immutable;
};

/* Where the next record goes. */
struct log_position {
	uint64_t seq;
	uint64_t place;
	const uint8_t *last_leaf; /* of the record before; zeros if there is none */
};

struct log;

/* Make segment 0.  Refuses an existing one. */
INK_MUST_CHECK enum ink_err log_create(const struct log_options *options, struct log **ret_log);
/*
 * Go on writing at @at: the bytes from there on in that segment must be zero or absent.
 *
 * INK_ERR_DENIED: that segment may not be written, though it does not end at @at as a finished one does.
 */
INK_MUST_CHECK enum ink_err log_open(const struct log_options *options,
				     const struct log_position *at, struct log **ret_log);
/* Closes descriptors, nothing else.  Takes NULL. */
void log_close(struct log *log);

uint64_t log_next_seq(const struct log *log);
bool log_has_failed(const struct log *log);
uint32_t log_segment_count(const struct log *log);
/* Finished segments that wait for a sync; at most CLOSING_MAX. */
unsigned log_closing_count(const struct log *log);

/*
 * Make room for a record and fill in what the log knows: seq, times, prev.  Kind, body_size and what the
 * caller knows must be set.
 *
 * @is_system: may use the reserve.  INK_ERR_IO (ENOSPC, EIO…): nothing changed.
 */
INK_MUST_CHECK enum ink_err log_prepare(struct log *log, struct ink_header *header, bool is_system);
/*
 * Where the body of the record goes that log_prepare() made room for: who writes it there, padding
 * included, calls log_write() without body afterwards.
 */
void log_body_target(const struct log *log, int *ret_fd, uint64_t *ret_offset);
/*
 * A write behind the end failed: what it left there goes, and errno stays.  An opening after a crash would find all of a
 * frame but its padding, and take it for a record; or a body, and keep in lost/ what the caller was told is not there.
 * If this fails too, the next record is written over it.  log_write() does it by itself.
 */
void log_take_back(struct log *log);
/*
 * Write the record that log_prepare() made room for; no other record may come between.  The header's
 * digest must be set.
 *
 * @body: NULL if it is in its place already (see log_body_target()): only the head is written then.
 */
INK_MUST_CHECK enum ink_err log_write(struct log *log, const struct ink_header *header,
				      const uint8_t nonce[static INK_NONCE_SIZE], const void *body,
				      uint8_t ret_leaf[static INK_HASH_SIZE], uint64_t *ret_place);

/*
 * If few zeros are left behind the end, write some more into space that is allocated; the next sync
 * takes them along.  Only speed depends on it, so it fails without a word.
 */
void log_write_ahead(struct log *log);

/* All that must reach the disk for the records so far.  Only one ticket at a time. */
struct log_ticket {
	uint64_t record_count;
	unsigned closing_count;
	int closing_fds[CLOSING_MAX];
	int tail_fd;
	bool has_new_file;
	const struct io *io;
	const char *dir;
	bool is_immutable;
};

INK_MUST_CHECK enum ink_err log_ticket_take(struct log *log, struct log_ticket *ret_ticket);
/* Without the caller's lock. */
INK_MUST_CHECK enum ink_err log_ticket_sync(const struct log_ticket *ticket);
/* @is_done: what log_ticket_sync() said. */
void log_ticket_return(struct log *log, const struct log_ticket *ticket, bool is_done);

/*
 * Make the last segment end exactly behind @size more bytes of frames, the last ones of an orderly
 * end: whatever happens then, there are either fewer records or no byte behind them.
 */
INK_MUST_CHECK enum ink_err log_trim(struct log *log, uint64_t size);

#endif
