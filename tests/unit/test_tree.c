/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "inkfs/reader.h"
#include "merkle.h"
#include "proof.h"
#include "sample.h"
#include "scratch.h"

static char path[PATH_MAX], bare[PATH_MAX], behind[PATH_MAX];
static uint8_t (*leaves)[INK_HASH_SIZE];
static uint64_t *places;
static uint64_t count;

static void append_lines(unsigned number)
{
	struct ink_caller caller = { 0 };
	struct ink_store *store = sample_open(path);
	struct ink_attr attr;
	char name[32];

	snprintf(name, sizeof(name), "lines-%u", number);
	assert_ok(ink_make(store, &caller, INK_ROOT_INODE, name, 0100644, NULL, &attr));
	for (unsigned i = 0; i < number; i++)
		assert_ok(ink_append(store, &caller, attr.inode, INK_AT_END, "line\n", 5, false));
	assert_ok(ink_store_close(store, INK_UNMOUNT_ASKED));
}

static void read_all(void)
{
	const struct ink_record *record;
	struct ink_reader *reader;

	assert_ok(ink_reader_open(path, &reader, NULL));
	for (count = 0;; count++) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		leaves = reallocarray(leaves, count + 1, INK_HASH_SIZE);
		places = reallocarray(places, count + 1, sizeof(*places));
		memcpy(leaves[count], record->leaf, INK_HASH_SIZE);
		places[count] = record->place;
	}
	ink_reader_close(reader);
}

/* @path: 1,500 records in the index; @behind: the same log with the index of its first 700; @bare: without one. */
static int setup(void **state)
{
	char dir[PATH_MAX], from[PATH_MAX], to[PATH_MAX];

	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", path);
	scratch_path(dir, "bare", bare);
	scratch_path(dir, "behind", behind);
	sample_init(path, NULL);
	append_lines(700);
	scratch_path(dir, "index", to);
	scratch_path(path, "index", from);
	tree_copy(from, to);
	append_lines(800);
	read_all();
	tree_copy(path, bare);
	scratch_path(bare, "index", from);
	tree_remove(from);
	tree_copy(bare, behind);
	scratch_path(behind, "index", from);
	tree_copy(to, from);
	return 0;
}

static void root_of(uint64_t from, uint64_t to, uint8_t *ret_root)
{
	struct merkle tree;

	merkle_init(&tree);
	for (uint64_t i = from; i < to; i++)
		merkle_append(&tree, leaves[i]);
	merkle_root(&tree, ret_root);
}

static void check_ranges(struct tree *tree, uint64_t size)
{
	for (uint64_t step = 1; step <= size; step *= 2) {
		for (uint64_t from = 0; from < size; from += step * (1 + from % 3)) {
			uint64_t to = from + step < size ? from + step : size;
			uint8_t wanted[INK_HASH_SIZE], root[INK_HASH_SIZE];

			from = from / step * step;
			to = from + step < size ? from + step : size;
			root_of(from, to, wanted);
			assert_ok(tree_range(tree, from, to, root));
			assert_memory_equal(root, wanted, INK_HASH_SIZE);
		}
	}
}

static void check_store(const char *store, bool has_index)
{
	const uint64_t sizes[] = { 1,   2,   255, 256, 257,  511,       512,
				   699, 703, 710, 768, 1024, count - 1, count };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct tree *tree;
		uint8_t wanted[INK_HASH_SIZE], root[INK_HASH_SIZE];

		assert_ok(tree_open(store, sizes[i], has_index, &tree, NULL));
		root_of(0, sizes[i], wanted);
		assert_ok(tree_root(tree, root));
		assert_memory_equal(root, wanted, INK_HASH_SIZE);
		check_ranges(tree, sizes[i]);
		for (uint64_t seq = 0; seq < sizes[i]; seq += 1 + seq % 7) {
			uint64_t place;

			assert_ok(tree_place(tree, seq, &place));
			assert_int_equal(place, places[seq]);
		}
		tree_close(tree);
	}
}

static void the_index_gives_every_range_and_place_of_every_size(void **state)
{
	(void)state;
	check_store(path, true);
}

static void the_log_alone_gives_the_same(void **state)
{
	(void)state;
	check_store(path, false);
	check_store(bare, true);
}

static void what_lies_behind_the_index_comes_from_the_log(void **state)
{
	(void)state;
	check_store(behind, true);
}

static void more_records_than_there_are_make_no_tree(void **state)
{
	struct ink_error error = { 0 };
	struct tree *tree;

	(void)state;
	assert_err(INK_ERR_DAMAGED, tree_open(path, count + 1, true, &tree, &error));
	assert_non_null(strstr(error.text, "does not have"));
	assert_err(INK_ERR_DAMAGED, tree_open(bare, UINT64_MAX, true, &tree, &error));
}

static void the_last_seal_of_the_index_is_found_with_the_tree_before_it(void **state)
{
	struct tree_seal seal;
	struct tree *tree;
	uint64_t place;
	uint8_t wanted[INK_HASH_SIZE], root[INK_HASH_SIZE];

	(void)state;
	assert_ok(tree_open_at_seal(path, &tree, &seal));
	assert_int_equal(seal.seq, count - 1); /* the EPOCH that closes */
	assert_ok(tree_place(tree, seal.seq, &place));
	assert_int_equal(place, places[seal.seq]);
	root_of(0, seal.seq, wanted);
	assert_ok(tree_root(tree, root));
	assert_memory_equal(root, wanted, INK_HASH_SIZE);
	tree_close(tree);
	assert_err(INK_ERR_NOT_FOUND, tree_open_at_seal(bare, &tree, &seal));
}

/* Every byte of the index changed, some at a time: an answer or an error, and never a crash. */
static void a_wrong_index_gives_other_hashes_or_errors_and_no_more(void **state)
{
	char name[PATH_MAX];
	size_t size;
	uint8_t *data;
	struct rng rng;

	(void)state;
	rng_init(&rng, "spoilt index");
	scratch_path(behind, "index/data.mdb", name);
	data = file_read(name, &size);
	for (unsigned i = rounds(300); i > 0; i--) {
		uint8_t *bad = malloc(size), root[INK_HASH_SIZE];
		struct tree_seal seal;
		struct tree *tree;
		uint64_t place;

		memcpy(bad, data, size);
		for (unsigned j = 0; j < 40; j++)
			bad[rng_below(&rng, size)] = (uint8_t)rng_next(&rng);
		file_write(name, bad, size);
		free(bad);
		if (tree_open(behind, count, true, &tree, NULL) == INK_OK) {
			(void)!tree_root(tree, root);
			for (uint64_t seq = 0; seq < count; seq += 97)
				(void)!tree_place(tree, seq, &place);
			tree_close(tree);
		}
		if (tree_open_at_seal(behind, &tree, &seal) == INK_OK)
			tree_close(tree);
	}
	file_write(name, data, size);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_index_gives_every_range_and_place_of_every_size),
		cmocka_unit_test(the_log_alone_gives_the_same),
		cmocka_unit_test(what_lies_behind_the_index_comes_from_the_log),
		cmocka_unit_test(more_records_than_there_are_make_no_tree),
		cmocka_unit_test(the_last_seal_of_the_index_is_found_with_the_tree_before_it),
		cmocka_unit_test(a_wrong_index_gives_other_hashes_or_errors_and_no_more),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
