/* SPDX-License-Identifier: MIT */
/*
 * Every disk call of the log and the key files, behind a table, so that tests can slide in a disk
 * that fails, tears and forgets.
 *
 * Owns: nothing.  Knows nothing of: what is written.  Threads: any (the table is constant).
 * Calls answer like the system calls of the same name: -1 and errno on failure.
 */
#ifndef INK_IO_H
#define INK_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "inkfs/err.h"

struct io {
	void *ctx;
	/* Always O_CLOEXEC | O_NOFOLLOW. */
	int (*open)(void *ctx, const char *path, int flags, mode_t mode);
	int (*close)(void *ctx, int fd);
	ssize_t (*pread)(void *ctx, int fd, void *buf, size_t size, uint64_t offset);
	ssize_t (*pwritev)(void *ctx, int fd, const struct iovec *parts, int count,
			   uint64_t offset);
	int (*fdatasync)(void *ctx, int fd);
	int (*sync_dir)(void *ctx, const char *path);
	int (*allocate)(void *ctx, int fd, uint64_t offset,
			uint64_t size); /* extends the file with zeros */
	int (*truncate)(void *ctx, int fd, uint64_t size);
	int (*chmod)(void *ctx, int fd, mode_t mode);
	int (*set_immutable)(void *ctx, int fd);
	int (*stat)(void *ctx, int fd, struct stat *ret_stat);
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*unlink)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path, mode_t mode);
};

/* The real disk; static storage. */
const struct io *io_system(void);

/*
 * Write all of @parts at @offset; goes on after EINTR and short writes.  @parts is consumed.
 * INK_ERR_IO (errno): an unknown part of it was written.
 */
INK_MUST_CHECK enum ink_err io_write(const struct io *io, int fd, struct iovec *parts, int count,
				     uint64_t offset);
/* Read up to @size bytes; @ret_size is less only at the end of the file. */
INK_MUST_CHECK enum ink_err io_read(const struct io *io, int fd, void *buf, size_t size,
				    uint64_t offset, size_t *ret_size);
/* Close and keep errno; takes -1. */
void io_close(const struct io *io, int fd);

/*
 * Write a small file so that after a power cut either the old or the new one is there: a new file
 * @path.new, synced, renamed over @path, the folder @dir synced.  Mode 0600.
 */
INK_MUST_CHECK enum ink_err io_replace_file(const struct io *io, const char *dir, const char *path,
					    const void *data, size_t size);

#endif
