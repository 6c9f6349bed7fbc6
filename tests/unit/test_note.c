/* SPDX-License-Identifier: MIT */
#include "note.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "hex.h"
#include "scratch.h"

#define LOG_KEY "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
#define WITNESS_KEY "cd14b37f956e953194ff7fb73b3d81dcc561d61a7538094b7c3e1a643ee5f3aa"
#define NOTE_VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define NOTE_BASE64 \
	"Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
#define NOTE_TEXT "This is an example message.\n"
#define DASH "\xe2\x80\x94 "
#define NOTE NOTE_TEXT "\n" DASH "example.com/foo " NOTE_BASE64 "\n"

static uint8_t log_key[INK_KEY_SIZE], witness_key[INK_KEY_SIZE];
static const unsigned sizes[] = { 0, 1, 2, 3, 7, 255, 256, 257, 300 };

static int setup(void **state)
{
	(void)state;
	from_hex(LOG_KEY, log_key, sizeof(log_key));
	from_hex(WITNESS_KEY, witness_key, sizeof(witness_key));
	return vkey_setup() ? 0 : -1;
}

static char *sample(unsigned size, size_t *ret_size)
{
	char path[128];

	snprintf(path, sizeof(path), "tests/data/merkle/checkpoint-%u", size);
	return (char *)file_read(path, ret_size);
}

static enum ink_err parse(const char *text)
{
	struct note note;
	size_t size = strlen(text);
	char *exact = malloc(size ? size : 1); /* so that a sanitizer sees what is read behind it */
	enum ink_err err;

	assert_non_null(exact);
	memcpy(exact, text, size);
	err = note_parse(exact, size, &note);
	free(exact);
	return err;
}

static void the_example_of_the_specification_is_good(void **state)
{
	uint8_t key[INK_KEY_SIZE];
	struct ink_str name;
	struct note note;

	(void)state;
	assert_ok(vkey_parse(NOTE_VKEY, &name, key));
	assert_ok(note_parse(NOTE, strlen(NOTE), &note));
	assert_int_equal(note.text.size, strlen(NOTE_TEXT));
	assert_int_equal(note_check(&note, name, NOTE_ED25519, key, NULL), NOTE_GOOD);
	assert_int_equal(note_check(&note, name, NOTE_COSIGNATURE, key, NULL), NOTE_UNKNOWN);
	assert_int_equal(note_check(&note, str_of("other", 5), NOTE_ED25519, key, NULL),
			 NOTE_UNKNOWN);
}

static void all_checkpoints_of_the_sample_are_good_and_come_out_the_same_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct checkpoint checkpoint;
		uint8_t again[1024];
		uint64_t time_s = 0;
		struct note note;
		struct put put;
		size_t size;
		char *data = sample(sizes[i], &size);

		assert_ok(note_parse(data, size, &note));
		assert_int_equal(note.line_count, 2);
		assert_ok(checkpoint_decode(note.text, &checkpoint));
		assert_int_equal(checkpoint.size, sizes[i]);
		assert_int_equal(note_check(&note, checkpoint.origin, NOTE_ED25519, log_key, NULL),
				 NOTE_GOOD);
		assert_int_equal(note_check(&note, str_of("witness.example/w1", 100),
					    NOTE_COSIGNATURE, witness_key, &time_s),
				 NOTE_GOOD);
		assert_int_equal(time_s, 1700000010 + 10 * i);
		put_init(&put, again, sizeof(again));
		checkpoint_put(&put, &checkpoint);
		assert_int_equal(put.size, note.text.size);
		assert_memory_equal(again, note.text.data, put.size);
		free(data);
	}
}

/* Whatever bit is changed: never good for both keys with what was signed. */
static void no_changed_bit_of_a_checkpoint_passes(void **state)
{
	struct note note;
	size_t size;
	char *data = sample(257, &size);

	(void)state;
	for (size_t bit = 0; bit < 8 * size; bit++) {
		bool is_good = false;

		data[bit / 8] ^= (char)(1 << bit % 8);
		if (note_parse(data, size, &note) == INK_OK)
			is_good = note_check(&note, str_of("example.com/sample", 100), NOTE_ED25519,
					     log_key, NULL) == NOTE_GOOD &&
				  note_check(&note, str_of("witness.example/w1", 100),
					     NOTE_COSIGNATURE, witness_key, NULL) == NOTE_GOOD;
		assert_false(is_good);
		data[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < size; cut++) {
		char *exact = malloc(cut ? cut : 1);

		assert_non_null(exact);
		memcpy(exact, data, cut);
		if (note_parse(exact, cut, &note) == INK_OK)
			assert_int_equal(note.line_count, 1);
		free(exact);
	}
	free(data);
}

static void a_known_key_with_a_bad_signature_is_told_from_an_unknown_key(void **state)
{
	char text[] = NOTE;
	uint8_t key[INK_KEY_SIZE];
	struct ink_str name;
	struct note note;

	(void)state;
	assert_ok(vkey_parse(NOTE_VKEY, &name, key));
	text[0] = 'X';
	assert_ok(note_parse(text, strlen(text), &note));
	assert_int_equal(note_check(&note, name, NOTE_ED25519, key, NULL), NOTE_BAD);
	key[0] ^= 1;
	assert_int_equal(note_check(&note, name, NOTE_ED25519, key, NULL), NOTE_UNKNOWN);
}

static void what_is_not_a_note_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"\n\n",
		"a\n",
		"a\n\n",
		"\n\n" DASH "n AAAAAAA=\n",
		"a\n" DASH "n AAAAAAA=\n",
		"a\n\n" DASH "n AAAAAAA=",
		"a\n\n" DASH "n AAAAAAA=\n\n",
		"a\n\n- n AAAAAAA=\n",
		"a\n\n" DASH " AAAAAAA=\n",
		"a\n\n" DASH "n+ AAAAAAA=\n",
		"a\n\n" DASH "n\xc2\xa0m AAAAAAA=\n",
		"a\n\n" DASH "n\xe3\x80\x80m AAAAAAA=\n",
		"a\n\n" DASH "n m AAAAAAA=\n",
		"a\n\n" DASH "n  AAAAAAA=\n",
		"a\n\n" DASH "n AAAAAAA= \n",
		"a\n\n" DASH "n AAAAAA==\n",
		"a\n\n" DASH "n AAAAAAA\n",
		"a\n\n" DASH "n AAAAAAB=\n",
		"a\n\n" DASH "n AAAA_AA=\n",
		"a\n\n" DASH "n\n",
		"a\n\n" DASH "n AAAAAAA=\n" DASH "n AAAAABA=\n",
		"a\r\n\n" DASH "n AAAAAAA=\n",
		"a\t\n\n" DASH "n AAAAAAA=\n",
		"a\xff\n\n" DASH "n AAAAAAA=\n",
		"a\xc0\x80\n\n" DASH "n AAAAAAA=\n",
		"a\x82\x80\n\n" DASH "n AAAAAAA=\n",
		"a\xe0\x80\x80\n\n" DASH "n AAAAAAA=\n",
		"a\xe2\x82\n\n" DASH "n AAAAAAA=\n",
		"a\xf9\x80\x80\x80\n\n" DASH "n AAAAAAA=\n",
		"a\xed\xa0\x80\n\n" DASH "n AAAAAAA=\n",
		"a\xf4\x90\x80\x80\n\n" DASH "n AAAAAAA=\n",
	};

	(void)state;
	assert_ok(parse("a\n\n" DASH "n AAAAAAA=\n"));
	assert_ok(parse("a\n\nb\n\n" DASH "n AAAAAAA=\n" DASH "m AAAAAAA=\n"));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (parse(bad[i]) != INK_ERR_INVALID)
			fail_msg("taken: %zu", i);
	}
	assert_err(INK_ERR_INVALID, parse("a\n\n" DASH "n AAAAAAA=\n" DASH "n AAAAAAA=\n"));
}

static void names_may_be_of_any_letters_but_spaces(void **state)
{
	static const char *const good[] = { "\xc3\xa0",         "\xc2\xb5",        "\xc2\x84",
					    "\xe2\x82\xac",     "\xe1\x9a\x81",    "\xe2\x80\x8b",
					    "\xf0\x9f\x98\x80", "\xf1\x9a\x80\x80" };
	static const char *const bad[] = { "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
					   "\xe2\x80\x80", "\xe2\x80\x8a", "\xe2\x80\xa8",
					   "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
					   "\xe3\x80\x80", "\x7f\xe2\x80" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		snprintf(text, sizeof(text), "a\n\n" DASH "n%sm AAAAAAA=\n", good[i]);
		if (parse(text) != INK_OK)
			fail_msg("refused: %zu", i);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		snprintf(text, sizeof(text), "a\n\n" DASH "n%sm AAAAAAA=\n", bad[i]);
		if (parse(text) != INK_ERR_INVALID)
			fail_msg("taken: %zu", i);
	}
}

static void numbers_and_hashes_have_one_spelling(void **state)
{
	static const char *const bad_numbers[] = { "",
						   "00",
						   "01",
						   "-1",
						   "1x",
						   "1:",
						   "1/",
						   "184467440737095516150",
						   "18446744073709551616",
						   "99999999999999999999" };
	static const char hash[] = "if9iql/LmN7OnpoR6VNr+xJsxqKUY1F168hRyghCNxI=";
	uint8_t bytes[INK_HASH_SIZE];
	uint64_t value;

	(void)state;
	assert_true(text_decode_u64(str_of("18446744073709551615", 20), &value));
	assert_true(value == UINT64_MAX);
	for (size_t i = 0; i < COUNT_OF(bad_numbers); i++)
		assert_false(text_decode_u64(str_of(bad_numbers[i], 32), &value));
	assert_ok(hash_decode_base64(str_of(hash, 64), bytes));
	for (size_t at = 0; at < sizeof(hash) - 1; at++) {
		static const char wrong[] = { 0, '\n', ' ', '-', '_', '=', (char)0xc1 };

		for (size_t i = 0; i < sizeof(wrong); i++) {
			char text[sizeof(hash)];

			memcpy(text, hash, sizeof(text));
			if (text[at] == wrong[i])
				continue;
			text[at] = wrong[i];
			assert_err(INK_ERR_INVALID,
				   hash_decode_base64((struct ink_str){ text, sizeof(hash) - 1 },
						      bytes));
		}
	}
}

static void a_line_or_an_origin_that_is_too_long_is_refused(void **state)
{
	static const char root[] = "if9iql/LmN7OnpoR6VNr+xJsxqKUY1F168hRyghCNxI=";
	char text[8192] = "a\n\n" DASH "n ";
	struct checkpoint checkpoint;

	(void)state;
	memset(text + strlen(text), 'A', 5600);
	strcat(text, "\n");
	assert_err(INK_ERR_INVALID, parse(text));
	for (size_t size = CHECKPOINT_ORIGIN_SIZE_MAX; size <= CHECKPOINT_ORIGIN_SIZE_MAX + 1;
	     size++) {
		memset(text, 'o', size);
		snprintf(text + size, sizeof(text) - size, "\n1\n%s\n", root);
		assert_int_equal(checkpoint_decode(str_of(text, sizeof(text)), &checkpoint) ==
					 INK_OK,
				 size == CHECKPOINT_ORIGIN_SIZE_MAX);
	}
}

static void a_note_has_64_KiB_and_no_more(void **state)
{
	static const char tail[] = "\n\n" DASH "n AAAAAAA=\n";
	char *text = malloc(NOTE_SIZE_MAX + 2);

	(void)state;
	assert_non_null(text);
	for (size_t size = NOTE_SIZE_MAX; size <= NOTE_SIZE_MAX + 1; size++) {
		memset(text, 'a', size);
		memcpy(text + size - (sizeof(tail) - 1), tail, sizeof(tail));
		assert_err(size == NOTE_SIZE_MAX ? INK_OK : INK_ERR_LIMIT, parse(text));
	}
	free(text);
}

/* C2SP tlog-cosignature: a time below 2^63.  Both are signed as they should be. */
static void a_cosignature_of_no_possible_time_is_bad(void **state)
{
	static const uint64_t times[] = { 0, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX };
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 5 };
	uint8_t key[INK_KEY_SIZE], secret[crypto_sign_SECRETKEYBYTES];
	struct ink_str name = str_of("w", 1);

	(void)state;
	crypto_sign_seed_keypair(key, secret, seed);
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		uint8_t signature[INK_SIGNATURE_SIZE], message[256], bytes[512];
		struct put signed_put, put;
		uint64_t time_s = 0;
		struct note note;

		put_init(&signed_put, message, sizeof(message));
		note_put_cosigned(&signed_put, times[i], str_of(NOTE_TEXT, 100));
		crypto_sign_detached(signature, NULL, message, signed_put.size, secret);
		put_init(&put, bytes, sizeof(bytes));
		put_bytes(&put, NOTE_TEXT "\n", strlen(NOTE_TEXT) + 1);
		note_put_line(&put, name, NOTE_COSIGNATURE, key, times[i], signature);
		assert_ok(note_parse(bytes, put.size, &note));
		assert_int_equal(note_check(&note, name, NOTE_COSIGNATURE, key, &time_s),
				 times[i] <= INT64_MAX ? NOTE_GOOD : NOTE_BAD);
	}
}

static void sixteen_lines_are_read_and_no_more(void **state)
{
	char text[1024] = "a\n\n";

	(void)state;
	for (unsigned i = 0; i < NOTE_LINE_COUNT_MAX; i++)
		sprintf(text + strlen(text), DASH "n%u AAAAAAA=\n", i);
	assert_ok(parse(text));
	strcat(text, DASH "z AAAAAAA=\n");
	assert_err(INK_ERR_LIMIT, parse(text));
}

static void what_is_not_a_checkpoint_is_refused(void **state)
{
#define ROOT "if9iql/LmN7OnpoR6VNr+xJsxqKUY1F168hRyghCNxI=\n"
	static const char *const bad[] = {
		"",
		"o\n",
		"o\n1\n",
		"\n1\n" ROOT,
		"o\n01\n" ROOT,
		"o\n\n" ROOT,
		"o\n+1\n" ROOT,
		"o\n1 \n" ROOT,
		"o\n-1\n" ROOT,
		"o\n18446744073709551616\n" ROOT,
		"o\n0\n" ROOT,
		"o\n1\nif9iql/LmN7OnpoR6VNr+xJsxqKUY1F168hRyghCNxJ=\n",
		"o\n1\nif9iql/LmN7OnpoR6VNr+xJsxqKUY1F168hRyghCNw==\n",
		"o\n1\n" ROOT "\n",
		"o\n1\n" ROOT "x",
	};
	struct checkpoint checkpoint;

	(void)state;
	assert_ok(checkpoint_decode(str_of("o\n18446744073709551615\n" ROOT "extension\n", 200),
				    &checkpoint));
	assert_true(checkpoint.size == UINT64_MAX);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (checkpoint_decode(str_of(bad[i], 200), &checkpoint) != INK_ERR_INVALID)
			fail_msg("taken: %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_specification_is_good),
		cmocka_unit_test(
			all_checkpoints_of_the_sample_are_good_and_come_out_the_same_again),
		cmocka_unit_test(no_changed_bit_of_a_checkpoint_passes),
		cmocka_unit_test(a_known_key_with_a_bad_signature_is_told_from_an_unknown_key),
		cmocka_unit_test(what_is_not_a_note_is_refused),
		cmocka_unit_test(names_may_be_of_any_letters_but_spaces),
		cmocka_unit_test(numbers_and_hashes_have_one_spelling),
		cmocka_unit_test(a_line_or_an_origin_that_is_too_long_is_refused),
		cmocka_unit_test(a_note_has_64_KiB_and_no_more),
		cmocka_unit_test(a_cosignature_of_no_possible_time_is_bad),
		cmocka_unit_test(sixteen_lines_are_read_and_no_more),
		cmocka_unit_test(what_is_not_a_checkpoint_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
