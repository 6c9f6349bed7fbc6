/* SPDX-License-Identifier: MIT */
#include "bytes.h"

#include "check.h"
#include "scratch.h"

static void integers_are_stored_with_the_high_byte_first(void **state)
{
	uint8_t p[8];

	(void)state;
	be16_store(p, 0x0102);
	assert_memory_equal(p, "\x01\x02", 2);
	be32_store(p, 0x01020304);
	assert_memory_equal(p, "\x01\x02\x03\x04", 4);
	be64_store(p, UINT64_C(0x0102030405060708));
	assert_memory_equal(p, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_int_equal(be16_load(p), 0x0102);
	assert_int_equal(be32_load(p), 0x01020304);
	assert_true(be64_load(p) == UINT64_C(0x0102030405060708));
	/* At an odd address too. */
	be64_store(p, UINT64_MAX);
	assert_int_equal(be32_load(p + 3), UINT32_MAX);
}

static void a_single_byte_that_is_not_zero_is_seen_wherever_it_stands(void **state)
{
	uint8_t p[41] = { 0 };

	(void)state;
	for (size_t size = 0; size <= sizeof(p); size++)
		assert_true(bytes_are_zero(p, size));
	for (size_t at = 0; at < sizeof(p); at++) {
		p[at] = 0x80;
		assert_false(bytes_are_zero(p, sizeof(p)));
		assert_true(bytes_are_zero(p, at));
		assert_false(bytes_are_zero(p + at, 1));
		p[at] = 0;
	}
}

static void a_writer_fills_its_buffer_to_the_last_byte_and_no_further(void **state)
{
	uint8_t p[16];
	struct put put;

	(void)state;
	memset(p, 0xee, sizeof(p));
	put_init(&put, p, 15);
	put_u64(&put, 1);
	put_u32(&put, 2);
	put_u16(&put, 3);
	put_u8(&put, 4);
	assert_false(put.is_full);
	assert_int_equal(put.size, 15);
	put_u8(&put, 5);
	assert_true(put.is_full);
	assert_int_equal(put.size, 15);
	assert_int_equal(p[15], 0xee);
	assert_memory_equal(p, "\0\0\0\0\0\0\0\1\0\0\0\2\0\3\4", 15);
}

static void what_does_not_fit_stops_everything_behind_it(void **state)
{
	uint8_t p[4] = { 0 };
	struct put put;

	(void)state;
	put_init(&put, p, sizeof(p));
	put_u64(&put, UINT64_MAX);
	put_u8(&put, 1);
	put_zero(&put, 1);
	put_u16(&put, 1);
	put_u32(&put, 1);
	put_bytes(&put, "x", 1);
	assert_true(put.is_full);
	assert_int_equal(put.size, 0);
	assert_true(bytes_are_zero(p, sizeof(p)));
}

static void a_string_over_65535_bytes_is_refused_by_the_writer(void **state)
{
	static uint8_t p[70000];
	static char text[65536];
	struct put put;

	(void)state;
	put_init(&put, p, sizeof(p));
	put_str(&put, (struct ink_str){ text, 65535 });
	assert_false(put.is_full);
	assert_int_equal(put.size, 65537);
	put_init(&put, p, sizeof(p));
	put_str(&put, (struct ink_str){ text, 65536 });
	assert_true(put.is_full);
}

static void nothing_is_written_for_a_null_string(void **state)
{
	uint8_t p[2];
	struct put put;

	(void)state;
	put_init(&put, p, sizeof(p));
	put_str(&put, (struct ink_str){ NULL, 0 });
	assert_false(put.is_full);
	assert_int_equal(put.size, 2);
}

static void a_reader_gives_back_what_the_writer_put(void **state)
{
	uint8_t p[64];
	struct put put;
	struct get get;
	struct ink_str str;

	(void)state;
	put_init(&put, p, sizeof(p));
	put_u8(&put, 0xfe);
	put_u16(&put, 0xfedc);
	put_u32(&put, 0xfedcba98);
	put_u64(&put, UINT64_C(0xfedcba9876543210));
	put_zero(&put, 3);
	put_str(&put, (struct ink_str){ "a\0b", 3 });
	get_init(&get, p, put.size);
	assert_int_equal(get_u8(&get), 0xfe);
	assert_int_equal(get_u16(&get), 0xfedc);
	assert_int_equal(get_u32(&get), 0xfedcba98);
	assert_true(get_u64(&get) == UINT64_C(0xfedcba9876543210));
	get_zero(&get, 3);
	assert_false(get_is_done(&get));
	str = get_str(&get);
	assert_int_equal(str.size, 3);
	assert_memory_equal(str.data, "a\0b", 3);
	assert_true(get_is_done(&get));
}

static void reading_past_the_end_gives_zeros_and_is_remembered(void **state)
{
	const uint8_t p[] = { 0xff, 0xff, 0xff };
	struct get get;

	(void)state;
	get_init(&get, p, sizeof(p));
	assert_int_equal(get_u32(&get), 0);
	assert_true(get.is_bad);
	/* Also what would have fitted is not given any more. */
	assert_int_equal(get_u8(&get), 0);
	assert_null(get_bytes(&get, 1));
	assert_int_equal(get_str(&get).size, 0);
	assert_false(get_is_done(&get));
}

static void a_string_longer_than_the_bytes_there_are_is_refused(void **state)
{
	const uint8_t p[] = { 0, 3, 'a', 'b' };
	const uint8_t huge[] = { 0xff, 0xff, 'a' };
	struct get get;

	(void)state;
	get_init(&get, p, sizeof(p));
	assert_int_equal(get_str(&get).size, 0);
	assert_true(get.is_bad);
	get_init(&get, huge, sizeof(huge));
	assert_int_equal(get_str(&get).size, 0);
	assert_true(get.is_bad);
}

static void a_size_near_the_largest_number_does_not_wrap(void **state)
{
	const uint8_t p[4] = { 0 };
	struct get get;
	struct put put;
	uint8_t out[4];

	(void)state;
	get_init(&get, p, sizeof(p));
	(void)get_u8(&get);
	assert_null(get_bytes(&get, SIZE_MAX));
	put_init(&put, out, sizeof(out));
	put_u8(&put, 1);
	put_zero(&put, SIZE_MAX);
	assert_true(put.is_full);
}

static void reserved_bytes_must_be_zero(void **state)
{
	const uint8_t p[] = { 0, 0, 1 };
	struct get get;

	(void)state;
	get_init(&get, p, 2);
	get_zero(&get, 2);
	assert_true(get_is_done(&get));
	get_init(&get, p, 3);
	get_zero(&get, 3);
	assert_false(get_is_done(&get));
}

static void a_text_is_cut_where_it_is_asked_to_be(void **state)
{
	(void)state;
	assert_int_equal(str_of(NULL, 5).size, 0);
	assert_int_equal(str_of("abc", 5).size, 3);
	assert_int_equal(str_of("abc", 2).size, 2);
	assert_true(str_equals(str_of("abc", 2), str_of("abd", 2)));
	assert_false(str_equals(str_of("abc", 3), str_of("abd", 3)));
	assert_false(str_equals(str_of("abc", 3), str_of("abc", 2)));
	assert_true(str_equals(str_of(NULL, 1), str_of("", 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_stored_with_the_high_byte_first),
		cmocka_unit_test(a_single_byte_that_is_not_zero_is_seen_wherever_it_stands),
		cmocka_unit_test(a_writer_fills_its_buffer_to_the_last_byte_and_no_further),
		cmocka_unit_test(what_does_not_fit_stops_everything_behind_it),
		cmocka_unit_test(a_string_over_65535_bytes_is_refused_by_the_writer),
		cmocka_unit_test(nothing_is_written_for_a_null_string),
		cmocka_unit_test(a_reader_gives_back_what_the_writer_put),
		cmocka_unit_test(reading_past_the_end_gives_zeros_and_is_remembered),
		cmocka_unit_test(a_string_longer_than_the_bytes_there_are_is_refused),
		cmocka_unit_test(a_size_near_the_largest_number_does_not_wrap),
		cmocka_unit_test(reserved_bytes_must_be_zero),
		cmocka_unit_test(a_text_is_cut_where_it_is_asked_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
