/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "describe.h"
#include "filter.h"
#include "format.h"
#include "open.h"
#include "outlet.h"
#include "records.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A live log is looked at, not watched: a watch would cost the writer a little at every write, and works on no network
 * file system.  A record is shown when a seal covers it, which takes up to 100 ms anyway.
 */
enum { LOOK_MS_MIN = 10, LOOK_MS_MAX = 200, STUCK_MS = 5000 };

struct log {
	struct filter filter;
	struct records_options options;
	const struct format *format;
	const char *state_path;
	bool is_following;
	enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color;

	struct target target;
	struct records records;
	struct outlet outlet;
	struct line path, second_path;
	uint64_t host_seq; /* of the MOUNT that said what stands in the outlet */
};

static volatile sig_atomic_t is_ending;

static void on_signal(int number)
{
	(void)number;
	is_ending = 1;
}

/* --- one record ------------------------------------------------------------------------ */

/* The path that a record is about, right before it. */
static bool find_path(struct log *log, struct line *out)
{
	static const struct ink_str no_name = { "", 0 };
	const struct ink_header *header = &log->records.record->header;
	const union ink_body *body = log->records.body;
	struct replay *replay = log->records.replay;
	uint64_t folder = header->inode;
	struct ink_str name = no_name;

	if (header->inode == 0)
		return false;
	switch (body ? header->kind : 0) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: folder = body->node.parent, name = body->node.name; break;
	case INK_LINK:
	case INK_UNLINK: folder = body->name.parent, name = body->name.name; break;
	case INK_RENAME: folder = body->rename.old_parent, name = body->rename.old_name; break;
	case INK_DENIED:
		if (denied_names_entry(body->denied.op) && body->denied.name.size > 0 &&
		    replay_is_folder(replay, header->inode))
			name = body->denied.name;
		break;
	default: break;
	}
	return replay_path(replay, header->seq, folder, name, out);
}

static bool has_second_path(struct log *log)
{
	const struct ink_header *header = &log->records.record->header;
	struct ink_str name;
	uint64_t inode;

	log->second_path.size = 0;
	if (!log->records.body || !second_entry(header, log->records.body, &inode, &name) ||
	    !replay_path(log->records.replay, header->seq, inode, name, &log->second_path))
		return false;
	line_putc(&log->second_path, '\0');
	return filter_has_path(&log->filter, log->second_path.data);
}

static void put_record(struct log *log, bool has_path)
{
	const struct records *records = &log->records;
	const struct ink_header *header = &records->record->header;
	struct event event = {
		.header = header,
		.body = records->body,
		.is_erased = records->record->is_erased,
		.has_path = has_path,
		.path = { log->path.data, (uint32_t)log->path.size },
		.is_folder = header->kind == INK_MKDIR ||
			     (header->inode != 0 && header->kind != INK_DENIED &&
			      replay_is_folder(records->replay, header->inode)),
		.replay = records->replay,
		.host = { log->outlet.host.data, (uint32_t)log->outlet.host.size },
		.origin = { records->origin, (uint32_t)strlen(records->origin) },
		.is_pretty = log->color == COLOR_ALWAYS,
	};

	log->format->put(&log->outlet.line, &event);
}

static void note_host(struct log *log)
{
	const struct records *records = &log->records;

	if (log->host_seq == records->host_seq)
		return;
	log->host_seq = records->host_seq;
	log->outlet.host.size = 0;
	line_put(&log->outlet.host, records->host.data, records->host.size);
}

static void take_record(struct log *log)
{
	const struct records *records = &log->records;
	const struct ink_header *header = &records->record->header;
	bool has_path;

	note_host(log);
	if (!filter_has_kind(&log->filter, header->kind) ||
	    !filter_has_caller(&log->filter, records->replay, header))
		return;
	log->path.size = 0;
	has_path = find_path(log, &log->path);
	if (log->filter.paths.count > 0) {
		line_putc(&log->path, '\0');
		log->path.size--;
		if (!filter_has_path(&log->filter, has_path ? log->path.data : NULL) &&
		    !has_second_path(log))
			return;
	}
	put_record(log, has_path);
}

/* Is it worth looking further? */
static bool is_beyond(const struct log *log)
{
	const struct filter *filter = &log->filter;
	const struct ink_header *header = &log->records.record->header;

	return header->seq >= filter->to_seq ||
	       (filter->has_until && !log->options.is_scan && !records_is_planned(&log->records) &&
		header->wall_ns - INT64_C(2000000000) > filter->until_ns);
}

/* --- all of them ----------------------------------------------------------------------- */

enum outcome { OUTCOME_END, OUTCOME_BAD, OUTCOME_BEYOND, OUTCOME_FAILED };

static enum outcome read_on(struct log *log)
{
	struct records *records = &log->records;
	bool is_first = records->next_seq == records->first_seq;
	enum records_step step;

	while ((step = records_next(records)) == RECORDS_RECORD) {
		bool is_last = is_beyond(log);

		take_record(log);
		if (!records_accept(records) ||
		    !outlet_take(&log->outlet, records->next_seq, records->leaf,
				 records->sealed_count == records->next_seq))
			return OUTCOME_FAILED;
		/* The first line at once; who looks for one thing need not wait for the next. */
		if (is_first && log->outlet.line.size > 0 && !log->outlet.holds_unsigned) {
			if (!outlet_flush(&log->outlet))
				return OUTCOME_FAILED;
			is_first = false;
		}
		if (is_last)
			return OUTCOME_BEYOND;
		if (is_ending || records_are_stale(records))
			return OUTCOME_END;
	}
	if (step == RECORDS_FAILED || !outlet_flush(&log->outlet))
		return OUTCOME_FAILED;
	if (step == RECORDS_PAST)
		return OUTCOME_BEYOND;
	return step == RECORDS_BAD ? OUTCOME_BAD : OUTCOME_END;
}

static bool say_damage(const struct log *log)
{
	if (log->records.damaged_count == 0)
		return true;
	complain("%" PRIu64 " record%s not what was recorded; run 'inkfs verify'",
		 log->records.damaged_count,
		 log->records.damaged_count == 1 ? " has a body that is"
						 : "s have bodies that are");
	return false;
}

/* The reader stops alike at the end and at damage; the store knows how much there should have been. */
static bool is_whole(const struct log *log)
{
	const struct records *records = &log->records;
	struct ink_status status;
	struct ink_store *store = records->store;

	if (!store && !open_store(log->target.store, &store))
		return false;
	ink_status(store, &status);
	if (!records->store)
		(void)ink_store_close(store, INK_UNMOUNT_ASKED);
	if (status.durable_count <= records->next_seq)
		return true;
	complain("only %" PRIu64 " of %" PRIu64
		 " records can be read; what follows is damaged or missing: run 'inkfs verify'",
		 records->next_seq, status.durable_count);
	return false;
}

static bool finish(struct log *log, enum outcome outcome)
{
	const struct records *records = &log->records;

	if (outcome == OUTCOME_FAILED || !outlet_flush(&log->outlet))
		return false;
	if (outcome != OUTCOME_BEYOND && !is_whole(log))
		return false;
	if (!say_damage(log))
		return false;
	if (outcome != OUTCOME_BEYOND && !log->outlet.holds_unsigned &&
	    records->next_seq > records->sealed_count)
		complain("note: no signature covers the last %" PRIu64 " of %" PRIu64
			 " records yet",
			 records->next_seq - records->sealed_count, records->next_seq);
	return true;
}

/* What was read is printed first: where that is remembered, it ends where the new index takes it up. */
static bool renew(struct log *log)
{
	return outlet_flush(&log->outlet) && records_renew(&log->records);
}

static bool follow(struct log *log)
{
	int wait = LOOK_MS_MIN, stuck_ms = 0;

	while (!is_ending) {
		uint64_t before = log->records.next_seq;
		enum outcome outcome = read_on(log);

		if (outcome == OUTCOME_FAILED || outcome == OUTCOME_BEYOND)
			return finish(log, outcome);
		if (records_are_stale(&log->records) && !renew(log))
			return false;
		wait = log->records.next_seq > before ? LOOK_MS_MIN
		       : 2 * wait < LOOK_MS_MAX       ? 2 * wait
						      : LOOK_MS_MAX;
		stuck_ms = outcome == OUTCOME_BAD && log->records.next_seq == before
				   ? stuck_ms + wait
				   : 0;
		/* A record that is being written is whole in no time. */
		if (stuck_ms > STUCK_MS) {
			complain("what lies behind record %" PRIu64
				 " is no record that continues the log: run 'inkfs verify'",
				 log->records.next_seq - 1);
			return false;
		}
		if (stdout_is_unread(wait))
			return false;
	}
	return outlet_flush(&log->outlet) && say_damage(log);
}

static bool run_on(struct log *log)
{
	struct outlet *outlet = &log->outlet;
	bool is_good;

	if (!outlet_init(outlet, log->format->name, log->state_path, log->is_following))
		return false;
	if (outlet->state.is_found) {
		log->filter.from_seq = outlet->state.next_seq;
		log->options.is_continued = true;
	}
	if (!records_open(&log->records, log->target.store, &log->filter, &log->options))
		return false;
	is_good = outlet_begin(outlet, log->format->heading, log->records.next_seq,
			       log->records.leaf);
	if (is_good)
		is_good = log->is_following ? follow(log) : finish(log, read_on(log));
	/* Who asked for all that comes, or for each record once, did not get it. */
	if (!is_good && (log->is_following || log->state_path) && stdout_is_unread(0))
		complain("whoever read the output has gone away");
	records_close(&log->records);
	return is_good;
}

/* --- options ------------------------------------------------------------------------------ */

enum { OPTION_FORMAT = 1, OPTION_JSON, OPTION_STATE, OPTION_NO_VERIFY, OPTION_SCAN, OPTION_COLOR };

static bool take_format(struct log *log, const char *name)
{
	log->format = format_find(name);
	if (!log->format)
		usage_error("log", "there is no format '%s'", name);
	return log->format != NULL;
}

static bool take_color(struct log *log, const char *when)
{
	static const char *const names[] = { "auto", "always", "never" };

	for (int i = 0; i < 3; i++) {
		if (strcmp(when, names[i]) == 0) {
			log->color = i;
			return true;
		}
	}
	usage_error("log", "--color is auto, always or never");
	return false;
}

static bool take_option(struct log *log, int option)
{
	switch (option) {
	case 'f': log->is_following = log->options.is_following = true; return true;
	case OPTION_FORMAT: return take_format(log, optarg);
	case OPTION_JSON: return take_format(log, "json");
	case OPTION_STATE: log->state_path = optarg; return true;
	case OPTION_NO_VERIFY: log->options.is_unverified = true; return true;
	case OPTION_SCAN: log->options.is_scan = true; return true;
	case OPTION_COLOR: return take_color(log, optarg);
	default: return filter_take(&log->filter, "log", option, optarg) > 0;
	}
}

static bool parse_args(int argc, char **argv, struct log *log)
{
	static const struct option longs[] = { FILTER_OPTIONS,
					       { "kind", required_argument, NULL, FILTER_KIND },
					       { "after", required_argument, NULL, FILTER_AFTER },
					       { "follow", no_argument, NULL, 'f' },
					       { "format", required_argument, NULL, OPTION_FORMAT },
					       { "json", no_argument, NULL, OPTION_JSON },
					       { "state", required_argument, NULL, OPTION_STATE },
					       { "no-verify", no_argument, NULL, OPTION_NO_VERIFY },
					       { "scan", no_argument, NULL, OPTION_SCAN },
					       { "color", required_argument, NULL, OPTION_COLOR },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":f", longs)) != -1) {
		if (!take_option(log, option))
			return false;
	}
	if (!filter_is_possible(&log->filter, "log"))
		return false;
	if (log->color == COLOR_AUTO && isatty(STDOUT_FILENO))
		log->color = COLOR_ALWAYS;
	return has_operands(argc, argv, 1, 1, "one store or mount point");
}

static int run(int argc, char **argv)
{
	struct log log = { .format = format_find("text") };
	struct sigaction action = { .sa_handler = on_signal };
	bool is_good;

	filter_init(&log.filter);
	if (!parse_args(argc, argv, &log))
		return EXIT_USAGE;
	if (!target_init(&log.target, argv[optind]))
		return EXIT_BAD;
	if (log.is_following) {
		sigaction(SIGTERM, &action, NULL);
		sigaction(SIGINT, &action, NULL);
	}
	is_good = run_on(&log);
	outlet_release(&log.outlet);
	line_release(&log.path);
	line_release(&log.second_path);
	filter_release(&log.filter);
	target_release(&log.target);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_log = {
	.name = "log",
	.run = run,
	.summary = "print the records: what happened, when, by whom",
	.usage =
		"usage: inkfs log STORE|MOUNTPOINT [--since TIME] [--until TIME] [--from SEQ] [--to SEQ]\n"
		"                 [--kind KIND[,KIND]…] [--path PATTERN] [--user USER] [--process P] [--job PATTERN]\n"
		"                 [-f | --follow] [--after SEQ] [--state FILE] [--format text|json|csv|ecs|ocsf]\n"
		"                 [--no-verify] [--scan] [--color auto|always|never]\n"
		"\n"
		"Print the records in order, a line each: number, time, kind, path, and name=value for the rest.\n"
		"Names are those of the time of the record.  Chain and digests are checked on the way, signatures\n"
		"are not: that is what 'inkfs verify' does.  A record that is not what was recorded is printed as\n"
		"damaged, without its content, and the exit is 1.\n"
		"\n" FILTER_USAGE FILTER_USAGE_PATH
		"  --kind KIND,…   only these kinds: GENESIS MOUNT UNMOUNT RECOVERY ACTOR CREATE MKDIR SYMLINK\n"
		"                  ATTR RENAME LINK UNLINK OPEN CLOSE APPEND DENIED SEAL EPOCH REKEY ERASE ANCHOR\n"
		"  -f, --follow    go on as the log grows; records come when a seal covers them\n"
		"  --after SEQ     what comes behind record SEQ\n"
		"  --state FILE    go on where FILE says that the last run got, and keep it there; with '>>' to a\n"
		"                  file nothing is lost or comes twice, whatever is killed\n"
		"  --format F      text; json, an object a line (schema inkfs-log/1, also --json); csv (RFC 4180);\n"
		"                  ecs (Elastic Common Schema 8.11); ocsf (1.1.0, File System Activity)\n"
		"  --no-verify     do not hold bodies against their digests\n"
		"  --scan          read all records and use no index; without it, only those of which the index\n"
		"                  does not say that no filter wants them: nobody has signed it, 'inkfs verify'\n"
		"                  holds it against the log\n"
		"  --color WHEN    text in columns and colours; auto: on a terminal\n"
		"\n"
		"example:\n"
		"  inkfs log /mnt/log --kind DENIED,UNLINK --path '/jobs/*.log' --since '2 hours ago'\n",
};
