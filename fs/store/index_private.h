/* SPDX-License-Identifier: MIT */
/*
 * The index inside: what index.c and index_seek.c share.
 *
 * Owns: nothing; struct index is made and ended in index.c.  Knows nothing of: what keys and values mean.
 * Threads: as index.h.
 */
#ifndef INK_INDEX_PRIVATE_H
#define INK_INDEX_PRIVATE_H

#include <lmdb.h>

#include "index.h"
#include "overlay.h"

struct index {
	MDB_env *env;
	char *data_path;   /* of LMDB's file */
	MDB_txn *snapshot; /* read-only; the base of all look-ups */
	MDB_cursor *cursors[DB_COUNT];
	MDB_dbi dbs[DB_COUNT];
	struct overlay *active;
	struct overlay *frozen;
	struct overlay *spent; /* committed, to be freed */
	size_t map_size;
	bool is_read_only;
	bool needs_growth; /* set by a commit that met MDB_MAP_FULL, answered by the next */
};

/* What a return value of LMDB's means to us; sets errno with INK_ERR_IO. */
enum ink_err index_error_of(int code);

/* @entry if there is one, and of @db; else NULL. */
static inline const struct overlay_entry *index_in_db(const struct overlay_entry *entry,
						      enum index_db db)
{
	return entry && entry->db == db ? entry : NULL;
}

#endif
