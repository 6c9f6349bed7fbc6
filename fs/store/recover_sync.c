/* SPDX-License-Identifier: MIT */
/*
 * What is read from here on may have been in memory only when the driver died.  It must be on the disk before
 * the index is committed for it, and a sync alone does not see to that: when one fails, Linux marks the pages
 * clean that it could not write, shows them as if nothing had happened, and calls the next sync a success.  So
 * what no sync is known to have covered is written once more, with the bytes that it has, and then synced.
 * That is the work of about a second, or what a driver wrote after its last sync.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "error.h"
#include "recover_private.h"
#include "segment.h"

enum { PIECE_SIZE = 256 << 10 };

/* Space allocated ahead is not written: zeros are what it reads as. */
static enum ink_err write_again(const struct recovery *r, int fd, uint64_t from)
{
	uint8_t *piece = malloc(PIECE_SIZE);
	enum ink_err err = piece ? INK_OK : INK_ERR_IO;
	size_t size = PIECE_SIZE;

	while (err == INK_OK && size == PIECE_SIZE) {
		struct iovec part;

		err = io_read(r->io, fd, piece, PIECE_SIZE, from, &size);
		part = (struct iovec){ piece, size };
		if (err == INK_OK && bytes_are_zero(piece, size))
			part.iov_len = 0;
		while (err == INK_OK && part.iov_len > 0 && piece[part.iov_len - 1] == 0)
			part.iov_len--;
		if (err == INK_OK && part.iov_len > 0)
			err = io_write(r->io, fd, &part, 1, from);
		from += size;
	}
	free(piece);
	return err;
}

static enum ink_err sync_segment(const struct recovery *r, const char *path, bool is_written,
				 uint64_t from, bool *ret_exists)
{
	enum ink_err err = INK_OK;
	struct stat st;
	int fd = r->io->open(r->io->ctx, path, (is_written ? O_RDWR : O_RDONLY) | O_NONBLOCK, 0);

	/* A finished segment is protected only after its sync; and a folder is none, as the walk will find. */
	if (fd < 0 && is_written && (errno == EACCES || errno == EPERM || errno == EISDIR))
		return sync_segment(r, path, false, from, ret_exists);
	*ret_exists = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? INK_OK : INK_ERR_IO;
	if (r->io->stat(r->io->ctx, fd, &st) != 0)
		err = INK_ERR_IO;
	if (err == INK_OK && is_written && S_ISREG(st.st_mode))
		err = write_again(r, fd, from);
	if (err == INK_OK && r->io->fdatasync(r->io->ctx, fd) != 0)
		err = INK_ERR_IO;
	io_close(r->io, fd);
	return err;
}

enum ink_err recover_sync_segments(struct recovery *r)
{
	uint64_t place = catalog_head(r->catalog)->end_place, from = place_offset(place);
	uint32_t segment = place_segment(place);
	/* Without an index that would be all of the log: then the last segment, where a sync fails. */
	bool has_index = catalog_head(r->catalog)->record_count > 0;
	bool exists = true;

	for (; exists; segment++, from = 0) {
		bool has_next = false;
		enum ink_err err = INK_OK;
		char path[PATH_MAX];

		segment_path(r->log_dir, segment, path);
		if (!has_index)
			err = recover_segment_exists(r, segment + 1, &has_next);
		if (err == INK_OK)
			err = sync_segment(r, path, !r->options->is_index_only && !has_next, from,
					   &exists);
		if (err != INK_OK)
			return error_io(r->error, path, "cannot sync");
	}
	if (r->io->sync_dir(r->io->ctx, r->log_dir) != 0)
		return error_io(r->error, r->log_dir, "cannot sync");
	return INK_OK;
}
