/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "json.h"
#include "live.h"
#include "open.h"
#include "target.h"

#include "inkfs/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct key_args {
	const char *expected; /* as given with --check, or NULL */
	bool is_json;
};

static bool parse_args(int argc, char **argv, struct key_args *args)
{
	static const struct option longs[] = { { "check", required_argument, NULL, 'c' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'c': args->expected = optarg; break;
		case 'j': args->is_json = true; break;
		default: return false;
		}
	}
	if (args->expected && args->is_json) {
		usage_error("key", "--check prints nothing, so --json has no use with it");
		return false;
	}
	return has_operands(argc, argv, 1, 1, "one store or mount point");
}

/* Who may enter the mount and not the store has the driver's word for it. */
static bool get_status(const struct target *target, struct ink_status *ret_status)
{
	struct live_handout handout;
	struct ink_store *store;

	if (target->is_by_mount && access(target->store, R_OK | X_OK) != 0 &&
	    live_status(target, ret_status, &handout))
		return true;
	if (!open_store(target->store, &store))
		return false;
	ink_status(store, ret_status);
	/* Nothing was written, so there is nothing that can be lost. */
	(void)ink_store_close(store, INK_UNMOUNT_ASKED);
	return true;
}

static int check(const struct ink_status *status, const char *given, const char *store)
{
	char *expected = target_vkey(given);
	bool is_same;

	if (!expected)
		return EXIT_UNCHECKED;
	is_same = strcmp(expected, status->vkey) == 0;
	free(expected);
	if (is_same)
		return EXIT_GOOD;
	complain(
		"the key of %s is %s, not the one given; if that one came from a trusted hand, this is not its store",
		store, status->vkey);
	return EXIT_BAD;
}

static bool print_json(const struct ink_status *status, const char *store)
{
	json_t *line = json_object();

	json_add(&line, "schema", json_string("inkfs-key/1"));
	json_add(&line, "store", json_text(store));
	json_add(&line, "origin", json_text(status->origin));
	json_add(&line, "key", json_text(status->vkey));
	return json_put_line(stdout, line);
}

static int run(int argc, char **argv)
{
	struct key_args args = { 0 };
	struct target target;
	struct ink_status status;
	int code = EXIT_GOOD;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return args.expected ? EXIT_UNCHECKED : EXIT_BAD;
	if (!get_status(&target, &status)) {
		target_release(&target);
		return args.expected ? EXIT_UNCHECKED : EXIT_BAD;
	}
	if (args.expected)
		code = check(&status, args.expected, target.store);
	else if (args.is_json)
		code = print_json(&status, target.store) ? EXIT_GOOD : EXIT_BAD;
	else
		puts(status.vkey);
	target_release(&target);
	return code;
}

const struct cmd cmd_key = {
	.name = "key",
	.run = run,
	.summary = "print or compare the verification key",
	.usage =
		"usage: inkfs key STORE|MOUNTPOINT [--json | --check VKEY|@FILE]\n"
		"\n"
		"Print the verification key, one line.  It is the store's own word: compare it with the line\n"
		"that 'inkfs init' printed, or hand that one to 'inkfs verify --key'.  Who may enter a mount but\n"
		"not read the store gets the word of its driver.\n"
		"\n"
		"  --json         print an object (schema inkfs-key/1)\n"
		"  --check VKEY   print nothing; exit 0 if this is the key of the store, 1 if not,\n"
		"                 3 if that could not be checked.  @FILE: a file with that one line\n"
		"\n"
		"example:\n"
		"  inkfs key /mnt/log --check @ci-log.vkey\n",
};
