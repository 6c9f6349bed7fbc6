/* SPDX-License-Identifier: MIT */
/* Our reader of LMDB's files against what LMDB itself wrote, and against spoiled ones. */
#include "lmdb_read.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

enum { DBS = 3, STEPS_MAX = 64 << 10 };

static char dir[PATH_MAX], env_dir[PATH_MAX], file[PATH_MAX], other[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "env", env_dir);
	scratch_path(env_dir, "data.mdb", file);
	scratch_path(dir, "spoiled.mdb", other);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static MDB_env *open_env(void)
{
	MDB_env *env;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, DBS), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(env, env_dir, MDB_NOSYNC, 0600), 0);
	return env;
}

static MDB_dbi open_db(MDB_txn *txn, unsigned number)
{
	char name[] = { 'd', (char)('0' + number), 0 };
	MDB_dbi dbi;

	assert_int_equal(mdb_dbi_open(txn, name, MDB_CREATE, &dbi), 0);
	return dbi;
}

/* Puts and removes by chance; values of up to @value_max bytes. */
static void write_env(uint64_t seed, unsigned commits, unsigned changes, size_t value_max)
{
	static uint8_t data[20000];
	struct rng rng;
	MDB_env *env;

	tree_remove(env_dir);
	assert_int_equal(mkdir(env_dir, 0700), 0);
	rng_init_from(&rng, seed);
	env = open_env();
	while (commits-- > 0) {
		MDB_txn *txn;

		assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
		for (unsigned i = 0; i < changes; i++) {
			MDB_dbi dbi = open_db(txn, (unsigned)rng_below(&rng, DBS));
			char key[64];
			MDB_val k = { 0, key }, v = { rng_below(&rng, value_max + 1), data };

			k.mv_size = (size_t)snprintf(key, sizeof(key), "%0*u",
						     1 + (int)rng_below(&rng, 30),
						     (unsigned)rng_below(&rng, 500));
			rng_fill(&rng, data, v.mv_size);
			if (rng_below(&rng, 4) == 0)
				mdb_del(txn, dbi, &k, NULL);
			else
				assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
		}
		assert_int_equal(mdb_txn_commit(txn), 0);
	}
	mdb_env_close(env);
}

static void compare_db(MDB_txn *txn, struct lmdb_file *ours, unsigned number)
{
	char name[] = { 'd', (char)('0' + number), 0 };
	struct lmdb_cursor cursor, getter;
	struct lmdb_bytes key, value;
	MDB_cursor *theirs;
	MDB_val k, v;

	assert_int_equal(mdb_cursor_open(txn, open_db(txn, number), &theirs), 0);
	assert_ok(lmdb_cursor_init(&cursor, ours, name));
	assert_ok(lmdb_cursor_init(&getter, ours, name));
	while (mdb_cursor_get(theirs, &k, &v, MDB_NEXT) == 0) {
		assert_ok(lmdb_next(&cursor, &key, &value));
		assert_int_equal(key.size, k.mv_size);
		assert_memory_equal(key.data, k.mv_data, key.size);
		assert_int_equal(value.size, v.mv_size);
		assert_memory_equal(value.data, v.mv_data, value.size);
		assert_ok(lmdb_get(&getter, k.mv_data, k.mv_size, &value));
		assert_int_equal(value.size, v.mv_size);
		assert_memory_equal(value.data, v.mv_data, value.size);
	}
	assert_err(INK_ERR_NOT_FOUND, lmdb_next(&cursor, &key, &value));
	assert_err(INK_ERR_NOT_FOUND, lmdb_get(&getter, "absent", 6, &value));
	mdb_cursor_close(theirs);
	lmdb_cursor_release(&cursor);
	lmdb_cursor_release(&getter);
}

static void compare_all(bool has_copy)
{
	MDB_env *env = open_env();
	struct lmdb_file ours;
	bool is_current;
	MDB_txn *txn;

	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_ok(lmdb_open(io_system(), file, has_copy, 1 << 30, &ours));
	assert_ok(lmdb_is_current(&ours, &is_current));
	assert_true(is_current);
	for (unsigned i = 0; i < DBS; i++)
		compare_db(txn, &ours, i);
	lmdb_close(&ours);
	mdb_txn_abort(txn);
	mdb_env_close(env);
}

static void reads_what_lmdb_wrote(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		write_env(seed, (unsigned)seed * 5, 40 * (unsigned)seed, seed % 2 ? 80 : 15000);
		compare_all(seed % 3 == 0);
	}
}

static void an_empty_database_has_no_entry(void **state)
{
	struct lmdb_cursor cursor;
	struct lmdb_bytes key, value;
	struct lmdb_file ours;

	(void)state;
	write_env(1, 0, 0, 0);
	assert_ok(lmdb_open(io_system(), file, false, 0, &ours));
	assert_ok(lmdb_cursor_init(&cursor, &ours, NULL));
	assert_err(INK_ERR_NOT_FOUND, lmdb_next(&cursor, &key, &value));
	lmdb_cursor_release(&cursor);
	assert_err(INK_ERR_NOT_FOUND, lmdb_cursor_init(&cursor, &ours, "d0"));
	lmdb_cursor_release(&cursor);
	lmdb_close(&ours);
}

static void a_snapshot_is_current_for_one_commit(void **state)
{
	struct lmdb_file ours;
	bool is_current;
	MDB_env *env;

	(void)state;
	write_env(3, 3, 20, 50);
	assert_ok(lmdb_open(io_system(), file, false, 0, &ours));
	env = open_env();
	for (unsigned commits = 1; commits <= 3; commits++) {
		char name[] = "k";
		MDB_val k = { 1, name }, v = { sizeof(commits), &commits };
		MDB_txn *txn;

		assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
		assert_int_equal(mdb_put(txn, open_db(txn, 0), &k, &v, 0), 0);
		assert_int_equal(mdb_txn_commit(txn), 0);
		assert_ok(lmdb_is_current(&ours, &is_current));
		assert_int_equal(is_current, commits <= 1);
	}
	mdb_env_close(env);
	lmdb_close(&ours);
}

/* Everything that can be asked of a file, whatever is in it; the walk must end. */
static void walk_spoiled(void)
{
	struct lmdb_cursor list, cursor;
	struct lmdb_bytes key, value;
	struct lmdb_file ours;
	unsigned steps = 0;

	if (lmdb_open(io_system(), other, false, 0, &ours) == INK_OK) {
		enum ink_err err = lmdb_cursor_init(&list, &ours, NULL);

		while (err == INK_OK && (err = lmdb_next(&list, &key, &value)) == INK_OK)
			assert_true(++steps < STEPS_MAX);
		lmdb_cursor_release(&list);
		for (unsigned i = 0; i < DBS; i++) {
			char name[] = { 'd', (char)('0' + i), 0 };

			err = lmdb_cursor_init(&cursor, &ours, name);
			while (err == INK_OK && (err = lmdb_next(&cursor, &key, &value)) == INK_OK)
				assert_true(++steps < STEPS_MAX);
			if (err != INK_ERR_DAMAGED)
				(void)!lmdb_get(&cursor, "0001", 4, &value);
			lmdb_cursor_release(&cursor);
		}
	}
	lmdb_close(&ours);
}

static void no_flipped_byte_makes_it_crash_or_run_for_ever(void **state)
{
	uint8_t *data;
	size_t size;

	(void)state;
	write_env(9, 2, 30, 40);
	data = file_read(file, &size);
	assert_true(size >= 4 * LMDB_PAGE_SIZE && size < 64 * LMDB_PAGE_SIZE);
	for (size_t pos = 0; pos < size; pos += stride() * (pos % LMDB_PAGE_SIZE < 200 ? 1 : 5)) {
		static const uint8_t masks[] = { 0x01, 0x80, 0xff };

		data[pos] ^= masks[pos % 3];
		file_write(other, data, size);
		data[pos] ^= masks[pos % 3];
		walk_spoiled();
	}
	free(data);
}

static void noise_and_short_files_do_no_harm(void **state)
{
	struct rng rng;
	uint8_t *data;
	size_t size;

	(void)state;
	rng_init(&rng, "noise");
	write_env(10, 12, 60, 6000);
	data = file_read(file, &size);
	for (unsigned round = rounds(300); round > 0; round--) {
		uint8_t keep[64];
		size_t at = rng_below(&rng, size - sizeof(keep));

		memcpy(keep, data + at, sizeof(keep));
		rng_fill(&rng, data + at, sizeof(keep));
		file_write(other, data, round % 4 == 0 ? rng_below(&rng, size) : size);
		memcpy(data + at, keep, sizeof(keep));
		walk_spoiled();
	}
	free(data);
}

static void what_is_no_file_is_not_read(void **state)
{
	struct lmdb_file ours;
	char below[PATH_MAX];

	(void)state;
	unlink(other);
	assert_err(INK_ERR_NOT_FOUND, lmdb_open(io_system(), other, false, 0, &ours));
	lmdb_close(&ours);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_err(INK_ERR_FOREIGN, lmdb_open(io_system(), other, false, 0, &ours));
	lmdb_close(&ours);
	unlink(other);
	assert_int_equal(symlink(file, other), 0);
	assert_err(INK_ERR_FOREIGN, lmdb_open(io_system(), other, false, 0, &ours));
	lmdb_close(&ours);
	unlink(other);
	file_write(other, "", 0);
	assert_err(INK_ERR_NOT_FOUND, lmdb_open(io_system(), other, false, 0, &ours));
	lmdb_close(&ours);
	scratch_path(other, "beneath", below);
	assert_err(INK_ERR_NOT_FOUND, lmdb_open(io_system(), below, false, 0, &ours));
	lmdb_close(&ours);
	unlink(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_lmdb_wrote),
		cmocka_unit_test(an_empty_database_has_no_entry),
		cmocka_unit_test(a_snapshot_is_current_for_one_commit),
		cmocka_unit_test(no_flipped_byte_makes_it_crash_or_run_for_ever),
		cmocka_unit_test(noise_and_short_files_do_no_harm),
		cmocka_unit_test(what_is_no_file_is_not_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
