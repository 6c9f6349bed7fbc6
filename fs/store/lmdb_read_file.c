/* SPDX-License-Identifier: MIT */
/* The file: its two meta pages, which snapshot is the newest, and whether it still is. */
#include "lmdb_read_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum ink_err lmdb_damaged(struct lmdb_file *file, const char *what)
{
	file->damage = what;
	return INK_ERR_DAMAGED;
}

enum ink_err lmdb_read_at(struct lmdb_file *file, uint64_t pos, uint8_t *buf, size_t size)
{
	enum ink_err err;
	size_t got;

	if (file->copy) {
		if (pos > file->copy_size || size > file->copy_size - pos)
			return lmdb_damaged(file, "a page lies behind the end of the file");
		memcpy(buf, file->copy + pos, size);
		return INK_OK;
	}
	err = io_read(file->io, file->fd, buf, size, pos, &got);
	if (err != INK_OK)
		return err;
	if (got < size)
		return lmdb_damaged(file, "a page lies behind the end of the file");
	return INK_OK;
}

struct meta {
	uint64_t last_page;
	uint64_t txn;
	uint64_t map_size;
	uint8_t main_db[DB_SIZE];
	uint8_t free_db[DB_SIZE];
};

static enum ink_err read_meta(struct lmdb_file *file, unsigned number, struct meta *ret_meta)
{
	uint8_t m[META_SIZE];
	enum ink_err err = lmdb_read_at(file, (uint64_t)number * LMDB_PAGE_SIZE, m, sizeof(m));

	if (err != INK_OK)
		return err;
	if (le64(m) != number || le16(m + PAGE_OFF_FLAGS) != P_META)
		return lmdb_damaged(file, "no meta page where one belongs");
	if (le32(m + META_OFF_MAGIC) != LMDB_MAGIC || le32(m + META_OFF_VERSION) != 1)
		return lmdb_damaged(file, "a meta page without LMDB's magic and version");
	if (le32(m + META_OFF_FREE_DB) != LMDB_PAGE_SIZE)
		return lmdb_damaged(file, "another page size than 4,096");
	ret_meta->last_page = le64(m + META_OFF_LAST_PAGE);
	ret_meta->txn = le64(m + META_OFF_TXN);
	ret_meta->map_size = le64(m + META_OFF_MAP_SIZE);
	memcpy(ret_meta->main_db, m + META_OFF_MAIN_DB, DB_SIZE);
	memcpy(ret_meta->free_db, m + META_OFF_FREE_DB, DB_SIZE);
	return INK_OK;
}

static enum ink_err pick_meta(struct lmdb_file *file, struct meta *ret_meta)
{
	struct meta metas[2];

	for (unsigned i = 0; i < 2; i++) {
		enum ink_err err = read_meta(file, i, &metas[i]);

		if (err != INK_OK)
			return err;
	}
	/* As mdb_env_pick_meta(). */
	*ret_meta = metas[metas[0].txn < metas[1].txn];
	/* Commit N writes meta page N mod 2, over that of N - 2; a new file has commit 0 in both. */
	if (ret_meta->txn != 0 && metas[~ret_meta->txn & 1].txn != ret_meta->txn - 1)
		return lmdb_damaged(file, "the two meta pages are not of two commits in a row");
	return INK_OK;
}

static enum ink_err copy_all(struct lmdb_file *file, uint64_t size)
{
	enum ink_err err;
	size_t got;

	file->copy = malloc(size ? size : 1);
	if (!file->copy) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	err = io_read(file->io, file->fd, file->copy, size, 0, &got);
	file->copy_size = err == INK_OK ? got : 0;
	return err;
}

enum ink_err lmdb_open(const struct io *io, const char *path, bool has_copy, uint64_t copy_size_max,
		       struct lmdb_file *ret_file)
{
	struct stat status;
	struct meta meta;
	enum ink_err err;

	*ret_file = (struct lmdb_file){ .io = io };
	ret_file->fd = io->open(io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	if (ret_file->fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return INK_ERR_NOT_FOUND;
		return errno == ELOOP || errno == ENXIO ? INK_ERR_FOREIGN : INK_ERR_IO;
	}
	if (io->stat(io->ctx, ret_file->fd, &status) != 0)
		return INK_ERR_IO;
	if (!S_ISREG(status.st_mode))
		return INK_ERR_FOREIGN;
	/* A kill within LMDB's first opening leaves this; it says as little as no file. */
	if (status.st_size == 0)
		return INK_ERR_NOT_FOUND;
	err = pick_meta(ret_file, &meta);
	if (err != INK_OK)
		return err;
	ret_file->last_page = meta.last_page;
	ret_file->txn = meta.txn;
	ret_file->map_size = meta.map_size;
	memcpy(ret_file->main_db, meta.main_db, DB_SIZE);
	memcpy(ret_file->free_db, meta.free_db, DB_SIZE);
	if (meta.last_page >= (uint64_t)status.st_size / LMDB_PAGE_SIZE)
		return lmdb_damaged(ret_file, "pages are missing at the end of the file");
	if (!has_copy)
		return INK_OK;
	if (meta.last_page >= copy_size_max / LMDB_PAGE_SIZE)
		return INK_ERR_LIMIT;
	return copy_all(ret_file, (meta.last_page + 1) * LMDB_PAGE_SIZE);
}

void lmdb_close(struct lmdb_file *file)
{
	if (!file->io)
		return;
	io_close(file->io, file->fd);
	free(file->copy);
	*file = (struct lmdb_file){ .fd = -1 };
}

enum ink_err lmdb_is_current(struct lmdb_file *file, bool *ret_is_current)
{
	struct lmdb_file disk = { .io = file->io, .fd = file->fd };
	struct meta meta;
	enum ink_err err = pick_meta(&disk, &meta);

	if (err == INK_ERR_IO)
		return err;
	*ret_is_current = err == INK_OK && meta.txn >= file->txn && meta.txn - file->txn <= 1;
	return INK_OK;
}
