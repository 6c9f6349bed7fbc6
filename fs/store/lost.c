/* SPDX-License-Identifier: MIT */
#include "lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum { PIECE_SIZE = 1 << 20 };

void ink_lost_name(uint64_t seq, unsigned number, char ret_name[static INK_LOST_NAME_SIZE])
{
	if (number == 0)
		snprintf(ret_name, INK_LOST_NAME_SIZE, "%020" PRIu64 ".tail", seq);
	else
		snprintf(ret_name, INK_LOST_NAME_SIZE, "%020" PRIu64 ".%u.tail", seq,
			 number % INK_LOST_COUNT_MAX);
}

bool lost_name_parse(const char *name, uint64_t *ret_seq, unsigned *ret_number)
{
	char again[INK_LOST_NAME_SIZE];
	char *end;
	uint64_t seq = strtoull(name, &end, 10);
	unsigned long number = *end == '.' ? strtoul(end + 1, &end, 10) : 0;

	if (number >= INK_LOST_COUNT_MAX)
		return false;
	/* There is one way to write each. */
	ink_lost_name(seq, (unsigned)number, again);
	if (strcmp(name, again) != 0)
		return false;
	*ret_seq = seq;
	*ret_number = (unsigned)number;
	return true;
}

enum ink_err lost_digest(const struct io *io, int fd, uint64_t *ret_size,
			 uint8_t ret_digest[static INK_HASH_SIZE])
{
	uint8_t *piece = malloc(PIECE_SIZE);
	enum ink_err err = piece ? INK_OK : INK_ERR_IO;
	size_t got = PIECE_SIZE;
	uint64_t size = 0;
	struct hash hash;

	hash_init(&hash);
	while (err == INK_OK && got == PIECE_SIZE) {
		err = io_read(io, fd, piece, PIECE_SIZE, size, &got);
		if (err != INK_OK)
			break;
		hash_add(&hash, piece, got);
		size += got;
	}
	free(piece);
	if (err != INK_OK)
		return err;
	*ret_size = size;
	hash_finish(&hash, ret_digest);
	return INK_OK;
}
