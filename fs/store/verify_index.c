/* SPDX-License-Identifier: MIT */
/*
 * The index, held against the log while the log is walked.
 *
 * What grows with the records (leaves, tiles, seals, actors, blocks) is in the order of the log: one cursor each moves
 * along, so nothing of it is held in memory.  Extents are looked up when their run begins, the way a reader of the
 * file finds them, and counted.  At exactly the record where the index ends its state is compared with ours.
 */
#include "verify_private.h"

#include <string.h>

enum ink_err index_fault(struct verify *v, enum ink_err err, enum vdb db)
{
	if (err == INK_OK)
		return INK_OK;
	v->index.is_done = true;
	if (err == INK_ERR_IO)
		return verify_io_error(v, "index/data.mdb");
	if (err == INK_ERR_DAMAGED)
		report_index(v, "database %s is damaged: %s", vdb_name(db), v->index.file.damage);
	return INK_OK;
}

static const char *or_missing(bool is_there)
{
	return is_there ? "wrong" : "missing";
}

/* The next entry of @db must be this one; a cursor that has lost its way is not asked again. */
static enum ink_err expect_next(struct verify *v, enum vdb db, uint64_t seq, const uint8_t *key,
				size_t key_size, const uint8_t *value, size_t value_size)
{
	struct lmdb_cursor *cursor = &v->index.cursors[db];
	struct lmdb_bytes found_key, found_value;
	enum ink_err err;

	if (!cursor->file)
		return INK_OK;
	err = lmdb_next(cursor, &found_key, &found_value);
	if (err != INK_OK && err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, db);
	if (err == INK_OK && found_key.size == key_size &&
	    memcmp(found_key.data, key, key_size) == 0) {
		if (value && (found_value.size != value_size ||
			      memcmp(found_value.data, value, value_size) != 0))
			report_index(v, "%s: the entry of record %llu is wrong", vdb_name(db),
				     (unsigned long long)seq);
		return INK_OK;
	}
	report_index(v, "%s: the entry of record %llu is missing, or another stands before it",
		     vdb_name(db), (unsigned long long)seq);
	lmdb_cursor_release(cursor);
	return INK_OK;
}

static enum ink_err next_leaves(struct verify *v, uint64_t number, uint64_t count)
{
	struct lmdb_cursor *cursor = &v->index.cursors[VDB_LEAVES];
	struct lmdb_bytes key;
	uint8_t wanted[8];
	enum ink_err err = lmdb_next(cursor, &key, &v->index.leaves);

	if (err != INK_OK && err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, VDB_LEAVES);
	be64_store(wanted, number);
	if (err == INK_OK && key.size == 8 && memcmp(key.data, wanted, 8) == 0 &&
	    v->index.leaves.size == count * (INK_HASH_SIZE + 8))
		return INK_OK;
	report_index(v, "leaves: the entry of records %llu to %llu is %s",
		     (unsigned long long)number * TILE_WIDTH,
		     (unsigned long long)(number * TILE_WIDTH + count - 1),
		     or_missing(err == INK_OK));
	lmdb_cursor_release(cursor);
	return INK_OK;
}

static enum ink_err step_leaves(struct verify *v, const struct ink_record *record)
{
	struct lmdb_cursor *cursor = &v->index.cursors[VDB_LEAVES];
	uint64_t number = record->header.seq / TILE_WIDTH, at = record->header.seq % TILE_WIDTH;
	uint64_t count = v->index.count - number * TILE_WIDTH;
	enum ink_err err = INK_OK;
	const uint8_t *leaf, *place;

	if (count > TILE_WIDTH)
		count = TILE_WIDTH;
	if (at == 0 && cursor->file)
		err = next_leaves(v, number, count);
	if (err != INK_OK || !cursor->file || v->index.is_done)
		return err;
	leaf = v->index.leaves.data + at * INK_HASH_SIZE;
	place = v->index.leaves.data + count * INK_HASH_SIZE + at * 8;
	if (memcmp(leaf, record->leaf, INK_HASH_SIZE) != 0)
		report_index(v, "leaves: the leaf hash of record %llu is wrong",
			     (unsigned long long)record->header.seq);
	if (be64_load(place) != record->place)
		report_index(v, "leaves: the place of record %llu is wrong",
			     (unsigned long long)record->header.seq);
	return INK_OK;
}

static size_t tile_key(unsigned level, uint64_t number, uint8_t *ret_key)
{
	ret_key[0] = (uint8_t)level;
	be64_store(ret_key + 1, number);
	return 9;
}

/* The tile at @level is full, or the index ends in it. */
static enum ink_err compare_tile(struct verify *v, unsigned level)
{
	struct vindex *index = &v->index;
	struct lmdb_cursor *cursor = &index->cursors[VDB_TILES];
	size_t size = (size_t)index->tile_counts[level] * INK_HASH_SIZE;
	struct lmdb_bytes value = { NULL, 0 };
	uint8_t key[9];
	enum ink_err err;

	if (!cursor->file || index->is_done)
		return INK_OK;
	err = lmdb_get(cursor, key, tile_key(level, index->tile_numbers[level], key), &value);
	if (err != INK_OK && err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, VDB_TILES);
	if (value.size != size || memcmp(value.data, index->tiles[level], size) != 0)
		report_index(v, "tiles: tile %u/%llu is %s", level,
			     (unsigned long long)index->tile_numbers[level],
			     or_missing(err == INK_OK));
	index->tile_entries++;
	return INK_OK;
}

static enum ink_err step_tiles(struct verify *v, const uint8_t *leaf)
{
	struct vindex *index = &v->index;
	uint8_t hash[INK_HASH_SIZE];
	enum ink_err err = INK_OK;

	memcpy(hash, leaf, INK_HASH_SIZE);
	for (unsigned level = 0; level < LEVEL_COUNT && err == INK_OK; level++) {
		memcpy(index->tiles[level][index->tile_counts[level]++], hash, INK_HASH_SIZE);
		if (index->tile_counts[level] < TILE_WIDTH)
			break;
		tile_root(index->tiles[level][0], TILE_WIDTH, hash);
		if (level > 0)
			err = compare_tile(v, level);
		index->tile_counts[level] = 0;
		index->tile_numbers[level]++;
	}
	return err;
}

static enum ink_err step_extent(struct verify *v, const struct ink_record *record)
{
	struct lmdb_cursor *cursor = &v->index.cursors[VDB_EXTENTS];
	struct lmdb_bytes value;
	uint8_t key[16];
	enum ink_err err;

	v->index.extent_entries++;
	if (!cursor->file)
		return INK_OK;
	be64_store(key, record->header.inode);
	be64_store(key + 8, record->header.offset);
	err = lmdb_get(cursor, key, sizeof(key), &value);
	if (err != INK_OK && err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, VDB_EXTENTS);
	if (err == INK_OK && value.size == 16 && be64_load(value.data) == record->place &&
	    be64_load(value.data + 8) == record->header.seq)
		return INK_OK;
	report_index(v, "extents: the entry of inode %llu at byte %llu is %s",
		     (unsigned long long)record->header.inode,
		     (unsigned long long)record->header.offset, or_missing(err == INK_OK));
	return INK_OK;
}

static enum ink_err step_kind(struct verify *v, const struct ink_record *record,
			      const union ink_body *body)
{
	uint8_t key[8], value[12];
	uint64_t seq = record->header.seq;

	be64_store(key, seq);
	switch (record->header.kind) {
	case INK_SEAL:
	case INK_EPOCH:
	case INK_REKEY:
		be32_store(value, (uint32_t)record->header.kind << 24);
		be32_store(value + 4, body ? body->seal.epoch : 0);
		return expect_next(v, VDB_SEALS, seq, key, 8, body ? value : NULL, 8);
	case INK_ACTOR:
		be32_store(value, body ? body->actor.pid : 0);
		be64_store(value + 4, body ? body->actor.start_time : 0);
		return expect_next(v, VDB_ACTORS, seq, key, 8, body ? value : NULL, 12);
	case INK_APPEND: return v->names.has_new_run ? step_extent(v, record) : INK_OK;
	default: return INK_OK;
	}
}

/* The block is full, or the index ends in it. */
static enum ink_err compare_block(struct verify *v, uint64_t seq)
{
	struct vindex *index = &v->index;
	uint8_t key[8], value[BLOCK_VALUE_SIZE];

	block_encode(&index->block, value);
	be64_store(key, seq / TILE_WIDTH);
	return expect_next(v, VDB_BLOCKS, seq, key, sizeof(key),
			   index->is_block_partial ? NULL : value, sizeof(value));
}

static enum ink_err step_block(struct verify *v, const struct ink_record *record,
			       const union ink_body *body)
{
	struct vindex *index = &v->index;
	uint64_t seq = record->header.seq;

	if (seq % TILE_WIDTH == 0) {
		block_init(&index->block);
		index->is_block_partial = false;
	}
	block_add(&index->block, &record->header, body);
	index->is_block_partial |= !body && record->header.kind == INK_DENIED;
	return seq % TILE_WIDTH == TILE_WIDTH - 1 || seq + 1 == index->count ? compare_block(v, seq)
									     : INK_OK;
}

/* What is left in a database behind its last entry of ours. */
static enum ink_err expect_end(struct verify *v, enum vdb db)
{
	struct lmdb_cursor *cursor = &v->index.cursors[db];
	struct lmdb_bytes key, value;
	enum ink_err err;

	if (!cursor->file || v->index.is_done)
		return INK_OK;
	err = lmdb_next(cursor, &key, &value);
	if (err == INK_OK)
		report_index(v, "%s: an entry that has no record", vdb_name(db));
	else if (err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, db);
	return INK_OK;
}

/* Every entry that we looked up is there; so if there are as many, there is no other. */
static enum ink_err expect_count(struct verify *v, enum vdb db, uint64_t count)
{
	struct lmdb_cursor *cursor = &v->index.cursors[db];
	struct lmdb_bytes key, value;
	uint64_t found = 0;
	enum ink_err err = INK_OK;

	if (!cursor->file || v->index.is_done)
		return INK_OK;
	while (err == INK_OK) {
		err = lmdb_next(cursor, &key, &value);
		found += err == INK_OK;
	}
	if (err != INK_ERR_NOT_FOUND)
		return index_fault(v, err, db);
	if (found != count)
		report_index(v, "%s: %llu entries where the log makes %llu", vdb_name(db),
			     (unsigned long long)found, (unsigned long long)count);
	return INK_OK;
}

static enum ink_err compare_at_end(struct verify *v)
{
	static const enum vdb in_order[] = { VDB_LEAVES, VDB_SEALS, VDB_ACTORS, VDB_BLOCKS };
	enum ink_err err = INK_OK;

	for (unsigned i = 0; i < 4 && err == INK_OK; i++)
		err = expect_end(v, in_order[i]);
	for (unsigned level = 1; level < LEVEL_COUNT && err == INK_OK; level++)
		if (v->index.tile_counts[level] > 0)
			err = compare_tile(v, level);
	if (err == INK_OK)
		err = expect_count(v, VDB_TILES, v->index.tile_entries);
	if (err == INK_OK && !v->names.is_partial)
		err = expect_count(v, VDB_EXTENTS, v->index.extent_entries);
	if (err == INK_OK && !v->names.is_partial && !v->index.is_done)
		err = index_compare_state(v);
	v->index.is_done = true;
	return err;
}

enum ink_err index_step(struct verify *v, const struct ink_record *record,
			const union ink_body *body)
{
	struct vindex *index = &v->index;
	enum ink_err err;

	if (!index->is_open || index->is_done)
		return INK_OK;
	err = step_leaves(v, record);
	if (err == INK_OK && !index->is_done)
		err = step_tiles(v, record->leaf);
	if (err == INK_OK && !index->is_done)
		err = step_kind(v, record, body);
	if (err == INK_OK && !index->is_done)
		err = step_block(v, record, body);
	if (err == INK_OK && !index->is_done && v->chain.tree.size == index->count)
		err = compare_at_end(v);
	return err;
}
