/* SPDX-License-Identifier: MIT */
/*
 * A fresh store for each test.
 *
 * Owns: the folder, removed by store_teardown().  Knows nothing of: what the test does with it.  Threads: one test.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <limits.h>

#include "trial.h"

struct store_fixture {
	char dir[PATH_MAX], path[PATH_MAX]; /* the store is DIR/store, made, not open */
	struct ink_options options;         /* trial_quiet() */
};

/* *state is a struct store_fixture. */
int store_setup(void **state);
int store_teardown(void **state);

/* Wait up to thirty seconds for the store's threads. */
bool store_comes_true(struct ink_store *store, bool (*is_so)(const struct ink_status *status));

#endif
