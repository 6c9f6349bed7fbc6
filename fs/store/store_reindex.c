/* SPDX-License-Identifier: MIT */
/*
 * The index anew from the log alone: built beside the old one, then put in its place.  A crash leaves
 * the old one, or none (which the next opening makes good), and index.new, which is thrown away.
 *
 * The first index of a store is begun there, too: LMDB makes its file in place, and until its first commit is synced a loss of
 * power leaves one that looks like damage.
 */
#include "store_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lmdb_read.h"
#include "recover.h"

static void remove_index(const char *dir)
{
	static const char *const names[] = { "data.mdb", "lock.mdb" };
	char path[PATH_MAX];
	struct stat status;

	/* Through a link it would be somebody else's. */
	if (lstat(dir, &status) != 0 || !S_ISDIR(status.st_mode))
		return;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 80, dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/*
 * How many records the old index says were synced.  A log that holds less is damaged, and without this the new index
 * would hide it.  Read without LMDB: the old index may be why we are here.  0: it says nothing.
 */
static uint64_t count_of_old(struct ink_store *store)
{
	enum { OFF_COUNT = 8, OFF_STORE_ID = 80, SIZE_MIN = OFF_STORE_ID + INK_STORE_ID_SIZE };
	struct lmdb_cursor meta;
	struct lmdb_bytes head;
	struct lmdb_file file;
	char path[PATH_MAX];
	uint64_t count = 0;

	snprintf(path, sizeof(path), "%.*s/data.mdb", PATH_MAX - 80, store->index_dir);
	if (lmdb_open(store->io, path, false, 0, &file) != INK_OK)
		return 0;
	if (lmdb_cursor_init(&meta, &file, "meta") == INK_OK &&
	    lmdb_get(&meta, "head", 4, &head) == INK_OK && head.size >= SIZE_MIN &&
	    be32_load(head.data) == FORMAT_VERSION &&
	    memcmp(head.data + OFF_STORE_ID, store->store_id, INK_STORE_ID_SIZE) == 0)
		count = be64_load(head.data + OFF_COUNT);
	lmdb_cursor_release(&meta);
	lmdb_close(&file);
	return count;
}

/* The index goes as far as the log is whole; a torn tail is no reason to have none, and none to be silent. */
static enum ink_err tell_of_tail(struct ink_store *store, const char *what, struct ink_error *error)
{
	const struct head *head = catalog_head(store->catalog);

	return error_set(
		error, INK_ERR_DAMAGED,
		"%s: the index is made anew for the %llu records that are whole; what lies behind them (segment %u, byte %u) is none: %s; the next opening sets it aside in lost/, 'inkfs verify' says more",
		store->path, (unsigned long long)head->record_count, place_segment(head->end_place),
		place_offset(head->end_place), what);
}

/* Replay the whole log into an index in @dir and commit it.  @ret_fault: what lies behind its end, or NULL. */
static enum ink_err build(struct ink_store *store, const char *dir, const char **ret_fault,
			  struct ink_error *error)
{
	struct recover_options options = { .io = store->io,
					   .path = store->path,
					   .is_index_only = true,
					   .durable_count = count_of_old(store) };
	struct recover_result result;
	enum ink_err err;

	err = index_open(dir, false, &store->index);
	if (err == INK_OK)
		err = catalog_open(store->index, &store->catalog);
	if (err != INK_OK)
		return error_io(error, dir, "cannot make the index");
	err = recover(&options, store->index, store->catalog, &result, error);
	if (err != INK_OK)
		return err;
	/* recover() has synced the log, so what it read is durable. */
	store->synced_count = catalog_head(store->catalog)->record_count;
	err = store_commit_index(store);
	*ret_fault = result.end_fault;
	return err == INK_OK ? err : error_io(error, dir, "cannot write the index");
}

static enum ink_err swap(struct ink_store *store, const char *fresh, struct ink_error *error)
{
	const struct io *io = store->io;

	/* LMDB has synced the file, not its name. */
	if (io->sync_dir(io->ctx, fresh) != 0)
		return error_io(error, fresh, "cannot sync");
	remove_index(store->index_dir);
	if (io->rename(io->ctx, fresh, store->index_dir) != 0 ||
	    io->sync_dir(io->ctx, store->path) != 0)
		return error_io(error, store->index_dir, "cannot put the new index in its place");
	return INK_OK;
}

static void fresh_path(const struct ink_store *store, char *ret_path)
{
	snprintf(ret_path, PATH_MAX, "%.*s/index.new", PATH_MAX - 80, store->path);
}

/* What is there and is no index is for index_open() to refuse. */
static bool has_index(const struct ink_store *store)
{
	struct stat status;
	char path[PATH_MAX];

	if (lstat(store->index_dir, &status) != 0)
		return errno != ENOENT;
	if (!S_ISDIR(status.st_mode))
		return true;
	snprintf(path, sizeof(path), "%.*s/data.mdb", PATH_MAX - 80, store->index_dir);
	if (lstat(path, &status) != 0)
		return errno != ENOENT;
	return !S_ISREG(status.st_mode) || status.st_size > 0;
}

enum ink_err store_begin_index(struct ink_store *store, struct ink_error *error)
{
	struct index *index;
	char fresh[PATH_MAX];

	if (has_index(store))
		return INK_OK;
	fresh_path(store, fresh);
	remove_index(fresh);
	/* To open it is to commit it once: its databases are made. */
	if (index_open(fresh, false, &index) != INK_OK)
		return error_io(error, fresh, "cannot make the index");
	index_close(index);
	return swap(store, fresh, error);
}

enum ink_err ink_store_reindex(const char *path, struct ink_error *ret_error)
{
	static const struct ink_options options;
	struct ink_store *store;
	const char *end_fault = NULL;
	char fresh[PATH_MAX];
	enum ink_err err, tail_err = INK_OK;

	err = store_prepare(io_system(), path, &options, &store, ret_error);
	if (err != INK_OK)
		return err;
	fresh_path(store, fresh);
	remove_index(fresh);
	err = build(store, fresh, &end_fault, ret_error);
	if (err == INK_OK && end_fault)
		tail_err = tell_of_tail(store, end_fault, ret_error);
	catalog_close(store->catalog);
	index_close(store->index);
	store->catalog = NULL;
	store->index = NULL;
	if (err == INK_OK)
		err = swap(store, fresh, ret_error);
	else
		remove_index(fresh);
	store_free(store);
	return err == INK_OK ? tail_err : err;
}
