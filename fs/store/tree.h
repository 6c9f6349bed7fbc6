/* SPDX-License-Identifier: MIT */
/*
 * The Merkle tree of a store on disk: roots of ranges of its records and the records' places, without reading the log
 * again.
 *
 * Owns: descriptors, a few tiles of memory.  Knows nothing of: signatures, proofs.  Threads: one at a time per tree.
 *
 * As far as the index reaches it comes from there (read without LMDB's library); what lies behind it, and all of it
 * where there is no index, from one walk over that part of the log, which keeps 72 bytes for each 256 records.
 *
 * Nobody has signed the index: whoever uses a hash from here holds the result against a root that was signed, and if it
 * does not fit, tries again without the index.  So a wrong index costs time, never truth.
 */
#ifndef INK_TREE_H
#define INK_TREE_H

#include "format.h"
#include "inkfs/store.h"

struct tree;

/* What the index says of the last seal that it covers. */
struct tree_seal {
	uint64_t seq;
	uint32_t epoch; /* in force behind it */
	uint8_t seal_key[INK_KEY_SIZE];
};

/*
 * The tree over the first @size records of the store @path.
 *
 * @has_index: false: as if there were no index.
 * INK_ERR_DAMAGED: the log has fewer, or is not sound.  INK_ERR_IO (errno).
 */
INK_MUST_CHECK enum ink_err tree_open(const char *path, uint64_t size, bool has_index,
				      struct tree **ret_tree, struct ink_error *ret_error);
/*
 * The tree up to the last seal that the index covers, that seal not included.
 * INK_ERR_NOT_FOUND: no index, or none that can be read.
 */
INK_MUST_CHECK enum ink_err tree_open_at_seal(const char *path, struct tree **ret_tree,
					      struct tree_seal *ret_seal);
/* Takes NULL. */
void tree_close(struct tree *tree);

/*
 * Root of the records from @from up to @to, as a tree of their own; @from < @to <= the size, and both as proofs need
 * them (RFC 6962 section 2.1: perfect subtrees, or the end of the tree).
 *
 * INK_ERR_DAMAGED: the index or the log does not have it.
 */
INK_MUST_CHECK enum ink_err tree_range(struct tree *tree, uint64_t from, uint64_t to,
				       uint8_t ret_root[static INK_HASH_SIZE]);
/* The root of all of it; of no record H(""). */
INK_MUST_CHECK enum ink_err tree_root(struct tree *tree, uint8_t ret_root[static INK_HASH_SIZE]);
/* Place of record @seq, which is below the size or, after tree_open_at_seal(), the seal. */
INK_MUST_CHECK enum ink_err tree_place(struct tree *tree, uint64_t seq, uint64_t *ret_place);

/*
 * The records that put a seal key in force (EPOCH, REKEY), in order: all below the size up to the first behind record
 * @behind, or all if none is.
 *
 * @ret_seqs: to be freed by the caller.  INK_ERR_DAMAGED: the index does not have them.
 */
INK_MUST_CHECK enum ink_err tree_links(struct tree *tree, uint64_t behind, uint64_t **ret_seqs,
				       size_t *ret_count);

#endif
