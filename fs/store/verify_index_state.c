/* SPDX-License-Identifier: MIT */
/* The databases that hold the state of names and files: each entry against the replayed one, then the counts. */
#include "verify_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	INODE_VALUE_SIZE = 6 * 4 + 3 * 8 + INK_HASH_SIZE + 4 * 8 + 3 * 8,
	HEAD_SIZE_MAX = 256 + 64 * 32
};

/* One field of a value, for the sentence that says what is wrong. */
struct field {
	const char *name;
	size_t size;
};

static const struct field inode_fields[] = {
	{ "mode", 4 },        { "uid", 4 },
	{ "gid", 4 },         { "number of links", 4 },
	{ "flags", 4 },       { "reserve", 4 },
	{ "size", 8 },        { "number of records", 8 },
	{ "last record", 8 }, { "last leaf hash", 32 },
	{ "access time", 8 }, { "modification time", 8 },
	{ "change time", 8 }, { "birth time", 8 },
	{ "folder", 8 },      { "run start", 8 },
	{ "end place", 8 },   { NULL, 0 },
};

static const struct field head_fields[] = {
	{ "version", 4 },
	{ "epoch", 4 },
	{ "record count", 8 },
	{ "end place", 8 },
	{ "next inode", 8 },
	{ "last seal", 8 },
	{ "open session", 8 },
	{ "payload bytes", 8 },
	{ "durable size", 8 },
	{ "payload bytes before the session", 8 },
	{ "refusals", 8 },
	{ "store id", 16 },
	{ "last leaf hash", 32 },
	{ "seal key", 32 },
	{ "log key", 32 },
	{ "state of closing", 8 },
	{ NULL, 0 },
};

static const char *first_difference(const struct field *fields, const uint8_t *a, const uint8_t *b)
{
	for (size_t at = 0; fields->name; at += fields++->size)
		if (memcmp(a + at, b + at, fields->size) != 0)
			return fields->name;
	return "tail";
}

/* --- head ---------------------------------------------------------------------------------- */

static void encode_head(const struct verify *v, struct put *put)
{
	const struct chain *chain = &v->chain;

	put_u32(put, FORMAT_VERSION);
	put_u32(put, chain->epoch);
	put_u64(put, chain->tree.size);
	put_u64(put, chain->end_place);
	put_u64(put, chain->next_inode);
	put_u64(put, chain->last_seal_seq);
	put_u64(put, chain->session_seq);
	put_u64(put, chain->payload);
	put_u64(put, chain->durable);
	put_u64(put, chain->payload_before);
	put_u64(put, chain->refusals);
	put_bytes(put, chain->store_id, INK_STORE_ID_SIZE);
	put_bytes(put, chain->last_leaf, INK_HASH_SIZE);
	put_bytes(put, chain->seal_key, INK_KEY_SIZE);
	put_bytes(put, chain->log_key, INK_KEY_SIZE);
	put_u8(put, chain->is_closed);
	put_zero(put, 6);
	put_u8(put, (uint8_t)chain->tree.node_count);
	put_bytes(put, chain->tree.nodes, (size_t)chain->tree.node_count * INK_HASH_SIZE);
}

static enum ink_err compare_meta(struct verify *v)
{
	struct lmdb_cursor *cursor = &v->index.cursors[VDB_META];
	uint8_t wanted[HEAD_SIZE_MAX];
	struct lmdb_bytes key, value;
	struct put put;
	enum ink_err err = lmdb_next(cursor, &key, &value);

	if (err != INK_OK)
		return index_fault(v, err, VDB_META);
	put_init(&put, wanted, sizeof(wanted));
	encode_head(v, &put);
	if (key.size != 4 || memcmp(key.data, "head", 4) != 0)
		report_index(v, "meta: an entry that does not belong there");
	else if (value.size != put.size)
		report_index(v, "meta: the head has another size than it should have");
	else if (memcmp(value.data, wanted, put.size) != 0)
		report_index(v, "meta: the head is wrong: %s",
			     first_difference(head_fields, value.data, wanted));
	err = lmdb_next(cursor, &key, &value);
	if (err == INK_OK)
		report_index(v, "meta: an entry that does not belong there");
	return err == INK_ERR_NOT_FOUND ? INK_OK : index_fault(v, err, VDB_META);
}

/* --- inodes and targets -------------------------------------------------------------------- */

static void encode_inode(const struct vnode *node, uint8_t *ret_value)
{
	struct put put;

	put_init(&put, ret_value, INODE_VALUE_SIZE);
	put_u32(&put, node->mode);
	put_u32(&put, node->uid);
	put_u32(&put, node->gid);
	put_u32(&put, node->nlink);
	put_u32(&put, node->has_held);
	put_u32(&put, 0);
	put_u64(&put, node->size);
	put_u64(&put, node->records);
	put_u64(&put, node->last_seq);
	put_bytes(&put, node->last_leaf, INK_HASH_SIZE);
	put_u64(&put, (uint64_t)node->atime);
	put_u64(&put, (uint64_t)node->mtime);
	put_u64(&put, (uint64_t)node->ctime);
	put_u64(&put, (uint64_t)node->btime);
	put_u64(&put, node->parent);
	put_u64(&put, node->run_start);
	put_u64(&put, node->end_place);
}

static void compare_inode(struct verify *v, uint64_t number, const struct vnode *node,
			  struct lmdb_bytes value)
{
	uint8_t wanted[INODE_VALUE_SIZE];
	char path[VERIFY_PATH_SIZE];

	encode_inode(node, wanted);
	if (value.size == sizeof(wanted) && memcmp(value.data, wanted, sizeof(wanted)) == 0)
		return;
	names_path(&v->names, number, path, sizeof(path));
	report_index(v, "inodes: the entry of inode %llu is wrong: %s; it is %.300s",
		     (unsigned long long)number,
		     value.size != sizeof(wanted)
			     ? "its length"
			     : first_difference(inode_fields, value.data, wanted),
		     path);
}

static void compare_target(struct verify *v, uint64_t number, const struct vnode *node,
			   struct lmdb_bytes value)
{
	if (!node->target || node->size != value.size ||
	    memcmp(node->target, value.data, value.size) != 0)
		report_index(v, "targets: the entry of inode %llu is wrong",
			     (unsigned long long)number);
}

/* Databases with an inode as key. */
static enum ink_err compare_by_inode(struct verify *v, enum vdb db, uint64_t wanted_count,
				     void (*compare)(struct verify *v, uint64_t number,
						     const struct vnode *node,
						     struct lmdb_bytes value))
{
	struct lmdb_cursor *cursor = &v->index.cursors[db];
	struct lmdb_bytes key, value;
	uint64_t count = 0;
	enum ink_err err;

	if (!cursor->file)
		return INK_OK;
	while ((err = lmdb_next(cursor, &key, &value)) == INK_OK) {
		uint64_t number = key.size == 8 ? be64_load(key.data) : 0;
		const struct vnode *node = names_node(&v->names, v->chain.next_inode, number);

		count++;
		if (node)
			compare(v, number, node, value);
		else
			report_index(v, "%s: an entry that no record made", vdb_name(db));
	}
	if (err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, db);
	if (count != wanted_count)
		report_index(v, "%s: %llu entries where the log makes %llu", vdb_name(db),
			     (unsigned long long)count, (unsigned long long)wanted_count);
	return INK_OK;
}

/* --- names --------------------------------------------------------------------------------- */

static bool is_names_entry(struct verify *v, struct lmdb_bytes key, struct lmdb_bytes value)
{
	const struct vname *n;

	if (key.size < 8 || value.size != 16)
		return false;
	n = names_find(&v->names, be64_load(key.data), (const char *)key.data + 8, key.size - 8);
	return n && be64_load(value.data) == n->inode && be64_load(value.data + 8) == n->cookie;
}

static bool is_entries_entry(struct verify *v, struct lmdb_bytes key, struct lmdb_bytes value)
{
	const struct vname *n;

	if (key.size != 16 || value.size < 12)
		return false;
	n = names_find(&v->names, be64_load(key.data), (const char *)value.data + 12,
		       value.size - 12);
	return n && be64_load(key.data + 8) == n->cookie && be64_load(value.data) == n->inode &&
	       be32_load(value.data + 8) == (v->names.nodes[n->inode - 1].mode & S_IFMT);
}

static bool is_links_entry(struct verify *v, struct lmdb_bytes key, struct lmdb_bytes value)
{
	const struct vnode *node;

	if (key.size != 16 || value.size != 8)
		return false;
	node = names_node(&v->names, v->chain.next_inode, be64_load(key.data));
	for (const struct vname *n = node ? node->names : NULL; n; n = n->next_of_inode)
		if (n->cookie == be64_load(key.data + 8))
			return n->parent == be64_load(value.data);
	return false;
}

/* Each of these three holds one entry a name; so when all are right and as many as names, none is missing. */
static enum ink_err compare_by_name(struct verify *v, enum vdb db,
				    bool (*is_right)(struct verify *v, struct lmdb_bytes key,
						     struct lmdb_bytes value))
{
	struct lmdb_cursor *cursor = &v->index.cursors[db];
	struct lmdb_bytes key, value;
	uint64_t count = 0;
	enum ink_err err;

	if (!cursor->file)
		return INK_OK;
	while ((err = lmdb_next(cursor, &key, &value)) == INK_OK) {
		count++;
		if (!is_right(v, key, value))
			report_index(v, "%s: the entry of %s %llu is not what the log says",
				     vdb_name(db), db == VDB_LINKS ? "inode" : "a name in folder",
				     (unsigned long long)(key.size >= 8 ? be64_load(key.data) : 0));
	}
	if (err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, db);
	if (count != v->names.name_count)
		report_index(v, "%s: %llu entries where the log makes %llu", vdb_name(db),
			     (unsigned long long)count, (unsigned long long)v->names.name_count);
	return INK_OK;
}

enum ink_err index_compare_state(struct verify *v)
{
	enum ink_err err = compare_meta(v);

	if (err == INK_OK && !v->index.is_done)
		err = compare_by_inode(v, VDB_INODES, v->chain.next_inode - 1, compare_inode);
	if (err == INK_OK && !v->index.is_done)
		err = compare_by_inode(v, VDB_TARGETS, v->names.symlink_count, compare_target);
	if (err == INK_OK && !v->index.is_done)
		err = compare_by_name(v, VDB_NAMES, is_names_entry);
	if (err == INK_OK && !v->index.is_done)
		err = compare_by_name(v, VDB_ENTRIES, is_entries_entry);
	if (err == INK_OK && !v->index.is_done)
		err = compare_by_name(v, VDB_LINKS, is_links_entry);
	return err;
}
