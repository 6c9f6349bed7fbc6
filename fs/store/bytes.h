/* SPDX-License-Identifier: MIT */
/*
 * Big-endian integers and bounded cursors over bytes.
 *
 * Owns: nothing.  Knows nothing of: what the bytes mean.  Threads: any.
 */
#ifndef INK_BYTES_H
#define INK_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "inkfs/record.h"

static inline void be16_store(uint8_t *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void be32_store(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void be64_store(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t be16_load(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t be32_load(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t be64_load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

/* true if the @size bytes are all zero; reads each byte, no early answer needed. */
bool bytes_are_zero(const uint8_t *p, size_t size);

/*
 * A writer over a caller's buffer.  It never writes past the end: what does not fit sets
 * is_full, and the caller asks once at the end.
 */
struct put {
	uint8_t *data;
	size_t size; /* used so far, bytes */
	size_t size_max;
	bool is_full;
};

void put_init(struct put *put, uint8_t *data, size_t size_max);
void put_bytes(struct put *put, const void *data, size_t size);
void put_zero(struct put *put, size_t size);
void put_u8(struct put *put, uint8_t v);
void put_u16(struct put *put, uint16_t v);
void put_u32(struct put *put, uint32_t v);
void put_u64(struct put *put, uint64_t v);
/* u16 size and the bytes. */
void put_str(struct put *put, struct ink_str str);

/*
 * A reader over somebody's bytes.  Past the end it gives zeros and sets is_bad; the caller asks
 * once at the end with get_is_done().
 */
struct get {
	const uint8_t *data;
	size_t pos;
	size_t size;
	bool is_bad;
};

void get_init(struct get *get, const uint8_t *data, size_t size);
/* @size bytes, borrowed; NULL if there are not that many. */
const uint8_t *get_bytes(struct get *get, size_t size);
/* Bytes that must be zero. */
void get_zero(struct get *get, size_t size);
uint8_t get_u8(struct get *get);
uint16_t get_u16(struct get *get);
uint32_t get_u32(struct get *get);
uint64_t get_u64(struct get *get);
struct ink_str get_str(struct get *get);
/* Nothing missing and nothing left over. */
bool get_is_done(const struct get *get);

/* A NUL-terminated string, cut to @size_max bytes; NULL gives the empty string. */
struct ink_str str_of(const char *text, size_t size_max);
bool str_equals(struct ink_str a, struct ink_str b);

#endif
