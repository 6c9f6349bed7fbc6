/* SPDX-License-Identifier: MIT */
/*
 * inkfs: everything that can be done with a store without mounting it.  One file for each subcommand.
 */
#include "cmds.h"
#include "common.h"

#include <string.h>

const struct cmd *const cmds[] = {
	&cmd_init,       &cmd_mount,       &cmd_umount,  &cmd_status, &cmd_verify, &cmd_log,
	&cmd_grep,       &cmd_blame,       &cmd_ls,      &cmd_cat,    &cmd_diff,   &cmd_key,
	&cmd_checkpoint, &cmd_consistency, &cmd_prove,   &cmd_check,  &cmd_export, &cmd_reindex,
	&cmd_rekey,      &cmd_help,        &cmd_version, NULL,
};

const struct cmd *cmd_find(const char *name)
{
	for (size_t i = 0; cmds[i]; i++) {
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	}
	return NULL;
}

/* --help is the same everywhere, so no subcommand has to know it. */
static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return true;
	}
	return false;
}

static int run(const struct cmd *cmd, int argc, char **argv)
{
	if (asks_help(argc, argv)) {
		fputs(cmd->usage, stdout);
		return EXIT_GOOD;
	}
	return cmd->run(argc, argv);
}

static int run_alone(const struct cmd *cmd)
{
	char *argv[] = { (char *)cmd->name, NULL };

	return cmd->run(1, argv);
}

/* Where a result that did not get out must never be taken for a good one. */
static bool checks(const struct cmd *cmd)
{
	return cmd == &cmd_verify || cmd == &cmd_consistency || cmd == &cmd_check;
}

int main(int argc, char **argv)
{
	const struct cmd *cmd;
	const char *name = argc > 1 ? argv[1] : "";

	if (!stdio_init())
		return EXIT_BAD;
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return stdio_close(run_alone(&cmd_help), EXIT_BAD, false);
	if (strcmp(name, "--version") == 0)
		return stdio_close(run_alone(&cmd_version), EXIT_BAD, false);
	if (argc < 2) {
		complain("needs a subcommand; 'inkfs help' lists them");
		return EXIT_USAGE;
	}
	cmd = cmd_find(name);
	if (!cmd) {
		complain("there is no subcommand '%s'; 'inkfs help' lists them", name);
		return EXIT_USAGE;
	}
	return stdio_close(run(cmd, argc - 1, argv + 1), checks(cmd) ? EXIT_UNCHECKED : EXIT_BAD,
			   checks(cmd));
}
