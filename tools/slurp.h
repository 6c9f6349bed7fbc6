/* SPDX-License-Identifier: MIT */
/*
 * Whole files that somebody handed over, into memory.
 *
 * Owns: nothing.  Knows nothing of: what is in them.  Threads: any.
 */
#ifndef TOOLS_SLURP_H
#define TOOLS_SLURP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Read the file @path, or stdin for "-".  What is longer is read only up to @size_max + 1 bytes: enough to be refused for
 * its size.  The caller frees *@ret_data, behind which there is a NUL.  false after having complained about "@what PATH".
 */
bool slurp(const char *path, const char *what, size_t size_max, char **ret_data, size_t *ret_size);

#endif
