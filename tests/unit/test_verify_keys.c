/* SPDX-License-Identifier: MIT */
/* The copies of keys in a store's folder: each thing that can be wrong with them alone, hashes made anew. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "check.h"
#include "hash.h"
#include "said.h"
#include "sample.h"
#include "scratch.h"

/* FORMAT.md: keys/seal.key. */
enum { OFF_VERSION = 8, OFF_EPOCH = 12, OFF_COUNT = 16, OFF_ZERO = 20, OFF_STORE_ID = 32 };
enum { OFF_SEED = 48, OFF_NEXT = 80, OFF_HASH = 112, KEY_SIZE = 144 };

static char dir[PATH_MAX], store[PATH_MAX], seal_key[PATH_MAX], log_key[PATH_MAX];
static char vkey[INK_VKEY_SIZE];
static uint8_t good[KEY_SIZE];
static struct said said;

static int setup(void **state)
{
	uint8_t *data;
	size_t size;

	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", store);
	scratch_path(store, "keys/seal.key", seal_key);
	scratch_path(store, "keys/log.key", log_key);
	sample_small(store, vkey);
	data = file_read(seal_key, &size);
	assert_int_equal(size, KEY_SIZE);
	assert_int_equal(be32_load(data + OFF_COUNT), 1);
	memcpy(good, data, KEY_SIZE);
	free(data);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void version_of_later(uint8_t *p)
{
	p[OFF_VERSION + 3] = 2;
}

static void three_keys(uint8_t *p)
{
	p[OFF_COUNT + 3] = 3;
	memset(p + OFF_NEXT, 7, 32);
}

static void no_key(uint8_t *p)
{
	p[OFF_COUNT + 3] = 0;
	memset(p + OFF_NEXT, 7, 32);
}

static void bit_in_its_zeros(uint8_t *p)
{
	p[OFF_ZERO + 3] = 1;
}

static void one_key_and_another(uint8_t *p)
{
	p[OFF_NEXT] = 1;
}

static void two_keys_and_one_missing(uint8_t *p)
{
	p[OFF_COUNT + 3] = 2;
}

static void one_key_of_zeros(uint8_t *p)
{
	memset(p + OFF_SEED, 0, 32);
}

static void another_store(uint8_t *p)
{
	p[OFF_STORE_ID] ^= 1;
}

static void another_key(uint8_t *p)
{
	p[OFF_SEED] ^= 1;
}

static void epoch_of_before(uint8_t *p)
{
	be32_store(p + OFF_EPOCH, be32_load(p + OFF_EPOCH) - 1);
}

static void epoch_to_come(uint8_t *p)
{
	be32_store(p + OFF_EPOCH, be32_load(p + OFF_EPOCH) + 1);
}

static void lost_and_a_next_one(uint8_t *p)
{
	memset(p + OFF_SEED, 0, 32);
	memset(p + OFF_NEXT, 7, 32);
	p[OFF_COUNT + 3] = 2;
}

/* Of the change of an epoch: the old key, and the one that is in force. */
static void before_and_now(uint8_t *p)
{
	epoch_of_before(p);
	memcpy(p + OFF_NEXT, p + OFF_SEED, 32);
	memset(p + OFF_SEED, 7, 32);
	p[OFF_COUNT + 3] = 2;
}

static void nothing(uint8_t *p)
{
	(void)p;
}

#define DAMAGED "damaged"

static const struct {
	const char *what;
	void (*edit)(uint8_t *p);
	bool is_intact;
	const char *says;
} edits[] = {
	{ "a version of later", version_of_later, false, DAMAGED },
	{ "three keys", three_keys, false, DAMAGED },
	{ "no key", no_key, false, DAMAGED },
	{ "a bit in its zeros", bit_in_its_zeros, false, DAMAGED },
	{ "one key and another", one_key_and_another, false, DAMAGED },
	{ "two keys and one missing", two_keys_and_one_missing, false, DAMAGED },
	{ "one key of zeros", one_key_of_zeros, false, DAMAGED },
	{ "another store", another_store, false, "the key of another store" },
	{ "another key", another_key, false, "not the key of the log's last epoch" },
	{ "an epoch of before", epoch_of_before, true, "keys/seal.key: older than the log (epoch" },
	{ "an epoch to come", epoch_to_come, false, "its end was cut off" },
	{ "a rekey", lost_and_a_next_one, true, "a rekey was begun and not brought to its end" },
	{ "a change of epochs", before_and_now, true, NULL },
	{ "nothing", nothing, true, NULL },
};

static void each_thing_wrong_with_the_seal_key_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(edits); i++) {
		uint8_t p[KEY_SIZE];

		memcpy(p, good, sizeof(p));
		edits[i].edit(p);
		hash_data(p, OFF_HASH, p + OFF_HASH);
		file_write(seal_key, p, sizeof(p));
		said_verify(store, vkey, NULL, &said);
		said_expect(edits[i].what, &said, edits[i].is_intact, edits[i].says);
		/* Without the hash made anew it is damaged whatever it says. */
		if (memcmp(p, good, OFF_HASH) == 0)
			continue;
		memcpy(p + OFF_HASH, good + OFF_HASH, INK_HASH_SIZE);
		file_write(seal_key, p, sizeof(p));
		said_verify(store, vkey, NULL, &said);
		said_expect(edits[i].what, &said, false, DAMAGED);
	}
	file_write(seal_key, good, sizeof(good));
}

static void a_secret_that_others_may_read_is_told(void **state)
{
	const char *const paths[] = { seal_key, log_key };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		assert_int_equal(chmod(paths[i], 0640), 0);
		said_verify(store, vkey, NULL, &said);
		said_expect(paths[i], &said, true,
			    "a secret that others than its owner may read (mode 0640)");
		assert_int_equal(chmod(paths[i], 0600), 0);
	}
	said_verify(store, vkey, NULL, &said);
	said_expect("as it was", &said, true, NULL);
	assert_string_equal(said.notes, "");
}

/* @at from the end if negative; @size_more bytes are added or, below zero, missing. */
static void check_copy(const char *path, const char *says)
{
	static const struct {
		long at;
		char add;
		int size_more;
	} rows[] = { { 0, 1, 0 },   { 5, 1, 0 },  { 14, 1, 0 }, { 20, 1, 0 }, { -50, 1, 0 },
		     { -20, 1, 0 }, { -1, 1, 0 }, { -1, 0, 1 }, { -1, 0, -1 } };
	size_t size;
	uint8_t *data = file_read(path, &size), *spoiled = malloc(size + 1);

	assert_non_null(spoiled);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t at = rows[i].at < 0 ? size - (size_t)-rows[i].at : (size_t)rows[i].at;

		memcpy(spoiled, data, size);
		spoiled[size] = '\n';
		spoiled[at] = (uint8_t)(spoiled[at] + rows[i].add);
		file_write(path, spoiled, size + (size_t)rows[i].size_more);
		said_verify(store, vkey, NULL, &said);
		said_expect(path, &said, false, says);
	}
	file_write(path, data, size);
	said_verify(store, vkey, NULL, &said);
	said_expect(path, &said, true, NULL);
	free(spoiled);
	free(data);
}

static void copies_of_the_log_key_are_held_to_every_byte(void **state)
{
	char path[PATH_MAX];

	(void)state;
	scratch_path(store, "vkey", path);
	check_copy(path, "not the verification key that GENESIS says");
	check_copy(log_key, "damaged, or the key of another store");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_wrong_with_the_seal_key_is_told),
		cmocka_unit_test(copies_of_the_log_key_are_held_to_every_byte),
		cmocka_unit_test(a_secret_that_others_may_read_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
