/* SPDX-License-Identifier: MIT */
/* What the format forbids in a body, kind by kind, is refused. */
#include <stdlib.h>
#include <sys/stat.h>

#include "any_body.h"
#include "check.h"

static const uint8_t *text;

static int fill_text(void **state)
{
	(void)state;
	text = any_body_text();
	return 0;
}

/* Encode @body, which the format forbids, and see that decoding says so. */
static void assert_refused(uint8_t kind, const union ink_body *body)
{
	static uint8_t bytes[ANY_BODY_ROOM];
	union ink_body again;
	struct put put;

	put_init(&put, bytes, sizeof(bytes));
	body_encode(kind, body, &put);
	put_zero(&put, body_signature_size(kind));
	assert_false(put.is_full);
	assert_err(INK_ERR_DAMAGED, ink_body_decode(kind, bytes, put.size, &again));
}

static void names_and_modes_of_new_objects_are_held_to_their_kind(void **state)
{
	union ink_body b;
	struct rng rng;

	(void)state;
	rng_init_from(&rng, 2);
	any_body(&rng, INK_CREATE, &b);
	b.node.name = (struct ink_str){ "a/b", 3 };
	assert_refused(INK_CREATE, &b);
	b.node.name = (struct ink_str){ "..", 2 };
	assert_refused(INK_MKDIR, &b);
	b.node.name = (struct ink_str){ (const char *)text, 0 };
	assert_refused(INK_CREATE, &b);
	any_body(&rng, INK_CREATE, &b);
	assert_refused(INK_MKDIR, &b); /* the type of another kind */
	b.node.mode = S_IFREG | 0200000;
	assert_refused(INK_CREATE, &b);
	any_body(&rng, INK_CREATE, &b);
	b.node.target = (struct ink_str){ "t", 1 };
	assert_refused(INK_CREATE, &b);
}

static void names_given_and_taken_are_names(void **state)
{
	static const struct ink_str bad[] = {
		{ "", 0 }, { ".", 1 }, { "..", 2 }, { "a/b", 3 }, { "a\0b", 3 }
	};
	struct ink_str good = { "good", 4 };
	union ink_body b;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		b.rename = (struct ink_body_rename){ 1, 1, bad[i], good };
		assert_refused(INK_RENAME, &b);
		b.rename = (struct ink_body_rename){ 1, 1, good, bad[i] };
		assert_refused(INK_RENAME, &b);
		b.name = (struct ink_body_name){ 1, bad[i] };
		assert_refused(INK_LINK, &b);
		assert_refused(INK_UNLINK, &b);
	}
}

static void the_target_of_a_link_has_1_to_4095_bytes_and_no_nul(void **state)
{
	static char target[4096], bytes[ANY_BODY_ROOM];
	union ink_body b, again;
	struct rng rng;
	struct put put;

	(void)state;
	rng_init_from(&rng, 3);
	memset(target, 't', sizeof(target));
	any_body(&rng, INK_SYMLINK, &b);
	b.node.target = (struct ink_str){ target, 0 };
	assert_refused(INK_SYMLINK, &b);
	b.node.target.size = 4096;
	assert_refused(INK_SYMLINK, &b);
	b.node.target.size = 4095;
	put_init(&put, (uint8_t *)bytes, sizeof(bytes));
	body_encode(INK_SYMLINK, &b, &put);
	assert_ok(ink_body_decode(INK_SYMLINK, (uint8_t *)bytes, put.size, &again));
	target[4000] = 0;
	assert_refused(INK_SYMLINK, &b);
}

static void an_attribute_outside_the_mask_must_be_zero(void **state)
{
	union ink_body b = { .attr = { .mask = 0 } };

	(void)state;
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = 32 };
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE, .mode = 010000 };
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = INK_ATTR_UID, .mode = 1 };
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE, .uid = 1 };
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE, .gid = 1 };
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE, .atime_ns = -1 };
	assert_refused(INK_ATTR, &b);
	b.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE, .mtime_ns = 1 };
	assert_refused(INK_ATTR, &b);
}

static void counts_and_choices_are_held_to_their_limits(void **state)
{
	static union ink_body b;
	struct rng rng;

	(void)state;
	rng_init_from(&rng, 4);
	any_body(&rng, INK_UNMOUNT, &b);
	b.unmount.reason = 0;
	assert_refused(INK_UNMOUNT, &b);
	b.unmount.reason = 4;
	assert_refused(INK_UNMOUNT, &b);
	b.recovery = (struct ink_body_recovery){ .lost_place = 1 };
	assert_refused(INK_RECOVERY, &b);
	b.recovery = (struct ink_body_recovery){ .lost_count = 1, .lost = { { 1, text } } };
	assert_refused(INK_RECOVERY, &b);
	b.recovery = (struct ink_body_recovery){ .lost_count = 1,
						 .lost_place = 1,
						 .lost = { { 0, text } } };
	assert_refused(INK_RECOVERY, &b);
	for (unsigned which = 0; which < 4; which++) {
		any_body(&rng, INK_MOUNT, &b);
		*(uint32_t *[]){ &b.mount.seal_interval_ms, &b.mount.sync_interval_ms,
				 &b.mount.epoch_s, &b.mount.heartbeat_s }[which] = 0;
		assert_refused(INK_MOUNT, &b);
	}
	any_body(&rng, INK_DENIED, &b);
	b.denied.op = 14;
	assert_refused(INK_DENIED, &b);
	any_body(&rng, INK_DENIED, &b);
	b.denied.count = 0;
	assert_refused(INK_DENIED, &b);
	any_body(&rng, INK_SEAL, &b);
	b.seal.reason = 10;
	assert_refused(INK_SEAL, &b);
	any_body(&rng, INK_EPOCH, &b);
	b.seal.tree_size = 5;
	b.seal.durable_size = 6;
	assert_refused(INK_EPOCH, &b);
	any_body(&rng, INK_ANCHOR, &b);
	b.anchor.type = 3;
	assert_refused(INK_ANCHOR, &b);
	any_body(&rng, INK_GENESIS, &b);
	b.genesis.segment_size = SEGMENT_SIZE_MIN - 1;
	assert_refused(INK_GENESIS, &b);
	b.genesis.segment_size = SEGMENT_SIZE_MAX + 1;
	assert_refused(INK_GENESIS, &b);
	any_body(&rng, INK_GENESIS, &b);
	b.genesis.root_mode = S_IFREG | 0755;
	assert_refused(INK_GENESIS, &b);
}

static void sixty_five_identifiers_of_a_job_are_one_too_many(void **state)
{
	uint8_t bytes[512];
	union ink_body body;
	struct put put;

	(void)state;
	put_init(&put, bytes, sizeof(bytes));
	put_zero(&put, 4 + 4 + 8 + 4 + 4 + 4 + 4 * 2);
	put_u16(&put, INK_CI_COUNT_MAX);
	put_zero(&put, INK_CI_COUNT_MAX * 4);
	assert_ok(ink_body_decode(INK_ACTOR, bytes, put.size, &body));
	be16_store(bytes + 36, INK_CI_COUNT_MAX + 1);
	put_zero(&put, 4);
	assert_err(INK_ERR_DAMAGED, ink_body_decode(INK_ACTOR, bytes, put.size, &body));
	be16_store(bytes + 36, UINT16_MAX);
	assert_err(INK_ERR_DAMAGED, ink_body_decode(INK_ACTOR, bytes, put.size, &body));
}

static void a_recovery_has_set_aside_no_more_than_its_limit(void **state)
{
	uint8_t bytes[4096];
	union ink_body body;
	struct put put;

	(void)state;
	for (unsigned count = 1; count <= INK_LOST_COUNT_MAX + 1; count++) {
		put_init(&put, bytes, sizeof(bytes));
		put_u8(&put, (uint8_t)count);
		put_zero(&put, 7 + 8 + 8);
		put_u64(&put, 1);
		for (unsigned i = 0; i < count; i++) {
			put_u64(&put, 1);
			put_zero(&put, INK_HASH_SIZE);
		}
		assert_false(put.is_full);
		assert_err(count <= INK_LOST_COUNT_MAX ? INK_OK : INK_ERR_DAMAGED,
			   ink_body_decode(INK_RECOVERY, bytes, put.size, &body));
	}
}

/* Every byte that must be zero, and every version and algorithm, one by one. */
static void reserved_bytes_versions_and_algorithms_of_genesis_are_held(void **state)
{
	uint8_t *bytes;
	union ink_body body;
	struct rng rng;
	size_t size;

	(void)state;
	rng_init_from(&rng, 5);
	bytes = any_body_bytes(&rng, INK_GENESIS, &size);
	for (unsigned at = 0; at < 12; at++) {
		bytes[at] ^= 4;
		assert_err(INK_ERR_DAMAGED, ink_body_decode(INK_GENESIS, bytes, size, &body));
		bytes[at] ^= 4;
	}
	assert_ok(ink_body_decode(INK_GENESIS, bytes, size, &body));
	free(bytes);
}

static void sizes_of_signed_bodies_are_those_of_the_format(void **state)
{
	struct rng rng;
	size_t size;

	(void)state;
	rng_init_from(&rng, 6);
	free(any_body_bytes(&rng, INK_SEAL, &size));
	assert_int_equal(size, SEAL_BODY_SIZE);
	free(any_body_bytes(&rng, INK_EPOCH, &size));
	assert_int_equal(size, EPOCH_BODY_SIZE);
	free(any_body_bytes(&rng, INK_UNMOUNT, &size));
	assert_int_equal(size, UNMOUNT_BODY_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_modes_of_new_objects_are_held_to_their_kind),
		cmocka_unit_test(names_given_and_taken_are_names),
		cmocka_unit_test(a_recovery_has_set_aside_no_more_than_its_limit),
		cmocka_unit_test(the_target_of_a_link_has_1_to_4095_bytes_and_no_nul),
		cmocka_unit_test(an_attribute_outside_the_mask_must_be_zero),
		cmocka_unit_test(counts_and_choices_are_held_to_their_limits),
		cmocka_unit_test(sixty_five_identifiers_of_a_job_are_one_too_many),
		cmocka_unit_test(reserved_bytes_versions_and_algorithms_of_genesis_are_held),
		cmocka_unit_test(sizes_of_signed_bodies_are_those_of_the_format),
	};

	return cmocka_run_group_tests(tests, fill_text, NULL);
}
