/* SPDX-License-Identifier: MIT */
/*
 * The store that the user named, opened for reading.
 *
 * Owns: what happens when reading crashes.  Knows nothing of: what is then read.  Threads: one.
 *
 * A store is read through its index, and LMDB believes what is in its file: a forged or damaged one can crash it.
 * Then one sentence says so and the program ends with EXIT_UNCHECKED.  `inkfs verify` reads the index without LMDB.
 */
#ifndef TOOLS_OPEN_H
#define TOOLS_OPEN_H

#include "target.h"

#include "inkfs/store.h"

/* Open the store in folder @path.  false after having complained. */
bool open_store(const char *path, struct ink_store **ret_store);
/* The same for what the user named; then there is nothing to close if it fails. */
bool open_target(const char *named, struct target *ret_target, struct ink_store **ret_store);
void close_target(struct target *target, struct ink_store *store);

#endif
