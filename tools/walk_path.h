/* SPDX-License-Identifier: MIT */
/*
 * From a path within a store to the object there.
 *
 * Owns: nothing.  Knows nothing of: what is done with it.  Threads: any.
 */
#ifndef TOOLS_WALK_PATH_H
#define TOOLS_WALK_PATH_H

#include "inkfs/store.h"

/*
 * Find @path, with or without a slash in front, from the root of @store.  Symbolic links on the way are followed
 * within the store, one at the end only if @follows_last.
 *
 * INK_ERR_LIMIT: a name or the path is too long, or links lead in a circle.  INK_ERR_NOT_FOUND also for a link that
 * leads out of the store.
 */
INK_MUST_CHECK enum ink_err walk_path(struct ink_store *store, const char *path, bool follows_last,
				      struct ink_attr *ret_attr);

#endif
