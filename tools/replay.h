/* SPDX-License-Identifier: MIT */
/*
 * Names and processes at any point of the log, from the records alone.
 *
 * Owns: names and actors in memory.  Knows nothing of: the index (which nobody has signed), where records come from.
 * Threads: one.
 *
 * Records that the name space before them forbids change nothing here: to find those is the verifier's work.
 */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

#include <stdbool.h>

#include "inkfs/reader.h"

struct replay;

struct replay_actor {
	uint64_t seq;
	uint32_t pid;
	char comm[64]; /* cut; may hold any byte but NUL */
};

/* NULL without memory. */
struct replay *replay_open(void);
void replay_close(struct replay *replay);

/* Take in one record, in order.  false without memory. */
bool replay_apply(struct replay *replay, const struct ink_header *header,
		  const union ink_body *body);

/*
 * Path of @inode as the names are now; of several any one.  NULL if it has none or without memory.
 * @name, unless empty: of this name in folder @inode.  The caller frees; *ret_size is without the NUL behind it.
 */
char *replay_path(const struct replay *replay, uint64_t inode, struct ink_str name,
		  size_t *ret_size);
bool replay_is_folder(const struct replay *replay, uint64_t inode);

/* NULL if @seq is no ACTOR. */
const struct replay_actor *replay_actor(const struct replay *replay, uint64_t seq);

#endif
