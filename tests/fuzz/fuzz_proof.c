/* SPDX-License-Identifier: MIT */
/*
 * Proofs: u16 size of a tree, u16 leaf, u16 older size, then changes of the two proofs.  A proof is good if and only if
 * it is the one that the tree gives, and the tree's roots are those of a second reading of RFC 6962.
 */
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "merkle.h"
#include "proof.h"

enum { SIZE_MAX_LEAVES = 600 };

static uint8_t leaves[SIZE_MAX_LEAVES][INK_HASH_SIZE];

static void make_leaves(void)
{
	for (uint32_t i = 0; i < SIZE_MAX_LEAVES; i++)
		hash_leaf(&i, sizeof(i), leaves[i]);
}

/* RFC 6962 section 2.1, word for word. */
static void mth(uint64_t from, uint64_t to, uint8_t *ret_root)
{
	uint8_t left[INK_HASH_SIZE], right[INK_HASH_SIZE];
	uint64_t k = 1;

	if (to - from == 1) {
		memcpy(ret_root, leaves[from], INK_HASH_SIZE);
		return;
	}
	while (k * 2 < to - from)
		k *= 2;
	mth(from, from + k, left);
	mth(from + k, to, right);
	hash_node(left, right, ret_root);
}

static enum ink_err range(void *ctx, uint64_t from, uint64_t to,
			  uint8_t ret_root[static INK_HASH_SIZE])
{
	(void)ctx;
	mth(from, to, ret_root);
	return INK_OK;
}

static const struct hash_source source = { range, NULL };

static bool is_same(const struct proof *a, const struct proof *b)
{
	return a->hash_count == b->hash_count &&
	       memcmp(a->hashes, b->hashes, (size_t)a->hash_count * INK_HASH_SIZE) == 0;
}

/* One change: a byte, a hash taken out, put in, or exchanged. */
static void change(struct proof *proof, struct fuzz_input *input)
{
	uint8_t what = input_u8(input), at = input_u8(input), value = input_u8(input);
	unsigned count = proof->hash_count, i = count ? at % count : 0;

	switch (what % 4) {
	case 0:
		if (count > 0)
			proof->hashes[i][value % INK_HASH_SIZE] ^= what;
		break;
	case 1:
		if (count > 0)
			memmove(proof->hashes[i], proof->hashes[i + 1],
				(size_t)(--proof->hash_count - i) * INK_HASH_SIZE);
		break;
	case 2:
		if (count >= PROOF_HASH_COUNT_MAX - 1)
			break;
		memmove(proof->hashes[i + 1], proof->hashes[i], (count - i) * INK_HASH_SIZE);
		memcpy(proof->hashes[i], leaves[value], INK_HASH_SIZE);
		proof->hash_count++;
		break;
	default:
		if (count > 0) {
			uint8_t hash[INK_HASH_SIZE];

			memcpy(hash, proof->hashes[i], INK_HASH_SIZE);
			memcpy(proof->hashes[i], proof->hashes[value % count], INK_HASH_SIZE);
			memcpy(proof->hashes[value % count], hash, INK_HASH_SIZE);
		}
	}
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint64_t tree_size = 1 + input_u16(&input) % (SIZE_MAX_LEAVES - 1);
	uint64_t index = input_u16(&input) % tree_size,
		 old_size = 1 + input_u16(&input) % tree_size;
	struct proof in = { 0 }, grown = { 0 }, changed;
	uint8_t root[INK_HASH_SIZE], old_root[INK_HASH_SIZE], own[INK_HASH_SIZE];
	struct merkle tree;

	make_leaves();
	mth(0, tree_size, root);
	mth(0, old_size, old_root);
	merkle_init(&tree);
	for (uint64_t i = 0; i < tree_size; i++)
		merkle_append(&tree, leaves[i]);
	merkle_root(&tree, own);
	FUZZ_REQUIRE(memcmp(own, root, INK_HASH_SIZE) == 0);

	FUZZ_REQUIRE(inclusion_make(&source, tree_size, index, &in) == INK_OK);
	FUZZ_REQUIRE(consistency_make(&source, tree_size, old_size, &grown) == INK_OK);
	FUZZ_REQUIRE(inclusion_check(&in, tree_size, index, leaves[index], root));
	FUZZ_REQUIRE(consistency_check(&grown, old_size, old_root, tree_size, root));
	FUZZ_REQUIRE(!inclusion_check(&in, tree_size, tree_size, leaves[index], root));
	FUZZ_REQUIRE(!consistency_check(&grown, 0, old_root, tree_size, root));
	while (input.size > 0) {
		changed = in;
		change(&changed, &input);
		FUZZ_REQUIRE(inclusion_check(&changed, tree_size, index, leaves[index], root) ==
			     is_same(&changed, &in));
		changed = grown;
		change(&changed, &input);
		FUZZ_REQUIRE(consistency_check(&changed, old_size, old_root, tree_size, root) ==
			     is_same(&changed, &grown));
	}
}

const struct fuzz_target fuzz_proof = { "proof", run, 64 };
