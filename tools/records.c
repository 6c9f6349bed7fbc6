/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "common.h"
#include "open.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* Clocks are slewed and records take their time before they take their place: so much may two of them be out of order. */
enum { SLACK_S = 2, LONG_WAY_COUNT = 64 * INK_BLOCK_COUNT };
#define SLACK_NS (SLACK_S * INT64_C(1000000000))

/* An index is held for so long at least, and for a hundred times as long as it takes to open one. */
#define HOLD_NS UINT64_C(1000000000)
enum { HOLD_FACTOR = 100, REMEMBER_COUNT = 100000 };

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

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

/* What the records that are passed over up to @seq say of names and of the host. */
static bool catch_up(struct records *records, uint64_t seq);

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
	records->next_seq = seq + 1;
	/* Whatever a later seal covers is covered; what was before is not ours to judge. */
	records->sealed_count = seq + 1;
	return true;
}

/* The next record that the plan wants; RECORDS_RECORD: the reader stands before it. */
static enum records_step follow_plan(struct records *records)
{
	const struct ranges *ranges = &records->plan.ranges;
	const struct range *range = &ranges->items[records->range_index];

	if (records->next_seq < range->to)
		return RECORDS_RECORD;
	range = &ranges->items[++records->range_index];
	if (range->from > records->to_seq || (range->to == UINT64_MAX && records->is_past))
		return RECORDS_PAST;
	return catch_up(records, range->from) && go_to(records, range->from) ? RECORDS_RECORD
									     : RECORDS_FAILED;
}

static bool open_index(struct records *records)
{
	struct ink_status status;

	if (!open_store(records->store_path, &records->store))
		return false;
	ink_status(records->store, &status);
	memcpy(records->origin, status.origin, sizeof(records->origin) - 1);
	records->replay = replay_open_within(records->store, records->store_path);
	if (!records->replay)
		complain("out of memory");
	return records->replay != NULL;
}

/* Whoever wants to see a time that is over already need not look at what was written since the store was opened. */
static bool is_over(const struct filter *filter)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return filter->has_until && filter->until_ns / 1000000000 < (int64_t)now.tv_sec - SLACK_S;
}

static bool open_planned(struct records *records, struct filter *filter)
{
	uint64_t from;

	if (!open_index(records) || !plan_make(&records->plan, filter, records->store,
					       records->store_path, records->replay))
		return false;
	from = records->plan.ranges.items[0].from;
	records->is_planned = true;
	records->to_seq = filter->to_seq;
	records->is_past = is_over(filter);
	if (records->plan.has_gone_names && !replay_forget_names(records->replay)) {
		complain("out of memory");
		return false;
	}
	return catch_up(records, from) && go_to(records, from);
}

/* A copy need not have one; then the records are read as they are. */
static bool has_index(const char *store_path)
{
	struct stat status;
	char *path;
	bool has;

	if (asprintf(&path, "%s/index/data.mdb", store_path) < 0)
		return false;
	has = stat(path, &status) == 0 && status.st_size > 0;
	free(path);
	return has;
}

static bool open_all(struct records *records)
{
	records->replay = replay_open();
	if (!records->replay)
		complain("out of memory");
	return records->replay != NULL;
}

/* Where there are jumps, hashing ahead would be in vain. */
static bool is_long_way(const struct records *records)
{
	const struct ranges *ranges = &records->plan.ranges;

	return !records->is_planned ||
	       (ranges->count <= 2 &&
		ranges->items[0].to - ranges->items[0].from >= LONG_WAY_COUNT);
}

bool records_open(struct records *records, const char *store_path, struct filter *filter,
		  const struct records_options *options)
{
	struct filter all;
	bool is_good;

	filter_init(&all);
	*records = (struct records){ .store_path = store_path,
				     .opened_ns = monotonic_ns(),
				     .is_unverified = options->is_unverified,
				     .is_following = options->is_following };
	if (!open_reader(store_path, &records->reader))
		return false;
	if (options->is_unverified)
		ink_reader_skip_digests(records->reader);
	if (options->is_following || ink_store_is_locked(store_path))
		ink_reader_beside_writer(records->reader);
	all.from_seq = filter->from_seq;
	if (options->is_continued && filter->from_seq > 0)
		is_good = open_planned(records, &all);
	else if (!options->is_scan && plan_is_worth_it(filter) && has_index(store_path))
		is_good = open_planned(records, filter);
	else
		is_good = open_all(records);
	if (!is_good) {
		records_close(records);
		return false;
	}
	records->first_seq = records->next_seq;
	records->opening_ns = monotonic_ns() - records->opened_ns;
	if (!options->is_following && !options->is_unverified && is_long_way(records))
		ink_reader_hash_ahead(records->reader);
	return true;
}

void records_close(struct records *records)
{
	replay_close(records->replay);
	plan_release(&records->plan);
	line_release(&records->host);
	if (records->store)
		(void)ink_store_close(records->store, INK_UNMOUNT_ASKED);
	ink_reader_close(records->reader);
}

bool records_are_stale(const struct records *records)
{
	uint64_t hold_ns = records->opening_ns * HOLD_FACTOR;

	if (!records->is_following || records->sealed_count != records->next_seq ||
	    records->next_seq == records->first_seq || records_is_planned(records))
		return false;
	if (!records->store)
		return records->next_seq - records->first_seq >= REMEMBER_COUNT &&
		       has_index(records->store_path);
	return monotonic_ns() - records->opened_ns >= (hold_ns > HOLD_NS ? hold_ns : HOLD_NS);
}

/* The old one is closed first: LMDB tells readers by locks of the process, which closing one of two would take from both. */
bool records_renew(struct records *records)
{
	struct records_options options = { .is_unverified = records->is_unverified,
					   .is_following = true,
					   .is_continued = true };
	uint64_t damaged_count = records->damaged_count;
	const char *store_path = records->store_path;
	struct filter all;

	filter_init(&all);
	all.from_seq = records->next_seq;
	records_close(records);
	if (!records_open(records, store_path, &all, &options)) {
		*records = (struct records){ 0 };
		return false;
	}
	records->damaged_count = damaged_count;
	return true;
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

static void note_host(struct records *records, uint64_t seq, struct ink_str host)
{
	records->host.size = 0;
	line_put(&records->host, host.data, host.size);
	records->host_seq = seq;
}

struct host_search {
	struct records *records;
	bool is_found;
};

static bool take_mount(void *ctx, const struct ink_record *record)
{
	struct host_search *search = ctx;
	union ink_body body;

	if (record->header.kind == INK_MOUNT && !record->is_erased && !record->is_damaged &&
	    ink_body_decode(INK_MOUNT, record->body, record->header.body_size, &body) == INK_OK) {
		note_host(search->records, record->header.seq, body.mount.host);
		search->is_found = true;
	}
	return true;
}

/* The last MOUNT of the block from @first on that is before record @end, if there is one. */
static enum ink_err look_for_host(struct records *records, uint64_t first, uint64_t end,
				  bool *ret_is_found)
{
	struct host_search search = { .records = records };
	struct range block = { first,
			       first + INK_BLOCK_COUNT < end ? first + INK_BLOCK_COUNT : end };
	struct ranges one = { .items = &block, .count = 1 };
	bool is_whole;
	enum ink_err err =
		ranges_read(&one, records->store, records->reader, take_mount, &search, &is_whole);

	*ret_is_found = search.is_found;
	return err;
}

static enum ink_err find_host(struct records *records, uint64_t seq)
{
	const struct ranges *mounts = &records->plan.mounts;
	bool is_found = false;
	enum ink_err err = INK_OK;

	for (size_t i = mounts->count; i > 0 && !is_found; i--) {
		const struct range *range = &mounts->items[i - 1];
		uint64_t end = range->to < seq ? range->to : seq;

		while (err == INK_OK && end > range->from && !is_found) {
			uint64_t first = (end - 1) / INK_BLOCK_COUNT * INK_BLOCK_COUNT;

			if (records->host_seq > 0 && first + INK_BLOCK_COUNT <= records->host_seq)
				return INK_OK; /* met already */
			err = look_for_host(records, first, end, &is_found);
			end = first;
		}
	}
	return err;
}

struct names_search {
	struct replay *replay;
	bool has_failed;
};

static bool take_name(void *ctx, const struct ink_record *record)
{
	const struct ink_header *header = &record->header;
	struct names_search *search = ctx;
	union ink_body body;

	if (header->kind >= INK_CREATE && header->kind <= INK_UNLINK && !record->is_erased &&
	    !record->is_damaged &&
	    ink_body_decode(header->kind, record->body, header->body_size, &body) == INK_OK)
		search->has_failed = !replay_apply(search->replay, header, &body);
	return !search->has_failed;
}

/* The names that were given and taken away from where the reader stands up to @seq. */
static enum ink_err take_names(struct records *records, uint64_t seq)
{
	const struct ranges *names = &records->plan.names;
	struct names_search search = { .replay = records->replay };
	struct ranges passed = { 0 };
	bool is_whole;
	enum ink_err err;

	for (size_t i = 0; i < names->count && !search.has_failed; i++) {
		struct range range = names->items[i];

		range.from = range.from > records->next_seq ? range.from : records->next_seq;
		range.to = range.to < seq ? range.to : seq;
		if (range.from < range.to)
			search.has_failed = !ranges_add(&passed, range.from, range.to);
	}
	err = ranges_read(&passed, records->store, records->reader, take_name, &search, &is_whole);
	ranges_release(&passed);
	if (!search.has_failed)
		return err;
	errno = ENOMEM;
	return INK_ERR_IO;
}

static bool catch_up(struct records *records, uint64_t seq)
{
	struct ink_status status;
	enum ink_err err = INK_OK;

	ink_status(records->store, &status);
	seq = seq < status.record_count ? seq : status.record_count;
	if (records->plan.has_gone_names)
		err = take_names(records, seq);
	if (err == INK_OK)
		err = find_host(records, seq);
	if (err != INK_OK)
		complain(
			"the records from %" PRIu64 " to %" PRIu64
			" cannot be read where the index says (%s); try --scan, and 'inkfs verify'",
			records->next_seq, seq, reason_of(err));
	return err == INK_OK;
}

enum records_step records_next(struct records *records)
{
	enum records_step step = records->is_planned ? follow_plan(records) : RECORDS_RECORD;
	enum ink_err err;

	if (step != RECORDS_RECORD)
		return step;
	err = ink_reader_next(records->reader, &records->record);
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
	if (records->record->header.kind == INK_MOUNT && records->body)
		note_host(records, records->record->header.seq, records->body->mount.host);
	return RECORDS_RECORD;
}

bool records_is_planned(const struct records *records)
{
	return records->is_planned && records->range_index + 1 < records->plan.ranges.count;
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
