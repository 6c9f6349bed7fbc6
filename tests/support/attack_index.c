/* SPDX-License-Identifier: MIT */
/* Indexes that lie, edited with LMDB itself by somebody who knows the format (classes 5 and 7). */
#include <lmdb.h>
#include <string.h>
#include <sys/stat.h>

#include "attack.h"
#include "bytes.h"
#include "check.h"
#include "scratch.h"

struct edit {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

static void edit_begin(struct attempt *a, const char *db, struct edit *ret_edit)
{
	char path[PATH_MAX];

	scratch_path(a->scene->copy, "index", path);
	assert_int_equal(mdb_env_create(&ret_edit->env), 0);
	assert_int_equal(mdb_env_set_maxdbs(ret_edit->env, 20), 0);
	assert_int_equal(mdb_env_set_mapsize(ret_edit->env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(ret_edit->env, path, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(ret_edit->env, NULL, 0, &ret_edit->txn), 0);
	assert_int_equal(mdb_dbi_open(ret_edit->txn, db, 0, &ret_edit->dbi), 0);
}

static void edit_end(struct edit *edit)
{
	assert_int_equal(mdb_txn_commit(edit->txn), 0);
	mdb_env_close(edit->env);
}

/* Entry @number of the database, copied; returns the size of its value. */
static size_t entry(struct edit *edit, unsigned number, uint8_t *ret_key, size_t *ret_key_size,
		    uint8_t *ret_value)
{
	MDB_cursor *cursor;
	MDB_val key, value;

	assert_int_equal(mdb_cursor_open(edit->txn, edit->dbi, &cursor), 0);
	for (unsigned i = 0; i <= number; i++)
		assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_NEXT), 0);
	memcpy(ret_key, key.mv_data, key.mv_size);
	memcpy(ret_value, value.mv_data, value.mv_size);
	*ret_key_size = key.mv_size;
	mdb_cursor_close(cursor);
	return value.mv_size;
}

static void put(struct edit *edit, uint8_t *key, size_t key_size, uint8_t *value, size_t size)
{
	MDB_val k = { key_size, key }, v = { size, value };

	assert_int_equal(mdb_put(edit->txn, edit->dbi, &k, &v, 0), 0);
}

/* Add @more to the u64 at @at in the value of entry @number. */
static void shift(struct attempt *a, const char *db, unsigned number, size_t at, int64_t more)
{
	static uint8_t value[1 << 16];
	uint8_t key[512];
	size_t key_size, size;
	struct edit edit;

	edit_begin(a, db, &edit);
	size = entry(&edit, number, key, &key_size, value);
	assert_true(at + 8 <= size);
	be64_store(value + at, be64_load(value + at) + (uint64_t)more);
	put(&edit, key, key_size, value, size);
	edit_end(&edit);
	a->path = "index/data.mdb";
}

static void take_out(struct attempt *a, const char *db, unsigned number)
{
	static uint8_t value[1 << 16];
	uint8_t key[512];
	struct edit edit;
	MDB_val k = { 0, key };

	edit_begin(a, db, &edit);
	entry(&edit, number, key, &k.mv_size, value);
	assert_int_equal(mdb_del(edit.txn, edit.dbi, &k, NULL), 0);
	edit_end(&edit);
	a->path = "index/data.mdb";
}

static void extent_elsewhere(struct attempt *a)
{
	shift(a, "extents", 0, 0, 8);
}

static void extent_of_another_record(struct attempt *a)
{
	shift(a, "extents", 0, 8, 1);
}

static void size_wrong(struct attempt *a)
{
	shift(a, "inodes", 2, 24, -1);
}

static void time_wrong(struct attempt *a)
{
	shift(a, "inodes", 2, 88, 1000);
}

static void name_hidden(struct attempt *a)
{
	take_out(a, "names", 0);
}

static void entry_hidden(struct attempt *a)
{
	take_out(a, "entries", 1);
}

static void record_without_entry(struct attempt *a)
{
	take_out(a, "seals", 2);
}

static void entry_without_record(struct attempt *a)
{
	uint8_t key[16] = { 0, 0, 0, 0, 0, 0, 0, 2, 'n', 'e', 'w' }, value[16] = { 0 };
	struct edit edit;

	edit_begin(a, "names", &edit);
	value[7] = 3;
	put(&edit, key, 11, value, sizeof(value));
	edit_end(&edit);
	a->path = "index/data.mdb";
}

/* The first two names of the root each lead to the other's inode. */
static void names_exchanged(struct attempt *a)
{
	uint8_t keys[2][512], values[2][512], kept[8];
	size_t key_sizes[2], sizes[2];
	struct edit edit;

	edit_begin(a, "names", &edit);
	for (unsigned i = 0; i < 2; i++)
		sizes[i] = entry(&edit, i, keys[i], &key_sizes[i], values[i]);
	memcpy(kept, values[0], 8);
	memcpy(values[0], values[1], 8);
	memcpy(values[1], kept, 8);
	for (unsigned i = 0; i < 2; i++)
		put(&edit, keys[i], key_sizes[i], values[i], sizes[i]);
	edit_end(&edit);
	a->path = "index/data.mdb";
}

static void count_ahead(struct attempt *a)
{
	shift(a, "meta", 0, 8, 5);
}

static void durable_end_ahead(struct attempt *a)
{
	shift(a, "meta", 0, 64, 1);
}

static void durable_end_back(struct attempt *a)
{
	shift(a, "meta", 0, 64, -3);
}

/* A record that its block does not tell of is one that a search passes over. */
static void block_without_kind(struct attempt *a)
{
	shift(a, "blocks", 0, 0, -(INT64_C(1) << (INK_DENIED + 32)));
}

static void block_without_mark(struct attempt *a)
{
	static uint8_t value[1 << 16];
	uint8_t key[512];
	size_t key_size, size, at = 24;
	struct edit edit;

	edit_begin(a, "blocks", &edit);
	size = entry(&edit, 0, key, &key_size, value);
	while (at < size && value[at] == 0)
		at++;
	assert_true(at < size);
	value[at] &= (uint8_t)(value[at] - 1);
	put(&edit, key, key_size, value, size);
	edit_end(&edit);
	a->path = "index/data.mdb";
}

static void leaf_wrong(struct attempt *a)
{
	shift(a, "leaves", 0, 32, 1);
}

#define FOUND(number, what, edit)                                             \
	{                                                                     \
		number, what, FROM_CLOSED, 0, edit, END_FOUND, INK_FIND_INDEX \
	}

const struct attack attacks_on_index[] = {
	FOUND(5, "two names exchanged in the index", names_exchanged),
	FOUND(7, "an extent points elsewhere", extent_elsewhere),
	FOUND(7, "an extent of another record", extent_of_another_record),
	FOUND(7, "a file's size is wrong", size_wrong),
	FOUND(7, "a file's time is wrong", time_wrong),
	FOUND(7, "a name is hidden", name_hidden),
	FOUND(7, "a folder's entry is hidden", entry_hidden),
	FOUND(7, "an entry has no record", entry_without_record),
	FOUND(7, "a record has no entry", record_without_entry),
	FOUND(7, "a leaf is another", leaf_wrong),
	FOUND(7, "a block hides a refusal", block_without_kind),
	FOUND(7, "a block hides whose a record is", block_without_mark),
	{ 7, "the index claims more records", FROM_CLOSED, 0, count_ahead, END_FOUND,
	  INK_FIND_INDEX_AHEAD },
	FOUND(7, "the durable end moved on", durable_end_ahead),
	FOUND(7, "the durable end moved back", durable_end_back),
	{ 0 },
};
