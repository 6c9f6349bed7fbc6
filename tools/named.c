/* SPDX-License-Identifier: MIT */
#include "named.h"

#include "array.h"

#include <stdlib.h>

#include "inkfs/store.h"

/* Beyond that nobody is waiting for the path; and what others made must not keep us busy for ever. */
enum { DEPTH_MAX = 128, NAME_COUNT_MAX = 1024 };

struct name_given {
	uint64_t inode, parent, seq;
	uint16_t size;
	char bytes[INK_NAME_SIZE_MAX];
};

bool named_add(struct named *named, const struct ink_header *header, const union ink_body *body)
{
	struct name_given given = { .inode = header->inode, .seq = header->seq };
	void *items = named->items;
	struct ink_str name;

	switch (header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: given.parent = body->node.parent, name = body->node.name; break;
	case INK_RENAME:
		given.parent = body->rename.new_parent, name = body->rename.new_name;
		break;
	case INK_LINK: given.parent = body->name.parent, name = body->name.name; break;
	default: return true;
	}
	given.size = (uint16_t)name.size;
	memcpy(given.bytes, name.data, name.size);
	if (!array_grow(&items, named->count, &named->capacity, sizeof(*named->items)))
		return false;
	named->items = items;
	named->items[named->count++] = given;
	return true;
}

void named_release(struct named *named)
{
	free(named->items);
	*named = (struct named){ 0 };
}

static const struct name_given *find(const struct named *named, uint64_t inode, uint64_t seq)
{
	const struct name_given *best = NULL;

	for (size_t i = 0; i < named->count; i++) { /* ascending by seq */
		const struct name_given *given = &named->items[i];

		if (given->inode == inode && (!best || given->seq <= seq))
			best = given;
	}
	return best;
}

bool named_path(const struct named *named, uint64_t inode, uint64_t seq, struct line *out)
{
	const struct name_given *way[DEPTH_MAX];
	unsigned depth = 0;

	if (named->count > NAME_COUNT_MAX)
		return false;
	for (; inode != INK_ROOT_INODE; inode = way[depth++]->parent) {
		if (depth == DEPTH_MAX)
			return false;
		way[depth] = find(named, inode, seq);
		if (!way[depth])
			return false;
	}
	if (depth == 0)
		line_putc(out, '/');
	while (depth-- > 0) {
		line_putc(out, '/');
		line_put(out, way[depth]->bytes, way[depth]->size);
	}
	return true;
}
