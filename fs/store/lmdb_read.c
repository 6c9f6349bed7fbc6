/* SPDX-License-Identifier: MIT */
#include "lmdb_read_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_PAGE UINT64_MAX

struct node {
	uint16_t flags;
	struct lmdb_bytes key;
	struct lmdb_bytes value; /* of a leaf */
	uint64_t child;          /* of a branch, or the overflow page of a leaf's value */
	size_t value_size;
};

int lmdb_compare(struct lmdb_bytes a, struct lmdb_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	if (order != 0)
		return order;
	return (a.size > b.size) - (a.size < b.size);
}

/* --- pages and nodes ----------------------------------------------------------------------- */

static enum ink_err load_page(struct lmdb_cursor *cursor, unsigned level, uint64_t number)
{
	struct lmdb_level *l = &cursor->levels[level];
	uint16_t wanted = level + 1 == cursor->depth ? P_LEAF : P_BRANCH;
	unsigned lower, upper;
	enum ink_err err;

	if (l->number == number && number != 0)
		return INK_OK;
	l->number = 0;
	if (number < 2 || number > cursor->file->last_page)
		return lmdb_damaged(cursor->file, "a page number is out of bounds");
	err = lmdb_read_at(cursor->file, number * LMDB_PAGE_SIZE, l->page, LMDB_PAGE_SIZE);
	if (err != INK_OK)
		return err;
	if (le64(l->page) != number)
		return lmdb_damaged(cursor->file, "a page carries another page's number");
	if (le16(l->page + PAGE_OFF_FLAGS) != wanted)
		return lmdb_damaged(cursor->file, "a page of another kind than its place demands");
	lower = le16(l->page + PAGE_OFF_LOWER);
	upper = le16(l->page + PAGE_OFF_UPPER);
	if (lower % 2 != 0 || lower > upper || upper > LMDB_PAGE_SIZE ||
	    lower < PAGE_HEADER_SIZE + (wanted == P_BRANCH ? 4U : 2U))
		return lmdb_damaged(cursor->file, "the bounds of a page's nodes are wrong");
	l->count = (lower - PAGE_HEADER_SIZE) / 2;
	l->number = number;
	return INK_OK;
}

/* Node @index of the page at @level. */
static enum ink_err read_node(struct lmdb_cursor *cursor, unsigned level, unsigned index,
			      struct node *ret_node)
{
	const struct lmdb_level *l = &cursor->levels[level];
	unsigned at = le16(l->page + PAGE_HEADER_SIZE + 2 * (size_t)index);
	bool is_leaf = level + 1 == cursor->depth;
	size_t key_size, room;
	const uint8_t *n;

	if (at < le16(l->page + PAGE_OFF_UPPER) || at > LMDB_PAGE_SIZE - NODE_HEADER_SIZE)
		return lmdb_damaged(cursor->file, "a node lies outside of its page");
	n = l->page + at;
	room = LMDB_PAGE_SIZE - at - NODE_HEADER_SIZE;
	key_size = le16(n + 6);
	if (key_size > LMDB_KEY_SIZE_MAX || key_size > room)
		return lmdb_damaged(cursor->file, "a key lies outside of its page");
	room -= key_size;
	ret_node->key = (struct lmdb_bytes){ n + NODE_HEADER_SIZE, key_size };
	ret_node->flags = le16(n + 4);
	if (!is_leaf) {
		ret_node->child = le32(n) | (uint64_t)ret_node->flags << 32;
		return INK_OK;
	}
	if ((ret_node->flags & ~F_BIGDATA) != (cursor->is_main ? F_SUBDATA : 0))
		return lmdb_damaged(cursor->file, "a node with flags that do not belong there");
	ret_node->value_size = le32(n);
	if ((ret_node->flags & F_BIGDATA ? 8 : ret_node->value_size) > room)
		return lmdb_damaged(cursor->file, "a value lies outside of its page");
	ret_node->value =
		(struct lmdb_bytes){ ret_node->key.data + key_size, ret_node->value_size };
	if (ret_node->flags & F_BIGDATA)
		ret_node->child = le64(ret_node->value.data);
	return INK_OK;
}

static enum ink_err load_overflow(struct lmdb_cursor *cursor, struct node *node)
{
	struct lmdb_file *file = cursor->file;
	uint64_t pages_min =
		(PAGE_HEADER_SIZE - 1 + (uint64_t)node->value_size) / LMDB_PAGE_SIZE + 1;
	uint64_t pages;
	size_t size = PAGE_HEADER_SIZE + node->value_size;
	enum ink_err err;

	if (node->value_size > LMDB_VALUE_SIZE_MAX)
		return lmdb_damaged(file, "a value larger than any of ours");
	if (node->child < 2 || node->child > file->last_page ||
	    pages_min > file->last_page - node->child + 1)
		return lmdb_damaged(file, "a value's pages are out of bounds");
	if (size > cursor->overflow_room) {
		uint8_t *room = realloc(cursor->overflow, size);

		if (!room) {
			errno = ENOMEM;
			return INK_ERR_IO;
		}
		cursor->overflow = room;
		cursor->overflow_room = size;
	}
	err = lmdb_read_at(file, node->child * LMDB_PAGE_SIZE, cursor->overflow, size);
	if (err != INK_OK)
		return err;
	/* A value that became shorter in the transaction that wrote it keeps its longer run of pages. */
	pages = le32(cursor->overflow + PAGE_OFF_PAGES);
	if (le64(cursor->overflow) != node->child ||
	    le16(cursor->overflow + PAGE_OFF_FLAGS) != P_OVERFLOW || pages < pages_min ||
	    pages > file->last_page - node->child + 1)
		return lmdb_damaged(file, "a value's pages are not what its node says");
	node->value.data = cursor->overflow + PAGE_HEADER_SIZE;
	cursor->seen_overflow += pages;
	return INK_OK;
}

/* --- cursors ------------------------------------------------------------------------------- */

static enum ink_err take_descriptor(struct lmdb_cursor *cursor, const uint8_t *db)
{
	struct lmdb_file *file = cursor->file;
	uint16_t depth = le16(db + 6);

	cursor->branch_pages = le64(db + 8);
	cursor->leaf_pages = le64(db + 16);
	cursor->overflow_pages = le64(db + 24);
	cursor->entry_count = le64(db + 32);
	cursor->root = le64(db + 40);
	if (le16(db + 4) != 0)
		return lmdb_damaged(file, "a database with flags that ours do not have");
	if (cursor->root == NO_PAGE) {
		if (depth != 0 || cursor->entry_count != 0 || cursor->branch_pages != 0 ||
		    cursor->leaf_pages != 0 || cursor->overflow_pages != 0)
			return lmdb_damaged(file, "an empty database that counts something");
		return INK_OK;
	}
	if (depth < 1 || depth > LMDB_DEPTH_MAX)
		return lmdb_damaged(file, "the depth of a tree is out of bounds");
	cursor->depth = depth;
	cursor->pages = malloc((size_t)depth * LMDB_PAGE_SIZE);
	if (!cursor->pages) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	for (unsigned i = 0; i < depth; i++)
		cursor->levels[i].page = cursor->pages + (size_t)i * LMDB_PAGE_SIZE;
	return INK_OK;
}

enum ink_err lmdb_cursor_init(struct lmdb_cursor *cursor, struct lmdb_file *file, const char *name)
{
	struct lmdb_bytes value;
	enum ink_err err;

	memset(cursor, 0, sizeof(*cursor));
	cursor->file = file;
	cursor->is_main = true;
	err = take_descriptor(cursor, file->main_db);
	if (err != INK_OK || !name)
		return err;
	err = lmdb_get(cursor, name, strlen(name), &value);
	if (err == INK_OK && value.size != DB_SIZE)
		err = lmdb_damaged(file, "a database's descriptor has a wrong size");
	if (err == INK_OK) {
		uint8_t db[DB_SIZE];

		memcpy(db, value.data, DB_SIZE);
		lmdb_cursor_release(cursor);
		cursor->file = file;
		err = take_descriptor(cursor, db);
	}
	return err;
}

void lmdb_cursor_release(struct lmdb_cursor *cursor)
{
	free(cursor->pages);
	free(cursor->overflow);
	memset(cursor, 0, sizeof(*cursor));
}

/* From the page at @level, whose node is chosen, down to the first leaf beneath. */
static enum ink_err descend_first(struct lmdb_cursor *cursor, unsigned level)
{
	struct node node = { 0 };
	enum ink_err err;

	for (; level + 1 < cursor->depth; level++) {
		err = read_node(cursor, level, cursor->levels[level].index, &node);
		if (err != INK_OK)
			return err;
		cursor->levels[level + 1].number = 0; /* what was there may be half of a write */
		err = load_page(cursor, level + 1, node.child);
		if (err != INK_OK)
			return err;
		cursor->levels[level + 1].index = 0;
		*(level + 2 == cursor->depth ? &cursor->seen_leaf : &cursor->seen_branch) += 1;
	}
	return INK_OK;
}

static enum ink_err start(struct lmdb_cursor *cursor)
{
	enum ink_err err;

	cursor->is_started = true;
	cursor->seen_entries = cursor->seen_overflow = 0;
	cursor->seen_leaf = cursor->depth == 1;
	cursor->seen_branch = cursor->depth > 1;
	cursor->last_key_size = cursor->low_key_size = 0;
	cursor->levels[0].number = 0;
	err = load_page(cursor, 0, cursor->root);
	cursor->levels[0].index = 0;
	return err != INK_OK ? err : descend_first(cursor, 0);
}

/* A branch's key must lie behind all keys to the left of it, and not behind those to the right. */
static enum ink_err pass_branch_key(struct lmdb_cursor *cursor, unsigned level)
{
	struct lmdb_bytes last = { cursor->last_key, cursor->last_key_size };
	struct node node = { 0 };
	enum ink_err err = read_node(cursor, level, cursor->levels[level].index, &node);

	if (err != INK_OK)
		return err;
	if (lmdb_compare(last, node.key) >= 0)
		return lmdb_damaged(cursor->file, "keys are out of order");
	memcpy(cursor->low_key, node.key.data, node.key.size);
	cursor->low_key_size = node.key.size;
	return INK_OK;
}

/* Move to the next leaf node.  INK_ERR_NOT_FOUND: that was the last. */
static enum ink_err advance(struct lmdb_cursor *cursor)
{
	unsigned level = cursor->depth - 1;
	enum ink_err err;

	while (++cursor->levels[level].index >= cursor->levels[level].count) {
		if (level == 0)
			return INK_ERR_NOT_FOUND;
		level--;
	}
	if (level + 1 == cursor->depth)
		return INK_OK;
	err = pass_branch_key(cursor, level);
	return err != INK_OK ? err : descend_first(cursor, level);
}

static enum ink_err check_counts(struct lmdb_cursor *cursor)
{
	cursor->is_started = false;
	if (cursor->seen_entries != cursor->entry_count ||
	    cursor->seen_leaf != cursor->leaf_pages ||
	    cursor->seen_branch != cursor->branch_pages ||
	    cursor->seen_overflow != cursor->overflow_pages)
		return lmdb_damaged(cursor->file,
				    "a database's counts of entries or pages are wrong");
	return INK_ERR_NOT_FOUND;
}

enum ink_err lmdb_next(struct lmdb_cursor *cursor, struct lmdb_bytes *ret_key,
		       struct lmdb_bytes *ret_value)
{
	struct lmdb_bytes last = { cursor->last_key, cursor->last_key_size };
	struct lmdb_bytes low = { cursor->low_key, cursor->low_key_size };
	struct node node = { 0 };
	enum ink_err err;

	if (cursor->depth == 0)
		return INK_ERR_NOT_FOUND;
	err = cursor->is_started ? advance(cursor) : start(cursor);
	if (err == INK_ERR_NOT_FOUND)
		return check_counts(cursor);
	if (err == INK_OK)
		err = read_node(cursor, cursor->depth - 1, cursor->levels[cursor->depth - 1].index,
				&node);
	if (err != INK_OK)
		return err;
	low.size = cursor->low_key_size;
	if ((cursor->seen_entries > 0 && lmdb_compare(last, node.key) >= 0) ||
	    lmdb_compare(low, node.key) > 0)
		return lmdb_damaged(cursor->file, "keys are out of order");
	if (node.key.size > 0)
		memcpy(cursor->last_key, node.key.data, node.key.size);
	cursor->last_key_size = node.key.size;
	cursor->seen_entries++;
	if (node.flags & F_BIGDATA) {
		err = load_overflow(cursor, &node);
		if (err != INK_OK)
			return err;
	}
	*ret_key = node.key;
	*ret_value = node.value;
	return INK_OK;
}

/* As LMDB: the last node whose key is not behind @key; in a branch the first key counts as lowest. */
static enum ink_err search_page(struct lmdb_cursor *cursor, unsigned level, struct lmdb_bytes key,
				struct node *ret_node, bool *ret_is_equal)
{
	bool is_leaf = level + 1 == cursor->depth;
	unsigned low = is_leaf ? 0 : 1, high = cursor->levels[level].count;
	enum ink_err err;

	*ret_is_equal = false;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order;

		err = read_node(cursor, level, middle, ret_node);
		if (err != INK_OK)
			return err;
		order = lmdb_compare(key, ret_node->key);
		if (order == 0) {
			*ret_is_equal = true;
			return INK_OK;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return is_leaf ? INK_OK : read_node(cursor, level, low - 1, ret_node);
}

enum ink_err lmdb_get(struct lmdb_cursor *cursor, const void *key, size_t key_size,
		      struct lmdb_bytes *ret_value)
{
	struct lmdb_bytes wanted = { key, key_size };
	uint64_t page = cursor->root;
	struct node node = { 0 };
	bool is_equal = false;
	enum ink_err err;

	cursor->is_started = false;
	for (unsigned level = 0; level < cursor->depth; level++) {
		err = load_page(cursor, level, page);
		if (err == INK_OK)
			err = search_page(cursor, level, wanted, &node, &is_equal);
		if (err != INK_OK)
			return err;
		page = node.child;
	}
	if (!is_equal)
		return INK_ERR_NOT_FOUND;
	if (node.flags & F_BIGDATA) {
		err = load_overflow(cursor, &node);
		if (err != INK_OK)
			return err;
	}
	*ret_value = node.value;
	return INK_OK;
}
