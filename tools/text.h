/* SPDX-License-Identifier: MIT */
/*
 * Bytes, times and sizes as text that is safe to show: what comes out never drives a terminal.
 *
 * Owns: nothing.  Knows nothing of: stores, JSON.  Threads: any.
 *
 * Not shown as they are: control characters (C0, DEL, C1), bytes that are not UTF-8, and the invisible characters
 * that reorder or hide the text around them.  Each of their bytes becomes \xHH.
 */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include "line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The character that @data (@size bytes, at least one) begins with.  false: it is not to be shown, or no character.
 * @ret_length: its bytes; 1 where there is none.
 */
bool text_decode(const char *data, size_t size, size_t *ret_length, uint32_t *ret_character);

/* text_put_word() and text_put_safe(), into a line. */
void text_word(struct line *out, const char *data, size_t size);
void text_safe(struct line *out, const char *data, size_t size);

/* As a word of a line: as it is, or in double quotes where it holds a space, a quote, a backslash or what is not shown. */
void text_put_word(FILE *out, const char *data, size_t size);
/* As a sentence: only what is not shown is escaped. */
void text_put_safe(FILE *out, const char *data, size_t size);
/*
 * The same for pieces of a stream: line feeds and tabs stay.  Returns how many of @size bytes were taken;
 * the rest (at most 3) begins a character that goes on in the next piece.  @is_end: there is none.
 */
size_t text_put_stream(FILE *out, const char *data, size_t size, bool is_end);

/*
 * Reversible and valid UTF-8: what is not shown as \xHH, a backslash doubled, the rest as it is.  For JSON.
 * The caller frees; NULL without memory.
 */
char *text_escape(const char *data, size_t size);

enum { TEXT_TIME_SIZE = 96, TEXT_SIZE_SIZE = 24 };

/* RFC 3339, UTC, with nine digits of a second. */
void text_time(int64_t wall_ns, char ret_text[static TEXT_TIME_SIZE]);
/* "17 bytes", "1.4 GiB". */
void text_size(uint64_t bytes, char ret_text[static TEXT_SIZE_SIZE]);
/* @size bytes as 2 * @size hexadecimal digits and NUL. */
void text_hex(const uint8_t *bytes, size_t size, char *ret_text);
/* The reverse, of lower-case digits.  false: there are fewer than 2 * @size, or others behind them. */
bool text_unhex(const char *text, uint8_t *ret_bytes, size_t size);

#endif
