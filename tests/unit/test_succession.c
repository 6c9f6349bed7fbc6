/* SPDX-License-Identifier: MIT */
/* From key to key: a record is a link only if everything about it is right; each thing wrong alone. */
#include "succession.h"

#include <sys/stat.h>

#include "check.h"
#include "hash.h"
#include "seal.h"

enum { SEQ = 77, EPOCH = 4 };

/* What is to be wrong with a record; all that is not said is as it should be, its signatures included. */
struct wrong {
	const char *what;
	uint8_t kind; /* 0: as asked for */
	uint64_t seq, tree_size;
	uint32_t epoch;
	const uint8_t *root;
	bool is_first, is_by_seal_key, has_bad_field, is_erased, is_damaged, has_other_root,
		has_other_origin, has_other_signer, has_other_second;
};

static struct key_pair *log_key, *seal_key, *next_key, *other_key;
static uint8_t root[INK_HASH_SIZE] = { 3 }, nonce[INK_NONCE_SIZE] = { 4 };
static uint8_t store_id[INK_STORE_ID_SIZE] = { 5 };

static int setup(void **state)
{
	(void)state;
	if (!vkey_setup())
		return -1;
	log_key = key_make();
	seal_key = key_make();
	next_key = key_make();
	other_key = key_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_free(log_key);
	key_free(seal_key);
	key_free(next_key);
	key_free(other_key);
	return 0;
}

static void fill_genesis(const struct wrong *wrong, char *origin, union ink_body *body)
{
	origin_make("example.com/x", store_id,
		    wrong->has_other_origin ? other_key->public_key : seal_key->public_key, origin);
	body->genesis = (struct ink_body_genesis){
		.root_mode = wrong->has_bad_field ? S_IFREG | 0755 : S_IFDIR | 0755,
		.store_id = store_id,
		.log_key = log_key->public_key,
		.seal_key = seal_key->public_key,
		.segment_size = SEGMENT_SIZE_MIN,
		.origin = str_of(origin, ORIGIN_SIZE_MAX),
		.software = str_of("test", 4),
	};
}

static void fill_seal(const struct wrong *wrong, uint8_t kind, union ink_body *body)
{
	static uint8_t other_root[INK_HASH_SIZE] = { 9 };

	body->seal = (struct ink_body_seal){
		.epoch = (wrong->epoch ? wrong->epoch : EPOCH) + (kind != INK_SEAL),
		.reason = wrong->has_bad_field ? 0
			  : kind == INK_SEAL   ? INK_SEAL_SYNC
			  : kind == INK_EPOCH  ? INK_SEAL_EPOCH
					       : INK_SEAL_REKEY,
		.tree_size = wrong->tree_size ? wrong->tree_size : SEQ,
		.root = wrong->root             ? wrong->root
			: wrong->has_other_root ? other_root
						: root,
		.next_key = kind == INK_SEAL ? NULL : next_key->public_key,
	};
}

/* @bytes: HEADER_SIZE and SEALED_BODY_SIZE_MAX of them. */
static void make(uint8_t kind, const struct wrong *wrong, uint8_t *bytes, struct ink_record *ret)
{
	const struct key_pair *first =
		kind == INK_GENESIS || kind == INK_REKEY ? log_key : seal_key;
	const struct key_pair *second = kind == INK_GENESIS ? seal_key : next_key;
	char origin[ORIGIN_SIZE_MAX + 1];
	struct ink_header header = { 0 };
	union ink_body body;

	if (kind == INK_GENESIS)
		fill_genesis(wrong, origin, &body);
	else
		fill_seal(wrong, kind, &body);
	if (wrong->root)
		first = log_key;
	if (wrong->is_by_seal_key)
		first = seal_key;
	if (wrong->has_other_signer)
		first = other_key;
	if (wrong->has_other_second)
		second = other_key;
	header.kind = kind;
	header.seq = wrong->is_first ? 0 : wrong->seq ? wrong->seq : kind == INK_GENESIS ? 0 : SEQ;
	header.inode = kind == INK_GENESIS;
	header.body_size = seal_body_size(kind, &body);
	assert_ok(seal_sign(&header, nonce, &body, first, kind == INK_SEAL ? NULL : second, false,
			    bytes + HEADER_SIZE));
	header_encode(&header, bytes);
	*ret = (struct ink_record){ .header = header,
				    .entry = bytes,
				    .nonce = nonce,
				    .body = bytes + HEADER_SIZE,
				    .is_erased = wrong->is_erased,
				    .is_damaged = wrong->is_damaged };
}

static void a_succession_begins_with_a_good_genesis_and_nothing_else(void **state)
{
	static const struct wrong wrongs[] = {
		{ .what = "a later record", .seq = 1 },
		{ .what = "a root that is a file", .has_bad_field = true },
		{ .what = "an erased body", .is_erased = true },
		{ .what = "a body that was not recorded", .is_damaged = true },
		{ .what = "another origin", .has_other_origin = true },
		{ .what = "not signed by the log key", .has_other_signer = true },
		{ .what = "not signed by the seal key", .has_other_second = true },
		{ .what = "a SEAL", .kind = INK_SEAL },
	};
	uint8_t bytes[HEADER_SIZE + SEALED_BODY_SIZE_MAX];
	struct ink_record record;
	struct succession keys;
	struct wrong wrong;

	(void)state;
	make(INK_GENESIS, &(struct wrong){ 0 }, bytes, &record);
	assert_true(succession_begin(&keys, &record));
	assert_int_equal(keys.epoch, 0);
	assert_memory_equal(keys.seal_key, seal_key->public_key, INK_KEY_SIZE);
	for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
		make(wrongs[i].kind ? wrongs[i].kind : INK_GENESIS, &wrongs[i], bytes, &record);
		if (succession_begin(&keys, &record))
			fail_msg("taken: %s", wrongs[i].what);
	}
	/* Another kind of record, whose root stands where GENESIS has the log key, and signed with that. */
	wrong = (struct wrong){ .root = log_key->public_key, .is_first = true };
	make(INK_EPOCH, &wrong, bytes, &record);
	assert_false(succession_begin(&keys, &record));
	/* A body of GENESIS under another name. */
	make(INK_GENESIS, &(struct wrong){ 0 }, bytes, &record);
	record.header.kind = INK_MOUNT;
	assert_false(succession_begin(&keys, &record));
}

static struct succession keys_of_epoch(void)
{
	struct succession keys = { .epoch = EPOCH };

	memcpy(keys.log_key, log_key->public_key, INK_KEY_SIZE);
	memcpy(keys.seal_key, seal_key->public_key, INK_KEY_SIZE);
	return keys;
}

static void it_goes_on_with_a_link_in_which_all_is_right(void **state)
{
	static const uint8_t kinds[] = { INK_SEAL, INK_EPOCH, INK_REKEY };
	static const struct wrong wrongs[] = {
		{ .what = "another number", .seq = SEQ + 1 },
		{ .what = "no reason", .has_bad_field = true },
		{ .what = "another size of the tree", .tree_size = SEQ - 1 },
		{ .what = "an epoch of before", .epoch = EPOCH - 1 },
		{ .what = "an epoch left out", .epoch = EPOCH + 1 },
		{ .what = "an erased body", .is_erased = true },
		{ .what = "a body that was not recorded", .is_damaged = true },
		{ .what = "another root", .has_other_root = true },
		{ .what = "not signed by the key in force", .has_other_signer = true },
		{ .what = "not signed by the next key", .has_other_second = true },
	};
	uint8_t bytes[HEADER_SIZE + SEALED_BODY_SIZE_MAX];
	struct ink_record record;
	struct succession keys;

	(void)state;
	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		struct ink_body_seal seal;

		make(kinds[k], &(struct wrong){ 0 }, bytes, &record);
		keys = keys_of_epoch();
		assert_true(succession_follow(&keys, &record, root, &seal));
		assert_int_equal(keys.epoch, EPOCH + (kinds[k] != INK_SEAL));
		assert_int_equal(seal.tree_size, SEQ);
		assert_memory_equal(keys.seal_key,
				    kinds[k] == INK_SEAL ? seal_key->public_key
							 : next_key->public_key,
				    INK_KEY_SIZE);
		for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
			if (kinds[k] == INK_SEAL && wrongs[i].has_other_second)
				continue; /* names no next key */
			make(kinds[k], &wrongs[i], bytes, &record);
			keys = keys_of_epoch();
			if (succession_follow(&keys, &record, root, NULL))
				fail_msg("%s taken: %s", ink_kind_name(kinds[k]), wrongs[i].what);
			assert_int_equal(keys.epoch, EPOCH);
		}
	}
}

/*
 * A GENESIS whose fields, taken for those of an EPOCH, are as they should be: the mode of its root is the epoch, and its
 * number is where its store id will lie in memory.
 */
static void a_genesis_is_no_link(void **state)
{
	static uint8_t bytes[HEADER_SIZE + SEALED_BODY_SIZE_MAX];
	struct wrong wrong = { .is_by_seal_key = true,
			       .seq = (uintptr_t)(bytes + HEADER_SIZE + 16) };
	struct succession keys = keys_of_epoch();
	struct ink_record record;

	(void)state;
	keys.epoch = (S_IFDIR | 0755) - 1;
	make(INK_GENESIS, &wrong, bytes, &record);
	assert_false(succession_follow(&keys, &record, NULL, NULL));
}

/* ATTR, whose fields taken for those of an EPOCH are a number of an epoch, of a record, and an address. */
static void a_record_that_nobody_signs_is_no_link(void **state)
{
	const union ink_body body = {
		.attr = { .mask = INK_ATTR_UID | INK_ATTR_ATIME, .uid = SEQ, .atime_ns = 8 }
	};
	struct succession keys = keys_of_epoch();
	struct ink_record record = { .header = { .kind = INK_ATTR, .seq = SEQ, .inode = 2 },
				     .entry = nonce,
				     .nonce = nonce };
	uint8_t bytes[64];
	struct put put;

	(void)state;
	keys.epoch = (INK_ATTR_UID | INK_ATTR_ATIME) - 1;
	put_init(&put, bytes, sizeof(bytes));
	body_encode(INK_ATTR, &body, &put);
	record.header.body_size = (uint32_t)put.size;
	record.body = bytes;
	assert_false(succession_follow(&keys, &record, root, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_succession_begins_with_a_good_genesis_and_nothing_else),
		cmocka_unit_test(it_goes_on_with_a_link_in_which_all_is_right),
		cmocka_unit_test(a_genesis_is_no_link),
		cmocka_unit_test(a_record_that_nobody_signs_is_no_link),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
