/* SPDX-License-Identifier: MIT */
/*
 * The second door of the lying disk: LMDB does its own I/O, so a program that is linked with this file takes the
 * C library's calls away from it.  A symbol that the program defines comes before that of a shared library,
 * for all who call it; whatever is not beneath the disk's root goes to the kernel as ever.
 *
 * LMDB 0.9 without MDB_WRITEMAP writes its pages with pwrite, or lseek and writev, then calls fdatasync, then writes
 * its meta page through a second descriptor with O_DSYNC; its map is read only.  All of that is seen here.
 * Its lock file is written through a map, which is not; a crash leaves nothing in it that LMDB believes.
 */
#undef _FORTIFY_SOURCE /* its inline open() would stand in the way of ours */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lying_disk.h"

int open(const char *path, int flags, ...)
{
	struct lying_disk *disk = lying_disk_of_path(path);
	mode_t mode = 0;
	va_list args;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	if (!disk)
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	return lying_disk_io(disk)->open(disk, path, flags, mode);
}

int close(int fd)
{
	struct lying_disk *disk = lying_disk_of_fd(fd);

	return disk ? lying_disk_io(disk)->close(disk, fd) : (int)syscall(SYS_close, fd);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	struct lying_disk *disk = lying_disk_of_fd(fd);

	if (!disk)
		return syscall(SYS_pwritev, fd, parts, count, offset, 0L);
	return lying_disk_write_fd(disk, fd, parts, count, (uint64_t)offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	struct iovec part = { (void *)(uintptr_t)data, size };

	if (!lying_disk_of_fd(fd))
		return syscall(SYS_pwrite64, fd, data, size, offset);
	return pwritev(fd, &part, 1, offset);
}

/* At the descriptor's own position, which moves. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t done;
	off_t at;

	if (!lying_disk_of_fd(fd))
		return syscall(SYS_writev, fd, parts, count);
	at = lseek(fd, 0, SEEK_CUR);
	done = pwritev(fd, parts, count, at);
	if (done > 0)
		lseek(fd, at + done, SEEK_SET);
	return done;
}

ssize_t write(int fd, const void *data, size_t size)
{
	struct iovec part = { (void *)(uintptr_t)data, size };

	if (!lying_disk_of_fd(fd))
		return syscall(SYS_write, fd, data, size);
	return writev(fd, &part, 1);
}

int fdatasync(int fd)
{
	struct lying_disk *disk = lying_disk_of_fd(fd);

	return disk ? lying_disk_sync_fd(disk, fd) : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	struct lying_disk *disk = lying_disk_of_fd(fd);

	return disk ? lying_disk_sync_fd(disk, fd) : (int)syscall(SYS_fsync, fd);
}

int ftruncate(int fd, off_t size)
{
	struct lying_disk *disk = lying_disk_of_fd(fd);

	if (!disk)
		return (int)syscall(SYS_ftruncate, fd, size);
	return lying_disk_io(disk)->truncate(disk, fd, (uint64_t)size);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
	struct lying_disk *disk = lying_disk_of_fd(fd);

	if (!disk)
		return (int)syscall(SYS_fallocate, fd, mode, offset, size);
	return lying_disk_io(disk)->allocate(disk, fd, (uint64_t)offset, (uint64_t)size);
}

int mkdir(const char *path, mode_t mode)
{
	struct lying_disk *disk = lying_disk_of_path(path);

	return disk ? lying_disk_io(disk)->mkdir(disk, path, mode)
		    : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rename(const char *from, const char *to)
{
	struct lying_disk *disk = lying_disk_of_path(from);

	return disk ? lying_disk_io(disk)->rename(disk, from, to)
		    : (int)syscall(SYS_rename, from, to);
}

int unlink(const char *path)
{
	struct lying_disk *disk = lying_disk_of_path(path);

	return disk ? lying_disk_io(disk)->unlink(disk, path)
		    : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	struct lying_disk *disk = lying_disk_of_path(path);

	return disk ? lying_disk_rmdir(disk, path)
		    : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
