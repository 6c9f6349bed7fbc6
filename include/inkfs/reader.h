/* SPDX-License-Identifier: MIT */
/*
 * Records in order, read from the segments alone; and single ones by sequence number.
 *
 * Owns: its own descriptors and buffers.  Knows nothing of: the index, locks, names.
 * Threads: one reader per thread.  Works on stores that are mounted, copied or read-only.
 */
#ifndef INKFS_READER_H
#define INKFS_READER_H

#include "inkfs/store.h"

struct ink_reader;

struct ink_record {
	struct ink_header header;
	uint8_t leaf[INK_HASH_SIZE]; /* computed, not read */
	const uint8_t *entry;        /* the 133 bytes of the header */
	const uint8_t *nonce;        /* INK_NONCE_SIZE */
	const uint8_t *body;         /* header.body_size bytes; valid until the next call */
	uint64_t place;
	bool is_erased; /* nonce and body are zero and do not match the digest */
	bool is_damaged; /* the body is another than the digest says: never to be shown as what was written */
};

INK_API INK_MUST_CHECK enum ink_err ink_reader_open(const char *store_path,
						    struct ink_reader **ret_reader,
						    struct ink_error *ret_error);
INK_API void ink_reader_close(struct ink_reader *reader);

/*
 * For a log that is read forwards from one place to its end: hash on the other cores ahead of the caller.  Costs some
 * memory; not together with ink_reader_skip_digests(), which makes it pointless.  Without memory nothing changes.
 */
INK_API void ink_reader_hash_ahead(struct ink_reader *reader);

/* From now on bodies are not held against their digests; headers and chain are checked as ever. */
INK_API void ink_reader_skip_digests(struct ink_reader *reader);

/*
 * The store is being written, or will be: a last record whose body is not what its header says is waited for, up to some
 * seconds, before it is called damaged.
 */
INK_API void ink_reader_beside_writer(struct ink_reader *reader);

/*
 * The next record, from GENESIS on (or from behind the last ink_reader_seek()).  Header checksum, leaf, chain and
 * digest are checked.  *ret_record is NULL at the end of the log: no more bytes, or only bytes that are no
 * record that continues the chain.  A record that the chain holds but whose body is not what was recorded comes
 * with is_erased or is_damaged.
 *
 * INK_ERR_IO (errno): could not read.  Call again later for records that were appended since the end was reached.
 */
INK_API INK_MUST_CHECK enum ink_err ink_reader_next(struct ink_reader *reader,
						    const struct ink_record **ret_record);
/* Go on at @place, whose record must be number @seq (a place from an index or an earlier record); the chain is taken up from it. */
INK_API INK_MUST_CHECK enum ink_err ink_reader_seek(struct ink_reader *reader, uint64_t place,
						    uint64_t seq);

/*
 * After ink_reader_next() answered NULL: the log ends there in order (zero bytes or none), which a live one may at
 * any time.  false: something lies there that is no record continuing the chain.
 */
INK_API bool ink_reader_is_at_end(const struct ink_reader *reader);

/* Place of record @seq from the index of an open store. */
INK_API INK_MUST_CHECK enum ink_err ink_place(struct ink_store *store, uint64_t seq,
					      uint64_t *ret_place);
/* One name that an inode has now: entry of folder @parent, made by record @seq (which holds the name itself). */
typedef bool (*ink_name_fn)(void *ctx, uint64_t parent, uint64_t seq);
/* Each name of @inode, the oldest first, from the index; false from the callback ends it.  None: INK_OK too. */
INK_API INK_MUST_CHECK enum ink_err ink_each_name(struct ink_store *store, uint64_t inode,
						  ink_name_fn each, void *ctx);

/* The record number of one ACTOR; false ends it. */
typedef bool (*ink_actor_fn)(void *ctx, uint64_t seq);
/* Each process that the index knows, ascending; false from the callback ends it.  None: INK_OK too. */
INK_API INK_MUST_CHECK enum ink_err ink_each_actor(struct ink_store *store, ink_actor_fn each,
						   void *ctx);

/* A run of APPENDs of one file that lie close together in one segment (FORMAT.md section 9, extents). */
struct ink_run {
	uint64_t offset; /* in the file, where the run begins */
	uint64_t place;  /* of the APPEND that begins it */
	uint64_t seq;    /* of that APPEND */
};
/*
 * The run of file @inode that holds byte @offset, from the index.
 *
 * INK_ERR_NOT_FOUND: no byte there.  INK_ERR_DAMAGED: the index is not readable there.
 */
INK_API INK_MUST_CHECK enum ink_err ink_run_at(struct ink_store *store, uint64_t inode,
					       uint64_t offset, struct ink_run *ret_run);

/*
 * What records INK_BLOCK_COUNT n and following hold, up to INK_BLOCK_COUNT of them, as the index says (FORMAT.md 9.3).  Like
 * all of the index it is nobody's word: it says where reading is in vain, and a verifier holds it against the log.
 */
enum { INK_BLOCK_COUNT = 256, INK_BLOCK_MARKS_SIZE = 256 };
struct ink_block {
	uint32_t kinds;                      /* bit 1 << kind */
	int64_t wall_min_ns, wall_max_ns;    /* of its records, both included */
	uint8_t marks[INK_BLOCK_MARKS_SIZE]; /* for ink_block_has() */
};

/* INK_ERR_NOT_FOUND: no record of it is there yet. */
INK_API INK_MUST_CHECK enum ink_err ink_block(struct ink_store *store, uint64_t n,
					      struct ink_block *ret_block);

/* false: it holds nothing that has this mark.  true: it may. */
INK_API bool ink_block_has(const struct ink_block *block, uint64_t mark);
/* A record about this inode, or a refused operation that has it as second. */
INK_API uint64_t ink_mark_inode(uint64_t inode);
/* A record of ACTOR, or from CREATE to DENIED, by the process of ACTOR record @seq (0: not known); the ACTOR itself too. */
INK_API uint64_t ink_mark_actor(uint64_t seq);
/* The same by its effective user. */
INK_API uint64_t ink_mark_uid(uint32_t uid);
/* A refused operation that has @name, and @folder as its inode or second inode. */
INK_API uint64_t ink_mark_refused_name(uint64_t folder, struct ink_str name);

/*
 * A path of @inode as the names are now, from the root, as "/a/b"; any one of several hard links.
 * "(inode N)" if it has no name.  At most @size bytes with NUL; longer ones are cut at the front ("…/b").
 */
INK_API void ink_path(struct ink_store *store, uint64_t inode, char *ret_path, size_t size);

#endif
