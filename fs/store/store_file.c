/* SPDX-License-Identifier: MIT */
/* The bytes of files: append and read, and what would change them. */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "hash.h"

enum { EXTENT_BATCH = 64 };

static enum ink_err get_file(struct ink_store *store, uint64_t number, struct inode **ret_inode)
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
	err = get_file(store, number, &inode);
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
		err = get_file(store, number, &inode);
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
	if (err == INK_OK && (is_sync || store->options.is_sync))
		err = store_sync_to(store, count);
	return err;
}

enum ink_err ink_truncate(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
			  uint64_t size)
{
	struct ink_body_denied what = { .op = INK_OP_TRUNCATE, .a = size };
	struct inode *inode;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = get_file(store, number, &inode);
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
	err = get_file(store, number, &inode);
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

struct extent {
	uint64_t offset; /* in the file */
	uint64_t place;
};

/* The runs that cover [offset, end), as many as fit; the first begins at or before offset. */
static enum ink_err find_extents(struct ink_store *store, uint64_t number, uint64_t offset,
				 uint64_t end, struct extent *ret_extents, unsigned *ret_count)
{
	uint8_t key[16];
	struct index_pair pair;
	unsigned count = 0;
	enum ink_err err;

	key_u64_pair(number, offset, key);
	err = index_seek_back(store->index, DB_EXTENTS, key, sizeof(key), &pair);
	while (err == INK_OK && count < EXTENT_BATCH) {
		if (pair.key_size != 16 || pair.value_size != 16)
			return INK_ERR_DAMAGED;
		if (be64_load(pair.key) != number || be64_load(pair.key + 8) >= end)
			break;
		memcpy(key, pair.key, sizeof(key));
		ret_extents[count].offset = be64_load(pair.key + 8);
		ret_extents[count++].place = be64_load(pair.value);
		err = index_seek(store->index, DB_EXTENTS, key, sizeof(key), true, &pair);
	}
	if ((err != INK_OK && err != INK_ERR_NOT_FOUND) || count == 0)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	*ret_count = count;
	return INK_OK;
}

/* One read: a window over the segments, and where its bytes go. */
struct reading {
	struct ink_store *store;
	struct buffer *buffer;
	uint32_t segment;
	uint64_t window_pos; /* offset of the window in the segment file */
	size_t window_size;
	uint64_t inode;
	uint64_t want; /* next file offset */
	uint64_t end;
	uint8_t *out;
	size_t ahead; /* bytes worth reading at once: records are longer on disk than in the file */
};

/* Make at least @size bytes at @place lie in the window. */
static enum ink_err look_at(struct reading *r, uint64_t place, size_t size,
			    const uint8_t **ret_bytes)
{
	uint64_t pos = place_offset(place);
	bool is_there = r->window_size > 0 && r->segment == place_segment(place) &&
			pos >= r->window_pos && pos + size <= r->window_pos + r->window_size;

	if (!is_there) {
		size_t goal = r->ahead > size ? r->ahead : size;
		enum ink_err err;

		r->window_size = 0;
		err = segments_read(r->store->segments, place_segment(place), r->buffer->data,
				    goal < BUFFER_SIZE ? goal : BUFFER_SIZE, pos, &r->window_size);
		if (err != INK_OK)
			return err == INK_ERR_NOT_FOUND ? INK_ERR_DAMAGED : err;
		r->segment = place_segment(place);
		r->window_pos = pos;
		if (r->window_size < size)
			return INK_ERR_DAMAGED;
	}
	*ret_bytes = r->buffer->data + (pos - r->window_pos);
	return INK_OK;
}

/* Copy what is wanted of the record at @place, whose body begins at file offset @offset. */
static enum ink_err copy_body(struct reading *r, uint64_t place, uint64_t offset,
			      uint32_t body_size)
{
	uint64_t skip = r->want - offset, count = body_size - skip, pos;
	const uint8_t *bytes;
	enum ink_err err;
	size_t got;

	if (count > r->end - r->want)
		count = r->end - r->want;
	pos = place_offset(place) + FRAME_OFF_BODY + skip;
	if (pos + count <= r->window_pos + r->window_size || count <= BUFFER_SIZE / 4) {
		err = look_at(r, place_make(place_segment(place), (uint32_t)pos), count, &bytes);
		if (err != INK_OK)
			return err;
		memcpy(r->out, bytes, count);
	} else {
		/* A large body goes straight to its place. */
		err = segments_read(r->store->segments, place_segment(place), r->out, count, pos,
				    &got);
		if (err != INK_OK || got != count)
			return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	}
	r->out += count;
	r->want += count;
	return INK_OK;
}

/* Walk the frames of a run from @place on, which begins at file offset @offset, up to file offset @limit. */
static enum ink_err read_run(struct reading *r, uint64_t place, uint64_t offset, uint64_t limit)
{
	enum ink_err err = INK_OK;

	while (err == INK_OK && r->want < limit) {
		const uint8_t *frame, *header;
		uint32_t body_size;

		err = look_at(r, place, FRAME_OFF_BODY, &frame);
		if (err != INK_OK)
			return err;
		header = frame + FRAME_OFF_HEADER;
		body_size = be32_load(header + HEADER_OFF_BODY_SIZE);
		if (memcmp(frame, FRAME_MAGIC, 4) != 0 || body_size > INK_APPEND_SIZE_MAX)
			return INK_ERR_DAMAGED;
		if (header[HEADER_OFF_KIND] == INK_APPEND &&
		    be64_load(header + HEADER_OFF_INODE) == r->inode) {
			if (be64_load(header + HEADER_OFF_OFFSET) != offset || body_size == 0)
				return INK_ERR_DAMAGED;
			if (offset + body_size > r->want)
				err = copy_body(r, place, offset, body_size);
			offset += body_size;
		}
		place += frame_size(body_size);
	}
	return err;
}

static enum ink_err read_extents(struct reading *r, const struct extent *extents, unsigned count)
{
	enum ink_err err = INK_OK;

	for (unsigned i = 0; i < count && err == INK_OK && r->want < r->end; i++) {
		/* The last of a full batch ends where nobody knows yet: leave it for the next batch. */
		uint64_t limit = i + 1 < count ? extents[i + 1].offset : r->end;

		if (i + 1 == count && count == EXTENT_BATCH && i > 0)
			break;
		if (limit > r->end)
			limit = r->end;
		if (limit > r->want)
			err = read_run(r, extents[i].place, extents[i].offset, limit);
	}
	return err;
}

static enum ink_err read_bytes(struct reading *r)
{
	struct extent extents[EXTENT_BATCH];
	enum ink_err err = INK_OK;

	while (err == INK_OK && r->want < r->end) {
		unsigned count = 0;

		pthread_mutex_lock(&r->store->lock);
		err = find_extents(r->store, r->inode, r->want, r->end, extents, &count);
		pthread_mutex_unlock(&r->store->lock);
		if (err == INK_OK)
			err = read_extents(r, extents, count);
	}
	return err;
}

/* Bytes on disk for the bytes wanted, from the file's average record. */
static size_t guess_ahead(const struct inode *inode, size_t size)
{
	uint64_t records = inode->size ? 1 + inode->record_count * size / inode->size : 1;
	uint64_t ahead = size + records * (FRAME_OFF_BODY + FRAME_ALIGN) + RUN_GAP_MAX;

	return ahead < BUFFER_SIZE ? (size_t)ahead : BUFFER_SIZE;
}

enum ink_err ink_read(struct ink_store *store, uint64_t number, uint64_t offset, void *buf,
		      size_t size, size_t *ret_size)
{
	struct reading r = { .store = store, .inode = number, .want = offset, .out = buf };
	struct inode *inode;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = get_file(store, number, &inode);
	if (err == INK_OK) {
		r.end = offset < inode->size ? inode->size : offset;
		if (r.end - offset > size)
			r.end = offset + size;
		r.ahead = guess_ahead(inode, size);
	}
	pthread_mutex_unlock(&store->lock);
	if (err != INK_OK)
		return err;
	if (r.want < r.end) {
		r.buffer = store_buffer_take(store);
		if (!r.buffer) {
			errno = ENOMEM;
			return INK_ERR_IO;
		}
		err = read_bytes(&r);
		store_buffer_return(store, r.buffer);
	}
	if (err == INK_OK)
		*ret_size = (size_t)(r.end - offset);
	return err;
}
