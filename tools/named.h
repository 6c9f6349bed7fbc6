/* SPDX-License-Identifier: MIT */
/*
 * What files are called, from the few records that evidence holds.
 *
 * Owns: the names.  Knows nothing of: other records, so whether a name was given or taken away by one of those.
 * Threads: one.
 */
#ifndef TOOLS_NAMED_H
#define TOOLS_NAMED_H

#include "line.h"

#include "inkfs/record.h"

struct name_given;

struct named {
	struct name_given *items;
	size_t count, capacity;
};

/* Take in a CREATE, MKDIR, SYMLINK, RENAME or LINK; every other kind is passed over.  false without memory. */
bool named_add(struct named *named, const struct ink_header *header, const union ink_body *body);
void named_release(struct named *named);

/*
 * The path of @inode at record @seq: by the last record up to it that gives a name, else by the first behind it.
 * false: some name on the way is not known; @out is as it was.
 */
bool named_path(const struct named *named, uint64_t inode, uint64_t seq, struct line *out);

#endif
