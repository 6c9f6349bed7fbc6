/* SPDX-License-Identifier: MIT */
/*
 * Whose log a store is: its GENESIS, and checkpoints that must be of it.
 *
 * Owns: nothing.  Knows nothing of: secrets, the index.  Threads: any.
 */
#ifndef INK_IDENTITY_H
#define INK_IDENTITY_H

#include "note.h"
#include "succession.h"

/* Read and check the GENESIS of the store @path.  INK_ERR_DAMAGED: there is none that is good. */
INK_MUST_CHECK enum ink_err identity_read(const char *path, struct succession *ret_keys,
					  struct ink_error *ret_error);

/*
 * A signed checkpoint of the log with this verification key.
 *
 * @name: of what it came from, for the sentence.  @ret_note: borrows from @data.
 * INK_ERR_INVALID: not a checkpoint.  INK_ERR_DAMAGED: of another log, or not signed by its log key.
 */
INK_MUST_CHECK enum ink_err identity_checkpoint(const char *vkey, const char *name,
						const void *data, size_t size,
						struct note *ret_note,
						struct checkpoint *ret_checkpoint,
						struct ink_error *ret_error);

#endif
