/* SPDX-License-Identifier: MIT */
/*
 * Data files as LMDB writes them, whole in memory, and the places in them that a test may want to spoil.
 *
 * Owns: nothing.  Knows nothing of: who reads them.  Threads: one.
 */
#ifndef TEST_LMDB_IMAGE_H
#define TEST_LMDB_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum lmdb_image {
	LMDB_IMAGE_TREES, /* d0: a branch and leaves; d1: a small value and one on pages of its own; d2: empty */
	LMDB_IMAGE_FREED, /* a list of free pages that has pages of its own */
};

enum lmdb_place {
	LMDB_META, /* the page of the newest snapshot */
	LMDB_OLD_META,
	LMDB_MAIN, /* descriptor of the list of databases */
	LMDB_FREE, /* of the free list */
	LMDB_D0,   /* and of those in it */
	LMDB_D2,
	LMDB_MAIN_NODE,   /* the first one on its only page */
	LMDB_BRANCH,      /* root of d0 */
	LMDB_BRANCH_NODE, /* its second node */
	LMDB_LEAF,        /* the first of d0, and some of its nodes, in the order of keys */
	LMDB_LEAF_NODE,
	LMDB_LEAF_SECOND,
	LMDB_LEAF_LAST,
	LMDB_SMALL, /* the only page of d1 */
	LMDB_SMALL_NODE,
	LMDB_BIG_NODE,
	LMDB_BIG,       /* first page of its value */
	LMDB_FREE_LEAF, /* the last of the free list, and its last node */
	LMDB_FREE_NODE,
	LMDB_FREE_LIST, /* the value of that */
};

/* The same bytes each time but for the process's own; to be freed.  @dir: where a folder may be made for a moment. */
uint8_t *lmdb_image_write(const char *dir, enum lmdb_image which, size_t *ret_size);
/* The first byte of @place. */
uint8_t *lmdb_image_find(uint8_t *image, enum lmdb_place place);
/* Node @index of a page. */
uint8_t *lmdb_image_node(uint8_t *page, unsigned index);

/* Little-endian numbers of 1 to 8 bytes. */
void le_set(uint8_t *p, unsigned width, uint64_t value);
uint64_t le_get(const uint8_t *p, unsigned width);

#endif
