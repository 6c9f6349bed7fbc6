/* SPDX-License-Identifier: MIT */
/*
 * An empty FUSE file system: what the kernel and libfuse cost by themselves.
 *
 *   emptyfs [loop options] [--work-us N] [--sign] MOUNTPOINT
 *
 * The benchmarks divide by it.  It asks the kernel for what the driver asks for (serve.h)
 * and then does nothing: a write is counted and answered.
 *
 * Its second use is to compare ways of waiting for requests, hence the options for the loop, and
 * its third to stand for a driver that does a known amount of work: --work-us for each write so
 * many microseconds, --sign an Ed25519 signature of a message as long as the driver's.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUCKET_COUNT 4096
#define NAME_SIZE_MAX 256
/* What a seal signs, near enough: a domain, the header, the nonce and the body. */
#define SIGNED_SIZE 256

/* A file is never forgotten, so its address can be its inode number. */
struct file {
	struct file *next;
	_Atomic uint64_t size;
	char name[NAME_SIZE_MAX];
};

struct emptyfs {
	unsigned work_us; /* what a write takes, to stand for a driver that does something */
	bool is_signing;
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	pthread_mutex_t lock; /* buckets and the chains from them */
	struct file *buckets[BUCKET_COUNT];
	char zeros[SERVE_WRITE_SIZE_MAX];
};

static struct emptyfs *emptyfs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct file *file_of(fuse_ino_t ino)
{
	return (struct file *)(uintptr_t)ino;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* --- names --------------------------------------------------------------- */

static struct file **bucket_of(struct emptyfs *fs, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return &fs->buckets[hash % BUCKET_COUNT];
}

/* Returns NULL if there is none and @is_created is false, or without memory. */
static struct file *file_find(struct emptyfs *fs, const char *name, bool is_created)
{
	struct file **bucket = bucket_of(fs, name);
	struct file *file;

	pthread_mutex_lock(&fs->lock);
	for (file = *bucket; file; file = file->next)
		if (strcmp(file->name, name) == 0)
			break;
	if (!file && is_created) {
		file = calloc(1, sizeof(*file));
		if (file) {
			memcpy(file->name, name, strlen(name) + 1);
			file->next = *bucket;
			*bucket = file;
		}
	}
	pthread_mutex_unlock(&fs->lock);
	return file;
}

static void attr_fill(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_uid = getuid();
	st->st_gid = getgid();
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
		return;
	}
	st->st_mode = S_IFREG | 0644;
	st->st_nlink = 1;
	st->st_size = (off_t)atomic_load(&file_of(ino)->size);
}

static void entry_fill(struct file *file, struct fuse_entry_param *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->ino = (fuse_ino_t)(uintptr_t)file;
	entry->attr_timeout = SERVE_TIMEOUT_S;
	entry->entry_timeout = SERVE_TIMEOUT_S;
	attr_fill(entry->ino, &entry->attr);
}

/* --- requests ------------------------------------------------------------ */

static void empty_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	serve_init(conn);
}

static void empty_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct file *file = file_find(emptyfs_of(req), name, false);
	struct fuse_entry_param entry;

	(void)parent;
	if (!file) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry_fill(file, &entry);
	fuse_reply_entry(req, &entry);
}

static void empty_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	(void)info;
	attr_fill(ino, &st);
	fuse_reply_attr(req, &st, SERVE_TIMEOUT_S);
}

static void empty_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			  struct fuse_file_info *info)
{
	if (ino != FUSE_ROOT_ID && (to_set & FUSE_SET_ATTR_SIZE))
		atomic_store(&file_of(ino)->size, (uint64_t)attr->st_size);
	empty_getattr(req, ino, info);
}

static void empty_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			 struct fuse_file_info *info)
{
	struct fuse_entry_param entry;
	struct file *file;

	(void)parent;
	(void)mode;
	if (strlen(name) >= NAME_SIZE_MAX) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	file = file_find(emptyfs_of(req), name, true);
	if (!file) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	entry_fill(file, &entry);
	serve_handle(info);
	fuse_reply_create(req, &entry, info);
}

static void empty_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	serve_handle(info);
	fuse_reply_open(req, info);
}

static void empty_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	uint64_t file_size = atomic_load(&file_of(ino)->size);
	uint64_t left = (uint64_t)offset < file_size ? file_size - (uint64_t)offset : 0;

	(void)info;
	if (size > left)
		size = left;
	if (size > SERVE_WRITE_SIZE_MAX)
		size = SERVE_WRITE_SIZE_MAX;
	fuse_reply_buf(req, emptyfs_of(req)->zeros, size);
}

static void work(unsigned us)
{
	uint64_t end_ns;

	if (us == 0)
		return;
	end_ns = now_ns() + (uint64_t)us * 1000;
	while (now_ns() < end_ns)
		continue;
}

/* Seals are written one after another, so signing is under a lock here, too. */
static void sign(struct emptyfs *fs, uint64_t size)
{
	uint8_t message[SIGNED_SIZE] = { 0 }, signature[crypto_sign_BYTES];

	pthread_mutex_lock(&fs->lock);
	memcpy(message, &size, sizeof(size));
	crypto_sign_detached(signature, NULL, message, sizeof(message), fs->secret);
	pthread_mutex_unlock(&fs->lock);
}

static void empty_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size,
			off_t offset, struct fuse_file_info *info)
{
	struct emptyfs *fs = emptyfs_of(req);

	(void)bytes;
	(void)offset;
	(void)info;
	work(fs->work_us);
	if (fs->is_signing)
		sign(fs, size);
	atomic_fetch_add_explicit(&file_of(ino)->size, size, memory_order_relaxed);
	fuse_reply_write(req, size);
}

static void empty_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	fuse_reply_err(req, 0);
}

static void empty_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info)
{
	(void)is_data;
	empty_flush(req, ino, info);
}

static const struct fuse_lowlevel_ops operations = {
	.init = empty_init,
	.lookup = empty_lookup,
	.getattr = empty_getattr,
	.setattr = empty_setattr,
	.create = empty_create,
	.open = empty_open,
	.read = empty_read,
	.write = empty_write,
	.flush = empty_flush,
	.release = empty_flush,
	.fsync = empty_fsync,
};

static int usage(void)
{
	fputs("usage: emptyfs " SERVE_USAGE "\n               [--work-us N] [--sign] MOUNTPOINT\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		SERVE_LONG_OPTIONS,
		{ "work-us", required_argument, NULL, 'w' },
		{ "sign", no_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	static struct emptyfs fs = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct serve_options options = SERVE_OPTIONS_DEFAULT;
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'w')
			fs.work_us = (unsigned)atoi(optarg);
		else if (c == 'S')
			fs.is_signing = true;
		else if (!serve_option(&options, c, optarg))
			return usage();
	}
	if (optind + 1 != argc)
		return usage();
	if (sodium_init() < 0 || crypto_sign_keypair(public_key, fs.secret) != 0)
		return 1;
	return serve("emptyfs", argv[optind], &options, &operations, sizeof(operations), &fs);
}
