/* SPDX-License-Identifier: MIT */
/*
 * The inside of struct tree, for tree.c and tree_links.c.
 *
 * Owns: nothing.  Knows nothing of: who asks.  Threads: as struct tree.
 */
#ifndef INK_TREE_PRIVATE_H
#define INK_TREE_PRIVATE_H

#include "lmdb_read.h"
#include "tree.h"
#include "walk.h"

enum { GROUP_BITS = 8 }; /* a group: the TILE_WIDTH records of one tile of level 0 */
enum { LEVELS_ABOVE = TREE_DEPTH_MAX - GROUP_BITS };

_Static_assert(1 << GROUP_BITS == TILE_WIDTH, "a group is a tile");

/* Leaves and places of consecutive records, the first of them number * TILE_WIDTH. */
struct group {
	uint64_t number;
	unsigned count; /* 0: not loaded */
	uint8_t leaves[TILE_WIDTH][INK_HASH_SIZE];
	uint64_t places[TILE_WIDTH];
};

struct tile {
	uint64_t number;
	unsigned count; /* 0: not loaded */
	uint8_t hashes[TILE_WIDTH][INK_HASH_SIZE];
};

/* Roots of perfect subtrees of one size, as far as they lie wholly in what was walked. */
struct row {
	uint64_t first; /* number of the first among all of that size */
	size_t count, room;
	uint8_t (*hashes)[INK_HASH_SIZE];
};

struct tree {
	uint64_t size;
	char *log_dir;
	struct walk walk;

	struct lmdb_file file;
	bool has_index;
	struct lmdb_cursor leaves, tiles;
	uint64_t index_count;              /* records taken from the index, at most size */
	struct tile cache[TILE_LEVEL_MAX]; /* by level */

	struct row rows[LEVELS_ABOVE]; /* [0]: roots of groups */
	uint64_t *places;              /* of the first record of each group walked */
	size_t place_count, place_room;
	struct group last;  /* the one that is not full, or nothing */
	struct group group; /* any one that was asked for */
	uint64_t *links;    /* EPOCH and REKEY among what was walked */
	size_t link_count, link_room;
};

/* realloc() for one more of @size bytes; false without memory. */
bool tree_grow(void *array, size_t *room, size_t count, size_t size);

#endif
