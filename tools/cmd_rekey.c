/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include <stdio.h>

#include "inkfs/store.h"
#include "target.h"

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "keys", required_argument, NULL, 'k' }, { 0 } };
	const char *keys_dir = NULL;
	struct ink_error error = { 0 };
	struct target target;
	uint32_t epoch = 0;
	enum ink_err err;
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		if (option != 'k')
			return EXIT_USAGE;
		keys_dir = optarg;
	}
	if (!has_operands(argc, argv, 1, 1, "one store"))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	err = ink_store_rekey(target.store, keys_dir, &epoch, &error);
	if (err == INK_OK)
		printf("seal key of epoch %u, on the word of the log key; 'inkfs verify' reports it from now on\n",
		       epoch);
	else
		complain("%s", error.text[0] ? error.text : ink_err_text(err));
	target_release(&target);
	return err == INK_OK ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_rekey = {
	.name = "rekey",
	.run = run,
	.summary = "go on with another seal key when that one is lost or stolen",
	.usage =
		"usage: inkfs rekey STORE [--keys DIR]\n"
		"\n"
		"Replace the seal key, which signs the records, by a fresh one that the log key vouches for, and\n"
		"say so in the log (REKEY).  For a store whose seal.key is lost, or thought stolen: the thief signs\n"
		"nothing that comes behind.  The store must not be mounted, and log.key must be there.  What was\n"
		"recorded before stays as it is, and 'inkfs verify' reports the change for ever.  Take a\n"
		"checkpoint afterwards.\n"
		"\n"
		"  --keys DIR  where the secret keys are; default STORE/keys\n"
		"\n"
		"example:\n"
		"  inkfs umount /mnt/log && inkfs rekey /srv/ci-log\n",
};
