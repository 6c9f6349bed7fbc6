/* SPDX-License-Identifier: MIT */
/* That the log of then is the beginning of the log of now: proofs made, checked, and refused. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "craft.h"
#include "identity.h"
#include "inkfs/checkpoint.h"
#include "inkfs/consistency.h"
#include "inkfs/store.h"
#include "note.h"
#include "proof.h"
#include "sample.h"
#include "scratch.h"
#include "tlog.h"

struct kept {
	char text[INK_CHECKPOINT_SIZE_MAX];
	size_t size;
};

static char dir[PATH_MAX], store[PATH_MAX], vkey[INK_VKEY_SIZE];

static void checkpoint_of(const char *path, struct kept *ret)
{
	struct ink_error error;

	assert_ok(ink_checkpoint_make(path, NULL, ret->text, &ret->size, &error));
}

static struct ink_checkpoint_text text_of(const char *name, const struct kept *checkpoint)
{
	return (struct ink_checkpoint_text){ name, checkpoint->text, checkpoint->size };
}

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	sample_init(store, vkey);
	sample_session(store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void a_grown_log_is_proved_and_every_changed_byte_of_the_hashes_is_refused(void **state)
{
	struct kept then, now;
	struct ink_checkpoint_text old_one, new_one, proof;
	struct ink_consistency result;
	char body[INK_CONSISTENCY_SIZE_MAX];
	struct ink_error error;
	size_t size;

	(void)state;
	checkpoint_of(store, &then);
	sample_session(store);
	checkpoint_of(store, &now);
	old_one = text_of("then", &then);
	new_one = text_of("now", &now);
	assert_ok(ink_consistency_make(store, vkey, &old_one, &new_one, body, &size, &result,
				       &error));
	assert_true(result.old_size > 0 && result.old_size < result.new_size);
	proof = (struct ink_checkpoint_text){ "proof", body, size };
	assert_ok(ink_consistency_check(vkey, &old_one, NULL, &proof, &result, &error));
	/* Behind the empty line stands the checkpoint of now, whose further signatures are nobody's business here. */
	for (size_t at = 0; at < size && memcmp(body + at, "\n\n", 2) != 0; at++) {
		body[at] ^= 1;
		assert_int_not_equal(
			ink_consistency_check(vkey, &old_one, NULL, &proof, &result, &error),
			INK_OK);
		body[at] ^= 1;
	}
	/* The older one comes first. */
	assert_err(INK_ERR_INVALID, ink_consistency_make(store, vkey, &new_one, &old_one, body,
							 &size, &result, &error));
}

static void another_history_is_not_proved(void **state)
{
	struct kept fork, now;
	struct ink_checkpoint_text old_one, new_one;
	struct ink_consistency result;
	char copy[PATH_MAX], body[INK_CONSISTENCY_SIZE_MAX];
	struct ink_error error;
	size_t size;

	(void)state;
	scratch_path(dir, "fork", copy);
	tree_copy(store, copy);
	sample_session(copy);
	checkpoint_of(copy, &fork);
	sample_session(store);
	sample_session(store);
	checkpoint_of(store, &now);
	old_one = text_of("fork", &fork);
	new_one = text_of("now", &now);
	assert_err(INK_ERR_DAMAGED, ink_consistency_make(store, vkey, &old_one, &new_one, body,
							 &size, &result, &error));
}

/* --- by hand: each thing wrong alone, and the sentence that says so ---------------------------- */

enum { OLD_SIZE = 3, NEW_SIZE = 6, LEAVES_MAX = 8 };

struct hand {
	struct craft log, other;
	uint8_t leaves[LEAVES_MAX][INK_HASH_SIZE];
	struct kept old_one, new_one, fork, strange, unsigned_one, no_checkpoint;
	char growth[INK_CONSISTENCY_SIZE_MAX];
	size_t growth_size;
};

static enum ink_err range_of_leaves(void *ctx, uint64_t from, uint64_t to,
				    uint8_t ret_root[static INK_HASH_SIZE])
{
	const struct hand *hand = ctx;

	tile_root(hand->leaves[from], (unsigned)(to - from), ret_root);
	return INK_OK;
}

/* A note that is signed as it should be, but whose text is none of a checkpoint. */
static void sign_text(const struct craft *log, const char *text, struct kept *ret)
{
	uint8_t signature[INK_SIGNATURE_SIZE];
	struct put put;

	put_init(&put, (uint8_t *)ret->text, sizeof(ret->text));
	put_bytes(&put, text, strlen(text));
	key_sign(log->log_key, (const uint8_t *)text, strlen(text), signature);
	put_u8(&put, '\n');
	note_put_line(&put, str_of(log->origin, sizeof(log->origin)), NOTE_ED25519,
		      log->log_key->public_key, 0, signature);
	ret->size = put.size;
}

static void make_hand(struct hand *hand)
{
	struct hash_source source = { range_of_leaves, hand };
	struct tlog_text text = { .number = OLD_SIZE };
	struct craft forged;
	struct put put;

	craft_init(&hand->log);
	craft_init(&hand->other);
	craft_genesis(&hand->other);
	hand->strange.size =
		craft_checkpoint(&hand->other, hand->other.log_key, NULL, hand->strange.text);
	craft_genesis(&hand->log);
	for (unsigned n = 0; n < NEW_SIZE; n++) {
		if (n + 1 == OLD_SIZE)
			hand->old_one.size = craft_checkpoint(&hand->log, hand->log.log_key, NULL,
							      hand->old_one.text);
		memcpy(hand->leaves[n], hand->log.last_leaf, INK_HASH_SIZE);
		if (n + 1 < NEW_SIZE)
			craft_seal(&hand->log, INK_SEAL_SYNC, 0);
	}
	hand->new_one.size =
		craft_checkpoint(&hand->log, hand->log.log_key, NULL, hand->new_one.text);
	hand->unsigned_one.size =
		craft_checkpoint(&hand->log, hand->other.log_key, NULL, hand->unsigned_one.text);
	forged = hand->log;
	forged.tree.nodes[0][0] ^= 1;
	hand->fork.size = craft_checkpoint(&forged, hand->log.log_key, NULL, hand->fork.text);
	sign_text(&hand->log, "neither size nor root\n", &hand->no_checkpoint);
	assert_ok(consistency_make(&source, NEW_SIZE, OLD_SIZE, &text.proof));
	text.checkpoint = (struct ink_str){ hand->new_one.text, (uint32_t)hand->new_one.size };
	put_init(&put, (uint8_t *)hand->growth, sizeof(hand->growth));
	tlog_growth_put(&put, &text);
	hand->growth_size = put.size;
}

/* @new_one NULL: @proof has it inside. */
static void expect(const struct hand *hand, const char *key, const struct kept *old_one,
		   const struct kept *new_one, const char *proof, size_t size, const char *says)
{
	struct ink_checkpoint_text old_text = text_of("then", old_one), new_text;
	struct ink_checkpoint_text proof_text = { "proof", proof, size };
	struct ink_consistency result;
	struct ink_error error = { 0 };
	enum ink_err err;

	if (new_one)
		new_text = text_of("now", new_one);
	err = ink_consistency_check(key ? key : hand->log.vkey, &old_text,
				    new_one ? &new_text : NULL, &proof_text, &result, &error);
	if (!says)
		assert_ok(err);
	else if (err == INK_OK || !strstr(error.text, says))
		fail_msg("not said: %s\nbut: %s", says, err == INK_OK ? "good" : error.text);
}

static void each_thing_wrong_alone_is_told(void **state)
{
	static const char not_one[] = "is not a checkpoint; give the file as it was written";
	static struct hand hand;
	struct kept garbage = { "garbage", 7 };
	char *far_too_long = calloc(1, INK_CONSISTENCY_SIZE_MAX + 1);
	const char *hashes, *proof = hand.growth;
	size_t size, hashes_size;
	struct craft empty;
	struct kept of_nothing;
	struct checkpoint decoded;
	struct note note;

	(void)state;
	make_hand(&hand);
	hashes = strchr(hand.growth, '\n') + 1;
	hashes_size =
		(size_t)((const char *)memmem(hashes, hand.growth_size, "\n\n", 2) + 1 - hashes);
	size = hand.growth_size;
	expect(&hand, NULL, &hand.old_one, NULL, proof, size, NULL);
	expect(&hand, NULL, &hand.old_one, &hand.new_one, hashes, hashes_size, NULL);
	expect(&hand, "none", &hand.old_one, NULL, proof, size,
	       "the given key is not a verification key");
	expect(&hand, NULL, &garbage, NULL, proof, size, not_one);
	expect(&hand, NULL, &hand.no_checkpoint, NULL, proof, size, not_one);
	expect(&hand, NULL, &hand.strange, NULL, proof, size,
	       "then is a checkpoint of another log");
	expect(&hand, NULL, &hand.unsigned_one, NULL, proof, size,
	       "then is not signed by the log key");
	expect(&hand, NULL, &hand.old_one, &hand.unsigned_one, hashes, hashes_size,
	       "now is not signed by the log key");
	expect(&hand, NULL, &hand.new_one, &hand.old_one, hashes, hashes_size,
	       "the older one comes first");
	expect(&hand, NULL, &hand.old_one, &hand.fork, hashes, hashes_size, "does not prove");
	expect(&hand, NULL, &hand.old_one, &hand.new_one, hashes, hashes_size - 45,
	       "does not prove");
	expect(&hand, NULL, &hand.new_one, NULL, proof, size,
	       "proof begins at 3 records, then has 6");
	expect(&hand, NULL, &hand.old_one, NULL, "garbage", 7, "proof is not a consistency proof");
	expect(&hand, NULL, &hand.old_one, &hand.new_one, "garbage", 7,
	       "proof is not a consistency proof");
	memcpy(far_too_long, proof, size);
	expect(&hand, NULL, &hand.old_one, NULL, far_too_long, INK_CONSISTENCY_SIZE_MAX + 1,
	       "proof is not a consistency proof");
	/* What a struct holds from before does not pass for what could not be read. */
	assert_ok(identity_checkpoint(hand.log.vkey, "then", hand.old_one.text, hand.old_one.size,
				      &note, &decoded, NULL));
	assert_err(INK_ERR_INVALID, identity_checkpoint(hand.log.vkey, "garbage", garbage.text,
							garbage.size, &note, &decoded, NULL));
	/* Of nothing every log is a continuation, and no hash says so. */
	empty = hand.log;
	merkle_init(&empty.tree);
	of_nothing.size = craft_checkpoint(&empty, hand.log.log_key, NULL, of_nothing.text);
	expect(&hand, NULL, &of_nothing, &hand.new_one, "", 0, NULL);
	expect(&hand, NULL, &of_nothing, &hand.new_one, hashes, hashes_size, "does not prove");
	free(far_too_long);
	craft_release(&hand.log);
	craft_release(&hand.other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_grown_log_is_proved_and_every_changed_byte_of_the_hashes_is_refused),
		cmocka_unit_test(another_history_is_not_proved),
		cmocka_unit_test(each_thing_wrong_alone_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
