/* SPDX-License-Identifier: MIT */
#include "merkle.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"
#include "check.h"
#include "hash.h"
#include "hex.h"
#include "scratch.h"

#define DATA "tests/data/merkle/"
enum { LOG_SIZE = 300 };

static uint8_t leaves[LOG_SIZE][INK_HASH_SIZE];

/* The leaf hashes of the sample log, from its tiles. */
static int load(void **state)
{
	size_t first_size, second_size;
	uint8_t *first = file_read(DATA "tile-0-000", &first_size);
	uint8_t *second = file_read(DATA "tile-0-001.p44", &second_size);

	(void)state;
	assert_int_equal(first_size + second_size, sizeof(leaves));
	memcpy(leaves, first, first_size);
	memcpy(leaves[256], second, second_size);
	free(first);
	free(second);
	return 0;
}

static void grow(struct merkle *tree, unsigned size)
{
	merkle_init(tree);
	for (unsigned i = 0; i < size; i++)
		merkle_append(tree, leaves[i]);
}

/* The third line of a checkpoint is its root. */
static void root_of_checkpoint(unsigned size, uint8_t *ret_root)
{
	char path[64], first_line[64];
	size_t file_bytes, root_size;
	const char *line;
	char *text;

	snprintf(path, sizeof(path), DATA "checkpoint-%u", size);
	text = (char *)file_read(path, &file_bytes);
	snprintf(first_line, sizeof(first_line), "example.com/sample\n%u\n", size);
	assert_memory_equal(text, first_line, strlen(first_line));
	line = text + strlen(first_line);
	assert_int_equal(sodium_base642bin(ret_root, INK_HASH_SIZE, line, strcspn(line, "\n"), NULL,
					   &root_size, NULL, sodium_base64_VARIANT_ORIGINAL),
			 0);
	assert_int_equal(root_size, INK_HASH_SIZE);
	free(text);
}

static void roots_equal_the_signed_checkpoints_of_the_sample_log(void **state)
{
	static const unsigned sizes[] = { 0, 1, 2, 3, 7, 255, 256, 257, 300 };
	uint8_t expected[INK_HASH_SIZE], root[INK_HASH_SIZE];
	struct merkle tree;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		root_of_checkpoint(sizes[i], expected);
		grow(&tree, sizes[i]);
		merkle_root(&tree, root);
		assert_memory_equal(root, expected, INK_HASH_SIZE);
		assert_true(tree.size == sizes[i]);
	}
}

static void entries_of_the_sample_log_hash_to_its_leaves(void **state)
{
	uint8_t hash[INK_HASH_SIZE];
	struct get get;
	size_t size;
	uint8_t *bundle = file_read(DATA "entries-001.p44", &size);

	(void)state;
	get_init(&get, bundle, size);
	for (unsigned i = 256; i < LOG_SIZE; i++) {
		struct ink_str entry = get_str(&get);

		hash_leaf(entry.data, entry.size, hash);
		assert_memory_equal(hash, leaves[i], INK_HASH_SIZE);
	}
	assert_true(get_is_done(&get));
	free(bundle);
}

static void the_root_of_a_full_tile_is_a_hash_of_the_tile_above(void **state)
{
	size_t size;
	uint8_t *above = file_read(DATA "tile-1-000.p1", &size);
	uint8_t root[INK_HASH_SIZE];

	(void)state;
	assert_int_equal(size, INK_HASH_SIZE);
	tile_root(leaves[0], TILE_WIDTH, root);
	assert_memory_equal(root, above, INK_HASH_SIZE);
	free(above);
}

static void the_root_of_a_tile_is_that_of_a_tree_of_its_hashes(void **state)
{
	uint8_t root[INK_HASH_SIZE], expected[INK_HASH_SIZE];
	struct merkle tree;

	(void)state;
	for (unsigned count = 1; count <= TILE_WIDTH; count++) {
		grow(&tree, count);
		merkle_root(&tree, expected);
		tile_root(leaves[0], count, root);
		assert_memory_equal(root, expected, INK_HASH_SIZE);
	}
}

/* RFC 6962 section 2.1 as it is written down there. */
static void defined_root(const uint8_t (*hashes)[INK_HASH_SIZE], unsigned count, uint8_t *ret_root)
{
	uint8_t left[INK_HASH_SIZE], right[INK_HASH_SIZE];
	unsigned k = 1;

	if (count == 1) {
		memcpy(ret_root, hashes[0], INK_HASH_SIZE);
		return;
	}
	while (k * 2 < count)
		k *= 2;
	defined_root(hashes, k, left);
	defined_root(hashes + k, count - k, right);
	hash_node(left, right, ret_root);
}

static void every_size_up_to_300_agrees_with_the_definition(void **state)
{
	uint8_t root[INK_HASH_SIZE], expected[INK_HASH_SIZE];
	struct merkle tree;

	(void)state;
	merkle_init(&tree);
	for (unsigned count = 1; count <= LOG_SIZE; count++) {
		merkle_append(&tree, leaves[count - 1]);
		merkle_root(&tree, root);
		defined_root((const uint8_t(*)[INK_HASH_SIZE])leaves, count, expected);
		assert_memory_equal(root, expected, INK_HASH_SIZE);
		assert_int_equal(tree.node_count, __builtin_popcount(count));
	}
}

static void the_tree_of_eight_published_leaves_has_the_published_roots(void **state)
{
	static const char *const inputs[] = { "",
					      "00",
					      "10",
					      "2021",
					      "3031",
					      "40414243",
					      "5051525354555657",
					      "606162636465666768696a6b6c6d6e6f" };
	static const char *const roots[] = {
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	uint8_t input[16], leaf[INK_HASH_SIZE], root[INK_HASH_SIZE], expected[INK_HASH_SIZE];
	struct merkle tree;

	(void)state;
	merkle_init(&tree);
	for (size_t i = 0; i < COUNT_OF(inputs); i++) {
		size_t size = from_hex(inputs[i], input, sizeof(input));

		hash_leaf(input, size, leaf);
		merkle_append(&tree, leaf);
		merkle_root(&tree, root);
		from_hex(roots[i], expected, sizeof(expected));
		assert_memory_equal(root, expected, INK_HASH_SIZE);
	}
}

static void a_tree_taken_up_from_its_subtrees_goes_on_as_if_it_had_never_stopped(void **state)
{
	uint8_t root[INK_HASH_SIZE], expected[INK_HASH_SIZE];
	struct merkle whole, taken_up;

	(void)state;
	for (unsigned cut = 0; cut < LOG_SIZE; cut += 13) {
		grow(&whole, cut);
		memset(&taken_up, 0xaa, sizeof(taken_up));
		assert_ok(merkle_load(&taken_up, whole.size, whole.nodes[0], whole.node_count));
		for (unsigned i = cut; i < LOG_SIZE; i++)
			merkle_append(&taken_up, leaves[i]);
		merkle_root(&taken_up, root);
		root_of_checkpoint(LOG_SIZE, expected);
		assert_memory_equal(root, expected, INK_HASH_SIZE);
	}
}

static void a_wrong_number_of_subtrees_is_damage(void **state)
{
	struct merkle tree;

	(void)state;
	assert_err(INK_ERR_DAMAGED, merkle_load(&tree, 7, leaves[0], 2));
	assert_err(INK_ERR_DAMAGED, merkle_load(&tree, 8, leaves[0], 2));
	assert_err(INK_ERR_DAMAGED, merkle_load(&tree, 0, leaves[0], 1));
	assert_err(INK_ERR_DAMAGED, merkle_load(&tree, UINT64_MAX, leaves[0], 65));
	assert_ok(merkle_load(&tree, UINT64_MAX - 1, leaves[0], 63));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_equal_the_signed_checkpoints_of_the_sample_log),
		cmocka_unit_test(entries_of_the_sample_log_hash_to_its_leaves),
		cmocka_unit_test(the_root_of_a_full_tile_is_a_hash_of_the_tile_above),
		cmocka_unit_test(the_root_of_a_tile_is_that_of_a_tree_of_its_hashes),
		cmocka_unit_test(every_size_up_to_300_agrees_with_the_definition),
		cmocka_unit_test(the_tree_of_eight_published_leaves_has_the_published_roots),
		cmocka_unit_test(
			a_tree_taken_up_from_its_subtrees_goes_on_as_if_it_had_never_stopped),
		cmocka_unit_test(a_wrong_number_of_subtrees_is_damage),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
