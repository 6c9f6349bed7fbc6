/* SPDX-License-Identifier: MIT */
/*
 * Our own reader of LMDB's files, on any pages: the file as an image (image.h, units of a page).
 *
 * Walks end, keys come in order, and what a walk yields is found by its key too.
 */
#include <string.h>

#include "fuzz.h"
#include "image.h"
#include "lmdb_read.h"
#include "mem_io.h"

enum { PAGES_MAX = 64, NAMES_MAX = 16, NAME_ROOM = 64 };

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
	mem_io_release(&mem);
	free(image);
}

const struct fuzz_target fuzz_lmdb = { "lmdb", run, 32768 };
