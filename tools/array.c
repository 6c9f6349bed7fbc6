/* SPDX-License-Identifier: MIT */
#include "array.h"

#include <stdlib.h>

bool array_grow(void **items, size_t count, size_t *capacity, size_t item_size)
{
	size_t wanted = *capacity ? 2 * *capacity : 64;
	void *grown;

	if (count < *capacity)
		return true;
	grown = reallocarray(*items, wanted, item_size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}
