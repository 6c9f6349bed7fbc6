/* SPDX-License-Identifier: MIT */
/*
 * Verification keys: a byte of flags, then
 *   flag 1 clear  the line: whatever parses is formatted as the same line again;
 *   flag 1 set    32 bytes of key and an origin: what is formatted parses, to the same.
 */
#include <string.h>

#include "fuzz.h"
#include "vkey.h"

static void run_text(struct fuzz_input input)
{
	char *line = malloc(input.size + 1), again[INK_VKEY_SIZE];
	uint8_t key[INK_KEY_SIZE];
	struct ink_str origin;

	FUZZ_REQUIRE(line);
	if (input.size > 0)
		memcpy(line, input.data, input.size);
	line[input.size] = '\0';
	if (vkey_parse(line, &origin, key) == INK_OK) {
		FUZZ_REQUIRE(origin.data == line && origin.size > 0);
		vkey_format(origin, key, again);
		FUZZ_REQUIRE(strcmp(line, again) == 0);
	}
	free(line);
}

static void run_key(struct fuzz_input input)
{
	char line[INK_VKEY_SIZE], origin[ORIGIN_SIZE_MAX + 1];
	uint8_t key[INK_KEY_SIZE] = { 0 }, parsed_key[INK_KEY_SIZE];
	struct ink_str parsed, made;
	size_t size;
	const uint8_t *p = input_bytes(&input, sizeof(key), &size);
	char *name;

	if (size > 0)
		memcpy(key, p, size);
	name = malloc(input.size + 1);
	FUZZ_REQUIRE(name);
	if (input.size > 0)
		memcpy(name, input.data, input.size);
	name[input.size] = '\0';
	if (origin_name_is_valid(name)) {
		origin_make(name, key, key, origin);
		made = str_of(origin, sizeof(origin));
		FUZZ_REQUIRE(origin_commits_to(made, key, key));
		vkey_format(made, key, line);
		FUZZ_REQUIRE(vkey_parse(line, &parsed, parsed_key) == INK_OK);
		FUZZ_REQUIRE(str_equals(parsed, made));
		FUZZ_REQUIRE(memcmp(key, parsed_key, sizeof(key)) == 0);
	}
	free(name);
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };

	if (input_u8(&input) & 1)
		run_key(input);
	else
		run_text(input);
}

const struct fuzz_target fuzz_vkey = { "vkey", run, 1024 };
