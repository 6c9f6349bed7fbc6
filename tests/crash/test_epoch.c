/* SPDX-License-Identifier: MIT */
/*
 * Changes of the seal key, by an epoch's end and by rekey, with every disk call in them failing: the store opens again, what was
 * acknowledged is there, the verifier finds nothing against it, and the keys on the disk sign nothing of what was before.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "intruder.h"
#include "sample.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { SEED_AT = 48, SEEDS = 2, SEAL_OFF_NEXT = 56 };

static char dir[PATH_MAX], made[PATH_MAX], path[PATH_MAX], later[PATH_MAX];
static struct fault_io fault;

static int setup(void **state)
{
	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "made", made);
	scratch_path(dir, "store", path);
	scratch_path(dir, "later", later);
	sample_init(made, NULL);
	sample_session(made);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void fresh_store(void)
{
	tree_remove(path);
	tree_copy(made, path);
}

/* --- what lies on the disk ------------------------------------------------------------------- */

/* The epoch whose public key this is, as the log tells; -1: of none. */
static int epoch_of(const struct intruder *x, const uint8_t *public_key)
{
	int found = -1;

	for (size_t n = 0; n < x->count; n++) {
		uint8_t kind = intruder_kind(x, n);
		const uint8_t *body = intruder_body(x, n);

		if (kind == INK_GENESIS && memcmp(body + 64, public_key, INK_KEY_SIZE) == 0)
			found = 0;
		if ((kind == INK_EPOCH || kind == INK_REKEY) &&
		    memcmp(body + SEAL_OFF_NEXT, public_key, INK_KEY_SIZE) == 0)
			found = (int)be32_load(body);
	}
	return found;
}

/* No seed in the folder of keys is of an epoch before @epoch_min. */
static void assert_no_old_key(const char *store, uint32_t epoch_min, const char *what)
{
	static const char *const names[] = { "keys/seal.key", "keys/seal.key.new" };
	struct intruder x;

	intruder_init(&x, store);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char name[PATH_MAX];
		uint8_t *data, public_key[INK_KEY_SIZE], secret[64];
		size_t size;

		scratch_path(store, names[i], name);
		if (!file_exists(name))
			continue;
		data = file_read(name, &size);
		for (size_t at = SEED_AT; at + INK_KEY_SIZE <= size && at < SEED_AT + SEEDS * 32;
		     at += INK_KEY_SIZE) {
			int epoch;

			crypto_sign_seed_keypair(public_key, secret, data + at);
			epoch = epoch_of(&x, public_key);
			if (epoch >= 0 && (uint32_t)epoch < epoch_min)
				fail_msg("%s: %s holds the key of epoch %d, now it is %u", what,
					 names[i], epoch, epoch_min);
		}
		free(data);
	}
	intruder_release(&x);
}

static void assert_sound(const char *what, uint64_t wanted_bytes)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store = NULL;
	struct ink_error error = { 0 };
	struct ink_status status;
	struct verdict verdict;

	if (ink_store_open(path, &options, &store, &error) != INK_OK)
		fail_msg("%s: does not open again: %s", what, error.text);
	ink_status(store, &status);
	if (status.payload_bytes < wanted_bytes)
		fail_msg("%s: %llu bytes of %llu are there", what,
			 (unsigned long long)status.payload_bytes,
			 (unsigned long long)wanted_bytes);
	trial_close(store);
	verdict_of(path, NULL, &verdict);
	if (!verdict_is_whole(&verdict))
		fail_msg("%s: %s", what, verdict.first);
	assert_no_old_key(path, status.epoch, what);
}

/* --- an epoch's end -------------------------------------------------------------------------- */

static void epoch_ends_with_call(unsigned fail_at, bool is_persistent, bool is_torn,
				 bool *ret_fired)
{
	struct ink_options options = trial_quiet();
	uint64_t inode, bytes = 0;
	struct ink_store *store;
	struct ink_status status;
	struct ink_error error;
	uint32_t epoch;
	char what[96];
	enum ink_err err;

	snprintf(what, sizeof(what), "call %u%s%s", fail_at, is_persistent ? " and all behind" : "",
		 is_torn ? ", torn" : "");
	fresh_store();
	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, path, &options, &store, &error));
	inode = trial_create(store, "e.log");
	trial_append(store, inode, "before\n", 7);
	assert_ok(ink_sync(store));
	ink_status(store, &status);
	bytes = status.payload_bytes;
	epoch = status.epoch;
	fault.is_torn = is_torn;
	fault_io_arm(&fault, fail_at, FAULT_ALL, is_persistent, EIO);
	err = store_change_epoch(store, INK_SEAL_EPOCH);
	*ret_fired = fault_io_fired(&fault);
	fault_io_disarm(&fault);
	ink_status(store, &status);
	if (err == INK_OK && status.epoch != epoch + 1)
		fail_msg("%s: the epoch has not ended", what);
	if (err == INK_OK)
		assert_no_old_key(path, epoch + 1, what);
	/* Whoever takes the keys now gets those of this epoch and the next, no older ones. */
	assert_no_old_key(path, epoch, what);
	trial_abandon(store);
	assert_sound(what, bytes);
}

static void an_epoch_ends_whatever_call_fails_in_it(void **state)
{
	unsigned calls = 0;

	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		bool has_fired = true;

		for (unsigned fail_at = 1; has_fired; fail_at++, calls++)
			epoch_ends_with_call(fail_at, mode & 1, mode & 2, &has_fired);
	}
	assert_in_range(calls, 4 * 8, 4 * 60);
}

/* --- rekey ----------------------------------------------------------------------------------- */

/* An unclean end with a torn tail, and no seal key. */
static void lose_key(void)
{
	struct ink_options options = trial_quiet();
	char name[PATH_MAX];
	struct ink_store *store;
	size_t size;
	uint8_t *data;

	fresh_store();
	store = trial_open(path, &options);
	trial_append(store, trial_create(store, "k.log"), "acknowledged\n", 13);
	assert_ok(ink_sync(store));
	trial_append(store, trial_create(store, "t.log"), "torn\n", 5);
	trial_abandon(store);
	scratch_path(path, SAMPLE_SEGMENT, name);
	data = file_read(name, &size);
	while (size > 0 && data[size - 1] == 0)
		size--;
	free(data);
	assert_int_equal(truncate(name, (off_t)size - 8), 0);
	scratch_path(path, "keys/seal.key", name);
	assert_int_equal(unlink(name), 0);
}

/* REKEY was durable already. */
static bool opens_by_itself(void)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store = NULL;
	struct ink_error error;

	if (ink_store_open(path, &options, &store, &error) != INK_OK)
		return false;
	trial_close(store);
	return true;
}

static void rekey_with_call(unsigned fail_at, bool is_persistent, bool is_torn, bool *ret_fired)
{
	struct ink_error error = { 0 };
	struct verdict verdict;
	uint32_t epoch = 0;
	char what[96];
	enum ink_err err;

	snprintf(what, sizeof(what), "rekey, call %u%s%s", fail_at,
		 is_persistent ? " and all behind" : "", is_torn ? ", torn" : "");
	tree_remove(path);
	tree_copy(later, path);
	fault_io_init(&fault);
	fault.is_torn = is_torn;
	fault_io_arm(&fault, fail_at, FAULT_ALL, is_persistent, EIO);
	err = store_rekey_on(&fault.io, path, NULL, &epoch, &error);
	*ret_fired = fault_io_fired(&fault);
	fault_io_disarm(&fault);
	verdict_of(path, NULL, &verdict);
	if (verdict.err != INK_OK || !verdict.result.is_intact)
		fail_msg("%s: %s %s", what, verdict.error.text, verdict.first);
	if (err != INK_OK && !opens_by_itself() &&
	    ink_store_rekey(path, NULL, &epoch, &error) != INK_OK)
		fail_msg("%s: cannot be made again: %s", what, error.text);
	assert_sound(what, 13);
	assert_in_range(count_records(path, INK_REKEY), 1, 2);
	verdict_of(path, NULL, &verdict);
	assert_in_range(verdict.notes[INK_FIND_REKEY], 1, 2);
}

static void rekeying_works_whatever_call_fails_in_it(void **state)
{
	(void)state;
	lose_key();
	tree_remove(later);
	tree_copy(path, later);
	for (unsigned mode = 0; mode < 4; mode++) {
		bool has_fired = true;

		for (unsigned fail_at = 1; has_fired; fail_at++)
			rekey_with_call(fail_at, mode & 1, mode & 2, &has_fired);
	}
}

static void a_stolen_seal_key_signs_nothing_behind_the_rekey(void **state)
{
	struct ink_options options = trial_quiet();
	struct ink_error error = { 0 };
	struct verdict verdict;
	struct intruder thief;
	uint32_t epoch = 0;
	size_t n;

	(void)state;
	fresh_store();
	intruder_init(&thief, path);
	assert_ok(ink_store_rekey(path, NULL, &epoch, &error));
	assert_int_equal(epoch, thief.epoch_now + 1);
	trial_close(trial_open(path, &options));
	{
		struct intruder x;

		intruder_init(&x, path);
		memcpy(x.seal_secret, thief.seal_secret, sizeof(x.seal_secret));
		memcpy(x.seal_public, thief.seal_public, sizeof(x.seal_public));
		n = intruder_find_last(&x, INK_MOUNT);
		intruder_body(&x, n)[3] ^= 1;
		intruder_forge(&x, n, INTRUDER_SIGNS_ALL);
		intruder_write(&x);
		intruder_release(&x);
	}
	intruder_release(&thief);
	verdict_of(path, NULL, &verdict);
	assert_false(verdict.result.is_intact);
	assert_true(verdict.evidence[INK_FIND_SIGNATURE] > 0);
}

static void without_the_log_key_nothing_is_rekeyed(void **state)
{
	struct ink_error error = { 0 };
	char name[PATH_MAX];
	uint32_t epoch = 0;

	(void)state;
	fresh_store();
	scratch_path(path, "keys/log.key", name);
	assert_int_equal(unlink(name), 0);
	assert_err(INK_ERR_KEY, ink_store_rekey(path, NULL, &epoch, &error));
	assert_true(strlen(error.text) > 0);
	assert_int_equal(count_records(path, INK_REKEY), 0);
	assert_sound("not rekeyed", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_epoch_ends_whatever_call_fails_in_it),
		cmocka_unit_test(rekeying_works_whatever_call_fails_in_it),
		cmocka_unit_test(a_stolen_seal_key_signs_nothing_behind_the_rekey),
		cmocka_unit_test(without_the_log_key_nothing_is_rekeyed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
