/* SPDX-License-Identifier: MIT */
/*
 * A store that is always the same, to be spoiled: tests/data/golden/v1-small.tar.xz.
 *
 * Owns: a folder in memory, removed at exit, and the bytes of the store's files.
 * Knows nothing of: what is done with them.  Threads: one.
 */
#ifndef FUZZ_GOLDEN_H
#define FUZZ_GOLDEN_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

enum golden_file {
	GOLDEN_LOG,
	GOLDEN_INDEX,
	GOLDEN_VKEY,
	GOLDEN_SEAL_KEY,
	GOLDEN_LOG_KEY,
	GOLDEN_COUNT
};

struct golden {
	char dir[PATH_MAX];   /* for further files, removed at exit */
	char path[PATH_MAX];  /* of a store that may be changed at will */
	char whole[PATH_MAX]; /* of one that nobody changes */
	struct {
		const char *name; /* in the store */
		uint8_t *data;
		size_t size;
	} files[GOLDEN_COUNT];
};

/* Unpacked at the first call.  Only the files in the folder may be changed. */
const struct golden *golden_get(void);

#endif
