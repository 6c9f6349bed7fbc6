/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include "check.h"
#include "hash.h"
#include "scratch.h"

enum { BODY_SIZE = 21 };

/* A whole frame of an APPEND. */
static size_t make_frame(uint8_t *frame, struct ink_header *header)
{
	uint8_t nonce[INK_NONCE_SIZE];
	struct frame_head head;

	memset(frame, 0, frame_size(BODY_SIZE));
	memset(nonce, 7, sizeof(nonce));
	memset(frame + FRAME_OFF_BODY, 'b', BODY_SIZE);
	*header = (struct ink_header){
		.kind = INK_APPEND, .body_size = BODY_SIZE, .seq = 9, .inode = 2
	};
	hash_two(nonce, sizeof(nonce), frame + FRAME_OFF_BODY, BODY_SIZE, header->digest);
	frame_encode(header, nonce, &head);
	memcpy(frame, head.bytes, sizeof(head.bytes));
	return frame_size(BODY_SIZE);
}

static void a_frame_comes_back_with_its_leaf_and_digest(void **state)
{
	uint8_t frame[256], leaf[INK_HASH_SIZE], expected[INK_HASH_SIZE];
	struct ink_header header, again;

	(void)state;
	assert_int_equal(make_frame(frame, &header), 184);
	assert_memory_equal(frame, "inkF", 4);
	assert_ok(frame_decode(frame, &again, leaf));
	assert_true(again.seq == 9 && again.inode == 2 && again.body_size == BODY_SIZE);
	hash_leaf(frame + 8, 133, expected);
	assert_memory_equal(leaf, expected, INK_HASH_SIZE);
	assert_memory_equal(frame + 4, expected, 4);
	assert_true(frame_has_digest(frame, &again));
}

static void a_flipped_bit_is_seen_in_every_byte_before_the_padding(void **state)
{
	uint8_t frame[256], leaf[INK_HASH_SIZE];
	struct ink_header header, again;

	(void)state;
	make_frame(frame, &header);
	for (size_t at = 0; at < FRAME_OFF_BODY + BODY_SIZE; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			enum ink_err err;

			frame[at] ^= (uint8_t)(1U << bit);
			err = frame_decode(frame, &again, leaf);
			if (at < 4)
				assert_err(INK_ERR_NOT_FOUND, err);
			else if (at < FRAME_OFF_NONCE)
				assert_err(INK_ERR_DAMAGED, err);
			else
				assert_true(err == INK_OK && !frame_has_digest(frame, &again));
			frame[at] ^= (uint8_t)(1U << bit);
		}
}

static void zeros_are_no_frame(void **state)
{
	const uint8_t zeros[FRAME_OFF_BODY] = { 0 };
	uint8_t leaf[INK_HASH_SIZE];
	struct ink_header header;

	(void)state;
	assert_err(INK_ERR_NOT_FOUND, frame_decode(zeros, &header, leaf));
}

static void a_record_of_a_later_version_is_foreign_and_not_damaged(void **state)
{
	uint8_t frame[256], leaf[INK_HASH_SIZE];
	struct ink_header header;

	(void)state;
	make_frame(frame, &header);
	frame[FRAME_OFF_HEADER] = 2;
	hash_leaf(frame + FRAME_OFF_HEADER, HEADER_SIZE, leaf);
	memcpy(frame + FRAME_OFF_CHECK, leaf, FRAME_CHECK_SIZE);
	assert_err(INK_ERR_FOREIGN, frame_decode(frame, &header, leaf));
}

static void frames_are_multiples_of_eight(void **state)
{
	(void)state;
	assert_int_equal(frame_size(0), 160);
	assert_int_equal(frame_size(3), 160);
	assert_int_equal(frame_size(4), 168);
	assert_int_equal(frame_size(INK_APPEND_SIZE_MAX), INK_APPEND_SIZE_MAX + 160);
	for (uint32_t size = 0; size < 1000; size++) {
		assert_int_equal(frame_size(size) % 8, 0);
		assert_true(frame_size(size) >= 157 + size && frame_size(size) < 157 + size + 8);
	}
}

static void place_is_segment_and_offset(void **state)
{
	uint64_t place = place_make(UINT32_MAX, 0x80000000U);

	(void)state;
	assert_true(place == UINT64_C(0xffffffff80000000));
	assert_int_equal(place_segment(place), UINT32_MAX);
	assert_int_equal(place_offset(place), 0x80000000U);
}

static void a_segment_header_comes_back_and_lies_as_the_format_says(void **state)
{
	uint8_t bytes[SEGMENT_HEADER_SIZE], id[INK_STORE_ID_SIZE], prev[INK_HASH_SIZE],
		hash[INK_HASH_SIZE];
	struct segment_header header;

	(void)state;
	memset(id, 1, sizeof(id));
	memset(prev, 2, sizeof(prev));
	segment_header_encode(0x01020304, 0x1112131415161718, id, prev, bytes);
	assert_memory_equal(bytes, "inkfsSEG\0\0\0\1\1\2\3\4\x11\x12\x13\x14\x15\x16\x17\x18", 24);
	assert_memory_equal(bytes + 24, id, 16);
	assert_memory_equal(bytes + 40, prev, 32);
	assert_true(bytes_are_zero(bytes + 72, 24));
	hash_data(bytes, 96, hash);
	assert_memory_equal(bytes + 96, hash, 32);
	assert_ok(segment_header_decode(bytes, &header));
	assert_true(header.index == 0x01020304 && header.first_seq == 0x1112131415161718);
	assert_memory_equal(header.store_id, id, 16);
	assert_memory_equal(header.prev, prev, 32);
}

static void a_flipped_bit_is_seen_in_every_byte_of_a_segment_header(void **state)
{
	uint8_t bytes[SEGMENT_HEADER_SIZE], zeros[INK_HASH_SIZE] = { 0 };
	struct segment_header header;

	(void)state;
	segment_header_encode(3, 4, zeros, zeros, bytes);
	for (size_t at = 0; at < sizeof(bytes); at++) {
		bytes[at] ^= 1;
		assert_err(at < 8 ? INK_ERR_FOREIGN : INK_ERR_DAMAGED,
			   segment_header_decode(bytes, &header));
		bytes[at] ^= 1;
	}
}

static void a_segment_header_with_a_right_hash_must_still_keep_the_format(void **state)
{
	uint8_t bytes[SEGMENT_HEADER_SIZE], zeros[INK_HASH_SIZE] = { 0 };
	struct segment_header header;

	(void)state;
	segment_header_encode(3, 4, zeros, zeros, bytes);
	bytes[95] = 1;
	hash_data(bytes, 96, bytes + 96);
	assert_err(INK_ERR_DAMAGED, segment_header_decode(bytes, &header));
	bytes[95] = 0;
	bytes[11] = 2;
	hash_data(bytes, 96, bytes + 96);
	assert_err(INK_ERR_FOREIGN, segment_header_decode(bytes, &header));
}

/* Its hash may be another, over other bytes; but a changed version alone is a change. */
static void a_segment_of_a_later_version_is_foreign_whatever_its_hash(void **state)
{
	uint8_t bytes[SEGMENT_HEADER_SIZE], zeros[INK_HASH_SIZE] = { 0 };
	struct segment_header header;

	(void)state;
	segment_header_encode(3, 4, zeros, zeros, bytes);
	bytes[80] = 'x';
	for (unsigned version = 2; version < 256; version++) {
		bytes[11] = (uint8_t)version;
		assert_err(INK_ERR_FOREIGN, segment_header_decode(bytes, &header));
	}
	bytes[11] = 0; /* of before the first */
	assert_err(INK_ERR_DAMAGED, segment_header_decode(bytes, &header));
	bytes[11] = 255;
	bytes[10] = 1;
	assert_err(INK_ERR_DAMAGED, segment_header_decode(bytes, &header));
	bytes[10] = 0;
	bytes[80] = 0;
	bytes[11] = 2;
	assert_err(INK_ERR_DAMAGED, segment_header_decode(bytes, &header));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_back_with_its_leaf_and_digest),
		cmocka_unit_test(a_flipped_bit_is_seen_in_every_byte_before_the_padding),
		cmocka_unit_test(zeros_are_no_frame),
		cmocka_unit_test(a_record_of_a_later_version_is_foreign_and_not_damaged),
		cmocka_unit_test(frames_are_multiples_of_eight),
		cmocka_unit_test(place_is_segment_and_offset),
		cmocka_unit_test(a_segment_header_comes_back_and_lies_as_the_format_says),
		cmocka_unit_test(a_flipped_bit_is_seen_in_every_byte_of_a_segment_header),
		cmocka_unit_test(a_segment_of_a_later_version_is_foreign_whatever_its_hash),
		cmocka_unit_test(a_segment_header_with_a_right_hash_must_still_keep_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
