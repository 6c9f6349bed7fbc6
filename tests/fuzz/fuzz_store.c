/* SPDX-License-Identifier: MIT */
/*
 * The verifier on a good store with changes (store_edit.h), with the pinned key.
 *
 * Intact it may say only of records that are, byte for byte, the first ones of the original: an intruder with the key
 * found in the store may add records behind, never change one.  Behind the last seal, where it says that nothing is
 * covered, anything may stand.  And then the index, the key files and vkey, where they
 * are there, are the original's too.
 */
#include <string.h>

#include "frame.h"
#include "fuzz.h"
#include "inkfs/verify.h"
#include "lmdb_read.h"
#include "merkle.h"
#include "mem_io.h"
#include "sample.h"
#include "store_edit.h"

enum { RECORDS_MAX = 40 }; /* of the golden store */

static size_t frames[SAMPLE_FRAMES_MAX + 1];
static size_t frame_count;

/* The bytes of all frames, of both segments, without the segments' headers. */
static uint8_t *frame_bytes(const struct edited *edited, size_t *ret_size)
{
	static const unsigned segments[] = { GOLDEN_LOG, EDIT_SECOND };
	uint8_t *bytes =
		malloc(edited->files[GOLDEN_LOG].size + edited->files[EDIT_SECOND].size + 1);

	FUZZ_REQUIRE(bytes);
	*ret_size = 0;
	for (unsigned i = 0; i < 2; i++) {
		size_t size = edited->files[segments[i]].size;

		if (!edited->files[segments[i]].is_there || size <= SEGMENT_HEADER_SIZE)
			continue;
		size -= SEGMENT_HEADER_SIZE;
		memcpy(bytes + *ret_size, edited->files[segments[i]].data + SEGMENT_HEADER_SIZE,
		       size);
		*ret_size += size;
	}
	return bytes;
}

static void require_records(const struct edited *edited, const struct golden *golden,
			    uint64_t count)
{
	size_t size, common = count < frame_count ? (size_t)count : frame_count;
	uint8_t *bytes = frame_bytes(edited, &size);

	FUZZ_REQUIRE(edited->flags & EDIT_RESIGN || count <= frame_count);
	common = frames[common] - SEGMENT_HEADER_SIZE;
	FUZZ_REQUIRE(size >= common);
	FUZZ_REQUIRE(memcmp(bytes, golden->files[GOLDEN_LOG].data + SEGMENT_HEADER_SIZE, common) ==
		     0);
	free(bytes);
}

static void require_root(const struct golden *golden, const struct ink_verify_result *result)
{
	uint8_t root[INK_HASH_SIZE], leaf[INK_HASH_SIZE];
	struct ink_header header;
	struct merkle tree;

	merkle_init(&tree);
	for (uint64_t i = 0; i < result->record_count && i < frame_count; i++) {
		FUZZ_REQUIRE(frame_decode(golden->files[GOLDEN_LOG].data + frames[i], &header,
					  leaf) == INK_OK);
		merkle_append(&tree, leaf);
	}
	merkle_root(&tree, root);
	if (result->record_count <= frame_count)
		FUZZ_REQUIRE(memcmp(root, result->root, INK_HASH_SIZE) == 0);
}

static void require_small_files(const struct edited *edited, const struct golden *golden)
{
	for (unsigned i = GOLDEN_VKEY; i < GOLDEN_COUNT; i++) {
		if (!edited->files[i].is_there)
			continue;
		FUZZ_REQUIRE(edited->files[i].size == golden->files[i].size);
		FUZZ_REQUIRE(memcmp(edited->files[i].data, golden->files[i].data,
				    golden->files[i].size) == 0);
	}
}

/* Every pair of both, side by side. */
static void compare_db(struct lmdb_file *a, struct lmdb_file *b, const char *name)
{
	struct lmdb_cursor x, y;
	struct lmdb_bytes key[2], value[2];
	enum ink_err err;

	FUZZ_REQUIRE(lmdb_cursor_init(&x, a, name) == INK_OK);
	FUZZ_REQUIRE(lmdb_cursor_init(&y, b, name) == INK_OK);
	while ((err = lmdb_next(&x, &key[0], &value[0])) == INK_OK) {
		FUZZ_REQUIRE(lmdb_next(&y, &key[1], &value[1]) == INK_OK);
		FUZZ_REQUIRE(key[0].size == key[1].size && value[0].size == value[1].size &&
			     memcmp(key[0].data, key[1].data, key[0].size) == 0);
		FUZZ_REQUIRE(value[0].size == 0 ||
			     memcmp(value[0].data, value[1].data, value[0].size) == 0);
	}
	FUZZ_REQUIRE(err == INK_ERR_NOT_FOUND);
	FUZZ_REQUIRE(lmdb_next(&y, &key[1], &value[1]) == INK_ERR_NOT_FOUND);
	lmdb_cursor_release(&x);
	lmdb_cursor_release(&y);
}

static void require_index(const struct edited *edited, const struct golden *golden)
{
	static const char *const dbs[] = { "meta",    "leaves",  "tiles",   "seals",
					   "inodes",  "names",   "entries", "links",
					   "targets", "extents", "actors",  "blocks" };
	struct lmdb_file a, b;
	struct mem_io mem;

	mem_io_init(&mem);
	mem_io_put(&mem, "edited", edited->files[GOLDEN_INDEX].data,
		   edited->files[GOLDEN_INDEX].size);
	mem_io_put(&mem, "golden", golden->files[GOLDEN_INDEX].data,
		   golden->files[GOLDEN_INDEX].size);
	FUZZ_REQUIRE(lmdb_open(&mem.io, "edited", false, 0, &a) == INK_OK);
	FUZZ_REQUIRE(lmdb_open(&mem.io, "golden", false, 0, &b) == INK_OK);
	for (size_t i = 0; i < sizeof(dbs) / sizeof(dbs[0]); i++)
		compare_db(&a, &b, dbs[i]);
	lmdb_close(&a);
	lmdb_close(&b);
	mem_io_release(&mem);
}

static void run(const uint8_t *data, size_t size)
{
	const struct golden *golden = golden_get();
	struct fuzz_input input = { data, size };
	struct edited edited;
	struct verdict verdict;
	char vkey[INK_VKEY_SIZE] = "";

	if (frame_count == 0)
		frame_count = sample_frames(golden->files[GOLDEN_LOG].data,
					    golden->files[GOLDEN_LOG].size, frames);
	FUZZ_REQUIRE(frame_count == RECORDS_MAX);
	memcpy(vkey, golden->files[GOLDEN_VKEY].data, golden->files[GOLDEN_VKEY].size - 1);
	edited_init(&edited, golden, &input);
	edited_write(&edited, golden);
	verdict_of(golden->path, vkey, &verdict);
	FUZZ_REQUIRE(verdict.err == INK_OK || verdict.error.text[0]);
	if (verdict.err == INK_OK && verdict.result.is_intact) {
		const struct ink_verify_result *result = &verdict.result;

		FUZZ_REQUIRE(result->trust == INK_TRUST_PINNED_KEY);
		FUZZ_REQUIRE(strcmp(result->vkey, vkey) == 0);
		FUZZ_REQUIRE(result->index_count <= result->record_count);
		FUZZ_REQUIRE(result->unsealed_count < result->record_count);
		require_records(&edited, golden, result->record_count - result->unsealed_count);
		if (result->unsealed_count == 0)
			require_root(golden, result);
		if (!(edited.flags & EDIT_RESIGN))
			require_small_files(&edited, golden);
		if (result->index_count == frame_count)
			require_index(&edited, golden);
	}
	edited_release(&edited);
}

const struct fuzz_target fuzz_store = { "store", run, 2048 };
