/* SPDX-License-Identifier: MIT */
/*
 * A catalog that is fed records one by one, as a log would hold them, without a log.
 *
 * Owns: the catalog and its index in memory.  Knows nothing of: what the test expects of them.  Threads: one.
 *
 * Record N is of the time FEED_T0 + N, of user 5 and group 6; its leaf is the hash of N.
 */
#ifndef TEST_FEED_H
#define TEST_FEED_H

#include "catalog.h"

enum { FEED_T0 = 1000 };

struct feed {
	struct index *index;
	struct catalog *catalog;
	uint64_t place;  /* of the next record */
	uint64_t offset; /* of the next APPEND's header */
	uint32_t size;   /* and its body */
	uint64_t last_place;
};

/* No two bytes are the same: GENESIS has it as store id, from byte 1 as log key, from byte 2 as seal key. */
extern const uint8_t feed_constant[64];

/* An empty catalog in memory; fails the test if there is none. */
void feed_open(struct feed *f);
void feed_close(struct feed *f);
/*
 * For cmocka; *state is a struct feed: root, a session, inode 2 a file "f", inode 3 a folder "d", inode 4 a link "l".
 */
int feed_setup(void **state);
int feed_teardown(void **state);

/* What catalog_apply() says of the next record; INK_OK: its place is f->last_place. */
enum ink_err feed_apply(struct feed *f, uint8_t kind, uint64_t inode, const union ink_body *body);
/* A body of zeros, about no inode. */
enum ink_err feed_simple(struct feed *f, uint8_t kind);
enum ink_err feed_genesis(struct feed *f);
/* CREATE, MKDIR or SYMLINK, to "target", of user 7 and group 8. */
enum ink_err feed_node(struct feed *f, uint8_t kind, uint64_t number, uint64_t parent,
		       const char *name);
enum ink_err feed_write(struct feed *f, uint64_t number, uint64_t offset, uint32_t size);
/* LINK or UNLINK. */
enum ink_err feed_name(struct feed *f, uint8_t kind, uint64_t number, uint64_t parent,
		       const char *name);
enum ink_err feed_move(struct feed *f, uint64_t number, uint64_t from, const char *name,
		       uint64_t to, const char *new_name);
/* SEAL, EPOCH or REKEY of all records before it; @durable: how many it calls synced. */
enum ink_err feed_seal(struct feed *f, uint8_t kind, uint32_t epoch, uint8_t reason,
		       uint64_t durable);

/* Of the catalog; fails the test if it is not there. */
struct inode *feed_inode(struct feed *f, uint64_t number);

#endif
