/* SPDX-License-Identifier: MIT */
#include "json.h"

#include "common.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

json_t *json_u64(uint64_t value)
{
	char digits[24];

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	return json_string(digits);
}

json_t *json_bytes(const char *data, size_t size)
{
	char *text = text_escape(data, size);
	json_t *string = text ? json_string(text) : NULL;

	free(text);
	return string;
}

json_t *json_text(const char *text)
{
	return json_bytes(text, strlen(text));
}

json_t *json_time(int64_t wall_ns)
{
	char text[TEXT_TIME_SIZE];

	text_time(wall_ns, text);
	return json_string(text);
}

json_t *json_hex(const uint8_t *bytes, size_t size)
{
	char digits[2 * 64 + 1];

	if (size > 64)
		return NULL;
	text_hex(bytes, size, digits);
	return json_string(digits);
}

void json_add(json_t **object, const char *key, json_t *value)
{
	if (*object && value && json_object_set_new(*object, key, value) == 0)
		return;
	if (!*object)
		json_decref(value);
	json_decref(*object);
	*object = NULL;
}

static bool put(FILE *out, json_t *object, size_t flags)
{
	char *text = object ? json_dumps(object, flags | JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(object);
	if (!text) {
		complain("out of memory");
		return false;
	}
	fputs(text, out);
	free(text);
	return true;
}

bool json_put_line(FILE *out, json_t *object)
{
	bool is_good = put(out, object, 0);

	putc('\n', out);
	return is_good;
}

bool json_put_members(FILE *out, json_t *object)
{
	return put(out, object, JSON_EMBED);
}
