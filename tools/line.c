/* SPDX-License-Identifier: MIT */
#include "line.h"

#include "text.h"

#include <stdlib.h>

enum { NS_PER_S = 1000000000, ROOM_MIN = 512 };

void line_release(struct line *line)
{
	free(line->data);
	*line = (struct line){ 0 };
}

bool line_flush(struct line *line, FILE *file)
{
	if (line->size > 0)
		fwrite(line->data, 1, line->size, file);
	line->size = 0;
	return !ferror(file) && !line->has_failed;
}

char *line_reserve(struct line *line, size_t size)
{
	size_t room = line->room ? line->room : ROOM_MIN;
	char *grown;

	if (line->room - line->size >= size && line->data)
		return line->data + line->size;
	while (room - line->size < size)
		room *= 2;
	grown = realloc(line->data, room);
	if (!grown) {
		line->has_failed = true;
		return NULL;
	}
	line->data = grown;
	line->room = room;
	return grown + line->size;
}

void line_put(struct line *line, const char *data, size_t size)
{
	char *to = line_reserve(line, size);

	if (to && size > 0) {
		memcpy(to, data, size);
		line->size += size;
	}
}

void line_puts(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

void line_putc(struct line *line, char c)
{
	line_put(line, &c, 1);
}

void line_u64(struct line *line, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	line_put(line, digits + at, sizeof(digits) - at);
}

void line_i64(struct line *line, int64_t value)
{
	if (value < 0)
		line_putc(line, '-');
	line_u64(line, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void line_hex(struct line *line, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *to = line_reserve(line, 2 * size);

	if (!to)
		return;
	for (size_t i = 0; i < size; i++) {
		to[2 * i] = digits[bytes[i] >> 4];
		to[2 * i + 1] = digits[bytes[i] & 15];
	}
	line->size += 2 * size;
}

void line_time(struct line *line, int64_t wall_ns)
{
	int64_t second = wall_ns / NS_PER_S, ns = wall_ns % NS_PER_S;
	char tail[12] = ".000000000Z";

	if (ns < 0) {
		ns += NS_PER_S;
		second--;
	}
	if (!line->has_second || line->second != second) {
		char text[TEXT_TIME_SIZE];

		text_time(wall_ns, text);
		memcpy(line->second_text, text, 19); /* "2026-11-21T09:35:17" */
		line->second = second;
		line->has_second = true;
	}
	for (int i = 9; i >= 1; i--, ns /= 10)
		tail[i] = (char)('0' + ns % 10);
	line_put(line, line->second_text, 19);
	line_put(line, tail, 11);
}

void line_pad(struct line *line, size_t from, size_t width)
{
	size_t count = 0;

	for (size_t i = from; i < line->size; i++)
		count += (line->data[i] & 0xc0) != 0x80;
	for (; count < width; count++)
		line_putc(line, ' ');
}

/* --- strings ------------------------------------------------------------------ */

static bool is_simple(const char *data, size_t size, const char *special)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c < 0x20 || c > 0x7e || c == (unsigned char)special[0] ||
		    c == (unsigned char)special[1] || c == '\\')
			return false;
	}
	return true;
}

/* Each byte as \xHH, behind as many backslashes as make one. */
static void put_hex(struct line *line, const char *slash, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		line_puts(line, slash);
		line_putc(line, 'x');
		line_hex(line, (const uint8_t *)data + i, 1);
	}
}

static void put_json_character(struct line *line, const char *data, size_t size, uint32_t c)
{
	char text[16];

	if (c == '"') {
		line_puts(line, "\\\"");
	} else if (c == '\\') {
		line_puts(line, "\\\\\\\\");
	} else if (c < 0x80) {
		line_put(line, data, size);
	} else if (c < 0x10000) {
		snprintf(text, sizeof(text), "\\u%04X", (unsigned)c);
		line_puts(line, text);
	} else {
		c -= 0x10000;
		snprintf(text, sizeof(text), "\\u%04X\\u%04X", (unsigned)(0xd800 + (c >> 10)),
			 (unsigned)(0xdc00 + (c & 0x3ff)));
		line_puts(line, text);
	}
}

void line_json(struct line *line, const char *data, size_t size)
{
	line_putc(line, '"');
	if (is_simple(data, size, "\"\"")) {
		line_put(line, data, size);
	} else {
		for (size_t done = 0, length; done < size; done += length) {
			uint32_t c;

			if (text_decode(data + done, size - done, &length, &c))
				put_json_character(line, data + done, length, c);
			else
				put_hex(line, "\\\\", data + done, length);
		}
	}
	line_putc(line, '"');
}

void line_csv(struct line *line, const char *data, size_t size)
{
	bool is_quoted = memchr(data, '"', size) || memchr(data, ',', size);

	if (is_quoted)
		line_putc(line, '"');
	if (is_simple(data, size, "\"\"")) {
		line_put(line, data, size);
	} else {
		for (size_t done = 0, length; done < size; done += length) {
			uint32_t c;

			if (!text_decode(data + done, size - done, &length, &c))
				put_hex(line, "\\", data + done, length);
			else if (c == '"' || c == '\\')
				line_put(line, c == '"' ? "\"\"" : "\\\\", 2);
			else
				line_put(line, data + done, length);
		}
	}
	if (is_quoted)
		line_putc(line, '"');
}
