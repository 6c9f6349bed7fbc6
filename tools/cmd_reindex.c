/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "target.h"

#include "inkfs/store.h"

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { 0 } };
	struct ink_error error = { 0 };
	struct target target;
	enum ink_err err;

	if (next_option(argc, argv, ":", longs) != -1 ||
	    !has_operands(argc, argv, 1, 1, "one store"))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	err = ink_store_reindex(target.store, &error);
	if (err != INK_OK)
		complain("%s", error.text[0] ? error.text : ink_err_text(err));
	target_release(&target);
	return err == INK_OK ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_reindex = {
	.name = "reindex",
	.run = run,
	.summary = "make the index anew from the log",
	.usage =
		"usage: inkfs reindex STORE\n"
		"\n"
		"Make the index anew from the log alone and put it in place of the old one.  The store must not\n"
		"be mounted.  The log is only read; if it is damaged the old index stays.  Where a crash has torn its\n"
		"end the index is made as far as it is whole, and that is said (exit 1).\n"
		"\n"
		"example:\n"
		"  inkfs umount /mnt/log && inkfs reindex /srv/ci-log && inkfs verify /srv/ci-log\n",
};
