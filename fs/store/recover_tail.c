/* SPDX-License-Identifier: MIT */
/* What lies behind the last good record: copied to lost/, then cut off. */
#include "recover_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "lost.h"
#include "segment.h"

enum { COPY_SIZE = 1 << 20 };

static uint64_t end_place(const struct recovery *r)
{
	return catalog_head(r->catalog)->end_place;
}

static int open_segment(const struct recovery *r, uint32_t segment, int flags)
{
	char path[PATH_MAX];

	segment_path(r->log_dir, segment, path);
	return r->io->open(r->io->ctx, path, flags | O_NONBLOCK, 0);
}

enum ink_err recover_segment_exists(const struct recovery *r, uint32_t segment, bool *ret_exists)
{
	int fd = open_segment(r, segment, O_RDONLY);

	*ret_exists = fd >= 0;
	io_close(r->io, fd);
	return fd >= 0 || errno == ENOENT ? INK_OK : INK_ERR_IO;
}

/* --- the copy ------------------------------------------------------------------------------ */

/* Space allocated ahead is no loss, so pieces of nothing but zeros are left out. */
static enum ink_err copy_file(struct recovery *r, int in, uint64_t from, int out,
			      uint64_t *out_size)
{
	uint8_t *piece = malloc(COPY_SIZE);
	enum ink_err err = piece ? INK_OK : INK_ERR_IO;
	size_t size = COPY_SIZE;

	while (err == INK_OK && size == COPY_SIZE) {
		err = io_read(r->io, in, piece, COPY_SIZE, from, &size);
		from += size;
		if (err == INK_OK && size > 0 && !bytes_are_zero(piece, size)) {
			err = io_write(r->io, out, &(struct iovec){ piece, size }, 1, *out_size);
			*out_size += size;
		}
	}
	free(piece);
	return err;
}

/* From the end of the good log on, through all further segments; @ret_last is the last of them. */
static enum ink_err copy_tail(struct recovery *r, int out, uint64_t *ret_size, uint32_t *ret_last)
{
	uint64_t from = place_offset(end_place(r)), size = 0;
	uint32_t segment = place_segment(end_place(r));

	for (;; segment++, from = 0) {
		int in = open_segment(r, segment, O_RDONLY);
		enum ink_err err;

		if (in < 0 && errno == ENOENT)
			break;
		err = in < 0 ? INK_ERR_IO : copy_file(r, in, from, out, &size);
		io_close(r->io, in);
		if (err != INK_OK)
			return err;
		*ret_last = segment;
	}
	*ret_size = size;
	return r->io->fdatasync(r->io->ctx, out) == 0 ? INK_OK : INK_ERR_IO;
}

/* --- its name ------------------------------------------------------------------------------ */

static void lost_path(const struct recovery *r, const char *name, char *ret_path)
{
	snprintf(ret_path, PATH_MAX, "%.*s/%s", PATH_MAX - 80, r->lost_dir, name);
}

/* The @number-th tail that was cut off before the record that comes next. */
static void tail_path(const struct recovery *r, unsigned number, char *ret_path)
{
	char name[INK_LOST_NAME_SIZE];

	ink_lost_name(catalog_head(r->catalog)->record_count, number, name);
	lost_path(r, name, ret_path);
}

/* @ret_fd: -1 if there is none. */
static enum ink_err open_tail(const struct recovery *r, unsigned number, int *ret_fd)
{
	char path[PATH_MAX];

	tail_path(r, number, path);
	*ret_fd = r->io->open(r->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	return *ret_fd >= 0 || errno == ENOENT ? INK_OK : INK_ERR_IO;
}

/* Does @old begin with the @size bytes of @copy? */
static enum ink_err begins_with(struct recovery *r, int old, int copy, uint64_t size,
				bool *ret_begins)
{
	uint8_t *pieces = malloc(2 * (size_t)COPY_SIZE);
	enum ink_err err = pieces ? INK_OK : INK_ERR_IO;
	size_t got, old_got;

	*ret_begins = true;
	for (uint64_t pos = 0; err == INK_OK && *ret_begins && pos < size; pos += COPY_SIZE) {
		err = io_read(r->io, copy, pieces, COPY_SIZE, pos, &got);
		if (err == INK_OK)
			err = io_read(r->io, old, pieces + COPY_SIZE, got, pos, &old_got);
		if (err == INK_OK)
			*ret_begins =
				old_got == got && memcmp(pieces, pieces + COPY_SIZE, got) == 0;
	}
	free(pieces);
	return err;
}

/*
 * The number for the copy.  A tail that is there already stays: it is of this recovery, cut off when part of the
 * log was removed, and then has all that the copy has and more (@ret_is_kept); or of an earlier one.
 */
static enum ink_err choose_number(struct recovery *r, int copy, uint64_t size, unsigned *ret_number,
				  bool *ret_is_kept)
{
	*ret_is_kept = false;
	for (*ret_number = 0; *ret_number < INK_LOST_COUNT_MAX; ++*ret_number) {
		enum ink_err err;
		int old;

		err = open_tail(r, *ret_number, &old);
		if (err != INK_OK || old < 0)
			return err;
		err = begins_with(r, old, copy, size, ret_is_kept);
		io_close(r->io, old);
		if (err != INK_OK || *ret_is_kept)
			return err;
	}
	errno = EMLINK;
	return INK_ERR_IO;
}

/* Step (1) of recover.h.  Nothing but zeros, as in a segment that never got its header, is no loss. */
static enum ink_err keep_copy(struct recovery *r, int copy, uint64_t size, const char *new_path)
{
	char path[PATH_MAX];
	bool is_kept = size == 0;
	unsigned number = 0;
	int code;

	if (size > 0 && choose_number(r, copy, size, &number, &is_kept) != INK_OK)
		return INK_ERR_IO;
	tail_path(r, number, path);
	code = is_kept ? r->io->unlink(r->io->ctx, new_path)
		       : r->io->rename(r->io->ctx, new_path, path);
	/* Also for a name that was there: who gave it may have died before this. */
	return code == 0 && r->io->sync_dir(r->io->ctx, r->lost_dir) == 0 ? INK_OK : INK_ERR_IO;
}

static enum ink_err save_tail(struct recovery *r, uint32_t *ret_last)
{
	char new_path[PATH_MAX];
	enum ink_err err;
	uint64_t size;
	int copy;

	lost_path(r, LOST_NEW_NAME, new_path);
	copy = r->io->open(r->io->ctx, new_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (copy < 0)
		return INK_ERR_IO;
	err = copy_tail(r, copy, &size, ret_last);
	if (err == INK_OK)
		err = keep_copy(r, copy, size, new_path);
	io_close(r->io, copy);
	return err;
}

/* A copy of a store need not have it. */
static enum ink_err make_folder(struct recovery *r)
{
	if (r->io->mkdir(r->io->ctx, r->lost_dir, 0700) != 0)
		return errno == EEXIST ? INK_OK : INK_ERR_IO;
	return r->io->sync_dir(r->io->ctx, r->options->path) == 0 ? INK_OK : INK_ERR_IO;
}

/* A copy that was cut off half-way: all of it lies in the log still. */
static enum ink_err remove_half_copy(struct recovery *r)
{
	char path[PATH_MAX];

	lost_path(r, LOST_NEW_NAME, path);
	if (r->io->unlink(r->io->ctx, path) == 0)
		return r->io->sync_dir(r->io->ctx, r->lost_dir) == 0 ? INK_OK : INK_ERR_IO;
	return errno == ENOENT ? INK_OK : INK_ERR_IO;
}

/* --- cutting ------------------------------------------------------------------------------- */

/* Step (2). */
static enum ink_err remove_segments(struct recovery *r, uint32_t last)
{
	uint32_t keep = place_segment(end_place(r));
	char path[PATH_MAX];

	for (uint32_t segment = last; segment > keep; segment--) {
		segment_path(r->log_dir, segment, path);
		if (r->io->unlink(r->io->ctx, path) != 0)
			return INK_ERR_IO;
	}
	return last > keep && r->io->sync_dir(r->io->ctx, r->log_dir) != 0 ? INK_ERR_IO : INK_OK;
}

/* Step (3).  A finished segment that became the last one again is protected, and ends already where it should. */
static enum ink_err cut_segment(struct recovery *r)
{
	uint32_t segment = place_segment(end_place(r)), size = place_offset(end_place(r));
	int fd = open_segment(r, segment, O_RDONLY);
	enum ink_err err = INK_OK;
	struct stat st;

	if (fd < 0 || r->io->stat(r->io->ctx, fd, &st) != 0)
		err = INK_ERR_IO;
	io_close(r->io, fd);
	if (err != INK_OK || st.st_size == (off_t)size)
		return err;
	fd = open_segment(r, segment, O_RDWR);
	if (fd < 0 || r->io->truncate(r->io->ctx, fd, size) != 0 ||
	    r->io->fdatasync(r->io->ctx, fd) != 0)
		err = INK_ERR_IO;
	io_close(r->io, fd);
	return err;
}

/* --- what RECOVERY will say ---------------------------------------------------------------- */

/* All tails cut off before this record: now, and by recoveries that died before they had written it. */
static enum ink_err list_tails(struct recovery *r)
{
	struct recover_result *result = r->result;
	unsigned number;

	for (number = 0; number < INK_LOST_COUNT_MAX; number++) {
		enum ink_err err;
		int fd;

		err = open_tail(r, number, &fd);
		if (err == INK_OK && fd < 0)
			break;
		if (err == INK_OK)
			err = lost_digest(r->io, fd, &result->lost[number].size,
					  result->lost[number].digest);
		io_close(r->io, fd);
		if (err != INK_OK)
			return err;
	}
	result->lost_count = number;
	result->lost_place = number > 0 ? end_place(r) : 0;
	return INK_OK;
}

static enum ink_err lost_error(struct recovery *r, enum ink_err err)
{
	if (err == INK_OK)
		return INK_OK;
	if (errno == EMLINK)
		return error_set(
			r->error, INK_ERR_IO,
			"%s holds %d tails of record %llu and there is another; move them to another place",
			r->lost_dir, INK_LOST_COUNT_MAX,
			(unsigned long long)catalog_head(r->catalog)->record_count);
	return error_io(r->error, r->lost_dir, "cannot set the torn tail aside");
}

enum ink_err recover_set_aside(struct recovery *r)
{
	uint32_t last = place_segment(end_place(r));
	enum ink_err err = make_folder(r);

	if (err == INK_OK)
		err = remove_half_copy(r);
	if (err == INK_OK)
		err = save_tail(r, &last);
	if (err == INK_OK)
		err = remove_segments(r, last);
	if (err == INK_OK)
		err = cut_segment(r);
	if (err == INK_OK)
		err = list_tails(r);
	return lost_error(r, err);
}

enum ink_err recover_clear_end(struct recovery *r)
{
	uint32_t next = place_segment(end_place(r)) + 1;
	bool is_begun;
	enum ink_err err = recover_segment_exists(r, next, &is_begun);

	/* The driver died between beginning a segment and its first record: the log goes on in the one before. */
	if (err == INK_OK && is_begun)
		err = remove_segments(r, next);
	if (err != INK_OK)
		return error_io(r->error, r->log_dir, "cannot remove a segment without records");
	err = remove_half_copy(r);
	return lost_error(r, err == INK_OK ? list_tails(r) : err);
}
