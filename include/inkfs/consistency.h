/* SPDX-License-Identifier: MIT */
/*
 * That a log has only grown: RFC 9162 consistency proofs between two checkpoints.
 *
 * Owns: nothing.  Knows nothing of: secret keys.  Threads: any.
 * The text is the body of an add-checkpoint request of C2SP tlog-witness: the old size, hashes, the new checkpoint.
 */
#ifndef INKFS_CONSISTENCY_H
#define INKFS_CONSISTENCY_H

#include "inkfs/verify.h"

#define INK_CONSISTENCY_SIZE_MAX (65536 + 4096)

struct ink_consistency {
	uint64_t old_size, new_size; /* records */
	uint8_t old_root[INK_HASH_SIZE], new_root[INK_HASH_SIZE];
};

/*
 * Is @text a checkpoint of the log in the store @path, signed by its log key?  Of the log its first record alone is read.
 *
 * @ret_size: of how many records.
 * INK_ERR_INVALID: not a checkpoint.  INK_ERR_DAMAGED: of another log, or not signed; or the store's first record is bad.
 */
INK_API INK_MUST_CHECK enum ink_err ink_checkpoint_look(const char *path,
							const struct ink_checkpoint_text *text,
							uint64_t *ret_size,
							struct ink_error *ret_error);

/*
 * Prove from the store @path that the log of @old is the beginning of the log of @new.  The proof is checked before it
 * is given.  No key is needed, and nothing is signed.
 *
 * @vkey: NULL takes the key that the store names itself.
 * @ret_body: INK_CONSISTENCY_SIZE_MAX bytes; @ret_size of them are the text.
 *
 * INK_ERR_DAMAGED: they are not of one history, or not of this log; or the log is damaged.  INK_ERR_INVALID: not
 * checkpoints, or the old one is the larger.
 */
INK_API INK_MUST_CHECK enum ink_err ink_consistency_make(const char *path, const char *vkey,
							 const struct ink_checkpoint_text *old_one,
							 const struct ink_checkpoint_text *new_one,
							 char *ret_body, size_t *ret_size,
							 struct ink_consistency *ret_result,
							 struct ink_error *ret_error);

/*
 * Check such a proof, without a store.
 *
 * @new_one: NULL: @proof is such a text.  Else @proof is lines of hashes alone.
 * INK_ERR_DAMAGED: it proves nothing of the kind.  INK_ERR_INVALID: what was given is not what it should be.
 */
INK_API INK_MUST_CHECK enum ink_err ink_consistency_check(const char *vkey,
							  const struct ink_checkpoint_text *old_one,
							  const struct ink_checkpoint_text *new_one,
							  const struct ink_checkpoint_text *proof,
							  struct ink_consistency *ret_result,
							  struct ink_error *ret_error);

#endif
