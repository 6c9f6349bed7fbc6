/* SPDX-License-Identifier: MIT */
#include "seal.h"

#include <sys/stat.h>

#include "check.h"
#include "hash.h"
#include "scratch.h"

struct fixture {
	struct key_pair *first, *second;
	struct ink_header header;
	union ink_body body;
	uint8_t root[INK_HASH_SIZE], nonce[INK_NONCE_SIZE], id[INK_STORE_ID_SIZE];
	uint8_t bytes[SEALED_BODY_SIZE_MAX], entry[HEADER_SIZE];
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	if (!vkey_setup())
		return -1;
	f.first = key_make();
	f.second = key_make();
	memset(f.root, 3, sizeof(f.root));
	memset(f.nonce, 4, sizeof(f.nonce));
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	key_free(f->first);
	key_free(f->second);
	return 0;
}

static void fill(struct fixture *f, uint8_t kind)
{
	if (kind == INK_GENESIS)
		f->body.genesis = (struct ink_body_genesis){
			.root_mode = S_IFDIR | 0755,
			.store_id = f->id,
			.log_key = f->first->public_key,
			.seal_key = f->second->public_key,
			.segment_size = SEGMENT_SIZE_MIN,
			.origin = str_of("example.com/x", 64),
			.software = str_of("test", 64),
		};
	else
		f->body.seal = (struct ink_body_seal){
			.epoch = 5,
			.reason = INK_SEAL_SYNC,
			.tree_size = 77,
			.root = f->root,
			.durable_size = 70,
			.next_key = kind == INK_SEAL ? NULL : f->second->public_key,
		};
	f->header = (struct ink_header){ .kind = kind, .seq = kind == INK_GENESIS ? 0 : 77 };
	f->header.body_size = seal_body_size(kind, &f->body);
}

static enum ink_err sign(struct fixture *f, uint8_t kind, bool is_checked)
{
	enum ink_err err;

	fill(f, kind);
	err = seal_sign(&f->header, f->nonce, &f->body, f->first,
			kind == INK_SEAL ? NULL : f->second, is_checked, f->bytes);
	header_encode(&f->header, f->entry);
	return err;
}

static bool is_good(struct fixture *f, unsigned which, const struct key_pair *key)
{
	return record_signature_is_good(f->header.kind, f->entry, f->nonce, f->bytes,
					f->header.body_size, which, key->public_key);
}

static void every_signed_kind_verifies_with_its_keys_and_no_other(void **state)
{
	static const uint8_t kinds[] = { INK_GENESIS, INK_SEAL, INK_EPOCH, INK_REKEY };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		uint8_t digest[INK_HASH_SIZE];
		union ink_body again;

		assert_ok(sign(f, kinds[i], true));
		assert_true(is_good(f, 0, f->first));
		assert_false(is_good(f, 0, f->second));
		if (kinds[i] != INK_SEAL) {
			assert_true(is_good(f, 1, f->second));
			assert_false(is_good(f, 1, f->first));
		}
		hash_two(f->nonce, sizeof(f->nonce), f->bytes, f->header.body_size, digest);
		assert_memory_equal(digest, f->header.digest, INK_HASH_SIZE);
		assert_ok(ink_body_decode(kinds[i], f->bytes, f->header.body_size, &again));
	}
}

/* Everything but the digest, which follows from the rest, and the addendum's five constant bytes. */
static void a_signature_covers_every_byte_of_header_nonce_and_body(void **state)
{
	struct fixture *f = *state;

	assert_ok(sign(f, INK_EPOCH, true));
	for (size_t at = 0; at < HEADER_SIGNED_SIZE; at++) {
		f->entry[at] ^= 1;
		assert_false(is_good(f, 0, f->first));
		assert_false(is_good(f, 1, f->second));
		f->entry[at] ^= 1;
	}
	for (size_t at = 0; at < sizeof(f->nonce); at++) {
		f->nonce[at] ^= 1;
		assert_false(is_good(f, 0, f->first));
		f->nonce[at] ^= 1;
	}
	for (size_t at = 0; at < EPOCH_BODY_SIZE - 128; at++) {
		f->bytes[at] ^= 1;
		assert_false(is_good(f, 0, f->first));
		assert_false(is_good(f, 1, f->second));
		f->bytes[at] ^= 1;
	}
	assert_true(is_good(f, 0, f->first) && is_good(f, 1, f->second));
}

static void the_signature_of_one_kind_is_none_of_another(void **state)
{
	struct fixture *f = *state;

	/* EPOCH and REKEY have bodies alike; only the domain (and the kind in the header) differ. */
	assert_ok(sign(f, INK_EPOCH, true));
	assert_false(record_signature_is_good(INK_REKEY, f->entry, f->nonce, f->bytes,
					      f->header.body_size, 0, f->first->public_key));
	assert_true(is_good(f, 0, f->first));
}

static void a_signature_that_does_not_verify_is_not_given_out(void **state)
{
	struct fixture *f = *state;

	fill(f, INK_EPOCH);
	f->first->public_key[0] ^= 1;
	assert_err(INK_ERR_KEY,
		   seal_sign(&f->header, f->nonce, &f->body, f->first, f->second, true, f->bytes));
	f->first->public_key[0] ^= 1;
	f->second->secret[0] ^= 1; /* the secret scalar's seed: signs with another key */
	assert_err(INK_ERR_KEY,
		   seal_sign(&f->header, f->nonce, &f->body, f->first, f->second, true, f->bytes));
}

static void sizes_are_known_before_anything_is_signed(void **state)
{
	struct fixture *f = *state;
	static char text[1024];

	fill(f, INK_SEAL);
	assert_int_equal(f->header.body_size, SEAL_BODY_SIZE);
	fill(f, INK_REKEY);
	assert_int_equal(f->header.body_size, EPOCH_BODY_SIZE);
	fill(f, INK_GENESIS);
	assert_int_equal(f->header.body_size, GENESIS_FIXED_SIZE + 2 + 13 + 2 + 4 + 128);
	f->body.genesis.software = (struct ink_str){ text, sizeof(text) };
	assert_int_equal(seal_body_size(INK_GENESIS, &f->body), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_signed_kind_verifies_with_its_keys_and_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_signature_covers_every_byte_of_header_nonce_and_body, setup, teardown),
		cmocka_unit_test_setup_teardown(the_signature_of_one_kind_is_none_of_another, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_signature_that_does_not_verify_is_not_given_out,
						setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_are_known_before_anything_is_signed, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
