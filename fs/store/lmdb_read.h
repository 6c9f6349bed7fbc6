/* SPDX-License-Identifier: MIT */
/*
 * Reads the files of LMDB 0.9 without LMDB: 64-bit little-endian, 4,096-byte pages, named databases
 * without duplicates.
 *
 * Owns: one descriptor, or a copy in memory.  Knows nothing of: what keys and values mean.
 * Threads: one at a time per handle.
 *
 * No byte is believed.  Every number is held against its bounds before it is used, a tree is never
 * deeper than LMDB_DEPTH_MAX, and as keys must grow strictly from leaf to leaf no page is walked twice:
 * a walk ends, whatever the file holds.  pread(2) and not mmap(2): a file that shrinks gives an error, not a signal.
 *
 * Layout (LMDB's mdb.c: MDB_page, MDB_node, MDB_meta, MDB_db; host order = little-endian here)
 *   page    0 number 8 | 8 pad 2 | 10 flags 2 | 12 lower 2, upper 2 (overflow: pages 4) | 16 u16 offsets of nodes …
 *   node    0 low 2 | 2 high 2 | 4 flags 2 | 6 key size 2 | 8 key, value
 *           leaf: value size = high << 16 | low; with flag 1 the value is the u64 number of an overflow page
 *           branch: child = flags << 32 | high << 16 | low; the first key of a branch page counts as lowest
 *   meta    16 magic 4, version 4, address 8, map size 8 | 40 free db 48 | 88 main db 48 | 136 last page 8, txn 8
 *   db      0 pad 4 (free db: page size) | 4 flags 2 | 6 depth 2 | 8 branch 8, leaf 8, overflow pages 8 | 32 entries 8, root 8
 */
#ifndef INK_LMDB_READ_H
#define INK_LMDB_READ_H

#include <stdbool.h>

#include "bytes.h"
#include "io.h"

enum {
	LMDB_PAGE_SIZE = 4096,
	LMDB_DEPTH_MAX =
		16, /* more than 2^64 entries would need at realistic fan-out; LMDB's own limit is 32 */
	LMDB_KEY_SIZE_MAX = 511,
	LMDB_VALUE_SIZE_MAX = 1 << 20,
};

struct lmdb_file {
	const struct io *io;
	int fd;
	uint8_t *copy; /* all pages, or NULL: read from fd */
	uint64_t copy_size;
	uint64_t last_page;
	uint64_t txn;
	uint64_t map_size; /* as the meta page says */
	uint8_t main_db[48];
	uint8_t free_db[48];
	const char *damage; /* after INK_ERR_DAMAGED: what is wrong; static storage */
};

struct lmdb_bytes {
	const uint8_t *data;
	size_t size;
};

struct lmdb_level {
	uint8_t *page;   /* LMDB_PAGE_SIZE bytes */
	uint64_t number; /* 0: none read */
	unsigned index;  /* node */
	unsigned count;  /* nodes on the page */
};

struct lmdb_cursor {
	struct lmdb_file *file;
	unsigned depth;
	uint64_t entry_count; /* as the database's descriptor says */
	uint64_t root;
	uint64_t leaf_pages, branch_pages, overflow_pages; /* as the descriptor says */
	uint64_t seen_leaf, seen_branch, seen_overflow,
		seen_entries; /* by lmdb_next() since lmdb_first() */
	bool is_main;
	bool is_started;
	struct lmdb_level levels[LMDB_DEPTH_MAX];
	uint8_t *pages;
	uint8_t *overflow; /* the value, where it lies on pages of its own */
	size_t overflow_room;
	uint8_t last_key[LMDB_KEY_SIZE_MAX];
	size_t last_key_size;
	uint8_t low_key
		[LMDB_KEY_SIZE_MAX]; /* of the branch that led here: the next key is not below it */
	size_t low_key_size;
};

/*
 * Open the data file @path and take the newest of its two snapshots.  @has_copy: copy all of it into memory at once,
 * so that a writer cannot change it under us.
 *
 * INK_ERR_NOT_FOUND: no such file, or an empty one.  INK_ERR_FOREIGN: not a regular file.  INK_ERR_DAMAGED: @ret_file->damage.
 * INK_ERR_LIMIT: a copy was asked for and the file has more than @copy_size_max bytes.
 */
INK_MUST_CHECK enum ink_err lmdb_open(const struct io *io, const char *path, bool has_copy,
				      uint64_t copy_size_max, struct lmdb_file *ret_file);
void lmdb_close(struct lmdb_file *file);

/*
 * Is the snapshot still whole?  A page that one commit frees is written over by the second commit after it at the
 * earliest, so a snapshot is good until two further commits are done.  A copy must be asked once, right after it was made.
 */
INK_MUST_CHECK enum ink_err lmdb_is_current(struct lmdb_file *file, bool *ret_is_current);

/*
 * A cursor on the database @name, or with NULL on the list of databases.  INK_ERR_NOT_FOUND: there is none of that name.
 * The cursor must be released also after an error.
 */
INK_MUST_CHECK enum ink_err lmdb_cursor_init(struct lmdb_cursor *cursor, struct lmdb_file *file,
					     const char *name);
void lmdb_cursor_release(struct lmdb_cursor *cursor);

/*
 * The next entry in the order of keys; from the first on.  Key and value are valid until the next call on this cursor.
 *
 * INK_ERR_NOT_FOUND: the end; then the number of entries and pages was what the descriptor says.
 */
INK_MUST_CHECK enum ink_err lmdb_next(struct lmdb_cursor *cursor, struct lmdb_bytes *ret_key,
				      struct lmdb_bytes *ret_value);
/* Value of @key; INK_ERR_NOT_FOUND.  Found the way LMDB finds it.  The cursor's lmdb_next() starts anew afterwards. */
INK_MUST_CHECK enum ink_err lmdb_get(struct lmdb_cursor *cursor, const void *key, size_t key_size,
				     struct lmdb_bytes *ret_value);

#endif
