/* SPDX-License-Identifier: MIT */
/* Head and names; catalog_inodes.c has the cache of inodes, catalog_leaves.c leaves, blocks and tiles, catalog_apply.c what each kind of record does. */
#include "catalog_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { HEAD_SIZE_MAX = 512 + TREE_DEPTH_MAX * INK_HASH_SIZE };

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

void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	inodes_release(catalog);
	free(catalog);
}

const struct head *catalog_head(const struct catalog *catalog)
{
	return &catalog->head;
}

enum ink_err catalog_flush(struct catalog *catalog)
{
	uint64_t count = catalog->head.record_count;
	uint8_t bytes[HEAD_SIZE_MAX];
	enum ink_err err = inodes_flush(catalog, 0);

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

enum ink_err catalog_place(struct catalog *catalog, uint64_t seq, uint64_t *ret_place)
{
	uint8_t leaf[INK_HASH_SIZE];

	return catalog_leaf(catalog, seq, leaf, ret_place);
}
