/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "inkfs/store.h"

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { 0 } };

	if (next_option(argc, argv, ":", longs) != -1 ||
	    !has_operands(argc, argv, 0, 0, "no argument"))
		return EXIT_USAGE;
	printf("inkfs " INK_VERSION "\n");
	return EXIT_GOOD;
}

const struct cmd cmd_version = {
	.name = "version",
	.run = run,
	.summary = "print the version of this program",
	.usage = "usage: inkfs version\n"
		 "\n"
		 "Print the version of this program.\n"
		 "\n"
		 "example:\n"
		 "  inkfs version\n",
};
