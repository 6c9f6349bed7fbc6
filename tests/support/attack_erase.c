/* SPDX-License-Identifier: MIT */
/*
 * A line blanked, and an ERASE record that says so (class 6): by somebody without keys, with a key that has expired, with
 * the key of T, with the log key.
 */
#include <string.h>

#include "attack.h"
#include "check.h"
#include "frame.h"

#define SECRET "select secret\n"
#define SECRET_PATH "/db/query.log"

static void zero_line(struct attempt *a, struct intruder *x, size_t n)
{
	expect_line(a, x, n, SECRET_PATH);
	memset(x->records[n].frame + FRAME_OFF_NONCE, 0, INK_NONCE_SIZE + intruder_body_size(x, n));
}

/* ERASE of record @target as the last record; chained in, not signed. */
static void put_erase(struct intruder *x, size_t target)
{
	static const uint8_t words[] = { 0, 5, 'c', 'o', 'u', 'r', 't', 0, 2, 'n', 'o' };
	uint8_t frame[FRAME_OFF_BODY + 8 + sizeof(words) + FRAME_ALIGN] = { 0 };
	size_t n = x->count;

	memcpy(frame, x->records[n - 1].frame, FRAME_OFF_BODY);
	frame[FRAME_OFF_HEADER + HEADER_OFF_KIND] = INK_ERASE;
	be32_store(frame + FRAME_OFF_HEADER + HEADER_OFF_BODY_SIZE, 8 + sizeof(words));
	memset(frame + FRAME_OFF_HEADER + HEADER_OFF_INODE, 0, 16);
	be64_store(frame + FRAME_OFF_BODY, target);
	memcpy(frame + FRAME_OFF_BODY + 8, words, sizeof(words));
	intruder_add(x, frame, (size_t)frame_size(8 + sizeof(words)));
	intruder_forge(x, n, INTRUDER_SIGNS_NOTHING);
}

/* Blank the line, and put ERASE at the end. */
static void erase_last(struct attempt *a, struct intruder *x)
{
	size_t n;

	attempt_open(a, x);
	n = intruder_find_line(x, SECRET, 0);
	put_erase(x, n);
	zero_line(a, x, n);
}

static void expect_only(struct attempt *a, size_t n)
{
	a->path = NULL;
	a->size = 0;
	expect_record(a, n);
}

/* A SEAL behind it, signed with @secret. */
static void put_seal(struct intruder *x, const uint8_t *secret)
{
	size_t n = x->count;

	intruder_insert(x, n, x, intruder_find_last(x, INK_SEAL));
	be32_store(intruder_body(x, n), x->epoch_now);
	intruder_forge(x, n, INTRUDER_SIGNS_NOTHING);
	intruder_sign(x, n, 0, secret, NULL);
	intruder_hash(x, n);
}

static void erase_written(struct attempt *a, struct intruder *x)
{
	attempt_remove(a, "keys"); /* of another epoch by now */
	intruder_write(x);
	intruder_release(x);
}

static void erased_behind_the_end(struct attempt *a)
{
	struct intruder x;

	erase_last(a, &x);
	expect_only(a, x.count - 1);
	erase_written(a, &x);
}

static void erased_without_a_seal(struct attempt *a)
{
	struct intruder x;

	erase_last(a, &x);
	erase_written(a, &x);
}

/* The key of the first session's end, from an older copy of the store. */
static void erased_with_an_expired_key(struct attempt *a)
{
	struct intruder x, old;

	intruder_init(&old, a->scene->old);
	erase_last(a, &x);
	put_seal(&x, old.seal_secret);
	expect_only(a, x.count - 1);
	erase_written(a, &x);
	intruder_release(&old);
}

static void erased_with_the_key_of_now(struct attempt *a)
{
	struct intruder x;

	erase_last(a, &x);
	put_seal(&x, x.seal_secret);
	expect_only(a, x.count - 2);
	erase_written(a, &x);
}

static void rekeyed(struct attempt *a, size_t expected_from_end)
{
	struct intruder x;

	erase_last(a, &x);
	intruder_rekey(&x, x.log_secret);
	expect_only(a, x.count - expected_from_end);
	erase_written(a, &x);
}

static void erased_with_the_log_key(struct attempt *a)
{
	rekeyed(a, 2);
}

static void erased_with_the_log_key_for_rekey(struct attempt *a)
{
	rekeyed(a, 1);
}

const struct attack attacks_by_erasing[] = {
	{ 6, "a line blanked, ERASE put behind the closing record", FROM_CLOSED, 0,
	  erased_behind_the_end, END_FOUND, INK_FIND_SESSION },
	{ 6, "a line blanked, ERASE without a seal", FROM_AT_T, 0, erased_without_a_seal, END_FOUND,
	  INK_FIND_DIGEST },
	{ 6, "a line blanked, ERASE signed with an expired seal key", FROM_AT_T, 0,
	  erased_with_an_expired_key, END_FOUND, INK_FIND_SIGNATURE },
	{ 6, "the same, with a checkpoint", FROM_AT_T, GIVE_NOTE_T, erased_with_an_expired_key,
	  END_FOUND, INK_FIND_SIGNATURE },
	{ 6, "a line blanked, ERASE signed with the seal key of T: passes, always reported",
	  FROM_AT_T, 0, erased_with_the_key_of_now, END_INTACT, INK_FIND_ERASED },
	{ 6, "the same, with a checkpoint: its bytes are gone, and it is still there", FROM_AT_T,
	  GIVE_NOTE_T, erased_with_the_key_of_now, END_INTACT, INK_FIND_ERASED },
	{ 6, "a line blanked, ERASE and a REKEY signed with the log key: passes, always reported",
	  FROM_AT_T, 0, erased_with_the_log_key_for_rekey, END_INTACT, INK_FIND_REKEY },
	{ 6, "the same: so is the ERASE", FROM_AT_T, 0, erased_with_the_log_key, END_INTACT,
	  INK_FIND_ERASED },
	{ 6, "the same, with a checkpoint", FROM_AT_T, GIVE_NOTE_T, erased_with_the_log_key,
	  END_INTACT, INK_FIND_ERASED },
	{ 0 },
};
