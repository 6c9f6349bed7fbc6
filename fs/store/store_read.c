/* SPDX-License-Identifier: MIT */
/*
 * Reading files: from the index to the frames of the log, and with verifies_reads only what the chain vouches for.
 *
 * A read is verified record by record: check, leaf and digest are computed from the bytes that were read, the leaf
 * must be the one that the index has for that number (whose tiles the last seal signs; recovery and `inkfs verify`
 * see to that), and only these same bytes are given.
 */
#include "store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXTENT_BATCH = 64 };

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
	uint64_t place; /* of the record that is looked at */
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

/* Is the frame @bytes the record that the chain has there?  Index and frame say so apart from each other. */
static enum ink_err check_record(struct ink_store *store, uint64_t place, const uint8_t *frame)
{
	uint8_t leaf[INK_HASH_SIZE], chained_leaf[INK_HASH_SIZE];
	struct ink_header header;
	uint64_t chained_place;
	enum ink_err err = frame_decode(frame, &header, leaf);

	if (err != INK_OK || !frame_has_digest(frame, &header))
		return INK_ERR_DAMAGED;
	pthread_mutex_lock(&store->lock);
	err = catalog_leaf(store->catalog, header.seq, chained_leaf, &chained_place);
	pthread_mutex_unlock(&store->lock);
	if (err == INK_ERR_IO)
		return err;
	return err == INK_OK && chained_place == place &&
			       memcmp(leaf, chained_leaf, INK_HASH_SIZE) == 0
		       ? INK_OK
		       : INK_ERR_DAMAGED;
}

/* As copy_body(), but the bytes that are given are those that were hashed. */
static enum ink_err copy_verified(struct reading *r, uint64_t place, uint64_t offset,
				  uint32_t body_size)
{
	uint64_t skip = r->want - offset, count = body_size - skip;
	size_t size = FRAME_OFF_BODY + (size_t)body_size, got = size;
	uint8_t *whole = size > BUFFER_SIZE ? malloc(size) : NULL;
	const uint8_t *frame = whole;
	enum ink_err err;

	if (count > r->end - r->want)
		count = r->end - r->want;
	if (size <= BUFFER_SIZE)
		err = look_at(r, place, size, &frame);
	else if (whole)
		err = segments_read(r->store->segments, place_segment(place), whole, size,
				    place_offset(place), &got);
	else
		err = INK_ERR_IO;
	if (err == INK_OK && got != size)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		err = check_record(r->store, place, frame);
	if (err == INK_OK) {
		memcpy(r->out, frame + FRAME_OFF_BODY + skip, count);
		r->out += count;
		r->want += count;
	}
	free(whole);
	return err;
}

/* Walk the frames of a run from @place on, which begins at file offset @offset, up to file offset @limit. */
static enum ink_err read_run(struct reading *r, uint64_t place, uint64_t offset, uint64_t limit)
{
	enum ink_err err = INK_OK;

	while (err == INK_OK && r->want < limit) {
		const uint8_t *frame, *header;
		uint32_t body_size;

		r->place = place;
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
				err = r->store->options.verifies_reads
					      ? copy_verified(r, place, offset, body_size)
					      : copy_body(r, place, offset, body_size);
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

/* Once for each place, as far as we remember: who reads again is told EIO again, the log is not filled with it. */
static bool is_told_already(struct ink_store *store, uint64_t place)
{
	bool is_told = false;

	pthread_mutex_lock(&store->lock);
	for (unsigned i = 0; i < TOLD_COUNT && !is_told; i++)
		is_told = store->told_places[i] == place;
	if (!is_told)
		store->told_places[store->told_count++ % TOLD_COUNT] = place;
	pthread_mutex_unlock(&store->lock);
	return is_told;
}

static void tell_damage(const struct reading *r)
{
	char path[PATH_MAX], text[INK_ERROR_TEXT_SIZE];

	if (!r->store->options.on_damage || is_told_already(r->store, r->place))
		return;
	ink_path(r->store, r->inode, path, sizeof(path));
	snprintf(
		text, sizeof(text),
		"%.*s from byte %llu on is not what was recorded (segment %u, byte %u); EIO to the reader; run 'inkfs verify %.*s'",
		200, path, (unsigned long long)r->want, place_segment(r->place),
		place_offset(r->place), 200, r->store->path);
	r->store->options.on_damage(r->store->options.damage_ctx, text);
}

enum ink_err ink_read(struct ink_store *store, uint64_t number, uint64_t offset, void *buf,
		      size_t size, size_t *ret_size)
{
	struct reading r = { .store = store, .inode = number, .want = offset, .out = buf };
	struct inode *inode;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_get_file(store, number, &inode);
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
	else if (err == INK_ERR_DAMAGED)
		tell_damage(&r);
	return err;
}
