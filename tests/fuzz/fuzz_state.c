/* SPDX-License-Identifier: MIT */
/* The state of `inkfs log --state`: what is read is written so that it reads the same again, and never longer. */
#include <string.h>

#include "cmds.h"
#include "fuzz.h"
#include "state.h"

/* tools/common.c knows the subcommands by their table; here are none. */
const struct cmd *const cmds[] = { NULL };

static void run(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), line[STATE_SIZE_MAX + 1];
	struct state state = { 0 }, again = { 0 };
	size_t line_size;

	FUZZ_REQUIRE(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (state_decode(&state, text, size)) {
		FUZZ_REQUIRE(size <= STATE_SIZE_MAX);
		FUZZ_REQUIRE(memchr(state.format, '\0', sizeof(state.format)) && state.format[0]);
		FUZZ_REQUIRE(memchr(state.host, '\0', sizeof(state.host)) && state.host[0]);
		line_size = state_encode(&state, line);
		FUZZ_REQUIRE(line_size == strlen(line) && line_size <= size);
		FUZZ_REQUIRE(state_decode(&again, line, line_size));
		FUZZ_REQUIRE(again.next_seq == state.next_seq &&
			     again.output_size == state.output_size &&
			     memcmp(again.leaf, state.leaf, INK_HASH_SIZE) == 0 &&
			     strcmp(again.format, state.format) == 0 &&
			     strcmp(again.host, state.host) == 0);
	}
	free(text);
}

const struct fuzz_target fuzz_state = { "state", run, 1024 };
