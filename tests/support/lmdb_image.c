/* SPDX-License-Identifier: MIT */
#include "lmdb_image.h"

#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>

#include "check.h"
#include "lmdb_read_private.h"
#include "scratch.h"

enum { KEY_COUNT = 150, BIG_SIZE = 9000, FREED_COUNT = 1200 };

/* --- files that LMDB writes ------------------------------------------------------------------ */

static MDB_env *open_env(const char *path)
{
	MDB_env *env;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 3), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSYNC, 0600), 0);
	return env;
}

static MDB_dbi open_db(MDB_txn *txn, const char *name)
{
	MDB_dbi dbi;

	assert_int_equal(mdb_dbi_open(txn, name, MDB_CREATE, &dbi), 0);
	return dbi;
}

static void put(MDB_txn *txn, MDB_dbi dbi, unsigned number, size_t size)
{
	static uint8_t data[BIG_SIZE];
	char key[16];
	MDB_val k = { 0, key }, v = { size, data };

	k.mv_size = (size_t)snprintf(key, sizeof(key), "k%04u", number);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
}

/* d0: a branch and three leaves; d1: a small value and one on pages of its own; d2: empty. */
static void write_trees(MDB_env *env)
{
	for (unsigned commit = 0; commit < 3; commit++) {
		MDB_txn *txn;
		MDB_dbi first;

		assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
		first = open_db(txn, "d0");
		for (unsigned i = 0; i < (commit == 0 ? KEY_COUNT : 1); i++)
			put(txn, first, i, 40);
		if (commit == 0) {
			put(txn, open_db(txn, "d1"), 0, 8);
			put(txn, open_db(txn, "d1"), 1, BIG_SIZE);
			open_db(txn, "d2");
		}
		assert_int_equal(mdb_txn_commit(txn), 0);
	}
}

static void write_freed(MDB_env *env)
{
	for (unsigned commit = 0; commit < 2; commit++) {
		MDB_txn *txn;
		MDB_dbi dbi;

		assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
		dbi = open_db(txn, "d0");
		for (unsigned i = 0; i < FREED_COUNT && commit == 0; i++)
			put(txn, dbi, i, 900);
		if (commit == 1)
			assert_int_equal(mdb_drop(txn, dbi, 0), 0);
		assert_int_equal(mdb_txn_commit(txn), 0);
	}
}

uint8_t *lmdb_image_write(const char *dir, enum lmdb_image which, size_t *ret_size)
{
	char env_dir[PATH_MAX], file[PATH_MAX];
	uint8_t *image;
	MDB_env *env;

	scratch_path(dir, "env", env_dir);
	scratch_path(env_dir, "data.mdb", file);
	assert_int_equal(mkdir(env_dir, 0700), 0);
	env = open_env(env_dir);
	(which == LMDB_IMAGE_TREES ? write_trees : write_freed)(env);
	mdb_env_close(env);
	image = file_read(file, ret_size);
	tree_remove(env_dir);
	return image;
}

/* --- places in them -------------------------------------------------------------------------- */

static uint8_t *page_of(uint8_t *data, uint64_t number)
{
	return data + number * LMDB_PAGE_SIZE;
}

static uint8_t *meta_of(uint8_t *data, bool is_newest)
{
	bool is_second = le64(data + META_OFF_TXN) < le64(data + LMDB_PAGE_SIZE + META_OFF_TXN);

	return page_of(data, is_second == is_newest);
}

uint8_t *lmdb_image_node(uint8_t *page, unsigned index)
{
	return page + le16(page + PAGE_HEADER_SIZE + 2 * (size_t)index);
}

static unsigned count_of(const uint8_t *page)
{
	return (le16(page + PAGE_OFF_LOWER) - PAGE_HEADER_SIZE) / 2U;
}

static uint8_t *value_of(uint8_t *node)
{
	return node + NODE_HEADER_SIZE + le16(node + 6);
}

static uint8_t *root_of(uint8_t *data, const uint8_t *db)
{
	return page_of(data, le64(db + 40));
}

static uint8_t *db_of(uint8_t *data, unsigned number)
{
	uint8_t *list = root_of(data, meta_of(data, true) + META_OFF_MAIN_DB);

	return value_of(lmdb_image_node(list, number));
}

static uint8_t *leaf_of(uint8_t *data)
{
	return page_of(data, le32(lmdb_image_node(root_of(data, db_of(data, 0)), 0)));
}

static uint8_t *last_free(uint8_t *data)
{
	uint8_t *page = root_of(data, meta_of(data, true) + META_OFF_FREE_DB);

	return lmdb_image_node(page, count_of(page) - 1);
}

uint8_t *lmdb_image_find(uint8_t *data, enum lmdb_place place)
{
	uint8_t *meta = meta_of(data, true), *node;

	switch (place) {
	case LMDB_META: return meta;
	case LMDB_OLD_META: return meta_of(data, false);
	case LMDB_MAIN: return meta + META_OFF_MAIN_DB;
	case LMDB_FREE: return meta + META_OFF_FREE_DB;
	case LMDB_D0: return db_of(data, 0);
	case LMDB_D2: return db_of(data, 2);
	case LMDB_MAIN_NODE: return lmdb_image_node(root_of(data, meta + META_OFF_MAIN_DB), 0);
	case LMDB_BRANCH: return root_of(data, db_of(data, 0));
	case LMDB_BRANCH_NODE: return lmdb_image_node(lmdb_image_find(data, LMDB_BRANCH), 1);
	case LMDB_LEAF: return leaf_of(data);
	case LMDB_LEAF_NODE: return lmdb_image_node(leaf_of(data), 0);
	case LMDB_LEAF_SECOND: return lmdb_image_node(leaf_of(data), 1);
	case LMDB_LEAF_LAST: return lmdb_image_node(leaf_of(data), count_of(leaf_of(data)) - 1);
	case LMDB_SMALL: return root_of(data, db_of(data, 1));
	case LMDB_SMALL_NODE: return lmdb_image_node(lmdb_image_find(data, LMDB_SMALL), 0);
	case LMDB_BIG_NODE: return lmdb_image_node(lmdb_image_find(data, LMDB_SMALL), 1);
	case LMDB_BIG: return page_of(data, le64(value_of(lmdb_image_find(data, LMDB_BIG_NODE))));
	case LMDB_FREE_LEAF: return root_of(data, meta + META_OFF_FREE_DB);
	case LMDB_FREE_NODE: return last_free(data);
	case LMDB_FREE_LIST:
		node = last_free(data);
		return le16(node + 4) & F_BIGDATA ? page_of(data, le64(value_of(node)))
						  : value_of(node);
	}
	return NULL;
}

void le_set(uint8_t *p, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

uint64_t le_get(const uint8_t *p, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = width; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}
