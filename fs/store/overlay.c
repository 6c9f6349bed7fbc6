/* SPDX-License-Identifier: MIT */
#include "overlay.h"

#include <stdlib.h>

enum { CHUNK_SIZE = 64 * 1024 };

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	_Alignas(OVERLAY_ALIGN) uint8_t data[];
};

struct overlay {
	struct chunk *chunks;
	size_t bytes;
	uint64_t random;
	struct overlay_entry *head[OVERLAY_LEVEL_MAX];
};

struct overlay *overlay_open(void)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));

	if (overlay)
		overlay->random = UINT64_C(0x9e3779b97f4a7c15);
	return overlay;
}

void overlay_close(struct overlay *overlay)
{
	if (!overlay)
		return;
	for (struct chunk *chunk = overlay->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(overlay);
}

bool overlay_reserve(struct overlay *overlay, size_t size)
{
	struct chunk *chunk = overlay->chunks;
	size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

	if (chunk && size <= chunk->size - chunk->used)
		return true;
	chunk = malloc(sizeof(*chunk) + room);
	if (!chunk)
		return false;
	chunk->next = overlay->chunks;
	chunk->used = 0;
	chunk->size = room;
	overlay->chunks = chunk;
	overlay->bytes += sizeof(*chunk) + room;
	return true;
}

static void *take(struct overlay *overlay, size_t size)
{
	void *p;

	size = (size + OVERLAY_ALIGN - 1) & ~(size_t)(OVERLAY_ALIGN - 1);
	if (!overlay_reserve(overlay, size))
		return NULL;
	p = overlay->chunks->data + overlay->chunks->used;
	overlay->chunks->used += size;
	return p;
}

int key_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
	size_t size = a_size < b_size ? a_size : b_size;
	int order = size > 0 ? memcmp(a, b, size) : 0; /* no key at all is the lowest */

	if (order != 0)
		return order;
	return a_size < b_size ? -1 : a_size > b_size;
}

static int compare(const struct overlay_entry *entry, uint8_t db, const void *key, size_t key_size)
{
	if (entry->db != db)
		return entry->db < db ? -1 : 1;
	return key_compare(entry->key, entry->key_size, key, key_size);
}

/*
 * Walk down to the key.  @ret_links: for each level the pointer that leads to the first entry not
 * before the key.  Returns the last entry before the key.
 */
static struct overlay_entry *descend(const struct overlay *overlay, uint8_t db, const void *key,
				     size_t key_size, struct overlay_entry **ret_links[])
{
	struct overlay_entry *const *links = overlay->head;
	struct overlay_entry *before = NULL;

	for (int level = OVERLAY_LEVEL_MAX - 1; level >= 0; level--) {
		while (links[level] && compare(links[level], db, key, key_size) < 0) {
			before = links[level];
			links = before->next;
		}
		ret_links[level] = (struct overlay_entry **)(uintptr_t)&links[level];
	}
	return before;
}

static unsigned pick_height(struct overlay *overlay)
{
	unsigned height = 1;

	overlay->random ^= overlay->random << 13;
	overlay->random ^= overlay->random >> 7;
	overlay->random ^= overlay->random << 17;
	for (uint64_t bits = overlay->random; (bits & 3) == 0 && height < OVERLAY_LEVEL_MAX;
	     bits >>= 2)
		height++;
	return height;
}

static bool set_value(struct overlay *overlay, struct overlay_entry *entry, const void *value,
		      size_t value_size)
{
	if (value && value_size > entry->value_room) {
		uint8_t *room = take(overlay, value_size);

		if (!room)
			return false;
		entry->value = room;
		entry->value_room = (uint32_t)value_size;
	}
	if (value && value_size > 0)
		memcpy(entry->value, value, value_size);
	entry->value_size = value ? (uint32_t)value_size : 0;
	entry->is_removed = !value;
	return true;
}

bool overlay_put(struct overlay *overlay, uint8_t db, const void *key, size_t key_size,
		 const void *value, size_t value_size)
{
	struct overlay_entry **links[OVERLAY_LEVEL_MAX];
	struct overlay_entry *entry;
	unsigned height;
	uint8_t *key_copy;

	descend(overlay, db, key, key_size, links);
	entry = *links[0];
	if (entry && compare(entry, db, key, key_size) == 0)
		return set_value(overlay, entry, value, value_size);
	height = pick_height(overlay);
	entry = take(overlay, sizeof(*entry) + height * sizeof(entry->next[0]));
	key_copy = take(overlay, key_size);
	if (!entry || !key_copy)
		return false;
	memcpy(key_copy, key, key_size);
	*entry =
		(struct overlay_entry){ .db = db, .key_size = (uint16_t)key_size, .key = key_copy };
	if (!set_value(overlay, entry, value, value_size))
		return false;
	for (unsigned level = 0; level < height; level++) {
		entry->next[level] = *links[level];
		*links[level] = entry;
	}
	return true;
}

const struct overlay_entry *overlay_seek(const struct overlay *overlay, uint8_t db, const void *key,
					 size_t key_size)
{
	struct overlay_entry **links[OVERLAY_LEVEL_MAX];

	descend(overlay, db, key, key_size, links);
	return *links[0];
}

const struct overlay_entry *overlay_get(const struct overlay *overlay, uint8_t db, const void *key,
					size_t key_size)
{
	const struct overlay_entry *entry = overlay_seek(overlay, db, key, key_size);

	return entry && compare(entry, db, key, key_size) == 0 ? entry : NULL;
}

const struct overlay_entry *overlay_seek_back(const struct overlay *overlay, uint8_t db,
					      const void *key, size_t key_size)
{
	struct overlay_entry **links[OVERLAY_LEVEL_MAX];
	const struct overlay_entry *before = descend(overlay, db, key, key_size, links);
	const struct overlay_entry *at = *links[0];

	return at && compare(at, db, key, key_size) == 0 ? at : before;
}

const struct overlay_entry *overlay_first(const struct overlay *overlay)
{
	return overlay->head[0];
}

const struct overlay_entry *overlay_next(const struct overlay_entry *entry)
{
	return entry->next[0];
}

size_t overlay_bytes(const struct overlay *overlay)
{
	return overlay->bytes;
}
