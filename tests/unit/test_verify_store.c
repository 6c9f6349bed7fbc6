/* SPDX-License-Identifier: MIT */
/* Where a log breaks off, what lies in its folder, and checkpoints that were kept: stores made by hand. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "craft.h"
#include "frame.h"
#include "hash.h"
#include "said.h"
#include "scratch.h"
#include "store_place.h"

static struct said said;

static void save(const struct craft *c)
{
	tree_remove(store_place);
	craft_save(c, store_place);
}

/* --- how far the log is good ----------------------------------------------------------------- */

/* All have records 0 to 5 in the first segment and an open session. */
static void none(struct craft *c)
{
	(void)c;
}

static void lose_segment(struct craft *c, unsigned n)
{
	free(c->segments[n]);
	c->segments[n] = NULL;
}

static void segment_missing(struct craft *c)
{
	craft_rotate(c);
	craft_append(c, 3, 4, "x");
	craft_rotate(c);
	craft_append(c, 3, 5, "y");
	lose_segment(c, 1);
}

/* A second segment whose header says something else, its hash made anew; nothing behind it proves what was synced. */
static void second_says(struct craft *c, size_t offset, uint8_t by)
{
	uint8_t *header;

	craft_rotate(c);
	craft_append(c, 3, 4, "x");
	header = c->segments[1];
	header[offset] = (uint8_t)(header[offset] + by);
	hash_data(header, SEGMENT_OFF_HASH, header + SEGMENT_OFF_HASH);
}

static void end_of_first_lost(struct craft *c)
{
	size_t size;

	craft_append(c, 3, 4, "not on the disk");
	craft_rotate(c);
	craft_append(c, 3, 19, "x");
	c->sizes[0] = (size_t)(craft_frame(c, 5, &size) - c->segments[0]);
	c->sizes[0] += size;
}

static void end_lost_and_another_store(struct craft *c)
{
	end_of_first_lost(c);
	c->segments[1][SEGMENT_OFF_STORE_ID] ^= 1;
	hash_data(c->segments[1], SEGMENT_OFF_HASH, c->segments[1] + SEGMENT_OFF_HASH);
}

static void end_lost_and_another_number(struct craft *c)
{
	end_of_first_lost(c);
	c->segments[1][SEGMENT_OFF_INDEX + 3] ^= 2;
	hash_data(c->segments[1], SEGMENT_OFF_HASH, c->segments[1] + SEGMENT_OFF_HASH);
}

static void second_of_earlier_record(struct craft *c)
{
	second_says(c, SEGMENT_OFF_FIRST_SEQ + 7, (uint8_t)-2);
}

static void second_of_another_past(struct craft *c)
{
	second_says(c, SEGMENT_OFF_PREV, 1);
}

/* A whole record of before put behind the last one. */
static void record_of_before(struct craft *c)
{
	size_t size;
	const uint8_t *frame = craft_frame(c, 3, &size);
	uint8_t *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, frame, size);
	craft_noise(c, copy, size);
	free(copy);
}

static void record_of_another_past(struct craft *c)
{
	c->last_leaf[0] ^= 1;
	craft_append(c, 3, 4, "x");
}

static void bytes_behind_the_end(struct craft *c)
{
	craft_close(c);
	craft_noise(c, "0123456789abcdef", 16);
}

static void bytes_and_a_record_behind_the_end(struct craft *c)
{
	bytes_behind_the_end(c);
	craft_epoch(c, INK_SEAL_MOUNT);
}

static void middle_changed(struct craft *c)
{
	size_t size;

	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	craft_frame(c, 3, &size)[FRAME_OFF_BODY] ^= 1;
}

static const struct {
	const char *what;
	void (*rule)(struct craft *c);
	bool is_intact;
	uint64_t record_count; /* good ones */
	const char *says;
} ends[] = {
	{ "nothing", none, true, 6, "the session that began with record 2 has no UNMOUNT" },
	{ "a segment missing", segment_missing, false, 6, "segments 1 to 1 are missing" },
	{ "the end of a segment lost", end_of_first_lost, true, 6,
	  "the first 6 records are whole; behind them" },
	{ "and the next is of another store", end_lost_and_another_store, false, 6,
	  "the segment's header does not follow the records before it" },
	{ "and the next is another", end_lost_and_another_number, false, 6,
	  "the segment's header does not follow the records before it" },
	{ "a segment that begins with a record of before", second_of_earlier_record, false, 6,
	  "the segment's header does not follow the records before it" },
	{ "a segment that goes on with another past", second_of_another_past, false, 6,
	  "the segment's header does not follow the records before it" },
	{ "a record of before", record_of_before, false, 6,
	  "the record's sequence number is not the next one: record 6 is due here" },
	{ "a record of another past", record_of_another_past, false, 6,
	  "the record is not chained to the one before it: record 6 is due here" },
	{ "bytes behind the end", bytes_behind_the_end, false, 8,
	  "bytes behind the closing record that are no record" },
	{ "bytes and a record behind the end", bytes_and_a_record_behind_the_end, false, 8,
	  "bytes behind the closing record that are no record" },
	{ "a changed body before a seal", middle_changed, false, 3,
	  "the record's body is not what was recorded" },
};

static void what_is_good_ends_where_something_was_put_or_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct craft c;

		craft_init(&c);
		craft_begin(&c);
		ends[i].rule(&c);
		save(&c);
		said_verify(store_place, c.vkey, NULL, &said);
		said_expect(ends[i].what, &said, ends[i].is_intact, ends[i].says);
		if (said.result.record_count != ends[i].record_count)
			fail_msg("%s: %llu records are good", ends[i].what,
				 (unsigned long long)said.result.record_count);
		craft_release(&c);
	}
}

/* --- checkpoints ----------------------------------------------------------------------------- */

struct pin_case {
	const char *what;
	enum {
		PIN_GOOD,
		PIN_AHEAD,
		PIN_STRANGER,
		PIN_BAD_EPOCH,
		PIN_OTHER_EPOCH,
		PIN_OTHER_LOG
	} pin;
	enum { LOG_WHOLE, LOG_WITHOUT_GENESIS, LOG_WITHOUT_TWO, LOG_ANOTHER } log;
	bool is_intact;
	const char *says;
};

static const struct pin_case pins[] = {
	{ "a good one", PIN_GOOD, LOG_WHOLE, true, NULL },
	{ "no GENESIS", PIN_GOOD, LOG_WITHOUT_GENESIS, false,
	  "the store has no good GENESIS to hold the checkpoint against" },
	{ "records lost", PIN_GOOD, LOG_WITHOUT_TWO, false,
	  "among the first 8 records some are lost, so they are not those of the checkpoint" },
	{ "another history", PIN_GOOD, LOG_ANOTHER, false,
	  "the first 8 records are not those of the checkpoint: the log was replaced or made anew" },
	{ "a longer log", PIN_AHEAD, LOG_WHOLE, false,
	  "the checkpoint has 9 records, the log has 8: its end was cut off" },
	{ "signed by a stranger", PIN_STRANGER, LOG_WHOLE, false,
	  "the checkpoint is not signed by the log key of this store" },
	{ "a seal key's bad line", PIN_BAD_EPOCH, LOG_WHOLE, false,
	  "the signature of the seal key on the checkpoint is bad" },
	{ "another seal key", PIN_OTHER_EPOCH, LOG_WHOLE, false,
	  "the checkpoint is signed by another seal key than that of epoch 1, in force at its 8 records" },
	{ "another log", PIN_OTHER_LOG, LOG_WHOLE, false,
	  "a checkpoint of another log; this store is" },
};

/* The key's own line, with another signature in it. */
static void spoil_last_line(char *note, size_t size)
{
	char *at = (char *)memrchr(note, ' ', size) + 40;

	*at = *at == 'A' ? 'B' : 'A';
}

/* From before the checkpoint, and a seal behind it that had them on the disk. */
static void lose_two(struct craft *c)
{
	size_t size;

	for (unsigned i = 0; i < 4; i++)
		craft_append(c, 3, 6 + i, "z");
	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	for (uint64_t seq = 4; seq < 6; seq++)
		craft_frame(c, seq, &size)[FRAME_OFF_HEADER + HEADER_OFF_WALL] ^= 1;
}

static void check_pin(const struct pin_case *row)
{
	char note[INK_CHECKPOINT_SIZE_MAX];
	struct ink_checkpoint_text text = { .name = "kept", .data = note };
	struct craft c, other, longer;
	size_t size;

	craft_init(&c);
	craft_init(&other);
	craft_begin(&c);
	craft_genesis(&other);
	craft_append(&c, 3, 4, row->log == LOG_ANOTHER ? "another" : "x");
	craft_append(&c, 3, row->log == LOG_ANOTHER ? 11 : 5, "y");
	if (row->pin == PIN_OTHER_LOG)
		text.size = craft_checkpoint(&other, other.log_key, NULL, note);
	else
		text.size = craft_checkpoint(
			&c, row->pin == PIN_STRANGER ? other.log_key : c.log_key, c.seal_key, note);
	if (row->pin == PIN_BAD_EPOCH)
		spoil_last_line(note, text.size);
	if (row->pin == PIN_OTHER_EPOCH) {
		longer = c;
		longer.epoch++;
		text.size = craft_checkpoint(&longer, c.log_key, other.seal_key, note);
	}
	if (row->pin == PIN_AHEAD || row->log == LOG_ANOTHER) {
		longer = c; /* only its tree is looked at */
		if (row->pin == PIN_AHEAD)
			merkle_append(&longer.tree, c.last_leaf);
		else
			longer.tree.nodes[0][0] ^= 1;
		text.size = craft_checkpoint(&longer, c.log_key, NULL, note);
	}
	if (row->log == LOG_WITHOUT_GENESIS)
		craft_frame(&c, 0, &size)[FRAME_OFF_BODY] ^= 1;
	if (row->log == LOG_WITHOUT_TWO)
		lose_two(&c);
	save(&c);
	said_verify(store_place, NULL, &text, &said);
	said_expect(row->what, &said, row->is_intact, row->says);
	assert_int_equal(said.result.checkpoint_count, row->is_intact);
	craft_release(&c);
	craft_release(&other);
}

static void a_checkpoint_holds_the_log_to_what_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(pins); i++)
		check_pin(&pins[i]);
}

/* --- the folder ------------------------------------------------------------------------------ */

/* A key file has 144 bytes. */
#define SIXTY "sixty bytes, or what comes near to it, and three times that "

static const struct {
	const char *path;
	mode_t type;
	const char *text; /* of a file */
	bool is_intact;
	const char *says;
} strangers[] = {
	{ "something", S_IFREG, "x", false, "does not belong into a store" },
	{ "vkey", S_IFDIR, NULL, false, "not of the type that belongs there" },
	{ "lock", S_IFREG, "x", false, "the lock file is not empty" },
	{ "index.new", S_IFDIR, NULL, true, "an index that is being made" },
	{ "keys/seal.key.new", S_IFREG, SIXTY SIXTY SIXTY, false, "longer than a key file can be" },
	{ "log/something", S_IFREG, "x", false, "does not belong into a log" },
	{ "lost+found/#12", S_IFREG, "x", true, "a check of the file system put it there" },
	{ "lost+found/12", S_IFREG, "x", false, "does not belong into a store" },
	{ "lost+found/#", S_IFREG, "x", false, "does not belong into a store" },
	{ "lost+found/#12a", S_IFREG, "x", false, "does not belong into a store" },
	{ "lost+found/something", S_IFREG, "x", false, "does not belong into a store" },
	{ "log/0000000001.seg", S_IFDIR, NULL, false, "not a regular file" },
	{ "log/0000000001.seg", S_IFIFO, NULL, false, "not a regular file" },
};

static void what_does_not_belong_into_the_folder_is_named(void **state)
{
	struct craft c;

	(void)state;
	craft_init(&c);
	craft_begin(&c);
	for (size_t i = 0; i < COUNT_OF(strangers); i++) {
		char path[PATH_MAX];

		save(&c);
		scratch_path(store_place, "lost+found", path);
		assert_int_equal(mkdir(path, 0700), 0);
		scratch_path(store_place, "keys", path);
		assert_int_equal(mkdir(path, 0700), 0);
		scratch_path(store_place, strangers[i].path, path);
		if (strangers[i].type == S_IFDIR)
			assert_int_equal(mkdir(path, 0700), 0);
		else if (strangers[i].type == S_IFIFO)
			assert_int_equal(mkfifo(path, 0600), 0);
		else
			file_write(path, strangers[i].text, strlen(strangers[i].text));
		said_verify(store_place, c.vkey, NULL, &said);
		said_expect(strangers[i].path, &said, strangers[i].is_intact, strangers[i].says);
	}
	craft_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_good_ends_where_something_was_put_or_taken),
		cmocka_unit_test(a_checkpoint_holds_the_log_to_what_it_was),
		cmocka_unit_test(what_does_not_belong_into_the_folder_is_named),
	};

	return cmocka_run_group_tests(tests, store_place_setup, store_place_teardown);
}
