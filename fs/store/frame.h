/* SPDX-License-Identifier: MIT */
/*
 * Frames: a record as it lies in a segment.  Pure.
 *
 * Owns: nothing.  Knows nothing of: files.  Threads: any.
 */
#ifndef INK_FRAME_H
#define INK_FRAME_H

#include "record.h"

/* All of a frame before the body. */
struct frame_head {
	uint8_t bytes[FRAME_OFF_BODY];
	uint8_t leaf[INK_HASH_SIZE]; /* of the header in it */
};

/* Encode header, check and nonce; header->digest must be the digest of nonce and body already. */
void frame_encode(const struct ink_header *header, const uint8_t nonce[static INK_NONCE_SIZE],
		  struct frame_head *ret_head);

/*
 * Decode the head of a frame and check its magic, its check and its header; the body is not touched.
 *
 * INK_ERR_NOT_FOUND: no frame begins here (zeros, or no magic).  INK_ERR_DAMAGED: magic, but the header
 * does not match its check or breaks the format.  INK_ERR_FOREIGN: a record version of later.
 */
INK_MUST_CHECK enum ink_err frame_decode(const uint8_t bytes[static FRAME_OFF_BODY],
					 struct ink_header *ret_header,
					 uint8_t ret_leaf[static INK_HASH_SIZE]);

/* true if H(nonce || body) is the header's digest. */
bool frame_has_digest(const uint8_t *frame, const struct ink_header *header);

void segment_header_encode(uint32_t index, uint64_t first_seq, const uint8_t *store_id,
			   const uint8_t *prev, uint8_t ret_bytes[static SEGMENT_HEADER_SIZE]);

struct segment_header {
	uint32_t index;
	uint64_t first_seq;
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint8_t prev[INK_HASH_SIZE];
};

/* INK_ERR_FOREIGN: no magic, or a version of later; INK_ERR_DAMAGED: version, hash or zero bytes wrong. */
INK_MUST_CHECK enum ink_err segment_header_decode(const uint8_t bytes[static SEGMENT_HEADER_SIZE],
						  struct segment_header *ret_header);

#endif
