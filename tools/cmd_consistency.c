/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "checkpoint_arg.h"
#include "slurp.h"
#include "target.h"

#include "inkfs/consistency.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

struct consistency_args {
	const char *key, *keys_dir, *proof;
	const char *store;             /* the operand that is a folder, or NULL */
	const char *old_one, *new_one; /* files; new_one may be NULL */
};

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool parse_operands(int argc, char **argv, struct consistency_args *args)
{
	const char **next = &args->old_one;

	if (!has_operands(argc, argv, 2, 3, "an old checkpoint and what came after it"))
		return false;
	for (int i = optind; i < argc; i++) {
		if (!args->store && is_folder(argv[i])) {
			args->store = argv[i];
		} else {
			if (!next) {
				usage_error("consistency", "'%s' is one too many", argv[i]);
				return false;
			}
			*next = argv[i];
			next = next == &args->old_one ? &args->new_one : NULL;
		}
	}
	if (args->store && args->proof) {
		usage_error("consistency",
			    "--proof has no use with a store, which makes the proof");
		return false;
	}
	if (!args->store && !args->key) {
		usage_error("consistency", "needs --key to check a proof, or a store to make one");
		return false;
	}
	return true;
}

static bool parse_args(int argc, char **argv, struct consistency_args *args)
{
	static const struct option longs[] = { { "key", required_argument, NULL, 'k' },
					       { "keys", required_argument, NULL, 'd' },
					       { "proof", required_argument, NULL, 'p' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'k': args->key = optarg; break;
		case 'd': args->keys_dir = optarg; break;
		case 'p': args->proof = optarg; break;
		default: return false;
		}
	}
	return parse_operands(argc, argv, args);
}

/* The evidence is bad, or it could not be looked at. */
static int fail(const struct ink_error *error)
{
	complain("%s", error->text);
	return error->code == INK_ERR_DAMAGED ? EXIT_BAD : EXIT_UNCHECKED;
}

static int make(const struct consistency_args *args, const char *vkey,
		const struct ink_checkpoint_text *old_one)
{
	struct ink_checkpoint_text new_one = { .name = args->new_one ? args->new_one : "the log" };
	struct ink_consistency result;
	struct ink_error error = { 0 };
	struct checkpoint_arg now;
	struct target target;
	size_t size;
	char *body = malloc(INK_CONSISTENCY_SIZE_MAX);
	int code = EXIT_UNCHECKED;

	if (body && target_init(&target, args->store)) {
		if (checkpoint_arg_init(&now, args->new_one, target.store, args->keys_dir)) {
			new_one.data = now.note;
			new_one.size = now.size;
			error.code = ink_consistency_make(target.store, vkey, old_one, &new_one,
							  body, &size, &result, &error);
			code = error.code == INK_OK ? EXIT_GOOD : fail(&error);
			if (error.code == INK_OK)
				fwrite(body, 1, size, stdout);
			checkpoint_arg_release(&now);
		}
		target_release(&target);
	}
	free(body);
	return code;
}

static int check(const struct consistency_args *args, const char *vkey,
		 const struct ink_checkpoint_text *old_one)
{
	struct ink_checkpoint_text new_one = { .name = args->new_one };
	struct ink_checkpoint_text proof = { .name = args->proof };
	struct ink_consistency result;
	struct ink_error error = { 0 };
	char *new_data = NULL, *proof_data = NULL;

	if (!slurp(args->new_one, args->proof ? "checkpoint" : "proof", INK_CONSISTENCY_SIZE_MAX,
		   &new_data, &new_one.size))
		return EXIT_UNCHECKED;
	new_one.data = new_data;
	if (args->proof &&
	    !slurp(args->proof, "proof", INK_CONSISTENCY_SIZE_MAX, &proof_data, &proof.size)) {
		free(new_data);
		return EXIT_UNCHECKED;
	}
	proof.data = proof_data;
	error.code = ink_consistency_check(vkey, old_one, args->proof ? &new_one : NULL,
					   args->proof ? &proof : &new_one, &result, &error);
	free(new_data);
	free(proof_data);
	if (error.code != INK_OK)
		return fail(&error);
	printf("consistent: the log of %" PRIu64 " records began with those %" PRIu64 "%s\n",
	       result.new_size, result.old_size,
	       result.old_size == 0 ? ", which says nothing" : "");
	return EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	struct consistency_args args = { 0 };
	struct ink_checkpoint_text old_one = { 0 };
	char *vkey = NULL, *data;
	int code;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	if (args.key) {
		code = target_whole_vkey("consistency", args.key, &vkey);
		if (code != EXIT_GOOD)
			return code;
	}
	code = EXIT_UNCHECKED;
	if (slurp(args.old_one, "checkpoint", CHECKPOINT_FILE_SIZE_MAX, &data, &old_one.size)) {
		old_one.name = args.old_one;
		old_one.data = data;
		code = args.store ? make(&args, vkey, &old_one) : check(&args, vkey, &old_one);
		free(data);
	}
	free(vkey);
	return code;
}

const struct cmd cmd_consistency = {
	.name = "consistency",
	.run = run,
	.summary = "prove, or check, that the log of then is the beginning of the log of now",
	.usage =
		"usage: inkfs consistency OLD STORE|MOUNTPOINT [NEW] [--key VKEY|@FILE] [--keys DIR]\n"
		"       inkfs consistency OLD PROOF --key VKEY|@FILE\n"
		"       inkfs consistency OLD NEW --proof HASHES --key VKEY|@FILE\n"
		"\n"
		"With a store: print the proof (RFC 9162) that the log of the checkpoint OLD is the beginning of the\n"
		"log of the checkpoint NEW, or of the log now.  It is the body of an add-checkpoint request of C2SP\n"
		"tlog-witness: the old size, hashes, the new checkpoint.\n"
		"Without a store: check such a proof, or one that is lines of hashes alone.  Whoever kept OLD then\n"
		"knows that nothing which was there has been changed or taken away, and may keep NEW instead.\n"
		"\n"
		"  --key VKEY    the verification key, from a hand you trust; @FILE: a file with that one line\n"
		"  --keys DIR    where the secret keys are, to sign a checkpoint of now; default STORE/keys\n"
		"  --proof FILE  a proof of hashes alone, a line each\n"
		"\n"
		"Exit: 0 consistent, 1 not so, 2 usage, 3 could not be checked.\n"
		"\n"
		"example:\n"
		"  inkfs consistency monday.checkpoint /srv/ci-log > grown\n"
		"  inkfs consistency monday.checkpoint grown --key @ci-log.vkey\n",
};
