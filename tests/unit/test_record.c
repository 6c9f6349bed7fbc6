/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <sys/stat.h>

#include "check.h"
#include "scratch.h"

static void random_header(struct rng *rng, uint8_t kind, struct ink_header *ret_header)
{
	struct ink_header h = { .kind = kind };
	uint32_t limit = body_size_max(kind);

	h.body_size = (uint32_t)rng_below(rng, limit) + 1;
	h.seq = rng_next(rng);
	h.wall_ns = (int64_t)rng_next(rng);
	h.boot_ns = rng_next(rng);
	h.inode = rng_next(rng);
	h.offset = kind == INK_APPEND ? rng_next(rng) : 0;
	h.uid = (uint32_t)rng_next(rng);
	h.gid = (uint32_t)rng_next(rng);
	h.actor = rng_next(rng);
	rng_fill(rng, h.prev, sizeof(h.prev));
	rng_fill(rng, h.digest, sizeof(h.digest));
	*ret_header = h;
}

static void assert_same_header(const struct ink_header *a, const struct ink_header *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->body_size, b->body_size);
	assert_true(a->seq == b->seq && a->wall_ns == b->wall_ns && a->boot_ns == b->boot_ns);
	assert_true(a->inode == b->inode && a->offset == b->offset && a->actor == b->actor);
	assert_true(a->uid == b->uid && a->gid == b->gid);
	assert_memory_equal(a->prev, b->prev, INK_HASH_SIZE);
	assert_memory_equal(a->digest, b->digest, INK_HASH_SIZE);
}

static void a_header_of_every_kind_comes_back_as_it_was(void **state)
{
	struct ink_header header, again;
	uint8_t entry[HEADER_SIZE];
	struct rng rng;

	(void)state;
	rng_init(&rng, "record");
	for (unsigned round = 0; round < rounds(2000); round++) {
		random_header(&rng, (uint8_t)(1 + round % INK_KIND_LAST), &header);
		header_encode(&header, entry);
		assert_ok(header_decode(entry, &again));
		assert_same_header(&header, &again);
	}
}

/* By hand from FORMAT.md section 4. */
static void a_header_lies_as_the_format_says(void **state)
{
	struct ink_header header = { .kind = INK_APPEND,
				     .body_size = 0x00010203,
				     .seq = 0x1112131415161718,
				     .wall_ns = 0x2122232425262728,
				     .boot_ns = 0x3132333435363738,
				     .inode = 0x4142434445464748,
				     .offset = 0x5152535455565758,
				     .uid = 0x61626364,
				     .gid = 0x65666768,
				     .actor = 0x7172737475767778 };
	static const uint8_t begin[64] = {
		1,    15,   0,    0,    0,    1,    2,    3,    0x11, 0x12, 0x13, 0x14, 0x15,
		0x16, 0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32,
		0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,
		0x48, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x61, 0x62, 0x63, 0x64,
		0x65, 0x66, 0x67, 0x68, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78,
	};
	static const uint8_t end[5] = { 0, 0, 0, 96, 1 };
	uint8_t entry[HEADER_SIZE];

	(void)state;
	memset(header.prev, 0x80, INK_HASH_SIZE);
	memset(header.digest, 0x90, INK_HASH_SIZE);
	header_encode(&header, entry);
	assert_memory_equal(entry, begin, sizeof(begin));
	assert_memory_equal(entry + 64, header.prev, INK_HASH_SIZE);
	assert_memory_equal(entry + 96, header.digest, INK_HASH_SIZE);
	assert_memory_equal(entry + 128, end, sizeof(end));
}

static void what_the_format_forbids_in_a_header_is_refused(void **state)
{
	struct ink_header header = { .kind = INK_APPEND, .body_size = 1 };
	uint8_t good[HEADER_SIZE], entry[HEADER_SIZE];

	(void)state;
	header_encode(&header, good);
#define REFUSED(code, at, value)                                 \
	do {                                                     \
		memcpy(entry, good, HEADER_SIZE);                \
		entry[at] = (value);                             \
		assert_err(code, header_decode(entry, &header)); \
	} while (0)
	REFUSED(INK_ERR_FOREIGN, HEADER_OFF_VERSION, 0);
	REFUSED(INK_ERR_FOREIGN, HEADER_OFF_VERSION, 2);
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_KIND, 0);
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_KIND, INK_KIND_LAST + 1);
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_KIND, 255);
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_FLAGS, 1);
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_FLAGS + 1, 0x80);
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_BODY_SIZE + 3, 0);    /* an empty APPEND */
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_BODY_SIZE + 1, 0x10); /* 1 MiB and one */
	REFUSED(INK_ERR_DAMAGED, HEADER_OFF_BODY_SIZE, 0xff);
	for (unsigned at = HEADER_OFF_ADDENDA; at < HEADER_SIZE; at++)
		REFUSED(INK_ERR_DAMAGED, at, (uint8_t)(good[at] ^ 1));
	/* Only an APPEND has an offset. */
	memcpy(entry, good, HEADER_SIZE);
	entry[HEADER_OFF_KIND] = INK_CREATE;
	assert_ok(header_decode(entry, &header));
	entry[HEADER_OFF_OFFSET] = 1;
	assert_err(INK_ERR_DAMAGED, header_decode(entry, &header));
#undef REFUSED
}

static void a_refused_header_leaves_the_callers_alone(void **state)
{
	struct ink_header header = { .kind = INK_MOUNT }, untouched;
	uint8_t entry[HEADER_SIZE];

	(void)state;
	header_encode(&header, entry);
	memset(&untouched, 0x5a, sizeof(untouched));
	memcpy(&header, &untouched, sizeof(header));
	entry[HEADER_OFF_FLAGS] = 1;
	assert_err(INK_ERR_DAMAGED, header_decode(entry, &header));
	assert_memory_equal(&header, &untouched, sizeof(header));
}

static void body_sizes_at_each_limit_are_taken_and_one_more_is_not(void **state)
{
	struct ink_header header = { .kind = INK_APPEND, .body_size = INK_APPEND_SIZE_MAX }, again;
	uint8_t entry[HEADER_SIZE];

	(void)state;
	header_encode(&header, entry);
	assert_ok(header_decode(entry, &again));
	be32_store(entry + HEADER_OFF_BODY_SIZE, INK_APPEND_SIZE_MAX + 1);
	assert_err(INK_ERR_DAMAGED, header_decode(entry, &again));
	header = (struct ink_header){ .kind = INK_MOUNT, .body_size = INK_BODY_SIZE_MAX };
	header_encode(&header, entry);
	assert_ok(header_decode(entry, &again));
	be32_store(entry + HEADER_OFF_BODY_SIZE, INK_BODY_SIZE_MAX + 1);
	assert_err(INK_ERR_DAMAGED, header_decode(entry, &again));
	be32_store(entry + HEADER_OFF_BODY_SIZE, 0);
	assert_ok(header_decode(entry, &again));
}

static void a_header_of_random_bytes_is_refused_or_comes_back_byte_for_byte(void **state)
{
	struct ink_header header;
	uint8_t entry[HEADER_SIZE], again[HEADER_SIZE];
	unsigned taken = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, "record");
	for (unsigned round = 0; round < rounds(20000); round++) {
		random_header(&rng, (uint8_t)(1 + round % INK_KIND_LAST), &header);
		header_encode(&header, entry);
		for (unsigned flips = (unsigned)rng_below(&rng, 4); flips > 0; flips--)
			entry[rng_below(&rng, HEADER_SIZE)] ^= (uint8_t)(1U << rng_below(&rng, 8));
		if (header_decode(entry, &header) != INK_OK)
			continue;
		taken++;
		header_encode(&header, again);
		assert_memory_equal(entry, again, HEADER_SIZE);
	}
	assert_true(taken > 0);
}

static bool is_name(const char *text, size_t size)
{
	return name_is_valid((struct ink_str){ text, (uint32_t)size });
}

static void names_are_what_a_folder_can_hold(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_false(is_name("", 0));
	assert_false(is_name(".", 1));
	assert_false(is_name("..", 2));
	assert_true(is_name("...", 3));
	assert_true(is_name(".a", 2));
	assert_true(is_name("a.", 2));
	assert_false(is_name("a/b", 3));
	assert_false(is_name("/", 1));
	assert_false(is_name("a\0b", 3));
	assert_true(is_name("\xff\x01\n ", 4));
	assert_true(is_name(name, 255));
	assert_false(is_name(name, 256));
	name[254] = '/';
	assert_false(is_name(name, 255));
}

static void every_kind_operation_and_reason_has_a_name_and_no_other_number_has(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		assert_true((ink_kind_name((uint8_t)i) != NULL) == (i >= 1 && i <= 21));
		assert_true((ink_op_name((uint16_t)i) != NULL) == (i >= 1 && i <= 13));
		assert_true((ink_seal_reason_name((uint8_t)i) != NULL) == (i >= 1 && i <= 9));
	}
	assert_null(ink_op_name(UINT16_MAX));
	assert_string_equal(ink_kind_name(INK_APPEND), "APPEND");
	assert_string_equal(ink_op_name(INK_OP_SETATTR), "setattr");
	assert_string_equal(ink_seal_reason_name(INK_SEAL_REKEY), "rekey");
}

static void four_kinds_are_signed_each_with_its_own_domain(void **state)
{
	(void)state;
	for (unsigned kind = 1; kind <= INK_KIND_LAST; kind++) {
		bool is_signed = kind == INK_GENESIS || kind == INK_SEAL || kind == INK_EPOCH ||
				 kind == INK_REKEY;

		assert_true((body_domain((uint8_t)kind) != NULL) == is_signed);
		assert_int_equal(body_signature_size((uint8_t)kind), !is_signed         ? 0
								     : kind == INK_SEAL ? 64
											: 128);
	}
	assert_string_equal(body_domain(INK_GENESIS), "inkfs/genesis/v1");
	assert_string_equal(body_domain(INK_SEAL), "inkfs/seal/v1");
	assert_string_equal(body_domain(INK_EPOCH), "inkfs/epoch/v1");
	assert_string_equal(body_domain(INK_REKEY), "inkfs/rekey/v1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_of_every_kind_comes_back_as_it_was),
		cmocka_unit_test(a_header_lies_as_the_format_says),
		cmocka_unit_test(what_the_format_forbids_in_a_header_is_refused),
		cmocka_unit_test(a_refused_header_leaves_the_callers_alone),
		cmocka_unit_test(body_sizes_at_each_limit_are_taken_and_one_more_is_not),
		cmocka_unit_test(a_header_of_random_bytes_is_refused_or_comes_back_byte_for_byte),
		cmocka_unit_test(names_are_what_a_folder_can_hold),
		cmocka_unit_test(
			every_kind_operation_and_reason_has_a_name_and_no_other_number_has),
		cmocka_unit_test(four_kinds_are_signed_each_with_its_own_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
