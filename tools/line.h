/* SPDX-License-Identifier: MIT */
/*
 * Output as it is being put together: bytes in memory, and the ways in which values become text.
 *
 * Owns: the bytes.  Knows nothing of: records, where it goes.  Threads: one per struct.
 *
 * jansson builds a tree of every object before it prints it, which took three quarters of the time of a JSON export;
 * so what is written once, in order, is written here, and jansson stays where objects are small and few.
 * Running out of memory is noted in has_failed and asked for once, at the end.
 */
#ifndef TOOLS_LINE_H
#define TOOLS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct line {
	char *data; /* heap, or NULL */
	size_t size, room;
	bool has_failed; /* no memory: something is missing in it */
	/* The last second that was written, so that the next time in it is cheap. */
	int64_t second;
	char second_text[20];
	bool has_second;
};

/* Write what is in it and empty it.  false: an error of @file, now or before, or something is missing in the line. */
bool line_flush(struct line *line, FILE *file);
/* A zeroed struct is an empty line. */
void line_release(struct line *line);

/* At least @size more bytes: where they go, or NULL. */
char *line_reserve(struct line *line, size_t size);

void line_put(struct line *line, const char *data, size_t size);
void line_puts(struct line *line, const char *text);
void line_putc(struct line *line, char c);
void line_u64(struct line *line, uint64_t value);
void line_i64(struct line *line, int64_t value);
void line_hex(struct line *line, const uint8_t *bytes, size_t size);
/* RFC 3339, UTC, nine digits of a second. */
void line_time(struct line *line, int64_t wall_ns);
/* Spaces until @width characters (UTF-8) stand behind @from. */
void line_pad(struct line *line, size_t from, size_t width);

/* As a JSON string in quotes, ASCII: valid UTF-8 as it is, what is not to be shown as \\xHH, backslashes doubled (text_escape()). */
void line_json(struct line *line, const char *data, size_t size);
/* A field of RFC 4180, with what is not to be shown as \xHH and backslashes doubled; quoted where it must be. */
void line_csv(struct line *line, const char *data, size_t size);

#endif
