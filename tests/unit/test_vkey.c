/* SPDX-License-Identifier: MIT */
#include "vkey.h"

#include <sodium.h>
#include <stdio.h>

#include "check.h"
#include "hash.h"
#include "hex.h"
#include "scratch.h"

#define SAMPLE "example.com/sample+02517d3a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define SAMPLE_KEY "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
/* The example of the signed-note specification. */
#define NOTE_VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define NOTE_TEXT "This is an example message.\n"
#define NOTE_SIGNATURE \
	"Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="

static int setup(void **state)
{
	(void)state;
	return vkey_setup() ? 0 : -1;
}

static void a_key_and_a_name_make_the_line_of_the_sample(void **state)
{
	uint8_t key[INK_KEY_SIZE], parsed[INK_KEY_SIZE];
	char vkey[INK_VKEY_SIZE];
	struct ink_str origin;

	(void)state;
	from_hex(SAMPLE_KEY, key, sizeof(key));
	vkey_format(str_of("example.com/sample", 100), key, vkey);
	assert_string_equal(vkey, SAMPLE);
	assert_ok(vkey_parse(vkey, &origin, parsed));
	assert_memory_equal(parsed, key, INK_KEY_SIZE);
	assert_true(str_equals(origin, str_of("example.com/sample", 100)));
}

static void the_example_of_the_specification_is_read_and_its_signature_is_good(void **state)
{
	uint8_t key[INK_KEY_SIZE], bytes[68];
	struct ink_str origin;
	size_t size;

	(void)state;
	assert_ok(vkey_parse(NOTE_VKEY, &origin, key));
	assert_int_equal(origin.size, strlen("example.com/foo"));
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), NOTE_SIGNATURE,
					   strlen(NOTE_SIGNATURE), NULL, &size, NULL,
					   sodium_base64_VARIANT_ORIGINAL),
			 0);
	assert_int_equal(size, 68);
	assert_true(
		signature_is_good(bytes + 4, (const uint8_t *)NOTE_TEXT, strlen(NOTE_TEXT), key));
	for (size_t at = 4; at < sizeof(bytes); at++) {
		bytes[at] ^= 1;
		assert_false(signature_is_good(bytes + 4, (const uint8_t *)NOTE_TEXT,
					       strlen(NOTE_TEXT), key));
		bytes[at] ^= 1;
	}
	assert_false(signature_is_good(bytes + 4, (const uint8_t *)NOTE_TEXT, strlen(NOTE_TEXT) - 1,
				       key));
}

static void a_line_with_any_character_changed_is_refused(void **state)
{
	uint8_t key[INK_KEY_SIZE];
	struct ink_str origin;
	char line[INK_VKEY_SIZE];

	(void)state;
	for (size_t at = 0; at < strlen(SAMPLE); at++)
		for (unsigned c = 0; c < 256; c++) {
			strcpy(line, SAMPLE);
			if (line[at] == (char)c)
				continue;
			line[at] = (char)c;
			assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
		}
}

static void a_line_cut_or_lengthened_anywhere_is_refused(void **state)
{
	static const char *const endings[] = { "\n", " ", "=", "A", "+", "==", "\r\n", "\nmore" };
	uint8_t key[INK_KEY_SIZE];
	char line[2 * INK_VKEY_SIZE];
	struct ink_str origin;

	(void)state;
	for (size_t size = 0; size < strlen(SAMPLE); size++) {
		strcpy(line, SAMPLE);
		line[size] = 0;
		assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
	}
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		snprintf(line, sizeof(line), "%s%s", SAMPLE, endings[i]);
		assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
		snprintf(line, sizeof(line), "%s%s", endings[i], SAMPLE);
		assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
	}
	memset(line, 'x', sizeof(line));
	snprintf(line + INK_VKEY_SIZE, INK_VKEY_SIZE, "%s", SAMPLE);
	assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
}

/* A line for any type byte and alphabet, with its right key id. */
static void a_line_of_no_possible_length_is_refused(void **state)
{
	static const size_t sizes[] = { 1, 2, 5, 9, 10, 11, 70000, 1 << 20 };
	uint8_t key[INK_KEY_SIZE];
	struct ink_str origin;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char *line = malloc(sizes[i] + 1); /* exact, so that a sanitizer sees */

		assert_non_null(line);
		memset(line, 'a', sizes[i]);
		line[sizes[i]] = '\0';
		line[sizes[i] / 2] = '+';
		assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
		/* A whole one behind far too much. */
		if (sizes[i] > sizeof(SAMPLE)) {
			line[sizes[i] / 2] = 'a';
			memcpy(line + sizes[i] + 1 - sizeof(SAMPLE), SAMPLE, sizeof(SAMPLE));
			assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
		}
		free(line);
	}
}

static void forge(const char *name, uint8_t type, int variant, bool is_upper, char *ret_line)
{
	uint8_t typed[33], data[300], hash[INK_HASH_SIZE];
	size_t size = strlen(name);
	char base64[64];

	typed[0] = type;
	memset(typed + 1, 0xfb, 32); /* gives '+' and '/' in base64 */
	memcpy(data, name, size);
	data[size] = '\n';
	memcpy(data + size + 1, typed, 33);
	hash_data(data, size + 34, hash);
	sodium_bin2base64(base64, sizeof(base64), typed, 33, variant);
	snprintf(ret_line, INK_VKEY_SIZE,
		 is_upper ? "%s+%02X%02X%02X%02X+%s" : "%s+%02x%02x%02x%02x+%s", name, hash[0],
		 hash[1], hash[2], hash[3], base64);
}

static void only_the_one_spelling_of_a_key_is_taken(void **state)
{
	uint8_t key[INK_KEY_SIZE];
	char line[INK_VKEY_SIZE];
	struct ink_str origin;

	(void)state;
	forge("a", 1, sodium_base64_VARIANT_ORIGINAL, false, line);
	assert_ok(vkey_parse(line, &origin, key));
	forge("a", 1, sodium_base64_VARIANT_URLSAFE, false, line);
	assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
	forge("a", 1, sodium_base64_VARIANT_ORIGINAL, true, line);
	assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
	forge("a", 4, sodium_base64_VARIANT_ORIGINAL, false, line);
	assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
	forge("", 1, sodium_base64_VARIANT_ORIGINAL, false, line);
	assert_err(INK_ERR_INVALID, vkey_parse(line, &origin, key));
}

/* S + L is the same number modulo L: lax verifiers take both (malleability). */
static void a_signature_with_s_raised_by_the_group_order_is_refused(void **state)
{
	uint8_t order[32], key[32], secret[64], signature[64];
	unsigned carry = 0;

	(void)state;
	from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, 32);
	crypto_sign_keypair(key, secret);
	crypto_sign_detached(signature, NULL, (const uint8_t *)"m", 1, secret);
	assert_true(signature_is_good(signature, (const uint8_t *)"m", 1, key));
	for (unsigned i = 0; i < 32; i++) {
		carry += (unsigned)signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_false(signature_is_good(signature, (const uint8_t *)"m", 1, key));
}

/* Points of order 1, 2, 4 and 8, canonical and not, with both signs. */
static const char *const small_points[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void keys_of_small_order_sign_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(small_points); i++)
		for (size_t j = 0; j < 2 * COUNT_OF(small_points); j++) {
			uint8_t key[32], signature[64] = { 0 };

			from_hex(small_points[i / 2], key, 32);
			from_hex(small_points[j / 2], signature, 32);
			key[31] ^= i % 2 ? 0x80 : 0;
			signature[31] ^= j % 2 ? 0x80 : 0;
			/* S = 0: holds for many messages if nobody looks at the order. */
			for (uint8_t m = 0; m < 16; m++)
				assert_false(signature_is_good(signature, &m, 1, key));
		}
}

static void a_name_is_printable_ascii_without_space_and_plus(void **state)
{
	char name[ORIGIN_NAME_SIZE_MAX + 2];

	(void)state;
	assert_true(origin_name_is_valid("a"));
	assert_true(origin_name_is_valid("logs.example.com/ci"));
	assert_false(origin_name_is_valid(""));
	assert_false(origin_name_is_valid("a b"));
	assert_false(origin_name_is_valid("a+b"));
	assert_false(origin_name_is_valid("a\nb"));
	assert_false(origin_name_is_valid("a\x7f"));
	assert_false(origin_name_is_valid("\xc3\xa9"));
	assert_false(origin_name_is_valid("/a"));
	assert_false(origin_name_is_valid("a/"));
	memset(name, 'x', sizeof(name));
	name[ORIGIN_NAME_SIZE_MAX] = 0;
	assert_true(origin_name_is_valid(name));
	name[ORIGIN_NAME_SIZE_MAX] = 'x';
	name[ORIGIN_NAME_SIZE_MAX + 1] = 0;
	assert_false(origin_name_is_valid(name));
}

static void an_origin_commits_to_its_store_and_first_seal_key(void **state)
{
	uint8_t id[INK_STORE_ID_SIZE], key[INK_KEY_SIZE], data[15 + 1 + 16 + 32],
		hash[INK_HASH_SIZE];
	char origin[ORIGIN_SIZE_MAX + 1], expected[ORIGIN_SIZE_MAX + 1];

	(void)state;
	memset(id, 1, sizeof(id));
	memset(key, 2, sizeof(key));
	origin_make("logs.example.com/ci", id, key, origin);
	/* By hand from FORMAT.md 5.1. */
	memcpy(data, "inkfs/origin/v1", 16);
	memcpy(data + 16, id, 16);
	memcpy(data + 32, key, 32);
	hash_data(data, sizeof(data), hash);
	strcpy(expected, "logs.example.com/ci/");
	sodium_bin2hex(expected + strlen(expected), 33, hash, 16);
	assert_string_equal(origin, expected);
	assert_true(origin_commits_to(str_of(origin, ORIGIN_SIZE_MAX), id, key));
	id[15] ^= 1;
	assert_false(origin_commits_to(str_of(origin, ORIGIN_SIZE_MAX), id, key));
	id[15] ^= 1;
	key[0] ^= 1;
	assert_false(origin_commits_to(str_of(origin, ORIGIN_SIZE_MAX), id, key));
	key[0] ^= 1;
	for (size_t size = 0; size < strlen(origin); size++)
		assert_false(origin_commits_to(str_of(origin, size), id, key));
	for (size_t at = strlen(origin) - 33; at < strlen(origin); at++) {
		origin[at] ^= 1;
		assert_false(origin_commits_to(str_of(origin, ORIGIN_SIZE_MAX), id, key));
		origin[at] ^= 1;
	}
	origin[0] = ' ';
	assert_false(origin_commits_to(str_of(origin, ORIGIN_SIZE_MAX), id, key));
}

static void a_signed_message_is_domain_header_nonce_and_body(void **state)
{
	uint8_t entry[HEADER_SIZE], nonce[INK_NONCE_SIZE], body[100], message[SIGNED_SIZE_MAX];
	static uint8_t large[SIGNED_SIZE_MAX];
	size_t size;

	(void)state;
	memset(entry, 1, sizeof(entry));
	memset(nonce, 2, sizeof(nonce));
	memset(body, 3, sizeof(body));
	size = signed_message("dom", entry, nonce, body, sizeof(body), message);
	assert_int_equal(size, 4 + 96 + 16 + 100);
	assert_memory_equal(message, "dom\0", 4);
	assert_memory_equal(message + 4, entry, 96);
	assert_memory_equal(message + 100, nonce, 16);
	assert_memory_equal(message + 116, body, 100);
	/* What does not fit has no message, and so no good signature. */
	assert_int_equal(signed_message("dom", entry, nonce, large, sizeof(large), message), 0);
	assert_false(
		record_signature_is_good(INK_GENESIS, entry, nonce, large, sizeof(large), 0, body));
}

static void a_body_shorter_than_its_signatures_has_no_good_one(void **state)
{
	uint8_t entry[HEADER_SIZE] = { 0 }, nonce[INK_NONCE_SIZE] = { 0 }, body[128] = { 0 },
		key[32] = { 5 };

	(void)state;
	for (size_t size = 0; size < 128; size++)
		assert_false(record_signature_is_good(INK_EPOCH, entry, nonce, body, size, 1, key));
	assert_false(record_signature_is_good(INK_APPEND, entry, nonce, body, 128, 0, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_and_a_name_make_the_line_of_the_sample),
		cmocka_unit_test(
			the_example_of_the_specification_is_read_and_its_signature_is_good),
		cmocka_unit_test(a_line_with_any_character_changed_is_refused),
		cmocka_unit_test(a_line_cut_or_lengthened_anywhere_is_refused),
		cmocka_unit_test(a_line_of_no_possible_length_is_refused),
		cmocka_unit_test(only_the_one_spelling_of_a_key_is_taken),
		cmocka_unit_test(a_signature_with_s_raised_by_the_group_order_is_refused),
		cmocka_unit_test(keys_of_small_order_sign_nothing),
		cmocka_unit_test(a_name_is_printable_ascii_without_space_and_plus),
		cmocka_unit_test(an_origin_commits_to_its_store_and_first_seal_key),
		cmocka_unit_test(a_signed_message_is_domain_header_nonce_and_body),
		cmocka_unit_test(a_body_shorter_than_its_signatures_has_no_good_one),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
