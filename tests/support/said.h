/* SPDX-License-Identifier: MIT */
/*
 * All sentences of a verification, and whether the one that is expected is among them.
 *
 * Owns: nothing.  Knows nothing of: what is wrong with the store.  Threads: one.
 */
#ifndef TEST_SAID_H
#define TEST_SAID_H

#include "inkfs/verify.h"

enum { SAID_SIZE_MAX = 16384 };

struct said {
	enum ink_err err;
	struct ink_error error;
	struct ink_verify_result result;
	char evidence[SAID_SIZE_MAX], notes[SAID_SIZE_MAX]; /* a line each */
	void (*on_first)(void); /* called before the first finding is taken down, or NULL */
};

/* Verify @path with one thread; @vkey and @checkpoint may be NULL.  Of @said only on_first is looked at. */
void said_verify(const char *path, const char *vkey, const struct ink_checkpoint_text *checkpoint,
		 struct said *said);
/*
 * Fail the test unless the store is intact or not, and @says is a part of what is said: of the evidence where it is not,
 * of the rest where it is.  NULL: nothing is asked for.
 */
void said_expect(const char *what, const struct said *said, bool is_intact, const char *says);

#endif
