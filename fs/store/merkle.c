/* SPDX-License-Identifier: MIT */
#include "merkle.h"

#include <assert.h>
#include <string.h>

#include "hash.h"

void merkle_init(struct merkle *tree)
{
	tree->size = 0;
	tree->node_count = 0;
}

void merkle_append(struct merkle *tree, const uint8_t leaf[static INK_HASH_SIZE])
{
	uint8_t node[INK_HASH_SIZE];

	memcpy(node, leaf, INK_HASH_SIZE);
	/* Each trailing one bit of size is a perfect subtree as large as the one in hand. */
	for (uint64_t bits = tree->size; bits & 1; bits >>= 1) {
		assert(tree->node_count > 0);
		tree->node_count--;
		hash_node(tree->nodes[tree->node_count], node, node);
	}
	assert(tree->node_count < TREE_DEPTH_MAX);
	memcpy(tree->nodes[tree->node_count], node, INK_HASH_SIZE);
	tree->node_count++;
	tree->size++;
}

static void fold(const uint8_t (*nodes)[INK_HASH_SIZE], unsigned count,
		 uint8_t ret_root[static INK_HASH_SIZE])
{
	uint8_t node[INK_HASH_SIZE];

	memcpy(node, nodes[count - 1], INK_HASH_SIZE);
	for (unsigned i = count - 1; i > 0; i--)
		hash_node(nodes[i - 1], node, node);
	memcpy(ret_root, node, INK_HASH_SIZE);
}

void merkle_root(const struct merkle *tree, uint8_t ret_root[static INK_HASH_SIZE])
{
	if (tree->node_count == 0)
		hash_data("", 0, ret_root);
	else
		fold(tree->nodes, tree->node_count, ret_root);
}

enum ink_err merkle_load(struct merkle *tree, uint64_t size, const uint8_t *nodes,
			 unsigned node_count)
{
	if (node_count != (unsigned)__builtin_popcountll(size))
		return INK_ERR_DAMAGED;
	tree->size = size;
	tree->node_count = node_count;
	memcpy(tree->nodes, nodes, (size_t)node_count * INK_HASH_SIZE);
	return INK_OK;
}

void tile_root(const uint8_t *hashes, unsigned count, uint8_t ret_root[static INK_HASH_SIZE])
{
	struct merkle tree;

	assert(count >= 1 && count <= TILE_WIDTH);
	merkle_init(&tree);
	for (unsigned i = 0; i < count; i++)
		merkle_append(&tree, hashes + (size_t)i * INK_HASH_SIZE);
	merkle_root(&tree, ret_root);
}
