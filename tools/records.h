/* SPDX-License-Identifier: MIT */
/*
 * The records of a store in order, from where somebody wants them, with what is known from those before.
 *
 * Owns: reader, store and replay.  Knows nothing of: formats, filters other than where to begin and end.
 * Threads: one per struct (the reader may hash ahead on another).
 */
#ifndef TOOLS_RECORDS_H
#define TOOLS_RECORDS_H

#include "plan.h"

struct records {
	const char *store_path;
	struct ink_reader *reader;
	struct ink_store *store; /* NULL: read from the start */
	struct replay *replay;
	struct plan plan;
	uint64_t opened_ns;               /* CLOCK_MONOTONIC: when it was opened */
	uint64_t opening_ns;              /* how long that took */
	bool is_unverified, is_following; /* as the options say */
	bool is_planned;                  /* only what the plan wants is read */
	size_t range_index;               /* of the plan, that is being read */
	uint64_t to_seq;                  /* as the filter says */
	bool is_past;                     /* what comes behind the plan is too late */
	uint64_t next_seq;
	uint64_t sealed_count; /* of the records read so far, covered by a seal or the genesis */
	uint64_t first_seq;    /* where reading began */
	uint64_t damaged_count;
	char origin[256];  /* as GENESIS says */
	struct line host;  /* as the last MOUNT says, whether or not it is wanted */
	uint64_t host_seq; /* of that; 0: none */
	const struct ink_record *record;
	const union ink_body *body; /* of it; NULL: there is none to read */
	union ink_body decoded;
	uint8_t leaf[INK_HASH_SIZE]; /* of the record before the next */
};

struct records_options {
	bool is_unverified; /* bodies are not held against their digests */
	bool is_scan; /* read every record, use no index; else only those that the filter may want */
	bool is_following; /* it will be read beyond its present end */
	bool is_continued; /* stand before record filter->from_seq, whatever else the filter says */
};

/*
 * Stand before the first record that @filter may want.  @store_path: borrowed.
 * false after having complained; nothing is to be released then.
 */
bool records_open(struct records *records, const char *store_path, struct filter *filter,
		  const struct records_options *options);
void records_close(struct records *records);

enum records_step {
	RECORDS_RECORD, /* records->record, records->body; the replay stands right before it (an ACTOR is taken in already) */
	RECORDS_END,
	RECORDS_PAST,   /* what comes cannot be wanted */
	RECORDS_BAD,    /* something else lies there; nothing was said yet */
	RECORDS_FAILED, /* after having complained */
};
enum records_step records_next(struct records *records);
/* Is there a plan for what comes, so that records need not be looked at to see that enough was read? */
bool records_is_planned(const struct records *records);
/*
 * Who follows a log for ever must not hold on to what it was at the beginning: as long as an index is open its store can use
 * none of its pages again, so that it grows with each commit; and all processes that were ever seen are remembered.
 *
 * Is it time to let go?  Only where all records so far are covered by a seal.
 */
bool records_are_stale(const struct records *records);
/* Go on with the next record, and the index as it is now.  false after having complained: they are closed, and records_close() finds nothing. */
bool records_renew(struct records *records);
/* Done with this record: the replay takes it in.  false after having complained. */
bool records_accept(struct records *records);

/* The first record of @store whose wall time is at or after @wall_ns; the count of records if there is none. */
bool records_find_time(struct ink_store *store, const char *store_path, int64_t wall_ns,
		       uint64_t *ret_seq);

#endif
