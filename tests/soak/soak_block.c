/* SPDX-License-Identifier: MIT */
/*
 * soak_block IMAGE DIR: a disk with a volatile cache, whose power can be cut.
 *
 * Serves two files in DIR.  `disk` holds the bytes of the file IMAGE and is to be the backing file of a loop device:
 * what is written there is in memory only until an fsync, which a loop device sends for each flush of the file system
 * above.  `cut` takes one line, "SEED PATH": some writes later, there goes into the new file PATH what the disk would hold
 * if the power had gone at that moment, and a line to stdout: all that a flush has covered, and of the rest nothing, all, a beginning whose last write is torn, or
 * any choice of blocks of 512 bytes or 4 KiB.  The disk goes on, so that one run is cut many times.
 *
 * IMAGE itself holds only what was flushed.  One thread: a write is over before the flush that comes behind it.
 */
#include "../bench/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

enum { INO_DISK = 2, INO_CUT = 3, SECTOR = 512, PAGE = 4096 };

/* One write since the last flush. */
struct pending {
	uint64_t pos;
	size_t size;
	uint8_t *data;
};

struct disk {
	uint8_t *bytes; /* as the system sees them */
	int image;      /* as the last flush left them */
	size_t size;
	struct pending *pending;
	size_t pending_count, pending_room;
	uint64_t flush_count;
	/* The cut that is asked for: behind so many writes more; 0: none. */
	unsigned cut_in;
	char cut_path[4096];
	struct rng rng;
};

static struct disk *disk_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void die(const char *what)
{
	perror(what);
	exit(3);
}

static void put(int fd, const uint8_t *data, size_t size, uint64_t pos)
{
	if (pwrite(fd, data, size, (off_t)pos) != (ssize_t)size)
		die("soak_block: write");
}

/* --- the power goes --- */

static void keep_blocks(int fd, const struct pending *p, uint32_t block_size, uint64_t odds,
			struct rng *rng)
{
	for (size_t from = 0; from < p->size;) {
		size_t size = block_size - (p->pos + from) % block_size;

		if (size > p->size - from)
			size = p->size - from;
		if (rng_below(rng, 8) < odds)
			put(fd, p->data + from, size, p->pos + from);
		from += size;
	}
}

static void keep_some(const struct disk *disk, int fd, struct rng *rng)
{
	size_t count = disk->pending_count;
	uint32_t block_size = rng_below(rng, 2) ? SECTOR : PAGE;
	uint64_t way = rng_below(rng, 6), odds = 8;

	if (way == 0)
		return;
	if (way == 2)
		count = rng_below(rng, count + 1);
	if (way > 2)
		odds = (uint64_t[]){ 1, 4, 7 }[way - 3];
	for (size_t i = 0; i < count; i++)
		keep_blocks(fd, &disk->pending[i], block_size, odds, rng);
	if (count < disk->pending_count && way == 2) {
		struct pending torn = disk->pending[count];

		torn.size = rng_below(rng, torn.size / SECTOR + 1) * SECTOR;
		keep_blocks(fd, &torn, SECTOR, 8, rng);
	}
}

/* Holes stay holes: most of the disk was never written. */
static void copy_image(const struct disk *disk, int fd)
{
	off_t from = 0, end;

	if (ftruncate(fd, (off_t)disk->size) != 0)
		die("soak_block: truncate");
	while ((from = lseek(disk->image, from, SEEK_DATA)) >= 0) {
		off_t at = from;

		end = lseek(disk->image, from, SEEK_HOLE);
		while (from < end) {
			ssize_t done = copy_file_range(disk->image, &from, fd, &at,
						       (size_t)(end - from), 0);

			if (done <= 0)
				die("soak_block: copy");
		}
	}
}

static void cut(struct disk *disk)
{
	int fd = open(disk->cut_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		die(disk->cut_path);
	copy_image(disk, fd);
	keep_some(disk, fd, &disk->rng);
	if (close(fd) != 0)
		die(disk->cut_path);
	printf("%zu writes were pending, %" PRIu64 " flushes before\n", disk->pending_count,
	       disk->flush_count);
	fflush(stdout);
}

/* "SEED PATH". */
static int ask_for_cut(struct disk *disk, const char *data, size_t size)
{
	char line[4200];
	uint64_t seed;

	snprintf(line, sizeof(line), "%.*s", (int)size, data);
	if (disk->cut_in > 0 || sscanf(line, "%" SCNu64 " %4095s", &seed, disk->cut_path) != 2)
		return EINVAL;
	rng_init_from(&disk->rng, seed);
	disk->cut_in = 1 + (unsigned)rng_below(&disk->rng, 40);
	return 0;
}

/* --- requests --- */

static void attr_fill(const struct disk *disk, fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){ .st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0600 };
	if (ino == FUSE_ROOT_ID)
		st->st_mode = S_IFDIR | 0700;
	if (ino == INO_DISK)
		st->st_size = (off_t)disk->size;
}

static void block_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	serve_init(conn);
}

static void block_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = { .attr_timeout = SERVE_TIMEOUT_S,
					  .entry_timeout = SERVE_TIMEOUT_S };

	(void)parent;
	entry.ino = strcmp(name, "disk") == 0 ? INO_DISK : strcmp(name, "cut") == 0 ? INO_CUT : 0;
	attr_fill(disk_of(req), entry.ino, &entry.attr);
	if (entry.ino == 0)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &entry);
}

static void block_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	(void)info;
	attr_fill(disk_of(req), ino, &st);
	fuse_reply_attr(req, &st, SERVE_TIMEOUT_S);
}

/* A shell truncates `cut` before it writes. */
static void block_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			  struct fuse_file_info *info)
{
	(void)attr;
	if (ino == INO_DISK && to_set & FUSE_SET_ATTR_SIZE)
		fuse_reply_err(req, EPERM);
	else
		block_getattr(req, ino, info);
}

static void block_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	info->direct_io = 1;
	fuse_reply_open(req, info);
}

static void block_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	const struct disk *disk = disk_of(req);
	size_t from = (size_t)offset, left = from < disk->size ? disk->size - from : 0;

	(void)info;
	if (ino != INO_DISK)
		left = 0;
	fuse_reply_buf(req, (const char *)disk->bytes + (left ? from : 0),
		       size < left ? size : left);
}

static void write_disk(struct disk *disk, const void *data, size_t size, uint64_t pos)
{
	struct pending *p;

	if (disk->pending_count == disk->pending_room) {
		disk->pending_room = disk->pending_room * 2 + 1024;
		disk->pending =
			realloc(disk->pending, disk->pending_room * sizeof(disk->pending[0]));
		if (!disk->pending)
			die("soak_block: memory");
	}
	p = &disk->pending[disk->pending_count++];
	*p = (struct pending){ .pos = pos, .size = size, .data = malloc(size) };
	if (!p->data)
		die("soak_block: memory");
	memcpy(p->data, data, size);
	memcpy(disk->bytes + pos, data, size);
	if (disk->cut_in > 0 && --disk->cut_in == 0)
		cut(disk);
}

static void block_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
			struct fuse_file_info *info)
{
	struct disk *disk = disk_of(req);
	int code = 0;

	(void)info;
	if (ino == INO_CUT) {
		code = ask_for_cut(disk, data, size);
	} else if (offset < 0 || (uint64_t)offset + size > disk->size) {
		code = ENOSPC;
	} else {
		write_disk(disk, data, size, (uint64_t)offset);
	}
	if (code != 0)
		fuse_reply_err(req, code);
	else
		fuse_reply_write(req, size);
}

static void block_fsync(fuse_req_t req, fuse_ino_t ino, int is_data_only,
			struct fuse_file_info *info)
{
	struct disk *disk = disk_of(req);

	(void)is_data_only;
	(void)info;
	for (size_t i = 0; ino == INO_DISK && i < disk->pending_count; i++) {
		put(disk->image, disk->pending[i].data, disk->pending[i].size,
		    disk->pending[i].pos);
		free(disk->pending[i].data);
	}
	if (ino == INO_DISK) {
		disk->pending_count = 0;
		disk->flush_count++;
	}
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops operations = {
	.init = block_init,
	.lookup = block_lookup,
	.getattr = block_getattr,
	.setattr = block_setattr,
	.open = block_open,
	.read = block_read,
	.write = block_write,
	.fsync = block_fsync,
};

int main(int argc, char **argv)
{
	const struct serve_options options = { .loop = SERVE_LOOP_SINGLE };
	static struct disk disk;
	struct stat st;

	if (argc != 3) {
		fprintf(stderr, "usage: soak_block IMAGE DIR\n");
		return 2;
	}
	disk.image = open(argv[1], O_RDWR | O_CLOEXEC);
	if (disk.image < 0 || fstat(disk.image, &st) != 0)
		die(argv[1]);
	disk.size = (size_t)st.st_size;
	disk.bytes = mmap(NULL, disk.size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (disk.bytes == MAP_FAILED)
		die("soak_block: memory");
	for (off_t from = 0; (from = lseek(disk.image, from, SEEK_DATA)) >= 0;) {
		off_t end = lseek(disk.image, from, SEEK_HOLE);
		ssize_t got = pread(disk.image, disk.bytes + from, (size_t)(end - from), from);

		if (got <= 0)
			die(argv[1]);
		from += got;
	}
	return serve("soak_block", argv[2], &options, &operations, sizeof(operations), &disk);
}
