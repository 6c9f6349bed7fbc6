/* SPDX-License-Identifier: MIT */
/*
 * Files in STORE/lost: their names and their digests.
 *
 * Owns: nothing.  Knows nothing of: what is in them.  Threads: any.
 */
#ifndef INK_LOST_H
#define INK_LOST_H

#include "inkfs/record.h"
#include "io.h"

/* Where a copy is made; whole, it gets a name from ink_lost_name(). */
#define LOST_NEW_NAME "tail.new"

/* Is @name one that ink_lost_name() gives? */
bool lost_name_parse(const char *name, uint64_t *ret_seq, unsigned *ret_number);

/* H of all of @fd, and how many bytes that were.  INK_ERR_IO (errno). */
INK_MUST_CHECK enum ink_err lost_digest(const struct io *io, int fd, uint64_t *ret_size,
					uint8_t ret_digest[static INK_HASH_SIZE]);

#endif
