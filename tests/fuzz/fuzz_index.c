/* SPDX-License-Identifier: MIT */
/*
 * Index values: a list of changes of an index that was made from a good log, then everything that reads it.
 *
 * Each call ends, answers within its bounds, and what is read of a file is what the log says: a wrong index may hide a
 * byte, it never invents one.  A head that is taken up is written again as the same bytes.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "golden.h"
#include "overlay.h"
#include "scratch.h"
#include "store_private.h"

enum { INODES = 24, FILE_ROOM = 4096, VALUE_MAX = 2048, ENTRIES_MAX = 4096, CHANGES_MAX = 64 };

static char path[PATH_MAX];
static uint8_t truth[INODES][FILE_ROOM];
static size_t truth_size[INODES];

static void read_truth(void)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;

	FUZZ_REQUIRE(ink_reader_open(path, &reader, &error) == INK_OK);
	while (ink_reader_next(reader, &record) == INK_OK && record) {
		const struct ink_header *h = &record->header;

		if (h->kind != INK_APPEND)
			continue;
		FUZZ_REQUIRE(h->inode < INODES && h->offset == truth_size[h->inode] &&
			     h->offset + h->body_size <= FILE_ROOM);
		memcpy(truth[h->inode] + h->offset, record->body, h->body_size);
		truth_size[h->inode] += h->body_size;
	}
	ink_reader_close(reader);
}

/* Without its own index the store is opened on one in memory. */
static void prepare(void)
{
	const struct golden *golden = golden_get();
	char index[PATH_MAX];

	if (path[0])
		return;
	scratch_path(golden->dir, "without-index", path);
	tree_copy(golden->path, path);
	scratch_path(path, "index", index);
	tree_remove(index);
	read_truth();
}

/* The pair number @number of @db, if there are that many. */
static bool pick(struct index *index, enum index_db db, unsigned number, uint8_t *key,
		 size_t *key_size, uint8_t *value, size_t *value_size)
{
	struct index_pair pair;

	*key_size = 0;
	for (unsigned i = 0; i <= number; i++) {
		if (index_seek(index, db, key, *key_size, i > 0, &pair) != INK_OK ||
		    pair.value_size > VALUE_MAX)
			return i > 0;
		if (pair.key_size > 0)
			memcpy(key, pair.key, pair.key_size);
		*key_size = pair.key_size;
		if (pair.value_size > 0)
			memcpy(value, pair.value, pair.value_size);
		*value_size = pair.value_size;
	}
	return true;
}

/* u8 kind | u8 database | u8 pair | … */
static void change(struct index *index, struct fuzz_input *input)
{
	uint8_t kind = input_u8(input);
	enum index_db db = input_u8(input) % DB_COUNT;
	uint8_t number = input_u8(input), key[OVERLAY_KEY_SIZE_MAX], value[VALUE_MAX] = { 0 };
	size_t key_size = 0, value_size = 0, size, at;
	const uint8_t *p;

	if (kind % 4 == 3 || !pick(index, db, number, key, &key_size, value, &value_size)) {
		p = input_bytes(input, 1 + number % 32, &key_size);
		if (key_size == 0)
			return;
		memcpy(key, p, key_size);
	}
	switch (kind % 4) {
	case 0: FUZZ_REQUIRE(index_remove(index, db, key, key_size) == INK_OK); return;
	case 1: /* another size */ value_size = input_u16(input) % VALUE_MAX; break;
	default: /* other bytes */
		at = input_u16(input) % VALUE_MAX;
		p = input_bytes(input, input_u8(input), &size);
		if (size > VALUE_MAX - at)
			size = VALUE_MAX - at;
		if (size > 0)
			memcpy(value + at, p, size);
		if (at + size > value_size)
			value_size = at + size;
	}
	FUZZ_REQUIRE(index_put(index, db, key, key_size, value, value_size) == INK_OK);
}

/* The catalog remembers what it wrote; only a new one reads. */
static bool take_up(struct ink_store *store, struct fuzz_input *input)
{
	uint8_t before[VALUE_MAX + 1024];
	const uint8_t *head;
	size_t size = 0, again;

	FUZZ_REQUIRE(catalog_flush(store->catalog) == INK_OK);
	catalog_close(store->catalog);
	store->catalog = NULL;
	for (unsigned i = 0; i < CHANGES_MAX && input->size > 0; i++)
		change(store->index, input);
	if (index_get(store->index, DB_META, "head", 4, &head, &size) == INK_OK)
		memcpy(before, head, size);
	if (catalog_open(store->index, &store->catalog) != INK_OK) {
		store->catalog = NULL;
		return false;
	}
	if (size > 0) {
		FUZZ_REQUIRE(catalog_flush(store->catalog) == INK_OK);
		FUZZ_REQUIRE(index_get(store->index, DB_META, "head", 4, &head, &again) == INK_OK);
		FUZZ_REQUIRE(again == size && memcmp(before, head, size) == 0);
	}
	return true;
}

enum { NAMES_MAX = 8 };

/* The first names are looked up afterwards: the listing holds the store's lock. */
struct listing {
	uint64_t last_cookie;
	unsigned count;
	char names[NAMES_MAX][INK_NAME_SIZE_MAX + 1];
};

static bool see_entry(void *ctx, const struct ink_entry *entry)
{
	struct listing *listing = ctx;

	FUZZ_REQUIRE(entry->cookie > listing->last_cookie);
	FUZZ_REQUIRE(entry->name_size >= 1 && entry->name_size <= INK_NAME_SIZE_MAX);
	FUZZ_REQUIRE(listing->count < ENTRIES_MAX);
	listing->last_cookie = entry->cookie;
	if (listing->count < NAMES_MAX)
		memcpy(listing->names[listing->count], entry->name, entry->name_size);
	listing->count++;
	return true;
}

static void list_folder(struct ink_store *store, uint64_t inode)
{
	struct listing listing = { 0 };
	struct ink_attr attr;

	(void)!ink_readdir(store, inode, 0, see_entry, &listing);
	for (unsigned i = 0; i < listing.count && i < NAMES_MAX; i++)
		(void)!ink_lookup(store, inode, listing.names[i], &attr);
}

static void read_file(struct ink_store *store, uint64_t inode)
{
	static const uint64_t offsets[] = { 0, 1, 9, 100, UINT64_C(1) << 40, INT64_MAX };
	uint8_t *out = malloc(FILE_ROOM);
	size_t size;

	FUZZ_REQUIRE(out);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		if (ink_read(store, inode, offsets[i], out, FILE_ROOM, &size) != INK_OK ||
		    size == 0)
			continue;
		FUZZ_REQUIRE(inode < INODES && size <= FILE_ROOM &&
			     offsets[i] + size <= truth_size[inode]);
		FUZZ_REQUIRE(memcmp(out, truth[inode] + offsets[i], size) == 0);
	}
	free(out);
}

static void read_all(struct ink_store *store)
{
	char *target = malloc(INK_TARGET_SIZE_MAX + 1), text[64];
	struct ink_reader *reader;
	struct ink_status status;
	struct ink_error error;

	FUZZ_REQUIRE(target);
	ink_status(store, &status);
	for (uint64_t inode = 0; inode < INODES; inode++) {
		struct ink_file_info info;
		struct ink_attr attr;
		uint64_t parent;

		(void)!ink_getattr(store, inode, &attr);
		list_folder(store, inode);
		(void)!ink_parent(store, inode, &parent);
		(void)!ink_file_info(store, inode, &info);
		if (ink_readlink(store, inode, target) == INK_OK)
			FUZZ_REQUIRE(strnlen(target, INK_TARGET_SIZE_MAX + 1) <=
				     INK_TARGET_SIZE_MAX);
		ink_path(store, inode, text, sizeof(text));
		FUZZ_REQUIRE(strnlen(text, sizeof(text)) < sizeof(text));
		read_file(store, inode);
	}
	FUZZ_REQUIRE(ink_reader_open(path, &reader, &error) == INK_OK);
	for (uint64_t seq = 0; seq < 64; seq++) {
		const struct ink_record *record;
		uint64_t place;

		if (ink_place(store, seq, &place) == INK_OK &&
		    ink_reader_seek(reader, place, seq) == INK_OK &&
		    ink_reader_next(reader, &record) == INK_OK && record)
			FUZZ_REQUIRE(record->header.seq == seq);
	}
	ink_reader_close(reader);
	free(target);
}

static void run(const uint8_t *data, size_t size)
{
	static const struct ink_options options = { .is_read_only = true };
	struct fuzz_input input = { data, size };
	struct ink_store *store;
	struct ink_error error;

	prepare();
	FUZZ_REQUIRE(ink_store_open(path, &options, &store, &error) == INK_OK);
	if (take_up(store, &input))
		read_all(store);
	(void)ink_store_close(store, INK_UNMOUNT_ASKED);
}

const struct fuzz_target fuzz_index = { "index", run, 1024 };
