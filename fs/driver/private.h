/* SPDX-License-Identifier: MIT */
/*
 * What the handlers share.
 *
 * Invariants
 * 1. A node's number is the store's inode number.  The store never uses one twice, so nothing is kept for
 *    a node, its generation is always 1, and there is nothing to forget.
 * 2. Every file handle is a struct handle.  RELEASE ends it, and comes once and last; where the driver ends
 *    first (a signal, or an unmount by force), driver_close() does, so that each OPEN on record has its CLOSE.
 * 3. A handler answers exactly once, and touches neither the request nor the handle of a RELEASE afterwards.
 * 4. Nobody changes the store but this driver, so what the system knows stays true until the system itself
 *    changes it; the one exception (set-id bits dropped by a write) is told to it.
 */
#ifndef DRIVER_PRIVATE_H
#define DRIVER_PRIVATE_H

#define FUSE_USE_VERSION 312

#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

#include "actor.h"
#include "driver.h"
#include "inkfs/checkpoint.h"
#include "metrics.h"
#include "tails.h"

#define CACHE_TIMEOUT_S 86400.0

enum { HANDLE_SEEN_COUNT = 4 };

/* The open files, oldest first. */
struct handles {
	pthread_mutex_t lock; /* the others, and previous and next of the members */
	struct handle *first, *last;
	unsigned text_count; /* how many have a text */
};

/* The checkpoint that was made last; see live_text.c. */
struct live_checkpoint {
	pthread_mutex_t lock; /* the others */
	uint64_t made_ns;     /* CLOCK_MONOTONIC */
	size_t size;          /* 0: none yet */
	char note[INK_CHECKPOINT_SIZE_MAX];
};

/* Requests whose answer waits for the disk; see sync.c. */
struct syncs {
	pthread_mutex_t lock; /* the others */
	pthread_cond_t none;
	unsigned count;
};

struct driver {
	struct driver_options options;
	struct fuse_session *session;
	/* The next four from driver_run() on; no handler runs before. */
	struct ink_store *store;
	struct handout *handout; /* may stay NULL */
	struct actors *actors;
	int store_fd; /* the store's folder, for statfs */
	struct fuse_loop_config *loop;
	bool has_signals;
	bool is_init_reply_next; /* only while INIT is served, which is alone then */
	/* Counts up whenever set-id bits are set on any file; see handle.setid_generation. */
	_Atomic uint32_t setid_generation;
	struct tails tails;
	struct handles handles;
	struct syncs syncs;
	struct metrics metrics;
	struct live_checkpoint checkpoint;
	struct timespec begun; /* by the wall's clock */
};

/* An open file. */
struct handle {
	uint64_t inode;
	uint32_t flags;              /* as open(2) had them */
	bool is_cached;              /* reads through the page cache */
	struct ink_caller opened_by; /* RELEASE does not say who */
	_Atomic bool is_dirty;       /* recorded something since the last flush */
	_Atomic bool had_readers;    /* appended while somebody read through the page cache */

	pthread_mutex_t lock; /* the next three */
	bool has_setid;
	uint32_t setid_generation; /* the driver's when has_setid was found */
	struct actor_seen seen[HANDLE_SEEN_COUNT];

	/* Of a file of .inkfs: all that can be read of it; NULL for any other. */
	char *text;
	size_t text_size;

	struct handle *previous, *next; /* see struct handles */
};

static inline struct driver *driver_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct ink_store *store_of(fuse_req_t req)
{
	return driver_of(req)->store;
}

static inline struct handle *handle_of(const struct fuse_file_info *info)
{
	return (struct handle *)(uintptr_t)info->fh; /* NOLINT(performance-no-int-to-ptr) */
}

/* --- reply.c --- */

int errno_of(enum ink_err err); /* positive; to be asked at once after the call that failed */
void reply_err(fuse_req_t req, enum ink_err err);
void attr_to_stat(struct driver *driver, const struct ink_attr *attr, struct stat *ret_stat);
void attr_to_entry(struct driver *driver, const struct ink_attr *attr,
		   struct fuse_entry_param *ret_entry);
void reply_entry(fuse_req_t req, enum ink_err err, const struct ink_attr *attr);
void reply_attr(fuse_req_t req, enum ink_err err, const struct ink_attr *attr);
struct ink_str name_str(const char *text);

/* --- sync.c --- */

void syncs_init(struct syncs *syncs);
void syncs_release(struct syncs *syncs);
/* Until all have their answer. */
void syncs_wait(struct syncs *syncs);
void reply_write(fuse_req_t req, size_t size, uint64_t begun);
/* When all that is recorded is on the disk with its seal; the thread goes on before. */
void reply_write_synced(fuse_req_t req, size_t size, uint64_t begun);
void reply_synced(fuse_req_t req);

/* --- caller.c --- */

/* Who asks, with the actor looked up (and recorded, if new). */
INK_MUST_CHECK enum ink_err caller_of(fuse_req_t req, struct ink_caller *ret_caller);
/* The same without a look at /proc: for what records nothing. */
struct ink_caller caller_plain(fuse_req_t req);
/* The same on a handle, which remembers the last callers. */
INK_MUST_CHECK enum ink_err caller_of_handle(fuse_req_t req, struct handle *handle,
					     struct ink_caller *ret_caller);
/* Record the refusal @what and answer EPERM. */
void refuse(fuse_req_t req, uint64_t inode, const struct ink_body_denied *what);

/* --- handle.c --- */

static inline bool is_for_writing(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* Ask the store to open @inode and make the handle for it.  Errors are those of ink_open(); IO (errno) without memory. */
INK_MUST_CHECK enum ink_err handle_open(struct driver *driver, const struct ink_caller *caller,
					uint64_t inode, uint32_t flags, struct handle **ret_handle);
/* A handle on a file of .inkfs; takes @text, always.  LIMIT: @text_count_max of these are open; IO (errno) without memory. */
INK_MUST_CHECK enum ink_err handle_open_text(struct driver *driver, uint64_t inode, char *text,
					     size_t size, unsigned text_count_max,
					     struct handle **ret_handle);
void handle_close(struct driver *driver, struct handle *handle);
void handles_init(struct handles *list);
/* Closes those that are still open; no handler runs any more. */
void handles_release(struct driver *driver);

/* --- ops_*.c --- */

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	       const char *new_name, unsigned flags);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);

/* true, having refused, if @name in @parent is reserved. */
bool is_refused_making(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *info);
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info);

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	     struct fuse_file_info *info);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	      struct fuse_file_info *info);
void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t size,
		  struct fuse_file_info *info);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
	      struct fuse_file_info *info);

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		struct fuse_file_info *info);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *info);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info);

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *stat, int to_set,
		struct fuse_file_info *info);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void *arg,
	      struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
	      size_t out_size);

#endif
