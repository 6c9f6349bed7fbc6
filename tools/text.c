/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	NS_PER_S = 1000000000,
	/* Answers of decode_char() that are not a size. */
	CHAR_INVALID = 0,
	CHAR_CUT = -1,
};

struct range {
	uint32_t first, last;
};

/* Format and separator characters that hide or reorder; ascending. */
static const struct range unseen[] = {
	{ 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
	{ 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
	{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0xe0fff },
};

static bool is_shown(uint32_t character)
{
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
		if (character >= unseen[i].first && character <= unseen[i].last)
			return false;
	}
	return true;
}

/* Size of the UTF-8 character at @p, CHAR_INVALID, or CHAR_CUT if @size ends within it. */
static int decode_char(const uint8_t *p, size_t size, uint32_t *ret_character)
{
	uint32_t character, least;
	int length;

	if (p[0] < 0x80) {
		*ret_character = p[0];
		return 1;
	} else if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		length = 2, character = p[0] & 0x1f, least = 0x80;
	} else if ((p[0] & 0xf0) == 0xe0) {
		length = 3, character = p[0] & 0x0f, least = 0x800;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		length = 4, character = p[0] & 0x07, least = 0x10000;
	} else {
		return CHAR_INVALID;
	}
	for (int i = 1; i < length; i++) {
		if ((size_t)i >= size)
			return CHAR_CUT;
		if ((p[i] & 0xc0) != 0x80)
			return CHAR_INVALID;
		character = character << 6 | (p[i] & 0x3f);
	}
	if (character < least || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return CHAR_INVALID;
	*ret_character = character;
	return length;
}

bool text_decode(const char *data, size_t size, size_t *ret_length, uint32_t *ret_character)
{
	int length = decode_char((const uint8_t *)data, size, ret_character);

	*ret_length = length > 0 ? (size_t)length : 1;
	return length > 0 && is_shown(*ret_character);
}

struct escaping {
	bool keeps_lines;     /* line feed and tab stay */
	bool doubles_slashes; /* a backslash becomes two */
	bool escapes_quotes;
	bool waits_for_rest; /* stop before a character that the end cuts */
};

static void put_hex_escapes(struct line *out, const uint8_t *bytes, int count)
{
	for (int i = 0; i < count; i++) {
		line_puts(out, "\\x");
		line_hex(out, bytes + i, 1);
	}
}

/* Returns how many bytes were taken. */
static size_t put_escaped(struct line *out, const char *data, size_t size,
			  const struct escaping *how)
{
	const uint8_t *p = (const uint8_t *)data;
	size_t done = 0;

	while (done < size) {
		uint32_t character = 0;
		int length = decode_char(p + done, size - done, &character);

		if (length == CHAR_CUT && how->waits_for_rest)
			break;
		if (length <= 0) {
			put_hex_escapes(out, p + done, 1);
			done++;
			continue;
		}
		if (how->keeps_lines && (character == '\n' || character == '\t')) {
			line_putc(out, (char)character);
		} else if (!is_shown(character)) {
			put_hex_escapes(out, p + done, length);
		} else {
			if ((character == '\\' && how->doubles_slashes) ||
			    (character == '"' && how->escapes_quotes))
				line_putc(out, '\\');
			line_put(out, data + done, (size_t)length);
		}
		done += (size_t)length;
	}
	return done;
}

static bool is_plain_word(const char *data, size_t size)
{
	size_t done = 0, length;
	uint32_t character;

	for (; done < size; done += length) {
		if (!text_decode(data + done, size - done, &length, &character) ||
		    character == ' ' || character == '"' || character == '\\')
			return false;
	}
	return size > 0;
}

void text_word(struct line *out, const char *data, size_t size)
{
	static const struct escaping how = { .doubles_slashes = true, .escapes_quotes = true };

	if (is_plain_word(data, size)) {
		line_put(out, data, size);
		return;
	}
	line_putc(out, '"');
	put_escaped(out, data, size, &how);
	line_putc(out, '"');
}

void text_safe(struct line *out, const char *data, size_t size)
{
	static const struct escaping how = { .keeps_lines = false };

	put_escaped(out, data, size, &how);
}

static void flush(FILE *out, struct line *line)
{
	(void)line_flush(line, out);
	line_release(line);
}

void text_put_word(FILE *out, const char *data, size_t size)
{
	struct line line = { 0 };

	text_word(&line, data, size);
	flush(out, &line);
}

void text_put_safe(FILE *out, const char *data, size_t size)
{
	struct line line = { 0 };

	text_safe(&line, data, size);
	flush(out, &line);
}

size_t text_put_stream(FILE *out, const char *data, size_t size, bool is_end)
{
	struct escaping how = { .keeps_lines = true, .waits_for_rest = !is_end };
	struct line line = { 0 };
	size_t done = put_escaped(&line, data, size, &how);

	flush(out, &line);
	return done;
}

char *text_escape(const char *data, size_t size)
{
	static const struct escaping how = { .doubles_slashes = true };
	struct line line = { 0 };

	put_escaped(&line, data, size, &how);
	line_putc(&line, '\0');
	if (!line.has_failed)
		return line.data;
	line_release(&line);
	return NULL;
}

void text_time(int64_t wall_ns, char ret_text[static TEXT_TIME_SIZE])
{
	int64_t ns = wall_ns % NS_PER_S;
	time_t seconds = wall_ns / NS_PER_S;
	struct tm tm;

	if (ns < 0) {
		ns += NS_PER_S;
		seconds--;
	}
	/* An int64_t of nanoseconds ends in the year 2262: gmtime_r() knows them all. */
	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	snprintf(ret_text, TEXT_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRId64 "Z",
		 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 ns);
}

void text_size(uint64_t bytes, char ret_text[static TEXT_SIZE_SIZE])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(ret_text, TEXT_SIZE_SIZE, "%" PRIu64 " byte%s", bytes,
			 bytes == 1 ? "" : "s");
		return;
	}
	while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size /= 1024;
		unit++;
	}
	snprintf(ret_text, TEXT_SIZE_SIZE, "%.1f %s", size, units[unit]);
}

void text_hex(const uint8_t *bytes, size_t size, char *ret_text)
{
	for (size_t i = 0; i < size; i++)
		sprintf(ret_text + 2 * i, "%02x", bytes[i]);
	ret_text[2 * size] = '\0';
}

bool text_unhex(const char *text, uint8_t *ret_bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * size; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		ret_bytes[i / 2] = (uint8_t)(ret_bytes[i / 2] << 4 | (digit - digits));
	}
	return text[2 * size] == '\0';
}
