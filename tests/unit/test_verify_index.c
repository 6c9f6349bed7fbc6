/* SPDX-License-Identifier: MIT */
/* Indexes that do not fit their log, each in one way: what is said of them, and when they are not compared at all. */
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"
#include "lmdb_image.h"
#include "said.h"
#include "sample.h"
#include "scratch.h"

enum { VALUE_ROOM = 16384, NOBODY = 65534 };

/* FORMAT.md section 9: the first fields of the head. */
enum { HEAD_OFF_COUNT = 8 };

static char dir[PATH_MAX], store[PATH_MAX], copy[PATH_MAX], index_dir[PATH_MAX],
	data_file[PATH_MAX];
static struct said said;

static int setup(void **state)
{
	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", store);
	scratch_path(dir, "copy", copy);
	scratch_path(copy, "index", index_dir);
	scratch_path(index_dir, "data.mdb", data_file);
	sample_tiled(store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void copy_again(void)
{
	tree_remove(copy);
	tree_copy(store, copy);
}

/* --- entries that LMDB itself has written ---------------------------------------------------- */

static MDB_env *open_env(void)
{
	MDB_env *env;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 20), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(env, index_dir, MDB_NOSYNC, 0600), 0);
	return env;
}

enum how {
	DROP,
	GONE,
	SHORT_KEY,
	EXTRA_BEFORE,
	EXTRA_BEHIND,
	LONGER_KEY,
	LONGER_VALUE,
	SHORT_VALUE,
	OTHER_COOKIE,
	OTHER_INODE,
	OTHER_VALUE
};

/* The first entry of @db whose value ends with @name. */
static void find(MDB_txn *txn, MDB_dbi dbi, const char *name, MDB_val *ret_key, MDB_val *ret_value)
{
	size_t size = strlen(name);
	MDB_cursor *cursor;

	assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
	do {
		assert_int_equal(mdb_cursor_get(cursor, ret_key, ret_value, MDB_NEXT), 0);
	} while (ret_value->mv_size < size ||
		 memcmp((char *)ret_value->mv_data + ret_value->mv_size - size, name, size) != 0);
	mdb_cursor_close(cursor);
}

static void edit(const char *db, const char *name, enum how how)
{
	static uint8_t key[600], value[VALUE_ROOM];
	MDB_env *env = open_env();
	MDB_val k, v;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, db, 0, &dbi), 0);
	find(txn, dbi, name, &k, &v);
	assert_true(k.mv_size < sizeof(key) && v.mv_size < sizeof(value));
	memcpy(key, k.mv_data, k.mv_size);
	memcpy(value, v.mv_data, v.mv_size);
	k.mv_data = key;
	v.mv_data = value;
	switch (how) {
	case DROP: assert_int_equal(mdb_drop(txn, dbi, 1), 0); break;
	case GONE: assert_int_equal(mdb_del(txn, dbi, &k, NULL), 0); break;
	case SHORT_KEY: /* what is missing of it follows: the value */
		value[0] = key[--k.mv_size];
		break;
	case EXTRA_BEFORE: key[0] = 0; break;
	case EXTRA_BEHIND: key[0] = 0xff; break;
	case LONGER_KEY: key[k.mv_size++] = 0; break;
	case LONGER_VALUE: value[v.mv_size++] = 0; break;
	case SHORT_VALUE: v.mv_size = 11; break;
	case OTHER_COOKIE: key[9] ^= 1; break;
	case OTHER_VALUE: value[0] ^= 1; break;
	case OTHER_INODE: /* a folder that has no target */
		memset(key, 0, k.mv_size);
		key[k.mv_size - 1] = 1;
		v.mv_size = 0;
		break;
	}
	if (how != DROP && how != GONE)
		assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static unsigned times_said(const char *sentence)
{
	unsigned times = 0;

	for (const char *at = said.evidence; (at = strstr(at, sentence)); at++)
		times++;
	return times;
}

static const struct {
	const char *db, *name;
	enum how how;
	unsigned times;
	const char *says;
} rows[] = {
	{ "links", "", DROP, 1, "the database links is missing" },
	{ "meta", "", LONGER_VALUE, 1, "meta: the head has another size than it should have" },
	{ "meta", "", EXTRA_BEFORE, 2, "meta: an entry that does not belong there" },
	{ "meta", "", SHORT_KEY, 2, "meta: an entry that does not belong there" },
	{ "seals", "", LONGER_VALUE, 1, "seals: the entry of record" },
	{ "actors", "", LONGER_VALUE, 1, "actors: the entry of record" },
	{ "tiles", "", LONGER_VALUE, 1, "tiles: tile 1/0 is wrong" },
	{ "tiles", "", OTHER_VALUE, 1, "tiles: tile 1/0 is wrong" },
	{ "targets", "", OTHER_VALUE, 1, "targets: the entry of inode" },
	{ "tiles", "", GONE, 1, "tiles: tile 1/0 is missing" },
	{ "targets", "", LONGER_VALUE, 1, "targets: the entry of inode" },
	{ "targets", "", OTHER_INODE, 1, "targets: the entry of inode" },
	{ "targets", "", GONE, 1, "targets: 1 entries where the log makes 2" },
	{ "leaves", "", EXTRA_BEHIND, 1, "leaves: an entry that has no record" },
	{ "extents", "", EXTRA_BEHIND, 1, "extents: " },
	{ "meta", "", EXTRA_BEHIND, 1, "meta: an entry that does not belong there" },
	{ "inodes", "", EXTRA_BEHIND, 1, "inodes: an entry that no record made" },
	{ "inodes", "", LONGER_KEY, 1, "inodes: an entry that no record made" },
	{ "names", "", LONGER_VALUE, 1, "names: the entry of a name in folder" },
	{ "names", "", EXTRA_BEHIND, 1, "names: the entry of a name in folder" },
	{ "entries", "link", LONGER_KEY, 1, "entries: the entry of a name in folder" },
	{ "entries", "link", SHORT_VALUE, 1, "entries: the entry of a name in folder" },
	{ "entries", "link", LONGER_VALUE, 1, "entries: the entry of a name in folder" },
	{ "entries", "link", OTHER_COOKIE, 1, "entries: the entry of a name in folder" },
	{ "links", "", LONGER_KEY, 1, "links: the entry of inode" },
	{ "links", "", LONGER_VALUE, 1, "links: the entry of inode" },
	{ "links", "", OTHER_COOKIE, 1, "links: the entry of inode" },
};

static void an_entry_that_no_record_made_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		copy_again();
		edit(rows[i].db, rows[i].name, rows[i].how);
		said_verify(copy, NULL, NULL, &said);
		said_expect(rows[i].db, &said, false, rows[i].says);
		if (times_said(rows[i].says) != rows[i].times)
			fail_msg("row %zu: said %u times", i, times_said(rows[i].says));
	}
}

static void a_database_with_a_spoiled_page_is_named(void **state)
{
	uint8_t *image, *page;
	size_t size;

	(void)state;
	copy_again();
	image = file_read(data_file, &size);
	page = image + 4096 * le_get(lmdb_image_find(image, LMDB_D0) + 40, 8);
	page[10] ^= 16; /* its flags */
	file_write(data_file, image, size);
	free(image);
	said_verify(copy, NULL, NULL, &said);
	said_expect("a page", &said, false,
		    "database actors is damaged: a page of another kind than its place demands");
}

static void an_index_of_no_record_is_none_that_was_written(void **state)
{
	static uint8_t value[VALUE_ROOM];
	char name[] = "head";
	MDB_val k = { 4, name }, v;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	(void)state;
	copy_again();
	env = open_env();
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
	assert_int_equal(mdb_get(txn, dbi, &k, &v), 0);
	assert_true(v.mv_size <= sizeof(value));
	memcpy(value, v.mv_data, v.mv_size);
	be64_store(value + HEAD_OFF_COUNT, 0);
	v.mv_data = value;
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	said_verify(copy, NULL, NULL, &said);
	said_expect("a count of zero", &said, false, "the index covers no record at all");
}

/* --- an index and a log of different times --------------------------------------------------- */

static void an_older_index_is_told_and_held_against_nobody(void **state)
{
	char kept[PATH_MAX];

	(void)state;
	copy_again();
	scratch_path(dir, "kept", kept);
	tree_copy(index_dir, kept);
	sample_session(copy);
	tree_remove(index_dir);
	tree_copy(kept, index_dir);
	tree_remove(kept);
	said_verify(copy, NULL, NULL, &said);
	said_expect("an older index", &said, true, "the index covers ");
	assert_non_null(strstr(said.notes, " records\n"));
	assert_non_null(strstr(said.notes, " of "));
}

/* The index knows of a session that the log has only zeros of: no crash takes back what was synced. */
static void zeros_where_the_index_knows_records_are_found(void **state)
{
	char segment[PATH_MAX];
	size_t before, size;
	uint8_t *data;

	(void)state;
	copy_again();
	scratch_path(copy, SAMPLE_SEGMENT, segment);
	before = file_size(segment);
	sample_session(copy);
	data = file_read(segment, &size);
	assert_true(size > before);
	memset(data + before, 0, size - before);
	file_write(segment, data, size);
	free(data);
	said_verify(copy, NULL, NULL, &said);
	said_expect("zeros", &said, false, "room for records behind the closing one");
	said_expect("zeros", &said, false, "the log has ");
}

/* --- not compared ---------------------------------------------------------------------------- */

static void what_is_no_file_is_no_index(void **state)
{
	(void)state;
	copy_again();
	unlink(data_file);
	assert_int_equal(mkdir(data_file, 0700), 0);
	said_verify(copy, NULL, NULL, &said);
	said_expect("a folder", &said, false, "not a regular file where the index belongs");
}

/* Held by somebody who writes: it would have to be copied, and says that it is larger than can be. */
static void an_index_too_large_to_be_copied_while_it_is_written_is_not_compared(void **state)
{
	static const uint64_t last_page = (UINT64_C(2) << 30) / 4096;
	char lock[PATH_MAX];
	uint8_t *image;
	size_t size;
	int fd;

	(void)state;
	copy_again();
	scratch_path(copy, "lock", lock);
	image = file_read(data_file, &size);
	le_set(lmdb_image_find(image, LMDB_META) + 136, 8, last_page);
	file_write(data_file, image, size);
	free(image);
	assert_int_equal(truncate(data_file, (off_t)((last_page + 1) * 4096)), 0); /* a hole */
	fd = open(lock, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
	said_verify(copy, NULL, NULL, &said);
	close(fd);
	said_expect(
		"a live store", &said, true,
		"the index is written to while it is read, and too large or too busy to be copied");
}

static void let_others_read(const char *name, mode_t mode)
{
	char path[PATH_MAX];

	scratch_path(copy, name, path);
	assert_int_equal(chmod(path, mode), 0);
}

static void an_index_that_may_not_be_read_is_not_compared(void **state)
{
	int status;
	pid_t child;

	(void)state;
	copy_again();
	assert_int_equal(chmod(dir, 0755), 0);
	let_others_read("", 0755);
	let_others_read("log", 0755);
	let_others_read(SAMPLE_SEGMENT, 0644);
	let_others_read("lock", 0644);
	let_others_read("vkey", 0644);
	let_others_read("index/data.mdb", 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
			_exit(3);
		said_verify(copy, NULL, NULL, &said);
		if (said.err != INK_OK || !said.result.is_intact)
			_exit(2);
		_exit(!strstr(said.notes, "the index may not be read by this user: not compared"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* --- changed while it is compared ------------------------------------------------------------ */

/* More commits than a snapshot survives. */
static void write_on(void)
{
	MDB_env *env = open_env();
	MDB_txn *txn;
	MDB_dbi dbi;

	for (unsigned i = 0; i < 4; i++) {
		char name[] = "made meanwhile";
		MDB_val k = { sizeof(name), name }, v = { 4, name };

		assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
		assert_int_equal(mdb_dbi_open(txn, "actors", 0, &dbi), 0);
		name[0] = (char)('A' + i);
		assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
		assert_int_equal(mdb_txn_commit(txn), 0);
	}
	mdb_env_close(env);
}

/* What looks wrong in an index that is no longer the one that was opened is not said. */
static void findings_in_an_index_that_was_changed_meanwhile_are_dropped(void **state)
{
	pid_t child;
	int status;

	(void)state;
	copy_again();
	/* An end without order, so that something is said in the middle of the log. */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ink_store *s = sample_open(copy);

		(void)!ink_append(s, &(struct ink_caller){ 0 }, 3, INK_AT_END, "x\n", 2, true);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	sample_session(copy);
	edit("names", "", LONGER_VALUE);
	said_verify(copy, NULL, NULL, &said);
	said_expect("left alone", &said, false, "names: the entry of a name in folder");
	said.on_first = write_on;
	said_verify(copy, NULL, NULL, &said);
	said_expect("written to", &said, true,
		    "the index was written to while it was compared: run this again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_that_no_record_made_is_named),
		cmocka_unit_test(a_database_with_a_spoiled_page_is_named),
		cmocka_unit_test(an_index_of_no_record_is_none_that_was_written),
		cmocka_unit_test(an_older_index_is_told_and_held_against_nobody),
		cmocka_unit_test(zeros_where_the_index_knows_records_are_found),
		cmocka_unit_test(what_is_no_file_is_no_index),
		cmocka_unit_test(
			an_index_too_large_to_be_copied_while_it_is_written_is_not_compared),
		cmocka_unit_test(an_index_that_may_not_be_read_is_not_compared),
		cmocka_unit_test(findings_in_an_index_that_was_changed_meanwhile_are_dropped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
