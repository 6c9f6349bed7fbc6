/* SPDX-License-Identifier: MIT */
/*
 * From the number of a thread to the ACTOR record of its process.
 *
 * Owns: a cache of ACTOR_CACHE_COUNT processes, and the descriptors of ACTOR_KEPT_COUNT threads.  Knows nothing of: FUSE.  Threads: any.
 *
 * A process is known by its number, its serial number or (before Linux 6.9) only its start time in hundredths of a
 * second, its name and its program: a number that came into use again and a program that took the place of another
 * (exec) are other actors.
 */
#ifndef DRIVER_ACTOR_H
#define DRIVER_ACTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inkfs/store.h"

enum {
	ACTOR_CACHE_COUNT = 1024,
	/* Threads whose /proc is kept open, three descriptors each; fewer where descriptors are few. */
	ACTOR_KEPT_COUNT = 64,
};

struct actors;

/* What a handle remembers of one caller.  All zero: nothing. */
struct actor_seen {
	pid_t tid;
	uint64_t checked_ns;  /* CLOCK_MONOTONIC */
	uint64_t fingerprint; /* of the thread's start time, name and program */
	uint64_t actor;
};

/* NULL without memory. */
struct actors *actors_open(struct ink_store *store);
void actors_close(struct actors *actors);

/*
 * true if @seen is of @tid, which has not ended since, and was checked so lately that no look at /proc is needed.
 * (Whether it has ended is asked only as long as its descriptors are kept.)
 */
bool actor_is_fresh(struct actors *actors, const struct actor_seen *seen, pid_t tid);

/*
 * Fill in caller->actor for the thread @tid; 0 if @tid is 0 (a process that we cannot see) or gone.
 *
 * @caller: uid and gid are given; they go into a new ACTOR record.
 * @seen: what is remembered of @tid, or of any other thread; brought up to date.
 *
 * Errors are those of ink_actor(): the operation must not go on without its actor.
 */
INK_MUST_CHECK enum ink_err actors_find(struct actors *actors, pid_t tid, struct ink_caller *caller,
					struct actor_seen *seen);

#endif
