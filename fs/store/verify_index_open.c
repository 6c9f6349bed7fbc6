/* SPDX-License-Identifier: MIT */
/*
 * The index, opened to be verified: a snapshot that holds still, its databases, and how many records it covers.
 *
 * Findings in it are told at the end, when it is clear that nobody wrote to it meanwhile.
 */
#include "verify_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	SNAPSHOT_TRIES = 20,
	SNAPSHOT_PAUSE_NS = 50 * 1000 * 1000,
	HEAD_FIXED_SIZE = 4 + 4 + 9 * 8 + INK_STORE_ID_SIZE + 3 * 32 + 8,
};

/* Of a live store the index is copied, so that it holds still; larger ones are not compared then. */
#define COPY_SIZE_MAX (UINT64_C(2) << 30)

static const char *const vdb_names[VDB_COUNT] = {
	"meta",    "leaves", "tiles",   "seals",   "inodes", "names",
	"entries", "links",  "targets", "extents", "actors", "blocks",
};

const char *vdb_name(enum vdb db)
{
	return vdb_names[db];
}

static char *index_path(struct verify *v)
{
	size_t size = strlen(v->path) + sizeof("/index/data.mdb");
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s/index/data.mdb", v->path);
	return path;
}

/* A snapshot that holds still.  Of a live store: a copy, made between two commits. */
static enum ink_err take_snapshot(struct verify *v, const char *path)
{
	static const struct timespec pause = { .tv_nsec = SNAPSHOT_PAUSE_NS };
	struct lmdb_file *file = &v->index.file;
	bool is_current = false;
	enum ink_err err = INK_OK;

	v->index.has_copy = v->is_live;
	for (unsigned i = 0; i < SNAPSHOT_TRIES; i++) {
		err = lmdb_open(v->io, path, v->index.has_copy, COPY_SIZE_MAX, file);
		if (!v->is_live || err == INK_ERR_NOT_FOUND || err == INK_ERR_LIMIT ||
		    err == INK_ERR_IO)
			return err;
		if (err == INK_OK && lmdb_is_current(file, &is_current) == INK_OK && is_current)
			return INK_OK;
		lmdb_close(file);
		nanosleep(&pause, NULL);
	}
	return err == INK_OK ? INK_ERR_LIMIT : err;
}

/* The databases that are there: ours and no other.  INK_ERR_NOT_FOUND: there is none at all. */
static enum ink_err open_databases(struct verify *v)
{
	struct lmdb_cursor list;
	struct lmdb_bytes name, value;
	bool has[VDB_COUNT] = { false }, has_any;
	enum ink_err err = lmdb_cursor_init(&list, &v->index.file, NULL);

	while (err == INK_OK) {
		unsigned db = 0;

		err = lmdb_next(&list, &name, &value);
		if (err != INK_OK)
			break;
		while (db < VDB_COUNT && (strlen(vdb_names[db]) != name.size ||
					  memcmp(vdb_names[db], name.data, name.size) != 0))
			db++;
		if (db < VDB_COUNT)
			has[db] = true;
		else
			report_index(v, "a database that does not belong there");
	}
	has_any = list.entry_count > 0;
	lmdb_cursor_release(&list);
	if (err != INK_ERR_NOT_FOUND || !has_any)
		return err;
	for (unsigned db = 0; db < VDB_COUNT; db++) {
		if (!has[db]) {
			report_index(v, "the database %s is missing", vdb_names[db]);
			continue;
		}
		err = lmdb_cursor_init(&v->index.cursors[db], &v->index.file, vdb_names[db]);
		if (err != INK_OK)
			return err;
	}
	return INK_OK;
}

static enum ink_err read_count(struct verify *v)
{
	struct lmdb_cursor *meta = &v->index.cursors[VDB_META];
	struct lmdb_bytes value;
	enum ink_err err;

	if (!meta->file)
		return INK_ERR_NOT_FOUND;
	err = lmdb_get(meta, "head", 4, &value);
	if (err != INK_OK)
		return err;
	if (value.size < HEAD_FIXED_SIZE || be32_load(value.data) != FORMAT_VERSION) {
		v->index.file.damage = "the head is not one of this version";
		return INK_ERR_DAMAGED;
	}
	v->index.count = be64_load(value.data + 8);
	return INK_OK;
}

static bool is_blank(const struct verify *v)
{
	for (unsigned db = 0; db < VDB_COUNT; db++)
		if (v->index.cursors[db].file && v->index.cursors[db].entry_count > 0)
			return false;
	return true;
}

static enum ink_err say_unread(struct verify *v, enum ink_err err)
{
	const char *path = "index/data.mdb";

	v->index.is_done = true;
	switch (err) {
	case INK_ERR_NOT_FOUND:
		note_record(v, INK_FIND_NO_INDEX, NULL,
			    "there is no index; the log was checked without it");
		return INK_OK;
	case INK_ERR_FOREIGN:
		report_file(v, INK_FIND_INDEX, path, "not a regular file where the index belongs");
		return INK_OK;
	case INK_ERR_LIMIT:
		note_record(
			v, INK_FIND_NO_INDEX, NULL,
			"the index is written to while it is read, and too large or too busy to be copied: not compared");
		return INK_OK;
	case INK_ERR_DAMAGED:
		report_file(v, INK_FIND_INDEX, path, "the index is damaged: %s",
			    v->index.file.damage);
		return INK_OK;
	default:
		if (errno != EACCES && errno != EPERM)
			return verify_io_error(v, path);
		note_record(v, INK_FIND_NO_INDEX, NULL,
			    "the index may not be read by this user: not compared");
		return INK_OK;
	}
}

static enum ink_err open_index(struct verify *v, const char *path)
{
	enum ink_err err = take_snapshot(v, path);

	if (err == INK_OK)
		err = open_databases(v);
	if (err == INK_OK)
		err = read_count(v);
	return err;
}

enum ink_err index_begin(struct verify *v)
{
	char *path = index_path(v);
	enum ink_err err;

	if (!path) {
		errno = ENOMEM;
		return verify_io_error(v, v->path);
	}
	err = open_index(v, path);
	/* Somebody has begun to write just now: from a copy, then. */
	if (err == INK_ERR_DAMAGED && !v->index.has_copy && change_is_seen(v)) {
		index_release(v);
		v->index = (struct vindex){ 0 };
		v->is_live = true;
		err = open_index(v, path);
	}
	free(path);
	/* Made, but nothing committed yet when the first opening was cut off: as good as none. */
	if (err == INK_ERR_NOT_FOUND && is_blank(v))
		return say_unread(v, INK_ERR_NOT_FOUND);
	if (err == INK_ERR_NOT_FOUND) {
		v->index.file.damage = "it has no head";
		err = INK_ERR_DAMAGED;
	}
	if (err != INK_OK)
		return say_unread(v, err);
	v->index.is_open = true;
	if (v->index.count == 0) {
		report_index(v, "the index covers no record at all");
		v->index.is_done = true;
	}
	return INK_OK;
}

enum ink_err index_finish(struct verify *v)
{
	bool is_current = true;
	enum ink_err err = INK_OK;

	if (v->index.findings.count == 0)
		return INK_OK;
	if (!v->index.has_copy)
		err = lmdb_is_current(&v->index.file, &is_current);
	if (err != INK_OK)
		return verify_io_error(v, "index/data.mdb");
	if (is_current || v->index.has_copy) {
		kept_flush(v, &v->index.findings);
	} else {
		kept_drop(&v->index.findings);
		note_record(v, INK_FIND_NO_INDEX, NULL,
			    "the index was written to while it was compared: run this again");
	}
	return INK_OK;
}

void index_release(struct verify *v)
{
	for (unsigned db = 0; db < VDB_COUNT; db++)
		lmdb_cursor_release(&v->index.cursors[db]);
	lmdb_close(&v->index.file);
	kept_drop(&v->index.findings);
}
