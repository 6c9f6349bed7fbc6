/* SPDX-License-Identifier: MIT */
/*
 * May LMDB itself be let at a data file?  LMDB believes its pages: a number in one of them that is wrong makes it read
 * and write where it should not.  So before it opens a file that somebody else may have written, every page that it
 * could reach is looked at here.
 *
 * Owns: nothing after the call.  Knows nothing of: what keys and values mean.  Threads: any.
 *
 * What holds of a file that passes, all of it looked at:
 * 1. Each page of a tree is of the kind that its place demands, and its nodes, even and without overlap, fill exactly
 *    the space from `upper` to the page's end: what LMDB moves when it takes out or puts in a node stays on the page.
 * 2. No page has two owners: neither two trees, nor a tree and the free list, nor the free list twice.
 * 3. Keys grow strictly, from page to page too; counts and depths are those of the descriptors.
 * 4. A value lies on pages of its own if and only if LMDB would have put it there, and these are in the file.
 * 5. The free list's entries are whole, and name pages of the file in descending order.
 * Pages of values are not read (there would be as many as a log has tiles); what LMDB believes of their heads when it
 * overwrites a value is asked by lmdb_value_may_go() just before.
 */
#ifndef INK_LMDB_READ_CHECK_H
#define INK_LMDB_READ_CHECK_H

#include "lmdb_read.h"

/*
 * How much of it.  BOUNDED is for who may not take longer for a larger file: of a tree of more than some 500 pages it
 * looks at the two uppermost levels, so it reads at most some thousands of pages; of what it left out it says nothing.
 */
enum lmdb_check_scope { LMDB_CHECK_ALL, LMDB_CHECK_BOUNDED };

/*
 * Look at the newest snapshot of the file @path; memory: a bit for each page.
 *
 * @ret_damage: after INK_ERR_DAMAGED: what is wrong; static storage.
 * INK_ERR_NOT_FOUND: no such file, or an empty one.  INK_ERR_FOREIGN: not a regular file.  A writer at work may outrun
 * this; then what is there was that writer's to check, and INK_OK is said.
 */
INK_MUST_CHECK enum ink_err lmdb_check(const struct io *io, const char *path,
				       enum lmdb_check_scope scope, const char **ret_damage);

/* The same of an open file, whose descriptor it is. */
INK_MUST_CHECK enum ink_err lmdb_check_file(struct lmdb_file *file, enum lmdb_check_scope scope);

/*
 * May LMDB put another value in the place of that of @key?  Only asked of values written by others than LMDB's own
 * lists.  A key that is not there may be put.  INK_ERR_DAMAGED: file->damage.
 */
INK_MUST_CHECK enum ink_err lmdb_value_may_go(struct lmdb_cursor *cursor, const void *key,
					      size_t key_size);

#endif
