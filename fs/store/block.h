/* SPDX-License-Identifier: MIT */
/*
 * Blocks: what each 256 records hold, in few bytes, so that they need not be read in vain (FORMAT.md 9.3).  Pure.
 *
 * Owns: nothing.  Knows nothing of: where the bytes are kept.  Threads: any.
 */
#ifndef INK_BLOCK_H
#define INK_BLOCK_H

#include "inkfs/reader.h"
#include "record.h"

enum { BLOCK_VALUE_SIZE = 4 + 4 + 8 + 8 + INK_BLOCK_MARKS_SIZE };

_Static_assert((int)INK_BLOCK_COUNT == (int)TILE_WIDTH,
	       "a block is what an entry of leaves covers");

/* A block that holds no record yet. */
void block_init(struct ink_block *block);
/*
 * One more record.  @body: NULL if there is none to read; of an erased one nothing is missed, for nothing of it would be
 * marked.
 */
void block_add(struct ink_block *block, const struct ink_header *header,
	       const union ink_body *body);

void block_encode(const struct ink_block *block, uint8_t ret_bytes[static BLOCK_VALUE_SIZE]);
/* INK_ERR_DAMAGED: not the size or form of one. */
INK_MUST_CHECK enum ink_err block_decode(const uint8_t *bytes, size_t size,
					 struct ink_block *ret_block);

#endif
