/* SPDX-License-Identifier: MIT */
#include "any_body.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"

static uint8_t text[ANY_BODY_ROOM];

static struct ink_str any_str(struct rng *rng, uint32_t size_max)
{
	uint32_t size = (uint32_t)rng_below(rng, size_max + 1);

	return (struct ink_str){ (const char *)text + rng_below(rng, ANY_BODY_ROOM - size), size };
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

void any_body(struct rng *rng, uint8_t kind, union ink_body *b)
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

uint8_t *any_body_bytes(struct rng *rng, uint8_t kind, size_t *ret_size)
{
	uint8_t signatures[128], *bytes = malloc(ANY_BODY_ROOM), *exact;
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

const uint8_t *any_body_text(void)
{
	struct rng rng;

	rng_init_from(&rng, 1);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(rng_next(&rng) >> 24);
	return text;
}
