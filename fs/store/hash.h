/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 as the log uses it.  The only user of libcrypto.
 *
 * Owns: nothing.  Knows nothing of: records.  Threads: any.
 */
#ifndef INK_HASH_H
#define INK_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "inkfs/record.h"

/* H(data). */
void hash_data(const void *data, size_t size, uint8_t ret_hash[static INK_HASH_SIZE]);
/* H(first || second): the digest of a body is hash_two(nonce, body). */
void hash_two(const void *first, size_t first_size, const void *second, size_t second_size,
	      uint8_t ret_hash[static INK_HASH_SIZE]);
/* RFC 6962 section 2.1: H(0x00 || entry). */
void hash_leaf(const void *entry, size_t size, uint8_t ret_hash[static INK_HASH_SIZE]);
/* RFC 6962 section 2.1: H(0x01 || left || right).  @ret_hash may be one of the others. */
void hash_node(const uint8_t left[static INK_HASH_SIZE], const uint8_t right[static INK_HASH_SIZE],
	       uint8_t ret_hash[static INK_HASH_SIZE]);

/* A hash over bytes that come piece by piece. */
struct hash {
	uint64_t state[14];
};

void hash_init(struct hash *hash);
void hash_add(struct hash *hash, const void *data, size_t size);
void hash_finish(struct hash *hash, uint8_t ret_hash[static INK_HASH_SIZE]);

#endif
