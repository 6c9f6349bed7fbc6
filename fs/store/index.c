/* SPDX-License-Identifier: MIT */
/* Its files, what is pending, and how that gets into them.  Look-ups: index_seek.c. */
#include "index_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "lmdb_read_check.h"

/* The map grows by doubling; address space is all that a larger one costs. */
enum { MAP_SIZE_MIN = 256 << 20 };

static const char *const db_names[DB_COUNT] = {
	[DB_META] = "meta",       [DB_LEAVES] = "leaves", [DB_TILES] = "tiles",
	[DB_SEALS] = "seals",     [DB_INODES] = "inodes", [DB_NAMES] = "names",
	[DB_ENTRIES] = "entries", [DB_LINKS] = "links",   [DB_TARGETS] = "targets",
	[DB_EXTENTS] = "extents", [DB_ACTORS] = "actors", [DB_BLOCKS] = "blocks",
};

enum ink_err index_error_of(int code)
{
	switch (code) {
	case 0: return INK_OK;
	case MDB_NOTFOUND: return INK_ERR_NOT_FOUND;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_VERSION_MISMATCH:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_TXN:
	case MDB_BAD_VALSIZE: return INK_ERR_DAMAGED;
	default: errno = code > 0 ? code : EIO; return INK_ERR_IO;
	}
}

static void end_snapshot(struct index *index)
{
	for (int db = 0; db < DB_COUNT; db++) {
		if (index->cursors[db])
			mdb_cursor_close(index->cursors[db]);
		index->cursors[db] = NULL;
	}
	if (index->snapshot)
		mdb_txn_abort(index->snapshot);
	index->snapshot = NULL;
}

static int begin_snapshot(struct index *index)
{
	int code = mdb_txn_begin(index->env, NULL, MDB_RDONLY, &index->snapshot);

	for (int db = 0; db < DB_COUNT && code == 0; db++)
		code = mdb_cursor_open(index->snapshot, index->dbs[db], &index->cursors[db]);
	return code;
}

/* The same with what is committed since.  Takes no memory, so that want of it cannot stop a store here. */
static int renew_snapshot(struct index *index)
{
	int code = mdb_txn_renew(index->snapshot);

	for (int db = 0; db < DB_COUNT && code == 0; db++)
		code = mdb_cursor_renew(index->snapshot, index->cursors[db]);
	if (code == 0)
		return 0;
	/* The slot is gone: this process had the same index open a second time, and closed it. */
	end_snapshot(index);
	return begin_snapshot(index);
}

static int open_dbs(struct index *index)
{
	unsigned flags = index->is_read_only ? 0 : MDB_CREATE;
	MDB_txn *txn;
	int code = mdb_txn_begin(index->env, NULL, index->is_read_only ? MDB_RDONLY : 0, &txn);

	if (code != 0)
		return code;
	for (int db = 0; db < DB_COUNT && code == 0; db++)
		code = mdb_dbi_open(txn, db_names[db], flags, &index->dbs[db]);
	if (code != 0) {
		mdb_txn_abort(txn);
		return code;
	}
	return mdb_txn_commit(txn);
}

/* A reader of a store on read-only media, or of somebody else's, cannot write LMDB's lock file. */
static unsigned read_only_flags(const char *dir)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/lock.mdb", dir) < (int)sizeof(path) &&
	    access(path, R_OK | W_OK) == 0)
		return MDB_RDONLY;
	return MDB_RDONLY | MDB_NOLOCK;
}

/*
 * LMDB believes what it reads, and follows links; so nothing is opened with it that was not looked at.  Its lock file
 * it makes anew if nobody has it open.
 *
 * Whoever reads may have been given the store by somebody else: all of it.  Opening to write must not take longer for
 * a larger store, after a crash least of all; and who could write into the index then is who runs the driver.
 */
static enum ink_err check_files(struct index *index, const char *dir)
{
	struct stat status;
	const char *damage;
	enum ink_err err;
	char *path;

	if (lstat(dir, &status) != 0)
		return errno == ENOENT ? INK_ERR_NOT_FOUND : INK_ERR_IO;
	if (!S_ISDIR(status.st_mode))
		return INK_ERR_DAMAGED;
	if (asprintf(&path, "%s/lock.mdb", dir) < 0)
		return INK_ERR_IO;
	err = lstat(path, &status) == 0 && !S_ISREG(status.st_mode) ? INK_ERR_DAMAGED : INK_OK;
	free(path);
	if (asprintf(&index->data_path, "%s/data.mdb", dir) < 0) {
		index->data_path = NULL;
		return INK_ERR_IO;
	}
	if (err == INK_OK)
		err = lmdb_check(io_system(), index->data_path,
				 index->is_read_only ? LMDB_CHECK_ALL : LMDB_CHECK_BOUNDED,
				 &damage);
	if (err == INK_ERR_NOT_FOUND && !index->is_read_only)
		return INK_OK; /* LMDB makes it */
	return err == INK_ERR_FOREIGN ? INK_ERR_DAMAGED : err;
}

static int open_env(struct index *index, const char *dir)
{
	unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
	MDB_envinfo info;
	int code;

	if (index->is_read_only)
		flags |= read_only_flags(dir);
	code = mdb_env_create(&index->env);
	if (code == 0)
		code = mdb_env_set_maxdbs(index->env, DB_COUNT);
	if (code == 0)
		code = mdb_env_open(index->env, dir, flags, 0600);
	if (code != 0)
		return code;
	/* A driver that was killed leaves its reader's slot, which would keep old pages for ever. */
	(void)mdb_reader_check(index->env, NULL);
	mdb_env_info(index->env, &info);
	index->map_size = info.me_mapsize;
	if (!index->is_read_only && index->map_size < MAP_SIZE_MIN) {
		index->map_size = MAP_SIZE_MIN;
		code = mdb_env_set_mapsize(index->env, index->map_size);
	}
	return code;
}

enum ink_err index_open(const char *dir, bool is_read_only, struct index **ret_index)
{
	struct index *index = calloc(1, sizeof(*index));
	enum ink_err err;
	int code;

	if (!index)
		return INK_ERR_IO;
	index->is_read_only = is_read_only;
	err = !is_read_only && mkdir(dir, 0700) != 0 && errno != EEXIST ? INK_ERR_IO
									: check_files(index, dir);
	if (err != INK_OK) {
		index_close(index);
		return err;
	}
	index->active = overlay_open();
	code = index->active ? open_env(index, dir) : ENOMEM;
	if (code == 0)
		code = open_dbs(index);
	if (code == 0)
		code = begin_snapshot(index);
	if (code != 0) {
		index_close(index);
		return code == ENOENT ? INK_ERR_NOT_FOUND : index_error_of(code);
	}
	*ret_index = index;
	return INK_OK;
}

enum ink_err index_open_memory(struct index **ret_index)
{
	struct index *index = calloc(1, sizeof(*index));

	if (index)
		index->active = overlay_open();
	if (!index || !index->active) {
		free(index);
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	index->is_read_only = true;
	*ret_index = index;
	return INK_OK;
}

void index_close(struct index *index)
{
	int keep = errno;

	if (!index)
		return;
	end_snapshot(index);
	if (index->env)
		mdb_env_close(index->env);
	overlay_close(index->active);
	overlay_close(index->frozen);
	overlay_close(index->spent);
	free(index->data_path);
	free(index);
	errno = keep;
}

static enum ink_err change(struct index *index, enum index_db db, const void *key, size_t key_size,
			   const void *value, size_t value_size)
{
	if (overlay_put(index->active, db, key, key_size, value, value_size))
		return INK_OK;
	errno = ENOMEM;
	return INK_ERR_IO;
}

enum ink_err index_reserve(struct index *index, size_t size)
{
	if (overlay_reserve(index->active, size))
		return INK_OK;
	errno = ENOMEM;
	return INK_ERR_IO;
}

enum ink_err index_put(struct index *index, enum index_db db, const void *key, size_t key_size,
		       const void *value, size_t value_size)
{
	return change(index, db, key, key_size, value, value_size);
}

enum ink_err index_remove(struct index *index, enum index_db db, const void *key, size_t key_size)
{
	return change(index, db, key, key_size, NULL, 0);
}

size_t index_pending_bytes(const struct index *index)
{
	return overlay_bytes(index->active);
}

bool index_is_frozen(const struct index *index)
{
	return index->frozen != NULL;
}

enum ink_err index_freeze(struct index *index)
{
	struct overlay *fresh = overlay_open();

	if (!fresh) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	index->frozen = index->active;
	index->active = fresh;
	return INK_OK;
}

/* Databases whose values may lie on pages of their own. */
static bool has_big_values(enum index_db db)
{
	return db == DB_LEAVES || db == DB_TILES || db == DB_TARGETS || db == DB_META;
}

static enum ink_err check_values(struct index *index, struct lmdb_file *file, enum index_db db)
{
	const struct overlay_entry *entry =
		index_in_db(overlay_seek(index->frozen, (uint8_t)db, NULL, 0), db);
	struct lmdb_cursor cursor;
	enum ink_err err = entry ? lmdb_cursor_init(&cursor, file, db_names[db]) : INK_OK;

	if (!entry)
		return INK_OK;
	for (; entry && err == INK_OK; entry = index_in_db(overlay_next(entry), db))
		err = lmdb_value_may_go(&cursor, entry->key, entry->key_size);
	lmdb_cursor_release(&cursor);
	return err;
}

/* The heads of values' pages were not looked at when the file was opened, and LMDB writes by what they say. */
static enum ink_err check_overwritten(struct index *index)
{
	struct lmdb_file file;
	enum ink_err err = lmdb_open(io_system(), index->data_path, false, 0, &file);

	for (int db = 0; db < DB_COUNT && err == INK_OK; db++)
		if (has_big_values((enum index_db)db))
			err = check_values(index, &file, (enum index_db)db);
	lmdb_close(&file);
	return err;
}

static int write_frozen(struct index *index, MDB_txn *txn)
{
	const struct overlay_entry *entry = overlay_first(index->frozen);
	int code = 0;

	for (; entry && code == 0; entry = overlay_next(entry)) {
		MDB_val k = { entry->key_size, (void *)(uintptr_t)entry->key };
		MDB_val v = { entry->value_size, entry->value };

		if (entry->is_removed) {
			code = mdb_del(txn, index->dbs[entry->db], &k, NULL);
			code = code == MDB_NOTFOUND ? 0 : code;
		} else {
			code = mdb_put(txn, index->dbs[entry->db], &k, &v, 0);
		}
	}
	return code;
}

enum ink_err index_commit(struct index *index)
{
	enum ink_err err;
	MDB_txn *txn;
	int code;

	if (!index->frozen)
		return INK_OK;
	err = check_overwritten(index);
	if (err != INK_OK)
		return err;
	/* Who was killed while reading keeps his slot, and the pages that he might read, until somebody looks whether he lives. */
	(void)mdb_reader_check(index->env, NULL);
	code = mdb_txn_begin(index->env, NULL, 0, &txn);
	if (code != 0)
		return index_error_of(code);
	code = write_frozen(index, txn);
	if (code != 0)
		mdb_txn_abort(txn);
	else
		code = mdb_txn_commit(txn);
	if (code == MDB_MAP_FULL) {
		index->needs_growth = true;
		errno = EAGAIN;
		return INK_ERR_IO;
	}
	return index_error_of(code);
}

bool index_needs_growth(const struct index *index)
{
	return index->needs_growth;
}

/*
 * LMDB moves its map only while this process has no transaction; so do it between snapshots.  If it fails there is no
 * map any more, and nothing in it may be looked at.
 */
static int grow(struct index *index)
{
	index->needs_growth = false;
	index->map_size *= 2;
	return mdb_env_set_mapsize(index->env, index->map_size);
}

enum ink_err index_thaw(struct index *index)
{
	bool is_committed = !index->needs_growth;
	int code;

	mdb_txn_reset(index->snapshot);
	code = index->needs_growth ? grow(index) : 0;
	if (code == 0)
		code = renew_snapshot(index);
	if (code != 0)
		end_snapshot(index);
	if (code == 0 && is_committed) {
		overlay_close(index->spent);
		index->spent = index->frozen;
		index->frozen = NULL;
	}
	return code == 0 ? INK_OK : index_error_of(code);
}

void index_sweep(struct index *index)
{
	overlay_close(index->spent);
	index->spent = NULL;
}
