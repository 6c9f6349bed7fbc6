/* SPDX-License-Identifier: MIT */
#include "match.h"

#include "common.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Of steps for one line: some milliseconds, where the default allows for a tenth of a second. */
enum { STEP_COUNT_MAX = 1000000 };
enum { STACK_SIZE_MIN = 32 << 10, STACK_SIZE_MAX = 8 << 20 };

struct match {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	bool is_fixed;
	bool has_failed;
};

struct match *match_open(const char *cmd_name, const char *pattern, bool is_fixed, bool is_caseless)
{
	struct match *match = calloc(1, sizeof(*match));
	uint32_t options = is_fixed ? PCRE2_LITERAL : PCRE2_NEVER_BACKSLASH_C;
	PCRE2_UCHAR why[128];
	PCRE2_SIZE offset;
	int code;

	if (!match) {
		complain("out of memory");
		return NULL;
	}
	/* Bytes of a literal that minds the case are just bytes; all else reads characters, and bytes that are none match nothing. */
	if (!is_fixed || is_caseless)
		options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	if (is_caseless)
		options |= PCRE2_CASELESS;
	match->is_fixed = is_fixed;
	match->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &code,
				    &offset, NULL);
	if (!match->code) {
		pcre2_get_error_message(code, why, sizeof(why));
		usage_error(cmd_name, "'%s' is no pattern: %s at character %zu", pattern,
			    (const char *)why, offset);
		match_close(match);
		return NULL;
	}
	/* Without a compiler for this machine it is interpreted. */
	(void)pcre2_jit_compile(match->code, PCRE2_JIT_COMPLETE);
	match->data = pcre2_match_data_create(1, NULL);
	match->context = pcre2_match_context_create(NULL);
	match->stack = pcre2_jit_stack_create(STACK_SIZE_MIN, STACK_SIZE_MAX, NULL);
	if (!match->data || !match->context) {
		complain("out of memory");
		match_close(match);
		return NULL;
	}
	pcre2_set_match_limit(match->context, STEP_COUNT_MAX);
	if (match->stack)
		pcre2_jit_stack_assign(match->context, NULL, match->stack);
	return match;
}

void match_close(struct match *match)
{
	if (!match)
		return;
	pcre2_match_data_free(match->data);
	pcre2_match_context_free(match->context);
	pcre2_jit_stack_free(match->stack);
	pcre2_code_free(match->code);
	free(match);
}

bool match_has_failed(const struct match *match)
{
	return match->has_failed;
}

/* Where in the @size bytes the pattern begins; -1: nowhere. */
static ptrdiff_t find(struct match *match, const char *data, size_t size)
{
	int count =
		pcre2_match(match->code, (PCRE2_SPTR)data, size, 0, 0, match->data, match->context);

	if (count >= 0)
		return (ptrdiff_t)pcre2_get_ovector_pointer(match->data)[0];
	if (count != PCRE2_ERROR_NOMATCH)
		match->has_failed = true;
	return -1;
}

/* The line around @at; a line feed at the end of the block belongs to the line before it. */
static void line_around(const char *data, size_t size, size_t at, const char **ret_line,
			size_t *ret_size)
{
	const char *before = at > 0 ? memrchr(data, '\n', at) : NULL;
	const char *start = before ? before + 1 : data;
	const char *end = memchr(start, '\n', size - (size_t)(start - data));

	*ret_line = start;
	*ret_size = end ? (size_t)(end - start) : size - (size_t)(start - data);
}

bool match_find(struct match *match, const char *data, size_t size, const char **ret_line,
		size_t *ret_line_size)
{
	const char *end = data + size;

	/* A string without line feed cannot go over the end of a line, so all lines are searched at once. */
	if (match->is_fixed && size > 0) {
		ptrdiff_t at = find(match, data, size);

		if (at < 0 || (size_t)at >= size)
			return false;
		line_around(data, size, (size_t)at, ret_line, ret_line_size);
		return true;
	}
	/* An expression can mean something else where more text follows, so each line by itself. */
	while (data < end) {
		const char *feed = memchr(data, '\n', (size_t)(end - data));
		size_t line_size = (size_t)((feed ? feed : end) - data);

		if (find(match, data, line_size) >= 0) {
			*ret_line = data;
			*ret_line_size = line_size;
			return true;
		}
		data += line_size + 1;
	}
	return false;
}
