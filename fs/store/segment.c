/* SPDX-License-Identifier: MIT */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	int fd; /* -1: free */
	uint32_t index;
	unsigned user_count;
	uint64_t used; /* the larger, the later */
};

struct segments {
	const struct io *io;
	char dir[PATH_MAX];
	pthread_mutex_t lock;
	uint64_t clock;
	struct slot slots[SEGMENTS_OPEN_MAX];
};

void segment_path(const char *dir, uint32_t index, char *ret_path)
{
	snprintf(ret_path, PATH_MAX, "%.*s/%010u.seg", PATH_MAX - 32, dir, index);
}

bool segment_of_name(const char *name, uint32_t *ret_segment)
{
	uint64_t number = 0;

	if (strlen(name) != 14 || strcmp(name + 10, ".seg") != 0)
		return false;
	for (unsigned i = 0; i < 10; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(name[i] - '0');
	}
	*ret_segment = (uint32_t)number;
	return number <= UINT32_MAX;
}

struct segments *segments_open(const struct io *io, const char *dir)
{
	struct segments *segments = calloc(1, sizeof(*segments));

	if (!segments)
		return NULL;
	segments->io = io;
	snprintf(segments->dir, sizeof(segments->dir), "%s", dir);
	pthread_mutex_init(&segments->lock, NULL);
	for (unsigned i = 0; i < SEGMENTS_OPEN_MAX; i++)
		segments->slots[i].fd = -1;
	return segments;
}

void segments_close(struct segments *segments)
{
	if (!segments)
		return;
	for (unsigned i = 0; i < SEGMENTS_OPEN_MAX; i++)
		io_close(segments->io, segments->slots[i].fd);
	pthread_mutex_destroy(&segments->lock);
	free(segments);
}

/* The slot that has it, else the free one or the one unused for longest; NULL if all are in use. */
static struct slot *choose(struct segments *segments, uint32_t index)
{
	struct slot *best = NULL;

	for (unsigned i = 0; i < SEGMENTS_OPEN_MAX; i++) {
		struct slot *slot = &segments->slots[i];

		if (slot->fd >= 0 && slot->index == index)
			return slot;
		if (slot->user_count == 0 && (!best || slot->used < best->used))
			best = slot;
	}
	return best;
}

static int open_segment(struct segments *segments, uint32_t index)
{
	char path[PATH_MAX];

	segment_path(segments->dir, index, path);
	return segments->io->open(segments->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
}

/* A slot with the segment open and counted, or NULL and @ret_fd: a descriptor of the caller's, or -1. */
static struct slot *take(struct segments *segments, uint32_t index, int *ret_fd)
{
	struct slot *slot;

	pthread_mutex_lock(&segments->lock);
	slot = choose(segments, index);
	if (slot && (slot->fd < 0 || slot->index != index)) {
		io_close(segments->io, slot->fd);
		slot->fd = open_segment(segments, index);
		slot->index = index;
	}
	*ret_fd = slot ? slot->fd : -1;
	if (slot && slot->fd < 0) {
		slot->used = 0;
		slot = NULL;
	} else if (slot) {
		slot->user_count++;
		slot->used = ++segments->clock;
	} else {
		*ret_fd = open_segment(segments, index);
	}
	pthread_mutex_unlock(&segments->lock);
	return slot;
}

enum ink_err segments_read(struct segments *segments, uint32_t index, void *buf, size_t size,
			   uint64_t offset, size_t *ret_size)
{
	struct slot *slot;
	enum ink_err err;
	int fd;

	slot = take(segments, index, &fd);
	if (fd < 0)
		return errno == ENOENT ? INK_ERR_NOT_FOUND : INK_ERR_IO;
	err = io_read(segments->io, fd, buf, size, offset, ret_size);
	if (!slot) {
		io_close(segments->io, fd);
		return err;
	}
	pthread_mutex_lock(&segments->lock);
	slot->user_count--;
	pthread_mutex_unlock(&segments->lock);
	return err;
}
