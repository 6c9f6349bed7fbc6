/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "target.h"

#include "inkfs/checkpoint.h"

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "keys", required_argument, NULL, 'k' }, { 0 } };
	char note[INK_CHECKPOINT_SIZE_MAX];
	const char *keys_dir = NULL;
	struct ink_error error = { 0 };
	struct target target;
	size_t size;
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		if (option != 'k')
			return EXIT_USAGE;
		keys_dir = optarg;
	}
	if (!has_operands(argc, argv, 1, 1, "one store or mount point"))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	error.code = ink_checkpoint_make(target.store, keys_dir, note, &size, &error);
	target_release(&target);
	if (error.code != INK_OK) {
		complain("%s", error.text);
		return EXIT_BAD;
	}
	fwrite(note, 1, size, stdout);
	return EXIT_GOOD;
}

const struct cmd cmd_checkpoint = {
	.name = "checkpoint",
	.run = run,
	.summary = "sign what the log is now, to be kept elsewhere",
	.usage =
		"usage: inkfs checkpoint STORE|MOUNTPOINT [--keys DIR]\n"
		"\n"
		"Print a checkpoint: the origin, the number of records and the root of their tree, signed by the\n"
		"log key and by the seal key of this epoch (C2SP tlog-checkpoint).  Keep it on another machine:\n"
		"'inkfs verify --checkpoint' then finds a cut end, an older copy and another history.\n"
		"It covers the records up to the last seal, and needs the secret keys.\n"
		"\n"
		"  --keys DIR  where the secret keys are; default STORE/keys\n"
		"\n"
		"example:\n"
		"  inkfs checkpoint /srv/ci-log | ssh auditor 'cat > ci-log.checkpoint'\n",
};
