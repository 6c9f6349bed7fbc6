/* SPDX-License-Identifier: MIT */
#include "cmds.h"

static int list(void)
{
	printf("usage: inkfs SUBCOMMAND …\n\n"
	       "A directory that can only grow: every write is recorded, chained and signed.\n\n");
	for (size_t i = 0; cmds[i]; i++)
		printf("  %-10s %s\n", cmds[i]->name, cmds[i]->summary);
	printf("\n'inkfs help SUBCOMMAND' says more about one; the manual is inkfs(1).\n"
	       "STORE may always be the mount point of a store too.\n"
	       "Exit: 0 good, 1 evidence is bad or failed, 2 usage, 3 could not check.\n");
	return EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { 0 } };
	const struct cmd *cmd;

	if (next_option(argc, argv, ":", longs) != -1)
		return EXIT_USAGE;
	if (!has_operands(argc, argv, 0, 1, "at most one subcommand"))
		return EXIT_USAGE;
	if (optind == argc)
		return list();
	cmd = cmd_find(argv[optind]);
	if (!cmd)
		return usage_error("help", "there is no subcommand '%s'", argv[optind]);
	fputs(cmd->usage, stdout);
	return EXIT_GOOD;
}

const struct cmd cmd_help = {
	.name = "help",
	.run = run,
	.summary = "list the subcommands, or explain one",
	.usage = "usage: inkfs help [SUBCOMMAND]\n"
		 "\n"
		 "List the subcommands, or explain one.\n"
		 "\n"
		 "example:\n"
		 "  inkfs help verify\n",
};
