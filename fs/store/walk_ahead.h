/* SPDX-License-Identifier: MIT */
/*
 * Hashing ahead of a walk: what is costly about frames and depends on nothing but their own bytes, done on other cores.
 *
 * Owns: its threads, descriptors and chunks of memory.  Knows nothing of: chains, trees, findings.
 * Threads: ahead_take() from the thread that walks; everything else is inside.
 *
 * A chunk is a run of whole frames: about CHUNK_SIZE bytes, and at least one frame.  Whoever holds the reader's turn
 * reads the next chunk and steps over its frames by their sizes; then it lets the turn go and decodes, hashes and checks
 * signatures.  The walk takes the chunks in the order of the log, and works along while its next one is not ready; so
 * with one thread the same code runs in the same order.
 *
 * Nothing here decides.  A frame that is not whole and good is not given out, and the walk looks at it itself; a
 * signature was checked with the key that the frames before it name, unproved, and counts only if that turns out to
 * be the key that it should have been checked with.  So what a walk finds is the same with it and without.
 */
#ifndef INK_WALK_AHEAD_H
#define INK_WALK_AHEAD_H

#include "frame.h"
#include "io.h"

enum { AHEAD_THREADS_MAX = 64 };

struct ahead_seal {
	uint8_t key[INK_KEY_SIZE]; /* with which the first signature was checked */
	bool is_good[2];           /* the second, of an EPOCH, with the key in its body */
};

struct ahead_frame {
	uint32_t pos;  /* in the segment file */
	bool is_sound; /* frame_decode() took it, and all its bytes are there */
	bool has_digest;
	struct ahead_seal *seal; /* of a SEAL or EPOCH, or NULL: not checked */
	const uint8_t *bytes;
	struct ink_header header;
	uint8_t leaf[INK_HASH_SIZE];
};

struct walk_ahead;

/*
 * @skip_seq: as in struct walk.
 * @log_dir: borrowed.  @thread_count: with the caller's, from 1 to AHEAD_THREADS_MAX; fewer if the system gives no more.
 * INK_ERR_IO (ENOMEM).
 */
INK_MUST_CHECK enum ink_err ahead_open(const struct io *io, const char *log_dir,
				       unsigned thread_count, uint64_t skip_seq,
				       struct walk_ahead **ret_ahead);
/* Takes NULL. */
void ahead_close(struct walk_ahead *ahead);

/*
 * The frame at @pos of @segment, good until the next call; NULL: not to be had here.  Meant for a walk that goes
 * forwards; after a jump, or a place that is no frame, the reader starts anew from where it is asked for.
 */
const struct ahead_frame *ahead_take(struct walk_ahead *ahead, uint32_t segment, uint64_t pos);
/* Bytes read so far, for progress. */
uint64_t ahead_read_bytes(struct walk_ahead *ahead);

#endif
