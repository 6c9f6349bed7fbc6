/* SPDX-License-Identifier: MIT */
/*
 * What LMDB wrote, spoiled in one place at a time: each rule of a data file broken alone, and what the check before LMDB
 * is let at it and what our reader say of that.
 */
#include "lmdb_read_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "lmdb_image.h"
#include "lmdb_read_private.h"
#include "scratch.h"

static char dir[PATH_MAX], other[PATH_MAX];
static uint8_t *image, *freed;
static size_t image_size, freed_size;

static int setup(void **state)
{
	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "spoiled.mdb", other);
	freed = lmdb_image_write(dir, LMDB_IMAGE_FREED, &freed_size);
	image = lmdb_image_write(dir, LMDB_IMAGE_TREES, &image_size);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(image);
	free(freed);
	tree_remove(dir);
	return 0;
}

/* --- what is said of a file ------------------------------------------------------------------ */

/* Every key and value of a database, each byte looked at. */
static enum ink_err walk_db(struct lmdb_file *ours, const char *name)
{
	struct lmdb_cursor cursor;
	struct lmdb_bytes key, value;
	volatile uint8_t sum = 0;
	enum ink_err err = lmdb_cursor_init(&cursor, ours, name);

	while (err == INK_OK && (err = lmdb_next(&cursor, &key, &value)) == INK_OK)
		for (size_t i = 0; i < value.size; i++)
			sum = (uint8_t)(sum + value.data[i]);
	lmdb_cursor_release(&cursor);
	return err;
}

/* NULL: nothing is wrong. */
static const char *said_by_walk(void)
{
	static const char *const names[] = { NULL, "d0", "d1", "d2" };
	const char *damage = NULL;
	struct lmdb_file ours;

	if (lmdb_open(io_system(), other, false, 0, &ours) != INK_OK)
		damage = ours.damage;
	for (size_t i = 0; i < COUNT_OF(names) && !damage; i++)
		if (walk_db(&ours, names[i]) == INK_ERR_DAMAGED)
			damage = ours.damage;
	lmdb_close(&ours);
	return damage;
}

static const char *said_by_check(void)
{
	const char *damage = NULL;
	enum ink_err err = lmdb_check(io_system(), other, LMDB_CHECK_ALL, &damage);

	assert_true(err == INK_OK || err == INK_ERR_DAMAGED);
	return err == INK_OK ? NULL : damage;
}

static void expect(const char *what, const char *by, const char *expected, const char *said)
{
	if (!expected != !said || (said && strcmp(expected, said) != 0))
		fail_msg("%s: the %s says \"%s\" and not \"%s\"", what, by, said ? said : "nothing",
			 expected ? expected : "nothing");
}

/* --- one rule at a time ---------------------------------------------------------------------- */

#define BOUNDS "a page number is out of bounds"
#define NUMBER "a page carries another page's number"
#define KIND "a page of another kind than its place demands"
#define SPACE "the bounds of a page's nodes are wrong"
#define NODE "a node lies outside of its page"
#define LONG_KEY "a key is too long"
#define KEY "a key lies outside of its page"
#define VALUE "a value lies outside of its page"
#define FLAGS "a node with flags that do not belong there"
#define ORDER "keys are out of order"
#define BIG_SAYS "a value's pages are not what its node says"
#define BIG_BOUNDS "a value's pages are out of bounds"
#define DB_FLAGS "a database with flags that ours do not have"
#define DB_EMPTY "an empty database that counts something"
#define DB_DEPTH "the depth of a tree is out of bounds"
#define DB_COUNTS "a database's counts of entries or pages are wrong"
#define DB_DESCRIPTOR "a database's descriptor has a wrong size"
#define TOO_SHORT "an entry of the free list is too short"
#define NO_META "no meta page where one belongs"
#define NO_MAGIC "a meta page without LMDB's magic and version"
#define IMPOSSIBLE "a meta page holds an impossible size"

enum how { SET, ADD };

struct row {
	const char *what;
	enum lmdb_place place;
	unsigned offset, width;
	enum how how;
	uint64_t value;
	const char *check, *walk; /* what they say */
};

static const struct row rows[] = {
	{ "a child that is a meta page", LMDB_BRANCH_NODE, 0, 4, SET, 1, BOUNDS, BOUNDS },
	{ "a child behind the end", LMDB_BRANCH_NODE, 0, 4, SET, 1 << 20, BOUNDS, BOUNDS },
	{ "a page's number", LMDB_LEAF, 0, 8, SET, 7777, NUMBER, NUMBER },
	{ "a page's flags", LMDB_LEAF, PAGE_OFF_FLAGS, 2, SET, P_LEAF | 16, KIND, KIND },
	{ "odd space", LMDB_LEAF, PAGE_OFF_LOWER, 2, ADD, 1, SPACE, SPACE },
	{ "space that is less than none", LMDB_LEAF, PAGE_OFF_LOWER, 2, SET, 4000, SPACE, SPACE },
	{ "space beyond the page", LMDB_LEAF, PAGE_OFF_UPPER, 2, SET, 4098, SPACE, SPACE },
	{ "no node", LMDB_LEAF, PAGE_OFF_LOWER, 2, SET, PAGE_HEADER_SIZE, SPACE, SPACE },
	{ "a branch of one", LMDB_BRANCH, PAGE_OFF_LOWER, 2, SET, PAGE_HEADER_SIZE + 2, SPACE,
	  SPACE },
	{ "an odd node", LMDB_LEAF, PAGE_HEADER_SIZE, 2, ADD, 1, NODE, KEY },
	{ "a node in the space", LMDB_SMALL, PAGE_HEADER_SIZE, 2, SET, 300, NODE, NODE },
	{ "a node far away", LMDB_LEAF, PAGE_HEADER_SIZE, 2, SET, 65534, NODE, NODE },
	{ "a key of 600 bytes", LMDB_LEAF_LAST, 6, 2, SET, 600, LONG_KEY, KEY },
	{ "a key beyond the page", LMDB_LEAF_NODE, 6, 2, SET, 500, NODE, KEY },
	{ "a value beyond the page", LMDB_LEAF_NODE, 0, 4, SET, 4000, NODE, VALUE },
	{ "flags of a node", LMDB_LEAF_NODE, 4, 2, SET, 8, FLAGS, FLAGS },
	{ "flags of a database's node", LMDB_MAIN_NODE, 4, 2, SET, 0, FLAGS, FLAGS },
	{ "space within the nodes", LMDB_LEAF, PAGE_OFF_UPPER, 2, ADD, (uint64_t)-8,
	  "a page's nodes do not fill their space", NULL },
	{ "a key before its neighbour", LMDB_LEAF_SECOND, NODE_HEADER_SIZE + 4, 1, SET, '/', ORDER,
	  ORDER },
	{ "a key behind the next page's", LMDB_LEAF_LAST, NODE_HEADER_SIZE, 1, SET, 'z', ORDER,
	  ORDER },
	{ "a branch's key before its neighbour's keys", LMDB_BRANCH_NODE, NODE_HEADER_SIZE + 3, 1,
	  SET, '0', ORDER, ORDER },
	{ "a branch's key behind its own", LMDB_BRANCH_NODE, NODE_HEADER_SIZE + 4, 1, SET, '~',
	  ORDER, ORDER },
	{ "a small value on pages of its own", LMDB_SMALL_NODE, 4, 2, SET, F_BIGDATA,
	  "a value lies where LMDB would not put it", BIG_BOUNDS },
	{ "a value of a gibibyte", LMDB_BIG_NODE, 0, 4, SET, 1 << 30, BOUNDS,
	  "a value larger than any of ours" },
	{ "a value of a mebibyte", LMDB_BIG_NODE, 0, 4, SET, 1 << 20, BOUNDS, BIG_BOUNDS },
	{ "a value on a meta page", LMDB_BIG_NODE, NODE_HEADER_SIZE + 5, 8, SET, 1, BOUNDS,
	  BIG_BOUNDS },
	{ "a value behind the end", LMDB_BIG_NODE, NODE_HEADER_SIZE + 5, 8, SET, 1 << 20, BOUNDS,
	  BIG_BOUNDS },
	{ "the number of a value's page", LMDB_BIG, 0, 8, ADD, 1, NULL, BIG_SAYS },
	{ "the flags of a value's page", LMDB_BIG, PAGE_OFF_FLAGS, 2, SET, P_LEAF, NULL, BIG_SAYS },
	{ "too few pages of a value", LMDB_BIG, PAGE_OFF_PAGES, 4, SET, 1, NULL, BIG_SAYS },
	{ "too many pages of a value", LMDB_BIG, PAGE_OFF_PAGES, 4, SET, 1 << 20, NULL, BIG_SAYS },
	{ "a short descriptor", LMDB_MAIN_NODE, 0, 4, SET, DB_SIZE - 1, DB_DESCRIPTOR,
	  DB_DESCRIPTOR },
	{ "flags of a database", LMDB_D0, 4, 2, SET, 4, DB_FLAGS, DB_FLAGS },
	{ "flags of the list", LMDB_MAIN, 4, 2, SET, 4, DB_FLAGS, DB_FLAGS },
	{ "a page size in a descriptor", LMDB_D0, 0, 4, SET, LMDB_PAGE_SIZE, DB_FLAGS, NULL },
	{ "flags of the free list", LMDB_FREE, 4, 2, SET, 0, DB_FLAGS, NULL },
	{ "depth of nothing", LMDB_D2, 6, 2, SET, 1, DB_EMPTY, DB_EMPTY },
	{ "branches of nothing", LMDB_D2, 8, 8, SET, 1, DB_EMPTY, DB_EMPTY },
	{ "leaves of nothing", LMDB_D2, 16, 8, SET, 1, DB_EMPTY, DB_EMPTY },
	{ "values of nothing", LMDB_D2, 24, 8, SET, 1, DB_EMPTY, DB_EMPTY },
	{ "entries of nothing", LMDB_D2, 32, 8, SET, 1, DB_EMPTY, DB_EMPTY },
	{ "no depth", LMDB_D0, 6, 2, SET, 0, DB_DEPTH, DB_DEPTH },
	{ "too much depth", LMDB_D0, 6, 2, SET, LMDB_DEPTH_MAX + 1, DB_DEPTH, DB_DEPTH },
	{ "the count of branches", LMDB_D0, 8, 8, ADD, 1, DB_COUNTS, DB_COUNTS },
	{ "the count of leaves", LMDB_D0, 16, 8, ADD, 1, DB_COUNTS, DB_COUNTS },
	{ "the count of pages of values", LMDB_D0, 24, 8, ADD, 1, DB_COUNTS, DB_COUNTS },
	{ "the count of entries", LMDB_D0, 32, 8, ADD, 1, DB_COUNTS, DB_COUNTS },
	{ "a free list's key of seven bytes", LMDB_FREE_NODE, 6, 2, SET, 7,
	  "a key of the free list is no number", NULL },
	{ "pages that a later commit frees", LMDB_FREE_NODE, NODE_HEADER_SIZE, 8, ADD, 1 << 20,
	  "the free list knows of a later commit", NULL },
	{ "more free pages than there are numbers", LMDB_FREE_LIST, 0, 8, ADD, 1 << 10, TOO_SHORT,
	  NULL },
	{ "a meta page's number", LMDB_META, 0, 8, ADD, 2, NO_META, NO_META },
	{ "a meta page's flags", LMDB_META, PAGE_OFF_FLAGS, 2, SET, P_LEAF, NO_META, NO_META },
	{ "LMDB's magic", LMDB_META, META_OFF_MAGIC, 4, ADD, 1, NO_MAGIC, NO_MAGIC },
	{ "LMDB's version", LMDB_META, META_OFF_VERSION, 4, ADD, 1, NO_MAGIC, NO_MAGIC },
	{ "LMDB's version in the other one", LMDB_OLD_META, META_OFF_VERSION, 4, ADD, 1, NO_MAGIC,
	  NO_MAGIC },
	{ "the page size", LMDB_META, META_OFF_FREE_DB, 4, SET, 8192,
	  "another page size than 4,096", "another page size than 4,096" },
	{ "a commit that is missing", LMDB_META, META_OFF_TXN, 8, ADD, 2,
	  "the two meta pages are not of two commits in a row",
	  "the two meta pages are not of two commits in a row" },
	{ "pages that are missing", LMDB_META, META_OFF_LAST_PAGE, 8, ADD, 1 << 20,
	  "pages are missing at the end of the file", "pages are missing at the end of the file" },
	{ "a map of odd size", LMDB_META, META_OFF_MAP_SIZE, 8, ADD, 1, IMPOSSIBLE, NULL },
	{ "a map that is too large", LMDB_META, META_OFF_MAP_SIZE, 8, SET, UINT64_C(1) << 47,
	  IMPOSSIBLE, NULL },
};

static void each_rule_is_held_alone(void **state)
{
	(void)state;
	file_write(other, image, image_size);
	expect("as it was", "check", NULL, said_by_check());
	expect("as it was", "walk", NULL, said_by_walk());
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t *p = lmdb_image_find(image, row->place) + row->offset;
		uint64_t kept = le_get(p, row->width);

		le_set(p, row->width, row->how == ADD ? kept + row->value : row->value);
		file_write(other, image, image_size);
		le_set(p, row->width, kept);
		expect(row->what, "check", row->check, said_by_check());
		expect(row->what, "walk", row->walk, said_by_walk());
	}
}

/* --- rules that take more than one number to break ------------------------------------------- */

static void a_page_with_two_parents(uint8_t *data)
{
	le_set(lmdb_image_find(data, LMDB_BRANCH_NODE), 4,
	       le32(lmdb_image_node(lmdb_image_find(data, LMDB_BRANCH), 0)));
}

static void a_node_twice(uint8_t *data)
{
	uint8_t *leaf = lmdb_image_find(data, LMDB_LEAF);

	le_set(leaf + PAGE_HEADER_SIZE + 2, 2, le16(leaf + PAGE_HEADER_SIZE));
}

static void free_pages_upside_down(uint8_t *data)
{
	uint8_t *list = lmdb_image_find(data, LMDB_FREE_LIST);
	uint64_t first = le64(list + 8);

	assert_true(le64(list) >= 2);
	le_set(list + 8, 8, le64(list + 16));
	le_set(list + 16, 8, first);
}

static void a_free_list_of_half_numbers(uint8_t *data)
{
	uint8_t *node = lmdb_image_find(data, LMDB_FREE_NODE);

	le_set(node, 4, le32(node) - 1);
	le_set(lmdb_image_find(data, LMDB_FREE_LIST), 8, le32(node) / 8 - 1);
}

static void a_free_list_without_a_count(uint8_t *data)
{
	uint8_t *page = lmdb_image_find(data, LMDB_FREE_LEAF), *node = page + LMDB_PAGE_SIZE - 16;

	le_set(page + PAGE_OFF_LOWER, 2, PAGE_HEADER_SIZE + 2);
	le_set(page + PAGE_OFF_UPPER, 2, LMDB_PAGE_SIZE - 16);
	le_set(page + PAGE_HEADER_SIZE, 2, LMDB_PAGE_SIZE - 16);
	memset(node, 0, 16);
	le_set(node + 6, 2, 8);
	le_set(node + NODE_HEADER_SIZE, 8, 1);
	le_set(lmdb_image_find(data, LMDB_FREE) + 32, 8, 1);
}

/* LMDB's own numbers of commits are signed. */
static void a_commit_below_zero(uint8_t *data)
{
	uint8_t *metas[] = { lmdb_image_find(data, LMDB_META),
			     lmdb_image_find(data, LMDB_OLD_META) };

	for (size_t i = 0; i < 2; i++)
		le_set(metas[i] + META_OFF_TXN, 8,
		       le64(metas[i] + META_OFF_TXN) | UINT64_C(1) << 63);
}

static void metas_in_each_others_place(uint8_t *data)
{
	uint8_t *metas[] = { lmdb_image_find(data, LMDB_META),
			     lmdb_image_find(data, LMDB_OLD_META) };
	uint64_t newest = le64(metas[0] + META_OFF_TXN);

	le_set(metas[0] + META_OFF_TXN, 8, newest - 1);
	le_set(metas[1] + META_OFF_TXN, 8, newest);
}

static const struct {
	const char *what;
	void (*edit)(uint8_t *data);
	const char *check, *walk;
} edits[] = {
	{ "a page with two parents", a_page_with_two_parents, "a page has two owners", ORDER },
	{ "a node twice", a_node_twice, "two nodes overlap", ORDER },
	{ "free pages upside down", free_pages_upside_down, "free pages are out of order", NULL },
	{ "a free list of half numbers", a_free_list_of_half_numbers, TOO_SHORT, NULL },
	{ "a free list without a count", a_free_list_without_a_count, TOO_SHORT, NULL },
	{ "a commit below zero", a_commit_below_zero, IMPOSSIBLE, NULL },
	{ "metas in each other's place", metas_in_each_others_place,
	  "the two meta pages are not of two commits in a row",
	  "the two meta pages are not of two commits in a row" },
};

static void rules_between_numbers_are_held(void **state)
{
	uint8_t *data = malloc(image_size);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < COUNT_OF(edits); i++) {
		memcpy(data, image, image_size);
		edits[i].edit(data);
		file_write(other, data, image_size);
		expect(edits[i].what, "check", edits[i].check, said_by_check());
		expect(edits[i].what, "walk", edits[i].walk, said_by_walk());
	}
	free(data);
}

/* More free pages than fit on a page: their list is a value with pages of its own. */
static void a_long_list_of_free_pages_is_held_too(void **state)
{
	static const struct row long_rows[] = {
		{ "its page", LMDB_FREE_NODE, NODE_HEADER_SIZE + 8, 8, SET, 1 << 20, BOUNDS, NULL },
		{ "its page's number", LMDB_FREE_LIST, 0, 8, ADD, 1, BIG_SAYS, NULL },
		{ "its page's flags", LMDB_FREE_LIST, PAGE_OFF_FLAGS, 2, SET, P_LEAF, BIG_SAYS,
		  NULL },
		{ "its pages", LMDB_FREE_LIST, PAGE_OFF_PAGES, 4, SET, 0, BIG_SAYS, NULL },
		{ "its count", LMDB_FREE_LIST, PAGE_HEADER_SIZE, 8, ADD, 1 << 10, TOO_SHORT, NULL },
		{ "its second number", LMDB_FREE_LIST, PAGE_HEADER_SIZE + 16, 8, SET, 1 << 20,
		  "free pages are out of order", NULL },
	};

	(void)state;
	assert_true(le16(lmdb_image_find(freed, LMDB_FREE_NODE) + 4) == F_BIGDATA);
	file_write(other, freed, freed_size);
	expect("as it was", "check", NULL, said_by_check());
	for (size_t i = 0; i < COUNT_OF(long_rows); i++) {
		const struct row *row = &long_rows[i];
		uint8_t *p = lmdb_image_find(freed, row->place) + row->offset;
		uint64_t kept = le_get(p, row->width);

		le_set(p, row->width, row->how == ADD ? kept + row->value : row->value);
		file_write(other, freed, freed_size);
		le_set(p, row->width, kept);
		expect(row->what, "check", row->check, said_by_check());
	}
}

/* LMDB frees as many pages as the value's first page says. */
static void a_value_is_replaced_only_if_its_pages_are_its_own(void **state)
{
	struct lmdb_cursor cursor;
	struct lmdb_file ours;

	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		uint8_t *pages = lmdb_image_find(image, LMDB_BIG) + PAGE_OFF_PAGES;

		le_set(pages, 4, le32(pages) + more);
		file_write(other, image, image_size);
		le_set(pages, 4, le32(pages) - more);
		assert_ok(lmdb_open(io_system(), other, false, 0, &ours));
		assert_ok(lmdb_cursor_init(&cursor, &ours, "d1"));
		assert_err(more ? INK_ERR_DAMAGED : INK_OK, lmdb_value_may_go(&cursor, "k0001", 5));
		assert_ok(lmdb_value_may_go(&cursor, "k0000", 5));
		assert_ok(lmdb_value_may_go(&cursor, "absent", 6));
		lmdb_cursor_release(&cursor);
		lmdb_close(&ours);
	}
}

/* --- the file itself ------------------------------------------------------------------------- */

static int fail_stat(void *ctx, int fd, struct stat *ret_status)
{
	(void)ctx;
	(void)fd;
	memset(ret_status, 0, sizeof(*ret_status));
	errno = EIO;
	return -1;
}

static void a_file_that_cannot_be_looked_at_is_no_empty_one(void **state)
{
	struct io io = *io_system();
	struct lmdb_file ours;

	(void)state;
	file_write(other, image, image_size);
	io.stat = fail_stat;
	assert_err(INK_ERR_IO, lmdb_open(&io, other, false, 0, &ours));
	lmdb_close(&ours);
}

static void a_copy_is_as_large_as_asked_and_no_larger(void **state)
{
	struct lmdb_file ours;
	uint64_t size;

	(void)state;
	file_write(other, image, image_size);
	assert_ok(lmdb_open(io_system(), other, true, image_size, &ours));
	size = ours.copy_size;
	assert_int_equal(size, (ours.last_page + 1) * LMDB_PAGE_SIZE);
	lmdb_close(&ours);
	assert_ok(lmdb_open(io_system(), other, true, size, &ours));
	lmdb_close(&ours);
	assert_err(INK_ERR_LIMIT, lmdb_open(io_system(), other, true, size - 1, &ours));
	lmdb_close(&ours);
}

/* The file may have shrunk since it was opened, and the copy be shorter than its pages. */
static void nothing_is_read_from_behind_the_end(void **state)
{
	uint8_t page[LMDB_PAGE_SIZE];

	(void)state;
	file_write(other, image, image_size);
	for (unsigned has_copy = 0; has_copy < 2; has_copy++) {
		struct lmdb_file ours;
		uint64_t size = image_size;

		assert_ok(lmdb_open(io_system(), other, has_copy, image_size, &ours));
		if (has_copy)
			size = ours.copy_size;
		assert_ok(lmdb_read_at(&ours, size - sizeof(page), page, sizeof(page)));
		assert_err(INK_ERR_DAMAGED,
			   lmdb_read_at(&ours, size - sizeof(page) + 1, page, sizeof(page)));
		assert_err(INK_ERR_DAMAGED,
			   lmdb_read_at(&ours, size + sizeof(page), page, sizeof(page)));
		assert_string_equal(ours.damage, "a page lies behind the end of the file");
		lmdb_close(&ours);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_held_alone),
		cmocka_unit_test(rules_between_numbers_are_held),
		cmocka_unit_test(a_long_list_of_free_pages_is_held_too),
		cmocka_unit_test(a_value_is_replaced_only_if_its_pages_are_its_own),
		cmocka_unit_test(a_file_that_cannot_be_looked_at_is_no_empty_one),
		cmocka_unit_test(a_copy_is_as_large_as_asked_and_no_larger),
		cmocka_unit_test(nothing_is_read_from_behind_the_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
