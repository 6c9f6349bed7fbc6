/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "checkpoint_arg.h"
#include "format.h"
#include "json.h"
#include "named.h"
#include "slurp.h"
#include "target.h"
#include "text.h"

#include "inkfs/evidence.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct check_args {
	const char *key, *checkpoint, *extract_dir;
	bool is_json, is_content;
};

struct showing {
	const struct check_args *args;
	const struct ink_evidence *evidence;
	struct replay *replay; /* for processes */
	struct named named;
	struct line line, path;
	bool has_failed;
};

static bool parse_args(int argc, char **argv, struct check_args *args)
{
	static const struct option longs[] = { { "key", required_argument, NULL, 'k' },
					       { "checkpoint", required_argument, NULL, 'c' },
					       { "extract", required_argument, NULL, 'x' },
					       { "content", no_argument, NULL, 'b' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'k': args->key = optarg; break;
		case 'c': args->checkpoint = optarg; break;
		case 'x': args->extract_dir = optarg; break;
		case 'b': args->is_content = true; break;
		case 'j': args->is_json = true; break;
		default: return false;
		}
	}
	if (!args->key) {
		usage_error("check", "needs --key: evidence is worth what the key is worth");
		return false;
	}
	if (args->is_json && args->is_content) {
		usage_error("check", "--json and --content contradict each other; give one");
		return false;
	}
	return has_operands(argc, argv, 1, 1, "one evidence file, or - for stdin");
}

/* --- what it says ---------------------------------------------------------------------------- */

static const char *trust_of(const struct ink_evidence *e)
{
	if (e->is_pin_weak)
		return "the checkpoint that was given, signed by the log key only: if you had it from others, whoever had that key could have made it";
	if (e->is_pinned)
		return "the checkpoint that was given, and the key";
	if (!e->has_succession)
		return "the log key alone: whoever had it could have made this";
	if (e->rekey_count > 0 && !e->is_covered)
		return "the log key alone where a lost seal key was replaced on its word: whoever had it could have made that";
	return "the key, and the succession of seal keys from the first record on";
}

static void put_claim(const struct ink_evidence *e)
{
	printf("  shows        ");
	if (e->claim == INK_CLAIM_BYTES)
		printf("bytes %" PRIu64 "-%" PRIu64 " of inode %" PRIu64 ", all of them: ",
		       e->first, e->last, e->inode);
	else if (e->claim == INK_CLAIM_RUN)
		printf("records %" PRIu64 "-%" PRIu64 ", all of them: ", e->first, e->last);
	printf("%zu record%s", e->record_count, e->record_count == 1 ? "" : "s");
	if (e->context_count > 0)
		printf(", and %zu that say who and where", e->context_count);
	putchar('\n');
}

static void put_statement(const struct ink_evidence *e, const char *file, const char *vkey)
{
	char root[2 * INK_HASH_SIZE + 1], time[TEXT_TIME_SIZE];

	text_hex(e->root, INK_HASH_SIZE, root);
	printf("good evidence: %s\n  log          %.*s\n", file, (int)strcspn(vkey, "+"), vkey);
	put_claim(e);
	printf("  checkpoint   %" PRIu64 " records, root %s\n", e->checkpoint_size, root);
	if (e->cosigned_s > 0 && e->cosigned_s < INT64_MAX / 1000000000) {
		text_time((int64_t)e->cosigned_s * 1000000000, time);
		printf("  signed       by the log key, and at %s by the seal key\n", time);
	}
	if (e->has_succession)
		printf("  succession   %" PRIu32 " seal keys, %" PRIu32
		       " of them on the word of the log key\n",
		       e->epoch_count, e->rekey_count);
	if (e->is_covered)
		printf("  covered      each record by the seal key of its time, which was then erased\n");
	printf("  trust        %s\n", trust_of(e));
	if (e->claim == INK_CLAIM_RECORDS)
		printf("  not covered  whether there are others like these\n");
	printf("  not covered  what came after record %" PRIu64
	       ", and whether the machine's clock was right\n",
	       e->checkpoint_size - 1);
}

static bool put_json(const struct ink_evidence *e, const char *file, const char *vkey)
{
	static const char *const claims[] = { NULL, "records", "bytes", "run" };
	json_t *line = json_object();

	json_add(&line, "schema", json_string("inkfs-check/1"));
	json_add(&line, "file", json_text(file));
	json_add(&line, "verdict", json_string("good"));
	json_add(&line, "key", json_text(vkey));
	json_add(&line, "claim", json_string(claims[e->claim]));
	json_add(&line, "first", e->claim == INK_CLAIM_RECORDS ? json_null() : json_u64(e->first));
	json_add(&line, "last", e->claim == INK_CLAIM_RECORDS ? json_null() : json_u64(e->last));
	json_add(&line, "inode", e->claim == INK_CLAIM_BYTES ? json_u64(e->inode) : json_null());
	json_add(&line, "records", json_u64(e->record_count));
	json_add(&line, "context", json_u64(e->context_count));
	json_add(&line, "checkpoint_records", json_u64(e->checkpoint_size));
	json_add(&line, "root", json_hex(e->root, INK_HASH_SIZE));
	json_add(&line, "succession", json_boolean(e->has_succession));
	json_add(&line, "epochs", json_u64(e->epoch_count));
	json_add(&line, "rekeys", json_u64(e->rekey_count));
	json_add(&line, "covered", json_boolean(e->is_covered));
	json_add(&line, "pinned", json_boolean(e->is_pinned));
	json_add(&line, "pin_is_weak", json_boolean(e->is_pin_weak));
	return json_put_line(stdout, line);
}

/* --- records ----------------------------------------------------------------------------------- */

static bool put_file(const char *dir, uint64_t seq, const char *suffix, const void *data,
		     size_t size)
{
	char path[PATH_MAX];
	FILE *file = NULL;
	bool is_good;

	if (snprintf(path, sizeof(path), "%s/%" PRIu64 "%s", dir, seq, suffix) < (int)sizeof(path))
		file = fopen(path, "wxe");
	is_good = file && fwrite(data, 1, size, file) == size;
	if (file && fclose(file) != 0)
		is_good = false;
	if (!is_good)
		complain("cannot make %s: %s", path, strerror(errno));
	return is_good;
}

static bool extract(const char *dir, const struct ink_record *record, struct ink_str proof)
{
	uint64_t seq = record->header.seq;
	uint32_t body_size = record->header.body_size;
	uint8_t *addendum = malloc(INK_NONCE_SIZE + (size_t)body_size);
	bool is_good = addendum != NULL;

	if (is_good) {
		memcpy(addendum, record->nonce, INK_NONCE_SIZE);
		memcpy(addendum + INK_NONCE_SIZE, record->body, body_size);
		is_good = put_file(dir, seq, ".addendum", addendum, INK_NONCE_SIZE + body_size);
	}
	free(addendum);
	return is_good && put_file(dir, seq, ".entry", record->entry, 133) &&
	       put_file(dir, seq, ".body", record->body, body_size) &&
	       put_file(dir, seq, ".tlog-proof", proof.data, proof.size);
}

/* In the words of `inkfs log`; names and processes are known as far as the evidence has their records. */
static bool put_record(struct showing *showing, const struct ink_record *record,
		       const union ink_body *body)
{
	struct event event = { .header = &record->header, .body = body, .replay = showing->replay };

	showing->path.size = 0;
	if (record->header.inode != 0)
		event.has_path = named_path(&showing->named, record->header.inode,
					    record->header.seq, &showing->path);
	event.path = (struct ink_str){ showing->path.data, (uint32_t)showing->path.size };
	showing->line.size = 0;
	(showing->args->is_json ? format_json : format_text)(&showing->line, &event);
	return !showing->line.has_failed &&
	       fwrite(showing->line.data, 1, showing->line.size, stdout) == showing->line.size;
}

/* Names first: a record may be older than the one that gave the file the name it has now. */
static bool on_name(void *ctx, const struct ink_record *record, bool is_claimed,
		    struct ink_str tlog_proof)
{
	struct showing *showing = ctx;
	union ink_body body;

	(void)is_claimed;
	(void)tlog_proof;
	if (ink_body_decode(record->header.kind, record->body, record->header.body_size, &body) ==
	    INK_OK)
		showing->has_failed |= !named_add(&showing->named, &record->header, &body);
	return !showing->has_failed;
}

static bool on_record(void *ctx, const struct ink_record *record, bool is_claimed,
		      struct ink_str tlog_proof)
{
	struct showing *showing = ctx;
	const struct check_args *args = showing->args;
	union ink_body body;
	bool has_body = ink_body_decode(record->header.kind, record->body, record->header.body_size,
					&body) == INK_OK;
	bool is_good = true;

	if (args->extract_dir && is_claimed)
		is_good = extract(args->extract_dir, record, tlog_proof);
	if (args->is_content && is_claimed && record->header.kind == INK_APPEND)
		is_good &= fwrite(record->body, 1, record->header.body_size, stdout) ==
			   record->header.body_size;
	else if (!args->is_content && is_claimed)
		is_good &= put_record(showing, record, has_body ? &body : NULL);
	if (has_body)
		is_good &= replay_apply(showing->replay, &record->header, &body);
	showing->has_failed |= !is_good;
	return is_good;
}

/* --- all of it --------------------------------------------------------------------------------- */

static int fail(const char *file, const struct ink_error *error, bool is_json)
{
	bool is_bad = error->code == INK_ERR_DAMAGED;
	json_t *line;

	complain("%s: %s", file, error->text);
	if (is_json) {
		line = json_object();
		json_add(&line, "schema", json_string("inkfs-check/1"));
		json_add(&line, "file", json_text(file));
		json_add(&line, "verdict", json_string(is_bad ? "bad" : "not-checked"));
		json_add(&line, "error", json_text(error->text));
		(void)json_put_line(stdout, line);
	}
	return is_bad ? EXIT_BAD : EXIT_UNCHECKED;
}

static int show(struct showing *showing, const char *file, const char *vkey,
		const struct ink_checkpoint_text *pinned, const uint8_t *data, size_t size)
{
	const struct check_args *args = showing->args;
	struct ink_evidence again;
	struct ink_error error = { 0 };

	if (args->extract_dir && mkdir(args->extract_dir, 0777) != 0 && errno != EEXIST) {
		complain("cannot make %s: %s", args->extract_dir, strerror(errno));
		return EXIT_UNCHECKED;
	}
	showing->replay = replay_open();
	if (!showing->replay) {
		complain("out of memory");
		return EXIT_UNCHECKED;
	}
	if (args->is_json)
		showing->has_failed |= !put_json(showing->evidence, file, vkey);
	else if (!args->is_content)
		put_statement(showing->evidence, file, vkey);
	error.code =
		ink_evidence_check(data, size, vkey, pinned, on_record, showing, &again, &error);
	line_release(&showing->line);
	line_release(&showing->path);
	replay_close(showing->replay);
	return error.code == INK_OK && !showing->has_failed ? EXIT_GOOD : EXIT_UNCHECKED;
}

/* The statement comes before the records, so all is checked once before anything is printed. */
static int check(const struct check_args *args, const char *file, const char *vkey,
		 const struct ink_checkpoint_text *pinned, const uint8_t *data, size_t size)
{
	struct ink_evidence evidence;
	struct ink_error error = { 0 };
	struct showing showing = { .args = args, .evidence = &evidence };
	int code;

	error.code =
		ink_evidence_check(data, size, vkey, pinned, on_name, &showing, &evidence, &error);
	if (error.code != INK_OK)
		return fail(file, &error, args->is_json);
	code = show(&showing, file, vkey, pinned, data, size);
	named_release(&showing.named);
	return code;
}

static int run(int argc, char **argv)
{
	struct check_args args = { 0 };
	struct ink_checkpoint_text pinned = { 0 };
	char *vkey, *data = NULL, *note = NULL;
	size_t size;
	int code;

	if (!parse_args(argc, argv, &args))
		return EXIT_USAGE;
	code = target_whole_vkey("check", args.key, &vkey);
	if (code != EXIT_GOOD)
		return code;
	code = EXIT_UNCHECKED;
	if (slurp(argv[optind], "evidence", INK_EVIDENCE_SIZE_MAX, &data, &size) &&
	    (!args.checkpoint ||
	     slurp(args.checkpoint, "checkpoint", CHECKPOINT_FILE_SIZE_MAX, &note, &pinned.size))) {
		pinned.name = args.checkpoint;
		pinned.data = note;
		code = check(&args, argv[optind], vkey, note ? &pinned : NULL, (uint8_t *)data,
			     size);
	}
	free(note);
	free(data);
	free(vkey);
	return code;
}

const struct cmd cmd_check = {
	.name = "check",
	.run = run,
	.summary = "check evidence that 'inkfs prove' wrote; needs no store",
	.usage =
		"usage: inkfs check FILE --key VKEY|@FILE [--checkpoint FILE] [--content | --json]\n"
		"                   [--extract DIR]\n"
		"\n"
		"Check an evidence file: that each of its records is in the log of that key, with these very bytes,\n"
		"and that none is missing of what it claims to show.  Needs no store, no secret and no network.\n"
		"Then say what is shown and on what the trust rests, and print the records, a line each.\n"
		"\n"
		"  --key VKEY         the verification key, from a hand you trust; @FILE: a file with that one line\n"
		"  --checkpoint FILE  a checkpoint that you kept; the evidence must have been made from it\n"
		"  --content          print the bytes that were written, and nothing else\n"
		"  --json             print an object (schema inkfs-check/1), then the records as 'inkfs log --json'\n"
		"  --extract DIR      write N.entry, N.tlog-proof (C2SP), N.addendum (whose SHA-256 is in the entry)\n"
		"                     and N.body of each record N into DIR, for other people's verifiers\n"
		"\n"
		"Exit: 0 good, 1 bad evidence, 2 usage, 3 could not be checked.\n"
		"\n"
		"example:\n"
		"  inkfs check build.evidence --key @ci-log.vkey\n",
};
