/* SPDX-License-Identifier: MIT */
/*
 * The checkpoint that a command works on: a file that was kept, or one made now with the store's keys.
 *
 * Owns: its bytes.  Knows nothing of: what is then done with it.  Threads: one.
 */
#ifndef TOOLS_CHECKPOINT_ARG_H
#define TOOLS_CHECKPOINT_ARG_H

#include <stdbool.h>
#include <stddef.h>

enum { CHECKPOINT_FILE_SIZE_MAX = 65536 };

struct checkpoint_arg {
	char *note;
	size_t size; /* bytes */
};

/*
 * @file: NULL makes one of the store in the folder @store with the keys in @keys_dir (NULL: STORE/keys).
 * false after having complained; then there is nothing to release.
 */
bool checkpoint_arg_init(struct checkpoint_arg *arg, const char *file, const char *store,
			 const char *keys_dir);
void checkpoint_arg_release(struct checkpoint_arg *arg);

#endif
