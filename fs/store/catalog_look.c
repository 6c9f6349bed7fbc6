/* SPDX-License-Identifier: MIT */
/* The rest of the index asked for what the head says. */
#include "catalog_private.h"

enum { TILE_BITS = 8 };

/* Hash @n of tile level @level; a level's last tile is in memory while it is not full. */
static enum ink_err tile_hash(struct catalog *catalog, unsigned level, uint64_t n,
			      uint8_t ret_hash[static INK_HASH_SIZE])
{
	uint64_t tile = n / TILE_WIDTH, at = n % TILE_WIDTH, place;
	const uint8_t *value;
	enum ink_err err;
	uint8_t key[9];
	size_t size;

	if (level == 0)
		return catalog_leaf(catalog, n, ret_hash, &place);
	if (level >= TILE_LEVEL_MAX || n >= catalog->tiles[level].count)
		return INK_ERR_DAMAGED;
	if (tile == catalog->tiles[level].count / TILE_WIDTH) {
		memcpy(ret_hash, catalog->tiles[level].hashes[at], INK_HASH_SIZE);
		return INK_OK;
	}
	err = index_get(catalog->index, DB_TILES, key, key_tile(level, tile, key), &value, &size);
	if (err != INK_OK || size != TILE_WIDTH * INK_HASH_SIZE)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	memcpy(ret_hash, value + at * INK_HASH_SIZE, INK_HASH_SIZE);
	return INK_OK;
}

/* Root of the perfect subtree of 2^@bits leaves that begins at leaf @from. */
static enum ink_err subtree(struct catalog *catalog, uint64_t from, unsigned bits,
			    uint8_t ret_root[static INK_HASH_SIZE])
{
	unsigned level = bits / TILE_BITS, count = 1U << bits % TILE_BITS;
	uint8_t hashes[TILE_WIDTH][INK_HASH_SIZE];
	enum ink_err err = INK_OK;

	for (unsigned i = 0; i < count && err == INK_OK; i++)
		err = tile_hash(catalog, level, (from >> level * TILE_BITS) + i, hashes[i]);
	if (err == INK_OK)
		tile_root(hashes[0], count, ret_root);
	return err;
}

enum ink_err catalog_tree(struct catalog *catalog, uint64_t size, struct merkle *ret_tree)
{
	uint8_t nodes[TREE_DEPTH_MAX][INK_HASH_SIZE];
	unsigned count = 0;
	uint64_t from = 0;
	enum ink_err err = INK_OK;

	for (unsigned bits = TREE_DEPTH_MAX; bits-- > 0 && err == INK_OK;) {
		if (!(size >> bits & 1))
			continue;
		err = subtree(catalog, from, bits, nodes[count++]);
		from += UINT64_C(1) << bits;
	}
	return err == INK_OK ? merkle_load(ret_tree, size, nodes[0], count) : err;
}

enum ink_err catalog_check_inodes(struct catalog *catalog)
{
	uint64_t next = catalog->head.next_inode;
	struct index_pair pair;
	uint8_t key[8];
	enum ink_err err;

	err = index_seek(catalog->index, DB_INODES, key, key_u64(next, key), false, &pair);
	if (err != INK_ERR_NOT_FOUND)
		return err == INK_OK ? INK_ERR_DAMAGED : err;
	if (next == FIRST_INODE)
		return INK_OK;
	err = index_seek(catalog->index, DB_INODES, key, key_u64(next - 1, key), false, &pair);
	return err == INK_ERR_NOT_FOUND ? INK_ERR_DAMAGED : err;
}
