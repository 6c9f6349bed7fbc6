/* SPDX-License-Identifier: MIT */
/* Bodies by kind: for each kind an encoder and a decoder side by side, so that they can be read against each other. */
#include "record.h"

#include <assert.h>
#include <sys/stat.h>

static void encode_genesis(const union ink_body *b, struct put *put)
{
	const struct ink_body_genesis *g = &b->genesis;

	put_u32(put, FORMAT_VERSION);
	put_u32(put, 0);
	put_u8(put, 1);
	put_u8(put, 1);
	put_zero(put, 2);
	put_u32(put, g->root_mode);
	put_bytes(put, g->store_id, INK_STORE_ID_SIZE);
	put_bytes(put, g->log_key, INK_KEY_SIZE);
	put_bytes(put, g->seal_key, INK_KEY_SIZE);
	put_u64(put, g->segment_size);
	put_str(put, g->origin);
	put_str(put, g->software);
}

static bool decode_genesis(struct get *get, union ink_body *b)
{
	struct ink_body_genesis *g = &b->genesis;

	if (get_u32(get) != FORMAT_VERSION || get_u32(get) != 0)
		return false;
	if (get_u8(get) != 1 || get_u8(get) != 1)
		return false;
	get_zero(get, 2);
	g->root_mode = get_u32(get);
	g->store_id = get_bytes(get, INK_STORE_ID_SIZE);
	g->log_key = get_bytes(get, INK_KEY_SIZE);
	g->seal_key = get_bytes(get, INK_KEY_SIZE);
	g->segment_size = get_u64(get);
	g->origin = get_str(get);
	g->software = get_str(get);
	g->log_signature = get_bytes(get, INK_SIGNATURE_SIZE);
	g->seal_signature = get_bytes(get, INK_SIGNATURE_SIZE);
	return (g->root_mode & ~07777U) == S_IFDIR && g->segment_size >= SEGMENT_SIZE_MIN &&
	       g->segment_size <= SEGMENT_SIZE_MAX;
}

static void encode_mount(const union ink_body *b, struct put *put)
{
	const struct ink_body_mount *m = &b->mount;

	put_str(put, m->version);
	put_str(put, m->host);
	put_str(put, m->boot_id);
	put_str(put, m->kernel);
	put_str(put, m->mount_point);
	put_str(put, m->options);
	put_u64(put, m->monotonic_ns);
	put_u32(put, m->pid);
	put_u32(put, m->seal_interval_ms);
	put_u32(put, m->sync_interval_ms);
	put_u32(put, m->epoch_s);
	put_u32(put, m->heartbeat_s);
}

static bool decode_mount(struct get *get, union ink_body *b)
{
	struct ink_body_mount *m = &b->mount;

	m->version = get_str(get);
	m->host = get_str(get);
	m->boot_id = get_str(get);
	m->kernel = get_str(get);
	m->mount_point = get_str(get);
	m->options = get_str(get);
	m->monotonic_ns = get_u64(get);
	m->pid = get_u32(get);
	m->seal_interval_ms = get_u32(get);
	m->sync_interval_ms = get_u32(get);
	m->epoch_s = get_u32(get);
	m->heartbeat_s = get_u32(get);
	return m->seal_interval_ms > 0 && m->sync_interval_ms > 0 && m->epoch_s > 0 &&
	       m->heartbeat_s > 0;
}

static void encode_unmount(const union ink_body *b, struct put *put)
{
	put_u8(put, b->unmount.reason);
	put_zero(put, 7);
	put_u64(put, b->unmount.record_count);
	put_u64(put, b->unmount.payload_bytes);
}

static bool decode_unmount(struct get *get, union ink_body *b)
{
	b->unmount.reason = get_u8(get);
	get_zero(get, 7);
	b->unmount.record_count = get_u64(get);
	b->unmount.payload_bytes = get_u64(get);
	return b->unmount.reason >= INK_UNMOUNT_ASKED && b->unmount.reason <= INK_UNMOUNT_CLOSE;
}

static void encode_recovery(const union ink_body *b, struct put *put)
{
	const struct ink_body_recovery *r = &b->recovery;

	put_u8(put, r->lost_count);
	put_zero(put, 7);
	put_u64(put, r->durable_size);
	put_u64(put, r->unsealed_count);
	put_u64(put, r->lost_place);
	for (unsigned i = 0; i < r->lost_count; i++) {
		put_u64(put, r->lost[i].size);
		put_bytes(put, r->lost[i].digest, INK_HASH_SIZE);
	}
}

static bool decode_recovery(struct get *get, union ink_body *b)
{
	struct ink_body_recovery *r = &b->recovery;

	r->lost_count = get_u8(get);
	get_zero(get, 7);
	r->durable_size = get_u64(get);
	r->unsealed_count = get_u64(get);
	r->lost_place = get_u64(get);
	if (r->lost_count > INK_LOST_COUNT_MAX || (r->lost_count == 0) != (r->lost_place == 0))
		return false;
	for (unsigned i = 0; i < r->lost_count; i++) {
		r->lost[i].size = get_u64(get);
		r->lost[i].digest = get_bytes(get, INK_HASH_SIZE);
		if (r->lost[i].size == 0)
			return false;
	}
	return true;
}

static void encode_actor(const union ink_body *b, struct put *put)
{
	const struct ink_body_actor *a = &b->actor;

	put_u32(put, a->pid);
	put_u32(put, a->ppid);
	put_u64(put, a->start_time);
	put_u32(put, a->login_uid);
	put_u32(put, a->session_id);
	put_u32(put, a->known);
	put_str(put, a->comm);
	put_str(put, a->exe);
	put_str(put, a->cgroup);
	put_str(put, a->ci_system);
	put_u16(put, a->ci_count);
	for (unsigned i = 0; i < a->ci_count; i++) {
		put_str(put, a->ci[i].name);
		put_str(put, a->ci[i].value);
	}
}

static bool decode_actor(struct get *get, union ink_body *b)
{
	struct ink_body_actor *a = &b->actor;

	a->pid = get_u32(get);
	a->ppid = get_u32(get);
	a->start_time = get_u64(get);
	a->login_uid = get_u32(get);
	a->session_id = get_u32(get);
	a->known = get_u32(get);
	a->comm = get_str(get);
	a->exe = get_str(get);
	a->cgroup = get_str(get);
	a->ci_system = get_str(get);
	a->ci_count = get_u16(get);
	if (a->ci_count > INK_CI_COUNT_MAX)
		return false;
	for (unsigned i = 0; i < a->ci_count; i++) {
		a->ci[i].name = get_str(get);
		a->ci[i].value = get_str(get);
	}
	return true;
}

static void encode_node(const union ink_body *b, struct put *put)
{
	const struct ink_body_node *n = &b->node;

	put_u64(put, n->parent);
	put_u32(put, n->mode);
	put_u32(put, n->uid);
	put_u32(put, n->gid);
	put_str(put, n->name);
	put_str(put, n->target);
}

static bool decode_node(struct get *get, union ink_body *b, uint32_t type)
{
	struct ink_body_node *n = &b->node;

	n->parent = get_u64(get);
	n->mode = get_u32(get);
	n->uid = get_u32(get);
	n->gid = get_u32(get);
	n->name = get_str(get);
	n->target = get_str(get);
	if (!name_is_valid(n->name) || (n->mode & ~07777U) != type)
		return false;
	if (type != S_IFLNK)
		return n->target.size == 0;
	return n->target.size >= 1 && n->target.size <= INK_TARGET_SIZE_MAX &&
	       !memchr(n->target.data, 0, n->target.size);
}

static bool decode_create(struct get *get, union ink_body *b)
{
	return decode_node(get, b, S_IFREG);
}

static bool decode_mkdir(struct get *get, union ink_body *b)
{
	return decode_node(get, b, S_IFDIR);
}

static bool decode_symlink(struct get *get, union ink_body *b)
{
	return decode_node(get, b, S_IFLNK);
}

static void encode_attr(const union ink_body *b, struct put *put)
{
	const struct ink_body_attr *a = &b->attr;

	put_u32(put, a->mask);
	put_u32(put, a->mode);
	put_u32(put, a->uid);
	put_u32(put, a->gid);
	put_u64(put, (uint64_t)a->atime_ns);
	put_u64(put, (uint64_t)a->mtime_ns);
}

static bool decode_attr(struct get *get, union ink_body *b)
{
	struct ink_body_attr *a = &b->attr;

	a->mask = get_u32(get);
	a->mode = get_u32(get);
	a->uid = get_u32(get);
	a->gid = get_u32(get);
	a->atime_ns = (int64_t)get_u64(get);
	a->mtime_ns = (int64_t)get_u64(get);
	return a->mask != 0 && (a->mask & ~31U) == 0 && (a->mode & ~07777U) == 0 &&
	       (a->mask & INK_ATTR_MODE || a->mode == 0) &&
	       (a->mask & INK_ATTR_UID || a->uid == 0) && (a->mask & INK_ATTR_GID || a->gid == 0) &&
	       (a->mask & INK_ATTR_ATIME || a->atime_ns == 0) &&
	       (a->mask & INK_ATTR_MTIME || a->mtime_ns == 0);
}

static void encode_rename(const union ink_body *b, struct put *put)
{
	put_u64(put, b->rename.old_parent);
	put_u64(put, b->rename.new_parent);
	put_str(put, b->rename.old_name);
	put_str(put, b->rename.new_name);
}

static bool decode_rename(struct get *get, union ink_body *b)
{
	b->rename.old_parent = get_u64(get);
	b->rename.new_parent = get_u64(get);
	b->rename.old_name = get_str(get);
	b->rename.new_name = get_str(get);
	return name_is_valid(b->rename.old_name) && name_is_valid(b->rename.new_name);
}

static void encode_name(const union ink_body *b, struct put *put)
{
	put_u64(put, b->name.parent);
	put_str(put, b->name.name);
}

static bool decode_name(struct get *get, union ink_body *b)
{
	b->name.parent = get_u64(get);
	b->name.name = get_str(get);
	return name_is_valid(b->name.name);
}

static void encode_open(const union ink_body *b, struct put *put)
{
	put_u32(put, b->open.flags);
}

static bool decode_open(struct get *get, union ink_body *b)
{
	b->open.flags = get_u32(get);
	return true;
}

static void encode_denied(const union ink_body *b, struct put *put)
{
	const struct ink_body_denied *d = &b->denied;

	put_u16(put, d->op);
	put_zero(put, 2);
	put_u32(put, d->errno_code);
	put_u32(put, d->count);
	put_u32(put, d->flags);
	put_u64(put, d->a);
	put_u64(put, d->b);
	put_u64(put, d->second_inode);
	put_str(put, d->name);
	put_str(put, d->second_name);
}

static bool decode_denied(struct get *get, union ink_body *b)
{
	struct ink_body_denied *d = &b->denied;

	d->op = get_u16(get);
	get_zero(get, 2);
	d->errno_code = get_u32(get);
	d->count = get_u32(get);
	d->flags = get_u32(get);
	d->a = get_u64(get);
	d->b = get_u64(get);
	d->second_inode = get_u64(get);
	d->name = get_str(get);
	d->second_name = get_str(get);
	return ink_op_name(d->op) && d->count > 0;
}

static void encode_seal(const union ink_body *b, struct put *put)
{
	const struct ink_body_seal *s = &b->seal;

	put_u32(put, s->epoch);
	put_u8(put, s->reason);
	put_zero(put, 3);
	put_u64(put, s->tree_size);
	put_bytes(put, s->root, INK_HASH_SIZE);
	put_u64(put, s->durable_size);
	if (s->next_key)
		put_bytes(put, s->next_key, INK_KEY_SIZE);
}

static bool decode_seal_fields(struct get *get, struct ink_body_seal *s, bool is_handover)
{
	s->epoch = get_u32(get);
	s->reason = get_u8(get);
	get_zero(get, 3);
	s->tree_size = get_u64(get);
	s->root = get_bytes(get, INK_HASH_SIZE);
	s->durable_size = get_u64(get);
	s->next_key = is_handover ? get_bytes(get, INK_KEY_SIZE) : NULL;
	s->signature = get_bytes(get, INK_SIGNATURE_SIZE);
	s->next_signature = is_handover ? get_bytes(get, INK_SIGNATURE_SIZE) : NULL;
	return ink_seal_reason_name(s->reason) && s->durable_size <= s->tree_size;
}

static bool decode_seal(struct get *get, union ink_body *b)
{
	return decode_seal_fields(get, &b->seal, false);
}

static bool decode_epoch(struct get *get, union ink_body *b)
{
	return decode_seal_fields(get, &b->seal, true);
}

static void encode_erase(const union ink_body *b, struct put *put)
{
	put_u64(put, b->erase.target_seq);
	put_str(put, b->erase.authority);
	put_str(put, b->erase.why);
}

static bool decode_erase(struct get *get, union ink_body *b)
{
	b->erase.target_seq = get_u64(get);
	b->erase.authority = get_str(get);
	b->erase.why = get_str(get);
	return true;
}

static void encode_anchor(const union ink_body *b, struct put *put)
{
	put_u8(put, b->anchor.type);
	put_zero(put, 7);
	put_u64(put, b->anchor.tree_size);
	put_str(put, b->anchor.from);
	put_u32(put, b->anchor.bytes.size);
	put_bytes(put, b->anchor.bytes.data, b->anchor.bytes.size);
}

static bool decode_anchor(struct get *get, union ink_body *b)
{
	const uint8_t *p;

	b->anchor.type = get_u8(get);
	get_zero(get, 7);
	b->anchor.tree_size = get_u64(get);
	b->anchor.from = get_str(get);
	b->anchor.bytes.size = get_u32(get);
	p = get_bytes(get, b->anchor.bytes.size);
	b->anchor.bytes.data = (const char *)p;
	return b->anchor.type == 1 || b->anchor.type == 2;
}

static bool decode_append(struct get *get, union ink_body *b)
{
	b->append.size = (uint32_t)get->size;
	b->append.data = (const char *)get_bytes(get, get->size);
	return true;
}

static const struct {
	void (*encode)(const union ink_body *body, struct put *put);
	bool (*decode)(struct get *get, union ink_body *body);
} codecs[] = {
	[INK_GENESIS] = { encode_genesis, decode_genesis },
	[INK_MOUNT] = { encode_mount, decode_mount },
	[INK_UNMOUNT] = { encode_unmount, decode_unmount },
	[INK_RECOVERY] = { encode_recovery, decode_recovery },
	[INK_ACTOR] = { encode_actor, decode_actor },
	[INK_CREATE] = { encode_node, decode_create },
	[INK_MKDIR] = { encode_node, decode_mkdir },
	[INK_SYMLINK] = { encode_node, decode_symlink },
	[INK_ATTR] = { encode_attr, decode_attr },
	[INK_RENAME] = { encode_rename, decode_rename },
	[INK_LINK] = { encode_name, decode_name },
	[INK_UNLINK] = { encode_name, decode_name },
	[INK_OPEN] = { encode_open, decode_open },
	[INK_CLOSE] = { encode_open, decode_open },
	[INK_APPEND] = { NULL, decode_append },
	[INK_DENIED] = { encode_denied, decode_denied },
	[INK_SEAL] = { encode_seal, decode_seal },
	[INK_EPOCH] = { encode_seal, decode_epoch },
	[INK_REKEY] = { encode_seal, decode_epoch },
	[INK_ERASE] = { encode_erase, decode_erase },
	[INK_ANCHOR] = { encode_anchor, decode_anchor },
};

void body_encode(uint8_t kind, const union ink_body *body, struct put *put)
{
	assert(ink_kind_name(kind) && codecs[kind].encode);
	codecs[kind].encode(body, put);
}

enum ink_err ink_body_decode(uint8_t kind, const uint8_t *bytes, size_t size,
			     union ink_body *ret_body)
{
	struct get get;

	if (!ink_kind_name(kind) || size > body_size_max(kind) || (kind == INK_APPEND && size == 0))
		return INK_ERR_DAMAGED;
	get_init(&get, bytes, size);
	if (!codecs[kind].decode(&get, ret_body) || !get_is_done(&get))
		return INK_ERR_DAMAGED;
	return INK_OK;
}
