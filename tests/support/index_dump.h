/* SPDX-License-Identifier: MIT */
/*
 * All that an index holds, as one hash, so that two can be compared.
 *
 * Owns: nothing.  Knows nothing of: what entries mean.  Threads: as the index.
 */
#ifndef TEST_INDEX_DUMP_H
#define TEST_INDEX_DUMP_H

#include "index.h"

/* Over every pair of every database, in order; prints them to stdout if @is_shown.  Returns the number of pairs. */
size_t index_digest(struct index *index, bool is_shown, uint8_t ret_hash[static INK_HASH_SIZE]);
/* Of the index committed in folder @dir. */
size_t index_dir_digest(const char *dir, bool is_shown, uint8_t ret_hash[static INK_HASH_SIZE]);

#endif
