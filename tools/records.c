/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "common.h"
#include "open.h"

#include <inttypes.h>

/* Clocks are slewed and records take their time before they take their place: so much may two of them be out of order. */
enum { SLACK_S = 2 };
#define SLACK_NS (SLACK_S * INT64_C(1000000000))

static bool open_reader(const char *store_path, struct ink_reader **ret_reader)
{
	struct ink_error error = { 0 };
	enum ink_err err = ink_reader_open(store_path, ret_reader, &error);

	if (err != INK_OK)
		complain("%s", error.text[0] ? error.text : ink_err_text(err));
	return err == INK_OK;
}

/* --- where to begin ------------------------------------------------------------------ */

static bool time_of(struct ink_store *store, struct ink_reader *reader, uint64_t seq,
		    int64_t *ret_wall_ns)
{
	const struct ink_record *record = NULL;
	uint64_t place;
	enum ink_err err = ink_place(store, seq, &place);

	if (err == INK_OK)
		err = ink_reader_seek(reader, place, seq);
	if (err == INK_OK)
		err = ink_reader_next(reader, &record);
	if (err != INK_OK || !record) {
		complain("record %" PRIu64
			 " cannot be read where the index says; try --scan, and 'inkfs verify'",
			 seq);
		return false;
	}
	*ret_wall_ns = record->header.wall_ns;
	return true;
}

bool records_find_time(struct ink_store *store, const char *store_path, int64_t wall_ns,
		       uint64_t *ret_seq)
{
	struct ink_status status;
	struct ink_reader *reader;
	uint64_t at = 0, end;
	bool is_good = true;

	if (!open_reader(store_path, &reader))
		return false;
	ink_reader_skip_digests(reader);
	ink_status(store, &status);
	end = status.record_count;
	while (is_good && at < end) {
		uint64_t middle = at + (end - at) / 2;
		int64_t there;

		is_good = time_of(store, reader, middle, &there);
		if (is_good && there < wall_ns)
			at = middle + 1;
		else
			end = middle;
	}
	ink_reader_close(reader);
	*ret_seq = at;
	return is_good;
}

/* Looking one up costs as much as reading some dozen records in order: where processes are many, reading is cheaper. */
enum { ACTOR_COUNT_MAX = 4096 };

struct actor_search {
	struct filter *filter;
	struct replay *replay;
	unsigned count;
	uint64_t seq; /* of the first that is asked for, or that was not looked at */
};

static bool look_at_actor(void *ctx, uint64_t seq)
{
	struct actor_search *search = ctx;

	if (++search->count <= ACTOR_COUNT_MAX &&
	    !filter_has_actor(search->filter, search->replay, seq))
		return true;
	search->seq = seq;
	return false;
}

/* A process does nothing before the record that tells of it. */
static bool find_actor(struct records *records, struct filter *filter, uint64_t *ret_seq)
{
	struct ink_status status;
	struct actor_search search = { .filter = filter, .replay = records->replay };

	ink_status(records->store, &status);
	search.seq = status.record_count;
	if (ink_each_actor(records->store, look_at_actor, &search) != INK_OK) {
		complain("the index of processes cannot be read; try --scan, and 'inkfs verify'");
		return false;
	}
	*ret_seq = search.seq;
	return true;
}

/* The first record that need be read. */
static bool find_first(struct records *records, struct filter *filter, uint64_t *ret_seq)
{
	uint64_t seq = 0, actor_seq = 0;

	if (filter->has_since && !records_find_time(records->store, records->store_path,
						    filter->since_ns < INT64_MIN + SLACK_NS
							    ? INT64_MIN
							    : filter->since_ns - SLACK_NS,
						    &seq))
		return false;
	if (filter_needs_actor(filter) && !find_actor(records, filter, &actor_seq))
		return false;
	seq = seq > actor_seq ? seq : actor_seq;
	*ret_seq = seq > filter->from_seq ? seq : filter->from_seq;
	return true;
}

/* Stand before record @seq. */
static bool go_to(struct records *records, uint64_t seq)
{
	struct ink_status status;
	uint64_t place;
	enum ink_err err;

	ink_status(records->store, &status);
	/* One before, so that the chain is taken up and the end of the log is a place to stand at. */
	if (seq >= status.record_count)
		seq = status.record_count;
	if (seq == 0)
		return true;
	seq--;
	err = ink_place(records->store, seq, &place);
	if (err == INK_OK)
		err = ink_reader_seek(records->reader, place, seq);
	if (err == INK_OK)
		err = ink_reader_next(records->reader, &records->record);
	if (err == INK_OK && !records->record)
		err = INK_ERR_DAMAGED;
	if (err != INK_OK) {
		complain(
			"record %" PRIu64
			" cannot be read where the index says (%s); try --scan, and 'inkfs verify'",
			seq, reason_of(err));
		return false;
	}
	memcpy(records->leaf, records->record->leaf, INK_HASH_SIZE);
	records->first_seq = records->next_seq = seq + 1;
	/* Whatever a later seal covers is covered; what was before is not ours to judge. */
	records->sealed_count = seq + 1;
	return true;
}

static bool open_within(struct records *records, struct filter *filter, bool is_continued)
{
	struct ink_status status;
	uint64_t seq;

	if (!open_store(records->store_path, &records->store))
		return false;
	ink_status(records->store, &status);
	memcpy(records->origin, status.origin, sizeof(records->origin) - 1);
	records->replay = replay_open_within(records->store, records->store_path);
	if (!records->replay) {
		complain("out of memory");
		return false;
	}
	seq = filter->from_seq;
	return (is_continued || find_first(records, filter, &seq)) && go_to(records, seq);
}

static bool has_end(const struct filter *filter)
{
	return filter->has_until || filter->to_seq != UINT64_MAX;
}

bool records_open(struct records *records, const char *store_path, struct filter *filter,
		  const struct records_options *options)
{
	bool is_good = true;

	*records = (struct records){ .store_path = store_path };
	if (!open_reader(store_path, &records->reader))
		return false;
	if (options->is_unverified)
		ink_reader_skip_digests(records->reader);
	if (options->is_following || ink_store_is_locked(store_path))
		ink_reader_beside_writer(records->reader);
	if (!options->is_scan &&
	    (filter->from_seq > 0 || filter->has_since || filter_needs_actor(filter))) {
		is_good = open_within(records, filter, options->is_continued);
	} else {
		records->replay = replay_open();
		if (!records->replay) {
			complain("out of memory");
			is_good = false;
		}
	}
	if (!is_good) {
		records_close(records);
		return false;
	}
	if (!options->is_following && !options->is_unverified && !has_end(filter))
		ink_reader_hash_ahead(records->reader);
	return true;
}

void records_close(struct records *records)
{
	replay_close(records->replay);
	if (records->store)
		(void)ink_store_close(records->store, INK_UNMOUNT_ASKED);
	ink_reader_close(records->reader);
}

/* --- one after the other --------------------------------------------------------------- */

static void decode(struct records *records)
{
	const struct ink_record *record = records->record;

	records->body = NULL;
	if (record->is_erased)
		return;
	if (!record->is_damaged &&
	    ink_body_decode(record->header.kind, record->body, record->header.body_size,
			    &records->decoded) == INK_OK)
		records->body = &records->decoded;
	else
		records->damaged_count++;
}

static bool apply(struct records *records)
{
	if (!records->body ||
	    replay_apply(records->replay, &records->record->header, records->body))
		return true;
	complain("out of memory");
	return false;
}

static void note_genesis(struct records *records)
{
	struct ink_str origin = records->body->genesis.origin;
	size_t size =
		origin.size < sizeof(records->origin) ? origin.size : sizeof(records->origin) - 1;

	memcpy(records->origin, origin.data, size);
}

enum records_step records_next(struct records *records)
{
	enum ink_err err = ink_reader_next(records->reader, &records->record);

	if (err != INK_OK) {
		complain("cannot read on after %" PRIu64 " records: %s", records->next_seq,
			 reason_of(err));
		return RECORDS_FAILED;
	}
	if (!records->record)
		return ink_reader_is_at_end(records->reader) ? RECORDS_END : RECORDS_BAD;
	decode(records);
	if (records->record->header.kind == INK_ACTOR && !apply(records))
		return RECORDS_FAILED;
	if (records->record->header.kind == INK_GENESIS && records->body)
		note_genesis(records);
	return RECORDS_RECORD;
}

bool records_accept(struct records *records)
{
	const struct ink_header *header = &records->record->header;

	if (header->kind != INK_ACTOR && !apply(records))
		return false;
	records->next_seq = header->seq + 1;
	memcpy(records->leaf, records->record->leaf, INK_HASH_SIZE);
	if (header->kind == INK_GENESIS || (header->kind >= INK_SEAL && header->kind <= INK_REKEY))
		records->sealed_count = records->next_seq;
	if (!replay_has_failed(records->replay))
		return true;
	complain(
		"the index does not lead to the records that it names; try --scan, and 'inkfs verify'");
	return false;
}
