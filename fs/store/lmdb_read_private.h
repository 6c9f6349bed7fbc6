/* SPDX-License-Identifier: MIT */
/*
 * Numbers of LMDB's layout, and reading bytes of the file.
 *
 * Owns: nothing.  Knows nothing of: trees.  Threads: as lmdb_read.h.
 */
#ifndef INK_LMDB_READ_PRIVATE_H
#define INK_LMDB_READ_PRIVATE_H

#include "lmdb_read.h"

enum {
	PAGE_OFF_FLAGS = 10,
	PAGE_OFF_LOWER = 12,
	PAGE_OFF_UPPER = 14,
	PAGE_OFF_PAGES = 12,
	PAGE_HEADER_SIZE = 16,
	NODE_HEADER_SIZE = 8,
	META_OFF_MAGIC = 16,
	META_OFF_VERSION = 20,
	META_OFF_MAP_SIZE = 32,
	META_OFF_FREE_DB = 40,
	META_OFF_MAIN_DB = 88,
	META_OFF_LAST_PAGE = 136,
	META_OFF_TXN = 144,
	META_SIZE = 152,
	DB_SIZE = 48,
};

enum { P_BRANCH = 1, P_LEAF = 2, P_OVERFLOW = 4, P_META = 8 };
enum { F_BIGDATA = 1, F_SUBDATA = 2 };
enum { F_INTEGER_KEY = 8 }; /* of the free database */

#define LMDB_MAGIC UINT32_C(0xBEEFC0DE)
static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const uint8_t *p)
{
	return le16(p) | (uint32_t)le16(p + 2) << 16;
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* As LMDB: bytes first, then the shorter one. */
int lmdb_compare(struct lmdb_bytes a, struct lmdb_bytes b);
/* Note @what is wrong; gives INK_ERR_DAMAGED. */
enum ink_err lmdb_damaged(struct lmdb_file *file, const char *what);
/* All @size bytes at @pos, or it is damage. */
INK_MUST_CHECK enum ink_err lmdb_read_at(struct lmdb_file *file, uint64_t pos, uint8_t *buf,
					 size_t size);

#endif
