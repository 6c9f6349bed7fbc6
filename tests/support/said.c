/* SPDX-License-Identifier: MIT */
#include "said.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

static void take_down(void *ctx, const struct ink_finding *finding)
{
	struct said *said = ctx;
	char *to = finding->severity == INK_EVIDENCE ? said->evidence : said->notes;
	size_t used = strlen(to);

	if (said->on_first)
		said->on_first();
	said->on_first = NULL;
	snprintf(to + used, SAID_SIZE_MAX - used, "%s\n", finding->text);
}

void said_verify(const char *path, const char *vkey, const struct ink_checkpoint_text *checkpoint,
		 struct said *said)
{
	struct ink_verify_options options = { .vkey = vkey,
					      .checkpoints = checkpoint,
					      .checkpoint_count = checkpoint != NULL,
					      .thread_count = 1,
					      .on_finding = take_down,
					      .ctx = said };

	*said = (struct said){ .on_first = said->on_first };
	said->err = ink_verify(path, &options, &said->result, &said->error);
}

void said_expect(const char *what, const struct said *said, bool is_intact, const char *says)
{
	if (said->err != INK_OK)
		fail_msg("%s: %s", what, said->error.text);
	if (said->result.is_intact != is_intact)
		fail_msg("%s: evidence:\n%snotes:\n%s", what, said->evidence, said->notes);
	if (says && !strstr(is_intact ? said->notes : said->evidence, says))
		fail_msg("%s: not said: %s\nbut:\n%s%s", what, says, said->evidence, said->notes);
}
