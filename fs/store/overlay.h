/* SPDX-License-Identifier: MIT */
/*
 * An ordered map in memory: index entries that are not committed yet.
 *
 * Owns: copies of all keys and values, in one arena.  Knows nothing of: LMDB, what entries mean.
 * Threads: one writer; readers only while nobody writes (a frozen overlay has any number).
 *
 * A skip list: entries are never removed one by one, a removal is an entry without value that hides
 * what lies beneath.
 */
#ifndef INK_OVERLAY_H
#define INK_OVERLAY_H

#include "bytes.h"

enum { OVERLAY_LEVEL_MAX = 12, OVERLAY_KEY_SIZE_MAX = 300, OVERLAY_ALIGN = 16 };

struct overlay_entry {
	uint8_t db;
	bool is_removed;
	uint16_t key_size;
	uint32_t value_size;
	uint32_t value_room;
	const uint8_t *key;
	uint8_t *value;
	struct overlay_entry *next[]; /* as many as the entry is high */
};

struct overlay;

/* NULL without memory. */
struct overlay *overlay_open(void);
void overlay_close(struct overlay *overlay);

/* Have memory for puts that take @size bytes, as overlay_put_size() counts them: they cannot fail.  false without memory. */
INK_MUST_CHECK bool overlay_reserve(struct overlay *overlay, size_t size);
/* At most so many bytes does a put of this key and value take. */
static inline size_t overlay_put_size(size_t key_size, size_t value_size)
{
	return sizeof(struct overlay_entry) + OVERLAY_LEVEL_MAX * sizeof(struct overlay_entry *) +
	       key_size + value_size + 3 * (size_t)OVERLAY_ALIGN;
}

/* Put or replace; @value NULL hides the key.  false without memory. */
INK_MUST_CHECK bool overlay_put(struct overlay *overlay, uint8_t db, const void *key,
				size_t key_size, const void *value, size_t value_size);
/* The entry of exactly this key (it may be a removal), or NULL. */
const struct overlay_entry *overlay_get(const struct overlay *overlay, uint8_t db, const void *key,
					size_t key_size);
/* The first entry at or behind the key, of any database behind @db too; NULL at the end. */
const struct overlay_entry *overlay_seek(const struct overlay *overlay, uint8_t db, const void *key,
					 size_t key_size);
/* The last entry at or before the key in the order of databases and keys, or NULL. */
const struct overlay_entry *overlay_seek_back(const struct overlay *overlay, uint8_t db,
					      const void *key, size_t key_size);
const struct overlay_entry *overlay_first(const struct overlay *overlay);
const struct overlay_entry *overlay_next(const struct overlay_entry *entry);
/* Memory in use, bytes. */
size_t overlay_bytes(const struct overlay *overlay);
/* As LMDB: shorter first where one is the beginning of the other. */
int key_compare(const void *a, size_t a_size, const void *b, size_t b_size);

#endif
