/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: what a store was at one moment, signed, to be kept outside of it.
 *
 * Owns: nothing.  Knows nothing of: who keeps them.  Threads: any.
 * Checking one against a store: ink_verify(), struct ink_verify_options.
 */
#ifndef INKFS_CHECKPOINT_H
#define INKFS_CHECKPOINT_H

#include "inkfs/store.h"

#define INK_CHECKPOINT_SIZE_MAX 2048

/*
 * Make a checkpoint (C2SP tlog-checkpoint) of the store in the folder @path, mounted or not: all records up to the
 * last good seal, which are synced here before they are signed.  With an index this
 * takes no longer for a larger log, without one the log is read whole.  It is signed by the log key
 * and, as ORIGIN/epoch/N with the time, by the seal key in force at its end.
 *
 * @keys_dir: NULL for STORE/keys.
 * @ret_note: INK_CHECKPOINT_SIZE_MAX bytes; @ret_size of them are the note.
 *
 * INK_ERR_DAMAGED: the log is not sound.  INK_ERR_KEY: a key is missing, unsafe, or changes too fast to be read.
 */
INK_API INK_MUST_CHECK enum ink_err ink_checkpoint_make(const char *path, const char *keys_dir,
							char *ret_note, size_t *ret_size,
							struct ink_error *ret_error);

/*
 * The same for a store that is open here, at a cost that does not depend on its size: one seal, if something is not
 * sealed yet, and one sync.  The log key is read from where the store has its keys and forgotten again.
 *
 * INK_ERR_KEY: there is no log key, or the store is open read-only.
 */
INK_API INK_MUST_CHECK enum ink_err ink_checkpoint_live(struct ink_store *store, char *ret_note,
							size_t *ret_size,
							struct ink_error *ret_error);

#endif
