/* SPDX-License-Identifier: MIT */
/*
 * A store may be opened, written and closed again while it is verified.
 *
 * The log only grows, so what was read before stays true, and at its end the walk looks whether it has grown and goes on.
 * But a session rewrites the key file, and the recovery of a crash cuts off what the walk may stand in: what is wrong
 * behind the durable end, while somebody writes, may be neither damage nor tampering.  Such evidence is kept back and all
 * is verified again, up to RUNS_MAX times; then it is told.  A store that holds still is verified once.
 */
#include "verify_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

enum { RUNS_MAX = 3 };

static bool has_segment(struct verify *v, uint32_t segment, struct stat *ret_status)
{
	enum walk_fault fault;
	uint64_t size;
	bool is_there;
	int fd;

	if (walk_open_file(v->io, v->walk.log_dir, segment, &fd, &size, &fault) != INK_OK ||
	    fault != WALK_SOUND)
		return false;
	is_there = v->io->stat(v->io->ctx, fd, ret_status) == 0;
	io_close(v->io, fd);
	return is_there;
}

/* From segment @from on, the last without a gap. */
static struct newest newest_from(struct verify *v, uint32_t from)
{
	struct newest newest = { .segment = from };
	struct stat status;

	while (has_segment(v, from, &status)) {
		newest = (struct newest){ from++, (uint64_t)status.st_size, status.st_ino,
					  status.st_mtim };
	}
	return newest;
}

static bool is_same(const struct newest *a, const struct newest *b)
{
	return a->segment == b->segment && a->size == b->size && a->inode == b->inode &&
	       a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec;
}

/* Does somebody hold the lock? */
static bool is_held(struct verify *v)
{
	char *path = verify_join(v, "lock");
	bool is_held = false;
	int fd = path ? v->io->open(v->io->ctx, path, O_RDONLY | O_NONBLOCK, 0) : -1;

	free(path);
	if (fd < 0)
		return false;
	/* Held for a moment only: who opens the store just now tries for longer. */
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		is_held = errno == EWOULDBLOCK;
	io_close(v->io, fd); /* lets go of it */
	return is_held;
}

void change_begin(struct verify *v)
{
	uint32_t last = v->segment_count > 0 ? v->segments[v->segment_count - 1] : 0;

	v->newest = newest_from(v, last);
	/* In this order: whoever writes after this was asked changes what was taken down before. */
	v->is_live = is_held(v);
}

bool change_is_seen(struct verify *v)
{
	struct newest now;

	if (!v->is_live)
		v->is_live = is_held(v);
	if (!v->was_written) {
		now = newest_from(v, v->newest.segment);
		v->was_written = !is_same(&now, &v->newest);
	}
	return v->is_live || v->was_written;
}

bool change_has_ended(struct verify *v)
{
	struct newest now;

	if (v->is_live || is_held(v)) {
		v->is_live = true;
		return false;
	}
	now = newest_from(v, v->newest.segment);
	if (is_same(&now, &v->newest))
		return false;
	v->newest = now;
	v->was_written = true;
	return true;
}

bool change_spoils(struct verify *v)
{
	if (!v->is_spoiled && v->run + 1 < RUNS_MAX)
		v->is_spoiled = change_is_seen(v);
	return v->is_spoiled;
}
