/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint of an open store, from its head and without reading the log.  As in checkpoint.c, what is signed must
 * never be taken back: the note is given out only after all that it covers has been synced.
 */
#include "store_private.h"

#include "checkpoint_sign.h"
#include "inkfs/checkpoint.h"

/* Under `lock`: the tree ends with a seal when nothing is unsealed. */
static enum ink_err sign_head(struct ink_store *store, const struct key_pair *log_key,
			      char *ret_note, size_t *ret_size, uint64_t *ret_count)
{
	const struct head *head = catalog_head(store->catalog);
	uint8_t root[INK_HASH_SIZE];
	struct checkpoint_state state = { .vkey = store->vkey, .root = root };
	enum ink_err err = store->has_failed ? INK_ERR_FAILED : INK_OK;

	if (err == INK_OK && has_unsealed(store))
		err = store_seal(store, INK_SEAL_SYNC);
	if (err != INK_OK)
		return err;
	merkle_root(&head->tree, root);
	state.log_key = head->log_key;
	state.epoch = head->epoch;
	state.size = head->record_count;
	*ret_count = head->record_count;
	return checkpoint_sign(&state, log_key, store->seal_key, ret_note, ret_size);
}

enum ink_err ink_checkpoint_live(struct ink_store *store, char *ret_note, size_t *ret_size,
				 struct ink_error *ret_error)
{
	struct key_pair *log_key = NULL;
	uint64_t count = 0;
	enum ink_err err;

	if (store->options.is_read_only)
		return error_set(ret_error, INK_ERR_KEY,
				 "%s is open read-only: nothing is signed for it", store->path);
	err = log_key_read(store->io, store->keys_dir, store->vkey, &log_key, ret_error);
	if (err != INK_OK)
		return err;
	pthread_mutex_lock(&store->lock);
	err = sign_head(store, log_key, ret_note, ret_size, &count);
	pthread_mutex_unlock(&store->lock);
	key_free(log_key);
	if (err == INK_OK)
		err = store_sync_to(store, count);
	if (err != INK_OK)
		return error_set(ret_error, err, "%s: no checkpoint: %s", store->path,
				 ink_err_text(err));
	return INK_OK;
}
