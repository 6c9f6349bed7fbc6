/* SPDX-License-Identifier: MIT */
/*
 * Marks of what somebody looks for, any of which a block may have (ink_block_has()).
 *
 * Owns: the list.  Knows nothing of: what they stand for.  Threads: one per struct.
 */
#ifndef TOOLS_MARKS_H
#define TOOLS_MARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "inkfs/reader.h"

/* Beyond that trying all of them costs as much as reading the records. */
enum { MARK_COUNT_MAX = 512 };

/* A zeroed struct has none. */
struct marks {
	uint64_t items[MARK_COUNT_MAX];
	size_t count;
};

/* false: there are too many. */
bool marks_add(struct marks *marks, uint64_t mark);
bool marks_have_one(const struct marks *marks, const struct ink_block *block);

#endif
