/* SPDX-License-Identifier: MIT */
/* The bytes of files: append, and what would change them. */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "hash.h"

enum ink_err store_get_file(struct ink_store *store, uint64_t number, struct inode **ret_inode)
{
	enum ink_err err = catalog_inode(store->catalog, number, ret_inode);

	if (err == INK_OK && S_ISDIR((*ret_inode)->mode))
		return INK_ERR_IS_DIR;
	if (err == INK_OK && !S_ISREG((*ret_inode)->mode))
		return INK_ERR_INVALID;
	return err;
}

static enum ink_err check_writable(const struct ink_store *store)
{
	if (!store->options.is_read_only)
		return INK_OK;
	errno = EROFS;
	return INK_ERR_IO;
}

enum ink_err ink_open(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
		      uint32_t flags)
{
	bool is_writing = (flags & O_ACCMODE) != O_RDONLY;
	bool is_audited = is_writing ? store->options.audit != INK_AUDIT_NONE
				     : store->options.audit == INK_AUDIT_READS;
	struct inode *inode;
	enum ink_err err = INK_OK;

	if (is_writing || flags & O_TRUNC)
		err = check_writable(store);
	if (err != INK_OK || (!is_audited && !(flags & O_TRUNC)))
		return err;
	pthread_mutex_lock(&store->lock);
	err = store_get_file(store, number, &inode);
	if (err == INK_OK && flags & O_TRUNC && inode->size > 0) {
		struct ink_body_denied what = { .op = INK_OP_OPEN, .flags = flags };

		err = store_deny(store, caller, number, &what);
	} else if (err == INK_OK && is_audited) {
		union ink_body body = { .open = { flags } };

		err = store_record(store, INK_OPEN, caller, number, &body);
	}
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_release(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
			 uint32_t flags)
{
	bool is_writing = (flags & O_ACCMODE) != O_RDONLY;
	union ink_body body = { .open = { flags } };
	enum ink_err err;

	if (store->options.is_read_only || store->options.audit == INK_AUDIT_NONE ||
	    (!is_writing && store->options.audit != INK_AUDIT_READS))
		return INK_OK;
	pthread_mutex_lock(&store->lock);
	err = store_record(store, INK_CLOSE, caller, number, &body);
	pthread_mutex_unlock(&store->lock);
	return err;
}

static enum ink_err append_locked(struct ink_store *store, const struct ink_caller *caller,
				  uint64_t number, uint64_t offset, const void *data, size_t size,
				  const uint8_t *nonce, const uint8_t *digest)
{
	struct inode *inode;
	enum ink_err err;

	err = store_wait_for_room(store);
	if (err == INK_OK)
		err = store_get_file(store, number, &inode);
	if (err != INK_OK)
		return err;
	if (offset != INK_AT_END && offset != inode->size) {
		struct ink_body_denied what = { .op = INK_OP_WRITE, .a = offset, .b = size };

		return store_deny(store, caller, number, &what);
	}
	if (size > (uint64_t)INT64_MAX - inode->size)
		return INK_ERR_LIMIT;
	err = store_append(store, caller, inode, data, size, nonce, digest);
	if (err == INK_OK && store->options.seal_mode == INK_SEAL_MODE_WRITE) {
		err = store_seal(store, INK_SEAL_WRITE);
		/* The record stands and cannot be signed: nothing may follow it unnoticed. */
		store->has_failed |= err != INK_OK;
	}
	return err;
}

enum ink_err ink_append(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
			uint64_t offset, const void *data, size_t size, bool is_sync)
{
	uint8_t nonce[INK_NONCE_SIZE], digest[INK_HASH_SIZE];
	enum ink_err err = check_writable(store);
	bool is_large = size >= LARGE_SIZE;
	bool is_alone;
	uint64_t count;

	if (err != INK_OK || size == 0)
		return err;
	if (size > INK_APPEND_SIZE_MAX)
		return INK_ERR_LIMIT;
	store_nonce(store, nonce);
	is_alone = is_large && atomic_fetch_add(&store->large_count, 1) == 0 && store->writer;
	if (!is_alone)
		hash_two(nonce, sizeof(nonce), data, size, digest);
	pthread_mutex_lock(&store->lock);
	err = append_locked(store, caller, number, offset, data, size, nonce,
			    is_alone ? NULL : digest);
	count = catalog_head(store->catalog)->record_count;
	pthread_mutex_unlock(&store->lock);
	if (is_large)
		atomic_fetch_sub(&store->large_count, 1);
	if (err == INK_OK && is_sync)
		err = store_sync_asked(store, count);
	return err;
}

enum ink_err ink_truncate(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
			  uint64_t size)
{
	struct ink_body_denied what = { .op = INK_OP_TRUNCATE, .a = size };
	struct inode *inode;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_get_file(store, number, &inode);
	if (err == INK_OK && size != inode->size)
		err = store_deny(store, caller, number, &what);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_fallocate(struct ink_store *store, const struct ink_caller *caller,
			   uint64_t number, int mode, uint64_t offset, uint64_t size)
{
	struct ink_body_denied what = {
		.op = INK_OP_FALLOCATE, .flags = (uint32_t)mode, .a = offset, .b = size
	};
	struct inode *inode;
	enum ink_err err;

	if (mode == FALLOC_FL_KEEP_SIZE)
		return check_writable(store);
	pthread_mutex_lock(&store->lock);
	err = store_get_file(store, number, &inode);
	if (err == INK_OK && mode == 0)
		err = INK_ERR_UNSUPPORTED;
	else if (err == INK_OK)
		err = store_deny(store, caller, number, &what);
	pthread_mutex_unlock(&store->lock);
	return err;
}

struct buffer *store_buffer_take(struct ink_store *store)
{
	struct buffer *buffer;

	pthread_mutex_lock(&store->pool_lock);
	buffer = store->buffers;
	if (buffer) {
		store->buffers = buffer->next;
		store->buffer_count--;
	}
	pthread_mutex_unlock(&store->pool_lock);
	return buffer ? buffer : malloc(sizeof(*buffer));
}

void store_buffer_return(struct ink_store *store, struct buffer *buffer)
{
	pthread_mutex_lock(&store->pool_lock);
	if (store->buffer_count < BUFFER_COUNT_MAX) {
		buffer->next = store->buffers;
		store->buffers = buffer;
		store->buffer_count++;
		buffer = NULL;
	}
	pthread_mutex_unlock(&store->pool_lock);
	free(buffer);
}
