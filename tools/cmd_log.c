/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "describe.h"
#include "json.h"
#include "open.h"
#include "text.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inkfs/reader.h"

struct log_args {
	uint64_t from_seq;
	uint32_t kinds;      /* bit 1 << kind; 0: all */
	const char *pattern; /* NULL: all */
	bool is_json;
};

struct log_walk {
	struct log_args args;
	struct replay *replay;
	uint64_t record_count; /* read so far */
	uint64_t sealed_count; /* of them, covered by a seal or the genesis */
	bool is_damaged;
};

/* --- options --------------------------------------------------------------------- */

static uint32_t kind_bit(const char *name, size_t size)
{
	for (unsigned kind = 1; kind <= INK_KIND_LAST; kind++) {
		const char *known = ink_kind_name((uint8_t)kind);

		if (strlen(known) == size && strncasecmp(known, name, size) == 0)
			return UINT32_C(1) << kind;
	}
	return 0;
}

static bool parse_kinds(const char *list, uint32_t *kinds)
{
	for (const char *name = list;; name++) {
		size_t size = strcspn(name, ",");
		uint32_t bit = kind_bit(name, size);

		if (bit == 0) {
			usage_error("log", "there is no kind '%.*s'", (int)size, name);
			return false;
		}
		*kinds |= bit;
		name += size;
		if (*name == '\0')
			return true;
	}
}

static bool parse_args(int argc, char **argv, struct log_args *args)
{
	static const struct option longs[] = { { "from", required_argument, NULL, 'f' },
					       { "kind", required_argument, NULL, 'k' },
					       { "path", required_argument, NULL, 'p' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'f':
			if (!parse_u64(optarg, &args->from_seq)) {
				usage_error("log", "'%s' is no number of a record", optarg);
				return false;
			}
			break;
		case 'k':
			if (!parse_kinds(optarg, &args->kinds))
				return false;
			break;
		case 'p': args->pattern = optarg; break;
		case 'j': args->is_json = true; break;
		default: return false;
		}
	}
	return has_operands(argc, argv, 1, 1, "one store or mount point");
}

/* --- one record -------------------------------------------------------------------- */

static const char *kind_name(uint8_t kind)
{
	const char *name = ink_kind_name(kind);

	return name ? name : "?";
}

/* The path itself, what lies beneath it, or a pattern in which '*' goes over slashes. */
static bool is_matched(const char *pattern, const char *path)
{
	size_t size = strlen(pattern);

	if (fnmatch(pattern, path, 0) == 0)
		return true;
	while (size > 0 && pattern[size - 1] == '/')
		size--;
	return strncmp(path, pattern, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static bool is_wanted(const struct log_args *args, const struct ink_header *header,
		      const char *path, const char *second_path)
{
	if (header->seq < args->from_seq)
		return false;
	if (args->kinds != 0 &&
	    (header->kind > INK_KIND_LAST || !(args->kinds & (UINT32_C(1) << header->kind))))
		return false;
	return !args->pattern || (path && is_matched(args->pattern, path)) ||
	       (second_path && is_matched(args->pattern, second_path));
}

/* The path that a record is about, as it was then; NULL if it has none.  @replay stands right before the record. */
static char *path_of(const struct replay *replay, const struct ink_header *header,
		     const union ink_body *body, size_t *ret_size)
{
	static const struct ink_str no_name = { "", 0 };
	const struct ink_body_denied *denied;

	if (header->inode == 0)
		return NULL;
	if (!body)
		return replay_path(replay, header->inode, no_name, ret_size);
	switch (header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: return replay_path(replay, body->node.parent, body->node.name, ret_size);
	case INK_LINK:
	case INK_UNLINK: return replay_path(replay, body->name.parent, body->name.name, ret_size);
	case INK_RENAME:
		return replay_path(replay, body->rename.old_parent, body->rename.old_name,
				   ret_size);
	case INK_DENIED:
		denied = &body->denied;
		if (denied_names_entry(denied->op) && denied->name.size > 0 &&
		    replay_is_folder(replay, header->inode))
			return replay_path(replay, header->inode, denied->name, ret_size);
		break;
	default: break;
	}
	return replay_path(replay, header->inode, no_name, ret_size);
}

static void begin_line(struct fields *fields, const struct ink_header *header, const char *path,
		       size_t path_size)
{
	char time[TEXT_TIME_SIZE];

	text_time(header->wall_ns, time);
	if (fields->is_json) {
		fields->object = json_object();
		json_add(&fields->object, "schema", json_string("inkfs-log/1"));
		json_add(&fields->object, "seq", json_u64(header->seq));
		json_add(&fields->object, "time", json_string(time));
		json_add(&fields->object, "kind", json_string(kind_name(header->kind)));
		json_add(&fields->object, "path", path ? json_bytes(path, path_size) : json_null());
		json_add(&fields->object, "inode", json_u64(header->inode));
		return;
	}
	printf("%" PRIu64 " %s %s ", header->seq, time, kind_name(header->kind));
	if (path)
		text_put_word(stdout, path, path_size);
	else
		putchar('-');
}

/* Print the record.  @body is NULL where there is none to read. */
static bool put_record(struct log_walk *walk, const struct ink_record *record,
		       const union ink_body *body, const char *path, size_t path_size)
{
	struct fields fields = { .out = stdout, .is_json = walk->args.is_json };

	begin_line(&fields, &record->header, path, path_size);
	if (body)
		describe_body(&fields, walk->replay, &record->header, body);
	else
		fields_text(&fields, record->is_erased ? "erased" : "damaged", "yes");
	describe_caller(&fields, walk->replay, &record->header);
	if (fields.is_json)
		return json_put_line(stdout, fields.object);
	putchar('\n');
	return true;
}

static bool take_record(struct log_walk *walk, const struct ink_record *record)
{
	const struct ink_header *header = &record->header;
	size_t path_size = 0, to_size = 0;
	union ink_body decoded;
	const union ink_body *body = NULL;
	char *path, *to = NULL;
	bool is_good = true;

	if (!record->is_erased) {
		if (ink_body_decode(header->kind, record->body, header->body_size, &decoded) ==
		    INK_OK)
			body = &decoded;
		else
			walk->is_damaged = true;
	}
	path = path_of(walk->replay, header, body, &path_size);
	if (body && header->kind == INK_RENAME)
		to = replay_path(walk->replay, body->rename.new_parent, body->rename.new_name,
				 &to_size);
	if (is_wanted(&walk->args, header, path, to))
		is_good = put_record(walk, record, body, path, path_size);
	free(path);
	free(to);
	if (is_good && body && !replay_apply(walk->replay, header, body)) {
		complain("out of memory");
		is_good = false;
	}
	walk->record_count = header->seq + 1;
	if (header->kind == INK_GENESIS || (header->kind >= INK_SEAL && header->kind <= INK_REKEY))
		walk->sealed_count = walk->record_count;
	return is_good;
}

/* --- all of them --------------------------------------------------------------------- */

static bool walk_records(struct log_walk *walk, struct ink_reader *reader)
{
	const struct ink_record *record;
	enum ink_err err;

	while ((err = ink_reader_next(reader, &record)) == INK_OK && record) {
		if (!take_record(walk, record))
			return false;
		if (ferror(stdout))
			return false;
	}
	if (err != INK_OK)
		complain("cannot read on after %" PRIu64 " records: %s", walk->record_count,
			 reason_of(err));
	return err == INK_OK;
}

/* The reader stops alike at the end and at damage; the store knows how much there should have been. */
static bool is_whole(const struct log_walk *walk, const char *store_path)
{
	struct ink_status status;
	struct ink_store *store;

	if (!open_store(store_path, &store))
		return false;
	ink_status(store, &status);
	(void)ink_store_close(store, INK_UNMOUNT_ASKED);
	if (status.durable_count <= walk->record_count)
		return true;
	complain("only %" PRIu64 " of %" PRIu64
		 " records can be read; what follows is damaged or missing: run 'inkfs verify'",
		 walk->record_count, status.durable_count);
	return false;
}

static bool walk_all(struct log_walk *walk, struct ink_reader *reader, const char *store_path)
{
	if (!walk_records(walk, reader))
		return false;
	if (!is_whole(walk, store_path))
		return false;
	if (walk->is_damaged) {
		complain("some bodies are not what their kind says; run 'inkfs verify'");
		return false;
	}
	if (walk->record_count > walk->sealed_count)
		complain("note: no signature covers the last %" PRIu64 " of %" PRIu64
			 " records yet",
			 walk->record_count - walk->sealed_count, walk->record_count);
	return true;
}

static int run_on(struct log_walk *walk, const char *store_path)
{
	struct ink_error error = { 0 };
	struct ink_reader *reader;
	enum ink_err err = ink_reader_open(store_path, &reader, &error);
	bool is_good;

	if (err != INK_OK) {
		complain("%s", error.text[0] ? error.text : ink_err_text(err));
		return EXIT_BAD;
	}
	is_good = walk_all(walk, reader, store_path);
	ink_reader_close(reader);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

static int run(int argc, char **argv)
{
	struct log_walk walk = { 0 };
	struct target target;
	int code = EXIT_BAD;

	if (!parse_args(argc, argv, &walk.args))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	walk.replay = replay_open();
	if (walk.replay)
		code = run_on(&walk, target.store);
	else
		complain("out of memory");
	replay_close(walk.replay);
	target_release(&target);
	return code;
}

const struct cmd cmd_log = {
	.name = "log",
	.run = run,
	.summary = "print the records: what happened, when, by whom",
	.usage =
		"usage: inkfs log STORE|MOUNTPOINT [--from SEQ] [--kind KIND[,KIND]…] [--path PATTERN]\n"
		"                 [--json]\n"
		"\n"
		"Print the records in order, a line each: number, time, kind, path, and name=value for the rest.\n"
		"Everything comes from the log's records, nothing from the index.  Chain and digests are checked\n"
		"on the way, signatures are not: that is what 'inkfs verify' does.\n"
		"\n"
		"  --from SEQ      from record number SEQ on\n"
		"  --kind KIND,…   only these kinds: GENESIS MOUNT UNMOUNT RECOVERY ACTOR CREATE MKDIR SYMLINK\n"
		"                  ATTR RENAME LINK UNLINK OPEN CLOSE APPEND DENIED SEAL EPOCH REKEY ERASE ANCHOR\n"
		"  --path PATTERN  only what is about this path or lies beneath it, as names were then; '*', '?'\n"
		"                  and '[…]' as in the shell, but '*' goes over slashes\n"
		"  --json          print an object a line (schema inkfs-log/1)\n"
		"\n"
		"example:\n"
		"  inkfs log /mnt/log --kind DENIED,UNLINK --path '/jobs/*.log'\n",
};
