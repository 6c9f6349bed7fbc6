/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "json.h"
#include "target.h"
#include "text.h"

#include "inkfs/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct init_args {
	struct ink_init_options store;
	bool is_json;
};

static bool parse_mode(const char *text, uint32_t *ret_mode)
{
	char *end;
	unsigned long mode;

	if (text[0] < '0' || text[0] > '7')
		return false;
	errno = 0;
	mode = strtoul(text, &end, 8);
	if (errno != 0 || *end != '\0' || mode == 0 || mode > 07777)
		return false;
	*ret_mode = (uint32_t)mode;
	return true;
}

/* false after having complained. */
static bool parse_args(int argc, char **argv, struct init_args *args)
{
	static const struct option longs[] = { { "origin", required_argument, NULL, 'o' },
					       { "keys", required_argument, NULL, 'k' },
					       { "segment-size", required_argument, NULL, 's' },
					       { "root-mode", required_argument, NULL, 'm' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'o': args->store.origin = optarg; break;
		case 'k': args->store.keys_dir = optarg; break;
		case 's':
			if (!parse_size(optarg, &args->store.segment_size) ||
			    args->store.segment_size == 0) {
				usage_error("init", "'%s' is no size: give 2M to 1G", optarg);
				return false;
			}
			break;
		case 'm':
			if (!parse_mode(optarg, &args->store.root_mode)) {
				usage_error("init",
					    "'%s' is no mode: give octal digits such as 0750",
					    optarg);
				return false;
			}
			break;
		case 'j': args->is_json = true; break;
		default: return false;
		}
	}
	if (!has_operands(argc, argv, 1, 1, "one folder for the store"))
		return false;
	if (!args->store.origin) {
		usage_error("init", "needs --origin NAME, a name that you choose for this log");
		return false;
	}
	return true;
}

static bool print_json(const char *path, const char *origin, const char *vkey)
{
	json_t *line = json_object();

	json_add(&line, "schema", json_string("inkfs-init/1"));
	json_add(&line, "store", json_text(path));
	json_add(&line, "name", json_text(origin));
	json_add(&line, "key", json_text(vkey));
	return json_put_line(stdout, line);
}

static void put_word(const char *text)
{
	text_put_word(stderr, text, strlen(text));
}

static void say_what_next(const char *path, const char *keys_dir, const char *vkey)
{
	fputs("inkfs: made the store ", stderr);
	put_word(path);
	fputs(".\n\nThe line above is its verification key.  Give it to whoever will check this log, and keep it\n"
	      "where the people who run this machine cannot change it.  It is no secret.\n"
	      "  check:  inkfs verify ",
	      stderr);
	put_word(path);
	fputs(" --key ", stderr);
	put_word(vkey);
	fputs("\nThe secret keys are in ", stderr);
	put_word(keys_dir ? keys_dir : path);
	fputs(keys_dir ? ".\n  use:    inkfs mount " : "/keys.\n  use:    inkfs mount ", stderr);
	put_word(path);
	fputs(" MOUNTPOINT", stderr);
	if (keys_dir) {
		fputs(" -o keys=", stderr);
		put_word(keys_dir);
	}
	fputc('\n', stderr);
}

static int run(int argc, char **argv)
{
	struct init_args args = { 0 };
	struct ink_error error = { 0 };
	char vkey[INK_VKEY_SIZE] = "";
	const char *path;
	enum ink_err err;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	path = argv[optind];
	err = ink_store_init(path, &args.store, vkey, &error);
	if (err != INK_OK) {
		complain("%s", error.text[0] ? error.text : ink_err_text(err));
		return err == INK_ERR_INVALID ? EXIT_USAGE : EXIT_BAD;
	}
	if (args.is_json)
		return print_json(path, args.store.origin, vkey) ? EXIT_GOOD : EXIT_BAD;
	puts(vkey);
	/* The key must stand above the words about it also where both go to one terminal. */
	fflush(stdout);
	say_what_next(path, args.store.keys_dir, vkey);
	return EXIT_GOOD;
}

const struct cmd cmd_init = {
	.name = "init",
	.run = run,
	.summary = "make a store and its keys; prints the verification key",
	.usage =
		"usage: inkfs init STORE --origin NAME [--keys DIR] [--segment-size SIZE]\n"
		"                  [--root-mode MODE] [--json]\n"
		"\n"
		"Make a store in the folder STORE, which must not exist or be empty.  Prints one line, the\n"
		"verification key: keep it where the people who run this machine cannot change it.\n"
		"\n"
		"  --origin NAME        name of the log, part of the key: 1 to 200 bytes without space and '+'\n"
		"  --keys DIR           where the secret keys go (default STORE/keys)\n"
		"  --segment-size SIZE  size of the log's files, 2M to 1G (default 64M)\n"
		"  --root-mode MODE     permissions of the root folder, octal (default 0755)\n"
		"  --json               print an object (schema inkfs-init/1)\n"
		"\n"
		"example:\n"
		"  inkfs init /srv/ci-log --origin ci.example.org/logs > ci-log.vkey\n",
};
