/* SPDX-License-Identifier: MIT */
#include "index_dump.h"

#include <stdio.h>
#include <stdlib.h>

#include "hash.h"

static void show(int db, const struct index_pair *pair)
{
	printf("%d ", db);
	for (size_t i = 0; i < pair->key_size; i++)
		printf("%02x", pair->key[i]);
	printf(" = ");
	for (size_t i = 0; i < pair->value_size && i < 160; i++)
		printf("%02x", pair->value[i]);
	printf(" (%zu)\n", pair->value_size);
}

size_t index_digest(struct index *index, bool is_shown, uint8_t ret_hash[static INK_HASH_SIZE])
{
	size_t count = 0;

	memset(ret_hash, 0, INK_HASH_SIZE);
	for (int db = 0; db < DB_COUNT; db++) {
		uint8_t key[600] = { 0 }, sizes[9];
		struct index_pair pair;
		size_t key_size = 1;
		bool is_after = false;

		while (index_seek(index, (enum index_db)db, key, key_size, is_after, &pair) ==
		       INK_OK) {
			sizes[0] = (uint8_t)db;
			be32_store(sizes + 1, (uint32_t)pair.key_size);
			be32_store(sizes + 5, (uint32_t)pair.value_size);
			hash_two(ret_hash, INK_HASH_SIZE, sizes, sizeof(sizes), ret_hash);
			hash_two(ret_hash, INK_HASH_SIZE, pair.key, pair.key_size, ret_hash);
			hash_two(ret_hash, INK_HASH_SIZE, pair.value, pair.value_size, ret_hash);
			if (is_shown)
				show(db, &pair);
			count++;
			key_size = pair.key_size;
			memcpy(key, pair.key, key_size);
			is_after = true;
		}
	}
	return count;
}

size_t index_dir_digest(const char *dir, bool is_shown, uint8_t ret_hash[static INK_HASH_SIZE])
{
	struct index *index;
	size_t count;

	if (index_open(dir, true, &index) != INK_OK) {
		fprintf(stderr, "%s: no index\n", dir);
		exit(3);
	}
	count = index_digest(index, is_shown, ret_hash);
	index_close(index);
	return count;
}
