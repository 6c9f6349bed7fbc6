/* SPDX-License-Identifier: MIT */
/*
 * Hexadecimal vectors.
 *
 * Owns: nothing.  Knows nothing of: what the bytes mean.  Threads: any.
 */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Lower-case digits, two a byte; returns the number of bytes, which must be at most @size_max. */
static inline size_t from_hex(const char *hex, uint8_t *ret_bytes, size_t size_max)
{
	size_t size = strlen(hex) / 2;

	assert(strlen(hex) % 2 == 0 && size <= size_max);
	for (size_t i = 0; i < size; i++)
		ret_bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return size;
}

#endif
