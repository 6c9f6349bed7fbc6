/* SPDX-License-Identifier: MIT */
/*
 * All files of a store, by path.
 *
 * Owns: the order.  Knows nothing of: what is done with them.  Threads: any.
 */
#ifndef TOOLS_TREE_H
#define TOOLS_TREE_H

#include "inkfs/store.h"

/* false ends it. */
typedef bool (*tree_fn)(void *ctx, const char *path, const struct ink_attr *attr);

/*
 * Call @each for every name of a regular file, each folder's in the order of their bytes.
 * false after having complained, or if @each said so: some may be missing.
 */
bool tree_each(struct ink_store *store, tree_fn each, void *ctx);

#endif
