/* SPDX-License-Identifier: MIT */
/*
 * Changes of a small store, as an input describes them; and making what they left as right as an intruder can.
 *
 * Owns: the bytes of the files.  Knows nothing of: verification.  Threads: one.
 */
#ifndef FUZZ_STORE_EDIT_H
#define FUZZ_STORE_EDIT_H

#include "fuzz.h"
#include "golden.h"

enum edit_file { EDIT_SECOND = GOLDEN_COUNT, EDIT_COUNT }; /* log/0000000001.seg */

enum edit_flags {
	EDIT_REHASH =
		1, /* number, chain, hash all frames anew, with the right roots: needs no key */
	EDIT_RESIGN = 2,   /* and sign with the seal key that lies in the store */
	EDIT_NO_INDEX = 4, /* take these away */
	EDIT_NO_KEYS = 8,
	EDIT_NO_VKEY = 16,
};

struct edited {
	uint8_t flags;
	struct {
		bool is_there;
		uint8_t *data;
		size_t size;
	} files[EDIT_COUNT];
};

/* A byte of flags, then the changes. */
void edited_init(struct edited *edited, const struct golden *golden, struct fuzz_input *input);
void edited_release(struct edited *edited);
/* Into the store's folder, in place of what is there. */
void edited_write(const struct edited *edited, const struct golden *golden);

#endif
