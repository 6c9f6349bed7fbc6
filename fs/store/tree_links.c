/* SPDX-License-Identifier: MIT */
/* The succession of keys: where its records are. */
#include "tree_private.h"

#include <errno.h>
#include <stdlib.h>

struct links {
	uint64_t *seqs;
	size_t count, room;
	uint64_t behind;
	bool is_done;
};

static bool add(struct links *links, uint64_t seq)
{
	if (!tree_grow(&links->seqs, &links->room, links->count, sizeof(uint64_t)))
		return false;
	links->seqs[links->count++] = seq;
	links->is_done = seq > links->behind;
	return true;
}

static enum ink_err add_indexed(struct tree *tree, struct links *links)
{
	struct lmdb_cursor seals = { 0 };
	struct lmdb_bytes key, value;
	enum ink_err err = lmdb_cursor_init(&seals, &tree->file, "seals");

	while (err == INK_OK && !links->is_done) {
		err = lmdb_next(&seals, &key, &value);
		if (err != INK_OK)
			break;
		if (key.size != 8 || value.size != 8)
			err = INK_ERR_DAMAGED;
		else if (be64_load(key.data) >= tree->index_count)
			break;
		else if (value.data[0] != INK_SEAL && !add(links, be64_load(key.data))) {
			errno = ENOMEM;
			err = INK_ERR_IO;
		}
	}
	lmdb_cursor_release(&seals);
	return err == INK_ERR_NOT_FOUND ? INK_OK : err;
}

enum ink_err tree_links(struct tree *tree, uint64_t behind, uint64_t **ret_seqs, size_t *ret_count)
{
	struct links links = { .behind = behind };
	enum ink_err err = tree->has_index ? add_indexed(tree, &links) : INK_OK;

	for (size_t i = 0; err == INK_OK && i < tree->link_count && !links.is_done; i++) {
		if (!add(&links, tree->links[i])) {
			errno = ENOMEM;
			err = INK_ERR_IO;
		}
	}
	if (err != INK_OK) {
		free(links.seqs);
		return err;
	}
	*ret_seqs = links.seqs;
	*ret_count = links.count;
	return INK_OK;
}
