/* SPDX-License-Identifier: MIT */
/*
 * Values for jansson that any number and any bytes fit into.
 *
 * Owns: nothing.  Knows nothing of: where JSON goes.  Threads: any.
 */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A number; what is above 2^63 - 1 (damaged stores have such) as a string of digits. */
json_t *json_u64(uint64_t value);
/* As text_escape(). */
json_t *json_bytes(const char *data, size_t size);
json_t *json_text(const char *text);
/* RFC 3339. */
json_t *json_time(int64_t wall_ns);
json_t *json_hex(const uint8_t *bytes, size_t size);

/* Add to *@object and take @value.  Without memory *@object becomes NULL and stays it, so that only the end is asked. */
void json_add(json_t **object, const char *key, json_t *value);

/* Print @object as one line of ASCII and release it.  false after having complained (it is NULL: no memory). */
bool json_put_line(FILE *out, json_t *object);
/* The same without braces and line feed: a part of an object that is written piece by piece. */
bool json_put_members(FILE *out, json_t *object);

#endif
