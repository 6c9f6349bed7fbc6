/* SPDX-License-Identifier: MIT */
/*
 * The text of a checkpoint with its two signatures.
 *
 * Owns: nothing.  Knows nothing of: where the tree and the keys come from.  Threads: any, after vkey_setup().
 */
#ifndef INK_CHECKPOINT_SIGN_H
#define INK_CHECKPOINT_SIGN_H

#include "inkfs/checkpoint.h"
#include "key.h"

struct checkpoint_state {
	const char *vkey;       /* of the store; its origin is signed */
	const uint8_t *log_key; /* INK_KEY_SIZE: the public one that GENESIS names */
	uint32_t epoch;
	uint64_t size;       /* records, the last of them a seal */
	const uint8_t *root; /* INK_HASH_SIZE: over these */
};

/*
 * Sign as the origin, with @log_key, and as ORIGIN/epoch/N with the time, by the seal key of that epoch.
 *
 * @ret_note: INK_CHECKPOINT_SIZE_MAX bytes.  INK_ERR_KEY: what was signed does not verify; nothing may go out.
 */
INK_MUST_CHECK enum ink_err checkpoint_sign(const struct checkpoint_state *state,
					    const struct key_pair *log_key,
					    const struct key_pair *seal_key, char *ret_note,
					    size_t *ret_size);

#endif
