/* SPDX-License-Identifier: MIT */
/*
 * A replay's inside.  replay.c has names and actors in memory and links nothing that opens a store, so that `inkfs check`
 * does not either; replay_within.c has what asks a store.
 *
 * Owns: nothing.  Knows nothing of: what is printed.  Threads: one per handle.
 */
#ifndef TOOLS_REPLAY_PRIVATE_H
#define TOOLS_REPLAY_PRIVATE_H

#include "replay.h"

enum { KNOWN_PATH_COUNT = 1024 };

struct name {
	struct name *next; /* an older one */
	uint64_t parent;
	uint64_t seq; /* of the record that made it */
	uint16_t size;
	char text[];
};

struct node {
	struct name *names; /* the newest first */
	bool is_folder;
	bool is_loaded;
};

/* A path that was put together lately. */
struct known_path {
	uint64_t inode;   /* 0: none */
	uint64_t changes; /* replay->changes then */
	char *text;
	size_t size;
};

/* How a replay within a log gets at what was recorded before. */
struct replay_log {
	/* Record @seq, checked; its body is valid until the next call.  false: it cannot be read. */
	bool (*read_record)(struct replay *replay, uint64_t seq,
			    const struct ink_header **ret_header, union ink_body *ret_body);
	/* What the index knows of an inode that is there. */
	void (*load_node)(struct replay *replay, uint64_t inode);
	/* Take in the log from its start up to record @seq, instead of what the index says. */
	bool (*read_from_start)(struct replay *replay, uint64_t seq);
	void (*close)(struct replay *replay);
};

struct replay {
	struct node *nodes; /* by inode; 0 is not used */
	size_t node_count, node_capacity;
	struct actors *actors;
	uint64_t changes; /* of names, so far */
	struct known_path known[KNOWN_PATH_COUNT];
	/* The next are of replay_open_within(). */
	const struct replay_log *log; /* NULL: what is not given is not known */
	/* Records before this one are in the index and are not taken in again; 0: none is. */
	uint64_t index_count;
	struct ink_store *store;
	uint64_t store_count; /* records in it; an ACTOR among them can be looked up */
	const char *store_path;
	struct ink_reader *reader;
	uint64_t newest_loaded; /* no name loaded so far was made later */
	bool has_failed;
};

/* false without memory. */
bool replay_add_node(struct replay *replay, bool is_folder);
bool replay_add_name(struct replay *replay, uint64_t inode, uint64_t parent, struct ink_str text,
		     uint64_t seq);
void replay_drop_nodes(struct replay *replay);

#endif
