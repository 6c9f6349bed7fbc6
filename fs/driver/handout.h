/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints handed out while the store is mounted, so that something outside remembers: -o checkpoint-to.
 *
 * Owns: one thread, and the program that it runs.  Knows nothing of: FUSE; reads the store as a stranger does, so no
 * writer waits for it.  Threads: open and close belong to one thread, handout_status() to any.
 *
 * One is handed out at once, then at each interval in which the log has grown, and a last one at the end.  What fails is
 * told once, and tried again.
 *
 * To a folder: a file COMMITMENT-RECORDS.checkpoint (the 32 hexadecimal digits at the end of the origin, the number of
 * records in 20 digits), which is there whole or not at all, is synced, and replaces nothing.  The largest that lies there
 * already is held against the log first: if it is of more records, or of others, this is not the log that it was.
 *
 * To a program: on its stdin.  It is run without a shell and without arguments; exit 0 means that it has kept it.
 */
#ifndef HANDOUT_H
#define HANDOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "inkfs/err.h"

enum {
	HANDOUT_INTERVAL_S_DEFAULT = 300,
	HANDOUT_TIMEOUT_S_DEFAULT = 30,
	HANDOUT_RETRY_S_MAX = 30,
};

struct handout;

struct handout_options {
	const char *store_path; /* absolute */
	const char *keys_dir;   /* NULL: STORE/keys */
	const char *to;         /* absolute: a folder, or a program */
	uint32_t interval_s;    /* 0: the default */
	uint32_t timeout_s;     /* that a program may take; 0: the default */
	/* Called from the thread when something begins to fail, and when that is over; and from handout_close(). */
	void (*on_notice)(void *ctx, bool is_over, const char *text);
	void *ctx;
};

struct handout_status {
	bool is_failing;
	bool has_conflict; /* what lies in the folder is not of this log as it is; until the end */
	uint64_t given_size;   /* records in the last one that was handed out; 0: none yet */
	int64_t given_wall_ns; /* when */
	uint64_t failure_count;
};

/* May checkpoints go to @to?  Not into the store or the mount.  All absolute.  INK_ERR_INVALID with a sentence. */
INK_MUST_CHECK enum ink_err handout_check(const char *to, const char *store_path,
					  const char *mount_point, struct ink_error *ret_error);

/* @options: what it points to is borrowed until handout_close().  INK_ERR_IO (errno). */
INK_MUST_CHECK enum ink_err handout_open(const struct handout_options *options,
					 struct handout **ret_handout);
void handout_status(struct handout *handout, struct handout_status *ret_status);
/*
 * End the thread and hand out the last one, which is due when the store has been closed.  Takes NULL.  Takes no longer
 * than a program may take twice.
 * false: that one was not handed out.
 */
bool handout_close(struct handout *handout);

#endif
