/* SPDX-License-Identifier: MIT */
#include "walk_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINK_COUNT_MAX = 40 };

struct walk {
	struct ink_store *store;
	bool follows_last;
	unsigned link_count;
	struct ink_attr at; /* where the walk stands */
	char *rest;         /* heap; what is still to go, NULL: nothing */
};

static enum ink_err step_up(struct walk *walk)
{
	uint64_t parent;
	enum ink_err err = ink_parent(walk->store, walk->at.inode, &parent);

	return err == INK_OK ? ink_getattr(walk->store, parent, &walk->at) : err;
}

/* Put the target of the link @link before what is still to go: nothing, or a slash and more. */
static enum ink_err follow(struct walk *walk, uint64_t link, const char *rest)
{
	char target[INK_TARGET_SIZE_MAX + 1];
	char *joined;
	enum ink_err err;

	if (++walk->link_count > LINK_COUNT_MAX)
		return INK_ERR_LIMIT;
	err = ink_readlink(walk->store, link, target);
	if (err != INK_OK)
		return err;
	/* Through the mount it would be a path of the machine, which is not in the store. */
	if (target[0] == '/')
		return INK_ERR_NOT_FOUND;
	if (asprintf(&joined, "%s%s", target, rest) < 0)
		return INK_ERR_IO;
	free(walk->rest);
	walk->rest = joined;
	return INK_OK;
}

/* Take one name off the path and go there. */
static enum ink_err step(struct walk *walk)
{
	char name[INK_NAME_SIZE_MAX + 1];
	char *rest = walk->rest + strspn(walk->rest, "/");
	size_t size = strcspn(rest, "/");
	bool is_last = rest[size + strspn(rest + size, "/")] == '\0';
	bool needs_folder = rest[size] == '/';
	struct ink_attr next;
	enum ink_err err;

	if (size > INK_NAME_SIZE_MAX)
		return INK_ERR_LIMIT;
	memcpy(name, rest, size);
	name[size] = '\0';
	if (!S_ISDIR(walk->at.mode))
		return INK_ERR_NOT_DIR;
	memmove(walk->rest, rest + size, strlen(rest + size) + 1);
	if (size == 0 || strcmp(name, ".") == 0)
		return INK_OK;
	if (strcmp(name, "..") == 0)
		return step_up(walk);
	err = ink_lookup(walk->store, walk->at.inode, name, &next);
	if (err != INK_OK)
		return err;
	if (S_ISLNK(next.mode) && (!is_last || needs_folder || walk->follows_last))
		return follow(walk, next.inode, walk->rest);
	walk->at = next;
	if (needs_folder && !S_ISDIR(next.mode))
		return INK_ERR_NOT_DIR;
	return INK_OK;
}

enum ink_err walk_path(struct ink_store *store, const char *path, bool follows_last,
		       struct ink_attr *ret_attr)
{
	struct walk walk = { .store = store, .follows_last = follows_last };
	enum ink_err err = ink_getattr(store, INK_ROOT_INODE, &walk.at);

	walk.rest = strdup(path);
	if (!walk.rest) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	while (err == INK_OK && walk.rest[0] != '\0')
		err = step(&walk);
	free(walk.rest);
	if (err == INK_OK)
		*ret_attr = walk.at;
	return err;
}
