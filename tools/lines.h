/* SPDX-License-Identifier: MIT */
/*
 * Lines of a file out of the records that wrote it.
 *
 * Owns: a line that is not whole yet.  Knows nothing of: patterns, output.  Threads: one per struct.
 *
 * A record is a write, not a line: it holds many lines or a part of one.  What comes out is either whole lines that one
 * record wrote, as many as it holds, or one line that several records wrote together.
 */
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include "content.h"
#include "line.h"

/* A line longer than this is taken for several. */
enum { LINES_SIZE_MAX = 64 << 20 };

/* One of the records that wrote a line. */
struct author {
	uint64_t seq;
	int64_t wall_ns;
	uint32_t uid;
	uint64_t actor;
};

struct lines_block {
	const char *data; /* whole lines, each with its line feed, but maybe the last of the file */
	size_t size;
	uint64_t number; /* of the first line, from 1 */
	const struct author *authors;
	size_t author_count; /* above 1: one line */
};

/* false ends it. */
typedef bool (*lines_fn)(void *ctx, const struct lines_block *block);

struct lines {
	lines_fn each;
	void *ctx;
	struct line carry;
	struct author *authors;
	size_t author_count, author_capacity;
	uint64_t number; /* of the next line */
};

void lines_begin(struct lines *lines, lines_fn each, void *ctx);
/* Takes a zeroed struct too. */
void lines_release(struct lines *lines);
/* false: @each said so, or there is no memory (then it was complained). */
bool lines_take(struct lines *lines, const struct content_piece *piece);
/* What is left is the last line, without line feed. */
bool lines_end(struct lines *lines);

/* Line feeds in @size bytes. */
uint64_t lines_count(const char *data, size_t size);

#endif
