/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "json.h"
#include "live.h"
#include "open.h"
#include "text.h"

#include "inkfs/reader.h"

#include <inttypes.h>
#include <string.h>

enum state { STATE_MOUNTED, STATE_DEAD, STATE_IN_USE, STATE_CLOSED, STATE_REKEYED, STATE_UNCLEAN };

static const char *const state_words[] = { "mounted", "dead",    "in-use",
					   "closed",  "rekeyed", "unclean" };

/* Did 'inkfs rekey' write the last record?  It does so to a store that nobody has open, and syncs it. */
static bool is_rekeyed(const struct target *target, struct ink_store *store,
		       const struct ink_status *status)
{
	uint64_t place, seq = status->record_count - 1;
	const struct ink_record *record = NULL;
	struct ink_reader *reader;
	struct ink_error error;
	bool is_last;

	if (ink_reader_open(target->store, &reader, &error) != INK_OK)
		return false;
	is_last = ink_place(store, seq, &place) == INK_OK &&
		  ink_reader_seek(reader, place, seq) == INK_OK &&
		  ink_reader_next(reader, &record) == INK_OK && record &&
		  record->header.kind == INK_REKEY;
	ink_reader_close(reader);
	return is_last;
}

static void put_name(const char *name)
{
	printf("%-12s ", name);
}

static void put_text(const char *name, const char *text)
{
	put_name(name);
	text_put_word(stdout, text, strlen(text));
	putchar('\n');
}

static void put_bytes(uint64_t bytes)
{
	char text[TEXT_SIZE_SIZE];

	text_size(bytes, text);
	if (bytes < 1024)
		fputs(text, stdout);
	else
		printf("%s (%" PRIu64 " bytes)", text, bytes);
}

static void put_mount_point(const struct target *target)
{
	text_put_word(stdout, target->mount_point, strlen(target->mount_point));
}

static void put_state(const struct target *target, enum state state)
{
	put_name("state");
	switch (state) {
	case STATE_MOUNTED:
		fputs("mounted at ", stdout);
		put_mount_point(target);
		break;
	case STATE_DEAD:
		fputs("driver dead: inkfs umount ", stdout);
		put_mount_point(target);
		break;
	case STATE_IN_USE:
		fputs("in use: a process writes it, but it is mounted nowhere that can be seen from here",
		      stdout);
		break;
	case STATE_CLOSED: fputs("not mounted, closed in order", stdout); break;
	case STATE_REKEYED: fputs("not mounted, closed by rekey", stdout); break;
	case STATE_UNCLEAN:
		fputs("not mounted, NOT closed in order; the next mount recovers it", stdout);
		break;
	}
	putchar('\n');
}

static void put_count(const char *name, uint64_t count, const char *one, const char *many)
{
	put_name(name);
	printf("%" PRIu64 " %s\n", count, count == 1 ? one : many);
}

/* Only what should worry somebody. */
static void put_epoch(const struct ink_status *status)
{
	if (!status->is_epoch_overdue)
		return;
	put_name("epoch");
	printf("OVERDUE: one key in force for %" PRIu64 " s, not %" PRIu32
	       "; see the driver's messages, the folder of the keys, free space\n",
	       status->epoch_age_s, status->epoch_s);
}

static void put_counts(const struct ink_status *status)
{
	char time[TEXT_TIME_SIZE];

	put_name("size");
	put_bytes(status->payload_bytes);
	printf(" written in %" PRIu64 " %s\n", status->file_count,
	       status->file_count == 1 ? "folder" : "files and folders");
	put_name("log");
	put_bytes(status->log_bytes);
	printf(" in %" PRIu64 " segment%s of at most ", status->segment_count,
	       status->segment_count == 1 ? "" : "s");
	put_bytes(status->segment_size);
	printf("\n");
	put_count("records", status->record_count, "record", "records");
	put_name("sealed");
	printf("%" PRIu64 " %s", status->sealed_count,
	       status->sealed_count == 1 ? "record" : "records");
	if (status->seal_wall_ns != 0) {
		text_time(status->seal_wall_ns, time);
		printf(", last at %s, epoch %" PRIu32, time, status->epoch);
	}
	putchar('\n');
	put_epoch(status);
	if (status->has_failed)
		put_text("FAILED",
			 "a sync has failed; nothing more is taken until it is mounted anew");
	put_count("durable", status->durable_count, "record", "records");
	put_count("index", status->index_count, "record", "records");
	put_count("refused", status->refusal_count, "operation", "operations");
}

static void put_handout(const struct live_handout *handout)
{
	if (!handout->is_there)
		return;
	put_name("handed out");
	printf("a checkpoint of %" PRIu64 " %s", handout->records,
	       handout->records == 1 ? "record" : "records");
	if (handout->is_failing)
		fputs("; FAILING since then, the driver's messages say why", stdout);
	if (handout->has_conflict)
		fputs("; CONFLICT with an earlier one, the driver's messages say which", stdout);
	putchar('\n');
}

static void print_text(const struct target *target, const struct ink_status *status,
		       const struct live_handout *handout, enum state state)
{
	put_text("store", target->store);
	put_state(target, state);
	put_text("origin", status->origin);
	put_text("key", status->vkey);
	put_counts(status);
	put_handout(handout);
}

static json_t *handout_json(const struct live_handout *handout)
{
	json_t *object;

	if (!handout->is_there)
		return json_null();
	object = json_object();
	json_add(&object, "records", json_u64(handout->records));
	json_add(&object, "failing", json_boolean(handout->is_failing));
	json_add(&object, "conflict", json_boolean(handout->has_conflict));
	return object;
}

static bool print_json(const struct target *target, const struct ink_status *status,
		       const struct live_handout *handout, enum state state)
{
	json_t *line = json_object();

	json_add(&line, "schema", json_string("inkfs-status/1"));
	json_add(&line, "store", json_text(target->store));
	json_add(&line, "state", json_string(state_words[state]));
	json_add(&line, "mount_point",
		 target->mount_point ? json_text(target->mount_point) : json_null());
	json_add(&line, "origin", json_text(status->origin));
	json_add(&line, "key", json_text(status->vkey));
	json_add(&line, "store_id", json_hex(status->store_id, INK_STORE_ID_SIZE));
	json_add(&line, "records", json_u64(status->record_count));
	json_add(&line, "sealed", json_u64(status->sealed_count));
	json_add(&line, "durable", json_u64(status->durable_count));
	json_add(&line, "indexed", json_u64(status->index_count));
	json_add(&line, "seal_time",
		 status->seal_wall_ns != 0 ? json_time(status->seal_wall_ns) : json_null());
	json_add(&line, "epoch", json_u64(status->epoch));
	json_add(&line, "epoch_length_s", json_u64(status->epoch_s));
	json_add(&line, "epoch_age_s", json_u64(status->epoch_age_s));
	json_add(&line, "epoch_overdue", json_boolean(status->is_epoch_overdue));
	json_add(&line, "payload_bytes", json_u64(status->payload_bytes));
	json_add(&line, "log_bytes", json_u64(status->log_bytes));
	json_add(&line, "segments", json_u64(status->segment_count));
	json_add(&line, "segment_size", json_u64(status->segment_size));
	json_add(&line, "files", json_u64(status->file_count));
	json_add(&line, "refused", json_u64(status->refusal_count));
	json_add(&line, "failed", json_boolean(status->has_failed));
	json_add(&line, "closed", json_boolean(status->is_closed));
	json_add(&line, "checkpoint_to", handout_json(handout));
	return json_put_line(stdout, line);
}

static bool stored_status(const struct target *target, struct ink_status *ret_status,
			  enum state *ret_state)
{
	struct ink_store *store;

	if (!open_store(target->store, &store))
		return false;
	ink_status(store, ret_status);
	if (target->mount_point)
		*ret_state = target_is_dead(target->mount_point) ? STATE_DEAD : STATE_MOUNTED;
	else if (ink_store_is_locked(target->store))
		*ret_state = STATE_IN_USE;
	else if (ret_status->is_closed)
		*ret_state = STATE_CLOSED;
	else
		*ret_state = is_rekeyed(target, store, ret_status) ? STATE_REKEYED : STATE_UNCLEAN;
	/* Nothing was written, so there is nothing that can be lost. */
	(void)ink_store_close(store, INK_UNMOUNT_ASKED);
	return true;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	bool is_json = false, is_printed = true;
	struct live_handout handout = { 0 };
	struct target target;
	struct ink_status status;
	enum state state = STATE_MOUNTED;
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		if (option != 'j')
			return EXIT_USAGE;
		is_json = true;
	}
	if (!has_operands(argc, argv, 1, 1, "one store or mount point"))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	if (!live_status(&target, &status, &handout) && !stored_status(&target, &status, &state)) {
		target_release(&target);
		return EXIT_BAD;
	}
	if (is_json)
		is_printed = print_json(&target, &status, &handout, state);
	else
		print_text(&target, &status, &handout, state);
	target_release(&target);
	return is_printed ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_status = {
	.name = "status",
	.run = run,
	.summary = "how large it is, what is sealed, mounted or not",
	.usage =
		"usage: inkfs status STORE|MOUNTPOINT [--json]\n"
		"\n"
		"Say how large a store is, what of it is sealed and durable, its key, and whether it is mounted.\n"
		"Nothing is checked: that is what 'inkfs verify' does.  A mounted store is asked by its mount\n"
		"(MOUNTPOINT/.inkfs/status.json), by everybody who may enter that.\n"
		"\n"
		"  --json  print an object (schema inkfs-status/1)\n"
		"\n"
		"example:\n"
		"  inkfs status /mnt/log\n",
};
