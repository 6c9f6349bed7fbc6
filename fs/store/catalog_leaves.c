/* SPDX-License-Identifier: MIT */
/* What grows with every record: leaves and places, blocks, tiles; the last of each are here, the others in the index. */
#include "catalog_private.h"

static enum ink_err load_block(struct catalog *catalog)
{
	const uint8_t *value;
	enum ink_err err;
	uint8_t key[8];
	size_t size;

	if (catalog->head.record_count % TILE_WIDTH == 0)
		return INK_OK;
	err = index_get(catalog->index, DB_BLOCKS, key,
			key_u64(catalog->head.record_count / TILE_WIDTH, key), &value, &size);
	if (err == INK_OK)
		err = block_decode(value, size, &catalog->block);
	return err == INK_OK || err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
}

static enum ink_err load_leaves(struct catalog *catalog)
{
	unsigned count = catalog->head.record_count % TILE_WIDTH;
	const uint8_t *value;
	enum ink_err err;
	uint8_t key[8];
	size_t size;

	if (count == 0)
		return INK_OK;
	err = index_get(catalog->index, DB_LEAVES, key,
			key_u64(catalog->head.record_count / TILE_WIDTH, key), &value, &size);
	if (err != INK_OK || size != (size_t)count * LEAF_ENTRY_SIZE)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	memcpy(catalog->leaves, value, (size_t)count * INK_HASH_SIZE);
	for (unsigned i = 0; i < count; i++)
		catalog->places[i] =
			be64_load(value + (size_t)count * INK_HASH_SIZE + (size_t)i * 8);
	return INK_OK;
}

static enum ink_err load_tiles(struct catalog *catalog)
{
	uint64_t count = catalog->head.record_count / TILE_WIDTH;

	for (unsigned level = 1; level < TILE_LEVEL_MAX && count > 0;
	     level++, count /= TILE_WIDTH) {
		struct tile *tile = &catalog->tiles[level];
		const uint8_t *value;
		enum ink_err err;
		uint8_t key[9];
		size_t size, width = (size_t)(count % TILE_WIDTH) * INK_HASH_SIZE;

		tile->count = count;
		if (width == 0)
			continue;
		err = index_get(catalog->index, DB_TILES, key,
				key_tile(level, count / TILE_WIDTH, key), &value, &size);
		if (err != INK_OK || size != width)
			return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
		memcpy(tile->hashes, value, width);
	}
	return INK_OK;
}

enum ink_err leaves_load(struct catalog *catalog)
{
	enum ink_err err = load_leaves(catalog);

	if (err == INK_OK)
		err = load_block(catalog);
	return err == INK_OK ? load_tiles(catalog) : err;
}

static enum ink_err put_leaves(struct catalog *catalog, uint64_t n, unsigned count)
{
	uint8_t value[TILE_WIDTH * LEAF_ENTRY_SIZE];
	uint8_t key[8];

	memcpy(value, catalog->leaves, (size_t)count * INK_HASH_SIZE);
	for (unsigned i = 0; i < count; i++)
		be64_store(value + (size_t)count * INK_HASH_SIZE + (size_t)i * 8,
			   catalog->places[i]);
	return index_put(catalog->index, DB_LEAVES, key, key_u64(n, key), value,
			 (size_t)count * LEAF_ENTRY_SIZE);
}

static enum ink_err put_block(struct catalog *catalog, uint64_t n)
{
	uint8_t value[BLOCK_VALUE_SIZE];
	uint8_t key[8];

	block_encode(&catalog->block, value);
	return index_put(catalog->index, DB_BLOCKS, key, key_u64(n, key), value, sizeof(value));
}

static enum ink_err put_tile(struct catalog *catalog, unsigned level, uint64_t n, unsigned count)
{
	uint8_t key[9];

	return index_put(catalog->index, DB_TILES, key, key_tile(level, n, key),
			 catalog->tiles[level].hashes, (size_t)count * INK_HASH_SIZE);
}

/* A tile became full on the level below: its root is one more hash here, and so on upwards. */
static enum ink_err raise_tiles(struct catalog *catalog)
{
	uint8_t hash[INK_HASH_SIZE];
	enum ink_err err = INK_OK;

	tile_root(catalog->leaves[0], TILE_WIDTH, hash);
	for (unsigned level = 1; level < TILE_LEVEL_MAX && err == INK_OK; level++) {
		struct tile *tile = &catalog->tiles[level];

		memcpy(tile->hashes[tile->count % TILE_WIDTH], hash, INK_HASH_SIZE);
		tile->count++;
		if (tile->count % TILE_WIDTH != 0)
			break;
		err = put_tile(catalog, level, tile->count / TILE_WIDTH - 1, TILE_WIDTH);
		tile_root(tile->hashes[0], TILE_WIDTH, hash);
	}
	return err;
}

enum ink_err leaf_add(struct catalog *catalog, const uint8_t leaf[static INK_HASH_SIZE],
		      uint64_t place)
{
	struct head *head = &catalog->head;
	unsigned at = head->record_count % TILE_WIDTH;
	enum ink_err err;

	memcpy(catalog->leaves[at], leaf, INK_HASH_SIZE);
	catalog->places[at] = place;
	memcpy(head->last_leaf, leaf, INK_HASH_SIZE);
	merkle_append(&head->tree, leaf);
	head->record_count++;
	if (at + 1 < TILE_WIDTH)
		return INK_OK;
	err = put_leaves(catalog, head->record_count / TILE_WIDTH - 1, TILE_WIDTH);
	if (err == INK_OK)
		err = put_block(catalog, head->record_count / TILE_WIDTH - 1);
	block_init(&catalog->block);
	return err == INK_OK ? raise_tiles(catalog) : err;
}

enum ink_err leaves_flush(struct catalog *catalog)
{
	uint64_t count = catalog->head.record_count;
	enum ink_err err = INK_OK;

	if (count % TILE_WIDTH != 0)
		err = put_leaves(catalog, count / TILE_WIDTH, count % TILE_WIDTH);
	if (err == INK_OK && count % TILE_WIDTH != 0)
		err = put_block(catalog, count / TILE_WIDTH);
	for (unsigned level = 1; level < TILE_LEVEL_MAX && err == INK_OK; level++) {
		uint64_t hashes = catalog->tiles[level].count;

		if (hashes % TILE_WIDTH != 0)
			err = put_tile(catalog, level, hashes / TILE_WIDTH, hashes % TILE_WIDTH);
	}
	return err;
}

enum ink_err catalog_leaf(struct catalog *catalog, uint64_t seq,
			  uint8_t ret_leaf[static INK_HASH_SIZE], uint64_t *ret_place)
{
	uint64_t count = catalog->head.record_count;
	uint64_t n = seq / TILE_WIDTH, at = seq % TILE_WIDTH, width = TILE_WIDTH;
	const uint8_t *value;
	enum ink_err err;
	uint8_t key[8];
	size_t size;

	if (seq >= count)
		return INK_ERR_NOT_FOUND;
	if (n == count / TILE_WIDTH) {
		memcpy(ret_leaf, catalog->leaves[at], INK_HASH_SIZE);
		*ret_place = catalog->places[at];
		return INK_OK;
	}
	err = index_get(catalog->index, DB_LEAVES, key, key_u64(n, key), &value, &size);
	if (err != INK_OK || size != width * LEAF_ENTRY_SIZE)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	memcpy(ret_leaf, value + at * INK_HASH_SIZE, INK_HASH_SIZE);
	*ret_place = be64_load(value + width * INK_HASH_SIZE + at * 8);
	return INK_OK;
}

enum ink_err catalog_block(struct catalog *catalog, uint64_t n, struct ink_block *ret_block)
{
	uint64_t count = catalog->head.record_count;
	struct index_pair pair;
	enum ink_err err;
	uint8_t key[8];

	if (n >= (count + TILE_WIDTH - 1) / TILE_WIDTH)
		return INK_ERR_NOT_FOUND;
	if (n == count / TILE_WIDTH) {
		*ret_block = catalog->block;
		return INK_OK;
	}
	/* Who asks for one asks for the next, which costs a seek less than a get. */
	err = index_seek(catalog->index, DB_BLOCKS, key, key_u64(n, key), false, &pair);
	if (err == INK_OK && pair.key_size == 8 && be64_load(pair.key) == n)
		return block_decode(pair.value, pair.value_size, ret_block);
	return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
}
