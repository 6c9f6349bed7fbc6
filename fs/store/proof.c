/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include <assert.h>
#include <string.h>

#include "hash.h"

/* The largest power of two that is smaller than @size, which is at least 2. */
static uint64_t split_of(uint64_t size)
{
	return UINT64_C(1) << (63 - __builtin_clzll(size - 1));
}

static enum ink_err push_range(const struct hash_source *source, uint64_t from, uint64_t to,
			       struct proof *proof)
{
	assert(proof->hash_count < PROOF_HASH_COUNT_MAX);
	return source->range(source->ctx, from, to, proof->hashes[proof->hash_count++]);
}

/* Found from the root down, given from the leaf up. */
static void reverse(struct proof *proof)
{
	uint8_t hash[INK_HASH_SIZE];

	for (unsigned i = 0, j = proof->hash_count; i + 1 < j; i++) {
		j--;
		memcpy(hash, proof->hashes[i], INK_HASH_SIZE);
		memcpy(proof->hashes[i], proof->hashes[j], INK_HASH_SIZE);
		memcpy(proof->hashes[j], hash, INK_HASH_SIZE);
	}
}

enum ink_err inclusion_make(const struct hash_source *source, uint64_t size, uint64_t index,
			    struct proof *ret_proof)
{
	uint64_t from = 0, to = size;
	enum ink_err err = INK_OK;

	assert(index < size);
	ret_proof->hash_count = 0;
	while (err == INK_OK && to - from > 1) {
		uint64_t middle = from + split_of(to - from);

		if (index < middle) {
			err = push_range(source, middle, to, ret_proof);
			to = middle;
		} else {
			err = push_range(source, from, middle, ret_proof);
			from = middle;
		}
	}
	reverse(ret_proof);
	return err;
}

enum ink_err consistency_make(const struct hash_source *source, uint64_t size, uint64_t old_size,
			      struct proof *ret_proof)
{
	uint64_t from = 0, to = size;
	enum ink_err err = INK_OK;

	assert(old_size <= size);
	ret_proof->hash_count = 0;
	if (old_size == 0 || old_size == size)
		return INK_OK;
	while (err == INK_OK && to > old_size) {
		uint64_t middle = from + split_of(to - from);

		if (old_size <= middle) {
			err = push_range(source, middle, to, ret_proof);
			to = middle;
		} else {
			err = push_range(source, from, middle, ret_proof);
			from = middle;
		}
	}
	if (err == INK_OK && from != 0) /* else it is the old root itself */
		err = push_range(source, from, to, ret_proof);
	reverse(ret_proof);
	return err;
}

/* RFC 9162 section 2.1.3.2. */
bool inclusion_check(const struct proof *proof, uint64_t size, uint64_t index,
		     const uint8_t leaf[static INK_HASH_SIZE],
		     const uint8_t root[static INK_HASH_SIZE])
{
	uint64_t node = index, last = size - 1;
	uint8_t hash[INK_HASH_SIZE];

	if (index >= size)
		return false;
	memcpy(hash, leaf, INK_HASH_SIZE);
	/* @last loses a bit in each round, so there are no more than PROOF_HASH_COUNT_MAX. */
	for (unsigned i = 0; i < proof->hash_count; i++) {
		if (last == 0)
			return false;
		if (node & 1 || node == last) {
			hash_node(proof->hashes[i], hash, hash);
			for (; !(node & 1) && node != 0; node >>= 1)
				last >>= 1;
		} else {
			hash_node(hash, proof->hashes[i], hash);
		}
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && memcmp(hash, root, INK_HASH_SIZE) == 0;
}

/* RFC 9162 section 2.1.4.2, for 0 < @old_size < @size. */
static bool grown_check(const struct proof *proof, uint64_t old_size, const uint8_t *old_root,
			uint64_t size, const uint8_t *root)
{
	bool is_power = (old_size & (old_size - 1)) == 0;
	uint64_t node = old_size - 1, last = size - 1;
	uint8_t old_hash[INK_HASH_SIZE], hash[INK_HASH_SIZE];

	for (; node & 1; node >>= 1)
		last >>= 1; /* and something is left of it: without a hash nothing is proved */
	memcpy(hash, is_power ? old_root : proof->hashes[0], INK_HASH_SIZE);
	memcpy(old_hash, hash, INK_HASH_SIZE);
	for (unsigned i = is_power ? 0 : 1; i < proof->hash_count; i++) {
		if (last == 0)
			return false;
		if (node & 1 || node == last) {
			hash_node(proof->hashes[i], old_hash, old_hash);
			hash_node(proof->hashes[i], hash, hash);
			for (; !(node & 1) && node != 0; node >>= 1)
				last >>= 1;
		} else {
			hash_node(hash, proof->hashes[i], hash);
		}
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && memcmp(old_hash, old_root, INK_HASH_SIZE) == 0 &&
	       memcmp(hash, root, INK_HASH_SIZE) == 0;
}

bool consistency_check(const struct proof *proof, uint64_t old_size,
		       const uint8_t old_root[static INK_HASH_SIZE], uint64_t size,
		       const uint8_t root[static INK_HASH_SIZE])
{
	if (old_size == 0 || old_size > size || proof->hash_count > PROOF_HASH_COUNT_MAX)
		return false;
	if (old_size == size)
		return proof->hash_count == 0 && memcmp(old_root, root, INK_HASH_SIZE) == 0;
	return grown_check(proof, old_size, old_root, size, root);
}
