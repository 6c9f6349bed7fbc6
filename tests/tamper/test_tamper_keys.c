/* SPDX-License-Identifier: MIT */
/* Keys exchanged, stolen and pinned; history signed anew with what an intruder finds; copies rolled back. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "hash.h"
#include "merkle.h"
#include "sample.h"
#include "scratch.h"
#include "vkey.h"

enum { SEED_AT = 48, ROOM = 4096 };

static char dir[PATH_MAX], store[PATH_MAX], copy[PATH_MAX], file[PATH_MAX];
static char vkey[INK_VKEY_SIZE];
static uint8_t *good;
static size_t good_size, count;
static size_t at[SAMPLE_FRAMES_MAX + 1];
static uint8_t current_public[INK_KEY_SIZE], current_secret[64];

static int setup(void **state)
{
	char path[PATH_MAX];
	uint8_t *key;
	size_t size;

	(void)state;
	assert_true(vkey_setup());
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	scratch_path(dir, "copy", copy);
	sample_small(store, vkey);
	good = sample_read(store, &good_size, at, &count);
	scratch_path(copy, SAMPLE_SEGMENT, file);
	scratch_path(store, "keys/seal.key", path);
	key = file_read(path, &size);
	crypto_sign_seed_keypair(current_public, current_secret, key + SEED_AT);
	free(key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(good);
	tree_remove(dir);
	return 0;
}

static void fresh_copy(bool with_index)
{
	char path[PATH_MAX];

	tree_remove(copy);
	tree_copy(store, copy);
	scratch_path(copy, "index", path);
	if (!with_index)
		tree_remove(path);
}

static void expect(enum ink_finding_code code, const char *pinned, const char *what)
{
	struct verdict verdict;

	verdict_of(copy, pinned, &verdict);
	if (verdict.err != INK_OK || verdict.result.is_intact || verdict.evidence[code] == 0)
		fail_msg("%s: no %s, but %s", what, ink_finding_name(code), verdict.first);
}

static void expect_at(enum ink_finding_code code, const char *what, size_t pos)
{
	char text[64];

	snprintf(text, sizeof(text), "%s, byte %zu", what, pos);
	expect(code, NULL, text);
}

static void expect_evidence(const char *what)
{
	struct verdict verdict;

	verdict_of(copy, NULL, &verdict);
	if (verdict.err != INK_OK || verdict.result.is_intact)
		fail_msg("%s: not found", what);
}

/* --- pinning ------------------------------------------------------------------------------- */

static void a_pinned_key_must_be_the_stores(void **state)
{
	struct verdict verdict;
	char other[PATH_MAX], other_key[INK_VKEY_SIZE];

	(void)state;
	verdict_of(store, vkey, &verdict);
	assert_true(verdict_is_whole(&verdict));
	assert_int_equal(verdict.result.trust, INK_TRUST_PINNED_KEY);
	assert_string_equal(verdict.result.vkey, vkey);
	scratch_path(dir, "other", other);
	sample_small(other, other_key);
	tree_remove(copy);
	tree_copy(other, copy);
	expect(INK_FIND_PINNED_KEY, vkey, "another store of the same name");
	verdict_of(copy, NULL, &verdict);
	assert_true(verdict_is_whole(&verdict));
	assert_int_equal(verdict.result.trust, INK_TRUST_STORE_ONLY);
}

static void what_is_no_key_is_refused(void **state)
{
	struct verdict verdict;

	(void)state;
	for (size_t i = 0; vkey[i]; i++) {
		char spoiled[INK_VKEY_SIZE];

		memcpy(spoiled, vkey, sizeof(spoiled));
		spoiled[i] = spoiled[i] == 'a' ? 'b' : 'a';
		verdict_of(store, spoiled, &verdict);
		assert_err(INK_ERR_INVALID, verdict.err);
	}
	verdict_of(store, "", &verdict);
	assert_err(INK_ERR_INVALID, verdict.err);
}

/* --- files --------------------------------------------------------------------------------- */

static void every_flipped_byte_of_a_key_file_is_found(void **state)
{
	static const struct {
		const char *name;
		enum ink_finding_code code;
	} files[] = {
		{ "vkey", INK_FIND_VKEY_FILE },
		{ "keys/seal.key", INK_FIND_KEY_FILE },
		{ "keys/log.key", INK_FIND_KEY_FILE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char path[PATH_MAX];
		uint8_t *data;
		size_t size;

		fresh_copy(true);
		scratch_path(copy, files[i].name, path);
		data = file_read(path, &size);
		for (size_t pos = 0; pos < size; pos++) {
			data[pos] ^= (uint8_t)(1 << pos % 8);
			file_write(path, data, size);
			data[pos] ^= (uint8_t)(1 << pos % 8);
			expect_at(files[i].code, files[i].name, pos);
		}
		for (size_t cut = 0; cut < size; cut += 3) {
			file_write(path, data, cut);
			expect_at(files[i].code, files[i].name, cut);
		}
		free(data);
	}
}

static void an_auditors_copy_needs_no_keys(void **state)
{
	struct verdict verdict;
	char path[PATH_MAX];

	(void)state;
	fresh_copy(true);
	scratch_path(copy, "keys", path);
	tree_remove(path);
	scratch_path(copy, "vkey", path);
	unlink(path);
	scratch_path(copy, "lock", path);
	unlink(path);
	verdict_of(copy, vkey, &verdict);
	assert_true(verdict_is_whole(&verdict));
	assert_int_equal(verdict.result.observation_count, 0);
}

/* The index removed and the log cut back to an earlier orderly end: the key file was not rolled back with it. */
static void a_log_cut_back_to_an_earlier_closing_is_behind_its_key(void **state)
{
	struct verdict verdict;
	size_t n = sample_find(good, at, count, INK_UNMOUNT, 0);
	char path[PATH_MAX];

	(void)state;
	fresh_copy(false);
	file_write(file, good, at[n + 2]);
	expect(INK_FIND_INDEX_AHEAD, NULL, "a log cut back");
	scratch_path(copy, "keys", path);
	tree_remove(path);
	/* Without that it is the state of then; only a checkpoint from outside could tell. */
	verdict_of(copy, vkey, &verdict);
	assert_true(verdict_is_whole(&verdict));
}

/* --- signing anew -------------------------------------------------------------------------- */

static void sign_frame(uint8_t *frame, const char *domain, unsigned which, const uint8_t *secret)
{
	uint8_t *header = frame + FRAME_OFF_HEADER, *body = frame + FRAME_OFF_BODY;
	uint8_t kind = header[HEADER_OFF_KIND], message[SIGNED_SIZE_MAX];
	size_t size = be32_load(header + HEADER_OFF_BODY_SIZE) - body_signature_size(kind);
	size_t message_size = signed_message(domain ? domain : body_domain(kind), header,
					     frame + FRAME_OFF_NONCE, body, size, message);

	crypto_sign_detached(body + size + (size_t)which * INK_SIGNATURE_SIZE, NULL, message,
			     message_size, secret);
}

static void finish_frame(uint8_t *frame, uint8_t *ret_leaf)
{
	uint8_t *header = frame + FRAME_OFF_HEADER;

	hash_data(frame + FRAME_OFF_NONCE,
		  INK_NONCE_SIZE + be32_load(header + HEADER_OFF_BODY_SIZE),
		  header + HEADER_OFF_DIGEST);
	hash_leaf(header, HEADER_SIZE, ret_leaf);
	memcpy(frame + FRAME_OFF_CHECK, ret_leaf, FRAME_CHECK_SIZE);
}

/* All of the chain made anew from @from on, every seal in it signed with what key there is. */
static void reseal(uint8_t *data, size_t frames, size_t from, const uint8_t *secret)
{
	uint8_t leaf[INK_HASH_SIZE] = { 0 };
	struct merkle tree;

	merkle_init(&tree);
	for (size_t i = 0; i < frames; i++) {
		uint8_t *frame = data + at[i], *header = frame + FRAME_OFF_HEADER;
		uint8_t kind = header[HEADER_OFF_KIND];

		memcpy(header + HEADER_OFF_PREV, leaf, INK_HASH_SIZE);
		if (i >= from && (kind == INK_SEAL || kind == INK_EPOCH)) {
			merkle_root(&tree, frame + FRAME_OFF_BODY + 16);
			sign_frame(frame, NULL, 0, secret);
			if (kind == INK_EPOCH)
				sign_frame(frame, NULL, 1, secret);
		}
		finish_frame(frame, leaf);
		merkle_append(&tree, leaf);
	}
}

static void history_signed_with_the_current_key_is_found(void **state)
{
	size_t line = sample_find(good, at, count, INK_APPEND, 0);
	uint8_t *data = malloc(good_size);

	(void)state;
	fresh_copy(false);
	memcpy(data, good, good_size);
	data[at[line] + FRAME_OFF_BODY] ^= 1;
	reseal(data, count, line, current_secret);
	file_write(file, data, good_size);
	expect(INK_FIND_SIGNATURE, NULL, "sealed anew with the current key");

	/* And with every EPOCH naming that key, so that all behind the first verifies. */
	memcpy(data, good, good_size);
	data[at[line] + FRAME_OFF_BODY] ^= 1;
	for (size_t i = line; i < count; i++)
		if (data[at[i] + FRAME_OFF_HEADER + HEADER_OFF_KIND] == INK_EPOCH)
			memcpy(data + at[i] + FRAME_OFF_BODY + 56, current_public, INK_KEY_SIZE);
	reseal(data, count, line, current_secret);
	file_write(file, data, good_size);
	expect(INK_FIND_SIGNATURE, NULL, "the succession forged");
	free(data);
}

static void read_log_secret(uint8_t *ret_secret)
{
	uint8_t typed[33], public_key[INK_KEY_SIZE], *line;
	char path[PATH_MAX];
	size_t size;

	scratch_path(store, "keys/log.key", path);
	line = file_read(path, &size);
	assert_int_equal(sodium_base642bin(typed, sizeof(typed), (char *)line + size - 45, 44, NULL,
					   &size, NULL, sodium_base64_VARIANT_ORIGINAL),
			 0);
	crypto_sign_seed_keypair(public_key, ret_secret, typed + 1);
	free(line);
}

/* The log key and the current seal key together cannot make another GENESIS under the pinned key. */
static void a_genesis_made_with_the_stolen_log_key_is_found(void **state)
{
	uint8_t *data = malloc(good_size), log_secret[64];

	(void)state;
	read_log_secret(log_secret);
	fresh_copy(false);
	memcpy(data, good, good_size);
	memcpy(data + at[0] + FRAME_OFF_BODY + 64, current_public, INK_KEY_SIZE);
	for (size_t i = 0; i < count; i++)
		if (data[at[i] + FRAME_OFF_HEADER + HEADER_OFF_KIND] == INK_EPOCH)
			memcpy(data + at[i] + FRAME_OFF_BODY + 56, current_public, INK_KEY_SIZE);
	sign_frame(data + at[0], NULL, 0, log_secret);
	sign_frame(data + at[0], NULL, 1, current_secret);
	reseal(data, count, 1, current_secret);
	file_write(file, data, good_size);
	expect(INK_FIND_GENESIS, vkey, "another GENESIS of the same log key");
	free(data);
}

struct forged {
	uint32_t epoch_more;
	uint64_t tree_more;
	uint64_t durable_more;
	bool is_root_wrong;
	const char *domain;
	uint8_t reason;
};

/* One more SEAL behind the end, by the key that is there. */
static void append_seal(const struct forged *forged)
{
	size_t epoch_at = at[count - 1], size = (size_t)frame_size(SEAL_BODY_SIZE);
	uint8_t *data = calloc(1, good_size + ROOM), *frame = data + good_size;
	uint8_t *header = frame + FRAME_OFF_HEADER, *body = frame + FRAME_OFF_BODY;
	uint8_t leaf[INK_HASH_SIZE];
	struct merkle tree;

	assert_int_equal(good[epoch_at + FRAME_OFF_HEADER + HEADER_OFF_KIND], INK_EPOCH);
	memcpy(data, good, good_size);
	merkle_init(&tree);
	for (size_t i = 0; i < count; i++) {
		hash_leaf(good + at[i] + FRAME_OFF_HEADER, HEADER_SIZE, leaf);
		merkle_append(&tree, leaf);
	}
	memcpy(frame, good + epoch_at, FRAME_OFF_BODY); /* magic, times and the like */
	header[HEADER_OFF_KIND] = INK_SEAL;
	be32_store(header + HEADER_OFF_BODY_SIZE, SEAL_BODY_SIZE);
	be64_store(header + HEADER_OFF_SEQ, count);
	memcpy(header + HEADER_OFF_PREV, leaf, INK_HASH_SIZE);
	be32_store(body, be32_load(good + epoch_at + FRAME_OFF_BODY) + forged->epoch_more);
	body[4] = forged->reason ? forged->reason : INK_SEAL_HEARTBEAT;
	be64_store(body + 8, count + forged->tree_more);
	merkle_root(&tree, body + 16);
	body[16] ^= forged->is_root_wrong;
	be64_store(body + 48, forged->durable_more);
	sign_frame(frame, forged->domain, 0, current_secret);
	finish_frame(frame, leaf);
	file_write(file, data, good_size + size);
	free(data);
}

static void a_seal_must_be_of_its_epoch_tree_and_kind(void **state)
{
	static const struct {
		struct forged forged;
		enum ink_finding_code code;
	} cases[] = {
		{ { .epoch_more = 1 }, INK_FIND_EPOCH },
		{ { .epoch_more = UINT32_MAX }, INK_FIND_EPOCH },
		{ { .tree_more = 1 }, INK_FIND_ROOT },
		{ { .tree_more = UINT64_MAX }, INK_FIND_ROOT },
		{ { .is_root_wrong = true }, INK_FIND_ROOT },
		{ { .domain = DOMAIN_EPOCH }, INK_FIND_SIGNATURE },
		{ { .domain = DOMAIN_GENESIS }, INK_FIND_SIGNATURE },
		{ { .reason = INK_SEAL_UNMOUNT }, INK_FIND_BODY },
		{ { .durable_more = UINT64_MAX }, INK_FIND_BODY },
	};
	static const struct forged sound = { 0 };
	struct verdict verdict;

	(void)state;
	fresh_copy(false);
	append_seal(&sound);
	verdict_of(copy, vkey, &verdict);
	assert_ok(verdict.err);
	assert_true(verdict.result.is_intact);
	assert_false(verdict.result.is_closed);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		append_seal(&cases[i].forged);
		expect(cases[i].code, NULL, "a forged seal");
	}
}

/* A removed closing record must not look like an orderly end, nor the reverse. */
static void ends_cannot_be_exchanged(void **state)
{
	size_t n = sample_find(good, at, count, INK_UNMOUNT, 0);
	uint8_t *data = malloc(good_size);
	struct verdict verdict;
	size_t size = good_size;

	(void)state;
	fresh_copy(false);
	n = sample_find(good, at, count, INK_UNMOUNT, n + 1);
	file_write(file, good, at[n]);
	verdict_of(copy, NULL, &verdict);
	assert_false(verdict_is_whole(&verdict));
	memcpy(data, good, good_size);
	sample_cut(data, &size, at[n], at[n + 1]);
	sample_rehash(data, size);
	file_write(file, data, size);
	expect_evidence("UNMOUNT taken out");
	free(data);
}

static void records_of_another_store_are_found(void **state)
{
	char other[PATH_MAX], path[PATH_MAX];
	size_t size, n;
	uint8_t *data;
	static size_t other_at[SAMPLE_FRAMES_MAX + 1];

	(void)state;
	scratch_path(dir, "third", other);
	sample_small(other, NULL);
	scratch_path(other, SAMPLE_SEGMENT, path);
	data = file_read(path, &size);
	n = sample_frames(data, size, other_at);
	fresh_copy(false);
	file_write(file, data, size);
	expect(INK_FIND_VKEY_FILE, NULL, "the log of another store");
	/* The same, with GENESIS of this one before it. */
	if (at[1] == other_at[1] && n > 2) {
		memcpy(data, good, at[1]);
		sample_rehash(data, size);
		file_write(file, data, size);
		expect_evidence("records of another store");
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pinned_key_must_be_the_stores),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(every_flipped_byte_of_a_key_file_is_found),
		cmocka_unit_test(an_auditors_copy_needs_no_keys),
		cmocka_unit_test(a_log_cut_back_to_an_earlier_closing_is_behind_its_key),
		cmocka_unit_test(history_signed_with_the_current_key_is_found),
		cmocka_unit_test(a_genesis_made_with_the_stolen_log_key_is_found),
		cmocka_unit_test(a_seal_must_be_of_its_epoch_tree_and_kind),
		cmocka_unit_test(ends_cannot_be_exchanged),
		cmocka_unit_test(records_of_another_store_are_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
