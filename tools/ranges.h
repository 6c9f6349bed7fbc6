/* SPDX-License-Identifier: MIT */
/*
 * Runs of records that are worth reading, found by the blocks of the index.
 *
 * Owns: the list.  Knows nothing of: what is looked for.  Threads: one per struct.
 */
#ifndef TOOLS_RANGES_H
#define TOOLS_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "inkfs/reader.h"

struct range {
	uint64_t from, to; /* sequence numbers; @to is not in it */
};

/* Ascending, none touching the next.  A zeroed struct is empty. */
struct ranges {
	struct range *items;
	size_t count, capacity;
};

void ranges_release(struct ranges *ranges);
/* @from is not below what was added before; joined with the last if that reaches so far.  false without memory. */
bool ranges_add(struct ranges *ranges, uint64_t from, uint64_t to);

/* May it be in this block, which begins with record @first? */
typedef bool (*ranges_block_fn)(void *ctx, const struct ink_block *block, uint64_t first);
/* Add those of the first @count records whose block may hold it.  false after having complained. */
bool ranges_find(struct ranges *ranges, struct ink_store *store, uint64_t count,
		 ranges_block_fn may_hold, void *ctx);

/* One record of a range, checked as ever; false ends it. */
typedef bool (*ranges_record_fn)(void *ctx, const struct ink_record *record);
/*
 * Each record in them, in order.  @ret_is_whole: false if @each ended it.
 *
 * INK_ERR_DAMAGED: they are not where the index says, or do not follow each other.
 */
INK_MUST_CHECK enum ink_err ranges_read(const struct ranges *ranges, struct ink_store *store,
					struct ink_reader *reader, ranges_record_fn each, void *ctx,
					bool *ret_is_whole);

#endif
