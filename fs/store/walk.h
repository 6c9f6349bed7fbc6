/* SPDX-License-Identifier: MIT */
/*
 * The common walker: frames of the segments in the order of the log, read in large pieces.
 *
 * Owns: one descriptor, one window of memory.  Knows nothing of: what records mean, keys, the index,
 * what a finding is.  Threads: one at a time per struct.
 *
 * It believes nothing that it reads: lengths are bounded by the format and by the bytes that are there,
 * files that are not regular are not opened, and a file that shrinks while it is read ends earlier.
 *
 * A record is yielded with its leaf computed and its digest, sequence number and prev checked against
 * the records before it.  Whoever only wants a sound log stops at the first step that is not
 * WALK_RECORD; who looks on (a verifier) says how: walk_accept(), walk_resync(), walk_enter().
 */
#ifndef INK_WALK_H
#define INK_WALK_H

#include "frame.h"
#include "inkfs/reader.h"
#include "io.h"

struct walk_ahead;
struct ahead_seal;

enum walk_step {
	WALK_RECORD, /* walk->record is the next of the chain, whole and checked */
	WALK_END, /* no bytes, or zero bytes where the next frame would begin, and no further segment */
	WALK_BAD, /* something else lies there: walk->fault, walk->place */
};

enum walk_fault {
	WALK_SOUND,
	WALK_SEGMENT_NONE, /* there is no such file (the first segment only; else it is WALK_END) */
	WALK_SEGMENT_TYPE, /* not a regular file */
	WALK_SEGMENT_HEADER,  /* not a segment header, or a damaged one */
	WALK_SEGMENT_FOREIGN, /* a segment of a later version */
	WALK_SEGMENT_CHAIN, /* index, first seq, store id or prev do not follow the segment before */
	WALK_SEGMENT_TAIL,  /* bytes behind the last frame of a segment that has a successor */
	WALK_MAGIC,         /* no frame begins here */
	WALK_CHECK,         /* the header does not match its check */
	WALK_HEADER,        /* a header that the format forbids */
	WALK_FOREIGN,       /* a record of a later version */
	WALK_SIZE,          /* the frame is longer than what is left of the file */
	WALK_SEQ,           /* a whole frame, but of another sequence number */
	WALK_PREV,          /* a whole frame, but not behind this record */
	WALK_DIGEST,        /* chained in, but the body is not what the header says */
	WALK_PADDING,       /* all right but for the padding, which is not zero */
};

enum { WALK_WINDOW_SIZE = 4 << 20, WALK_READ_SIZE_MIN = 64 << 10 };

struct walk {
	const struct io *io;
	char *log_dir;
	int fd;
	uint32_t segment;                     /* that is open, if fd >= 0 */
	uint64_t file_size;                   /* of it, bytes, when last asked */
	struct segment_header segment_header; /* of it, as on disk */

	uint8_t *window;
	uint64_t window_pos; /* offset of the window in the segment file */
	size_t window_size;  /* bytes in it */
	uint64_t read_bytes; /* since walk_open(), for progress */
	size_t read_size; /* to ask for at once: little after a jump, more while the walk goes straight on */

	uint64_t pos; /* where the next frame begins */
	uint64_t next_seq;
	uint8_t prev[INK_HASH_SIZE]; /* leaf of the record before */
	bool skips_digests;          /* bodies are not held against their digests */
	bool has_store_id;           /* set by the first segment header */
	uint8_t store_id[INK_STORE_ID_SIZE];
	bool is_entered; /* the segment's header was read */

	enum walk_fault fault;
	uint64_t place;           /* of the record or fault */
	struct ink_record record; /* WALK_RECORD; after WALK_BAD if has_record */
	bool has_record; /* a whole frame lies there, only it does not fit: SEQ, PREV, DIGEST, PADDING */
	uint64_t record_end; /* offset behind the frame of record */

	/* Set after walk_open() by who wants other cores to help; the walk is the same. */
	uint64_t
		skip_seq; /* bytes of APPENDs and signatures before this record are not looked at; headers are */
	struct walk_ahead *ahead;      /* borrowed, or NULL */
	const struct ahead_seal *seal; /* of record: its signatures were checked ahead; or NULL */
};

/* One sentence for a fault; static storage. */
const char *walk_fault_text(enum walk_fault fault);

/* Files are opened as @log_dir/0000000000.seg.  The walk begins at segment 0, record 0. */
INK_MUST_CHECK enum ink_err walk_open(struct walk *walk, const struct io *io, const char *log_dir);
/* Takes a zeroed or failed walk too. */
void walk_close(struct walk *walk);

/*
 * Go on at @place, where record @seq begins; @prev is the leaf hash of the record before, or NULL to take it from
 * the record found there.
 *
 * INK_ERR_DAMAGED: the segment is not there or not a segment.
 */
INK_MUST_CHECK enum ink_err walk_seek(struct walk *walk, uint64_t place, uint64_t seq,
				      const uint8_t *prev);

/*
 * The next step.  After WALK_END and WALK_BAD the walk has not moved and a later call looks at the disk
 * again, so a log that grows can be followed.
 *
 * @ret_step: WALK_RECORD: walk->record is valid until the next call.  INK_ERR_IO (errno): could not read.
 */
INK_MUST_CHECK enum ink_err walk_next(struct walk *walk, enum walk_step *ret_step);

/* After WALK_BAD with has_record: take this record all the same and chain from it. */
void walk_accept(struct walk *walk);

/*
 * After WALK_BAD or WALK_END: look in the open segment for the next whole head of a frame behind the bad place, with
 * a sequence number not below next_seq.  The walk then stands before it, with next_seq and prev taken from it; if it
 * is the next but one, prev is the leaf of the record that was damaged.
 *
 * @ret_is_found: false: nothing more in this segment; the walk has not moved.
 */
INK_MUST_CHECK enum ink_err walk_resync(struct walk *walk, bool *ret_is_found);

/*
 * Enter segment @segment from its start, wherever the walk stood, with next_seq and prev as its header says (if it
 * has one; else unchanged, and the next step tells).
 */
INK_MUST_CHECK enum ink_err walk_enter(struct walk *walk, uint32_t segment);

/*
 * Is everything from walk->pos to the end of the open segment's file zero?
 *
 * @ret_tail_size: bytes from there to the end of the file, 0 if it ends there.
 */
INK_MUST_CHECK enum ink_err walk_tail(struct walk *walk, bool *ret_is_zero,
				      uint64_t *ret_tail_size);

/*
 * How much lies from @place to the last byte of its segment that is not zero; if all are zero, to the end of the file.
 * The walk itself has ended.
 *
 * @ret_size: 0: no such file, or it ends before.
 */
INK_MUST_CHECK enum ink_err walk_measure(struct walk *walk, uint64_t place, uint64_t *ret_size);

/* true if the bytes of this record are not to be read. */
bool walk_skips(uint64_t skip_seq, const struct ink_header *header);

/* For walk_ahead.c: open the file of @segment; @ret_fault says why it could not be one, and then nothing is open. */
INK_MUST_CHECK enum ink_err walk_open_file(const struct io *io, const char *log_dir,
					   uint32_t segment, int *ret_fd, uint64_t *ret_size,
					   enum walk_fault *ret_fault);

/* walk_read.c, for walk.c and walk_look.c. */

/* Bring up to @size bytes at @pos into the window, in one piece; @ret_size is less only at the end of the file. */
INK_MUST_CHECK enum ink_err walk_need(struct walk *walk, uint64_t pos, size_t size,
				      const uint8_t **ret_bytes, size_t *ret_size);
/* Ask anew how long the open segment's file is. */
INK_MUST_CHECK enum ink_err walk_refresh_size(struct walk *walk);

#endif
