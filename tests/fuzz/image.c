/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <string.h>

#include "bytes.h"

enum { RUN_HEAD_SIZE = 6, GAP_MAX = 8, RUN_SIZE_MAX = 4096 };

uint8_t *image_decode(struct fuzz_input *input, size_t unit, size_t units_max, size_t *ret_size)
{
	size_t size = (input_u16(input) % (units_max + 1)) * unit;
	uint8_t *data = calloc(1, size ? size : 1);

	FUZZ_REQUIRE(data);
	while (input->size > 0) {
		size_t at = input_u32(input), run_size;
		const uint8_t *run = input_bytes(input, input_u16(input), &run_size);

		if (at >= size)
			continue;
		if (run_size > size - at)
			run_size = size - at;
		if (run_size > 0)
			memcpy(data + at, run, run_size);
	}
	*ret_size = size;
	return data;
}

/* Where the run that begins at @at ends: before a gap of zeros that is worth a new run. */
static size_t run_end(const uint8_t *data, size_t size, size_t at)
{
	size_t end = at, zeros = 0;

	for (size_t i = at; i < size && i - at < RUN_SIZE_MAX && zeros <= GAP_MAX; i++) {
		zeros = data[i] ? 0 : zeros + 1;
		if (data[i])
			end = i + 1;
	}
	return end;
}

uint8_t *image_encode(const uint8_t *data, size_t size, size_t unit, size_t *ret_size)
{
	size_t room = 2 + size + (size / GAP_MAX + 1) * RUN_HEAD_SIZE;
	uint8_t *bytes = malloc(room);
	struct put put;

	FUZZ_REQUIRE(bytes);
	put_init(&put, bytes, room);
	put_u16(&put, (uint16_t)(size / unit));
	for (size_t at = 0; at < size;) {
		size_t end;

		if (data[at] == 0) {
			at++;
			continue;
		}
		end = run_end(data, size, at);
		put_u32(&put, (uint32_t)at);
		put_u16(&put, (uint16_t)(end - at));
		put_bytes(&put, data + at, end - at);
		at = end;
	}
	FUZZ_REQUIRE(!put.is_full);
	*ret_size = put.size;
	return bytes;
}
