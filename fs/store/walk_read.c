/* SPDX-License-Identifier: MIT */
/* What a walk reads: files of segments, through a window that moves along. */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEGMENT_NAME_SIZE = sizeof("/0000000000.seg") };

_Static_assert(WALK_WINDOW_SIZE > FRAME_OFF_BODY + INK_APPEND_SIZE_MAX + FRAME_ALIGN,
	       "a whole frame fits into the window");

enum ink_err walk_open_file(const struct io *io, const char *log_dir, uint32_t segment, int *ret_fd,
			    uint64_t *ret_size, enum walk_fault *ret_fault)
{
	size_t size = strlen(log_dir) + SEGMENT_NAME_SIZE;
	char *path = malloc(size);
	struct stat status;
	int fd;

	*ret_fault = WALK_SOUND;
	*ret_fd = -1;
	if (!path) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	snprintf(path, size, "%s/%010u.seg", log_dir, segment);
	/* O_NONBLOCK: a FIFO in this place must not make us wait for its writer. */
	fd = io->open(io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	free(path);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			*ret_fault = WALK_SEGMENT_NONE;
		else if (errno == ELOOP || errno == ENXIO || errno == ENODEV)
			*ret_fault = WALK_SEGMENT_TYPE;
		else
			return INK_ERR_IO;
		return INK_OK;
	}
	if (io->stat(io->ctx, fd, &status) != 0) {
		io_close(io, fd);
		return INK_ERR_IO;
	}
	if (!S_ISREG(status.st_mode)) {
		io_close(io, fd);
		*ret_fault = WALK_SEGMENT_TYPE;
		return INK_OK;
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)status.st_size;
	return INK_OK;
}

enum ink_err walk_refresh_size(struct walk *walk)
{
	struct stat status;

	if (walk->io->stat(walk->io->ctx, walk->fd, &status) != 0)
		return INK_ERR_IO;
	walk->file_size = (uint64_t)status.st_size;
	return INK_OK;
}

/* Reads become longer while the walk goes straight on; nobody waits for 4 MiB to see one record. */
static size_t next_read_size(struct walk *walk, size_t needed)
{
	size_t size = walk->read_size > needed ? walk->read_size : needed;

	if (walk->read_size < WALK_WINDOW_SIZE)
		walk->read_size *= 2;
	return size;
}

enum ink_err walk_need(struct walk *walk, uint64_t pos, size_t size, const uint8_t **ret_bytes,
		       size_t *ret_size)
{
	uint64_t end = walk->window_pos + walk->window_size;
	size_t kept = 0, wanted, got;
	enum ink_err err;

	if (pos < walk->window_pos || pos > end || end - pos < size) {
		if (pos >= walk->window_pos && pos < end) {
			kept = (size_t)(end - pos);
			memmove(walk->window, walk->window + (pos - walk->window_pos), kept);
		}
		walk->window_size = 0;
		wanted = next_read_size(walk, size);
		err = io_read(walk->io, walk->fd, walk->window + kept, wanted - kept, pos + kept,
			      &got);
		if (err != INK_OK)
			return err;
		walk->read_bytes += got;
		walk->window_pos = pos;
		walk->window_size = kept + got;
		end = pos + walk->window_size;
	}
	*ret_bytes = walk->window + (pos - walk->window_pos);
	*ret_size = end - pos < size ? (size_t)(end - pos) : size;
	return INK_OK;
}
