/* SPDX-License-Identifier: MIT */
/* Head and the inode cache; catalog_leaves.c has leaves, blocks and tiles, catalog_apply.c what each kind of record does. */
#include "catalog_private.h"

#include <assert.h>
#include <sys/stat.h>
#include <errno.h>
#include <stdlib.h>

enum { HEAD_SIZE_MAX = 512 + TREE_DEPTH_MAX * INK_HASH_SIZE, INODE_VALUE_SIZE = 136 };

size_t key_u64(uint64_t a, uint8_t *ret_key)
{
	be64_store(ret_key, a);
	return 8;
}

size_t key_u64_pair(uint64_t a, uint64_t b, uint8_t *ret_key)
{
	be64_store(ret_key, a);
	be64_store(ret_key + 8, b);
	return 16;
}

size_t key_name(uint64_t parent, struct ink_str name, uint8_t *ret_key)
{
	assert(name.size <= INK_NAME_SIZE_MAX);
	be64_store(ret_key, parent);
	memcpy(ret_key + 8, name.data, name.size);
	return 8 + name.size;
}

size_t key_tile(unsigned level, uint64_t n, uint8_t *ret_key)
{
	ret_key[0] = (uint8_t)level;
	be64_store(ret_key + 1, n);
	return 9;
}

static size_t head_encode(const struct head *head, uint8_t *bytes)
{
	struct put put;

	put_init(&put, bytes, HEAD_SIZE_MAX);
	put_u32(&put, FORMAT_VERSION);
	put_u32(&put, head->epoch);
	put_u64(&put, head->record_count);
	put_u64(&put, head->end_place);
	put_u64(&put, head->next_inode);
	put_u64(&put, head->last_seal_seq);
	put_u64(&put, head->mount_seq);
	put_u64(&put, head->payload_bytes);
	put_u64(&put, head->durable_size);
	put_u64(&put, head->payload_before);
	put_u64(&put, head->refusal_count);
	put_bytes(&put, head->store_id, INK_STORE_ID_SIZE);
	put_bytes(&put, head->last_leaf, INK_HASH_SIZE);
	put_bytes(&put, head->seal_key, INK_KEY_SIZE);
	put_bytes(&put, head->log_key, INK_KEY_SIZE);
	put_u8(&put, head->is_closed);
	put_zero(&put, 6);
	put_u8(&put, (uint8_t)head->tree.node_count);
	put_bytes(&put, head->tree.nodes, (size_t)head->tree.node_count * INK_HASH_SIZE);
	assert(!put.is_full);
	return put.size;
}

static void get_array(struct get *get, uint8_t *ret_bytes, size_t size)
{
	const uint8_t *p = get_bytes(get, size);

	if (p)
		memcpy(ret_bytes, p, size);
}

static enum ink_err head_decode(const uint8_t *bytes, size_t size, struct head *head)
{
	struct get get;
	const uint8_t *nodes;
	uint8_t node_count;
	uint8_t is_closed;

	get_init(&get, bytes, size);
	if (get_u32(&get) != FORMAT_VERSION)
		return INK_ERR_FOREIGN;
	head->epoch = get_u32(&get);
	head->record_count = get_u64(&get);
	head->end_place = get_u64(&get);
	head->next_inode = get_u64(&get);
	head->last_seal_seq = get_u64(&get);
	head->mount_seq = get_u64(&get);
	head->payload_bytes = get_u64(&get);
	head->durable_size = get_u64(&get);
	head->payload_before = get_u64(&get);
	head->refusal_count = get_u64(&get);
	get_array(&get, head->store_id, INK_STORE_ID_SIZE);
	get_array(&get, head->last_leaf, INK_HASH_SIZE);
	get_array(&get, head->seal_key, INK_KEY_SIZE);
	get_array(&get, head->log_key, INK_KEY_SIZE);
	is_closed = get_u8(&get);
	head->is_closed = is_closed == 1;
	get_zero(&get, 6);
	node_count = get_u8(&get);
	nodes = get_bytes(&get, (size_t)node_count * INK_HASH_SIZE);
	if (!get_is_done(&get) || head->record_count == 0 || is_closed > 1)
		return INK_ERR_DAMAGED;
	return merkle_load(&head->tree, head->record_count, nodes, node_count);
}

static void inode_encode(const struct inode *inode, uint8_t *bytes)
{
	struct put put;

	put_init(&put, bytes, INODE_VALUE_SIZE);
	put_u32(&put, inode->mode);
	put_u32(&put, inode->uid);
	put_u32(&put, inode->gid);
	put_u32(&put, inode->nlink);
	put_u32(&put, inode->flags);
	put_u32(&put, 0);
	put_u64(&put, inode->size);
	put_u64(&put, inode->record_count);
	put_u64(&put, inode->last_seq);
	put_bytes(&put, inode->last_leaf, INK_HASH_SIZE);
	put_u64(&put, (uint64_t)inode->atime_ns);
	put_u64(&put, (uint64_t)inode->mtime_ns);
	put_u64(&put, (uint64_t)inode->ctime_ns);
	put_u64(&put, (uint64_t)inode->btime_ns);
	put_u64(&put, inode->parent);
	put_u64(&put, inode->run_start);
	put_u64(&put, inode->run_end_place);
	assert(!put.is_full);
}

static enum ink_err inode_decode(const uint8_t *bytes, size_t size, struct inode *inode)
{
	struct get get;

	get_init(&get, bytes, size);
	inode->mode = get_u32(&get);
	inode->uid = get_u32(&get);
	inode->gid = get_u32(&get);
	inode->nlink = get_u32(&get);
	inode->flags = get_u32(&get);
	get_zero(&get, 4);
	inode->size = get_u64(&get);
	inode->record_count = get_u64(&get);
	inode->last_seq = get_u64(&get);
	get_array(&get, inode->last_leaf, INK_HASH_SIZE);
	inode->atime_ns = (int64_t)get_u64(&get);
	inode->mtime_ns = (int64_t)get_u64(&get);
	inode->ctime_ns = (int64_t)get_u64(&get);
	inode->btime_ns = (int64_t)get_u64(&get);
	inode->parent = get_u64(&get);
	inode->run_start = get_u64(&get);
	inode->run_end_place = get_u64(&get);
	return get_is_done(&get) ? INK_OK : INK_ERR_DAMAGED;
}

static enum ink_err load(struct catalog *catalog)
{
	const uint8_t *value;
	enum ink_err err;
	size_t size;

	err = index_get(catalog->index, DB_META, "head", 4, &value, &size);
	if (err == INK_ERR_NOT_FOUND)
		return INK_OK;
	if (err == INK_OK)
		err = head_decode(value, size, &catalog->head);
	if (err == INK_OK)
		err = leaves_load(catalog);
	return err;
}

enum ink_err catalog_open(struct index *index, struct catalog **ret_catalog)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	enum ink_err err;

	if (!catalog)
		return INK_ERR_IO;
	catalog->index = index;
	catalog->head.next_inode = FIRST_INODE;
	block_init(&catalog->block);
	err = load(catalog);
	if (err != INK_OK) {
		catalog_close(catalog);
		return err;
	}
	*ret_catalog = catalog;
	return INK_OK;
}

static void drop_inodes(struct catalog *catalog)
{
	for (unsigned i = 0; i < INODE_BUCKET_COUNT; i++) {
		for (struct inode *inode = catalog->buckets[i], *next; inode; inode = next) {
			next = inode->next;
			free(inode);
		}
		catalog->buckets[i] = NULL;
	}
	catalog->inode_count = 0;
}

void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	drop_inodes(catalog);
	free(catalog);
}

const struct head *catalog_head(const struct catalog *catalog)
{
	return &catalog->head;
}

static unsigned bucket_of(uint64_t number)
{
	return (unsigned)((number * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - INODE_BUCKET_BITS));
}

enum ink_err inode_add(struct catalog *catalog, uint64_t number, struct inode **ret_inode)
{
	struct inode *inode = calloc(1, sizeof(*inode));
	unsigned bucket = bucket_of(number);

	if (!inode) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	inode->number = number;
	inode->next = catalog->buckets[bucket];
	catalog->buckets[bucket] = inode;
	catalog->inode_count++;
	*ret_inode = inode;
	return INK_OK;
}

enum ink_err catalog_inode(struct catalog *catalog, uint64_t number, struct inode **ret_inode)
{
	struct inode *inode = catalog->buckets[bucket_of(number)];
	struct inode found = { .number = number };
	const uint8_t *value;
	enum ink_err err;
	uint8_t key[8];
	size_t size;

	while (inode && inode->number != number)
		inode = inode->next;
	if (inode) {
		*ret_inode = inode;
		return INK_OK;
	}
	err = index_get(catalog->index, DB_INODES, key, key_u64(number, key), &value, &size);
	if (err == INK_OK)
		err = inode_decode(value, size, &found);
	if (err == INK_OK)
		err = inode_add(catalog, number, &inode);
	if (err != INK_OK)
		return err;
	found.next = inode->next;
	*inode = found;
	*ret_inode = inode;
	return INK_OK;
}

void inode_touch(struct catalog *catalog, struct inode *inode, uint64_t seq)
{
	if (!inode->is_dirty)
		catalog->dirty_count++;
	inode->is_dirty = true;
	inode->touched_seq = seq;
}

size_t catalog_dirty_count(const struct catalog *catalog)
{
	return catalog->dirty_count;
}

static enum ink_err flush_inodes(struct catalog *catalog)
{
	for (unsigned i = 0; i < INODE_BUCKET_COUNT && catalog->dirty_count > 0; i++)
		for (struct inode *inode = catalog->buckets[i]; inode; inode = inode->next) {
			uint8_t value[INODE_VALUE_SIZE], key[8];
			enum ink_err err;

			if (!inode->is_dirty)
				continue;
			inode_encode(inode, value);
			err = index_put(catalog->index, DB_INODES, key, key_u64(inode->number, key),
					value, sizeof(value));
			if (err != INK_OK)
				return err;
			inode->is_dirty = false;
			catalog->dirty_count--;
		}
	return INK_OK;
}

void catalog_shrink(struct catalog *catalog)
{
	if (catalog->inode_count > INODE_CACHE_MAX && catalog->dirty_count == 0)
		drop_inodes(catalog);
}

enum ink_err catalog_flush(struct catalog *catalog)
{
	uint64_t count = catalog->head.record_count;
	uint8_t bytes[HEAD_SIZE_MAX];
	enum ink_err err = flush_inodes(catalog);

	catalog_shrink(catalog);
	if (err == INK_OK)
		err = leaves_flush(catalog);
	if (err == INK_OK && count > 0)
		err = index_put(catalog->index, DB_META, "head", 4, bytes,
				head_encode(&catalog->head, bytes));
	return err;
}

enum ink_err catalog_name(struct catalog *catalog, uint64_t parent, struct ink_str name,
			  struct name_entry *ret_entry)
{
	uint8_t key[8 + INK_NAME_SIZE_MAX];
	const uint8_t *value;
	enum ink_err err;
	size_t size;

	if (name.size > INK_NAME_SIZE_MAX)
		return INK_ERR_LIMIT;
	err = index_get(catalog->index, DB_NAMES, key, key_name(parent, name, key), &value, &size);
	if (err != INK_OK)
		return err;
	if (size != 16)
		return INK_ERR_DAMAGED;
	ret_entry->inode = be64_load(value);
	ret_entry->cookie = be64_load(value + 8);
	return INK_OK;
}

bool catalog_is_beneath(struct catalog *catalog, uint64_t number, uint64_t ancestor)
{
	struct inode *inode;

	/* A chain of parents longer than there are inodes is a circle. */
	for (uint64_t steps = 0; steps <= catalog->head.next_inode; steps++) {
		if (number == ancestor)
			return true;
		if (number == INK_ROOT_INODE)
			return false;
		if (catalog_inode(catalog, number, &inode) != INK_OK)
			return true;
		number = inode->parent;
	}
	return true;
}

enum ink_err catalog_place(struct catalog *catalog, uint64_t seq, uint64_t *ret_place)
{
	uint8_t leaf[INK_HASH_SIZE];

	return catalog_leaf(catalog, seq, leaf, ret_place);
}
