/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include "array.h"
#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct entry {
	char *path;
	uint64_t inode;
	uint32_t type;
};

/* What is still to do, the next one last. */
struct tree {
	struct ink_store *store;
	struct entry *entries;
	size_t count, capacity;
	const char *folder;
	bool has_failed;
	uint8_t *seen; /* a bit for each folder: a damaged index may lead in circles */
	uint64_t inode_count;
};

static bool add(void *ctx, const struct ink_entry *found)
{
	struct tree *tree = ctx;
	char *path;

	if (!S_ISDIR(found->type) && !S_ISREG(found->type))
		return true;
	if (!array_grow((void **)&tree->entries, tree->count, &tree->capacity,
			sizeof(*tree->entries)) ||
	    asprintf(&path, "%s/%.*s", tree->folder, (int)found->name_size, found->name) < 0) {
		tree->has_failed = true;
		return false;
	}
	tree->entries[tree->count++] = (struct entry){ path, found->inode, found->type };
	return true;
}

static int compare_backwards(const void *a, const void *b)
{
	return strcmp(((const struct entry *)b)->path, ((const struct entry *)a)->path);
}

static bool was_seen(struct tree *tree, uint64_t inode)
{
	uint8_t bit = (uint8_t)(1u << (inode % 8));
	bool was;

	if (inode > tree->inode_count)
		return true;
	was = tree->seen[inode / 8] & bit;
	tree->seen[inode / 8] |= bit;
	return was;
}

static bool open_folder(struct tree *tree, const char *path, uint64_t inode)
{
	size_t first = tree->count;
	enum ink_err err;

	if (was_seen(tree, inode)) {
		complain("%s/: this folder was there before, in another place; run 'inkfs verify'",
			 path);
		return false;
	}
	tree->folder = path;
	err = ink_readdir(tree->store, inode, 0, add, tree);
	if (err != INK_OK || tree->has_failed) {
		complain("%s/: %s", path, tree->has_failed ? "out of memory" : reason_of(err));
		return false;
	}
	if (tree->count > first)
		qsort(tree->entries + first, tree->count - first, sizeof(*tree->entries),
		      compare_backwards);
	return true;
}

static bool take(struct tree *tree, const struct entry *entry, tree_fn each, void *ctx)
{
	struct ink_attr attr;
	enum ink_err err;

	if (S_ISDIR(entry->type))
		return open_folder(tree, entry->path, entry->inode);
	err = ink_getattr(tree->store, entry->inode, &attr);
	if (err != INK_OK) {
		complain("%s: %s", entry->path, reason_of(err));
		return false;
	}
	return each(ctx, entry->path, &attr);
}

bool tree_each(struct ink_store *store, tree_fn each, void *ctx)
{
	struct tree tree = { .store = store };
	struct ink_status status;
	bool is_good;

	ink_status(store, &status);
	tree.inode_count = status.file_count;
	tree.seen = calloc(1, tree.inode_count / 8 + 1);
	is_good = tree.seen && open_folder(&tree, "", INK_ROOT_INODE);
	while (is_good && tree.count > 0) {
		struct entry entry = tree.entries[--tree.count];

		is_good = take(&tree, &entry, each, ctx);
		free(entry.path);
	}
	while (tree.count > 0)
		free(tree.entries[--tree.count].path);
	free(tree.entries);
	free(tree.seen);
	return is_good;
}
