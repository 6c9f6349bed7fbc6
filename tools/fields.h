/* SPDX-License-Identifier: MIT */
/*
 * Named values of one record, as " name=value" or as ',"name":value' within a JSON object.
 *
 * Owns: nothing.  Knows nothing of: records.  Threads: one per struct.
 */
#ifndef TOOLS_FIELDS_H
#define TOOLS_FIELDS_H

#include <stdint.h>

#include "line.h"

#include "inkfs/record.h"

struct fields {
	struct line *line;
	bool is_json;
};

/* Above 2^63 - 1 (damaged stores have such) JSON gets a string of digits. */
void fields_u64(struct fields *fields, const char *name, uint64_t value);
void fields_octal(struct fields *fields, const char *name, uint32_t value);
void fields_bits(struct fields *fields, const char *name, uint32_t value); /* hexadecimal */
void fields_time(struct fields *fields, const char *name, int64_t wall_ns);
void fields_hex(struct fields *fields, const char *name, const uint8_t *bytes, size_t size);
void fields_str(struct fields *fields, const char *name, struct ink_str value);
void fields_text(struct fields *fields, const char *name, const char *value);

#endif
