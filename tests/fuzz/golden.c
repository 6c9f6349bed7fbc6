/* SPDX-License-Identifier: MIT */
#include "golden.h"

#include <stdio.h>

#include "fuzz.h"
#include "scratch.h"

#define ARCHIVE "tests/data/golden/v1-small.tar.xz"

static struct golden golden = {
	.files = {
		[GOLDEN_LOG] = { .name = "log/0000000000.seg" },
		[GOLDEN_INDEX] = { .name = "index/data.mdb" },
		[GOLDEN_VKEY] = { .name = "vkey" },
		[GOLDEN_SEAL_KEY] = { .name = "keys/seal.key" },
		[GOLDEN_LOG_KEY] = { .name = "keys/log.key" },
	},
};

static void clean_up(void)
{
	for (unsigned i = 0; i < GOLDEN_COUNT; i++)
		free(golden.files[i].data);
	tree_remove(golden.dir);
}

const struct golden *golden_get(void)
{
	char command[PATH_MAX + 128], path[PATH_MAX];

	if (golden.path[0])
		return &golden;
	scratch_dir_in_memory(golden.dir);
	snprintf(command, sizeof(command), "tar -xJf " ARCHIVE " --no-same-owner -C '%s'",
		 golden.dir);
	FUZZ_REQUIRE(system(command) == 0);
	scratch_path(golden.dir, "small", golden.path);
	scratch_path(golden.dir, "whole", golden.whole);
	tree_copy(golden.path, golden.whole);
	for (unsigned i = 0; i < GOLDEN_COUNT; i++) {
		scratch_path(golden.path, golden.files[i].name, path);
		golden.files[i].data = file_read(path, &golden.files[i].size);
	}
	atexit(clean_up);
	return &golden;
}
