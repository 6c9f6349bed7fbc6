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

struct escaping {
	bool keeps_lines;     /* line feed and tab stay */
	bool doubles_slashes; /* a backslash becomes two */
	bool escapes_quotes;
	bool waits_for_rest; /* stop before a character that the end cuts */
};

static void put_hex_escapes(FILE *out, const uint8_t *bytes, int count)
{
	for (int i = 0; i < count; i++)
		fprintf(out, "\\x%02x", bytes[i]);
}

/* Returns how many bytes were taken. */
static size_t put_escaped(FILE *out, const char *data, size_t size, const struct escaping *how)
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
		if (how->keeps_lines && (character == '\n' || character == '\t'))
			putc((int)character, out);
		else if (!is_shown(character))
			put_hex_escapes(out, p + done, length);
		else if ((character == '\\' && how->doubles_slashes) ||
			 (character == '"' && how->escapes_quotes))
			fprintf(out, "\\%c", (int)character);
		else
			fwrite(p + done, 1, (size_t)length, out);
		done += (size_t)length;
	}
	return done;
}

static bool is_plain_word(const char *data, size_t size)
{
	const uint8_t *p = (const uint8_t *)data;
	size_t done = 0;

	while (done < size) {
		uint32_t character = 0;
		int length = decode_char(p + done, size - done, &character);

		if (length <= 0 || !is_shown(character) || character == ' ' || character == '"' ||
		    character == '\\')
			return false;
		done += (size_t)length;
	}
	return size > 0;
}

void text_put_word(FILE *out, const char *data, size_t size)
{
	static const struct escaping how = { .doubles_slashes = true, .escapes_quotes = true };

	if (is_plain_word(data, size)) {
		fwrite(data, 1, size, out);
		return;
	}
	putc('"', out);
	put_escaped(out, data, size, &how);
	putc('"', out);
}

void text_put_safe(FILE *out, const char *data, size_t size)
{
	static const struct escaping how = { .keeps_lines = false };

	put_escaped(out, data, size, &how);
}

size_t text_put_stream(FILE *out, const char *data, size_t size, bool is_end)
{
	struct escaping how = { .keeps_lines = true, .waits_for_rest = !is_end };

	return put_escaped(out, data, size, &how);
}

char *text_escape(const char *data, size_t size)
{
	static const struct escaping how = { .doubles_slashes = true };
	char *text = NULL;
	size_t text_size = 0;
	FILE *out = open_memstream(&text, &text_size);
	bool is_good;

	if (!out)
		return NULL;
	put_escaped(out, data, size, &how);
	is_good = !ferror(out);
	if (fclose(out) != 0 || !is_good) {
		free(text);
		return NULL;
	}
	return text;
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
