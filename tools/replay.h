/* SPDX-License-Identifier: MIT */
/*
 * Names and processes at any point of the log.
 *
 * Owns: names and actors in memory.  Knows nothing of: what is printed.  Threads: one per handle.
 *
 * Everything said here stands in a record whose hash was checked.  A replay that begins with record 0 is given every
 * record in order.  One that begins in the middle of the log (replay_open_within()) asks the index where the records are
 * that made a name, and reads those; names that are gone by now are not in the index, so the first time that such a
 * one is needed it reads the log from its start, once.
 *
 * Records that the name space before them forbids change nothing here: to find those is the verifier's work.
 */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

#include <stdbool.h>

#include "line.h"

#include "inkfs/reader.h"

struct replay;

/* One process.  Strings end in NUL, hold any other byte, and are "" where nothing is known. */
struct replay_actor {
	uint64_t seq;
	uint32_t uid, gid;
	uint32_t pid, ppid, login_uid;
	uint32_t known; /* enum ink_known */
	const char *comm;
	const char *exe;
	const char *cgroup;
	const char *ci_system;
	const char *job; /* job_label() */
	const char *ci;  /* ci_count times: name, NUL, value, NUL */
	unsigned ci_count;
};

/* For a log that is read from record 0 on.  NULL without memory. */
struct replay *replay_open(void);
/* For a log that is read from any record on; @store and @store_path are borrowed.  NULL without memory. */
struct replay *replay_open_within(struct ink_store *store, const char *store_path);
/* From now on as if the log had been read from record 0 on and no name had been given: whoever asks gives all of them. */
INK_MUST_CHECK bool replay_forget_names(struct replay *replay);
void replay_close(struct replay *replay);

/* Take in one record, in order.  false without memory. */
bool replay_apply(struct replay *replay, const struct ink_header *header,
		  const union ink_body *body);

/*
 * Put the path of @inode as it was right before record @seq behind what is in @out; of several any one.
 * @name, unless empty: of this name in folder @inode.  false, and nothing is put, if it had none then.
 */
bool replay_path(struct replay *replay, uint64_t seq, uint64_t inode, struct ink_str name,
		 struct line *out);
bool replay_is_folder(struct replay *replay, uint64_t inode);

/* NULL if @seq is no ACTOR.  Valid until the replay takes in or looks up the next one. */
const struct replay_actor *replay_actor(struct replay *replay, uint64_t seq);

/* Something that should be there could not be read: what was answered since may lack names. */
bool replay_has_failed(const struct replay *replay);

/* Call @each for every inode that has a name, with nothing in order; for replay_open() only. */
void replay_each(const struct replay *replay, void (*each)(void *ctx, uint64_t inode), void *ctx);

#endif
