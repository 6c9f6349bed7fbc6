/* SPDX-License-Identifier: MIT */
/* The cache of inodes. */
#include "catalog_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { INODE_VALUE_SIZE = 136 };

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
	const uint8_t *leaf;
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
	leaf = get_bytes(&get, INK_HASH_SIZE);
	if (leaf)
		memcpy(inode->last_leaf, leaf, INK_HASH_SIZE);
	inode->atime_ns = (int64_t)get_u64(&get);
	inode->mtime_ns = (int64_t)get_u64(&get);
	inode->ctime_ns = (int64_t)get_u64(&get);
	inode->btime_ns = (int64_t)get_u64(&get);
	inode->parent = get_u64(&get);
	inode->run_start = get_u64(&get);
	inode->run_end_place = get_u64(&get);
	return get_is_done(&get) ? INK_OK : INK_ERR_DAMAGED;
}

static unsigned bucket_of(uint64_t number)
{
	return (unsigned)((number * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - INODE_BUCKET_BITS));
}

enum ink_err inodes_reserve(struct catalog *catalog)
{
	while (catalog->spare_count < INODE_SPARE_COUNT) {
		struct inode *inode = malloc(sizeof(*inode));

		if (!inode) {
			errno = ENOMEM;
			return INK_ERR_IO;
		}
		inode->next = catalog->spare;
		catalog->spare = inode;
		catalog->spare_count++;
	}
	return INK_OK;
}

static struct inode *take_spare(struct catalog *catalog)
{
	struct inode *inode = catalog->spare;

	if (!inode)
		return malloc(sizeof(*inode));
	catalog->spare = inode->next;
	catalog->spare_count--;
	return inode;
}

enum ink_err inode_add(struct catalog *catalog, uint64_t number, struct inode **ret_inode)
{
	struct inode *inode = take_spare(catalog);
	unsigned bucket = bucket_of(number);

	if (!inode) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	*inode = (struct inode){ .number = number, .next = catalog->buckets[bucket] };
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
	inode->touched_seq = seq;
	if (inode->is_dirty)
		return;
	inode->is_dirty = true;
	inode->next_dirty = NULL;
	if (catalog->dirty_first)
		catalog->dirty_last->next_dirty = inode;
	else
		catalog->dirty_first = inode;
	catalog->dirty_last = inode;
	catalog->dirty_count++;
}

enum ink_err inodes_flush(struct catalog *catalog, size_t keep_count)
{
	while (catalog->dirty_count > keep_count) {
		struct inode *inode = catalog->dirty_first;
		uint8_t value[INODE_VALUE_SIZE], key[8];
		enum ink_err err;

		inode_encode(inode, value);
		err = index_put(catalog->index, DB_INODES, key, key_u64(inode->number, key), value,
				sizeof(value));
		if (err != INK_OK)
			return err;
		catalog->dirty_first = inode->next_dirty;
		inode->is_dirty = false;
		catalog->dirty_count--;
	}
	return INK_OK;
}

static void free_list(struct inode *inode)
{
	while (inode) {
		struct inode *next = inode->next;

		free(inode);
		inode = next;
	}
}

static void drop_inodes(struct catalog *catalog)
{
	for (unsigned i = 0; i < INODE_BUCKET_COUNT; i++) {
		free_list(catalog->buckets[i]);
		catalog->buckets[i] = NULL;
	}
	catalog->inode_count = 0;
}

void inodes_release(struct catalog *catalog)
{
	drop_inodes(catalog);
	free_list(catalog->spare);
}

void catalog_shrink(struct catalog *catalog)
{
	if (catalog->inode_count > INODE_CACHE_MAX && catalog->dirty_count == 0)
		drop_inodes(catalog);
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
