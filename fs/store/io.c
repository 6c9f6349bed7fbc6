/* SPDX-License-Identifier: MIT */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int sys_open(void *ctx, const char *path, int flags, mode_t mode)
{
	(void)ctx;
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, mode);
}

static int sys_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd);
}

static ssize_t sys_pread(void *ctx, int fd, void *buf, size_t size, uint64_t offset)
{
	(void)ctx;
	return pread(fd, buf, size, (off_t)offset);
}

static ssize_t sys_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t offset)
{
	(void)ctx;
	return pwritev(fd, parts, count, (off_t)offset);
}

static int sys_fdatasync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd);
}

static int sys_sync_dir(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result, keep;

	(void)ctx;
	if (fd < 0)
		return -1;
	result = fsync(fd);
	keep = errno;
	close(fd);
	errno = keep;
	return result;
}

static int sys_allocate(void *ctx, int fd, uint64_t offset, uint64_t size)
{
	(void)ctx;
	for (;;) {
		if (fallocate(fd, 0, (off_t)offset, (off_t)size) == 0)
			return 0;
		if (errno == EOPNOTSUPP) /* a file system without it: a hole serves, only later */
			return ftruncate(fd, (off_t)(offset + size));
		if (errno != EINTR)
			return -1;
	}
}

static int sys_truncate(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return ftruncate(fd, (off_t)size);
}

static int sys_chmod(void *ctx, int fd, mode_t mode)
{
	(void)ctx;
	return fchmod(fd, mode);
}

static int sys_set_immutable(void *ctx, int fd)
{
	unsigned int flags;

	(void)ctx;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return -1;
	flags |= FS_IMMUTABLE_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int sys_stat(void *ctx, int fd, struct stat *ret_stat)
{
	(void)ctx;
	return fstat(fd, ret_stat);
}

static int sys_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return rename(from, to);
}

static int sys_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return unlink(path);
}

static int sys_mkdir(void *ctx, const char *path, mode_t mode)
{
	(void)ctx;
	return mkdir(path, mode);
}

const struct io *io_system(void)
{
	static const struct io io = {
		.open = sys_open,
		.close = sys_close,
		.pread = sys_pread,
		.pwritev = sys_pwritev,
		.fdatasync = sys_fdatasync,
		.sync_dir = sys_sync_dir,
		.allocate = sys_allocate,
		.truncate = sys_truncate,
		.chmod = sys_chmod,
		.set_immutable = sys_set_immutable,
		.stat = sys_stat,
		.rename = sys_rename,
		.unlink = sys_unlink,
		.mkdir = sys_mkdir,
	};

	return &io;
}

static int skip_written(struct iovec **parts, int count, size_t size)
{
	while (count > 0 && size >= (*parts)->iov_len) {
		size -= (*parts)->iov_len;
		(*parts)++;
		count--;
	}
	if (count > 0) {
		(*parts)->iov_base = (char *)(*parts)->iov_base + size;
		(*parts)->iov_len -= size;
	}
	return count;
}

enum ink_err io_write(const struct io *io, int fd, struct iovec *parts, int count, uint64_t offset)
{
	count = skip_written(&parts, count, 0);
	while (count > 0) {
		ssize_t done = io->pwritev(io->ctx, fd, parts, count, offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = EIO;
		if (done <= 0)
			return INK_ERR_IO;
		offset += (uint64_t)done;
		count = skip_written(&parts, count, (size_t)done);
	}
	return INK_OK;
}

enum ink_err io_read(const struct io *io, int fd, void *buf, size_t size, uint64_t offset,
		     size_t *ret_size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got =
			io->pread(io->ctx, fd, (char *)buf + done, size - done, offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return INK_ERR_IO;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_size = done;
	return INK_OK;
}

void io_close(const struct io *io, int fd)
{
	int keep = errno;

	if (fd >= 0)
		io->close(io->ctx, fd);
	errno = keep;
}

enum ink_err io_replace_file(const struct io *io, const char *dir, const char *path,
			     const void *data, size_t size)
{
	char new_path[PATH_MAX];
	struct iovec part = { (void *)(uintptr_t)data, size };
	int fd;

	if (snprintf(new_path, sizeof(new_path), "%s.new", path) >= (int)sizeof(new_path)) {
		errno = ENAMETOOLONG;
		return INK_ERR_IO;
	}
	/* What a crash left half-written must not be opened, followed or lent its mode. */
	if (io->unlink(io->ctx, new_path) != 0 && errno != ENOENT)
		return INK_ERR_IO;
	fd = io->open(io->ctx, new_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return INK_ERR_IO;
	if (io_write(io, fd, &part, 1, 0) != INK_OK || io->fdatasync(io->ctx, fd) != 0) {
		io_close(io, fd);
		return INK_ERR_IO;
	}
	io_close(io, fd);
	if (io->rename(io->ctx, new_path, path) != 0 || io->sync_dir(io->ctx, dir) != 0)
		return INK_ERR_IO;
	return INK_OK;
}
