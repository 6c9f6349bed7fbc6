/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <assert.h>
#include <sys/stat.h>

static const char *const kind_names[] = {
	[INK_GENESIS] = "GENESIS",   [INK_MOUNT] = "MOUNT",     [INK_UNMOUNT] = "UNMOUNT",
	[INK_RECOVERY] = "RECOVERY", [INK_ACTOR] = "ACTOR",     [INK_CREATE] = "CREATE",
	[INK_MKDIR] = "MKDIR",       [INK_SYMLINK] = "SYMLINK", [INK_ATTR] = "ATTR",
	[INK_RENAME] = "RENAME",     [INK_LINK] = "LINK",       [INK_UNLINK] = "UNLINK",
	[INK_OPEN] = "OPEN",         [INK_CLOSE] = "CLOSE",     [INK_APPEND] = "APPEND",
	[INK_DENIED] = "DENIED",     [INK_SEAL] = "SEAL",       [INK_EPOCH] = "EPOCH",
	[INK_REKEY] = "REKEY",       [INK_ERASE] = "ERASE",     [INK_ANCHOR] = "ANCHOR",
};

static const char *const op_names[] = {
	[INK_OP_OPEN] = "open",
	[INK_OP_WRITE] = "write",
	[INK_OP_TRUNCATE] = "truncate",
	[INK_OP_FALLOCATE] = "fallocate",
	[INK_OP_MKNOD] = "mknod",
	[INK_OP_UNLINK] = "unlink",
	[INK_OP_RMDIR] = "rmdir",
	[INK_OP_RENAME] = "rename",
	[INK_OP_LINK] = "link",
	[INK_OP_SETXATTR] = "setxattr",
	[INK_OP_REMOVEXATTR] = "removexattr",
	[INK_OP_IOCTL] = "ioctl",
	[INK_OP_SETATTR] = "setattr",
};

static const char *const reason_names[] = {
	[INK_SEAL_CLOSE] = "close",       [INK_SEAL_SYNC] = "sync",
	[INK_SEAL_INTERVAL] = "interval", [INK_SEAL_HEARTBEAT] = "heartbeat",
	[INK_SEAL_WRITE] = "every write", [INK_SEAL_MOUNT] = "mount",
	[INK_SEAL_EPOCH] = "epoch's end", [INK_SEAL_UNMOUNT] = "unmount",
	[INK_SEAL_REKEY] = "rekey",
};

const char *ink_kind_name(uint8_t kind)
{
	return kind >= INK_GENESIS && kind <= INK_KIND_LAST ? kind_names[kind] : NULL;
}

const char *ink_op_name(uint16_t op)
{
	return op >= INK_OP_OPEN && op <= INK_OP_LAST ? op_names[op] : NULL;
}

const char *ink_seal_reason_name(uint8_t reason)
{
	return reason >= INK_SEAL_CLOSE && reason <= INK_SEAL_REKEY ? reason_names[reason] : NULL;
}

static bool body_size_is_valid(uint8_t kind, uint32_t size)
{
	return size <= body_size_max(kind) && (kind != INK_APPEND || size > 0);
}

void header_encode(const struct ink_header *header, uint8_t ret_entry[static HEADER_SIZE])
{
	uint8_t *e = ret_entry;

	assert(ink_kind_name(header->kind));
	assert(body_size_is_valid(header->kind, header->body_size));
	assert(header->offset == 0 || header->kind == INK_APPEND);
	e[HEADER_OFF_VERSION] = FORMAT_VERSION;
	e[HEADER_OFF_KIND] = header->kind;
	be16_store(e + HEADER_OFF_FLAGS, 0);
	be32_store(e + HEADER_OFF_BODY_SIZE, header->body_size);
	be64_store(e + HEADER_OFF_SEQ, header->seq);
	be64_store(e + HEADER_OFF_WALL, (uint64_t)header->wall_ns);
	be64_store(e + HEADER_OFF_BOOT, header->boot_ns);
	be64_store(e + HEADER_OFF_INODE, header->inode);
	be64_store(e + HEADER_OFF_OFFSET, header->offset);
	be32_store(e + HEADER_OFF_UID, header->uid);
	be32_store(e + HEADER_OFF_GID, header->gid);
	be64_store(e + HEADER_OFF_ACTOR, header->actor);
	memcpy(e + HEADER_OFF_PREV, header->prev, INK_HASH_SIZE);
	memcpy(e + HEADER_OFF_DIGEST, header->digest, INK_HASH_SIZE);
	be32_store(e + HEADER_OFF_ADDENDA, HEADER_OFF_DIGEST);
	e[HEADER_SIZE - 1] = 1;
}

enum ink_err header_decode(const uint8_t entry[static HEADER_SIZE], struct ink_header *ret_header)
{
	const uint8_t *e = entry;
	struct ink_header h;

	if (e[HEADER_OFF_VERSION] != FORMAT_VERSION)
		return INK_ERR_FOREIGN;
	h.kind = e[HEADER_OFF_KIND];
	h.body_size = be32_load(e + HEADER_OFF_BODY_SIZE);
	h.seq = be64_load(e + HEADER_OFF_SEQ);
	h.wall_ns = (int64_t)be64_load(e + HEADER_OFF_WALL);
	h.boot_ns = be64_load(e + HEADER_OFF_BOOT);
	h.inode = be64_load(e + HEADER_OFF_INODE);
	h.offset = be64_load(e + HEADER_OFF_OFFSET);
	h.uid = be32_load(e + HEADER_OFF_UID);
	h.gid = be32_load(e + HEADER_OFF_GID);
	h.actor = be64_load(e + HEADER_OFF_ACTOR);
	memcpy(h.prev, e + HEADER_OFF_PREV, INK_HASH_SIZE);
	memcpy(h.digest, e + HEADER_OFF_DIGEST, INK_HASH_SIZE);
	if (!ink_kind_name(h.kind) || be16_load(e + HEADER_OFF_FLAGS) != 0 ||
	    !body_size_is_valid(h.kind, h.body_size) || (h.offset != 0 && h.kind != INK_APPEND) ||
	    be32_load(e + HEADER_OFF_ADDENDA) != HEADER_OFF_DIGEST || e[HEADER_SIZE - 1] != 1)
		return INK_ERR_DAMAGED;
	*ret_header = h;
	return INK_OK;
}

bool name_is_valid(struct ink_str name)
{
	if (name.size > INK_NAME_SIZE_MAX)
		return false;
	if (memchr(name.data, '/', name.size) || memchr(name.data, 0, name.size))
		return false;
	/* "", "." and ".." */
	if (name.size <= 2 && memcmp(name.data, "..", name.size) == 0)
		return false;
	return true;
}

size_t body_signature_size(uint8_t kind)
{
	switch (kind) {
	case INK_SEAL: return INK_SIGNATURE_SIZE;
	case INK_GENESIS:
	case INK_EPOCH:
	case INK_REKEY: return 2 * (size_t)INK_SIGNATURE_SIZE;
	default: return 0;
	}
}

const char *body_domain(uint8_t kind)
{
	switch (kind) {
	case INK_GENESIS: return DOMAIN_GENESIS;
	case INK_SEAL: return DOMAIN_SEAL;
	case INK_EPOCH: return DOMAIN_EPOCH;
	case INK_REKEY: return DOMAIN_REKEY;
	default: return NULL;
	}
}
