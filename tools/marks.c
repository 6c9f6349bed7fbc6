/* SPDX-License-Identifier: MIT */
#include "marks.h"

bool marks_add(struct marks *marks, uint64_t mark)
{
	for (size_t i = 0; i < marks->count; i++) {
		if (marks->items[i] == mark)
			return true;
	}
	if (marks->count == MARK_COUNT_MAX)
		return false;
	marks->items[marks->count++] = mark;
	return true;
}

bool marks_have_one(const struct marks *marks, const struct ink_block *block)
{
	for (size_t i = 0; i < marks->count; i++) {
		if (ink_block_has(block, marks->items[i]))
			return true;
	}
	return false;
}
