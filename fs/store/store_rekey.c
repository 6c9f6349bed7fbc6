/* SPDX-License-Identifier: MIT */
/*
 * Another seal key on the log key's word, when the one in force is lost or thought stolen.
 *
 * Order as at an epoch's end, but the old seed is gone from the first: (1) the file with zeros and the new seed, synced;
 * (2) RECOVERY where one is due, then REKEY; (3) the log synced; (4) the file with the new seed alone, the index committed.
 * Cut off before REKEY is durable, the store does not open until it is rekeyed again; behind it, nothing is missing.
 * Whoever holds a copy of the old seed signs nothing behind REKEY.
 */
#include "store_private.h"

#include <errno.h>

#include "recover.h"

static enum ink_err put_rekey(struct ink_store *store, const struct key_pair *log_key,
			      const struct recover_result *result)
{
	uint32_t epoch = catalog_head(store->catalog)->epoch;
	struct key_pair *next = key_make();
	enum ink_err err;

	if (!next) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	err = seal_key_write(store->io, store->keys_dir, store->store_id, epoch, NULL, next);
	pthread_mutex_lock(&store->lock);
	if (err == INK_OK)
		err = store_record_recovery(store, result);
	if (err == INK_OK)
		err = store_rekey(store, log_key, next);
	pthread_mutex_unlock(&store->lock);
	store->seal_key = next; /* freed with the store */
	if (err == INK_OK)
		err = store_sync_to(store, catalog_head(store->catalog)->record_count);
	if (err == INK_OK)
		err = seal_key_write(store->io, store->keys_dir, store->store_id, epoch + 1, next,
				     NULL);
	return err == INK_OK ? store_commit_index(store) : err;
}

static enum ink_err rekey(struct ink_store *store, const struct key_pair *log_key,
			  struct ink_error *error)
{
	struct recover_result result;
	enum ink_err err = store_go_to_end(store, 0, &result, error);

	if (err == INK_OK)
		err = store_open_log(store, error);
	if (err != INK_OK)
		return err;
	err = put_rekey(store, log_key, &result);
	if (err == INK_ERR_IO)
		return error_io(
			error, store->keys_dir,
			"the store was not given another key; free what is in the way and do it again");
	if (err != INK_OK)
		return error_set(error, err, "%s: was not given another key: %s", store->path,
				 ink_err_text(err));
	return INK_OK;
}

enum ink_err store_rekey_on(const struct io *io, const char *path, const char *keys_dir,
			    uint32_t *ret_epoch, struct ink_error *ret_error)
{
	const struct ink_options options = { .keys_dir = keys_dir };
	struct key_pair *log_key = NULL;
	struct ink_store *store;
	enum ink_err err = store_prepare(io, path, &options, &store, ret_error);

	if (err != INK_OK)
		return err;
	/* Before anything is changed. */
	err = log_key_read(io, store->keys_dir, store->vkey, &log_key, ret_error);
	if (err == INK_OK)
		err = rekey(store, log_key, ret_error);
	if (err == INK_OK)
		*ret_epoch = catalog_head(store->catalog)->epoch;
	key_free(log_key);
	store_free(store);
	return err;
}

enum ink_err ink_store_rekey(const char *path, const char *keys_dir, uint32_t *ret_epoch,
			     struct ink_error *ret_error)
{
	return store_rekey_on(io_system(), path, keys_dir, ret_epoch, ret_error);
}
