/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include "json.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

void fields_u64(struct fields *fields, const char *name, uint64_t value)
{
	if (fields->is_json)
		json_add(&fields->object, name, json_u64(value));
	else
		fprintf(fields->out, " %s=%" PRIu64, name, value);
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
	if (fields->is_json) {
		json_add(&fields->object, name, json_hex(bytes, size));
		return;
	}
	fprintf(fields->out, " %s=", name);
	for (size_t i = 0; i < size; i++)
		fprintf(fields->out, "%02x", bytes[i]);
}

void fields_str(struct fields *fields, const char *name, struct ink_str value)
{
	const char *data = value.size > 0 ? value.data : "";

	if (fields->is_json) {
		json_add(&fields->object, name, json_bytes(data, value.size));
		return;
	}
	fprintf(fields->out, " %s=", name);
	text_put_word(fields->out, data, value.size);
}

void fields_text(struct fields *fields, const char *name, const char *value)
{
	fields_str(fields, name, (struct ink_str){ value, (uint32_t)strlen(value) });
}
