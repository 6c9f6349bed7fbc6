/* SPDX-License-Identifier: MIT */
/*
 * A store as it was after some record: names, sizes, and what happened from one such moment to a later one.
 *
 * Owns: a replay from record 0 on.  Knows nothing of: output.  Threads: one per struct.
 */
#ifndef TOOLS_PAST_H
#define TOOLS_PAST_H

#include "records.h"

struct past_node {
	uint8_t kind; /* INK_CREATE, INK_MKDIR or INK_SYMLINK; 0: there is no such inode */
	uint64_t made_seq;
	uint64_t size; /* of a file */
};

struct past {
	struct records records;
	struct past_node *nodes; /* by inode */
	size_t count, capacity;
	uint64_t damaged_count; /* of records that give or take names */
};

/*
 * What people write for a moment: a number of a record, or a time (timespec.h).  @ret_count: how many records there
 * were then; of a time, those up to it.  false after having complained as the command @cmd_name; *ret_is_usage: because
 * it is neither.
 */
bool past_parse(const char *cmd_name, const char *text, struct ink_store *store,
		const char *store_path, uint64_t *ret_count, bool *ret_is_usage);

/* Stand before record 0.  @store_path: borrowed.  false after having complained; nothing is to be released then. */
bool past_open(struct past *past, const char *store_path, bool is_unverified);
void past_close(struct past *past);

/* A record that is about to be taken in, as records_next() left it.  false ends it, after having complained. */
typedef bool (*past_fn)(void *ctx, struct past *past);
/*
 * Read on until @count records were taken in.  @each may be NULL.  false after having complained; so too if a record that
 * gives or takes a name is not what was recorded, for then no path is known to be the right one.
 */
bool past_read_to(struct past *past, uint64_t count, past_fn each, void *ctx);

/* The inode that has @path now (links are not followed); 0 if there is none. */
uint64_t past_find(struct past *past, const char *path);
/* Node of @inode; one without kind if there is none. */
const struct past_node *past_node(const struct past *past, uint64_t inode);

#endif
