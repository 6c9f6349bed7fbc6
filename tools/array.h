/* SPDX-License-Identifier: MIT */
/*
 * Arrays that grow.
 *
 * Owns: nothing.  Knows nothing of: what is in them.  Threads: any.
 */
#ifndef TOOLS_ARRAY_H
#define TOOLS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make room for one more item in *@items (heap or NULL), of which @count are in use and *@capacity fit.
 * false without memory; the array stays as it is.
 */
bool array_grow(void **items, size_t count, size_t *capacity, size_t item_size);

#endif
