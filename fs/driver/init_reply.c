/* SPDX-License-Identifier: MIT */
#include "init_reply.h"

#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static const char limit_path[] = "/proc/sys/fs/fuse/max_pages_limit";

void init_reply_raise_limit(void)
{
	char text[16] = "";
	int fd = open(limit_path, O_RDWR | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return;
	size = read(fd, text, sizeof(text) - 1);
	if (size > 0 && strtoul(text, NULL, 10) < REQUEST_PAGES_MAX) {
		size = snprintf(text, sizeof(text), "%d", REQUEST_PAGES_MAX);
		/* If it may not be, unaligned writes of nearly 1 MiB become two records; mount.inkfs(8) says so. */
		(void)!pwrite(fd, text, (size_t)size, 0);
	}
	close(fd);
}

/*
 * The system says ENODEV when the mount is gone, but ECONNABORTED if it goes while a request is being handed out, the
 * last CLOSE for example: the same end, which libfuse takes for a broken session.
 */
static ssize_t read_request(int fd, void *buf, size_t size, void *userdata)
{
	ssize_t got = read(fd, buf, size);

	(void)userdata;
	if (got < 0 && errno == ECONNABORTED)
		errno = ENODEV;
	return got;
}

static ssize_t write_answer(int fd, struct iovec *iov, int count, void *userdata)
{
	struct driver *driver = userdata;
	struct fuse_init_out *init;

	if (driver->is_init_reply_next) {
		driver->is_init_reply_next = false;
		init = iov[count - 1].iov_base;
		if (count == 2 && iov[1].iov_len >= sizeof(*init) && init->flags & FUSE_MAX_PAGES)
			init->max_pages = REQUEST_PAGES_MAX;
	}
	return writev(fd, iov, count);
}

bool init_reply_watch(struct fuse_session *session)
{
	static const struct fuse_custom_io io = { .read = read_request, .writev = write_answer };

	return fuse_session_custom_io(session, &io, fuse_session_fd(session)) == 0;
}
