/* SPDX-License-Identifier: MIT */
/*
 * The RFC 6962 Merkle tree, grown leaf by leaf.
 *
 * Owns: nothing (the caller's struct).  Knows nothing of: what a leaf is, where hashes are kept.
 * Threads: one at a time per struct.
 *
 * The state is the run of perfect subtrees of the tree over `size` leaves, one for each bit set in
 * `size`, largest first: at most 64 hashes whatever the size of the log.
 */
#ifndef INK_MERKLE_H
#define INK_MERKLE_H

#include "format.h"

struct merkle {
	uint64_t size;       /* leaves */
	unsigned node_count; /* bits set in size */
	uint8_t nodes[TREE_DEPTH_MAX][INK_HASH_SIZE];
};

void merkle_init(struct merkle *tree);
void merkle_append(struct merkle *tree, const uint8_t leaf[static INK_HASH_SIZE]);
/* RFC 6962 section 2.1: MTH of the leaves so far; of none: H(""). */
void merkle_root(const struct merkle *tree, uint8_t ret_root[static INK_HASH_SIZE]);

/*
 * Set from stored subtree hashes.  INK_ERR_DAMAGED: @node_count is not what @size needs.
 */
INK_MUST_CHECK enum ink_err merkle_load(struct merkle *tree, uint64_t size, const uint8_t *nodes,
					unsigned node_count);

/* MTH of @count hashes taken as leaf hashes; @count is 1 to 256. */
void tile_root(const uint8_t *hashes, unsigned count, uint8_t ret_root[static INK_HASH_SIZE]);

#endif
