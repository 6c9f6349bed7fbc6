/* SPDX-License-Identifier: MIT */
#include "hash.h"

#include <stdlib.h>

#include "check.h"
#include "hex.h"

static void assert_hash(const uint8_t *hash, const char *hex)
{
	uint8_t expected[INK_HASH_SIZE];

	assert_int_equal(from_hex(hex, expected, sizeof(expected)), INK_HASH_SIZE);
	assert_memory_equal(hash, expected, INK_HASH_SIZE);
}

/* FIPS 180-2, appendix B, and the empty message of the validation suite. */
static const struct {
	const char *message;
	const char *hash;
} fips[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void the_vectors_of_fips_180_come_out(void **state)
{
	uint8_t hash[INK_HASH_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fips); i++) {
		hash_data(fips[i].message, strlen(fips[i].message), hash);
		assert_hash(hash, fips[i].hash);
	}
}

static void a_million_letters_a_come_out(void **state)
{
	char *letters = malloc(1000000);
	uint8_t hash[INK_HASH_SIZE];

	(void)state;
	assert_non_null(letters);
	memset(letters, 'a', 1000000);
	hash_data(letters, 1000000, hash);
	assert_hash(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(letters);
}

static void two_pieces_hash_as_one_wherever_they_are_cut(void **state)
{
	const char *message = fips[2].message;
	size_t size = strlen(message);
	uint8_t hash[INK_HASH_SIZE];

	(void)state;
	for (size_t cut = 0; cut <= size; cut++) {
		hash_two(message, cut, message + cut, size - cut, hash);
		assert_hash(hash, fips[2].hash);
	}
}

/* The test tree of RFC 6962 implementations (certificate-transparency). */
static void leaves_and_nodes_are_hashed_apart_as_rfc_6962_says(void **state)
{
	uint8_t empty[INK_HASH_SIZE], zero[INK_HASH_SIZE], node[INK_HASH_SIZE];

	(void)state;
	hash_leaf("", 0, empty);
	assert_hash(empty, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
	hash_leaf("\0", 1, zero);
	assert_hash(zero, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
	hash_node(empty, zero, node);
	assert_hash(node, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
}

static void a_node_may_be_written_over_either_of_its_children(void **state)
{
	uint8_t left[INK_HASH_SIZE], right[INK_HASH_SIZE], node[INK_HASH_SIZE];

	(void)state;
	hash_leaf("l", 1, left);
	hash_leaf("r", 1, right);
	hash_node(left, right, node);
	hash_node(left, right, right);
	assert_memory_equal(right, node, INK_HASH_SIZE);
	hash_leaf("r", 1, right);
	hash_node(left, right, left);
	assert_memory_equal(left, node, INK_HASH_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_fips_180_come_out),
		cmocka_unit_test(a_million_letters_a_come_out),
		cmocka_unit_test(two_pieces_hash_as_one_wherever_they_are_cut),
		cmocka_unit_test(leaves_and_nodes_are_hashed_apart_as_rfc_6962_says),
		cmocka_unit_test(a_node_may_be_written_over_either_of_its_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
