/* SPDX-License-Identifier: MIT */
#include "fault_io.h"

#include <errno.h>

static const char *const names[] = {
	[FAULT_OPEN] = "open",
	[FAULT_PREAD] = "pread",
	[FAULT_PWRITEV] = "pwritev",
	[FAULT_FDATASYNC] = "fdatasync",
	[FAULT_SYNC_DIR] = "sync_dir",
	[FAULT_ALLOCATE] = "allocate",
	[FAULT_TRUNCATE] = "truncate",
	[FAULT_CHMOD] = "chmod",
	[FAULT_SET_IMMUTABLE] = "immutable",
	[FAULT_STAT] = "stat",
	[FAULT_RENAME] = "rename",
	[FAULT_UNLINK] = "unlink",
	[FAULT_MKDIR] = "mkdir",
};

const char *fault_call_name(enum fault_call call)
{
	return names[call];
}

/* true, with errno set: this call fails. */
static bool fails(struct fault_io *fault, enum fault_call call)
{
	bool result = false;

	pthread_mutex_lock(&fault->lock);
	fault->calls[call]++;
	if (fault->mask & 1U << call) {
		fault->count++;
		result = fault->fail_at > 0 &&
			 (fault->count == fault->fail_at ||
			  (fault->is_persistent && fault->count > fault->fail_at));
	}
	if (result) {
		if (!fault->has_fired)
			fault->fired = call;
		fault->has_fired = true;
		errno = fault->errno_code;
	}
	pthread_mutex_unlock(&fault->lock);
	return result;
}

static bool is_interrupted(struct fault_io *fault)
{
	bool result;

	pthread_mutex_lock(&fault->lock);
	fault->transfers++;
	result = fault->eintr_every > 0 && fault->transfers % fault->eintr_every == 0;
	pthread_mutex_unlock(&fault->lock);
	if (result)
		errno = EINTR;
	return result;
}

static int do_open(void *ctx, const char *path, int flags, mode_t mode)
{
	return fails(ctx, FAULT_OPEN) ? -1 : io_system()->open(NULL, path, flags, mode);
}

static int do_close(void *ctx, int fd)
{
	(void)ctx;
	return io_system()->close(NULL, fd);
}

static ssize_t do_pread(void *ctx, int fd, void *buf, size_t size, uint64_t offset)
{
	if (is_interrupted(ctx) || fails(ctx, FAULT_PREAD))
		return -1;
	return io_system()->pread(NULL, fd, buf, size, offset);
}

/* The first @size bytes of the parts. */
static ssize_t write_some(int fd, const struct iovec *parts, int count, uint64_t offset,
			  size_t size)
{
	struct iovec some[8];
	int used = 0;

	for (; used < count && used < 8 && size > 0; used++) {
		some[used] = parts[used];
		if (some[used].iov_len > size)
			some[used].iov_len = size;
		size -= some[used].iov_len;
	}
	return io_system()->pwritev(NULL, fd, some, used, offset);
}

static ssize_t do_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t offset)
{
	struct fault_io *fault = ctx;
	size_t size = 0, size_max;

	if (is_interrupted(fault))
		return -1;
	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	pthread_mutex_lock(&fault->lock);
	fault->parts_count = (unsigned)count;
	size_max = fault->write_size_max;
	pthread_mutex_unlock(&fault->lock);
	if (fails(fault, FAULT_PWRITEV)) {
		int keep = errno;

		if (fault->is_torn)
			(void)!write_some(fd, parts, count, offset,
					  fault->count % 2 ? size / 2 : size - (size > 7 ? 7 : 0));
		errno = keep;
		return -1;
	}
	if (size_max > 0 && size > size_max)
		return write_some(fd, parts, count, offset, size_max);
	return io_system()->pwritev(NULL, fd, parts, count, offset);
}

static int do_fdatasync(void *ctx, int fd)
{
	if (fails(ctx, FAULT_FDATASYNC))
		return -1;
	return ((struct fault_io *)ctx)->is_lazy ? 0 : io_system()->fdatasync(NULL, fd);
}

static int do_sync_dir(void *ctx, const char *path)
{
	if (fails(ctx, FAULT_SYNC_DIR))
		return -1;
	return ((struct fault_io *)ctx)->is_lazy ? 0 : io_system()->sync_dir(NULL, path);
}

static int do_allocate(void *ctx, int fd, uint64_t offset, uint64_t size)
{
	return fails(ctx, FAULT_ALLOCATE) ? -1 : io_system()->allocate(NULL, fd, offset, size);
}

static int do_truncate(void *ctx, int fd, uint64_t size)
{
	return fails(ctx, FAULT_TRUNCATE) ? -1 : io_system()->truncate(NULL, fd, size);
}

static int do_chmod(void *ctx, int fd, mode_t mode)
{
	return fails(ctx, FAULT_CHMOD) ? -1 : io_system()->chmod(NULL, fd, mode);
}

static int do_set_immutable(void *ctx, int fd)
{
	return fails(ctx, FAULT_SET_IMMUTABLE) ? -1 : io_system()->set_immutable(NULL, fd);
}

static int do_stat(void *ctx, int fd, struct stat *ret_stat)
{
	return fails(ctx, FAULT_STAT) ? -1 : io_system()->stat(NULL, fd, ret_stat);
}

static int do_rename(void *ctx, const char *from, const char *to)
{
	return fails(ctx, FAULT_RENAME) ? -1 : io_system()->rename(NULL, from, to);
}

static int do_unlink(void *ctx, const char *path)
{
	return fails(ctx, FAULT_UNLINK) ? -1 : io_system()->unlink(NULL, path);
}

static int do_mkdir(void *ctx, const char *path, mode_t mode)
{
	return fails(ctx, FAULT_MKDIR) ? -1 : io_system()->mkdir(NULL, path, mode);
}

void fault_io_init(struct fault_io *fault)
{
	*fault = (struct fault_io){
		.io = {
			.ctx = fault,
			.open = do_open,
			.close = do_close,
			.pread = do_pread,
			.pwritev = do_pwritev,
			.fdatasync = do_fdatasync,
			.sync_dir = do_sync_dir,
			.allocate = do_allocate,
			.truncate = do_truncate,
			.chmod = do_chmod,
			.set_immutable = do_set_immutable,
			.stat = do_stat,
			.rename = do_rename,
			.unlink = do_unlink,
			.mkdir = do_mkdir,
		},
		.errno_code = EIO,
		.mask = FAULT_ALL,
	};
	pthread_mutex_init(&fault->lock, NULL);
}

void fault_io_arm(struct fault_io *fault, unsigned at, unsigned mask, bool is_persistent,
		  int errno_code)
{
	pthread_mutex_lock(&fault->lock);
	fault->fail_at = at;
	fault->mask = mask;
	fault->is_persistent = is_persistent;
	fault->errno_code = errno_code;
	fault->count = 0;
	fault->has_fired = false;
	pthread_mutex_unlock(&fault->lock);
}

void fault_io_disarm(struct fault_io *fault)
{
	pthread_mutex_lock(&fault->lock);
	fault->fail_at = 0;
	pthread_mutex_unlock(&fault->lock);
}

bool fault_io_fired(struct fault_io *fault)
{
	bool result;

	pthread_mutex_lock(&fault->lock);
	result = fault->has_fired;
	pthread_mutex_unlock(&fault->lock);
	return result;
}
