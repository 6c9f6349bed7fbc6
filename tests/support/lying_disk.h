/* SPDX-License-Identifier: MIT */
/*
 * A disk that lies: what was not synced is lost, kept, torn or reordered when the power goes.
 *
 * Everything beneath one folder (the root, best on a file system in memory) is simulated.  The files there are
 * what the running system sees; beside them this module remembers what a sync has covered, and each change
 * since.  lying_disk_cut() replaces the files by what a disk may hold after the power was lost.
 *
 * What is simulated
 *  - bytes: each 512-byte or 4-KiB block that was written since the file's last sync has any of the contents
 *    that it had since then, each block by itself; or the writes arrive in order up to one, which is torn;
 *  - sizes: a file's size is that after any of the changes since its last sync, so it can come back at full
 *    length and all zeros; a truncation undone;
 *  - names: creation, rename and removal reach the disk in their order within a folder, up to any point
 *    behind that folder's last sync, whatever other folders do.  A file's own sync does not save its name;
 *  - O_DSYNC writes: durable by themselves, with their page, without any other page of the file;
 *  - a failed sync: pages that were written before it may never reach the disk, though the system shows them
 *    and later syncs succeed, until they are written again (what Linux does);
 *  - the call that the power goes in: done, undone, or half done.
 * What is not: a sector that is torn within its 512 bytes, one that damages its neighbours, bytes that rot
 * after a sync, a disk that answers a flush without doing it, writes through a memory map.
 *
 * struct io sees all of this.  What does not go through a struct io (LMDB, and mkdir of its folder) is caught by
 * tests/soak/lying_libc.c, which a program must be linked with.
 *
 * Owns: the folder.  Knows nothing of: what is written.  Threads: any, but cut(), load() and close() alone.
 */
#ifndef TEST_LYING_DISK_H
#define TEST_LYING_DISK_H

#include <fcntl.h>
#include <sys/stat.h>

#include "io.h"
#include "scratch.h"

struct lying_disk;

enum lying_call {
	LYING_OPEN, /* one that makes a file */
	LYING_WRITE,
	LYING_SYNC,
	LYING_SYNC_DIR,
	LYING_SIZE, /* allocate, truncate */
	LYING_MODE,
	LYING_RENAME,
	LYING_UNLINK,
	LYING_MKDIR,
	LYING_CALL_COUNT,
};

enum { LYING_ALL = (1 << LYING_CALL_COUNT) - 1 };

struct lying_fault {
	unsigned at;   /* the call that fails, counted from now, from 1; 0: none */
	unsigned mask; /* 1 << enum lying_call of those that count and fail */
	int errno_code;
	bool is_persistent;    /* and all behind it */
	unsigned short_one_in; /* every so many writes are short; 0: none */
	unsigned
		forget_one_in; /* of the pages under a failed sync so many are never written; 0: none */
};

/* @root: an existing folder; what is in it counts as synced.  One disk at a time per process. */
struct lying_disk *lying_disk_open(const char *root);
/* Forgets all that was pending; the files stay.  Takes NULL. */
void lying_disk_close(struct lying_disk *disk);
const struct io *lying_disk_io(struct lying_disk *disk);
/* All that lies in the root now is synced, nothing is armed; what it lies about next comes from @seed. */
void lying_disk_load(struct lying_disk *disk, uint64_t seed);

/* The power goes in the @at-th change from now on (from 1); 0: not.  From then on every call fails. */
void lying_disk_arm_cut(struct lying_disk *disk, unsigned at);
void lying_disk_arm_fault(struct lying_disk *disk, const struct lying_fault *fault);
bool lying_disk_is_dead(struct lying_disk *disk);
bool lying_disk_has_failed(struct lying_disk *disk); /* the armed fault has come */
bool lying_disk_has_refused(struct lying_disk *disk, enum lying_call call); /* to such a call */
unsigned lying_disk_call_count(struct lying_disk *disk);
const char *lying_call_name(enum lying_call call);
/* The last call that was counted: where the power went. */
enum lying_call lying_disk_last_call(struct lying_disk *disk);
/*
 * The power was lost; it is there again.  The root then holds what the disk kept, all of it synced, and nothing is
 * armed.  No descriptor beneath the root may be open.
 */
void lying_disk_cut(struct lying_disk *disk);
/* The same of a disk that kept nothing that was not synced. */
void lying_disk_cut_all(struct lying_disk *disk);

/* --- for lying_libc.c: calls that do not come through struct io --- */
/* The disk that is open in this process, if it owns @path or @fd; NULL otherwise. */
struct lying_disk *lying_disk_of_path(const char *path);
struct lying_disk *lying_disk_of_fd(int fd);
int lying_disk_sync_fd(struct lying_disk *disk, int fd); /* a file's or a folder's */
/* Never short but with an error: LMDB takes a short write for one. */
ssize_t lying_disk_write_fd(struct lying_disk *disk, int fd, const struct iovec *parts, int count,
			    uint64_t offset);
int lying_disk_rmdir(struct lying_disk *disk, const char *path);

#endif
