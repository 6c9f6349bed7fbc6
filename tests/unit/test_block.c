/* SPDX-License-Identifier: MIT */
#include "block.h"
#include "bytes.h"
#include "check.h"

static struct ink_header header_of(uint8_t kind, uint64_t seq)
{
	return (struct ink_header){ .kind = kind, .seq = seq, .wall_ns = (int64_t)seq * 10 };
}

static void an_empty_block_has_nothing(void **state)
{
	struct ink_block block;

	(void)state;
	block_init(&block);
	assert_int_equal(block.kinds, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_false(ink_block_has(&block, ink_mark_inode(i)));
		assert_false(ink_block_has(&block, ink_mark_actor(i)));
		assert_false(ink_block_has(&block, ink_mark_uid((uint32_t)i)));
	}
}

static void what_was_added_is_there_in_each_respect(void **state)
{
	struct ink_header append = header_of(INK_APPEND, 7), actor = header_of(INK_ACTOR, 3);
	struct ink_block block;

	(void)state;
	append.inode = 12;
	append.uid = 1000;
	append.actor = 3;
	actor.uid = 5;
	block_init(&block);
	block_add(&block, &append, NULL);
	block_add(&block, &actor, NULL);
	assert_int_equal(block.kinds, 1 << INK_APPEND | 1 << INK_ACTOR);
	assert_int_equal(block.wall_min_ns, 30);
	assert_int_equal(block.wall_max_ns, 70);
	assert_true(ink_block_has(&block, ink_mark_inode(12)));
	assert_true(ink_block_has(&block, ink_mark_actor(3)));
	assert_true(ink_block_has(&block, ink_mark_uid(1000)));
	assert_true(ink_block_has(&block, ink_mark_uid(5)));
	assert_false(ink_block_has(&block, ink_mark_uid(3)));
	assert_false(ink_block_has(&block, ink_mark_inode(3)));
	assert_false(ink_block_has(&block, ink_mark_actor(12)));
}

static void the_clock_may_go_back(void **state)
{
	struct ink_header first = header_of(INK_ATTR, 0), second = header_of(INK_ATTR, 1);
	struct ink_block block;

	(void)state;
	first.wall_ns = 100;
	second.wall_ns = -100;
	block_init(&block);
	block_add(&block, &first, NULL);
	block_add(&block, &second, NULL);
	assert_int_equal(block.wall_min_ns, -100);
	assert_int_equal(block.wall_max_ns, 100);
}

static void a_refusal_is_found_by_each_name_in_each_folder(void **state)
{
	struct ink_header header = header_of(INK_DENIED, 1);
	union ink_body body = { .denied = { .op = INK_OP_RENAME,
					    .count = 1,
					    .second_inode = 9,
					    .name = { "old", 3 },
					    .second_name = { "new", 3 } } };
	struct ink_block block;

	(void)state;
	header.inode = 8;
	block_init(&block);
	block_add(&block, &header, &body);
	assert_true(ink_block_has(&block, ink_mark_inode(8)));
	assert_true(ink_block_has(&block, ink_mark_inode(9)));
	for (uint64_t folder = 8; folder < 10; folder++) {
		assert_true(ink_block_has(&block, ink_mark_refused_name(folder, body.denied.name)));
		assert_true(ink_block_has(&block,
					  ink_mark_refused_name(folder, body.denied.second_name)));
		assert_false(ink_block_has(
			&block, ink_mark_refused_name(folder, (struct ink_str){ "ol", 2 })));
	}
}

static void seals_have_no_caller(void **state)
{
	struct ink_header header = header_of(INK_SEAL, 1);
	struct ink_block block;

	(void)state;
	block_init(&block);
	block_add(&block, &header, NULL);
	assert_false(ink_block_has(&block, ink_mark_uid(0)));
	assert_false(ink_block_has(&block, ink_mark_actor(0)));
}

/* number(1, 2) of FORMAT.md 9.3, as the second verifier computes it. */
static const unsigned inode_2_bits[] = { 1357, 718, 1665 };

static void the_bytes_are_as_specified(void **state)
{
	struct ink_header header = header_of(INK_SEAL, 1);
	uint8_t bytes[BLOCK_VALUE_SIZE];
	struct ink_block block, again;

	(void)state;
	header.inode = 2;
	block_init(&block);
	block_add(&block, &header, NULL);
	block_encode(&block, bytes);
	assert_int_equal(be32_load(bytes), 1 << INK_SEAL);
	assert_int_equal(be32_load(bytes + 4), 0);
	assert_int_equal(be64_load(bytes + 8), 10);
	assert_int_equal(be64_load(bytes + 16), 10);
	for (unsigned bit = 0; bit < 8 * INK_BLOCK_MARKS_SIZE; bit++) {
		bool is_set = bytes[24 + bit / 8] & 1U << bit % 8;

		assert_int_equal(is_set, bit == inode_2_bits[0] || bit == inode_2_bits[1] ||
						 bit == inode_2_bits[2]);
	}
	assert_ok(block_decode(bytes, sizeof(bytes), &again));
	assert_int_equal(again.kinds, block.kinds);
	assert_true(again.wall_min_ns == block.wall_min_ns &&
		    again.wall_max_ns == block.wall_max_ns);
	assert_memory_equal(again.marks, block.marks, sizeof(block.marks));
	assert_err(INK_ERR_DAMAGED, block_decode(bytes, sizeof(bytes) - 1, &again));
	bytes[4] = 1;
	assert_err(INK_ERR_DAMAGED, block_decode(bytes, sizeof(bytes), &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_block_has_nothing),
		cmocka_unit_test(what_was_added_is_there_in_each_respect),
		cmocka_unit_test(the_clock_may_go_back),
		cmocka_unit_test(a_refusal_is_found_by_each_name_in_each_folder),
		cmocka_unit_test(seals_have_no_caller),
		cmocka_unit_test(the_bytes_are_as_specified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
