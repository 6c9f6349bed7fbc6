/* SPDX-License-Identifier: MIT */
/*
 * Where a group of tests makes its stores, one after the other: a folder in memory.
 *
 * Owns: the folder, removed by store_place_teardown().  Knows nothing of: what is tested.  Threads: one.
 */
#ifndef TEST_STORE_PLACE_H
#define TEST_STORE_PLACE_H

#include "craft.h"
#include "said.h"

#include <limits.h>

/* Nothing is there until a test makes it; absolute, and good from setup to teardown. */
extern char store_place[PATH_MAX];

/* For cmocka_run_group_tests(); *state is left alone. */
int store_place_setup(void **state);
int store_place_teardown(void **state);

/* Put the store of @c there, in the place of what was, and verify it with its own key. */
void store_place_verify(const struct craft *c, struct said *said);

/* A struct ink_str of a literal. */
#define STR(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}

#endif
