/* SPDX-License-Identifier: MIT */
/* Indexes that lie: edited with LMDB itself, by somebody who knows the format. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "check.h"
#include "sample.h"
#include "scratch.h"

static const char *const names[] = {
	"meta",    "leaves", "tiles",   "seals",   "inodes", "names",
	"entries", "links",  "targets", "extents", "actors", "blocks"
};

static char dir[PATH_MAX], store[PATH_MAX], copy[PATH_MAX], env_dir[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	scratch_path(dir, "copy", copy);
	scratch_path(copy, "index", env_dir);
	sample_tiled(store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static MDB_env *begin(const char *db, MDB_txn **ret_txn, MDB_dbi *ret_dbi)
{
	MDB_env *env;

	tree_remove(copy);
	tree_copy(store, copy);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 20), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(env, env_dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, ret_txn), 0);
	assert_int_equal(mdb_dbi_open(*ret_txn, db, MDB_CREATE, ret_dbi), 0);
	return env;
}

static void commit(MDB_env *env, MDB_txn *txn)
{
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void expect_index_finding(const char *what, size_t pos)
{
	struct verdict verdict;

	verdict_of(copy, NULL, &verdict);
	if (verdict.err != INK_OK || verdict.result.is_intact ||
	    verdict.evidence[INK_FIND_INDEX] + verdict.evidence[INK_FIND_INDEX_AHEAD] == 0)
		fail_msg("%s, byte %zu: not found (%s)", what, pos, verdict.first);
}

static void a_transaction_that_changes_nothing_is_no_finding(void **state)
{
	struct verdict verdict;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_env *env = begin("names", &txn, &dbi);

	(void)state;
	commit(env, txn);
	verdict_of(copy, NULL, &verdict);
	assert_true(verdict_is_whole(&verdict));
}

/* Entry @number of @db; false: there are not that many. */
static bool nth(MDB_txn *txn, MDB_dbi dbi, size_t number, MDB_val *ret_key, MDB_val *ret_value)
{
	MDB_cursor *cursor;
	bool is_there = true;

	assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
	for (size_t i = 0; i <= number && is_there; i++)
		is_there = mdb_cursor_get(cursor, ret_key, ret_value, MDB_NEXT) == 0;
	mdb_cursor_close(cursor);
	return is_there;
}

/* One bit of byte @pos of entry @number; false: there is no such byte. */
static bool flip_value(const char *db, size_t number, size_t pos)
{
	static uint8_t data[65536];
	MDB_val key, value;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_env *env = begin(db, &txn, &dbi);
	bool is_there = nth(txn, dbi, number, &key, &value) && pos < value.mv_size;

	if (is_there) {
		uint8_t name[600];

		memcpy(data, value.mv_data, value.mv_size);
		data[pos] ^= (uint8_t)(1 << pos % 8);
		memcpy(name, key.mv_data, key.mv_size);
		key.mv_data = name;
		value.mv_data = data;
		assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
	}
	commit(env, txn);
	return is_there;
}

static void every_flipped_byte_of_a_value_is_found(void **state)
{
	(void)state;
	for (size_t d = 0; d < COUNT_OF(names); d++) {
		size_t step = strcmp(names[d], "leaves") == 0 ? 211 : stride();

		for (size_t number = 0; number < 3; number += 2) {
			for (size_t pos = 0; flip_value(names[d], number, pos); pos += step)
				expect_index_finding(names[d], pos);
		}
	}
}

static void every_removed_entry_is_found(void **state)
{
	(void)state;
	for (size_t d = 0; d < COUNT_OF(names); d++) {
		bool is_there = true;

		for (size_t number = 0; is_there && number < 40; number += 3) {
			MDB_val key, value;
			MDB_txn *txn;
			MDB_dbi dbi;
			MDB_env *env = begin(names[d], &txn, &dbi);

			is_there = nth(txn, dbi, number, &key, &value);
			if (is_there)
				assert_int_equal(mdb_del(txn, dbi, &key, NULL), 0);
			commit(env, txn);
			if (is_there)
				expect_index_finding(names[d], number);
		}
	}
}

static void put_one(const char *db, const void *key, size_t key_size, const void *value,
		    size_t size)
{
	MDB_val k = { key_size, (void *)(uintptr_t)key }, v = { size, (void *)(uintptr_t)value };
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_env *env = begin(db, &txn, &dbi);

	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	commit(env, txn);
}

static void every_entry_without_a_record_is_found(void **state)
{
	static const uint8_t keys[3][17] = { { 0 },
					     { 0, 0, 0, 0, 0, 0, 0, 1, 'z' },
					     { 0xff, 0xff } };
	static const size_t sizes[] = { 1, 8, 9, 16, 17 };
	uint8_t value[256] = { 1 };

	(void)state;
	for (size_t d = 0; d < COUNT_OF(names); d++)
		for (size_t k = 0; k < COUNT_OF(keys); k++)
			for (size_t s = 0; s < COUNT_OF(sizes); s++) {
				put_one(names[d], keys[k], sizes[s], value, 16);
				expect_index_finding(names[d], sizes[s]);
			}
	put_one("other", "k", 1, "v", 1);
	expect_index_finding("another database", 0);
}

static void an_empty_or_foreign_index_is_found_and_a_missing_one_named(void **state)
{
	struct verdict verdict;
	char path[PATH_MAX], other[PATH_MAX];
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_env *env = begin("meta", &txn, &dbi);

	(void)state;
	assert_int_equal(mdb_drop(txn, dbi, 1), 0);
	commit(env, txn);
	expect_index_finding("no head", 0);

	tree_remove(copy);
	tree_copy(store, copy);
	tree_remove(env_dir);
	verdict_of(copy, NULL, &verdict);
	assert_true(verdict_is_whole(&verdict));
	assert_int_equal(verdict.notes[INK_FIND_NO_INDEX], 1);

	scratch_path(dir, "other", other);
	sample_small(other, NULL);
	scratch_path(other, "index", path);
	tree_copy(path, env_dir);
	expect_index_finding("the index of another store", 0);
}

static void no_flipped_byte_of_the_file_does_harm(void **state)
{
	struct verdict verdict;
	char path[PATH_MAX];
	uint8_t *data;
	size_t size;
	struct rng rng;

	(void)state;
	rng_init(&rng, "index file");
	tree_remove(copy);
	tree_copy(store, copy);
	scratch_path(env_dir, "data.mdb", path);
	data = file_read(path, &size);
	for (unsigned round = rounds(1500); round > 0; round--) {
		size_t pos = rng_below(&rng, size);
		uint8_t mask = (uint8_t)(1 + rng_below(&rng, 255));

		/* Pages that no commit uses any more may hold anything; so this only asks for no harm. */
		data[pos] ^= mask;
		file_write(path, data, size);
		data[pos] ^= mask;
		verdict_of(copy, NULL, &verdict);
		assert_ok(verdict.err);
		assert_int_equal(verdict.evidence[INK_FIND_DIGEST], 0);
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transaction_that_changes_nothing_is_no_finding),
		cmocka_unit_test(every_flipped_byte_of_a_value_is_found),
		cmocka_unit_test(every_removed_entry_is_found),
		cmocka_unit_test(every_entry_without_a_record_is_found),
		cmocka_unit_test(an_empty_or_foreign_index_is_found_and_a_missing_one_named),
		cmocka_unit_test(no_flipped_byte_of_the_file_does_harm),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
