/* SPDX-License-Identifier: MIT */
#include "ranges.h"

#include "array.h"
#include "common.h"

#include <inttypes.h>
#include <stdlib.h>

void ranges_release(struct ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct ranges){ 0 };
}

bool ranges_add(struct ranges *ranges, uint64_t from, uint64_t to)
{
	struct range *last = ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;

	if (last && last->to >= from) {
		last->to = to > last->to ? to : last->to;
		return true;
	}
	if (!array_grow((void **)&ranges->items, ranges->count, &ranges->capacity,
			sizeof(*ranges->items)))
		return false;
	ranges->items[ranges->count++] = (struct range){ from, to };
	return true;
}

bool ranges_find(struct ranges *ranges, struct ink_store *store, uint64_t count,
		 ranges_block_fn may_hold, void *ctx)
{
	for (uint64_t first = 0; first < count; first += INK_BLOCK_COUNT) {
		uint64_t end = count - first > INK_BLOCK_COUNT ? first + INK_BLOCK_COUNT : count;
		struct ink_block block;
		enum ink_err err = ink_block(store, first / INK_BLOCK_COUNT, &block);

		if (err != INK_OK) {
			complain("what the index says of the records from %" PRIu64
				 " on cannot be read (%s); try --scan, and 'inkfs verify'",
				 first, reason_of(err));
			return false;
		}
		if (may_hold(ctx, &block, first) && !ranges_add(ranges, first, end)) {
			complain("out of memory");
			return false;
		}
	}
	return true;
}

static enum ink_err read_range(const struct range *range, struct ink_store *store,
			       struct ink_reader *reader, ranges_record_fn each, void *ctx,
			       bool *is_whole)
{
	const struct ink_record *record;
	uint64_t place;
	enum ink_err err = ink_place(store, range->from, &place);

	if (err == INK_OK)
		err = ink_reader_seek(reader, place, range->from);
	for (uint64_t seq = range->from; err == INK_OK && *is_whole && seq < range->to; seq++) {
		err = ink_reader_next(reader, &record);
		if (err == INK_OK && !record)
			err = INK_ERR_DAMAGED;
		if (err == INK_OK)
			*is_whole = each(ctx, record);
	}
	return err;
}

enum ink_err ranges_read(const struct ranges *ranges, struct ink_store *store,
			 struct ink_reader *reader, ranges_record_fn each, void *ctx,
			 bool *ret_is_whole)
{
	bool is_whole = true;
	enum ink_err err = INK_OK;

	for (size_t i = 0; err == INK_OK && is_whole && i < ranges->count; i++)
		err = read_range(&ranges->items[i], store, reader, each, ctx, &is_whole);
	if (err == INK_OK)
		*ret_is_whole = is_whole;
	return err;
}
