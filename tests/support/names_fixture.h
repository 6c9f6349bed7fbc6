/* SPDX-License-Identifier: MIT */
/*
 * An open store of either profile, in which names are made.
 *
 * Owns: the folder and the open store.  Knows nothing of: what the test does with it.  Threads: one test.
 */
#ifndef TEST_NAMES_FIXTURE_H
#define TEST_NAMES_FIXTURE_H

#include <limits.h>

#include "trial.h"

struct names_fixture {
	char dir[PATH_MAX], path[PATH_MAX];
	struct ink_options options;
	struct ink_store *store;
};

/* *state is a struct names_fixture. */
int names_setup_strict(void **state);
int names_setup_rotate(void **state);
/* Whatever a test did, the store must verify and its index be that of the log. */
int names_teardown(void **state);

/* Close in order, open again. */
void names_reopen(struct names_fixture *f);
/* ink_make() by an ordinary user; @ret_inode may be NULL, and is 0 if nothing was made. */
enum ink_err names_make(struct names_fixture *f, uint64_t parent, const char *name, uint32_t mode,
			uint64_t *ret_inode);

#endif
