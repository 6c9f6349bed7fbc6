/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "report.h"
#include "slurp.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHECKPOINT_COUNT_MAX = 256, CHECKPOINT_SIZE_MAX = 65536, THREADS_MAX = 64 };

struct verify_args {
	const char *key; /* as given, or NULL */
	enum report_style style;
	struct ink_checkpoint_text checkpoints[CHECKPOINT_COUNT_MAX];
	size_t checkpoint_count;
	char *paths[CHECKPOINT_COUNT_MAX]; /* of --checkpoint and --since */
	const char *since;                 /* one of paths, or NULL */
	size_t path_count;
	unsigned thread_count; /* 0: as many as there are CPUs */
};

static bool add_checkpoint(struct verify_args *args, const char *path)
{
	char *data;
	size_t size;

	if (!slurp(path, "checkpoint", CHECKPOINT_SIZE_MAX, &data, &size))
		return false;
	args->checkpoints[args->checkpoint_count++] =
		(struct ink_checkpoint_text){ .name = path, .data = data, .size = size };
	return true;
}

static bool read_checkpoints(struct verify_args *args)
{
	for (size_t i = 0; i < args->path_count; i++) {
		if (!add_checkpoint(args, args->paths[i]))
			return false;
	}
	return true;
}

static void release_args(struct verify_args *args)
{
	for (size_t i = 0; i < args->checkpoint_count; i++)
		free((void *)(uintptr_t)args->checkpoints[i].data);
}

static bool parse_threads(const char *text, unsigned *ret_count)
{
	uint64_t count;

	if (!parse_u64(text, &count) || count < 1 || count > THREADS_MAX) {
		usage_error("verify", "--threads takes a number from 1 to %d", THREADS_MAX);
		return false;
	}
	*ret_count = (unsigned)count;
	return true;
}

static bool name_checkpoint(struct verify_args *args, char *path)
{
	if (args->path_count == CHECKPOINT_COUNT_MAX) {
		usage_error("verify", "more than %d checkpoints", CHECKPOINT_COUNT_MAX);
		return false;
	}
	args->paths[args->path_count++] = path;
	return true;
}

static bool parse_args(int argc, char **argv, struct verify_args *args)
{
	static const struct option longs[] = { { "key", required_argument, NULL, 'k' },
					       { "checkpoint", required_argument, NULL, 'c' },
					       { "json", no_argument, NULL, 'j' },
					       { "quiet", no_argument, NULL, 'q' },
					       { "since", required_argument, NULL, 's' },
					       { "threads", required_argument, NULL, 't' },
					       { 0 } };
	bool is_json = false, is_quiet = false;
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'k':
			if (args->key) {
				usage_error("verify",
					    "--key is given twice, but a store has one key");
				return false;
			}
			args->key = optarg;
			break;
		case 's':
			if (args->since) {
				usage_error("verify", "--since is given twice; give the newest");
				return false;
			}
			args->since = optarg;
			if (!name_checkpoint(args, optarg))
				return false;
			break;
		case 'c':
			if (!name_checkpoint(args, optarg))
				return false;
			break;
		case 'j': is_json = true; break;
		case 'q': is_quiet = true; break;
		case 't':
			if (!parse_threads(optarg, &args->thread_count))
				return false;
			break;
		default: return false;
		}
	}
	if (is_json && is_quiet) {
		usage_error("verify", "--json and --quiet contradict each other; give one");
		return false;
	}
	if (is_json)
		args->style = REPORT_JSON;
	else if (is_quiet)
		args->style = REPORT_QUIET;
	return has_operands(argc, argv, 1, 1, "one store or mount point");
}

static void on_finding(void *ctx, const struct ink_finding *finding)
{
	report_finding(ctx, finding);
}

static void on_progress(void *ctx, uint64_t done_bytes, uint64_t total_bytes, uint64_t record_count)
{
	(void)record_count;
	report_progress(ctx, done_bytes, total_bytes);
}

static int verify(const struct target *target, const char *vkey, const struct verify_args *args)
{
	struct report report = { .style = args->style,
				 .store = target->store,
				 .has_progress =
					 args->style == REPORT_TEXT && isatty(STDERR_FILENO) };
	struct ink_verify_options options = { .vkey = vkey,
					      .checkpoints = args->checkpoints,
					      .checkpoint_count = args->checkpoint_count,
					      .thread_count = args->thread_count,
					      .on_finding = on_finding,
					      .on_progress = on_progress,
					      .ctx = &report };
	struct ink_verify_result result = { 0 };
	struct ink_error error = { 0 };

	for (size_t i = 0; i < args->checkpoint_count; i++)
		if (args->paths[i] == args->since)
			options.since = &args->checkpoints[i];
	report_begin(&report);
	error.code = ink_verify(target->store, &options, &result, &error);
	if (error.code != INK_OK) {
		report_error(&report, &error);
		return EXIT_UNCHECKED;
	}
	report_result(&report, &result);
	if (!result.is_intact)
		return EXIT_BAD;
	return report.has_failed ? EXIT_UNCHECKED : EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	struct verify_args args = { 0 };
	struct target target;
	char *vkey = NULL;
	int code;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	if (args.key) {
		code = target_whole_vkey("verify", args.key, &vkey);
		if (code != EXIT_GOOD)
			return code;
	}
	code = EXIT_UNCHECKED;
	if (read_checkpoints(&args) && target_init(&target, argv[optind])) {
		code = verify(&target, vkey, &args);
		target_release(&target);
	}
	release_args(&args);
	free(vkey);
	return code;
}

const struct cmd cmd_verify = {
	.name = "verify",
	.run = run,
	.summary = "check everything, offline; say intact or what is wrong",
	.usage =
		"usage: inkfs verify STORE|MOUNTPOINT [--key VKEY|@FILE] [--checkpoint FILE]...\n"
		"                    [--since FILE] [--threads N] [--json | --quiet]\n"
		"\n"
		"Read a whole store, mounted or not, copied or on read-only media, and check every byte, name, time\n"
		"and writer, the order of all records, the seals and the succession of keys, and the index against\n"
		"the log.  Needs no secret, no network and no trust in the machine that wrote it.\n"
		"\n"
		"  --key VKEY  the verification key that 'inkfs init' printed, from a hand you trust;\n"
		"              @FILE: a file with that one line.  Without it the store vouches for itself\n"
		"  --checkpoint FILE\n"
		"              a checkpoint of 'inkfs checkpoint' that was kept elsewhere, of any age; may be\n"
		"              given many times.  Finds a cut end, an older copy, and another history\n"
		"  --since FILE\n"
		"              a checkpoint up to which somebody has verified this log already: what was written\n"
		"              before it is not read again, only that nothing was put in, cut or moved\n"
		"  --threads N hash with N threads; as many as there are CPUs unless told\n"
		"  --json      print an object (schema inkfs-verify/1)\n"
		"  --quiet     print nothing but what is against the evidence\n"
		"\n"
		"Exit: 0 intact, 1 evidence is bad, 2 usage, 3 could not check.\n"
		"\n"
		"example:\n"
		"  inkfs verify /srv/ci-log --key @ci-log.vkey\n",
};
