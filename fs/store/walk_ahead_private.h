/* SPDX-License-Identifier: MIT */
/*
 * One chunk of a log that is read ahead: what walk_ahead.c and walk_ahead_chunk.c share.
 *
 * Owns: a chunk's memory.  Knows nothing of: threads, the queue, who reads next.
 * Threads: a chunk belongs to one thread at a time; walk_ahead.c sees to that.
 */
#ifndef INK_WALK_AHEAD_PRIVATE_H
#define INK_WALK_AHEAD_PRIVATE_H

#include "walk_ahead.h"

enum { CHUNK_SIZE = 256 << 10 };

/* An open segment, shared by the chunks that still read from it. */
struct file {
	int fd;
	unsigned users; /* under the lock */
};

struct chunk {
	struct chunk *next;
	bool is_done; /* under the lock */
	struct file *file;
	uint32_t segment;
	uint64_t pos;
	uint64_t end;  /* behind the last frame */
	size_t loaded; /* bytes in @bytes from @pos on */
	bool is_hop;   /* the end of the last frame is not read */
	unsigned count, seal_count;
	uint8_t *bytes;
	struct ahead_frame *frames;
	struct ahead_seal *seals;
};

/* The key that signs where the reader stands, as the log names it. */
struct signer {
	bool is_known;
	uint8_t key[INK_KEY_SIZE];
};

/* To be given back with chunk_free(); NULL without memory. */
struct chunk *chunk_make(void);
/* Takes NULL. */
void chunk_free(struct chunk *chunk);
/*
 * Step over the frames that begin in the loaded bytes; sets what they are (not yet good or bad) and where the last
 * one ends.  @skip_seq: as in struct walk.
 */
void chunk_scan(struct chunk *chunk, uint64_t skip_seq, struct signer *signer);
/* Read the rest of the last frame, then decode, hash and check signatures: all that is costly. */
void chunk_hash(struct chunk *chunk, const struct io *io, uint64_t skip_seq);

#endif
