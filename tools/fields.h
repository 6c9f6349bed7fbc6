/* SPDX-License-Identifier: MIT */
/*
 * Named values of one line, as " name=value" or as members of a JSON object.
 *
 * Owns: the JSON object until it is printed.  Knows nothing of: records.  Threads: one.
 */
#ifndef TOOLS_FIELDS_H
#define TOOLS_FIELDS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "inkfs/record.h"

struct fields {
	FILE *out;      /* for text */
	json_t *object; /* for JSON */
	bool is_json;
};

void fields_u64(struct fields *fields, const char *name, uint64_t value);
void fields_octal(struct fields *fields, const char *name, uint32_t value);
void fields_bits(struct fields *fields, const char *name, uint32_t value); /* hexadecimal */
void fields_time(struct fields *fields, const char *name, int64_t wall_ns);
void fields_hex(struct fields *fields, const char *name, const uint8_t *bytes, size_t size);
void fields_str(struct fields *fields, const char *name, struct ink_str value);
void fields_text(struct fields *fields, const char *name, const char *value);

#endif
