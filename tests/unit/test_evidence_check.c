/* SPDX-License-Identifier: MIT */
/*
 * Evidence put together by hand from a log whose keys we have: each thing wrong alone, all hashes and signatures made
 * for it, and the sentence that says so.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "craft.h"
#include "evidence_format.h"
#include "frame.h"
#include "hash.h"
#include "proof.h"

enum { ROOM = 256 << 10, LEAVES_MAX = 32, ITEMS_MAX = 8 };

/*
 * 0 GENESIS, 1 EPOCH, 2 MOUNT, 3 MKDIR, 4 CREATE, 5 APPEND "1234", 6 "x", 7 SEAL, 8 EPOCH, 9 APPEND "y", 10 "z",
 * the checkpoint, 11 EPOCH; and another log.
 */
enum { CHECKPOINT_SIZE = 11 };
static struct craft the_log, other;
static uint8_t leaves[LEAVES_MAX][INK_HASH_SIZE];
static char note[INK_CHECKPOINT_SIZE_MAX], fork_note[INK_CHECKPOINT_SIZE_MAX];
static size_t note_size, fork_note_size;
/* An EPOCH that goes on with the keys of the log, but stands before its last one. */
static struct craft fork;
static char back_note[INK_CHECKPOINT_SIZE_MAX];
static size_t back_note_size;

static void make_back(void)
{
	struct craft seen = the_log;

	craft_init(&fork);
	craft_genesis(&fork);
	craft_mount(&fork);
	fork.epoch = the_log.epoch;
	fork.seal_key = the_log.seal_key;
	craft_epoch(&fork, INK_SEAL_EPOCH);
	seen.epoch = fork.epoch;
	back_note_size = craft_checkpoint(&seen, the_log.log_key, fork.seal_key, back_note);
}

static int setup(void **state)
{
	struct craft forged;

	(void)state;
	craft_init(&the_log);
	craft_init(&other);
	craft_genesis(&other);
	craft_begin(&the_log);
	craft_append(&the_log, 3, 4, "x");
	craft_seal(&the_log, INK_SEAL_SYNC, 0);
	craft_epoch(&the_log, INK_SEAL_EPOCH);
	craft_append(&the_log, 3, 5, "y");
	craft_append(&the_log, 3, 6, "z");
	note_size = craft_checkpoint(&the_log, the_log.log_key, the_log.seal_key, note);
	forged = the_log;
	forged.tree.nodes[0][0] ^= 1;
	fork_note_size = craft_checkpoint(&forged, the_log.log_key, NULL, fork_note);
	make_back();
	craft_epoch(&the_log, INK_SEAL_EPOCH);
	for (uint64_t seq = 0; seq < the_log.tree.size; seq++) {
		size_t size;

		hash_leaf(craft_frame(&the_log, seq, &size) + FRAME_OFF_HEADER, HEADER_SIZE,
			  leaves[seq]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	craft_release(&the_log);
	craft_release(&other);
	craft_release(&fork);
	return 0;
}

/* --- putting it together --------------------------------------------------------------------- */

struct item {
	uint64_t seq;
	uint8_t role;
	uint64_t cover_size; /* the first link behind it; 0: none */
};

/* What is written; and over the counts and in places, what is said instead. */
struct plan {
	uint8_t claim, succession, reserved;
	uint64_t first, last, inode;
	uint64_t links[ITEMS_MAX];
	unsigned link_count;
	struct item records[ITEMS_MAX];
	unsigned record_count;
	uint32_t said_links, said_records; /* 0: as many as there are */
	unsigned cover_count_more;         /* hashes too many in each record's cover */
	size_t note_size_more;             /* bytes too many in each record's proof */
	uint64_t number_more;              /* added to each proof's number */
	size_t cut_to, grow_to;            /* the whole file; 0: as it is */
	uint8_t spoiled;         /* taken from the last byte of the first record's header */
	bool has_fork_link;      /* behind the others, from the fork */
	const char *vkey, *text; /* NULL: the log's, its checkpoint */
	size_t text_size;
};

static enum ink_err range_of_leaves(void *ctx, uint64_t from, uint64_t to,
				    uint8_t ret_root[static INK_HASH_SIZE])
{
	(void)ctx;
	tile_root(leaves[from], (unsigned)(to - from), ret_root);
	return INK_OK;
}

static const struct hash_source source = { range_of_leaves, NULL };

static void put_record(struct put *put, struct craft *c, uint64_t seq, uint8_t spoiled)
{
	size_t size;
	uint8_t *frame = craft_frame(c, seq, &size), *header = frame + FRAME_OFF_HEADER;

	put_bytes(put, header, HEADER_SIZE);
	put->data[put->size - 1] = (uint8_t)(put->data[put->size - 1] - spoiled);
	put_bytes(put, frame + FRAME_OFF_NONCE,
		  INK_NONCE_SIZE + (size_t)be32_load(header + HEADER_OFF_BODY_SIZE));
}

static void put_item(struct put *put, const struct plan *plan, const struct item *item,
		     bool is_first)
{
	static uint8_t text[ROOM], zeros[ROOM];
	struct tlog_text proof = { .number = item->seq + plan->number_more,
				   .checkpoint = {
					   plan->text ? plan->text : note,
					   (uint32_t)(plan->text ? plan->text_size : note_size) } };
	struct proof cover = { 0 };
	struct put put_text;

	put_u8(put, item->role);
	put_record(put, &the_log, item->seq, is_first ? plan->spoiled : 0);
	assert_ok(inclusion_make(&source, CHECKPOINT_SIZE, item->seq, &proof.proof));
	put_init(&put_text, text, sizeof(text));
	tlog_proof_put(&put_text, &proof);
	put_bytes(&put_text, zeros, plan->note_size_more);
	put_u32(put, (uint32_t)put_text.size);
	put_bytes(put, text, put_text.size);
	if (item->cover_size)
		assert_ok(inclusion_make(&source, item->cover_size, item->seq, &cover));
	put_u8(put, (uint8_t)(cover.hash_count + plan->cover_count_more));
	put_bytes(put, cover.hashes, cover.hash_count * INK_HASH_SIZE);
	put_bytes(put, zeros, (size_t)plan->cover_count_more * INK_HASH_SIZE);
}

/* To be freed. */
static uint8_t *put_together(const struct plan *plan, size_t *ret_size)
{
	static uint8_t bytes[ROOM];
	unsigned link_count = plan->link_count + plan->has_fork_link;
	uint8_t hash[INK_HASH_SIZE], *exact;
	struct put put;

	put_init(&put, bytes, sizeof(bytes));
	put_bytes(&put, EVIDENCE_MAGIC, 8);
	put_u32(&put, EVIDENCE_VERSION);
	put_u8(&put, plan->claim);
	put_u8(&put, plan->succession);
	put_u16(&put, plan->reserved);
	put_u64(&put, plan->first);
	put_u64(&put, plan->last);
	put_u64(&put, plan->inode);
	put_u32(&put, plan->said_links ? plan->said_links : link_count);
	put_u32(&put, plan->said_records ? plan->said_records : plan->record_count);
	for (unsigned i = 0; i < plan->link_count; i++)
		put_record(&put, &the_log, plan->links[i], 0);
	if (plan->has_fork_link)
		put_record(&put, &fork, 2, 0);
	for (unsigned i = 0; i < plan->record_count; i++)
		put_item(&put, plan, &plan->records[i], i == 0);
	hash_data(bytes, put.size, hash);
	put_bytes(&put, hash, sizeof(hash));
	assert_false(put.is_full);
	*ret_size = plan->cut_to ? plan->cut_to : plan->grow_to ? plan->grow_to : put.size;
	exact = calloc(1, *ret_size);
	assert_non_null(exact);
	memcpy(exact, bytes, *ret_size < put.size ? *ret_size : put.size);
	return exact;
}

static void expect(const char *what, const struct plan *plan,
		   const struct ink_checkpoint_text *pinned, const char *says)
{
	struct ink_evidence evidence;
	struct ink_error error = { 0 };
	size_t size;
	uint8_t *data = put_together(plan, &size);
	enum ink_err err = ink_evidence_check(data, size, plan->vkey ? plan->vkey : the_log.vkey,
					      pinned, NULL, NULL, &evidence, &error);

	free(data);
	if (!says && err != INK_OK)
		fail_msg("%s: %s", what, error.text);
	if (says && (err == INK_OK || !strstr(error.text, says)))
		fail_msg("%s: not said: %s\nbut: %s", what, says,
			 err == INK_OK ? "good" : error.text);
}

/* --- one thing at a time --------------------------------------------------------------------- */

#define SUCCESSION(count, ...) .succession = 1, .links = { __VA_ARGS__ }, .link_count = count
#define LINKS SUCCESSION(3, 0, 1, 8)
#define SEALED(n)                  \
	{                          \
		n, ROLE_CLAIMED, 8 \
	}
#define LAST(n)                    \
	{                          \
		n, ROLE_CLAIMED, 0 \
	}
#define RECORDS .claim = INK_CLAIM_RECORDS, LINKS
#define TWO .records = { SEALED(5), SEALED(6) }, .record_count = 2
#define RUN .claim = INK_CLAIM_RUN, .first = 5, .last = 6, LINKS, TWO
#define BYTES .claim = INK_CLAIM_BYTES, .inode = 3
#define HEAD "its head contradicts itself"
#define NO_LINK "does not continue the succession of keys"

static const struct {
	const char *what;
	struct plan plan;
	const char *says; /* NULL: it is good */
} rows[] = {
	{ "a run", { RUN }, NULL },
	{ "two records", { RECORDS, TWO }, NULL },
	{ "bytes", { BYTES, .last = 4, LINKS, TWO }, NULL },
	{ "some of the bytes", { BYTES, .first = 3, .last = 4, LINKS, TWO }, NULL },
	{ "the last records",
	  { RECORDS, .records = { LAST(9), LAST(10) }, .record_count = 2 },
	  NULL },
	{ "on the word of the log key",
	  { .claim = INK_CLAIM_RECORDS, .records = { LAST(5), LAST(6) }, .record_count = 2 },
	  NULL },
	{ "with context",
	  { RECORDS, .records = { { 4, ROLE_CONTEXT, 8 }, SEALED(5) }, .record_count = 2 },
	  NULL },

	{ "cut off in its head", { RUN, .cut_to = 47 }, "this is not an evidence file" },
	{ "cut off behind its head", { RUN, .cut_to = 60 }, "it is cut off" },
	{ "cut off", { RUN, .cut_to = 500 }, "its hash is another" },
	{ "larger than can be",
	  { RUN, .grow_to = INK_EVIDENCE_SIZE_MAX + 1 },
	  "larger than an evidence file may be" },
	{ "reserved bytes", { RUN, .reserved = 1 }, HEAD },
	{ "no claim", { .claim = 0, LINKS, TWO }, HEAD },
	{ "a claim of later", { .claim = INK_CLAIM_RUN + 1, LINKS, TWO }, HEAD },
	{ "a succession of another kind",
	  { .claim = INK_CLAIM_RECORDS, .succession = 2, TWO },
	  HEAD },
	{ "links without succession",
	  { .claim = INK_CLAIM_RECORDS, .links = { 0, 1, 8 }, .link_count = 3, TWO },
	  HEAD },
	{ "a succession without links",
	  { .claim = INK_CLAIM_RECORDS, .succession = 1, TWO },
	  HEAD },
	{ "more links than can be", { RUN, .said_links = EVIDENCE_LINKS_MAX + 1 }, HEAD },
	{ "more records than can be", { RUN, .said_records = INK_EVIDENCE_RECORDS_MAX + 1 }, HEAD },
	{ "no record", { RECORDS }, HEAD },
	{ "records with a first one", { RECORDS, .first = 5, .last = 6, TWO }, HEAD },
	{ "a run backwards", { .claim = INK_CLAIM_RUN, .first = 6, .last = 5, LINKS, TWO }, HEAD },
	{ "a run in a file", { RUN, .inode = 3 }, HEAD },

	{ "no GENESIS",
	  { .claim = INK_CLAIM_RECORDS, SUCCESSION(2, 1, 8), TWO },
	  "no good GENESIS" },
	{ "a SEAL as link",
	  { .claim = INK_CLAIM_RECORDS, SUCCESSION(4, 0, 1, 7, 8), TWO },
	  "record 7 " NO_LINK },
	{ "a link left out",
	  { .claim = INK_CLAIM_RECORDS, SUCCESSION(2, 0, 8), TWO },
	  "record 8 " NO_LINK },
	{ "a link that stands before the last",
	  { RECORDS, .records = { LAST(9) }, .record_count = 1, .has_fork_link = true,
	    .text = back_note },
	  "record 2 " NO_LINK },
	{ "a link behind the checkpoint",
	  { .claim = INK_CLAIM_RECORDS,
	    SUCCESSION(4, 0, 1, 8, 11),
	    .records = { { 9, ROLE_CLAIMED, 11 } },
	    .record_count = 1 },
	  "its succession of keys goes beyond its checkpoint" },

	{ "a header that the format forbids",
	  { RUN, .spoiled = 1 },
	  "a record's header is damaged or cut off" },
	{ "a record too few",
	  { .claim = INK_CLAIM_RECORDS, LINKS, TWO, .said_records = 3 },
	  "a record's header is damaged or cut off" },
	{ "a record too many", { RECORDS, TWO, .said_records = 1 }, "it has bytes left over" },
	{ "a proof that is too long",
	  { RUN, .note_size_more = 72000 },
	  "record 5 has no proof that can be read" },
	{ "no role",
	  { RECORDS, .records = { SEALED(5), { 6, 3, 8 } }, .record_count = 2 },
	  "record 6 has no role" },
	{ "out of order",
	  { RECORDS, .records = { SEALED(6), SEALED(5) }, .record_count = 2 },
	  "record 5 is out of order" },
	{ "twice",
	  { RECORDS, .records = { SEALED(5), SEALED(5) }, .record_count = 2 },
	  "record 5 is out of order" },
	{ "another number",
	  { RUN, .number_more = 1 },
	  "record 5 is not in the log that was signed" },
	{ "more hashes than a tree has",
	  { RUN, .cover_count_more = 65 - 3 },
	  "record 5 is cut off" },
	{ "a hash too many",
	  { RUN, .cover_count_more = 1 },
	  "record 5 is not among those that the seal key of its time has signed" },
	{ "hashes for no link",
	  { RECORDS, .records = { LAST(9) }, .record_count = 1, .cover_count_more = 1 },
	  "record 9 has hashes that prove nothing" },

	{ "context alone",
	  { RECORDS, .records = { { 5, ROLE_CONTEXT, 8 } }, .record_count = 1 },
	  "it shows no record" },
	{ "the beginning of a run",
	  { .claim = INK_CLAIM_RUN, .first = 5, .last = 7, LINKS, TWO },
	  "the run of records that is claimed is not all there" },
	{ "the end of a run",
	  { .claim = INK_CLAIM_RUN, .first = 4, .last = 6, LINKS, TWO },
	  "record 5 does not continue the run of records that is claimed" },
	{ "the beginning of the bytes",
	  { BYTES, .last = 5, LINKS, TWO },
	  "the bytes that are claimed are not all there" },
	{ "bytes of another file",
	  { .claim = INK_CLAIM_BYTES, .inode = 2, .last = 4, LINKS, TWO },
	  "record 5 is not of the file that is claimed" },
	{ "bytes of a file's making",
	  { BYTES, .last = 4, LINKS, .records = { SEALED(4) }, .record_count = 1 },
	  "record 4 is not of the file that is claimed" },
	{ "bytes without the first",
	  { BYTES, .last = 4, LINKS, .records = { SEALED(6) }, .record_count = 1 },
	  "record 6 does not continue the bytes that are claimed" },
	{ "bytes from behind the first record",
	  { BYTES, .first = 4, .last = 4, LINKS, TWO },
	  "record 5 does not continue the bytes that are claimed" },
	{ "more records than the bytes have",
	  { BYTES, .last = 3, LINKS, TWO },
	  "record 6 does not continue the bytes that are claimed" },
	{ "bytes with a gap",
	  { BYTES, .last = 6, LINKS, .records = { SEALED(5), LAST(9) }, .record_count = 2 },
	  "record 9 does not continue the bytes that are claimed" },
};

static void each_thing_wrong_alone_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct plan plan = rows[i].plan;

		if (plan.text == back_note)
			plan.text_size = back_note_size;
		expect(rows[i].what, &plan, NULL, rows[i].says);
	}
}

static void it_is_of_the_log_and_under_the_checkpoint_that_are_given(void **state)
{
	static const struct plan run = { RUN };
	struct plan strange = { RUN };
	struct ink_checkpoint_text pinned = { "kept", note, note_size };
	char later[INK_CHECKPOINT_SIZE_MAX];

	(void)state;
	expect("pinned", &run, &pinned, NULL);
	pinned = (struct ink_checkpoint_text){ "kept", fork_note, fork_note_size };
	expect("another root", &run, &pinned,
	       "it is of another history than the checkpoint that was given");
	pinned = (struct ink_checkpoint_text){
		"kept", later, craft_checkpoint(&the_log, the_log.log_key, NULL, later)
	};
	expect("another size", &run, &pinned,
	       "the evidence is under a checkpoint of 11 records, kept has 12");
	strange.vkey = other.vkey;
	expect("another key", &strange, NULL, "it is of another log than the key");
}

/* Of the last epoch the seal key's own line must be there, and good. */
static void the_seal_key_of_the_last_epoch_has_signed_the_checkpoint(void **state)
{
	static const char unsigned_says[] =
		"its checkpoint is not signed by the seal key of its epoch";
	struct plan plan = { RECORDS, .records = { LAST(9) }, .record_count = 1 };
	char text[INK_CHECKPOINT_SIZE_MAX], *line;

	(void)state;
	/* The log's key alone. */
	memcpy(text, note, note_size);
	line = memmem(text, note_size, "/epoch/", 7);
	assert_non_null(line);
	while (line[-1] != '\n')
		line--;
	plan.text = text;
	plan.text_size = (size_t)(line - text);
	expect("no line", &plan, NULL, unsigned_says);
	/* A line of that name and key with another signature. */
	memcpy(text, note, note_size);
	line = (char *)memrchr(text, ' ', note_size) + 40;
	*line = *line == 'A' ? 'B' : 'A';
	plan.text_size = note_size;
	expect("a bad line", &plan, NULL, unsigned_says);
	/* It is bad, too, where it is not needed. */
	plan.records[0] = (struct item)SEALED(5);
	expect("a bad line that is not needed", &plan, NULL, unsigned_says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_wrong_alone_is_told),
		cmocka_unit_test(it_is_of_the_log_and_under_the_checkpoint_that_are_given),
		cmocka_unit_test(the_seal_key_of_the_last_epoch_has_signed_the_checkpoint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
