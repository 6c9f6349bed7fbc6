/* SPDX-License-Identifier: MIT */
#include "lmdb_read_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lmdb_read_private.h"

enum {
	NODE_SIZE_MAX = 2038, /* LMDB's me_nodemax: what is larger lies on pages of its own */
	HALF_COUNT = LMDB_PAGE_SIZE / 2,
	TRY_COUNT_MAX = 5,
	BOUNDED_PAGES_MAX = 512, /* of a tree that is looked at whole in LMDB_CHECK_BOUNDED */
	BOUNDED_LEVELS = 2,      /* of a larger one: at most some 230 pages */
};

#define NO_PAGE UINT64_MAX
#define MAP_SIZE_MAX (UINT64_C(1) << 46)

enum tree_kind { TREE_MAIN, TREE_NAMED, TREE_FREE };

struct tree {
	enum tree_kind kind;
	uint16_t depth;
	bool is_partial; /* only its uppermost levels are looked at, and no list of free pages */
	uint64_t branch_pages, leaf_pages, overflow_pages, entries; /* seen so far */
};

struct check {
	struct lmdb_file *file;
	enum lmdb_check_scope scope;
	uint8_t *claimed; /* a bit for each page */
	uint8_t *pages;   /* of the two trees that are open at once, by level */
	struct tree *tree;
};

struct node {
	uint16_t flags;
	struct lmdb_bytes key;
	size_t value_size;
	const uint8_t *value; /* on the page: the value, or the number of its first page */
	uint64_t child;       /* of a branch */
};

/* Bounds of the keys on a page; data NULL: none. */
struct bounds {
	struct lmdb_bytes low, high;
};

static enum ink_err claim(struct check *check, uint64_t first, uint64_t count)
{
	uint64_t last_page = check->file->last_page;

	if (first < 2 || first > last_page || count > last_page - first + 1)
		return lmdb_damaged(check->file, "a page number is out of bounds");
	for (uint64_t i = first; i < first + count; i++) {
		if (check->claimed[i / 8] & 1U << i % 8)
			return lmdb_damaged(check->file, "a page has two owners");
		check->claimed[i / 8] |= (uint8_t)(1U << i % 8);
	}
	return INK_OK;
}

static int compare_keys(const struct tree *tree, struct lmdb_bytes a, struct lmdb_bytes b)
{
	if (tree->kind == TREE_FREE)
		return (le64(a.data) > le64(b.data)) - (le64(a.data) < le64(b.data));
	return lmdb_compare(a, b);
}

static uint64_t value_pages(size_t value_size)
{
	return (PAGE_HEADER_SIZE - 1 + (uint64_t)value_size) / LMDB_PAGE_SIZE + 1;
}

/* --- pages and nodes ----------------------------------------------------------------------- */

static enum ink_err load(struct check *check, uint64_t number, bool is_leaf, uint8_t *page,
			 unsigned *ret_count)
{
	struct lmdb_file *file = check->file;
	enum ink_err err = claim(check, number, 1);
	unsigned lower, upper;

	if (err == INK_OK)
		err = lmdb_read_at(file, number * LMDB_PAGE_SIZE, page, LMDB_PAGE_SIZE);
	if (err != INK_OK)
		return err;
	lower = le16(page + PAGE_OFF_LOWER);
	upper = le16(page + PAGE_OFF_UPPER);
	if (le64(page) != number)
		return lmdb_damaged(file, "a page carries another page's number");
	if (le16(page + PAGE_OFF_FLAGS) != (is_leaf ? P_LEAF : P_BRANCH))
		return lmdb_damaged(file, "a page of another kind than its place demands");
	if (lower % 2 != 0 || lower > upper || upper > LMDB_PAGE_SIZE ||
	    lower < PAGE_HEADER_SIZE + (is_leaf ? 2U : 4U))
		return lmdb_damaged(file, "the bounds of a page's nodes are wrong");
	*ret_count = (lower - PAGE_HEADER_SIZE) / 2;
	return INK_OK;
}

/* @ret_size: bytes that the node takes on its page. */
static enum ink_err read_node(struct check *check, const uint8_t *page, unsigned index,
			      bool is_leaf, struct node *ret_node, size_t *ret_size)
{
	unsigned at = le16(page + PAGE_HEADER_SIZE + 2 * (size_t)index);
	const uint8_t *n = page + at;
	size_t size = NODE_HEADER_SIZE;

	if (at % 2 != 0 || at < le16(page + PAGE_OFF_UPPER) ||
	    at > LMDB_PAGE_SIZE - NODE_HEADER_SIZE)
		return lmdb_damaged(check->file, "a node lies outside of its page");
	ret_node->flags = le16(n + 4);
	ret_node->key = (struct lmdb_bytes){ n + NODE_HEADER_SIZE, le16(n + 6) };
	if (ret_node->key.size > LMDB_KEY_SIZE_MAX)
		return lmdb_damaged(check->file, "a key is too long");
	size += ret_node->key.size;
	ret_node->value_size = le32(n);
	ret_node->child = le32(n) | (uint64_t)ret_node->flags << 32;
	ret_node->value = ret_node->key.data + ret_node->key.size;
	if (is_leaf)
		size += ret_node->flags & F_BIGDATA ? 8 : ret_node->value_size;
	size += size % 2;
	if (size > LMDB_PAGE_SIZE - at)
		return lmdb_damaged(check->file, "a node lies outside of its page");
	*ret_size = size;
	return INK_OK;
}

/* 1 of the header's list. */
static enum ink_err check_tiling(struct check *check, const uint8_t *page, unsigned count,
				 bool is_leaf)
{
	uint8_t taken[HALF_COUNT] = { 0 };
	size_t sum = 0, size = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned at = le16(page + PAGE_HEADER_SIZE + 2 * (size_t)i);
		struct node node;
		enum ink_err err = read_node(check, page, i, is_leaf, &node, &size);

		if (err != INK_OK)
			return err;
		for (size_t half = at / 2; half < (at + size) / 2; half++)
			if (taken[half]++)
				return lmdb_damaged(check->file, "two nodes overlap");
		sum += size;
	}
	if (sum != LMDB_PAGE_SIZE - (size_t)le16(page + PAGE_OFF_UPPER))
		return lmdb_damaged(check->file, "a page's nodes do not fill their space");
	return INK_OK;
}

static enum ink_err check_key(struct check *check, struct lmdb_bytes key,
			      const struct bounds *bounds, bool is_low_open)
{
	const struct tree *tree = check->tree;

	if (tree->kind == TREE_FREE && key.size != 8)
		return lmdb_damaged(check->file, "a key of the free list is no number");
	if (bounds->low.data && compare_keys(tree, bounds->low, key) >= (is_low_open ? 0 : 1))
		return lmdb_damaged(check->file, "keys are out of order");
	if (bounds->high.data && compare_keys(tree, key, bounds->high) >= 0)
		return lmdb_damaged(check->file, "keys are out of order");
	return INK_OK;
}

/* --- values -------------------------------------------------------------------------------- */

struct free_list {
	uint64_t count; /* of pages, as its first number says */
	uint64_t last;  /* page */
};

/* A piece of an entry of the free list: a count, then that many page numbers, the largest first. */
static enum ink_err claim_free(struct check *check, struct free_list *list, const uint8_t *numbers,
			       uint64_t index, size_t count)
{
	enum ink_err err = INK_OK;

	for (size_t i = 0; i < count && index + i <= list->count && err == INK_OK; i++) {
		uint64_t number = le64(numbers + 8 * i);

		if (index + i == 0)
			continue;
		if (number >= list->last)
			return lmdb_damaged(check->file, "free pages are out of order");
		list->last = number;
		err = claim(check, number, 1);
	}
	return err;
}

static enum ink_err check_free_pages(struct check *check, const struct node *node)
{
	struct lmdb_file *file = check->file;
	bool is_big = node->flags & F_BIGDATA;
	uint64_t pos = is_big ? le64(node->value) * LMDB_PAGE_SIZE + PAGE_HEADER_SIZE : 0;
	struct free_list list = { .last = UINT64_MAX };
	uint8_t block[LMDB_PAGE_SIZE];
	enum ink_err err = INK_OK;

	if (le64(node->key.data) > file->txn)
		return lmdb_damaged(file, "the free list knows of a later commit");
	if (node->value_size < 8 || node->value_size % 8 != 0)
		return lmdb_damaged(file, "an entry of the free list is too short");
	for (size_t at = 0; at < node->value_size && err == INK_OK; at += sizeof(block)) {
		size_t size = node->value_size - at;

		if (size > sizeof(block))
			size = sizeof(block);
		if (is_big)
			err = lmdb_read_at(file, pos + at, block, size);
		else
			memcpy(block, node->value + at, size);
		if (err == INK_OK && at == 0) {
			list.count = le64(block);
			/* The value may have room behind. */
			if (list.count > node->value_size / 8 - 1)
				return lmdb_damaged(file, "an entry of the free list is too short");
		}
		if (err == INK_OK)
			err = claim_free(check, &list, block, at / 8, size / 8);
	}
	return err;
}

/* Claims the pages of a value that has some of its own. */
static enum ink_err check_big(struct check *check, const struct node *node)
{
	struct lmdb_file *file = check->file;
	uint64_t first = le64(node->value), pages = value_pages(node->value_size);
	uint8_t head[PAGE_HEADER_SIZE];
	enum ink_err err;

	if (check->tree->kind == TREE_FREE) {
		if (first > file->last_page)
			return lmdb_damaged(file, "a page number is out of bounds");
		err = lmdb_read_at(file, first * LMDB_PAGE_SIZE, head, sizeof(head));
		if (err != INK_OK)
			return err;
		if (le64(head) != first || le16(head + PAGE_OFF_FLAGS) != P_OVERFLOW ||
		    le32(head + PAGE_OFF_PAGES) < pages)
			return lmdb_damaged(file, "a value's pages are not what its node says");
		pages = le32(head + PAGE_OFF_PAGES);
	}
	check->tree->overflow_pages += pages;
	return claim(check, first, pages);
}

static enum ink_err check_tree(struct check *check, const uint8_t *db, enum tree_kind kind);

static enum ink_err check_entry(struct check *check, const struct node *node)
{
	struct tree *tree = check->tree;
	bool is_big = node->flags & F_BIGDATA;
	enum ink_err err = INK_OK;
	uint8_t db[DB_SIZE];

	tree->entries++;
	if ((node->flags & ~F_BIGDATA) != (tree->kind == TREE_MAIN ? F_SUBDATA : 0))
		return lmdb_damaged(check->file, "a node with flags that do not belong there");
	/* LMDB lets an entry of its free list shrink in place. */
	if (is_big != (NODE_HEADER_SIZE + node->key.size + node->value_size > NODE_SIZE_MAX) &&
	    !(is_big && tree->kind == TREE_FREE))
		return lmdb_damaged(check->file, "a value lies where LMDB would not put it");
	if (is_big)
		err = check_big(check, node);
	if (err != INK_OK || tree->kind == TREE_NAMED)
		return err;
	if (tree->kind == TREE_FREE)
		return tree->is_partial ? INK_OK : check_free_pages(check, node);
	if (node->value_size != DB_SIZE) /* that large, it is on this page */
		return lmdb_damaged(check->file, "a database's descriptor has a wrong size");
	memcpy(db, node->value, DB_SIZE);
	err = check_tree(check, db, TREE_NAMED);
	check->tree = tree;
	return err;
}

/* --- trees --------------------------------------------------------------------------------- */

static uint8_t *page_at(struct check *check, unsigned level)
{
	unsigned slot = level + (check->tree->kind == TREE_NAMED ? LMDB_DEPTH_MAX : 0);

	return check->pages + (size_t)slot * LMDB_PAGE_SIZE;
}

/* Recursive, at most LMDB_DEPTH_MAX deep, and once more for a named database. */
static enum ink_err check_page(struct check *check, uint64_t number, unsigned level,
			       struct bounds bounds)
{
	bool is_leaf = level + 1 == check->tree->depth;
	uint8_t *page = page_at(check, level);
	struct node node = { 0 }, next = { 0 };
	unsigned count = 0;
	size_t size;
	enum ink_err err = load(check, number, is_leaf, page, &count);

	if (err == INK_OK)
		err = check_tiling(check, page, count, is_leaf);
	*(is_leaf ? &check->tree->leaf_pages : &check->tree->branch_pages) += 1;
	for (unsigned i = 0; i < count && err == INK_OK; i++) {
		struct bounds inner = bounds;

		err = read_node(check, page, i, is_leaf, &node, &size);
		/* The first key of a branch counts as lowest, whatever it is. */
		if (err == INK_OK && (is_leaf || i > 0)) {
			err = check_key(check, node.key, &bounds, i > 0);
			bounds.low = node.key;
			inner.low = node.key;
		}
		if (err == INK_OK && !is_leaf && i + 1 < count) {
			err = read_node(check, page, i + 1, is_leaf, &next, &size);
			if (err == INK_OK)
				err = check_key(check, next.key, &bounds, i > 0);
			inner.high = next.key;
		}
		if (err == INK_OK && is_leaf)
			err = check_entry(check, &node);
		else if (err == INK_OK && (!check->tree->is_partial || level + 1 < BOUNDED_LEVELS))
			err = check_page(check, node.child, level + 1, inner);
	}
	return err;
}

/* Pages of a tree that would be read; of values only those of the free list are. */
static bool is_large(const uint8_t *db, enum tree_kind kind)
{
	return le64(db + 8) > BOUNDED_PAGES_MAX || le64(db + 16) > BOUNDED_PAGES_MAX ||
	       (kind == TREE_FREE && le64(db + 24) > BOUNDED_PAGES_MAX);
}

static bool has_counts(const uint8_t *db, const struct tree *seen)
{
	return le64(db + 8) == seen->branch_pages && le64(db + 16) == seen->leaf_pages &&
	       le64(db + 24) == seen->overflow_pages && le64(db + 32) == seen->entries;
}

static enum ink_err check_tree(struct check *check, const uint8_t *db, enum tree_kind kind)
{
	static const uint8_t empty[34]; /* from the depth to the count of entries */
	struct lmdb_file *file = check->file;
	struct tree tree = { .kind = kind, .depth = le16(db + 6) };
	uint64_t root = le64(db + 40);
	enum ink_err err;

	if (le16(db + 4) != (kind == TREE_FREE ? F_INTEGER_KEY : 0) ||
	    (kind != TREE_FREE && le32(db) != 0))
		return lmdb_damaged(file, "a database with flags that ours do not have");
	if (root == NO_PAGE && memcmp(db + 6, empty, sizeof(empty)) != 0)
		return lmdb_damaged(file, "an empty database that counts something");
	if (root == NO_PAGE)
		return INK_OK;
	if (tree.depth < 1 || tree.depth > LMDB_DEPTH_MAX)
		return lmdb_damaged(file, "the depth of a tree is out of bounds");
	tree.is_partial = check->scope == LMDB_CHECK_BOUNDED && is_large(db, kind);
	check->tree = &tree;
	err = check_page(check, root, 0, (struct bounds){ { NULL, 0 }, { NULL, 0 } });
	if (err == INK_OK && !tree.is_partial && !has_counts(db, &tree))
		err = lmdb_damaged(file, "a database's counts of entries or pages are wrong");
	check->tree = NULL;
	return err;
}

enum ink_err lmdb_check_file(struct lmdb_file *file, enum lmdb_check_scope scope)
{
	struct check check = { .file = file, .scope = scope };
	enum ink_err err = INK_ERR_IO;

	if (file->map_size % LMDB_PAGE_SIZE != 0 || file->map_size > MAP_SIZE_MAX ||
	    file->txn > INT64_MAX)
		return lmdb_damaged(file, "a meta page holds an impossible size");
	check.claimed = calloc(1, file->last_page / 8 + 1);
	check.pages = malloc((size_t)2 * LMDB_DEPTH_MAX * LMDB_PAGE_SIZE);
	if (check.claimed && check.pages) {
		err = check_tree(&check, file->main_db, TREE_MAIN);
		if (err == INK_OK)
			err = check_tree(&check, file->free_db, TREE_FREE);
	} else {
		errno = ENOMEM;
	}
	free(check.claimed);
	free(check.pages);
	return err;
}

enum ink_err lmdb_check(const struct io *io, const char *path, enum lmdb_check_scope scope,
			const char **ret_damage)
{
	struct lmdb_file file;
	bool has_meta = false, is_current;
	enum ink_err err = INK_OK;

	for (unsigned i = 0; i < TRY_COUNT_MAX; i++) {
		err = lmdb_open(io, path, false, 0, &file);
		has_meta = err == INK_OK;
		if (has_meta)
			err = lmdb_check_file(&file, scope);
		is_current = has_meta;
		/* Pages that two further commits have taken. */
		if (has_meta && err == INK_ERR_DAMAGED &&
		    lmdb_is_current(&file, &is_current) != INK_OK)
			is_current = true;
		*ret_damage = file.damage;
		lmdb_close(&file);
		if (err != INK_ERR_DAMAGED || is_current)
			return err;
	}
	/* A meta page may be half written for a moment, not five times in a row. */
	return has_meta ? INK_OK : err;
}

enum ink_err lmdb_value_may_go(struct lmdb_cursor *cursor, const void *key, size_t key_size)
{
	struct lmdb_bytes value;
	enum ink_err err;

	cursor->seen_overflow = 0;
	err = lmdb_get(cursor, key, key_size, &value);
	if (err == INK_ERR_NOT_FOUND)
		return INK_OK;
	if (err == INK_OK && cursor->seen_overflow > 0 &&
	    cursor->seen_overflow != value_pages(value.size))
		return lmdb_damaged(cursor->file, "a value's pages are not what its node says");
	return err;
}
