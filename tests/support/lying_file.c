/* SPDX-License-Identifier: MIT */
/* The calls that change a file: its bytes, its size, its mode; and what makes them last. */
#include "lying_disk_private.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "offsets are passed to system calls in one word");

static struct lie_op *add_op(struct lie_node *node)
{
	if (node->op_count == node->op_room) {
		node->op_room = node->op_room * 2 + 64;
		node->ops = lie_memory(node->ops, node->op_room * sizeof(node->ops[0]));
	}
	return &node->ops[node->op_count++];
}

/* A page that a failed sync has forgotten is written again as a whole: it was still in memory. */
static void remember_page(struct lying_disk *disk, struct lie_node *node, int fd, uint64_t page)
{
	for (unsigned i = 0; i < node->forgotten_count; i++) {
		uint8_t *bytes;
		ssize_t got;

		if (node->forgotten[i] != page)
			continue;
		node->forgotten[i] = node->forgotten[--node->forgotten_count];
		bytes = lie_chunk_take(disk, LIE_PAGE);
		got = syscall(SYS_pread64, fd, bytes, LIE_PAGE, page * LIE_PAGE);
		if (got > 0)
			*add_op(node) = (struct lie_op){ .count = (uint32_t)got,
							 .page = page,
							 .size = page * LIE_PAGE + (uint64_t)got,
							 .data = bytes };
		return;
	}
}

static void add_write(struct lying_disk *disk, struct lie_node *node, int fd, const uint8_t *data,
		      size_t size, uint64_t pos)
{
	while (size > 0) {
		uint32_t offset = (uint32_t)(pos % LIE_PAGE);
		uint32_t count = LIE_PAGE - offset;

		if (count > size)
			count = (uint32_t)size;
		*add_op(node) = (struct lie_op){ .offset = offset,
						 .count = count,
						 .page = pos / LIE_PAGE,
						 .size = pos + count,
						 .data = data };
		remember_page(disk, node, fd, pos / LIE_PAGE);
		data += count;
		size -= count;
		pos += count;
	}
}

static bool is_forgotten(const struct lie_node *node, uint64_t page)
{
	for (unsigned i = 0; i < node->forgotten_count; i++)
		if (node->forgotten[i] == page)
			return true;
	return false;
}

/* The changes of pages @first to @last are on the disk. */
static void sync_pages(struct lie_node *node, uint64_t first, uint64_t last)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < node->op_count; i++) {
		const struct lie_op *op = &node->ops[i];
		bool is_lost = !op->is_size && is_forgotten(node, op->page);

		if (!op->is_size && (op->page < first || op->page > last)) {
			node->ops[kept++] = *op;
			continue;
		}
		if (is_lost && node->synced.size < op->size)
			node->synced.size = op->size;
		else if (!is_lost)
			lie_image_apply(&node->synced, op);
	}
	node->op_count = kept;
}

static ssize_t write_locked(struct lying_disk *disk, int fd, const uint8_t *data, size_t size,
			    uint64_t pos, unsigned short_one_in)
{
	struct lie_node *node = lie_node_of_fd(disk, fd);
	enum lie_fate fate = lie_decide(disk, LYING_WRITE);
	ssize_t done;

	if (fate == LIE_DEAD)
		return -1;
	/* A failing write stops at the end of a sector, and never behind the last byte. */
	if (fate != LIE_DO) {
		uint64_t end = pos + rng_below(&disk->rng, size);

		end -= end % (lie_coin(disk) ? LIE_SECTOR : LIE_PAGE);
		size = end > pos && lie_coin(disk) ? (size_t)(end - pos) : 0;
	} else if (short_one_in > 0 && size > 1 && rng_below(&disk->rng, short_one_in) == 0) {
		size = 1 + (size_t)rng_below(&disk->rng, size - 1);
	}
	done = size > 0 ? syscall(SYS_pwrite64, fd, data, size, pos) : 0;
	if (done > 0) {
		add_write(disk, node, fd, data, (size_t)done, pos);
		if (fate == LIE_DO && disk->fd_is_dsync[fd])
			sync_pages(node, pos / LIE_PAGE, (pos + (uint64_t)done - 1) / LIE_PAGE);
	}
	if (fate == LIE_DO)
		return done;
	errno = fate == LIE_FAIL ? disk->fault.errno_code : EIO;
	return -1;
}

static ssize_t write_parts(struct lying_disk *disk, int fd, const struct iovec *parts, int count,
			   uint64_t offset, unsigned short_one_in)
{
	size_t size = 0, used = 0;
	ssize_t done;
	uint8_t *data;

	pthread_mutex_lock(&disk->lock);
	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	data = lie_chunk_take(disk, size);
	for (int i = 0; i < count; used += parts[i++].iov_len)
		memcpy(data + used, parts[i].iov_base, parts[i].iov_len);
	done = write_locked(disk, fd, data, size, offset, short_one_in);
	pthread_mutex_unlock(&disk->lock);
	return done;
}

ssize_t lie_file_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t offset)
{
	struct lying_disk *disk = ctx;

	return write_parts(disk, fd, parts, count, offset, disk->fault.short_one_in);
}

ssize_t lying_disk_write_fd(struct lying_disk *disk, int fd, const struct iovec *parts, int count,
			    uint64_t offset)
{
	return write_parts(disk, fd, parts, count, offset, 0);
}

ssize_t lie_file_pread(void *ctx, int fd, void *buf, size_t size, uint64_t offset)
{
	struct lying_disk *disk = ctx;

	if (lying_disk_is_dead(disk)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, buf, size, offset);
}

static void forget_pages(struct lying_disk *disk, struct lie_node *node)
{
	for (unsigned i = 0; i < node->op_count; i++) {
		if (node->ops[i].is_size || disk->fault.forget_one_in == 0 ||
		    is_forgotten(node, node->ops[i].page) ||
		    rng_below(&disk->rng, disk->fault.forget_one_in) != 0)
			continue;
		if (node->forgotten_count == node->forgotten_room) {
			node->forgotten_room = node->forgotten_room * 2 + 16;
			node->forgotten = lie_memory(node->forgotten,
						     node->forgotten_room * sizeof(uint64_t));
		}
		node->forgotten[node->forgotten_count++] = node->ops[i].page;
	}
}

int lying_disk_sync_fd(struct lying_disk *disk, int fd)
{
	struct lie_node *node;
	enum lie_fate fate;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	node = lie_node_of_fd(disk, fd);
	if (node->is_dir) {
		result = lie_sync_folder(disk, node);
	} else {
		fate = lie_decide(disk, LYING_SYNC);
		if (fate == LIE_FAIL)
			forget_pages(disk, node);
		if (fate == LIE_DO) {
			sync_pages(node, 0, UINT64_MAX);
			result = 0;
		}
	}
	if (result != 0 && !disk->is_dead)
		errno = disk->fault.errno_code;
	pthread_mutex_unlock(&disk->lock);
	return result;
}

int lie_file_fdatasync(void *ctx, int fd)
{
	return lying_disk_sync_fd(ctx, fd);
}

static int resize(struct lying_disk *disk, int fd, uint64_t size)
{
	struct lie_node *node;
	enum lie_fate fate;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	node = lie_node_of_fd(disk, fd);
	fate = lie_decide(disk, LYING_SIZE);
	if (lie_is_done(disk, fate)) {
		result = (int)syscall(SYS_ftruncate, fd, size);
		if (result == 0)
			*add_op(node) = (struct lie_op){ .is_size = true, .size = size };
	}
	if (fate == LIE_DIE) {
		errno = EIO;
		result = -1;
	}
	pthread_mutex_unlock(&disk->lock);
	return result;
}

int lie_file_truncate(void *ctx, int fd, uint64_t size)
{
	return resize(ctx, fd, size);
}

/* Space is not counted: a hole serves. */
int lie_file_allocate(void *ctx, int fd, uint64_t offset, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	return resize(ctx, fd,
		      offset + size > (uint64_t)st.st_size ? offset + size : (uint64_t)st.st_size);
}

int lie_file_chmod(void *ctx, int fd, mode_t mode)
{
	struct lying_disk *disk = ctx;
	enum lie_fate fate;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	fate = lie_decide(disk, LYING_MODE);
	if (lie_is_done(disk, fate)) {
		result = (int)syscall(SYS_fchmod, fd, mode);
		/* When the power goes, the disk has it or not; nothing asks for it to be synced. */
		if (result == 0 && lie_coin(disk))
			lie_node_of_fd(disk, fd)->mode = mode;
	}
	pthread_mutex_unlock(&disk->lock);
	return fate == LIE_DO ? result : -1;
}
