/* SPDX-License-Identifier: MIT */
/*
 * A FUSE file system that hands everything through to a folder beneath it: what one pays for
 * being in user space at all, with a real file system doing the work.
 *
 *   passfs [loop options] SOURCE MOUNTPOINT
 *
 * Each file of SOURCE is one descriptor (O_PATH) while the kernel knows it; an open file is another.
 * No folders within SOURCE, no links: what the benchmarks do, done as well as it can be.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKET_COUNT 4096

struct node {
	struct node *next;
	ino_t ino;
	uint64_t lookup_count;
	int fd; /* O_PATH */
};

struct passfs {
	int source_fd;
	pthread_mutex_t lock; /* the rest */
	struct node *buckets[BUCKET_COUNT];
};

static struct passfs *passfs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct node *node_of(fuse_ino_t ino)
{
	return (struct node *)(uintptr_t)ino;
}

static int node_fd(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? passfs_of(req)->source_fd : node_of(ino)->fd;
}

/* Takes @fd: it becomes the node's, or is closed.  NULL without memory. */
static struct node *node_get(struct passfs *fs, int fd, ino_t ino)
{
	struct node **bucket = &fs->buckets[ino % BUCKET_COUNT];
	struct node *node;

	pthread_mutex_lock(&fs->lock);
	for (node = *bucket; node && node->ino != ino; node = node->next)
		continue;
	if (node) {
		close(fd);
	} else if ((node = calloc(1, sizeof(*node)))) {
		*node = (struct node){ .next = *bucket, .ino = ino, .fd = fd };
		*bucket = node;
	} else {
		close(fd);
	}
	if (node)
		node->lookup_count++;
	pthread_mutex_unlock(&fs->lock);
	return node;
}

static void node_put(struct passfs *fs, struct node *node, uint64_t count)
{
	struct node **at = &fs->buckets[node->ino % BUCKET_COUNT];

	pthread_mutex_lock(&fs->lock);
	node->lookup_count -= count;
	if (node->lookup_count == 0) {
		while (*at != node)
			at = &(*at)->next;
		*at = node->next;
		close(node->fd);
		free(node);
	}
	pthread_mutex_unlock(&fs->lock);
}

/* errno, 0 if found. */
static int find(fuse_req_t req, const char *name, struct fuse_entry_param *ret_entry)
{
	struct passfs *fs = passfs_of(req);
	int fd = openat(fs->source_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct node *node;

	memset(ret_entry, 0, sizeof(*ret_entry));
	if (fd < 0)
		return errno;
	if (fstat(fd, &ret_entry->attr) != 0) {
		close(fd);
		return EIO;
	}
	node = node_get(fs, fd, ret_entry->attr.st_ino);
	if (!node)
		return ENOMEM;
	ret_entry->ino = (fuse_ino_t)(uintptr_t)node;
	ret_entry->attr_timeout = ret_entry->entry_timeout = SERVE_TIMEOUT_S;
	return 0;
}

static void pass_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	serve_init(conn);
}

static void pass_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry;
	int error = find(req, name, &entry);

	(void)parent;
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &entry);
}

static void pass_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	node_put(passfs_of(req), node_of(ino), count);
	fuse_reply_none(req);
}

static void pass_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	(void)info;
	if (fstat(node_fd(req, ino), &st) != 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, SERVE_TIMEOUT_S);
}

static void pass_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			struct fuse_file_info *info)
{
	struct fuse_entry_param entry;
	int fd, error;

	(void)parent;
	fd = openat(passfs_of(req)->source_fd, name, (info->flags | O_CREAT | O_CLOEXEC), mode);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	error = find(req, name, &entry);
	if (error != 0) {
		close(fd);
		fuse_reply_err(req, error);
		return;
	}
	info->fh = (uint64_t)fd;
	serve_handle(info);
	fuse_reply_create(req, &entry, info);
}

static void pass_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", node_fd(req, ino));
	fd = open(path, (info->flags & ~O_NOFOLLOW) | O_CLOEXEC);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	info->fh = (uint64_t)fd;
	serve_handle(info);
	fuse_reply_open(req, info);
}

static void pass_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		      struct fuse_file_info *info)
{
	char *buf = malloc(size > 0 ? size : 1);
	ssize_t got = buf ? pread((int)info->fh, buf, size, offset) : -1;

	(void)ino;
	if (got < 0)
		fuse_reply_err(req, buf ? errno : ENOMEM);
	else
		fuse_reply_buf(req, buf, (size_t)got);
	free(buf);
}

/* The descriptor has O_APPEND where the caller's has. */
static void pass_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	ssize_t done = pwrite((int)info->fh, bytes, size, offset);

	(void)ino;
	if (done < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)done);
}

/* As libfuse's own example does it: the file system beneath sees a close, too. */
static void pass_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	fuse_reply_err(req, close(dup((int)info->fh)) == 0 ? 0 : errno);
}

static void pass_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	close((int)info->fh);
	fuse_reply_err(req, 0);
}

static void pass_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info)
{
	int fd = (int)info->fh;

	(void)ino;
	fuse_reply_err(req, (is_data ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : errno);
}

static const struct fuse_lowlevel_ops operations = {
	.init = pass_init,
	.lookup = pass_lookup,
	.forget = pass_forget,
	.getattr = pass_getattr,
	.create = pass_create,
	.open = pass_open,
	.read = pass_read,
	.write = pass_write,
	.flush = pass_flush,
	.release = pass_release,
	.fsync = pass_fsync,
};

static int usage(void)
{
	fputs("usage: passfs " SERVE_USAGE " SOURCE MOUNTPOINT\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { SERVE_LONG_OPTIONS, { NULL, 0, NULL, 0 } };
	static struct passfs fs = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct serve_options options = SERVE_OPTIONS_DEFAULT;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (!serve_option(&options, c, optarg))
			return usage();
	if (optind + 2 != argc)
		return usage();
	umask(0);
	fs.source_fd = open(argv[optind], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fs.source_fd < 0) {
		perror(argv[optind]);
		return 1;
	}
	return serve("passfs", argv[optind + 1], &options, &operations, sizeof(operations), &fs);
}
