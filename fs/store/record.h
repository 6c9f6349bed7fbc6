/* SPDX-License-Identifier: MIT */
/*
 * Record headers and bodies as bytes: encode and decode, no I/O.
 *
 * Owns: nothing.  Knows nothing of: segments, keys, the name space.  Threads: any.
 */
#ifndef INK_RECORD_H
#define INK_RECORD_H

#include "bytes.h"
#include "format.h"

/* @ret_entry: the 133 bytes that are hashed as leaf.  Asserts the limits that header_decode() tests. */
void header_encode(const struct ink_header *header, uint8_t ret_entry[static HEADER_SIZE]);
/* INK_ERR_FOREIGN: a version of later; INK_ERR_DAMAGED: forbidden by the format. */
INK_MUST_CHECK enum ink_err header_decode(const uint8_t entry[static HEADER_SIZE],
					  struct ink_header *ret_header);

/*
 * Encode a body into @put; the signatures of GENESIS, SEAL, EPOCH, REKEY are left out (they come behind).
 * APPEND has no encoding beyond its bytes and is not taken here.
 */
void body_encode(uint8_t kind, const union ink_body *body, struct put *put);

/* Signature bytes at the end of a body of @kind: 0, 64 or 128. */
size_t body_signature_size(uint8_t kind);
/* Domain string of the message that is signed; NULL for a kind without signature. */
const char *body_domain(uint8_t kind);

/* 1 to 255 bytes, no '/', no NUL, not "." or "..". */
bool name_is_valid(struct ink_str name);

#endif
