/* SPDX-License-Identifier: MIT */
/*
 * The index: LMDB beneath, what is not committed yet in memory above it.  The only user of LMDB.
 *
 * Owns: the LMDB environment, two overlays (active: being filled; frozen: being committed), one
 * read transaction.  Knows nothing of: records, what entries mean.
 * Threads: all calls under one lock of the caller's, but index_commit(), which runs beside them.
 *
 * 1. A look-up sees active, then frozen, then the snapshot that frozen will be committed upon.
 * 2. index_freeze() makes the active overlay frozen; index_commit() writes it, fully synced;
 *    index_thaw() then moves the snapshot forward and drops it.  No look-up ever waits for LMDB's sync.
 * 3. A failed commit changes nothing: frozen stays and can be committed again.
 */
#ifndef INK_INDEX_H
#define INK_INDEX_H

#include "bytes.h"

enum index_db {
	DB_META,
	DB_LEAVES,
	DB_TILES,
	DB_SEALS,
	DB_INODES,
	DB_NAMES,
	DB_ENTRIES,
	DB_LINKS,
	DB_TARGETS,
	DB_EXTENTS,
	DB_ACTORS,
	DB_BLOCKS,
	DB_COUNT,
};

struct index;

/*
 * Open the environment in folder @dir, making it if @is_read_only is false.
 * INK_ERR_NOT_FOUND: read-only and there is none.  INK_ERR_DAMAGED: LMDB does not recognise it.
 */
INK_MUST_CHECK enum ink_err index_open(const char *dir, bool is_read_only,
				       struct index **ret_index);
/* An index in memory alone, for reading a store that has none. */
INK_MUST_CHECK enum ink_err index_open_memory(struct index **ret_index);
/* What is not committed is dropped.  Takes NULL. */
void index_close(struct index *index);

/* @ret_value: borrowed until the next call.  INK_ERR_NOT_FOUND: no such key. */
INK_MUST_CHECK enum ink_err index_get(struct index *index, enum index_db db, const void *key,
				      size_t key_size, const uint8_t **ret_value, size_t *ret_size);
INK_MUST_CHECK enum ink_err index_put(struct index *index, enum index_db db, const void *key,
				      size_t key_size, const void *value, size_t value_size);
/* Memory for puts and removals of together @size bytes (overlay_put_size()), so that they cannot fail. */
INK_MUST_CHECK enum ink_err index_reserve(struct index *index, size_t size);
INK_MUST_CHECK enum ink_err index_remove(struct index *index, enum index_db db, const void *key,
					 size_t key_size);

struct index_pair {
	const uint8_t *key;
	size_t key_size;
	const uint8_t *value;
	size_t value_size;
};

/*
 * The first pair of @db whose key is at or behind @key (@is_after: strictly behind).
 * INK_ERR_NOT_FOUND: there is none.  INK_ERR_DAMAGED: keys out of order.  Borrowed until the next call.
 */
INK_MUST_CHECK enum ink_err index_seek(struct index *index, enum index_db db, const void *key,
				       size_t key_size, bool is_after, struct index_pair *ret_pair);
/* The last pair at or before @key; only for databases from which nothing is removed. */
INK_MUST_CHECK enum ink_err index_seek_back(struct index *index, enum index_db db, const void *key,
					    size_t key_size, struct index_pair *ret_pair);

/* Memory that waits for a commit, bytes. */
size_t index_pending_bytes(const struct index *index);
bool index_is_frozen(const struct index *index);
/* See 2 above.  Must not be frozen already. */
INK_MUST_CHECK enum ink_err index_freeze(struct index *index);
/* Without the caller's lock.  INK_ERR_IO (errno, ENOSPC…): nothing changed, call again later. */
INK_MUST_CHECK enum ink_err index_commit(struct index *index);
/*
 * Did index_commit() fail only because the map is too small?  Then index_thaw() gives it a larger one and keeps all frozen:
 * commit again.  errno says nothing of that: EAGAIN, too, may be the system's.
 */
bool index_needs_growth(const struct index *index);
INK_MUST_CHECK enum ink_err index_thaw(struct index *index);
/* Without the caller's lock, by who committed: free what was frozen, which takes a while. */
void index_sweep(struct index *index);

#endif
