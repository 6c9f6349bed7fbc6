/* SPDX-License-Identifier: MIT */
/* Shared by the catalog*.c files alone. */
#ifndef INK_CATALOG_PRIVATE_H
#define INK_CATALOG_PRIVATE_H

#include "catalog.h"
#include "inkfs/store.h"

enum {
	INODE_BUCKET_BITS = 12,
	INODE_BUCKET_COUNT = 1 << INODE_BUCKET_BITS,
	INODE_CACHE_MAX = 16384,
	INODE_DIRTY_MAX = 2048, /* that a flush finds */
	INODE_SPARE_COUNT =
		4, /* what a RENAME may load: two folders, what moves, what it replaces */
	LEAF_ENTRY_SIZE = INK_HASH_SIZE + 8,
};

/* One level of tiles; the last count % 256 hashes are here, the full tiles in the index. */
struct tile {
	uint64_t count;
	uint8_t hashes[TILE_WIDTH][INK_HASH_SIZE];
};

struct catalog {
	struct index *index;
	struct head head;
	uint8_t leaves[TILE_WIDTH][INK_HASH_SIZE]; /* the last record_count % 256 */
	uint64_t places[TILE_WIDTH];
	struct ink_block block;            /* of the same records */
	struct tile tiles[TILE_LEVEL_MAX]; /* level 0 is leaves */
	struct inode *buckets[INODE_BUCKET_COUNT];
	size_t inode_count;
	struct inode *dirty_first, *dirty_last; /* the one that waits for longest first */
	size_t dirty_count;
	struct inode *spare;
	unsigned spare_count;
};

/* A new, zeroed inode in the cache. */
INK_MUST_CHECK enum ink_err inode_add(struct catalog *catalog, uint64_t number,
				      struct inode **ret_inode);
/* Mark as changed by record @seq. */
void inode_touch(struct catalog *catalog, struct inode *inode, uint64_t seq);
/* Memory for all that one record may bring into the cache.  INK_ERR_IO: ENOMEM. */
INK_MUST_CHECK enum ink_err inodes_reserve(struct catalog *catalog);
/* Into the index, the oldest first, until @keep_count wait. */
INK_MUST_CHECK enum ink_err inodes_flush(struct catalog *catalog, size_t keep_count);
void inodes_release(struct catalog *catalog);
/* What the index holds of the last leaves, block and tiles. */
INK_MUST_CHECK enum ink_err leaves_load(struct catalog *catalog);
/* Write the last of each into the index's active overlay. */
INK_MUST_CHECK enum ink_err leaves_flush(struct catalog *catalog);
/* The next leaf hash and its place; the block has the record already. */
INK_MUST_CHECK enum ink_err leaf_add(struct catalog *catalog,
				     const uint8_t leaf[static INK_HASH_SIZE], uint64_t place);

#endif
