/* SPDX-License-Identifier: MIT */
/*
 * ink_export_tiles(): one walk over the log, one tile of each level in memory.
 *
 * 1. A file is written beside its place and renamed into it, so that what bears a tile's name is whole.
 * 2. What the folder's checkpoint covers has been published and is never replaced; what it does not cover may be the
 *    remainder of an export that was cut off, and is.
 * 3. syncfs(2) comes before the checkpoint: what was published is on the disk.
 * 4. The root is that of the checkpoint, or the checkpoint is not written.
 */
#include "inkfs/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "export_folder.h"
#include "merkle.h"
#include "note.h"
#include "succession.h"
#include "tlog.h"

enum {
	ENTRY_SIZE = 2 + HEADER_SIZE,
	PROGRESS_STEP = 4096,      /* records */
	PUBLISHED_SIZE_MAX = 65536 /* bytes of a checkpoint file */
};

struct level {
	uint8_t hashes[TILE_WIDTH][INK_HASH_SIZE];
	unsigned count;
	uint64_t number; /* of the tile that is being filled */
};

struct export
{
	struct folder folder;
	const struct ink_export_options *options;
	struct ink_error *error;
	uint64_t erased_count;
	struct note note;
	struct checkpoint checkpoint; /* to be exported */
	bool has_published;
	struct checkpoint published; /* that lies in the folder */
	char published_text[PUBLISHED_SIZE_MAX];
	struct succession keys;
	struct merkle tree;
	struct level levels[TILE_LEVEL_MAX];
	uint8_t entries[TILE_WIDTH * ENTRY_SIZE];
};

/* --- tiles ----------------------------------------------------------------------------------- */

/* @end: the number of records that the file needs; up to the published size it is out in the world. */
static enum ink_err put_file(struct export *e, const char *name, uint64_t end, struct iovec *parts,
			     int count)
{
	bool is_published = e->has_published && end <= e->published.size;

	return folder_put(&e->folder, name, is_published, parts, count);
}

static enum ink_err put_tile(struct export *e, unsigned level)
{
	struct level *tile = &e->levels[level];
	struct iovec hashes = { tile->hashes, (size_t)tile->count * INK_HASH_SIZE };
	struct iovec entries = { e->entries, (size_t)tile->count * ENTRY_SIZE };
	uint64_t end = tile->number * TILE_WIDTH + tile->count;
	char name[8], path[TLOG_TILE_PATH_SIZE];
	enum ink_err err;

	for (unsigned i = 0; i < level; i++)
		end *= TILE_WIDTH;
	snprintf(name, sizeof(name), "%u", level);
	tlog_tile_path(name, tile->number, tile->count, path);
	err = put_file(e, path, end, &hashes, 1);
	if (err != INK_OK || level > 0)
		return err;
	tlog_tile_path("entries", tile->number, tile->count, path);
	return put_file(e, path, end, &entries, 1);
}

/* A hash of level 0 is a leaf, of a higher one the root of a full tile below. */
static enum ink_err push_hash(struct export *e, const uint8_t *leaf)
{
	uint8_t hash[INK_HASH_SIZE];
	enum ink_err err = INK_OK;

	memcpy(hash, leaf, INK_HASH_SIZE);
	for (unsigned i = 0; i < TILE_LEVEL_MAX && err == INK_OK; i++) {
		struct level *level = &e->levels[i];

		memcpy(level->hashes[level->count++], hash, INK_HASH_SIZE);
		if (level->count < TILE_WIDTH)
			break;
		err = put_tile(e, i);
		tile_root(level->hashes[0], TILE_WIDTH, hash);
		level->count = 0;
		level->number++;
	}
	return err;
}

static enum ink_err put_partial_tiles(struct export *e)
{
	enum ink_err err = INK_OK;

	for (unsigned i = 0; i < TILE_LEVEL_MAX && err == INK_OK; i++) {
		if (e->levels[i].count > 0)
			err = put_tile(e, i);
	}
	return err;
}

static enum ink_err put_addendum(struct export *e, const struct ink_record *record)
{
	struct iovec parts[] = { { (void *)(uintptr_t)record->nonce, INK_NONCE_SIZE },
				 { (void *)(uintptr_t)record->body, record->header.body_size } };
	char name[sizeof("addenda/dd/dd/") + (size_t)2 * INK_HASH_SIZE];
	const uint8_t *digest = record->header.digest;
	size_t used;

	if (e->options->is_without_bodies)
		return INK_OK;
	if (record->is_erased) {
		e->erased_count++;
		return INK_OK;
	}
	used = (size_t)snprintf(name, sizeof(name), "addenda/%02x/%02x/", digest[0], digest[1]);
	for (unsigned i = 0; i < INK_HASH_SIZE; i++)
		used += (size_t)snprintf(name + used, sizeof(name) - used, "%02x", digest[i]);
	return put_file(e, name, record->header.seq + 1, parts,
			record->header.body_size > 0 ? 2 : 1);
}

/* --- what was published before --------------------------------------------------------------- */

/* What was published before must be a checkpoint of the same log, and not a later one. */
static enum ink_err read_published(struct export *e)
{
	ssize_t size =
		folder_read(&e->folder, "checkpoint", e->published_text, sizeof(e->published_text));
	struct note note;
	struct ink_str origin;
	uint8_t log_key[INK_KEY_SIZE];

	if (size < 0 && errno == ENOENT)
		return INK_OK;
	if (size < 0 || vkey_parse(e->keys.vkey, &origin, log_key) != INK_OK ||
	    note_parse(e->published_text, (size_t)size, &note) != INK_OK ||
	    checkpoint_decode(note.text, &e->published) != INK_OK ||
	    !str_equals(origin, e->published.origin) ||
	    note_check(&note, origin, NOTE_ED25519, log_key, NULL) != NOTE_GOOD)
		return error_set(
			e->error, INK_ERR_EXISTS,
			"%s/checkpoint is not a checkpoint of this log; export into a new folder",
			e->folder.dir);
	if (e->published.size > e->checkpoint.size)
		return error_set(
			e->error, INK_ERR_EXISTS,
			"%s holds %llu records already, the checkpoint to be exported has %llu; never publish an older one after a newer",
			e->folder.dir, (unsigned long long)e->published.size,
			(unsigned long long)e->checkpoint.size);
	e->has_published = true;
	return INK_OK;
}

static enum ink_err open_folder(struct export *e)
{
	enum ink_err err = folder_claim(&e->folder, e->keys.vkey);

	if (err == INK_OK)
		err = read_published(e);
	if (err == INK_OK) /* the marker of tlog-addenda: each entry ends in its index */
		err = put_file(e, "addenda.v1", 0, NULL, 0);
	return err;
}

/* --- the walk -------------------------------------------------------------------------------- */

/* GENESIS says whose log this is; the checkpoint must be signed by that one. */
static enum ink_err check_origin(struct export *e, const char *path,
				 const struct ink_record *record)
{
	struct ink_str origin;
	uint8_t log_key[INK_KEY_SIZE];

	if (!succession_begin(&e->keys, record) ||
	    vkey_parse(e->keys.vkey, &origin, log_key) != INK_OK)
		return error_set(e->error, INK_ERR_DAMAGED,
				 "%s: the first record is no good GENESIS; run 'inkfs verify'",
				 path);
	if (!str_equals(origin, e->checkpoint.origin) ||
	    note_check(&e->note, origin, NOTE_ED25519, log_key, NULL) != NOTE_GOOD)
		return error_set(e->error, INK_ERR_INVALID,
				 "the checkpoint is not signed by the log key of %s", path);
	return INK_OK;
}

static enum ink_err check_published(struct export *e)
{
	uint8_t root[INK_HASH_SIZE];

	if (!e->has_published || e->published.size != e->tree.size)
		return INK_OK;
	merkle_root(&e->tree, root);
	if (memcmp(root, e->published.root, INK_HASH_SIZE) == 0)
		return INK_OK;
	return error_set(
		e->error, INK_ERR_EXISTS,
		"%s/checkpoint, published before, is of another history than the log; nothing more was exported",
		e->folder.dir);
}

static enum ink_err take(struct export *e, const char *path, const struct ink_record *record)
{
	uint8_t *entry = e->entries + (size_t)e->levels[0].count * ENTRY_SIZE;
	enum ink_err err = INK_OK;

	if (record->header.seq == 0) {
		err = check_origin(e, path, record);
		if (err == INK_OK)
			err = open_folder(e);
	}
	if (err == INK_OK)
		err = put_addendum(e, record);
	if (err != INK_OK)
		return err;
	be16_store(entry, HEADER_SIZE);
	memcpy(entry + 2, record->entry, HEADER_SIZE);
	merkle_append(&e->tree, record->leaf);
	err = push_hash(e, record->leaf);
	return err == INK_OK ? check_published(e) : err;
}

static enum ink_err take_all(struct export *e, const char *path, struct ink_reader *reader)
{
	const struct ink_record *record;
	enum ink_err err = INK_OK;

	while (err == INK_OK && e->tree.size < e->checkpoint.size) {
		if (ink_reader_next(reader, &record) != INK_OK)
			return error_io(e->error, path, "reading the log");
		if (!record || record->is_damaged)
			return error_set(
				e->error, INK_ERR_DAMAGED,
				"%s: the log is not sound at record %llu, the checkpoint has %llu; 'inkfs verify' says what is wrong",
				path, (unsigned long long)e->tree.size,
				(unsigned long long)e->checkpoint.size);
		err = take(e, path, record);
		if (err == INK_OK && e->options->on_progress && e->tree.size % PROGRESS_STEP == 0)
			e->options->on_progress(e->options->ctx, e->tree.size, e->checkpoint.size);
	}
	return err;
}

static enum ink_err check_root(struct export *e, const char *path)
{
	uint8_t root[INK_HASH_SIZE];

	merkle_root(&e->tree, root);
	if (memcmp(root, e->checkpoint.root, INK_HASH_SIZE) == 0)
		return INK_OK;
	return error_set(
		e->error, INK_ERR_DAMAGED,
		"%s: the first %llu records are not those of the checkpoint; nothing was published",
		path, (unsigned long long)e->checkpoint.size);
}

/* --- all of it ------------------------------------------------------------------------------- */

static enum ink_err run(struct export *e, const char *path)
{
	struct iovec note = { (void *)(uintptr_t)e->options->note, e->options->note_size };
	struct ink_reader *reader = NULL;
	enum ink_err err;

	if (note_parse(note.iov_base, note.iov_len, &e->note) != INK_OK ||
	    checkpoint_decode(e->note.text, &e->checkpoint) != INK_OK || e->checkpoint.size == 0)
		return error_set(e->error, INK_ERR_INVALID,
				 "what is to be exported is not a checkpoint with records");
	err = ink_reader_open(path, &reader, e->error);
	if (err != INK_OK)
		return err;
	err = take_all(e, path, reader);
	ink_reader_close(reader);
	if (err == INK_OK)
		err = check_root(e, path);
	if (err == INK_OK)
		err = put_partial_tiles(e);
	if (err == INK_OK)
		err = folder_publish(&e->folder, "checkpoint", &note);
	return err;
}

enum ink_err ink_export_tiles(const char *path, const char *dir,
			      const struct ink_export_options *options,
			      struct ink_export_result *ret_result, struct ink_error *ret_error)
{
	struct export *e = calloc(1, sizeof(*e));
	enum ink_err err;

	if (!e) {
		errno = ENOMEM;
		return error_io(ret_error, dir, "cannot export");
	}
	e->folder = (struct folder){
		.io = io_system(), .dir = dir, .error = ret_error, .marker_fd = -1
	};
	e->options = options;
	e->error = ret_error;
	merkle_init(&e->tree);
	err = vkey_setup() ? run(e, path)
			   : error_set(ret_error, INK_ERR_FAILED, "libsodium does not start");
	if (err == INK_OK)
		*ret_result = (struct ink_export_result){ .record_count = e->checkpoint.size,
							  .written_count = e->folder.written_count,
							  .kept_count = e->folder.kept_count,
							  .erased_count = e->erased_count };
	io_close(e->folder.io, e->folder.marker_fd);
	free(e);
	return err;
}
