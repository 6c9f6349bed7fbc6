/* SPDX-License-Identifier: MIT */
/* libFuzzer's door; FUZZ_TARGET in the environment names the target.  `make fuzz TARGET=… TIME=…` runs it. */
#include <stdio.h>

#include "fuzz.h"
#include "vkey.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	target = name ? fuzz_find(name) : NULL;
	if (target && vkey_setup())
		return 0;
	fprintf(stderr, "FUZZ_TARGET=%s is none of:", name ? name : "");
	for (size_t i = 0; fuzz_targets[i]; i++)
		fprintf(stderr, " %s", fuzz_targets[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > target->size_max)
		return -1; /* not into the corpus */
	target->run(data, size);
	return 0;
}
