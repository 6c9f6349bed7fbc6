/* SPDX-License-Identifier: MIT */
/*
 * Several records, and first ones, of which every hash and signature is good and that break one rule together: each
 * with the sentence that says so.  What only looks strange is said too, and held against nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "craft.h"
#include "frame.h"
#include "said.h"
#include "scratch.h"
#include "store_place.h"

static struct said said;

static void verify(const struct craft *c)
{
	store_place_verify(c, &said);
}

/* --- several records ------------------------------------------------------------------------- */

static void append_to_a_folder(struct craft *c)
{
	craft_append(c, 2, 0, "x");
}

static void hole(struct craft *c)
{
	craft_append(c, 3, 5, "x");
}

static void append_outside(struct craft *c)
{
	craft_close(c);
	craft_epoch(c, INK_SEAL_MOUNT);
	craft_append(c, 3, 4, "x");
}

static void append_behind_end(struct craft *c)
{
	craft_close(c);
	craft_append(c, 3, 4, "x");
}

static void mount_twice(struct craft *c)
{
	craft_open(c);
}

static void mount_without_epoch(struct craft *c)
{
	craft_close(c);
	craft_epoch(c, INK_SEAL_MOUNT);
	craft_seal(c, INK_SEAL_HEARTBEAT, 0);
	craft_mount(c);
}

static void recover(struct craft *c, uint64_t durable_size, uint64_t unsealed_count)
{
	const union ink_body body = { .recovery = { .durable_size = durable_size,
						    .unsealed_count = unsealed_count } };

	craft_record(c, &(struct ink_header){ .kind = INK_RECOVERY }, &body);
	craft_open(c);
}

static void recovered(struct craft *c)
{
	recover(c, 2, 4);
}

static void recovery_of_fewer(struct craft *c)
{
	recover(c, 2, 3);
}

static void recovery_of_too_many(struct craft *c)
{
	recover(c, 2, 99);
}

static void recovery_of_a_longer_log(struct craft *c)
{
	recover(c, 99, 4);
}

/* Two records are lost, so nobody knows what is counted; and a seal behind them that had all on the disk. */
static void recovery_in_what_is_lost(struct craft *c)
{
	uint64_t lost = craft_append(c, 3, 4, "x");
	size_t size;

	craft_append(c, 3, 5, "y");
	recover(c, 2, 99);
	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	for (uint64_t seq = lost; seq < lost + 2; seq++)
		craft_frame(c, seq, &size)[FRAME_OFF_HEADER + HEADER_OFF_WALL] ^= 1;
}

static void epoch_of_before_in_what_is_lost(struct craft *c)
{
	uint64_t lost = craft_append(c, 3, 4, "x");
	size_t size;

	craft_append(c, 3, 5, "y");
	c->epoch--;
	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	for (uint64_t seq = lost; seq < lost + 2; seq++)
		craft_frame(c, seq, &size)[FRAME_OFF_HEADER + HEADER_OFF_WALL] ^= 1;
}

static void link_of_a_removed_file(struct craft *c)
{
	const union ink_body gone = { .name = { 1, STR("g") } };
	const union ink_body again = { .name = { 1, STR("h") } };

	craft_node(c, INK_CREATE, 4, 1, "g");
	craft_record(c, &(struct ink_header){ .kind = INK_UNLINK, .inode = 4 }, &gone);
	craft_record(c, &(struct ink_header){ .kind = INK_LINK, .inode = 4 }, &again);
}

static void erase(struct craft *c, uint64_t seq)
{
	const union ink_body body = { .erase = { seq, STR("court"), STR("request 17") } };

	craft_record(c, &(struct ink_header){ .kind = INK_ERASE }, &body);
	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	craft_zero_body(c, seq);
}

static void erased(struct craft *c)
{
	erase(c, craft_append(c, 3, 4, "personal data"));
}

static void erased_name(struct craft *c)
{
	erase(c, craft_node(c, INK_CREATE, 4, 1, "a name"));
}

static void zero_at_the_end(struct craft *c)
{
	craft_zero_body(c, craft_append(c, 3, 4, "not yet on the disk"));
}

static void closing_epoch_inside(struct craft *c)
{
	craft_epoch(c, INK_SEAL_UNMOUNT);
}

static void epoch_left_out(struct craft *c)
{
	c->epoch++;
	craft_epoch(c, INK_SEAL_EPOCH);
}

static void lost_epoch(struct craft *c)
{
	uint64_t seq = craft_epoch(c, INK_SEAL_EPOCH), more = craft_append(c, 3, 4, "x");
	size_t size;

	craft_append(c, 3, 5, "y");
	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	craft_frame(c, more, &size)[FRAME_OFF_HEADER + HEADER_OFF_WALL] ^= 1;
	craft_frame(c, seq, &size)[FRAME_OFF_HEADER + HEADER_OFF_WALL] ^= 1;
}

static void second_genesis(struct craft *c)
{
	craft_genesis(c);
}

/* A body that says a later version, in a record that cannot be the first. */
static void later_genesis_inside(struct craft *c)
{
	uint8_t body[300] = { 0, 0, 0, 2 };

	craft_bytes(c, &(struct ink_header){ .kind = INK_GENESIS, .inode = 1 }, body, sizeof(body));
	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
}

static void three_mebibytes(struct craft *c)
{
	char *text = malloc((1 << 20) + 1);

	assert_non_null(text);
	memset(text, 'x', 1 << 20);
	text[1 << 20] = '\0';
	for (uint64_t i = 0; i < 3; i++)
		craft_append(c, 3, 4 + (i << 20), text);
	free(text);
}

static void long_epoch(struct craft *c)
{
	static const uint64_t at_s[] = { 0, 12, 33 };

	for (size_t i = 0; i < COUNT_OF(at_s); i++) {
		c->boot_shift_ns = at_s[i] * 1000000000;
		craft_append(c, 3, 4 + i, "x");
	}
}

static void zeros_before_a_seal(struct craft *c)
{
	uint64_t seq = craft_append(c, 3, 4, "gone");
	uint8_t *frame;
	size_t size;

	craft_seal(c, INK_SEAL_SYNC, c->tree.size);
	frame = craft_frame(c, seq, &size);
	memset(frame, 0, size);
}

static void unsealed(struct craft *c)
{
	craft_append(c, 3, 4, "x");
}

static const struct {
	const char *what;
	void (*rule)(struct craft *c);
	bool is_intact;
	const char *says;
} sequences[] = {
	{ "APPEND to a folder", append_to_a_folder, false, "not a regular file" },
	{ "APPEND behind the end of the file", hole, false,
	  "appends at byte 5 of a file of 4 bytes" },
	{ "APPEND outside a session", append_outside, false, "APPEND outside a session" },
	{ "APPEND behind the closing record", append_behind_end, false,
	  "APPEND right behind the record that closed the store" },
	{ "MOUNT twice", mount_twice, false,
	  "MOUNT, but the session before has neither UNMOUNT nor RECOVERY" },
	{ "MOUNT without EPOCH", mount_without_epoch, false,
	  "MOUNT without an EPOCH right before it" },
	{ "RECOVERY", recovered, true, "ended without UNMOUNT" },
	{ "RECOVERY that cut nothing", recovered, true,
	  "an unclean end before this record: nothing was cut, 4 records had no signature yet" },
	{ "RECOVERY of fewer records", recovery_of_fewer, false,
	  "RECOVERY miscounts the records before it" },
	{ "RECOVERY of more records than there are", recovery_of_too_many, false,
	  "RECOVERY miscounts the records before it" },
	{ "RECOVERY of a longer log", recovery_of_a_longer_log, false,
	  "RECOVERY miscounts the records before it" },
	{ "RECOVERY of too many where records are lost", recovery_in_what_is_lost, false,
	  "RECOVERY miscounts the records before it" },
	{ "a seal of an epoch before where records are lost", epoch_of_before_in_what_is_lost,
	  false, "epoch 0 where 1 is due" },
	{ "a removed file linked again", link_of_a_removed_file, false,
	  "this object cannot have another name" },
	{ "erased", erased, true, "was erased on the word of court" },
	{ "a name erased", erased_name, false, "the record's body is not what was recorded" },
	{ "a body that had not reached the disk", zero_at_the_end, true,
	  "the body is zero: it had not reached the disk when the log ended uncleanly" },
	{ "a closing EPOCH in a session", closing_epoch_inside, false,
	  "a closing EPOCH without UNMOUNT before it" },
	{ "an epoch left out", epoch_left_out, false, "epoch 3 where 2 is due" },
	{ "a lost EPOCH", lost_epoch, false,
	  "the record that named the seal key of epoch 2 is lost: its signatures cannot be checked" },
	{ "a second GENESIS", second_genesis, false, "a second GENESIS" },
	{ "a later version's GENESIS inside", later_genesis_inside, false,
	  "the body is not one of a GENESIS record" },
	{ "a segment that is too large", three_mebibytes, false, "GENESIS allows 2097152" },
	{ "an epoch that did not end", long_epoch, true,
	  "one seal key has been in force for 33 s, epochs of this session are to take 10" },
	{ "zeros before a seal", zeros_before_a_seal, false,
	  "zero bytes where the next record should begin, and others behind them" },
	{ "records without a seal", unsealed, true, "no signature covers the last 5 records" },
};

static void records_must_fit_each_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(sequences); i++) {
		struct craft c;

		craft_init(&c);
		craft_begin(&c);
		sequences[i].rule(&c);
		verify(&c);
		said_expect(sequences[i].what, &said, sequences[i].is_intact, sequences[i].says);
		craft_release(&c);
	}
}

/* --- the first record ------------------------------------------------------------------------ */

static void first_is_epoch(struct craft *c)
{
	craft_epoch(c, INK_SEAL_MOUNT);
	craft_mount(c);
}

static void first_is_empty(struct craft *c)
{
	craft_bytes(c, &(struct ink_header){ .kind = INK_GENESIS, .inode = 1 }, "", 0);
	craft_epoch(c, INK_SEAL_MOUNT);
}

static void genesis_without_log_key(struct craft *c)
{
	craft_genesis_of(c, c->store_id, craft_key(c), c->seal_key);
}

static void genesis_without_seal_key(struct craft *c)
{
	craft_genesis_of(c, c->store_id, c->log_key, craft_key(c));
}

static void genesis_of_another_store(struct craft *c)
{
	static const uint8_t other[INK_STORE_ID_SIZE] = { 7 };

	craft_genesis_of(c, other, c->log_key, c->seal_key);
}

static const struct {
	const char *what;
	void (*rule)(struct craft *c);
	const char *says;
} beginnings[] = {
	{ "EPOCH", first_is_epoch, "the first record is not GENESIS" },
	{ "an empty GENESIS", first_is_empty, "the body is not one of a GENESIS record" },
	{ "not signed by the log key", genesis_without_log_key,
	  "GENESIS is not signed by its log key" },
	{ "not signed by the seal key", genesis_without_seal_key,
	  "GENESIS is not signed by its seal key" },
	{ "another store's", genesis_of_another_store,
	  "the segments carry another store id than GENESIS" },
};

static void a_log_begins_with_a_genesis_that_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
		struct craft c, other;

		craft_init(&c);
		craft_init(&other);
		craft_genesis(&other);
		beginnings[i].rule(&c);
		if (!c.vkey[0])
			memcpy(c.vkey, other.vkey, sizeof(c.vkey));
		verify(&c);
		said_expect(beginnings[i].what, &said, false, beginnings[i].says);
		craft_release(&c);
		craft_release(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_must_fit_each_other),
		cmocka_unit_test(a_log_begins_with_a_genesis_that_fits),
	};

	return cmocka_run_group_tests(tests, store_place_setup, store_place_teardown);
}
