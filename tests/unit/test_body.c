/* SPDX-License-Identifier: MIT */
/* Bodies: each kind from random fields to bytes and back to the same bytes; whatever is not a body refused. */
#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"
#include "record.h"
#include "scratch.h"

enum { ROOM = 80000 };

/* Bytes that the random bodies point into. */
static uint8_t text[ROOM];

static struct ink_str any_str(struct rng *rng, uint32_t size_max)
{
	uint32_t size = (uint32_t)rng_below(rng, size_max + 1);

	return (struct ink_str){ (const char *)text + rng_below(rng, ROOM - size), size };
}

static struct ink_str any_name(struct rng *rng)
{
	static char names[16][INK_NAME_SIZE_MAX];
	static unsigned next;
	char *name = names[next++ % 16];
	uint32_t size = (uint32_t)rng_below(rng, INK_NAME_SIZE_MAX) + 1;

	for (uint32_t i = 0; i < size; i++)
		name[i] = (char)('0' + rng_below(rng, 75));
	return (struct ink_str){ name, size };
}

static void any_node(struct rng *rng, uint32_t type, struct ink_body_node *node)
{
	*node = (struct ink_body_node){
		.parent = rng_next(rng),
		.mode = type | (uint32_t)rng_below(rng, 010000),
		.uid = (uint32_t)rng_next(rng),
		.gid = (uint32_t)rng_next(rng),
		.name = any_name(rng),
	};
	if (type == S_IFLNK)
		node->target = any_name(rng);
}

static void any_attr(struct rng *rng, struct ink_body_attr *a)
{
	*a = (struct ink_body_attr){ .mask = 1 + (uint32_t)rng_below(rng, 31) };
	if (a->mask & INK_ATTR_MODE)
		a->mode = (uint32_t)rng_below(rng, 010000);
	if (a->mask & INK_ATTR_UID)
		a->uid = (uint32_t)rng_next(rng);
	if (a->mask & INK_ATTR_GID)
		a->gid = (uint32_t)rng_next(rng);
	if (a->mask & INK_ATTR_ATIME)
		a->atime_ns = (int64_t)rng_next(rng);
	if (a->mask & INK_ATTR_MTIME)
		a->mtime_ns = (int64_t)rng_next(rng);
}

static void any_actor(struct rng *rng, struct ink_body_actor *a)
{
	*a = (struct ink_body_actor){
		.pid = (uint32_t)rng_next(rng),
		.ppid = (uint32_t)rng_next(rng),
		.start_time = rng_next(rng),
		.login_uid = (uint32_t)rng_next(rng),
		.session_id = (uint32_t)rng_next(rng),
		.known = (uint32_t)rng_below(rng, 128),
		.comm = any_str(rng, 64),
		.exe = any_str(rng, 4096),
		.cgroup = any_str(rng, 4096),
		.ci_system = any_str(rng, 64),
		.ci_count = (uint16_t)rng_below(rng, INK_CI_COUNT_MAX + 1),
	};
	for (unsigned i = 0; i < a->ci_count; i++)
		a->ci[i] = (struct ink_ci_value){ any_str(rng, 128), any_str(rng, 512) };
}

static void any_seal(struct rng *rng, bool is_handover, struct ink_body_seal *s)
{
	*s = (struct ink_body_seal){
		.epoch = (uint32_t)rng_next(rng),
		.reason = (uint8_t)(1 + rng_below(rng, 9)),
		.tree_size = rng_next(rng),
		.root = text + rng_below(rng, 1000),
		.next_key = is_handover ? text + rng_below(rng, 1000) : NULL,
	};
	s->durable_size = s->tree_size ? rng_below(rng, s->tree_size) : 0;
}

static void any_genesis(struct rng *rng, struct ink_body_genesis *g)
{
	*g = (struct ink_body_genesis){
		.root_mode = S_IFDIR | (uint32_t)rng_below(rng, 010000),
		.store_id = text + 1,
		.log_key = text + 100,
		.seal_key = text + 200,
		.segment_size =
			SEGMENT_SIZE_MIN + rng_below(rng, SEGMENT_SIZE_MAX - SEGMENT_SIZE_MIN + 1),
		.origin = any_str(rng, 233),
		.software = any_str(rng, 64),
	};
}

static uint32_t any_count(struct rng *rng)
{
	return 1 + (uint32_t)rng_below(rng, UINT32_MAX);
}

static void any_recovery(struct rng *rng, struct ink_body_recovery *r)
{
	*r = (struct ink_body_recovery){
		.lost_count = (uint8_t)rng_below(rng, INK_LOST_COUNT_MAX + 1),
		.durable_size = rng_next(rng),
		.unsealed_count = rng_next(rng),
	};
	r->lost_place = r->lost_count ? 1 + rng_below(rng, UINT32_MAX) : 0;
	for (unsigned i = 0; i < r->lost_count; i++)
		r->lost[i] = (struct ink_lost){ 1 + rng_below(rng, UINT32_MAX), text + 7 * i };
}

static void any_rest(struct rng *rng, uint8_t kind, union ink_body *b)
{
	switch (kind) {
	case INK_MOUNT:
		b->mount = (struct ink_body_mount){ any_str(rng, 20),   any_str(rng, 64),
						    any_str(rng, 36),   any_str(rng, 64),
						    any_str(rng, 4096), any_str(rng, 4096),
						    rng_next(rng),      (uint32_t)rng_next(rng),
						    any_count(rng),     any_count(rng),
						    any_count(rng),     any_count(rng) };
		break;
	case INK_UNMOUNT:
		b->unmount = (struct ink_body_unmount){ (uint8_t)(1 + rng_below(rng, 3)),
							rng_next(rng), rng_next(rng) };
		break;
	case INK_RECOVERY: any_recovery(rng, &b->recovery); break;
	case INK_RENAME:
		b->rename = (struct ink_body_rename){ rng_next(rng), rng_next(rng), any_name(rng),
						      any_name(rng) };
		break;
	case INK_LINK:
	case INK_UNLINK: b->name = (struct ink_body_name){ rng_next(rng), any_name(rng) }; break;
	case INK_OPEN:
	case INK_CLOSE: b->open.flags = (uint32_t)rng_next(rng); break;
	case INK_DENIED:
		b->denied = (struct ink_body_denied){ (uint16_t)(1 + rng_below(rng, 13)),
						      (uint32_t)rng_next(rng),
						      1 + (uint32_t)rng_below(rng, UINT32_MAX),
						      (uint32_t)rng_next(rng),
						      rng_next(rng),
						      rng_next(rng),
						      rng_next(rng),
						      any_str(rng, 255),
						      any_str(rng, 255) };
		break;
	case INK_ERASE:
		b->erase = (struct ink_body_erase){ rng_next(rng), any_str(rng, 300),
						    any_str(rng, 3000) };
		break;
	case INK_ANCHOR:
		b->anchor =
			(struct ink_body_anchor){ (uint8_t)(1 + rng_below(rng, 2)), rng_next(rng),
						  any_str(rng, 300), any_str(rng, 60000) };
		break;
	default: fail();
	}
}

static void any_body(struct rng *rng, uint8_t kind, union ink_body *b)
{
	memset(b, 0, sizeof(*b));
	switch (kind) {
	case INK_GENESIS: any_genesis(rng, &b->genesis); break;
	case INK_ACTOR: any_actor(rng, &b->actor); break;
	case INK_CREATE: any_node(rng, S_IFREG, &b->node); break;
	case INK_MKDIR: any_node(rng, S_IFDIR, &b->node); break;
	case INK_SYMLINK: any_node(rng, S_IFLNK, &b->node); break;
	case INK_ATTR: any_attr(rng, &b->attr); break;
	case INK_SEAL: any_seal(rng, false, &b->seal); break;
	case INK_EPOCH:
	case INK_REKEY: any_seal(rng, true, &b->seal); break;
	default: any_rest(rng, kind, b); break;
	}
}

/* The whole body with random bytes for signatures, in memory of exactly its size; NULL if it is too long. */
static uint8_t *any_bytes(struct rng *rng, uint8_t kind, size_t *ret_size)
{
	uint8_t signatures[128], *bytes = malloc(ROOM), *exact;
	union ink_body body;
	struct put put;

	any_body(rng, kind, &body);
	rng_fill(rng, signatures, sizeof(signatures));
	put_init(&put, bytes, INK_BODY_SIZE_MAX);
	body_encode(kind, &body, &put);
	put_bytes(&put, signatures, body_signature_size(kind));
	exact = put.is_full ? NULL : malloc(put.size);
	if (exact)
		memcpy(exact, bytes, put.size);
	*ret_size = put.size;
	free(bytes);
	return exact;
}

/* A decoded body as bytes again, its signatures included. */
static size_t encode_again(uint8_t kind, const union ink_body *body, uint8_t *bytes)
{
	struct put put;

	put_init(&put, bytes, ROOM);
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
	struct rng rng;

	(void)state;
	rng_init_from(&rng, 1);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(rng_next(&rng) >> 24);
	return 0;
}

static void a_body_of_every_kind_comes_back_as_it_was(void **state)
{
	static uint8_t again[ROOM];
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
			bytes = any_bytes(&rng, kind, &size);
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
			bytes = any_bytes(&rng, kind, &size);
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
	static uint8_t again[ROOM];
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
		bytes = any_bytes(&rng, kind, &size);
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

/* Encode @body, which the format forbids, and see that decoding says so. */
static void assert_refused(uint8_t kind, const union ink_body *body)
{
	static uint8_t bytes[ROOM];
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
	static char target[4096], bytes[ROOM];
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
	bytes = any_bytes(&rng, INK_GENESIS, &size);
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
	free(any_bytes(&rng, INK_SEAL, &size));
	assert_int_equal(size, SEAL_BODY_SIZE);
	free(any_bytes(&rng, INK_EPOCH, &size));
	assert_int_equal(size, EPOCH_BODY_SIZE);
	free(any_bytes(&rng, INK_UNMOUNT, &size));
	assert_int_equal(size, UNMOUNT_BODY_SIZE);
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
