/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hash.h"
#include "merkle.h"
#include "note.h"
#include "scratch.h"

enum { LEAF_COUNT = 300 };
static uint8_t leaves[LEAF_COUNT][INK_HASH_SIZE], roots[LEAF_COUNT + 1][INK_HASH_SIZE];

static void load(const char *path, uint8_t *to, size_t wanted)
{
	size_t size;
	uint8_t *data = file_read(path, &size);

	assert_int_equal(size, wanted);
	memcpy(to, data, size);
	free(data);
}

static enum ink_err range_of_leaves(void *ctx, uint64_t from, uint64_t to,
				    uint8_t ret_root[static INK_HASH_SIZE])
{
	struct merkle tree;

	(void)ctx;
	merkle_init(&tree);
	for (uint64_t i = from; i < to; i++)
		merkle_append(&tree, leaves[i]);
	merkle_root(&tree, ret_root);
	return INK_OK;
}

static const struct hash_source source = { range_of_leaves, NULL };

static int setup(void **state)
{
	struct merkle tree;

	(void)state;
	load("tests/data/merkle/tile-0-000", leaves[0], 256 * INK_HASH_SIZE);
	load("tests/data/merkle/tile-0-001.p44", leaves[256], 44 * INK_HASH_SIZE);
	merkle_init(&tree);
	for (unsigned i = 0; i < LEAF_COUNT; i++) {
		merkle_root(&tree, roots[i]);
		merkle_append(&tree, leaves[i]);
	}
	merkle_root(&tree, roots[LEAF_COUNT]);
	return 0;
}

/* @lines hash lines, after @skip others, up to an empty line or the end. */
static void read_proof(const char *path, unsigned skip, struct proof *proof)
{
	size_t size;
	char *data = (char *)file_read(path, &size);
	struct ink_str rest = { data, (uint32_t)size }, line;

	proof->hash_count = 0;
	while (skip-- > 0)
		assert_true(text_take_line(&rest, &line));
	while (text_take_line(&rest, &line) && line.size > 0)
		assert_ok(hash_decode_base64(line, proof->hashes[proof->hash_count++]));
	free(data);
}

static void assert_same(const struct proof *a, const struct proof *b)
{
	assert_int_equal(a->hash_count, b->hash_count);
	assert_memory_equal(a->hashes, b->hashes, a->hash_count * INK_HASH_SIZE);
}

static void consistency_proofs_are_those_of_the_sample(void **state)
{
	static const unsigned pairs[][2] = { { 0, 1 },   { 1, 2 },     { 2, 3 },     { 3, 7 },
					     { 7, 255 }, { 255, 256 }, { 256, 257 }, { 257, 300 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct proof wanted, made;
		char path[128];

		snprintf(path, sizeof(path), "tests/data/proof/%u-%u", pairs[i][0], pairs[i][1]);
		read_proof(path, 0, &wanted);
		assert_ok(consistency_make(&source, pairs[i][1], pairs[i][0], &made));
		assert_same(&made, &wanted);
	}
}

static void inclusion_proofs_are_those_of_the_sample(void **state)
{
	static const unsigned pairs[][2] = {
		{ 300, 1 },   { 255, 254 }, { 257, 1 }, { 257, 5 },   { 255, 127 }, { 3, 1 },
		{ 7, 5 },     { 300, 299 }, { 7, 6 },   { 7, 3 },     { 256, 128 }, { 257, 128 },
		{ 257, 256 }, { 300, 0 },   { 2, 1 },   { 255, 0 },   { 3, 0 },     { 255, 1 },
		{ 256, 255 }, { 2, 0 },     { 256, 0 }, { 256, 1 },   { 3, 2 },     { 256, 5 },
		{ 7, 0 },     { 7, 1 },     { 255, 5 }, { 300, 150 }, { 1, 0 },     { 300, 5 },
		{ 257, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		struct proof wanted, made;
		char path[128];

		snprintf(path, sizeof(path), "tests/data/proof/%u-%u.tlog-proof", pairs[i][0],
			 pairs[i][1]);
		read_proof(path, 2, &wanted);
		assert_ok(inclusion_make(&source, pairs[i][0], pairs[i][1], &made));
		assert_same(&made, &wanted);
	}
}

static void every_leaf_of_every_small_tree_is_proved_and_no_other(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= 40; size++) {
		for (uint64_t index = 0; index < size; index++) {
			struct proof proof;

			assert_ok(inclusion_make(&source, size, index, &proof));
			assert_true(
				inclusion_check(&proof, size, index, leaves[index], roots[size]));
			for (uint64_t other = 0; other <= size; other++)
				if (other != index)
					assert_false(inclusion_check(&proof, size, other,
								     leaves[index], roots[size]));
			proof.hashes[proof.hash_count][0] = 0;
			proof.hash_count++;
			assert_false(
				inclusion_check(&proof, size, index, leaves[index], roots[size]));
		}
	}
}

static void every_small_tree_is_the_beginning_of_each_later_one(void **state)
{
	(void)state;
	for (unsigned size = 1; size <= 40; size++) {
		for (unsigned old = 1; old <= size; old++) {
			struct proof proof;

			assert_ok(consistency_make(&source, size, old, &proof));
			assert_true(consistency_check(&proof, old, roots[old], size, roots[size]));
			assert_false(
				consistency_check(&proof, old, roots[old + 1], size, roots[size]));
			assert_false(
				consistency_check(&proof, old, roots[old], size, roots[size + 1]));
			for (unsigned i = 0; i < proof.hash_count; i++) {
				proof.hashes[i][31] ^= 1;
				assert_false(consistency_check(&proof, old, roots[old], size,
							       roots[size]));
				proof.hashes[i][31] ^= 1;
			}
			memset(proof.hashes[proof.hash_count++], 0, INK_HASH_SIZE);
			assert_false(consistency_check(&proof, old, roots[old], size, roots[size]));
		}
	}
}

static void nothing_is_proved_of_an_empty_tree_or_backwards(void **state)
{
	struct proof proof = { 0 };

	(void)state;
	assert_false(consistency_check(&proof, 0, roots[0], 5, roots[5]));
	assert_false(consistency_check(&proof, 5, roots[5], 4, roots[4]));
	assert_false(consistency_check(&proof, 0, roots[0], 0, roots[0]));
	assert_false(inclusion_check(&proof, 0, 0, leaves[0], roots[0]));
	/* Made so that all its hashes come out right. */
	proof.hash_count = 2;
	memcpy(proof.hashes[0], leaves[0], INK_HASH_SIZE);
	memcpy(proof.hashes[1], leaves[1], INK_HASH_SIZE);
	assert_false(consistency_check(&proof, 3, leaves[0], 2, roots[2]));
}

/* Root and hashes of a part of the tree are no leaf and no proof of a smaller one. */
static void a_proof_that_ends_too_early_proves_nothing(void **state)
{
	struct proof proof = { 0 };

	(void)state;
	for (unsigned size = 2; size <= 40; size++)
		for (unsigned old = 1; old < size; old++) {
			assert_false(consistency_check(&proof, old, roots[old], size, roots[old]));
			assert_false(consistency_check(&proof, old, roots[old], size, roots[size]));
		}
	for (unsigned size = 2; size <= 40; size++)
		assert_false(inclusion_check(&proof, size, 0, roots[size], roots[size]));
	for (unsigned size = 3; size <= 40; size++) {
		assert_ok(consistency_make(&source, size, 2, &proof));
		for (unsigned cut = 1; cut < proof.hash_count; cut++) {
			uint8_t root[INK_HASH_SIZE];

			memcpy(root, roots[2], sizeof(root));
			for (unsigned i = 0; i < cut; i++)
				hash_node(root, proof.hashes[i], root);
			proof.hash_count = cut;
			assert_false(consistency_check(&proof, 2, roots[2], size, root));
			assert_ok(consistency_make(&source, size, 2, &proof));
		}
	}
}

/* More hashes than a struct has room for, said of the largest tree there is. */
static void no_more_hashes_are_read_than_there_can_be(void **state)
{
	struct proof *proof = calloc(1, sizeof(*proof));

	(void)state;
	assert_non_null(proof);
	for (unsigned count = PROOF_HASH_COUNT_MAX; count <= PROOF_HASH_COUNT_MAX + 2; count++) {
		proof->hash_count = count;
		assert_false(inclusion_check(proof, UINT64_MAX, 0, leaves[0], roots[1]));
		assert_false(inclusion_check(proof, UINT64_MAX, 4, leaves[0], roots[1]));
		assert_false(consistency_check(proof, 3, roots[3], UINT64_MAX, roots[1]));
		assert_false(consistency_check(proof, 4, roots[4], UINT64_MAX, roots[1]));
	}
	free(proof);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consistency_proofs_are_those_of_the_sample),
		cmocka_unit_test(inclusion_proofs_are_those_of_the_sample),
		cmocka_unit_test(every_leaf_of_every_small_tree_is_proved_and_no_other),
		cmocka_unit_test(every_small_tree_is_the_beginning_of_each_later_one),
		cmocka_unit_test(nothing_is_proved_of_an_empty_tree_or_backwards),
		cmocka_unit_test(a_proof_that_ends_too_early_proves_nothing),
		cmocka_unit_test(no_more_hashes_are_read_than_there_can_be),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
