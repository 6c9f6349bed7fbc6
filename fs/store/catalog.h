/* SPDX-License-Identifier: MIT */
/*
 * What the records say, materialised: name space, file sizes, places, tree tiles, key epoch.
 *
 * Owns: the head, the newest leaves and tiles, a cache of inodes; all else it keeps in the index.
 * Knows nothing of: segments, signing, locks.  Threads: one at a time (the store's lock).
 *
 * 1. The catalog is a pure function of the records applied, in their order; whether they come from
 *    a live append or from a replay makes no difference.
 * 2. catalog_apply() first tests, then changes: INK_ERR_DAMAGED leaves everything as it was.
 * 3. Changes reach the index's active overlay by catalog_flush(), as one consistent state.  What it would find most of,
 *    changed inodes, goes there earlier when there are many: so a flush is short, however many there were.
 * 4. After catalog_reserve() the next catalog_apply() does not fail for want of memory.
 */
#ifndef INK_CATALOG_H
#define INK_CATALOG_H

#include "block.h"
#include "index.h"
#include "merkle.h"
#include "record.h"

struct head {
	uint64_t record_count;
	uint64_t end_place; /* behind the last record */
	uint64_t next_inode;
	uint64_t last_seal_seq;
	uint64_t mount_seq; /* of the open session, 0: none */
	uint64_t payload_bytes;
	uint64_t durable_size;   /* largest in a seal */
	uint64_t payload_before; /* payload_bytes at that MOUNT */
	uint64_t refusal_count;
	uint32_t epoch;
	bool is_closed;
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint8_t last_leaf[INK_HASH_SIZE];
	uint8_t seal_key[INK_KEY_SIZE]; /* public, of the epoch */
	uint8_t log_key[INK_KEY_SIZE];
	struct merkle tree;
};

struct inode {
	uint64_t number;
	uint32_t mode, uid, gid, nlink, flags;
	uint64_t size;
	uint64_t record_count;
	uint64_t last_seq;
	uint8_t last_leaf[INK_HASH_SIZE];
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	uint64_t parent;
	uint64_t run_start;
	uint64_t run_end_place;
	/* not in the index: */
	uint64_t touched_seq; /* newest record about it since it came into the cache, 0: none */
	bool is_dirty;
	struct inode *next; /* same bucket */
	struct inode *next_dirty;
};

enum { INODE_HELD_NAME = 1 };

struct catalog;

/* Take up the state that the index holds (an empty index: nothing applied yet).  @index: borrowed. */
INK_MUST_CHECK enum ink_err catalog_open(struct index *index, struct catalog **ret_catalog);
/* Takes NULL. */
void catalog_close(struct catalog *catalog);
const struct head *catalog_head(const struct catalog *catalog);

/* Memory for the next record, of @kind, before it is written.  INK_ERR_IO: ENOMEM. */
INK_MUST_CHECK enum ink_err catalog_reserve(struct catalog *catalog, uint8_t kind);

/*
 * Apply the next record.  @body as decoded; @place: where the frame begins.
 *
 * INK_ERR_DAMAGED: a record that what went before forbids.  INK_ERR_IO: the index could not be read.
 */
INK_MUST_CHECK enum ink_err catalog_apply(struct catalog *catalog, const struct ink_header *header,
					  const uint8_t leaf[static INK_HASH_SIZE],
					  const union ink_body *body, uint64_t place);

/* Write all that is dirty into the index's active overlay. */
INK_MUST_CHECK enum ink_err catalog_flush(struct catalog *catalog);
/* Drop inodes from the cache if there are too many and none waits for a flush. */
void catalog_shrink(struct catalog *catalog);

/* @ret_inode: valid until the next call that applies or flushes.  INK_ERR_NOT_FOUND. */
INK_MUST_CHECK enum ink_err catalog_inode(struct catalog *catalog, uint64_t number,
					  struct inode **ret_inode);

struct name_entry {
	uint64_t inode;
	uint64_t cookie;
};

/* INK_ERR_NOT_FOUND: the folder has no such name. */
INK_MUST_CHECK enum ink_err catalog_name(struct catalog *catalog, uint64_t parent,
					 struct ink_str name, struct name_entry *ret_entry);
/* true if @inode is @ancestor or lies beneath it; an unreadable index counts as true. */
bool catalog_is_beneath(struct catalog *catalog, uint64_t inode, uint64_t ancestor);
/* INK_ERR_NOT_FOUND: no such record. */
INK_MUST_CHECK enum ink_err catalog_place(struct catalog *catalog, uint64_t seq,
					  uint64_t *ret_place);
/* The leaf hash of record @seq too. */
INK_MUST_CHECK enum ink_err catalog_leaf(struct catalog *catalog, uint64_t seq,
					 uint8_t ret_leaf[static INK_HASH_SIZE],
					 uint64_t *ret_place);

/* Block @n.  INK_ERR_NOT_FOUND: no record of it. */
INK_MUST_CHECK enum ink_err catalog_block(struct catalog *catalog, uint64_t n,
					  struct ink_block *ret_block);

/* The tree over the first @size records, from leaves and tiles.  INK_ERR_DAMAGED: they are not there. */
INK_MUST_CHECK enum ink_err catalog_tree(struct catalog *catalog, uint64_t size,
					 struct merkle *ret_tree);
/* INK_ERR_DAMAGED: the index has an inode that the head has not given yet, or not the last one. */
INK_MUST_CHECK enum ink_err catalog_check_inodes(struct catalog *catalog);

/* Keys of the index (FORMAT.md 9); @ret_key: 8, 16 or up to 8 + 255 bytes; return the size. */
size_t key_u64(uint64_t a, uint8_t *ret_key);
size_t key_u64_pair(uint64_t a, uint64_t b, uint8_t *ret_key);
size_t key_name(uint64_t parent, struct ink_str name, uint8_t *ret_key);
/* 9 bytes. */
size_t key_tile(unsigned level, uint64_t n, uint8_t *ret_key);

#endif
