/* SPDX-License-Identifier: MIT */
/* What the index knows of one inode, of processes and of blocks of records, for readers that then look at the records themselves. */
#include "store_private.h"

static enum ink_err next_link(struct ink_store *store, uint64_t inode, uint64_t cookie,
			      uint64_t *ret_parent, uint64_t *ret_cookie)
{
	struct index_pair pair;
	uint8_t key[16];
	enum ink_err err;

	key_u64_pair(inode, cookie, key);
	pthread_mutex_lock(&store->lock);
	err = index_seek(store->index, DB_LINKS, key, sizeof(key), false, &pair);
	if (err == INK_OK && (pair.key_size != 16 || pair.value_size != 8))
		err = INK_ERR_DAMAGED;
	if (err == INK_OK && be64_load(pair.key) != inode)
		err = INK_ERR_NOT_FOUND;
	if (err == INK_OK) {
		*ret_cookie = be64_load(pair.key + 8);
		*ret_parent = be64_load(pair.value);
	}
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_each_name(struct ink_store *store, uint64_t inode, ink_name_fn each, void *ctx)
{
	uint64_t cookie = 0, parent;
	enum ink_err err;

	while ((err = next_link(store, inode, cookie, &parent, &cookie)) == INK_OK) {
		if (cookie < COOKIE_BASE)
			return INK_ERR_DAMAGED;
		if (!each(ctx, parent, cookie - COOKIE_BASE) || cookie == UINT64_MAX)
			return INK_OK;
		cookie++;
	}
	return err == INK_ERR_NOT_FOUND ? INK_OK : err;
}

static enum ink_err next_actor(struct ink_store *store, uint64_t from_seq, uint64_t *ret_seq)
{
	struct index_pair pair;
	uint8_t key[8];
	enum ink_err err;

	be64_store(key, from_seq);
	pthread_mutex_lock(&store->lock);
	err = index_seek(store->index, DB_ACTORS, key, sizeof(key), false, &pair);
	if (err == INK_OK && pair.key_size != 8)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		*ret_seq = be64_load(pair.key);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_each_actor(struct ink_store *store, ink_actor_fn each, void *ctx)
{
	uint64_t seq = 0;
	enum ink_err err;

	while ((err = next_actor(store, seq, &seq)) == INK_OK) {
		if (!each(ctx, seq) || seq == UINT64_MAX)
			return INK_OK;
		seq++;
	}
	return err == INK_ERR_NOT_FOUND ? INK_OK : err;
}

enum ink_err ink_block(struct ink_store *store, uint64_t n, struct ink_block *ret_block)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = catalog_block(store->catalog, n, ret_block);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_run_at(struct ink_store *store, uint64_t inode, uint64_t offset,
			struct ink_run *ret_run)
{
	struct index_pair pair;
	uint8_t key[16];
	enum ink_err err;

	key_u64_pair(inode, offset, key);
	pthread_mutex_lock(&store->lock);
	err = index_seek_back(store->index, DB_EXTENTS, key, sizeof(key), &pair);
	if (err == INK_OK && (pair.key_size != 16 || pair.value_size != 16))
		err = INK_ERR_DAMAGED;
	if (err == INK_OK && be64_load(pair.key) != inode)
		err = INK_ERR_NOT_FOUND;
	if (err == INK_OK)
		*ret_run = (struct ink_run){ be64_load(pair.key + 8), be64_load(pair.value),
					     be64_load(pair.value + 8) };
	pthread_mutex_unlock(&store->lock);
	return err;
}
