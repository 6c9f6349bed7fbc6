/* SPDX-License-Identifier: MIT */
/*
 * What lying_disk.c (the disk, and calls that change names), lying_file.c (calls that change a file) and
 * lying_cut.c (the loss of power) share.
 *
 * Owns: nothing.  Knows nothing of: struct io.  Threads: under the disk's lock.
 */
#ifndef TEST_LYING_DISK_PRIVATE_H
#define TEST_LYING_DISK_PRIVATE_H

#include <pthread.h>

#include "lying_disk.h"

enum { LIE_PAGE = 4096, LIE_SECTOR = 512, LIE_FDS_MAX = 4096, LIE_NAME_MAX = 64 };

/* The bytes of a file: what lies behind `used` is zero. */
struct lie_image {
	uint8_t *bytes;
	uint64_t used, room, size;
};

/* One change of a file since its last sync: bytes within one page, or a new size. */
struct lie_op {
	bool is_size;
	uint32_t offset, count; /* in the page */
	uint64_t page;
	uint64_t size; /* is_size: the new one; else: at least this */
	const uint8_t *data;
};

/* One change of a folder: a name goes, a name comes, or both at once (rename). */
struct lie_change {
	char gone[LIE_NAME_MAX], come[LIE_NAME_MAX];
	struct lie_node *node;
};

struct lie_entry {
	char name[LIE_NAME_MAX];
	struct lie_node *node;
};

struct lie_names {
	struct lie_entry *entries;
	unsigned count, room;
};

struct lie_node {
	struct lie_node *next; /* of all nodes of the disk */
	bool is_dir;
	mode_t mode;
	/* A file. */
	struct lie_image synced;
	struct lie_op *ops;
	unsigned op_count, op_room;
	uint64_t *forgotten; /* pages that a failed sync has lost */
	unsigned forgotten_count, forgotten_room;
	/* A folder. */
	struct lie_names synced_names, names;
	struct lie_change *changes;
	unsigned change_count, change_room;
};

struct lie_chunk;

struct lying_disk {
	struct io io;
	char root[PATH_MAX];
	size_t root_size;
	pthread_mutex_t lock;
	struct rng rng;
	struct lie_node *nodes, *top;
	struct lie_chunk *chunks; /* memory of the ops' bytes, until the next cut */
	struct lie_node *fds[LIE_FDS_MAX];
	bool fd_is_dsync[LIE_FDS_MAX];
	unsigned call_count, cut_at, fault_count;
	enum lying_call last_call;
	struct lying_fault fault;
	bool is_dead;
	unsigned failed_calls; /* kinds of them, a bit each */
};

/* --- lying_disk.c --- */

/* What becomes of a call. */
enum lie_fate { LIE_DO, LIE_FAIL, LIE_DIE, LIE_DEAD };

/* errno is set unless it is to be done. */
enum lie_fate lie_decide(struct lying_disk *disk, enum lying_call call);
bool lie_coin(struct lying_disk *disk);
/* Also when the caller is told that it was not: the power went behind it. */
bool lie_is_done(struct lying_disk *disk, enum lie_fate fate);
struct lie_node *lie_node_of_fd(struct lying_disk *disk, int fd); /* NULL: not of this disk */
int lie_sync_folder(struct lying_disk *disk, struct lie_node *folder);

/* --- lying_file.c: as in struct io, @ctx the disk --- */

ssize_t lie_file_pread(void *ctx, int fd, void *buf, size_t size, uint64_t offset);
ssize_t lie_file_pwritev(void *ctx, int fd, const struct iovec *parts, int count, uint64_t offset);
int lie_file_fdatasync(void *ctx, int fd);
int lie_file_truncate(void *ctx, int fd, uint64_t size);
int lie_file_allocate(void *ctx, int fd, uint64_t offset, uint64_t size);
int lie_file_chmod(void *ctx, int fd, mode_t mode);

/* --- lying_cut.c --- */

void *lie_memory(void *memory, size_t size); /* realloc() that ends the program */
uint8_t *lie_chunk_take(struct lying_disk *disk, size_t size);
void lie_chunks_free(struct lying_disk *disk);

struct lie_node *lie_node_make(struct lying_disk *disk, bool is_dir, mode_t mode);
void lie_nodes_free(struct lying_disk *disk);

struct lie_node *lie_names_find(const struct lie_names *names, const char *name);
void lie_names_set(struct lie_names *names, const char *name, struct lie_node *node);
void lie_names_remove(struct lie_names *names, const char *name);
void lie_names_copy(const struct lie_names *from, struct lie_names *to);

void lie_image_apply(struct lie_image *image, const struct lie_op *op);
void lie_image_copy(const struct lie_image *from, struct lie_image *to);

#endif
