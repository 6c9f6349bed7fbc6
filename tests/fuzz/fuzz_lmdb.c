/* SPDX-License-Identifier: MIT */
/*
 * Our own reader of LMDB's files, on any pages: the file as an image (image.h, units of a page).
 *
 * Walks end, keys come in order, and what a walk yields is found by its key too.  A file that lmdb_check() passes is then
 * given to LMDB itself, to be read, changed and committed: it must neither crash nor leave what does not pass again.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "golden.h"
#include "image.h"
#include "index.h"
#include "lmdb_read_check.h"
#include "mem_io.h"
#include "scratch.h"

enum { PAGES_MAX = 64, NAMES_MAX = 16, NAME_ROOM = 64, CHANGES_MAX = 200 };

struct names {
	unsigned count;
	char names[NAMES_MAX][NAME_ROOM];
};

static void require_found(struct lmdb_cursor *getter, const struct lmdb_bytes *key,
			  const struct lmdb_bytes *value)
{
	struct lmdb_bytes found;

	FUZZ_REQUIRE(lmdb_get(getter, key->data, key->size, &found) == INK_OK);
	FUZZ_REQUIRE(found.size == value->size &&
		     (found.size == 0 || memcmp(found.data, value->data, found.size) == 0));
}

static void see_name(struct names *names, const struct lmdb_bytes *key)
{
	if (names->count == NAMES_MAX || key->size >= NAME_ROOM || memchr(key->data, 0, key->size))
		return;
	memcpy(names->names[names->count], key->data, key->size);
	names->names[names->count++][key->size] = '\0';
}

/* @name NULL: the list of databases, whose names go to @names.  @getter: look each key up too, or NULL. */
static bool walk(struct lmdb_file *file, const char *name, struct names *names,
		 struct lmdb_cursor *getter)
{
	struct lmdb_cursor cursor;
	struct lmdb_bytes key, value;
	uint8_t last[LMDB_KEY_SIZE_MAX];
	size_t last_size = 0, count = 0;
	enum ink_err err = lmdb_cursor_init(&cursor, file, name);

	while (err == INK_OK && (err = lmdb_next(&cursor, &key, &value)) == INK_OK) {
		size_t common = key.size < last_size ? key.size : last_size;
		int order = common > 0 ? memcmp(last, key.data, common) : 0;

		FUZZ_REQUIRE(key.size <= LMDB_KEY_SIZE_MAX && value.size <= LMDB_VALUE_SIZE_MAX);
		FUZZ_REQUIRE(count == 0 || order < 0 || (order == 0 && last_size < key.size));
		FUZZ_REQUIRE(++count <= (size_t)PAGES_MAX * LMDB_PAGE_SIZE);
		if (getter)
			require_found(getter, &key, &value);
		if (key.size > 0)
			memcpy(last, key.data, key.size);
		last_size = key.size;
		if (names)
			see_name(names, &key);
	}
	FUZZ_REQUIRE(err != INK_ERR_DAMAGED || file->damage);
	FUZZ_REQUIRE(err == INK_ERR_DAMAGED || err == INK_ERR_NOT_FOUND);
	lmdb_cursor_release(&cursor);
	return err == INK_ERR_NOT_FOUND;
}

/* Only in a tree that is whole does a search by halves have to find what a walk finds. */
static void check_db(struct lmdb_file *file, const char *name, struct names *names)
{
	struct lmdb_cursor getter;

	if (!walk(file, name, names, NULL))
		return;
	if (lmdb_cursor_init(&getter, file, name) == INK_OK)
		FUZZ_REQUIRE(walk(file, name, NULL, &getter));
	lmdb_cursor_release(&getter);
}

static void check_file(struct mem_io *mem, bool has_copy)
{
	struct names names = { 0 };
	struct lmdb_file file;
	bool is_current;
	enum ink_err err = lmdb_open(&mem->io, "data.mdb", has_copy, 1 << 20, &file);

	if (err == INK_OK) {
		FUZZ_REQUIRE(lmdb_is_current(&file, &is_current) == INK_OK && is_current);
		check_db(&file, NULL, &names);
		for (unsigned i = 0; i < names.count; i++)
			check_db(&file, names.names[i], NULL);
	}
	FUZZ_REQUIRE(err != INK_ERR_DAMAGED || file.damage);
	lmdb_close(&file);
}

/* Every pair, and a change of every third: gone, shorter, larger than a page. */
static void change_db(struct index *index, enum index_db db, bool is_read_only)
{
	static const uint8_t large[5000] = { 1 };
	uint8_t key[LMDB_KEY_SIZE_MAX] = { 0 };
	struct index_pair pair;
	size_t key_size = 0;

	for (unsigned i = 0; i < CHANGES_MAX; i++) {
		volatile uint8_t sum = 0;

		if (index_seek(index, db, key, key_size, i > 0, &pair) != INK_OK)
			break;
		for (size_t k = 0; k < pair.value_size; k++)
			sum = (uint8_t)(sum + pair.value[k]);
		key_size = pair.key_size;
		if (key_size > 0)
			memcpy(key, pair.key, key_size);
		if (is_read_only || key_size == 0)
			continue;
		if (i % 6 == 0)
			FUZZ_REQUIRE(index_remove(index, db, key, key_size) == INK_OK);
		else if (i % 3 == 0)
			FUZZ_REQUIRE(index_put(index, db, key, key_size, large,
					       i % 2 ? sizeof(large) : 3) == INK_OK);
	}
	if (!is_read_only)
		FUZZ_REQUIRE(index_put(index, db, "new key", 7, large, 100) == INK_OK);
}

static void use_index(const char *dir, bool is_read_only)
{
	struct index *index;
	char path[PATH_MAX];
	const char *damage;
	unsigned commits;

	if (index_open(dir, is_read_only, &index) != INK_OK)
		return;
	for (commits = 0; commits < 3; commits++) {
		for (unsigned db = 0; db < DB_COUNT; db++)
			change_db(index, (enum index_db)db, is_read_only);
		if (is_read_only || index_freeze(index) != INK_OK ||
		    index_commit(index) != INK_OK || index_thaw(index) != INK_OK)
			break;
	}
	index_close(index);
	scratch_path(dir, "data.mdb", path);
	if (commits > 0)
		FUZZ_REQUIRE(lmdb_check(io_system(), path, LMDB_CHECK_ALL, &damage) == INK_OK);
}

/* By the real LMDB, on a file. */
static void let_lmdb(struct mem_io *mem, const uint8_t *image, size_t size)
{
	const char *damage = NULL;
	enum ink_err err = lmdb_check(&mem->io, "data.mdb", LMDB_CHECK_ALL, &damage);
	char dir[PATH_MAX], path[PATH_MAX];

	FUZZ_REQUIRE(err != INK_ERR_DAMAGED || damage);
	if (err != INK_OK)
		return;
	scratch_path(golden_get()->dir, "lmdb", dir);
	(void)mkdir(dir, 0700);
	scratch_path(dir, "lock.mdb", path);
	(void)unlink(path);
	scratch_path(dir, "data.mdb", path);
	file_write(path, image, size);
	use_index(dir, true);
	use_index(dir, false);
	(void)unlink(path);
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct mem_io mem;
	uint8_t *image;
	size_t image_size;

	image = image_decode(&input, LMDB_PAGE_SIZE, PAGES_MAX, &image_size);
	mem_io_init(&mem);
	mem_io_put(&mem, "data.mdb", image, image_size);
	check_file(&mem, false);
	check_file(&mem, true);
	let_lmdb(&mem, image, image_size);
	mem_io_release(&mem);
	free(image);
}

const struct fuzz_target fuzz_lmdb = { "lmdb", run, 32768 };
