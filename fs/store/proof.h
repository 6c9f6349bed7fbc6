/* SPDX-License-Identifier: MIT */
/*
 * Proofs about Merkle trees (RFC 6962 section 2.1, RFC 9162 section 2.1): that a leaf is in a tree, and that one tree
 * is the beginning of another.
 *
 * Owns: nothing.  Knows nothing of: where leaf hashes come from.  Threads: any.
 */
#ifndef INK_PROOF_H
#define INK_PROOF_H

#include "format.h"

enum { PROOF_HASH_COUNT_MAX = 64 };

struct proof {
	unsigned hash_count;
	uint8_t hashes[PROOF_HASH_COUNT_MAX][INK_HASH_SIZE];
};

/* Where the hashes of subtrees come from. */
struct hash_source {
	/* Root of the leaves from @from up to @to, as a tree of their own; @from < @to. */
	enum ink_err (*range)(void *ctx, uint64_t from, uint64_t to,
			      uint8_t ret_root[static INK_HASH_SIZE]);
	void *ctx;
};

/* @index below @size.  Errors are those of the source; then @ret_proof is undefined. */
INK_MUST_CHECK enum ink_err inclusion_make(const struct hash_source *source, uint64_t size,
					   uint64_t index, struct proof *ret_proof);
/* @old_size at most @size; no hashes if it is 0 or @size. */
INK_MUST_CHECK enum ink_err consistency_make(const struct hash_source *source, uint64_t size,
					     uint64_t old_size, struct proof *ret_proof);

bool inclusion_check(const struct proof *proof, uint64_t size, uint64_t index,
		     const uint8_t leaf[static INK_HASH_SIZE],
		     const uint8_t root[static INK_HASH_SIZE]);
/* An old size of 0 proves nothing and is refused. */
bool consistency_check(const struct proof *proof, uint64_t old_size,
		       const uint8_t old_root[static INK_HASH_SIZE], uint64_t size,
		       const uint8_t root[static INK_HASH_SIZE]);

#endif
