/* SPDX-License-Identifier: MIT */
/*
 * The one-shot functions of OpenSSL 1.1 keep the state on the stack: no allocation, no provider
 * look-up, about 300 ns less than EVP for each of the two to three short hashes of a record.
 */
#define OPENSSL_API_COMPAT 0x10100000L

#include "hash.h"

#include <openssl/sha.h>

_Static_assert(SHA256_DIGEST_LENGTH == INK_HASH_SIZE, "SHA-256");
_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct hash), "the state of a hash fits");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct hash), "and lies well");

void hash_data(const void *data, size_t size, uint8_t ret_hash[static INK_HASH_SIZE])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, data, size);
	SHA256_Final(ret_hash, &ctx);
}

void hash_two(const void *first, size_t first_size, const void *second, size_t second_size,
	      uint8_t ret_hash[static INK_HASH_SIZE])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, first, first_size);
	if (second_size > 0)
		SHA256_Update(&ctx, second, second_size);
	SHA256_Final(ret_hash, &ctx);
}

void hash_leaf(const void *entry, size_t size, uint8_t ret_hash[static INK_HASH_SIZE])
{
	static const uint8_t prefix = 0x00;

	hash_two(&prefix, 1, entry, size, ret_hash);
}

void hash_node(const uint8_t left[static INK_HASH_SIZE], const uint8_t right[static INK_HASH_SIZE],
	       uint8_t ret_hash[static INK_HASH_SIZE])
{
	static const uint8_t prefix = 0x01;
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, &prefix, 1);
	SHA256_Update(&ctx, left, INK_HASH_SIZE);
	SHA256_Update(&ctx, right, INK_HASH_SIZE);
	SHA256_Final(ret_hash, &ctx);
}

void hash_init(struct hash *hash)
{
	SHA256_Init((SHA256_CTX *)hash->state);
}

void hash_add(struct hash *hash, const void *data, size_t size)
{
	SHA256_Update((SHA256_CTX *)hash->state, data, size);
}

void hash_finish(struct hash *hash, uint8_t ret_hash[static INK_HASH_SIZE])
{
	SHA256_Final(ret_hash, (SHA256_CTX *)hash->state);
}
