/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include "array.h"
#include "common.h"

#include <stdlib.h>

void lines_begin(struct lines *lines, lines_fn each, void *ctx)
{
	lines->each = each;
	lines->ctx = ctx;
	lines->carry.size = 0;
	lines->author_count = 0;
	lines->number = 1;
}

void lines_release(struct lines *lines)
{
	line_release(&lines->carry);
	free(lines->authors);
	*lines = (struct lines){ 0 };
}

uint64_t lines_count(const char *data, size_t size)
{
	const char *end = data + size;
	uint64_t count = 0;

	while (data < end && (data = memchr(data, '\n', (size_t)(end - data)))) {
		count++;
		data++;
	}
	return count;
}

static struct author author_of(const struct content_piece *piece)
{
	const struct ink_header *header = piece->header;

	return (struct author){ header->seq, header->wall_ns, header->uid, header->actor };
}

static bool put_block(struct lines *lines, const char *data, size_t size,
		      const struct author *authors, size_t author_count, uint64_t line_count)
{
	struct lines_block block = { data, size, lines->number, authors, author_count };

	lines->number += line_count;
	return lines->each(lines->ctx, &block);
}

static bool put_carry(struct lines *lines)
{
	bool goes_on = put_block(lines, lines->carry.data, lines->carry.size, lines->authors,
				 lines->author_count, 1);

	lines->carry.size = 0;
	lines->author_count = 0;
	return goes_on;
}

/* A part of a line, which goes on in the next record. */
static bool keep(struct lines *lines, const char *data, size_t size, struct author author)
{
	if (array_grow((void **)&lines->authors, lines->author_count, &lines->author_capacity,
		       sizeof(*lines->authors))) {
		lines->authors[lines->author_count++] = author;
		line_put(&lines->carry, data, size);
		if (!lines->carry.has_failed)
			return lines->carry.size < LINES_SIZE_MAX || put_carry(lines);
	}
	complain("out of memory");
	return false;
}

bool lines_take(struct lines *lines, const struct content_piece *piece)
{
	const char *data = (const char *)piece->data;
	size_t size = piece->size;
	struct author author = author_of(piece);
	const char *end;

	if (lines->carry.size > 0) {
		end = memchr(data, '\n', size);
		if (!end)
			return keep(lines, data, size, author);
		end++;
		if (!keep(lines, data, (size_t)(end - data), author) ||
		    (lines->carry.size > 0 && !put_carry(lines)))
			return false;
		size -= (size_t)(end - data);
		data = end;
	}
	end = memrchr(data, '\n', size);
	if (end) {
		size_t whole = (size_t)(end + 1 - data);

		if (!put_block(lines, data, whole, &author, 1, lines_count(data, whole)))
			return false;
		data += whole;
		size -= whole;
	}
	return size == 0 || keep(lines, data, size, author);
}

bool lines_end(struct lines *lines)
{
	return lines->carry.size == 0 || put_carry(lines);
}
