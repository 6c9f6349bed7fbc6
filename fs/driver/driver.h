/* SPDX-License-Identifier: MIT */
/*
 * The driver: an open store behind a FUSE session.
 *
 * Owns: the session, its threads, the handles, the cache of actors.  Borrows the store.
 * Knows nothing of: command lines, daemons, the store's inside.
 * Threads: open, run and close belong to one thread; the handlers run in those of libfuse.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdbool.h>

#include "inkfs/store.h"

struct driver;
struct handout;

struct driver_options {
	const char *store_path;  /* absolute; shown as the source of the mount */
	const char *mount_point; /* absolute, a folder */
	const char *flags; /* generic mount options for the system, "noexec,noatime"; "" for none */
	enum ink_audit audit; /* as given to the store: whose opening is worth a look at /proc */
	bool is_read_only;
	bool is_sync;          /* every write is durable before it returns */
	bool is_for_all;       /* allow_other */
	unsigned thread_count; /* 1 to DRIVER_THREAD_COUNT_MAX; 0: the default */
	/* Called once, from a thread of the session, when the system has taken the mount into use. */
	void (*on_ready)(void *ctx);
	void *ctx;
};

enum { DRIVER_THREAD_COUNT_DEFAULT = 10, DRIVER_THREAD_COUNT_MAX = 256 };

/*
 * Mount, before there is a store: what cannot be mounted leaves none with a session that never was.  Whoever asks for
 * something in the mount waits until driver_run(), or gets an error at driver_close().
 *
 * INK_ERR_IO (errno): not mounted; libfuse has told @log why, if it knows more.
 */
INK_MUST_CHECK enum ink_err driver_open(const struct driver_options *options,
					struct driver **ret_driver);

/*
 * Serve @store, which the caller closes after driver_close(), until the file system is unmounted or SIGTERM, SIGINT or
 * SIGHUP arrives.
 *
 * @handout: what .inkfs tells of it; NULL: nothing is handed out.  The same.
 * @ret_reason: why it ended.  INK_ERR_IO (errno): the session broke.
 */
INK_MUST_CHECK enum ink_err driver_run(struct driver *driver, struct ink_store *store,
				       struct handout *handout,
				       enum ink_unmount_reason *ret_reason);

/* Unmounts if that has not happened.  Takes NULL. */
void driver_close(struct driver *driver);

/* What libfuse says goes there from now on, for the whole process; one line without line feed. */
void driver_set_log(void (*log)(int syslog_level, const char *line));

#endif
