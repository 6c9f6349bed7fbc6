/* SPDX-License-Identifier: MIT */
#include "bytes.h"

bool bytes_are_zero(const uint8_t *p, size_t size)
{
	uint64_t any = 0;

	while (size >= 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		any |= v;
		p += 8;
		size -= 8;
	}
	while (size > 0) {
		any |= *p++;
		size--;
	}
	return any == 0;
}

void put_init(struct put *put, uint8_t *data, size_t size_max)
{
	*put = (struct put){ .data = data, .size_max = size_max };
}

static uint8_t *put_room(struct put *put, size_t size)
{
	uint8_t *p;

	if (put->is_full || size > put->size_max - put->size) {
		put->is_full = true;
		return NULL;
	}
	p = put->data + put->size;
	put->size += size;
	return p;
}

void put_bytes(struct put *put, const void *data, size_t size)
{
	uint8_t *p = put_room(put, size);

	if (p && size > 0)
		memcpy(p, data, size);
}

void put_zero(struct put *put, size_t size)
{
	uint8_t *p = put_room(put, size);

	if (p)
		memset(p, 0, size);
}

void put_u8(struct put *put, uint8_t v)
{
	put_bytes(put, &v, 1);
}

void put_u16(struct put *put, uint16_t v)
{
	uint8_t *p = put_room(put, 2);

	if (p)
		be16_store(p, v);
}

void put_u32(struct put *put, uint32_t v)
{
	uint8_t *p = put_room(put, 4);

	if (p)
		be32_store(p, v);
}

void put_u64(struct put *put, uint64_t v)
{
	uint8_t *p = put_room(put, 8);

	if (p)
		be64_store(p, v);
}

void put_str(struct put *put, struct ink_str str)
{
	if (str.size > UINT16_MAX) {
		put->is_full = true;
		return;
	}
	put_u16(put, (uint16_t)str.size);
	put_bytes(put, str.data, str.size);
}

void get_init(struct get *get, const uint8_t *data, size_t size)
{
	*get = (struct get){ .data = data, .size = size };
}

const uint8_t *get_bytes(struct get *get, size_t size)
{
	const uint8_t *p;

	if (get->is_bad || size > get->size - get->pos) {
		get->is_bad = true;
		return NULL;
	}
	p = get->data + get->pos;
	get->pos += size;
	return p;
}

void get_zero(struct get *get, size_t size)
{
	const uint8_t *p = get_bytes(get, size);

	if (p && !bytes_are_zero(p, size))
		get->is_bad = true;
}

uint8_t get_u8(struct get *get)
{
	const uint8_t *p = get_bytes(get, 1);

	return p ? *p : 0;
}

uint16_t get_u16(struct get *get)
{
	const uint8_t *p = get_bytes(get, 2);

	return p ? be16_load(p) : 0;
}

uint32_t get_u32(struct get *get)
{
	const uint8_t *p = get_bytes(get, 4);

	return p ? be32_load(p) : 0;
}

uint64_t get_u64(struct get *get)
{
	const uint8_t *p = get_bytes(get, 8);

	return p ? be64_load(p) : 0;
}

struct ink_str get_str(struct get *get)
{
	uint16_t size = get_u16(get);
	const uint8_t *p = get_bytes(get, size);

	return (struct ink_str){ p ? (const char *)p : "", p ? size : 0 };
}

bool get_is_done(const struct get *get)
{
	return !get->is_bad && get->pos == get->size;
}

struct ink_str str_of(const char *text, size_t size_max)
{
	if (!text)
		return (struct ink_str){ "", 0 };
	return (struct ink_str){ text, (uint32_t)strnlen(text, size_max) };
}

bool str_equals(struct ink_str a, struct ink_str b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
