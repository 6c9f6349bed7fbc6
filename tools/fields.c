/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>

/* Names are ours, or cut down to letters, so they need no escape. */
static void put_name(struct fields *fields, const char *name)
{
	line_puts(fields->line, fields->is_json ? ",\"" : " ");
	line_puts(fields->line, name);
	line_puts(fields->line, fields->is_json ? "\":" : "=");
}

void fields_u64(struct fields *fields, const char *name, uint64_t value)
{
	bool is_string = fields->is_json && value > INT64_MAX;

	put_name(fields, name);
	if (is_string)
		line_putc(fields->line, '"');
	line_u64(fields->line, value);
	if (is_string)
		line_putc(fields->line, '"');
}

void fields_octal(struct fields *fields, const char *name, uint32_t value)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%04" PRIo32, value);
	fields_text(fields, name, digits);
}

void fields_bits(struct fields *fields, const char *name, uint32_t value)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "0x%" PRIx32, value);
	fields_text(fields, name, digits);
}

void fields_time(struct fields *fields, const char *name, int64_t wall_ns)
{
	char text[TEXT_TIME_SIZE];

	text_time(wall_ns, text);
	fields_text(fields, name, text);
}

void fields_hex(struct fields *fields, const char *name, const uint8_t *bytes, size_t size)
{
	put_name(fields, name);
	if (fields->is_json)
		line_putc(fields->line, '"');
	line_hex(fields->line, bytes, size);
	if (fields->is_json)
		line_putc(fields->line, '"');
}

void fields_str(struct fields *fields, const char *name, struct ink_str value)
{
	const char *data = value.size > 0 ? value.data : "";

	put_name(fields, name);
	if (fields->is_json)
		line_json(fields->line, data, value.size);
	else
		text_word(fields->line, data, value.size);
}

void fields_text(struct fields *fields, const char *name, const char *value)
{
	fields_str(fields, name, (struct ink_str){ value, (uint32_t)strlen(value) });
}
