/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "checkpoint_arg.h"
#include "json.h"
#include "target.h"

#include "inkfs/export.h"

#include <inttypes.h>
#include <unistd.h>

struct export_args {
	const char *keys_dir;
	const char *checkpoint; /* file, or NULL */
	bool is_tiles, is_without_bodies, is_json;
};

static bool parse_args(int argc, char **argv, struct export_args *args)
{
	static const struct option longs[] = { { "tiles", no_argument, NULL, 't' },
					       { "without-bodies", no_argument, NULL, 'w' },
					       { "checkpoint", required_argument, NULL, 'c' },
					       { "keys", required_argument, NULL, 'k' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 't': args->is_tiles = true; break;
		case 'w': args->is_without_bodies = true; break;
		case 'c': args->checkpoint = optarg; break;
		case 'k': args->keys_dir = optarg; break;
		case 'j': args->is_json = true; break;
		default: return false;
		}
	}
	if (!args->is_tiles) {
		usage_error("export", "say in which form: --tiles is the only one there is");
		return false;
	}
	if (args->checkpoint && args->keys_dir) {
		usage_error("export", "--keys has no use with --checkpoint: nothing is signed");
		return false;
	}
	return has_operands(argc, argv, 2, 2, "a store or mount point, and a folder");
}

static void on_progress(void *ctx, uint64_t done_count, uint64_t record_count)
{
	(void)ctx;
	fprintf(stderr, "\rexported %" PRIu64 " of %" PRIu64 " records", done_count, record_count);
}

static bool print_result(const struct export_args *args, const struct ink_export_result *result,
			 const char *store, const char *dir)
{
	json_t *line;

	if (!args->is_json) {
		printf("%" PRIu64 " records in %s: %" PRIu64 " files written, %" PRIu64
		       " were there\n",
		       result->record_count, dir, result->written_count, result->kept_count);
		if (result->erased_count > 0)
			printf("%" PRIu64 " bodies were erased and are not there\n",
			       result->erased_count);
		return true;
	}
	line = json_object();
	json_add(&line, "schema", json_string("inkfs-export/1"));
	json_add(&line, "store", json_text(store));
	json_add(&line, "folder", json_text(dir));
	json_add(&line, "records", json_u64(result->record_count));
	json_add(&line, "written", json_u64(result->written_count));
	json_add(&line, "kept", json_u64(result->kept_count));
	json_add(&line, "erased", json_u64(result->erased_count));
	return json_put_line(stdout, line);
}

static int export(const struct export_args *args, const char *store, const char *dir)
{
	struct ink_export_options options = { .is_without_bodies = args->is_without_bodies };
	struct ink_export_result result;
	struct ink_error error = { 0 };
	struct checkpoint_arg checkpoint;
	bool has_progress = !args->is_json && isatty(STDERR_FILENO);

	if (!checkpoint_arg_init(&checkpoint, args->checkpoint, store, args->keys_dir))
		return EXIT_BAD;
	options.note = checkpoint.note;
	options.note_size = checkpoint.size;
	options.on_progress = has_progress ? on_progress : NULL;
	error.code = ink_export_tiles(store, dir, &options, &result, &error);
	if (has_progress)
		fputs("\r\x1b[K", stderr);
	checkpoint_arg_release(&checkpoint);
	if (error.code != INK_OK) {
		complain("%s", error.text);
		return EXIT_BAD;
	}
	return print_result(args, &result, store, dir) ? EXIT_GOOD : EXIT_BAD;
}

static int run(int argc, char **argv)
{
	struct export_args args = { 0 };
	struct target target;
	int code;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	code = export(&args, target.store, argv[optind + 1]);
	target_release(&target);
	return code;
}

const struct cmd cmd_export = {
	.name = "export",
	.run = run,
	.summary = "write the log for other people's verifiers (C2SP tlog-tiles)",
	.usage =
		"usage: inkfs export --tiles STORE|MOUNTPOINT DIR [--checkpoint FILE | --keys DIR]\n"
		"                    [--without-bodies] [--json]\n"
		"\n"
		"Write the log into DIR in the layout of C2SP tlog-tiles: checkpoint, tiles, bundles of entries (an\n"
		"entry is the header of a record), and the bodies as tlog-addenda.  Programs that others wrote can\n"
		"check and monitor it there, from a disk or behind any web server.  Into the folder of an earlier\n"
		"export of the same log only what is new is written; the same call goes on after an interruption.\n"
		"The store may be mounted.\n"
		"\n"
		"  --checkpoint FILE  export as many records as this checkpoint has; needs no keys.  Default: sign\n"
		"                     a new one, of all records up to the last seal\n"
		"  --keys DIR         where the secret keys are; default STORE/keys\n"
		"  --without-bodies   headers alone: sizes, times and digests, but not what was written\n"
		"  --json             print an object (schema inkfs-export/1)\n"
		"\n"
		"example:\n"
		"  inkfs export --tiles /srv/ci-log /var/www/ci-log\n",
};
