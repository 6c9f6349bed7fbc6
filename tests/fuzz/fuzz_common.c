/* SPDX-License-Identifier: MIT */
/* The list of targets, and what all of them use. */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"

const struct fuzz_target *const fuzz_targets[] = {
	&fuzz_body,     &fuzz_frame, &fuzz_segment, &fuzz_key,   &fuzz_note,
	&fuzz_vkey,     &fuzz_proof, &fuzz_lmdb,    &fuzz_index, &fuzz_store,
	&fuzz_evidence, &fuzz_tiles, &fuzz_state,   NULL,
};

static const char *input_name = "(new)";

const struct fuzz_target *fuzz_find(const char *name)
{
	for (size_t i = 0; fuzz_targets[i]; i++)
		if (strcmp(fuzz_targets[i]->name, name) == 0)
			return fuzz_targets[i];
	return NULL;
}

void fuzz_name_input(const char *name)
{
	input_name = name;
}

void fuzz_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: input %s: does not hold: %s\n", file, line, input_name, condition);
	abort();
}

uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_REQUIRE(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

const uint8_t *input_bytes(struct fuzz_input *input, size_t size, size_t *ret_size)
{
	const uint8_t *bytes = input->data;

	*ret_size = size < input->size ? size : input->size;
	input->data += *ret_size;
	input->size -= *ret_size;
	return bytes;
}

uint64_t input_u64(struct fuzz_input *input)
{
	uint64_t high = input_u32(input);

	return high << 32 | input_u32(input);
}

uint32_t input_u32(struct fuzz_input *input)
{
	uint32_t high = input_u16(input);

	return high << 16 | input_u16(input);
}

uint16_t input_u16(struct fuzz_input *input)
{
	unsigned high = input_u8(input);

	return (uint16_t)(high << 8 | input_u8(input));
}

uint8_t input_u8(struct fuzz_input *input)
{
	uint8_t value = 0;
	size_t size;
	const uint8_t *p = input_bytes(input, 1, &size);

	if (size == 1)
		value = *p;
	return value;
}
