/* SPDX-License-Identifier: MIT */
/* Bodies: each kind from random fields to bytes and back to the same bytes, and any bytes at all. */
#include <stdlib.h>

#include "any_body.h"
#include "check.h"

static const uint8_t *text;

/* A decoded body as bytes again, its signatures included. */
static size_t encode_again(uint8_t kind, const union ink_body *body, uint8_t *bytes)
{
	struct put put;

	put_init(&put, bytes, ANY_BODY_ROOM);
	body_encode(kind, body, &put);
	if (kind == INK_GENESIS) {
		put_bytes(&put, body->genesis.log_signature, 64);
		put_bytes(&put, body->genesis.seal_signature, 64);
	} else if (body_domain(kind)) {
		put_bytes(&put, body->seal.signature, 64);
		if (kind != INK_SEAL)
			put_bytes(&put, body->seal.next_signature, 64);
	}
	return put.size;
}

static int fill_text(void **state)
{
	(void)state;
	text = any_body_text();
	return 0;
}

static void a_body_of_every_kind_comes_back_as_it_was(void **state)
{
	static uint8_t again[ANY_BODY_ROOM];
	unsigned done = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, "body");
	for (unsigned round = 0; round < rounds(1500); round++) {
		for (uint8_t kind = 1; kind <= INK_KIND_LAST; kind++) {
			union ink_body body;
			uint8_t *bytes;
			size_t size;

			if (kind == INK_APPEND)
				continue;
			bytes = any_body_bytes(&rng, kind, &size);
			if (!bytes)
				continue;
			done++;
			assert_ok(ink_body_decode(kind, bytes, size, &body));
			assert_int_equal(encode_again(kind, &body, again), size);
			assert_memory_equal(bytes, again, size);
			free(bytes);
		}
	}
	assert_true(done >= rounds(1500) * 19);
}

static void a_body_one_byte_shorter_or_longer_is_refused(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, "body");
	for (unsigned round = 0; round < rounds(30); round++) {
		for (uint8_t kind = 1; kind <= INK_KIND_LAST; kind++) {
			uint8_t *bytes, *cut;
			union ink_body body;
			size_t size;

			if (kind == INK_APPEND)
				continue;
			bytes = any_body_bytes(&rng, kind, &size);
			if (!bytes)
				continue;
			/* Cut to every size near the ends, in memory of that size, so that a sanitizer sees. */
			for (size_t n = 0; n < size; n += (n < 300 || n + 300 > size) ? 1 : 97) {
				cut = malloc(n ? n : 1);
				memcpy(cut, bytes, n);
				assert_err(INK_ERR_DAMAGED, ink_body_decode(kind, cut, n, &body));
				free(cut);
			}
			cut = malloc(size + 1);
			memcpy(cut, bytes, size);
			cut[size] = 0;
			assert_err(INK_ERR_DAMAGED, ink_body_decode(kind, cut, size + 1, &body));
			free(cut);
			free(bytes);
		}
	}
}

static void hostile_bytes_are_refused_or_mean_exactly_what_they_say(void **state)
{
	static uint8_t again[ANY_BODY_ROOM];
	unsigned taken = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, "body");
	for (unsigned round = 0; round < rounds(4000); round++) {
		uint8_t kind = (uint8_t)(1 + rng_below(&rng, INK_KIND_LAST));
		union ink_body body;
		uint8_t *bytes;
		size_t size;

		if (kind == INK_APPEND)
			continue;
		bytes = any_body_bytes(&rng, kind, &size);
		if (!bytes)
			continue;
		for (unsigned flips = 1 + (unsigned)rng_below(&rng, 3); flips > 0; flips--)
			bytes[rng_below(&rng, size < 160 ? size : 160)] = (uint8_t)rng_next(&rng);
		if (ink_body_decode(kind, bytes, size, &body) == INK_OK) {
			taken++;
			assert_int_equal(encode_again(kind, &body, again), size);
			assert_memory_equal(bytes, again, size);
		}
		free(bytes);
	}
	assert_true(taken > 0);
}

static void random_bytes_never_break_a_decoder(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, "body");
	for (unsigned round = 0; round < rounds(40000); round++) {
		size_t size = rng_below(&rng, 300);
		uint8_t *bytes = malloc(size ? size : 1);
		union ink_body body;

		rng_fill(&rng, bytes, size);
		/* Small numbers get further into a decoder than large ones. */
		for (size_t i = 0; i < size; i++)
			if (rng_below(&rng, 3))
				bytes[i] &= 1;
		(void)!ink_body_decode((uint8_t)rng_below(&rng, INK_KIND_LAST + 3), bytes, size,
				       &body);
		free(bytes);
	}
}

static void an_append_is_its_bytes_from_one_to_a_mebibyte(void **state)
{
	uint8_t *bytes = calloc(1, INK_APPEND_SIZE_MAX + 1);
	union ink_body body;

	(void)state;
	assert_err(INK_ERR_DAMAGED, ink_body_decode(INK_APPEND, bytes, 0, &body));
	assert_ok(ink_body_decode(INK_APPEND, bytes, 1, &body));
	assert_int_equal(body.append.size, 1);
	assert_ptr_equal(body.append.data, bytes);
	assert_ok(ink_body_decode(INK_APPEND, bytes, INK_APPEND_SIZE_MAX, &body));
	assert_err(INK_ERR_DAMAGED,
		   ink_body_decode(INK_APPEND, bytes, INK_APPEND_SIZE_MAX + 1, &body));
	free(bytes);
}

static void a_number_that_is_no_kind_has_no_body(void **state)
{
	union ink_body body;

	(void)state;
	assert_err(INK_ERR_DAMAGED, ink_body_decode(0, text, 8, &body));
	assert_err(INK_ERR_DAMAGED, ink_body_decode(INK_KIND_LAST + 1, text, 8, &body));
	assert_err(INK_ERR_DAMAGED, ink_body_decode(255, text, 8, &body));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_of_every_kind_comes_back_as_it_was),
		cmocka_unit_test(a_body_one_byte_shorter_or_longer_is_refused),
		cmocka_unit_test(hostile_bytes_are_refused_or_mean_exactly_what_they_say),
		cmocka_unit_test(random_bytes_never_break_a_decoder),
		cmocka_unit_test(an_append_is_its_bytes_from_one_to_a_mebibyte),
		cmocka_unit_test(a_number_that_is_no_kind_has_no_body),
	};

	return cmocka_run_group_tests(tests, fill_text, NULL);
}
