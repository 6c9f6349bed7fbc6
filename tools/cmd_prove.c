/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "checkpoint_arg.h"
#include "open.h"
#include "selection.h"
#include "walk_path.h"

#include "inkfs/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct prove_args {
	const char *path; /* within the store, as given, or NULL */
	const char *seqs; /* of --seq */
	const char *text; /* of --grep */
	const char *checkpoint, *keys_dir, *output;
	bool is_short, is_bare, has_context;
};

/* --- options ------------------------------------------------------------------------------------ */

/* "N" or "N-M". */
static bool parse_range(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
	const char *dash = strchr(text, '-');
	char first[24];

	if (!dash) {
		*ret_last = 0;
		return parse_u64(text, ret_first) && (*ret_last = *ret_first, true);
	}
	if ((size_t)(dash - text) >= sizeof(first))
		return false;
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	return parse_u64(first, ret_first) && parse_u64(dash + 1, ret_last) &&
	       *ret_first <= *ret_last;
}

static bool parse_args(int argc, char **argv, struct prove_args *args)
{
	static const struct option longs[] = { { "seq", required_argument, NULL, 's' },
					       { "grep", required_argument, NULL, 'g' },
					       { "checkpoint", required_argument, NULL, 'c' },
					       { "keys", required_argument, NULL, 'k' },
					       { "output", required_argument, NULL, 'o' },
					       { "short", no_argument, NULL, 'S' },
					       { "bare", no_argument, NULL, 'b' },
					       { "context", no_argument, NULL, 'x' },
					       { 0 } };
	uint64_t first, last;
	int option;

	while ((option = next_option(argc, argv, ":o:", longs)) != -1) {
		switch (option) {
		case 's': args->seqs = optarg; break;
		case 'g': args->text = optarg; break;
		case 'c': args->checkpoint = optarg; break;
		case 'k': args->keys_dir = optarg; break;
		case 'o': args->output = optarg; break;
		case 'S': args->is_short = true; break;
		case 'b': args->is_bare = true; break;
		case 'x': args->has_context = true; break;
		default: return false;
		}
	}
	if (!has_operands(argc, argv, 1, 2, "a store or mount point, and what is to be proved"))
		return false;
	args->path = argv[optind + 1];
	if ((args->seqs && (args->path || args->text)) ||
	    !(args->seqs || args->path || args->text) || (args->text && !args->text[0])) {
		usage_error("prove",
			    "name one: a PATH, --seq, --grep TEXT, or --grep TEXT and a PATH");
		return false;
	}
	if (args->seqs && !parse_range(args->seqs, &first, &last)) {
		usage_error("prove", "'%s' is no record's number, nor a range of them as 7-9",
			    args->seqs);
		return false;
	}
	if (args->checkpoint && args->keys_dir) {
		usage_error("prove", "--keys has no use with --checkpoint: nothing is signed");
		return false;
	}
	if (!args->output && isatty(STDOUT_FILENO)) {
		usage_error("prove", "evidence is not for a terminal; name a file with -o");
		return false;
	}
	return true;
}

/* --- what is to be proved ------------------------------------------------------------------------ */

/* PATH, or PATH:FIRST[-LAST] where there is no such path; the file and the bytes of it. */
static bool find_file(struct ink_store *store, const char *given, struct ink_attr *ret_attr,
		      uint64_t *ret_first, uint64_t *ret_last, bool *ret_has_range)
{
	const char *colon = strrchr(given, ':');
	enum ink_err err = walk_path(store, given, true, ret_attr);
	bool has_range = false;

	if (err == INK_ERR_NOT_FOUND && colon && parse_range(colon + 1, ret_first, ret_last)) {
		char *path = strndup(given, (size_t)(colon - given));

		err = path ? walk_path(store, path, true, ret_attr) : INK_ERR_IO;
		free(path);
		has_range = true;
	}
	if (err == INK_OK && (ret_attr->mode & 0170000) != 0100000)
		err = INK_ERR_IS_DIR;
	if (err != INK_OK) {
		complain("%s: %s", given, reason_of(err));
		return false;
	}
	if (ret_attr->size == 0 || (has_range && *ret_first >= ret_attr->size)) {
		complain("%s: there is no such byte, the file has %" PRIu64, given, ret_attr->size);
		return false;
	}
	*ret_has_range = has_range;
	if (!has_range)
		*ret_first = 0;
	if (!has_range || *ret_last >= ret_attr->size)
		*ret_last = ret_attr->size - 1;
	return true;
}

static bool select_file(const struct prove_args *args, struct selection *selection,
			struct ink_evidence_request *request)
{
	struct ink_attr attr;
	uint64_t first, last;
	bool has_range;

	if (!find_file(selection->store, args->path, &attr, &first, &last, &has_range))
		return false;
	if (!selection_add_bytes(selection, attr.inode, first, last))
		return false;
	if (!args->text && selection->seqs.count > 0) {
		if (selection->bytes_end <= last && has_range) {
			complain("%s: the checkpoint covers it only up to byte %" PRIu64,
				 args->path, selection->bytes_end - 1);
			return false;
		}
		if (selection->bytes_end <= last)
			last = selection->bytes_end - 1;
		request->claim = INK_CLAIM_BYTES;
		request->inode = attr.inode;
		request->first = first;
		request->last = last;
	}
	return true;
}

static bool select_run(const struct prove_args *args, struct selection *selection,
		       struct ink_evidence_request *request)
{
	if (!parse_range(args->seqs, &request->first, &request->last))
		return false; /* said already */
	request->claim = INK_CLAIM_RUN;
	return selection_add_run(selection, request->first, request->last);
}

static bool select_records(const struct prove_args *args, struct selection *selection,
			   struct ink_evidence_request *request)
{
	bool is_good;

	selection->has_context = args->has_context || (!args->is_bare && !args->seqs);
	selection->text = args->text;
	selection->text_size = args->text ? strlen(args->text) : 0;
	if (args->seqs)
		is_good = select_run(args, selection, request);
	else if (args->path)
		is_good = select_file(args, selection, request);
	else
		is_good = selection_add_all(selection);
	if (!is_good || !selection_finish(selection))
		return false;
	if (selection->seqs.count == 0) {
		complain(args->text ? "no record holds that text"
				    : "nothing of it is covered by the checkpoint");
		return false;
	}
	request->seqs = selection->seqs.items;
	request->seq_count = selection->seqs.count;
	request->context_seqs = selection->context.items;
	request->context_count = selection->context.count;
	return true;
}

/* --- the file -------------------------------------------------------------------------------------- */

static bool write_all(int fd, const uint8_t *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t step = write(fd, data + done, size - done);

		if (step < 0 && errno == EINTR)
			continue;
		if (step < 0)
			return false;
		done += (size_t)step;
	}
	return true;
}

/* A new file, whole or not at all. */
static bool put_output(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool is_good;

	if (fd < 0) {
		complain("cannot make %s: %s", path, strerror(errno));
		return false;
	}
	is_good = write_all(fd, data, size) && fsync(fd) == 0;
	if (!is_good)
		complain("cannot write %s: %s", path, strerror(errno));
	if (close(fd) != 0 && is_good) {
		complain("cannot write %s: %s", path, strerror(errno));
		is_good = false;
	}
	if (!is_good)
		unlink(path);
	return is_good;
}

static bool put_evidence(const struct prove_args *args, const struct ink_evidence_request *request,
			 const uint8_t *data, size_t size)
{
	if (!args->output)
		return fwrite(data, 1, size, stdout) == size;
	if (!put_output(args->output, data, size))
		return false;
	printf("%s: %zu record%s, %zu that say who and where, %zu bytes\n", args->output,
	       request->seq_count, request->seq_count == 1 ? "" : "s", request->context_count,
	       size);
	return true;
}

/* The number in the second line; what it is worth is seen when the evidence is made. */
static uint64_t size_of(const struct checkpoint_arg *checkpoint)
{
	const char *line = strchr(checkpoint->note, '\n');

	return line ? strtoull(line + 1, NULL, 10) : 0;
}

static bool prove(const struct prove_args *args, const char *store_path, struct ink_store *store,
		  const struct checkpoint_arg *checkpoint)
{
	struct ink_evidence_request request = {
		.claim = INK_CLAIM_RECORDS,
		.checkpoint = { args->checkpoint ? args->checkpoint : "the checkpoint",
				checkpoint->note, checkpoint->size },
		.is_short = args->is_short,
	};
	struct ink_error error = { 0 };
	struct selection selection;
	uint8_t *data = NULL;
	uint64_t records = size_of(checkpoint);
	size_t size;
	bool is_good;

	if (records == 0) {
		complain("%s is not a checkpoint with records", request.checkpoint.name);
		return false;
	}
	is_good = selection_init(&selection, store, store_path, records) &&
		  select_records(args, &selection, &request);
	if (is_good) {
		error.code = ink_evidence_make(store_path, &request, &data, &size, &error);
		is_good = error.code == INK_OK;
		if (!is_good)
			complain("%s", error.text);
	}
	if (is_good)
		is_good = put_evidence(args, &request, data, size);
	free(data);
	selection_release(&selection);
	return is_good;
}

static int run(int argc, char **argv)
{
	struct prove_args args = { 0 };
	struct checkpoint_arg checkpoint;
	struct ink_store *store;
	struct target target;
	bool is_good = false;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	if (!open_target(argv[optind], &target, &store))
		return EXIT_BAD;
	if (checkpoint_arg_init(&checkpoint, args.checkpoint, target.store, args.keys_dir)) {
		is_good = prove(&args, target.store, store, &checkpoint);
		checkpoint_arg_release(&checkpoint);
	}
	close_target(&target, store);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_prove = {
	.name = "prove",
	.run = run,
	.summary = "write evidence of some records, to be checked without the store",
	.usage =
		"usage: inkfs prove STORE|MOUNTPOINT PATH[:FIRST[-LAST]] [-o FILE] [OPTION...]\n"
		"       inkfs prove STORE|MOUNTPOINT --seq N[-M] [-o FILE] [OPTION...]\n"
		"       inkfs prove STORE|MOUNTPOINT --grep TEXT [PATH] [-o FILE] [OPTION...]\n"
		"\n"
		"Write one file with records of the log, and all that is needed to check them with 'inkfs check' and\n"
		"the verification key alone: their bodies, proofs of inclusion (C2SP tlog-proof), a checkpoint and\n"
		"the succession of keys.  What is proved: the bytes FIRST to LAST of a file (counted from 0) or all\n"
		"of it, without a gap; the records N to M, without a gap; or the writes that hold TEXT, of one file\n"
		"or of all.  The evidence is checked before it is written.\n"
		"\n"
		"  -o, --output FILE  a new file; default stdout\n"
		"  --checkpoint FILE  prove from this one, which covers the records and was kept elsewhere: then no\n"
		"                     keys are needed.  Default: sign a new one\n"
		"  --keys DIR         where the secret keys are; default STORE/keys\n"
		"  --context          add the records that say which processes wrote, and what the files are called\n"
		"  --bare             leave them out.  Default: with --seq bare, else with context\n"
		"  --short            without the succession of keys, which takes 365 bytes for each epoch: the proof\n"
		"                     then rests on the log key alone, or on the checkpoint if the checker has it too\n"
		"\n"
		"example:\n"
		"  inkfs prove /srv/ci-log /jobs/17/build.log:0-4095 -o build.evidence\n",
};
