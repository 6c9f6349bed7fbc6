/* SPDX-License-Identifier: MIT */
/*
 * Exports of a changed store, into a new folder or one that holds an earlier export with hostile bytes in it.
 *
 * An export that succeeds is, file by file, that of the store that the checkpoint signs; at most, bodies are left out that
 * the store no longer has.  What had been published is never replaced by something else.
 */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "inkfs/checkpoint.h"
#include "inkfs/export.h"
#include "scratch.h"
#include "store_edit.h"

enum { FILES_MAX = 128, WHERE_COUNT = 5, FILE_SIZE_MAX = 4096 };

static struct {
	char *name; /* in the folder */
	uint8_t *data;
	size_t size;
} wanted[FILES_MAX];
static unsigned wanted_count;
static char good_dir[PATH_MAX], dir[PATH_MAX];
static char note[INK_CHECKPOINT_SIZE_MAX];
static size_t note_size;

static int take_file(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	FUZZ_REQUIRE(wanted_count < FILES_MAX);
	wanted[wanted_count].name = strdup(path + strlen(good_dir) + 1);
	wanted[wanted_count].data = file_read(path, &wanted[wanted_count].size);
	wanted_count++;
	return 0;
}

static enum ink_err export_to(const char *store, const char *to,
			      struct ink_export_result *ret_result, struct ink_error *ret_error)
{
	const struct ink_export_options options = { .note = note, .note_size = note_size };

	return ink_export_tiles(store, to, &options, ret_result, ret_error);
}

static void forget(void)
{
	for (unsigned i = 0; i < wanted_count; i++) {
		free(wanted[i].name);
		free(wanted[i].data);
	}
}

static void prepare(const struct golden *golden)
{
	struct ink_export_result result;
	struct ink_error error;

	if (wanted_count > 0)
		return;
	scratch_path(golden->dir, "tiles-good", good_dir);
	scratch_path(golden->dir, "tiles", dir);
	FUZZ_REQUIRE(ink_checkpoint_make(golden->whole, NULL, note, &note_size, &error) == INK_OK);
	FUZZ_REQUIRE(export_to(golden->whole, good_dir, &result, &error) == INK_OK);
	FUZZ_REQUIRE(nftw(good_dir, take_file, 8, FTW_PHYS) == 0);
	FUZZ_REQUIRE(wanted_count > 5);
	atexit(forget);
}

/* u8 which file of an export, u16 size, bytes: stands there before.  Returns its number; @ret_is_same: as it should be. */
static unsigned put_before(struct fuzz_input *input, bool *ret_is_same)
{
	unsigned which = input_u8(input) % wanted_count;
	size_t size;
	const uint8_t *bytes = input_bytes(input, input_u16(input) % FILE_SIZE_MAX, &size);
	char path[PATH_MAX];

	scratch_path(dir, wanted[which].name, path);
	file_write(path, bytes ? bytes : (const uint8_t *)"", size);
	*ret_is_same = size == wanted[which].size && memcmp(bytes, wanted[which].data, size) == 0;
	return which;
}

static bool is_as_wanted(unsigned i)
{
	char path[PATH_MAX];
	bool is_same;
	uint8_t *data;
	size_t size;

	scratch_path(dir, wanted[i].name, path);
	data = file_read(path, &size);
	is_same = size == wanted[i].size && memcmp(data, wanted[i].data, size) == 0;
	free(data);
	return is_same;
}

static void require_export(const struct ink_export_result *result)
{
	uint64_t absent = 0;
	char path[PATH_MAX];

	for (unsigned i = 0; i < wanted_count; i++) {
		scratch_path(dir, wanted[i].name, path);
		if (strncmp(wanted[i].name, "addenda/", 8) == 0 && !file_exists(path)) {
			absent++;
			continue;
		}
		FUZZ_REQUIRE(is_as_wanted(i));
	}
	FUZZ_REQUIRE(absent <= result->erased_count);
}

static void run(const uint8_t *data, size_t size)
{
	const struct golden *golden = golden_get();
	struct fuzz_input input = { data, size };
	struct ink_export_result result;
	struct ink_error error = { 0 };
	bool has_before = input_u8(&input) & 1, is_same = true;
	unsigned which = 0;
	struct edited edited;
	enum ink_err err;

	prepare(golden);
	tree_remove(dir);
	if (has_before) {
		tree_copy(good_dir, dir);
		which = put_before(&input, &is_same);
	}
	edited_init(&edited, golden, &input);
	edited_write(&edited, golden);
	edited_release(&edited);
	err = export_to(golden->path, dir, &result, &error);
	FUZZ_REQUIRE(err == INK_OK || error.text[0]);
	if (err == INK_OK)
		require_export(&result);
	/* All of it is out in the world, as long as the checkpoint that says so is there. */
	for (unsigned i = 0; has_before && i < wanted_count; i++)
		if (i != which)
			FUZZ_REQUIRE(is_as_wanted(i));
	if (has_before && !is_same && strncmp(wanted[which].name, "tile/", 5) == 0)
		FUZZ_REQUIRE(err != INK_OK);
}

const struct fuzz_target fuzz_tiles = { "tiles", run, 4096 };
