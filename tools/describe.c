/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	uint32_t bits;
	const char *name;
} open_flags[] = {
	/* O_SYNC holds the bit of O_DSYNC, so it comes first. */
	{ O_CREAT, "O_CREAT" },       { O_EXCL, "O_EXCL" },     { O_TRUNC, "O_TRUNC" },
	{ O_APPEND, "O_APPEND" },     { O_SYNC, "O_SYNC" },     { O_DSYNC, "O_DSYNC" },
	{ O_NONBLOCK, "O_NONBLOCK" }, { O_DIRECT, "O_DIRECT" }, { O_NOFOLLOW, "O_NOFOLLOW" },
	{ O_CLOEXEC, "O_CLOEXEC" },   { O_NOCTTY, "O_NOCTTY" },
};

/* "O_WRONLY|O_APPEND"; what has no name as hexadecimal digits. */
static void describe_open_flags(struct fields *fields, uint32_t flags)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	char text[192];
	int size;
	uint32_t rest = flags & ~(uint32_t)O_ACCMODE;

	size = snprintf(text, sizeof(text), "%s", modes[flags & O_ACCMODE]);
	for (size_t i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
		if ((rest & open_flags[i].bits) != open_flags[i].bits)
			continue;
		rest &= ~open_flags[i].bits;
		size += snprintf(text + size, sizeof(text) - (size_t)size, "|%s",
				 open_flags[i].name);
	}
	if (rest != 0)
		snprintf(text + size, sizeof(text) - (size_t)size, "|0x%x", (unsigned)rest);
	fields_text(fields, "flags", text);
}

static void describe_entry(struct fields *fields, struct replay *replay, uint64_t seq,
			   const char *field, uint64_t folder, struct ink_str name)
{
	struct line path = { 0 };

	if (replay_path(replay, seq, folder, name, &path))
		fields_str(fields, field, (struct ink_str){ path.data, (uint32_t)path.size });
	else
		fields_str(fields, field, name);
	line_release(&path);
}

static void describe_genesis(struct fields *fields, const struct ink_header *header,
			     const struct ink_body_genesis *body)
{
	fields_str(fields, "origin", body->origin);
	fields_hex(fields, "store_id", body->store_id, INK_STORE_ID_SIZE);
	fields_hex(fields, "log_key", body->log_key, INK_KEY_SIZE);
	fields_hex(fields, "seal_key", body->seal_key, INK_KEY_SIZE);
	fields_u64(fields, "segment_size", body->segment_size);
	fields_octal(fields, "root_mode", body->root_mode & 07777);
	fields_u64(fields, "owner", header->uid);
	fields_u64(fields, "group", header->gid);
	fields_str(fields, "software", body->software);
}

static void describe_mount(struct fields *fields, const struct ink_body_mount *body)
{
	fields_str(fields, "version", body->version);
	fields_str(fields, "host", body->host);
	fields_str(fields, "boot_id", body->boot_id);
	fields_str(fields, "kernel", body->kernel);
	fields_str(fields, "mount_point", body->mount_point);
	fields_str(fields, "options", body->options);
	fields_u64(fields, "monotonic_ns", body->monotonic_ns);
	fields_u64(fields, "pid", body->pid);
	fields_u64(fields, "seal_interval_ms", body->seal_interval_ms);
	fields_u64(fields, "sync_interval_ms", body->sync_interval_ms);
	fields_u64(fields, "epoch_s", body->epoch_s);
	fields_u64(fields, "heartbeat_s", body->heartbeat_s);
}

static void describe_unmount(struct fields *fields, const struct ink_body_unmount *body)
{
	static const char *const reasons[] = { "?", "asked", "signal", "close" };

	fields_text(fields, "reason",
		    reasons[body->reason <= INK_UNMOUNT_CLOSE ? body->reason : 0]);
	fields_u64(fields, "records", body->record_count);
	fields_u64(fields, "payload_bytes", body->payload_bytes);
}

/* The second and further ones (rare) are told apart by their number. */
static void describe_lost(struct fields *fields, uint64_t seq, unsigned number,
			  const struct ink_lost *lost)
{
	static const char *const names[] = { "lost_name", "lost_bytes", "lost_sha256" };
	char name[INK_LOST_NAME_SIZE], field[3][32];

	ink_lost_name(seq, number, name);
	for (unsigned i = 0; i < 3; i++)
		snprintf(field[i], sizeof(field[i]), number == 0 ? "%s" : "%s_%u", names[i],
			 number);
	fields_text(fields, field[0], name);
	fields_u64(fields, field[1], lost->size);
	fields_hex(fields, field[2], lost->digest, INK_HASH_SIZE);
}

static void describe_recovery(struct fields *fields, const struct ink_header *header,
			      const struct ink_body_recovery *body)
{
	fields_u64(fields, "durable", body->durable_size);
	fields_u64(fields, "unsealed", body->unsealed_count);
	fields_u64(fields, "lost_files", body->lost_count);
	if (body->lost_count == 0)
		return;
	fields_u64(fields, "lost_segment", body->lost_place >> 32);
	fields_u64(fields, "lost_offset", body->lost_place & UINT32_MAX);
	for (unsigned i = 0; i < body->lost_count; i++)
		describe_lost(fields, header->seq, i, &body->lost[i]);
}

enum { CONTAINER_ID_SIZE = 64 };

struct ink_str container_of(struct ink_str cgroup)
{
	struct ink_str container = { cgroup.data, 0 };
	uint32_t run = 0;

	for (uint32_t i = 0; i <= cgroup.size; i++) {
		if (i < cgroup.size && strchr("0123456789abcdef", cgroup.data[i]) &&
		    cgroup.data[i] != '\0') {
			run++;
			continue;
		}
		if (run == CONTAINER_ID_SIZE)
			container = (struct ink_str){ cgroup.data + i - run, run };
		run = 0;
	}
	return container;
}

static void describe_actor(struct fields *fields, const struct ink_header *header,
			   const struct ink_body_actor *body)
{
	fields_u64(fields, "uid", header->uid);
	fields_u64(fields, "gid", header->gid);
	fields_u64(fields, "pid", body->pid);
	if (body->known & INK_KNOWN_COMM)
		fields_str(fields, "comm", body->comm);
	if (body->known & INK_KNOWN_PROCESS) {
		fields_u64(fields, "ppid", body->ppid);
		fields_u64(fields, "start_time", body->start_time);
	}
	if (body->known & INK_KNOWN_LOGIN)
		fields_u64(fields, "login_uid", body->login_uid);
	if (body->known & INK_KNOWN_SESSION)
		fields_u64(fields, "session", body->session_id);
	if (body->known & INK_KNOWN_EXE)
		fields_str(fields, "exe", body->exe);
	if (body->known & INK_KNOWN_CGROUP)
		fields_str(fields, "cgroup", body->cgroup);
	if (container_of(body->cgroup).size > 0)
		fields_str(fields, "container", container_of(body->cgroup));
	if (body->ci_system.size > 0)
		fields_str(fields, "ci", body->ci_system);
	for (uint16_t i = 0; i < body->ci_count; i++) {
		char name[64];
		size_t size = 3;

		memcpy(name, "ci.", 3);
		/* A name is from a fixed list; what else stands there is cut down to letters. */
		for (uint32_t j = 0; j < body->ci[i].name.size && size < sizeof(name) - 1; j++) {
			char letter = body->ci[i].name.data[j];
			bool is_plain = (letter >= 'A' && letter <= 'Z') ||
					(letter >= 'a' && letter <= 'z') ||
					(letter >= '0' && letter <= '9') || letter == '_';

			name[size++] = is_plain ? letter : '?';
		}
		name[size] = '\0';
		fields_str(fields, name, body->ci[i].value);
	}
}

static void describe_attr(struct fields *fields, const struct ink_body_attr *body)
{
	if (body->mask & INK_ATTR_MODE)
		fields_octal(fields, "mode", body->mode);
	if (body->mask & INK_ATTR_UID)
		fields_u64(fields, "owner", body->uid);
	if (body->mask & INK_ATTR_GID)
		fields_u64(fields, "group", body->gid);
	if (body->mask & INK_ATTR_ATIME)
		fields_time(fields, "atime", body->atime_ns);
	if (body->mask & INK_ATTR_MTIME)
		fields_time(fields, "mtime", body->mtime_ns);
}

static void describe_node(struct fields *fields, const struct ink_body_node *body)
{
	fields_octal(fields, "mode", body->mode & 07777);
	fields_u64(fields, "owner", body->uid);
	fields_u64(fields, "group", body->gid);
	if (body->target.size > 0)
		fields_str(fields, "target", body->target);
}

bool denied_names_entry(uint16_t op)
{
	return op != INK_OP_SETXATTR && op != INK_OP_REMOVEXATTR && op != INK_OP_LINK;
}

static bool second_of_denied(const struct ink_body_denied *body, uint64_t *ret_inode,
			     struct ink_str *ret_name)
{
	bool is_link = body->op == INK_OP_LINK;

	*ret_inode = body->second_inode;
	*ret_name = is_link && body->second_name.size == 0 ? body->name : body->second_name;
	return (is_link || body->op == INK_OP_RENAME) && body->second_inode != 0;
}

bool second_entry(const struct ink_header *header, const union ink_body *body, uint64_t *ret_inode,
		  struct ink_str *ret_name)
{
	switch (header->kind) {
	case INK_RENAME:
		*ret_inode = body->rename.new_parent;
		*ret_name = body->rename.new_name;
		return true;
	case INK_LINK:
		*ret_inode = header->inode;
		*ret_name = (struct ink_str){ "", 0 };
		return true;
	case INK_DENIED: return second_of_denied(&body->denied, ret_inode, ret_name);
	default: return false;
	}
}

static void describe_denied_change(struct fields *fields, const struct ink_body_denied *body)
{
	if (body->flags & INK_ATTR_MODE)
		fields_octal(fields, "mode", (uint32_t)body->a);
	if (body->flags & INK_ATTR_UID)
		fields_u64(fields, "owner", body->b >> 32);
	if (body->flags & INK_ATTR_GID)
		fields_u64(fields, "group", body->b & UINT32_MAX);
	fields_bits(fields, "mask", body->flags);
}

/* FORMAT.md 5.3: which of the body's numbers an operation has, and what they mean in it. */
static void describe_denied_arguments(struct fields *fields, struct replay *replay, uint64_t seq,
				      const struct ink_body_denied *body)
{
	switch (body->op) {
	case INK_OP_OPEN: describe_open_flags(fields, body->flags); break;
	case INK_OP_WRITE:
		fields_u64(fields, "offset", body->a);
		fields_u64(fields, "size", body->b);
		break;
	case INK_OP_TRUNCATE: fields_u64(fields, "size", body->a); break;
	case INK_OP_FALLOCATE:
		fields_bits(fields, "mode", body->flags);
		fields_u64(fields, "offset", body->a);
		fields_u64(fields, "size", body->b);
		break;
	case INK_OP_MKNOD: fields_octal(fields, "mode", body->flags); break;
	case INK_OP_RENAME:
		describe_entry(fields, replay, seq, "to", body->second_inode, body->second_name);
		fields_bits(fields, "flags", body->flags);
		break;
	case INK_OP_LINK:
		describe_entry(fields, replay, seq, "to", body->second_inode,
			       body->second_name.size > 0 ? body->second_name : body->name);
		break;
	case INK_OP_SETXATTR:
	case INK_OP_REMOVEXATTR: fields_str(fields, "attribute", body->name); break;
	case INK_OP_IOCTL: fields_bits(fields, "command", body->flags); break;
	case INK_OP_SETATTR: describe_denied_change(fields, body); break;
	default: break;
	}
}

static void describe_denied(struct fields *fields, struct replay *replay, uint64_t seq,
			    const struct ink_body_denied *body)
{
	const char *op = ink_op_name(body->op);
	const char *error = strerrorname_np((int)body->errno_code);

	fields_text(fields, "op", op ? op : "?");
	if (error)
		fields_text(fields, "errno", error);
	else
		fields_u64(fields, "errno", body->errno_code);
	describe_denied_arguments(fields, replay, seq, body);
	if (body->count > 1)
		fields_u64(fields, "count", body->count);
}

static void describe_seal(struct fields *fields, const struct ink_body_seal *body)
{
	const char *reason = ink_seal_reason_name(body->reason);

	fields_u64(fields, "epoch", body->epoch);
	fields_text(fields, "reason", reason ? reason : "?");
	fields_u64(fields, "tree_size", body->tree_size);
	fields_u64(fields, "durable", body->durable_size);
	fields_hex(fields, "root", body->root, INK_HASH_SIZE);
	if (body->next_key)
		fields_hex(fields, "next_key", body->next_key, INK_KEY_SIZE);
}

void describe_body(struct fields *fields, struct replay *replay, const struct ink_header *header,
		   const union ink_body *body)
{
	switch ((enum ink_kind)header->kind) {
	case INK_GENESIS: describe_genesis(fields, header, &body->genesis); break;
	case INK_MOUNT: describe_mount(fields, &body->mount); break;
	case INK_UNMOUNT: describe_unmount(fields, &body->unmount); break;
	case INK_RECOVERY: describe_recovery(fields, header, &body->recovery); break;
	case INK_ACTOR: describe_actor(fields, header, &body->actor); break;
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: describe_node(fields, &body->node); break;
	case INK_ATTR: describe_attr(fields, &body->attr); break;
	case INK_RENAME:
		describe_entry(fields, replay, header->seq, "to", body->rename.new_parent,
			       body->rename.new_name);
		break;
	case INK_LINK:
		describe_entry(fields, replay, header->seq, "from", header->inode,
			       (struct ink_str){ "", 0 });
		break;
	case INK_UNLINK: break;
	case INK_OPEN:
	case INK_CLOSE: describe_open_flags(fields, body->open.flags); break;
	case INK_APPEND:
		fields_u64(fields, "offset", header->offset);
		fields_u64(fields, "size", header->body_size);
		break;
	case INK_DENIED: describe_denied(fields, replay, header->seq, &body->denied); break;
	case INK_SEAL:
	case INK_EPOCH:
	case INK_REKEY: describe_seal(fields, &body->seal); break;
	case INK_ERASE:
		fields_u64(fields, "record", body->erase.target_seq);
		fields_str(fields, "authority", body->erase.authority);
		fields_str(fields, "why", body->erase.why);
		break;
	case INK_ANCHOR:
		fields_text(fields, "type", body->anchor.type == 1 ? "cosignature" : "timestamp");
		fields_u64(fields, "tree_size", body->anchor.tree_size);
		fields_str(fields, "from", body->anchor.from);
		fields_u64(fields, "size", body->anchor.bytes.size);
		break;
	}
}

void describe_caller(struct fields *fields, struct replay *replay, const struct ink_header *header)
{
	const struct replay_actor *actor;

	if (header->kind < INK_CREATE || header->kind > INK_DENIED)
		return;
	fields_u64(fields, "uid", header->uid);
	fields_u64(fields, "gid", header->gid);
	if (header->actor == 0)
		return;
	fields_u64(fields, "actor", header->actor);
	actor = replay_actor(replay, header->actor);
	if (!actor)
		return;
	fields_u64(fields, "pid", actor->pid);
	fields_text(fields, "comm", actor->comm);
}
