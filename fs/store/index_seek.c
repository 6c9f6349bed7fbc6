/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the index: one key, and the next or the one before it.
 *
 * Each is answered from up to three places, the newest first: what is pending, what is frozen, and LMDB's snapshot.  An
 * entry that was removed hides the same key of what is older.
 *
 * Owns: nothing.  Knows nothing of: files, commits, the growth of the map.
 */
#include "index_private.h"

#include <errno.h>

/* 0: yes.  MDB_NOTFOUND: an index in memory has none.  EIO: it was lost, with the map (index_thaw()). */
static int has_snapshot(const struct index *index)
{
	if (index->snapshot)
		return 0;
	return index->env ? EIO : MDB_NOTFOUND;
}

enum ink_err index_get(struct index *index, enum index_db db, const void *key, size_t key_size,
		       const uint8_t **ret_value, size_t *ret_size)
{
	const struct overlay_entry *entry = overlay_get(index->active, db, key, key_size);
	MDB_val k = { key_size, (void *)(uintptr_t)key }, v;
	int code;

	if (!entry && index->frozen)
		entry = overlay_get(index->frozen, db, key, key_size);
	if (entry) {
		if (entry->is_removed)
			return INK_ERR_NOT_FOUND;
		*ret_value = entry->value;
		*ret_size = entry->value_size;
		return INK_OK;
	}
	code = has_snapshot(index);
	if (code == 0)
		code = mdb_get(index->snapshot, index->dbs[db], &k, &v);
	if (code != 0)
		return index_error_of(code);
	*ret_value = v.mv_data;
	*ret_size = v.mv_size;
	return INK_OK;
}

/* The next of one overlay, strictly behind the key if asked. */
static const struct overlay_entry *seek_overlay(const struct overlay *overlay, enum index_db db,
						const void *key, size_t key_size, bool is_after)
{
	const struct overlay_entry *entry;

	if (!overlay)
		return NULL;
	entry = index_in_db(overlay_seek(overlay, db, key, key_size), db);
	if (entry && is_after && key_compare(entry->key, entry->key_size, key, key_size) == 0)
		entry = index_in_db(overlay_next(entry), db);
	return entry;
}

static int seek_snapshot(struct index *index, enum index_db db, const void *key, size_t key_size,
			 bool is_after, MDB_val *ret_key, MDB_val *ret_value)
{
	int code = has_snapshot(index);

	*ret_key = (MDB_val){ key_size, (void *)(uintptr_t)key };
	if (code != 0)
		return code;
	code = mdb_cursor_get(index->cursors[db], ret_key, ret_value, MDB_SET_RANGE);
	if (code == 0 && is_after &&
	    key_compare(ret_key->mv_data, ret_key->mv_size, key, key_size) == 0)
		code = mdb_cursor_get(index->cursors[db], ret_key, ret_value, MDB_NEXT);
	return code;
}

static const struct overlay_entry *nearer(const struct overlay_entry *newer,
					  const struct overlay_entry *older, int sign)
{
	if (!newer || !older)
		return newer ? newer : older;
	return sign * key_compare(older->key, older->key_size, newer->key, newer->key_size) < 0
		       ? older
		       : newer;
}

static void pair_of_entry(const struct overlay_entry *entry, struct index_pair *ret_pair)
{
	*ret_pair =
		(struct index_pair){ entry->key, entry->key_size, entry->value, entry->value_size };
}

static void pair_of_values(const MDB_val *key, const MDB_val *value, struct index_pair *ret_pair)
{
	*ret_pair =
		(struct index_pair){ key->mv_data, key->mv_size, value->mv_data, value->mv_size };
}

enum ink_err index_seek(struct index *index, enum index_db db, const void *key, size_t key_size,
			bool is_after, struct index_pair *ret_pair)
{
	for (;;) {
		const struct overlay_entry *entry;
		MDB_val k, v;
		int code;

		entry = nearer(seek_overlay(index->active, db, key, key_size, is_after),
			       seek_overlay(index->frozen, db, key, key_size, is_after), 1);
		code = seek_snapshot(index, db, key, key_size, is_after, &k, &v);
		if (code != 0 && code != MDB_NOTFOUND)
			return index_error_of(code);
		/* LMDB believes its pages; keys out of order would lead a caller that walks in a circle. */
		if (code == 0 &&
		    key_compare(k.mv_data, k.mv_size, key, key_size) < (is_after ? 1 : 0))
			return INK_ERR_DAMAGED;
		if (code == 0 && (!entry || key_compare(k.mv_data, k.mv_size, entry->key,
							entry->key_size) < 0)) {
			pair_of_values(&k, &v, ret_pair);
			return INK_OK;
		}
		if (!entry)
			return INK_ERR_NOT_FOUND;
		if (!entry->is_removed) {
			pair_of_entry(entry, ret_pair);
			return INK_OK;
		}
		/* Hidden; look behind it.  Its key stays where it is, in the arena. */
		key = entry->key;
		key_size = entry->key_size;
		is_after = true;
	}
}

enum ink_err index_seek_back(struct index *index, enum index_db db, const void *key,
			     size_t key_size, struct index_pair *ret_pair)
{
	const struct overlay_entry *entry =
		index_in_db(overlay_seek_back(index->active, db, key, key_size), db);
	MDB_val k = { key_size, (void *)(uintptr_t)key }, v;
	int code;

	if (index->frozen)
		entry = nearer(entry,
			       index_in_db(overlay_seek_back(index->frozen, db, key, key_size), db),
			       -1);
	code = has_snapshot(index);
	if (code == 0)
		code = mdb_cursor_get(index->cursors[db], &k, &v, MDB_SET_RANGE);
	if (code == MDB_NOTFOUND && index->snapshot)
		code = mdb_cursor_get(index->cursors[db], &k, &v, MDB_LAST);
	else if (code == 0 && key_compare(k.mv_data, k.mv_size, key, key_size) > 0)
		code = mdb_cursor_get(index->cursors[db], &k, &v, MDB_PREV);
	if (code != 0 && code != MDB_NOTFOUND)
		return index_error_of(code);
	if (code == 0 &&
	    (!entry || key_compare(k.mv_data, k.mv_size, entry->key, entry->key_size) > 0))
		pair_of_values(&k, &v, ret_pair);
	else if (entry)
		pair_of_entry(entry, ret_pair);
	else
		return INK_ERR_NOT_FOUND;
	return INK_OK;
}
