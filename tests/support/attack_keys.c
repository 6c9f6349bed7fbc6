/* SPDX-License-Identifier: MIT */
/* Attacks with keys, on keys, and on what is signed (classes 14 to 17), and what root at time T can still do. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"
#include "check.h"
#include "frame.h"
#include "scratch.h"

enum { SEAL_OFF_EPOCH = 0, SEAL_OFF_TREE = 8, SEAL_OFF_NEXT = 56 };

/* --- with the keys that were found ----------------------------------------------------------- */

static void edit_line(struct intruder *x, const char *text, size_t *ret_n)
{
	*ret_n = intruder_find_line(x, text, 0);
	memset(intruder_body(x, *ret_n), 'X', 3);
}

static void past_signed_anew(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	edit_line(&x, "a third session", &n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_ALL);
}

/* Every EPOCH behind the edit hands over to the key that was found. */
static void succession_forged(struct attempt *a)
{
	struct intruder x;
	size_t n, m;

	attempt_open(a, &x);
	edit_line(&x, "select secret", &n);
	expect_seal_behind(a, &x, n);
	for (m = n; m < x.count; m++)
		if (intruder_kind(&x, m) == INK_EPOCH)
			memcpy(intruder_body(&x, m) + SEAL_OFF_NEXT, x.seal_public, INK_KEY_SIZE);
	attempt_forge(&x, n, INTRUDER_SIGNS_ALL);
}

static void seal_of_another_epoch(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_last(&x, INK_SEAL);
	be32_store(intruder_body(&x, n) + SEAL_OFF_EPOCH, x.epoch_now - 1);
	expect_record(a, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void epoch_left_out(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_EPOCH, intruder_find_line(&x, "select secret", 0));
	intruder_remove(&x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_ALL);
}

static void genesis_forged(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	memcpy(intruder_body(&x, 0) + 64, x.seal_public, INK_KEY_SIZE);
	intruder_sign(&x, 0, 0, x.log_secret, NULL);
	intruder_sign(&x, 0, 1, x.seal_secret, NULL);
	for (size_t n = 1; n < x.count; n++)
		if (intruder_kind(&x, n) == INK_EPOCH)
			memcpy(intruder_body(&x, n) + SEAL_OFF_NEXT, x.seal_public, INK_KEY_SIZE);
	expect_record(a, 0);
	attempt_forge(&x, 0, INTRUDER_SIGNS_ALL);
}

/* With the log key: all behind the first session cut off, and a REKEY to a key of one's own in its place. */
static void put_rekey(struct intruder *x, const uint8_t *log_secret)
{
	intruder_cut(x, intruder_find(x, INK_UNMOUNT, 0) + 2);
	intruder_rekey(x, log_secret);
}

static void rekey_with_the_log_key(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	put_rekey(&x, x.log_secret);
	attempt_remove(a, "keys");
	intruder_write(&x);
	intruder_release(&x);
}

static void rekey_with_the_seal_key(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	put_rekey(&x, x.seal_secret);
	expect_record(a, x.count - 1);
	intruder_write(&x);
	intruder_release(&x);
}

/* --- seals ----------------------------------------------------------------------------------- */

static void seal_removed(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_SEAL, 0);
	intruder_remove(&x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void seal_doubled(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_SEAL, 0);
	intruder_insert(&x, n + 1, &x, n);
	expect_record(a, n + 1);
	attempt_forge(&x, n + 1, INTRUDER_SIGNS_OWN);
}

static void seal_of_another_store(struct attempt *a)
{
	struct intruder x, y;
	size_t n;

	attempt_open(a, &x);
	intruder_init(&y, a->scene->other);
	n = intruder_find(&x, INK_SEAL, 0);
	intruder_remove(&x, n);
	intruder_insert(&x, n, &y, intruder_find(&y, INK_SEAL, 0));
	expect_record(a, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
	intruder_release(&y);
}

/* The last seal, of the epoch whose key was found, signed in a way that is not allowed. */
static void sign_last(struct attempt *a, struct intruder *x, size_t *ret_n)
{
	attempt_open(a, x);
	*ret_n = intruder_find_last(x, INK_SEAL);
	expect_record(a, *ret_n);
}

static void seal_over_another_size(struct attempt *a)
{
	struct intruder x;
	size_t n;
	uint8_t *body;

	sign_last(a, &x, &n);
	body = intruder_body(&x, n);
	be64_store(body + SEAL_OFF_TREE, be64_load(body + SEAL_OFF_TREE) - 1);
	intruder_sign(&x, n, 0, x.seal_secret, NULL);
	intruder_hash(&x, n);
	intruder_cut(&x, n + 1);
	intruder_write(&x);
	intruder_release(&x);
}

static void seal_over_another_root(struct attempt *a)
{
	struct intruder x;
	size_t n;

	sign_last(a, &x, &n);
	intruder_body(&x, n)[16] ^= 1;
	intruder_sign(&x, n, 0, x.seal_secret, NULL);
	intruder_hash(&x, n);
	intruder_cut(&x, n + 1);
	intruder_write(&x);
	intruder_release(&x);
}

static void seal_in_another_domain(struct attempt *a)
{
	struct intruder x;
	size_t n;

	sign_last(a, &x, &n);
	intruder_sign(&x, n, 0, x.seal_secret, DOMAIN_EPOCH);
	intruder_hash(&x, n);
	intruder_cut(&x, n + 1);
	intruder_write(&x);
	intruder_release(&x);
}

/* S + L instead of S, little-endian: the same equation, another signature (RFC 8032 5.1.7 forbids it). */
static void seal_malleated(struct attempt *a)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
					   0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
					   0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	struct intruder x;
	unsigned carry = 0;
	uint8_t *s;
	size_t n;

	sign_last(a, &x, &n);
	s = intruder_body(&x, n) + SEAL_BODY_SIZE - 32;
	for (unsigned i = 0; i < 32; i++) {
		carry += (unsigned)s[i] + order[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
	intruder_hash(&x, n);
	intruder_cut(&x, n + 1);
	intruder_write(&x);
	intruder_release(&x);
}

/* Hand over to the neutral element, with which R = 0 + S = 0 would sign anything. */
static void key_of_low_order(struct attempt *a)
{
	struct intruder x;
	uint8_t *body;
	size_t n;

	attempt_open(a, &x);
	n = x.count;
	intruder_insert(&x, n, &x, intruder_find_last(&x, INK_EPOCH));
	body = intruder_body(&x, n);
	be32_store(body, x.epoch_now + 1);
	memset(body + SEAL_OFF_NEXT, 0, INK_KEY_SIZE);
	body[SEAL_OFF_NEXT] = 1;
	intruder_forge(&x, n, INTRUDER_SIGNS_OWN);
	memset(body + EPOCH_BODY_SIZE - 64, 0, 64);
	body[EPOCH_BODY_SIZE - 64] = 1;
	intruder_hash(&x, n);
	expect_record(a, n);
	intruder_write(&x);
	intruder_release(&x);
}

/* --- checking less --------------------------------------------------------------------------- */

static void feature_bit_set(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	intruder_body(&x, 0)[7] = 1;
	attempt_forge(&x, 0, INTRUDER_SIGNS_ALL);
}

static void version_lowered(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	intruder_body(&x, 0)[3] = 0;
	attempt_forge(&x, 0, INTRUDER_SIGNS_ALL);
}

static void algorithm_changed(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	intruder_body(&x, 0)[9] = 0;
	expect_record(a, 0);
	attempt_forge(&x, 0, INTRUDER_SIGNS_ALL);
}

static void all_seals_removed(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	for (size_t n = x.count; n-- > 1;)
		if (intruder_kind(&x, n) == INK_SEAL || intruder_kind(&x, n) == INK_EPOCH)
			intruder_remove(&x, n);
	expect_record(a, 1); /* MOUNT without an EPOCH */
	attempt_forge(&x, 1, INTRUDER_SIGNS_ALL);
}

/* --- root at time T -------------------------------------------------------------------------- */

static void current_epoch_edited(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	edit_line(&x, "now it is T", &n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

/* Back to the closing record before T; the keys of then are gone, so the folder of keys is taken away. */
static void back_to_the_last_end(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	intruder_cut(&x, intruder_find_last(&x, INK_UNMOUNT) + 2);
	attempt_remove(a, "keys");
	intruder_write(&x);
	intruder_release(&x);
}

static void past_cut_from_the_middle(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "a third session", 0);
	intruder_remove(&x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_ALL);
}

#define FOUND(number, what, from, edit, code)                \
	{                                                    \
		number, what, from, 0, edit, END_FOUND, code \
	}

const struct attack attacks_on_keys[] = {
	FOUND(14, "the past edited and signed anew with all keys found at T", FROM_AT_T,
	      past_signed_anew, INK_FIND_SIGNATURE),
	FOUND(14, "a record of the past taken out and signed anew", FROM_AT_T,
	      past_cut_from_the_middle, INK_FIND_SIGNATURE),
	FOUND(14, "the succession forged with the seal key", FROM_AT_T, succession_forged,
	      INK_FIND_SIGNATURE),
	FOUND(14, "a seal moved to another epoch", FROM_AT_T, seal_of_another_epoch,
	      INK_FIND_EPOCH),
	FOUND(14, "an epoch left out", FROM_AT_T, epoch_left_out, INK_FIND_EPOCH),
	FOUND(14, "GENESIS forged with the log key and the seal key", FROM_AT_T, genesis_forged,
	      INK_FIND_GENESIS),
	FOUND(14, "a REKEY signed with the seal key", FROM_AT_T, rekey_with_the_seal_key,
	      INK_FIND_SIGNATURE),
	{ 14, "a REKEY signed with the log key: always reported", FROM_AT_T, 0,
	  rekey_with_the_log_key, END_INTACT, INK_FIND_REKEY },
	{ 14, "the same, with a checkpoint", FROM_AT_T, GIVE_NOTE_T, rekey_with_the_log_key,
	  END_FOUND, INK_FIND_CHECKPOINT_AHEAD },
	{ 14, "the current epoch edited and signed anew: passes", FROM_AT_T, 0,
	  current_epoch_edited, END_INTACT, 0 },
	{ 14, "the current epoch edited, with a checkpoint of T", FROM_AT_T, GIVE_NOTE_T,
	  current_epoch_edited, END_FOUND, INK_FIND_CHECKPOINT_FORK },
	{ 14, "cut back to the last orderly end: passes", FROM_AT_T, 0, back_to_the_last_end,
	  END_WHOLE, 0 },
	{ 14, "cut back to the last orderly end, with a checkpoint of T", FROM_AT_T, GIVE_NOTE_T,
	  back_to_the_last_end, END_FOUND, INK_FIND_CHECKPOINT_AHEAD },
	FOUND(15, "a seal removed", FROM_CLOSED, seal_removed, INK_FIND_SIGNATURE),
	FOUND(15, "a seal doubled", FROM_CLOSED, seal_doubled, INK_FIND_SIGNATURE),
	FOUND(15, "a seal of another store", FROM_CLOSED, seal_of_another_store,
	      INK_FIND_SIGNATURE),
	FOUND(15, "a good signature over another tree size", FROM_AT_T, seal_over_another_size,
	      INK_FIND_ROOT),
	FOUND(15, "a good signature over another root", FROM_AT_T, seal_over_another_root,
	      INK_FIND_ROOT),
	FOUND(15, "a good signature in another domain", FROM_AT_T, seal_in_another_domain,
	      INK_FIND_SIGNATURE),
	{ 16, "a feature bit set", FROM_AT_T, 0, feature_bit_set, END_UNCHECKED, 0 },
	{ 16, "the version lowered", FROM_AT_T, 0, version_lowered, END_UNCHECKED, 0 },
	FOUND(16, "another signature algorithm named", FROM_AT_T, algorithm_changed, INK_FIND_BODY),
	FOUND(16, "an unsigned store, a key given", FROM_CLOSED, all_seals_removed,
	      INK_FIND_SESSION),
	FOUND(16, "the wrong key given", FROM_OTHER, NULL, INK_FIND_PINNED_KEY),
	FOUND(17, "a malleated signature", FROM_AT_T, seal_malleated, INK_FIND_SIGNATURE),
	FOUND(17, "a key of low order", FROM_AT_T, key_of_low_order, INK_FIND_SIGNATURE),
	{ 0 },
};
