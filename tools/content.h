/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one file together with the records that wrote them, in order, found through the index.
 *
 * Owns: a reader.  Knows nothing of: lines, names.  Threads: one per struct (the reader may hash ahead on others).
 *
 * The index only says where to look: each piece is a record whose hash was checked, of this file and at the place in
 * it that is due, or it is not given out.
 */
#ifndef TOOLS_CONTENT_H
#define TOOLS_CONTENT_H

#include <stddef.h>

#include "inkfs/reader.h"

struct content {
	struct ink_store *store;
	struct ink_reader *reader;
	bool is_unverified;
	uint64_t log_bytes;
	/* The file being read. */
	uint64_t inode, offset, end, seq_max;
	const char *path;  /* for complaints; borrowed */
	uint64_t last_seq; /* of the record before; 0: none */
	bool asks_first;   /* others write in between: ask the index before reading on */
};

struct content_piece {
	const struct ink_header *header;
	const uint8_t *data; /* valid until the next call */
	size_t size;
	uint64_t offset; /* in the file */
};

enum content_step { CONTENT_PIECE, CONTENT_END, CONTENT_FAILED };

/* @store, @store_path: borrowed.  @is_unverified: no digests.  false after having complained. */
bool content_open(struct content *content, struct ink_store *store, const char *store_path,
		  bool is_unverified);
/* Takes a zeroed struct too. */
void content_close(struct content *content);

/* Go to byte @offset of the file; it ends before @end or behind record @seq_max, whichever comes first. */
void content_begin(struct content *content, uint64_t inode, const char *path, uint64_t offset,
		   uint64_t end, uint64_t seq_max);
/* CONTENT_FAILED: after having complained; the file cannot be read on. */
enum content_step content_next(struct content *content, struct content_piece *ret_piece);

#endif
