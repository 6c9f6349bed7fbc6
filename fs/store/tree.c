/* SPDX-License-Identifier: MIT */
#include "tree_private.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "hash.h"
#include "merkle.h"

enum {
	HEAD_OFF_EPOCH = 4,
	HEAD_OFF_COUNT = 8,
	HEAD_OFF_LAST_SEAL = 32,
	HEAD_OFF_SEAL_KEY = 128,
	HEAD_FIXED_SIZE = 200,
};

/* --- the index ------------------------------------------------------------------------------- */

static enum ink_err open_index(struct tree *tree, const char *path, uint8_t *ret_head)
{
	char name[PATH_MAX];
	struct lmdb_cursor meta = { 0 };
	struct lmdb_bytes head;
	enum ink_err err;

	if (snprintf(name, sizeof(name), "%s/index/data.mdb", path) >= (int)sizeof(name))
		return INK_ERR_NOT_FOUND;
	if (lmdb_open(io_system(), name, false, 0, &tree->file) != INK_OK)
		return INK_ERR_NOT_FOUND;
	tree->has_index = true;
	err = lmdb_cursor_init(&meta, &tree->file, "meta");
	if (err == INK_OK)
		err = lmdb_get(&meta, "head", 4, &head);
	if (err == INK_OK &&
	    (head.size < HEAD_FIXED_SIZE || be32_load(head.data) != FORMAT_VERSION))
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		memcpy(ret_head, head.data, HEAD_FIXED_SIZE);
	lmdb_cursor_release(&meta);
	if (err == INK_OK)
		err = lmdb_cursor_init(&tree->leaves, &tree->file, "leaves");
	if (err == INK_OK)
		err = lmdb_cursor_init(&tree->tiles, &tree->file, "tiles");
	return err == INK_OK ? INK_OK : INK_ERR_NOT_FOUND;
}

static void close_index(struct tree *tree)
{
	if (!tree->has_index)
		return;
	lmdb_cursor_release(&tree->leaves);
	lmdb_cursor_release(&tree->tiles);
	lmdb_close(&tree->file);
	tree->has_index = false;
	tree->index_count = 0;
}

/* @ret_group: as much of the group as the index has. */
static enum ink_err read_indexed(struct tree *tree, uint64_t number, struct group *ret_group)
{
	struct lmdb_bytes value;
	uint8_t key[8];
	size_t count;
	enum ink_err err;

	be64_store(key, number);
	err = lmdb_get(&tree->leaves, key, sizeof(key), &value);
	if (err != INK_OK)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	count = value.size / (INK_HASH_SIZE + 8);
	if (count == 0 || count > TILE_WIDTH || value.size % (INK_HASH_SIZE + 8) != 0)
		return INK_ERR_DAMAGED;
	ret_group->number = number;
	ret_group->count = (unsigned)count;
	memcpy(ret_group->leaves, value.data, count * INK_HASH_SIZE);
	for (size_t i = 0; i < count; i++)
		ret_group->places[i] = be64_load(value.data + count * INK_HASH_SIZE + i * 8);
	return INK_OK;
}

static enum ink_err read_tile(struct tree *tree, unsigned level, uint64_t number)
{
	struct tile *tile = &tree->cache[level];
	struct lmdb_bytes value;
	uint8_t key[9];
	enum ink_err err;

	if (tile->count > 0 && tile->number == number)
		return INK_OK;
	key[0] = (uint8_t)level;
	be64_store(key + 1, number);
	err = lmdb_get(&tree->tiles, key, sizeof(key), &value);
	if (err != INK_OK)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	if (value.size == 0 || value.size % INK_HASH_SIZE != 0 || value.size > sizeof(tile->hashes))
		return INK_ERR_DAMAGED;
	tile->number = number;
	tile->count = (unsigned)(value.size / INK_HASH_SIZE);
	memcpy(tile->hashes, value.data, value.size);
	return INK_OK;
}

/* --- the log behind it ----------------------------------------------------------------------- */

bool tree_grow(void *array, size_t *room, size_t count, size_t size)
{
	void *data, *grown;
	size_t wanted = *room ? *room * 2 : 64;

	if (count < *room)
		return true;
	memcpy(&data, array, sizeof(data)); /* whatever it points to */
	grown = reallocarray(data, wanted, size);
	if (!grown)
		return false;
	memcpy(array, &grown, sizeof(grown));
	*room = wanted;
	return true;
}

/* The root of subtree @number of its size; two neighbours make one of the next row. */
static bool push_row(struct tree *tree, unsigned above, uint64_t number, const uint8_t *hash)
{
	uint8_t node[INK_HASH_SIZE];

	memcpy(node, hash, INK_HASH_SIZE);
	for (; above < LEVELS_ABOVE; above++, number /= 2) {
		struct row *row = &tree->rows[above];

		if (!tree_grow(&row->hashes, &row->room, row->count, INK_HASH_SIZE))
			return false;
		memcpy(row->hashes[row->count++], node, INK_HASH_SIZE);
		if (number % 2 == 0 || row->count < 2)
			return true;
		hash_node(row->hashes[row->count - 2], node, node);
	}
	return true;
}

/* The next record in order. */
static bool push_record(struct tree *tree, const struct ink_record *record)
{
	struct group *last = &tree->last;
	uint8_t root[INK_HASH_SIZE];

	if (record->header.kind == INK_EPOCH || record->header.kind == INK_REKEY) {
		if (!tree_grow(&tree->links, &tree->link_room, tree->link_count, sizeof(uint64_t)))
			return false;
		tree->links[tree->link_count++] = record->header.seq;
	}
	if (last->count == 0) {
		last->number = record->header.seq / TILE_WIDTH;
		if (!tree_grow(&tree->places, &tree->place_room, tree->place_count,
			       sizeof(uint64_t)))
			return false;
		tree->places[tree->place_count++] = record->place;
	}
	memcpy(last->leaves[last->count], record->leaf, INK_HASH_SIZE);
	last->places[last->count++] = record->place;
	if (last->count < TILE_WIDTH)
		return true;
	tile_root(last->leaves[0], TILE_WIDTH, root);
	last->count = 0;
	return push_row(tree, 0, last->number, root);
}

static enum ink_err next_record(struct tree *tree)
{
	enum walk_step step;
	enum ink_err err = walk_next(&tree->walk, &step);

	if (err != INK_OK)
		return err;
	if (step == WALK_BAD && tree->walk.fault == WALK_DIGEST) {
		walk_accept(&tree->walk); /* the leaf is the header's */
		step = WALK_RECORD;
	}
	return step == WALK_RECORD ? INK_OK : INK_ERR_DAMAGED;
}

/* Stand behind the last record that the index gave. */
static enum ink_err go_behind_index(struct tree *tree)
{
	uint64_t seq = tree->index_count - 1;
	struct group *group = &tree->group;
	enum ink_err err = read_indexed(tree, seq / TILE_WIDTH, group);

	if (err == INK_OK && group->count <= seq % TILE_WIDTH)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		err = walk_seek(&tree->walk, group->places[seq % TILE_WIDTH], seq, NULL);
	if (err == INK_OK)
		err = next_record(tree);
	if (err != INK_OK)
		return err;
	if (memcmp(tree->walk.record.leaf, group->leaves[seq % TILE_WIDTH], INK_HASH_SIZE) != 0)
		return INK_ERR_DAMAGED;
	if (tree->index_count % TILE_WIDTH != 0) {
		tree->last = *group;
		tree->last.count = (unsigned)(tree->index_count % TILE_WIDTH);
		/* Its first record's place, as of a group that was walked. */
		if (!tree_grow(&tree->places, &tree->place_room, tree->place_count,
			       sizeof(uint64_t))) {
			errno = ENOMEM;
			return INK_ERR_IO;
		}
		tree->places[tree->place_count++] = group->places[0];
	}
	group->count = 0;
	return INK_OK;
}

static enum ink_err walk_rest(struct tree *tree)
{
	uint64_t count = tree->index_count;
	enum ink_err err = INK_OK;

	for (unsigned above = 0; above < LEVELS_ABOVE; above++)
		tree->rows[above].first =
			((count / TILE_WIDTH) + ((UINT64_C(1) << above) - 1)) >> above;
	if (count > 0)
		err = go_behind_index(tree);
	for (; err == INK_OK && count < tree->size; count++) {
		err = next_record(tree);
		if (err == INK_OK && !push_record(tree, &tree->walk.record)) {
			errno = ENOMEM;
			err = INK_ERR_IO;
		}
	}
	return err;
}

/* --- subtrees -------------------------------------------------------------------------------- */

/* A group that was walked over, once more. */
static enum ink_err read_walked(struct tree *tree, uint64_t number, struct group *ret_group)
{
	uint64_t at = number - tree->index_count / TILE_WIDTH;
	enum ink_err err;

	if (at >= tree->place_count)
		return INK_ERR_DAMAGED;
	err = walk_seek(&tree->walk, tree->places[at], number * TILE_WIDTH, NULL);
	ret_group->count = 0;
	while (err == INK_OK && ret_group->count < TILE_WIDTH) {
		err = next_record(tree);
		if (err != INK_OK)
			break;
		memcpy(ret_group->leaves[ret_group->count], tree->walk.record.leaf, INK_HASH_SIZE);
		ret_group->places[ret_group->count++] = tree->walk.record.place;
	}
	ret_group->number = number;
	return err;
}

/* @ret_group: valid until the next call. */
static enum ink_err group_of(struct tree *tree, uint64_t number, const struct group **ret_group)
{
	enum ink_err err = INK_OK;

	if (tree->last.count > 0 && tree->last.number == number) {
		*ret_group = &tree->last;
		return INK_OK;
	}
	if (tree->group.count == 0 || tree->group.number != number) {
		tree->group.count = 0;
		if (tree->has_index &&
		    (tree->index_count == tree->size || number < tree->index_count / TILE_WIDTH))
			err = read_indexed(tree, number, &tree->group);
		else
			err = read_walked(tree, number, &tree->group);
	}
	*ret_group = &tree->group;
	if (err != INK_OK)
		tree->group.count = 0;
	return err;
}

/* Root of the perfect subtree @number of those with 2^@bits records. */
static enum ink_err node_of(struct tree *tree, unsigned bits, uint64_t number, uint8_t *ret_root)
{
	unsigned above = bits - GROUP_BITS, level = bits / GROUP_BITS, rest = bits % GROUP_BITS;
	const struct group *group;
	uint8_t right[INK_HASH_SIZE];
	enum ink_err err;

	if (bits < GROUP_BITS) {
		uint64_t from = number << bits;

		err = group_of(tree, from / TILE_WIDTH, &group);
		if (err == INK_OK && from % TILE_WIDTH + (UINT64_C(1) << bits) > group->count)
			err = INK_ERR_DAMAGED;
		if (err == INK_OK)
			tile_root(group->leaves[from % TILE_WIDTH], 1U << bits, ret_root);
		return err;
	}
	if ((number + 1) << above <= tree->index_count / TILE_WIDTH && level < TILE_LEVEL_MAX) {
		uint64_t from = number << rest;

		err = read_tile(tree, level, from / TILE_WIDTH);
		if (err == INK_OK &&
		    from % TILE_WIDTH + (UINT64_C(1) << rest) > tree->cache[level].count)
			err = INK_ERR_DAMAGED;
		if (err == INK_OK)
			tile_root(tree->cache[level].hashes[from % TILE_WIDTH], 1U << rest,
				  ret_root);
		return err;
	}
	if (number >= tree->rows[above].first &&
	    number - tree->rows[above].first < tree->rows[above].count) {
		memcpy(ret_root, tree->rows[above].hashes[number - tree->rows[above].first],
		       INK_HASH_SIZE);
		return INK_OK;
	}
	if (above == 0)
		return INK_ERR_DAMAGED;
	err = node_of(tree, bits - 1, number * 2, ret_root);
	if (err == INK_OK)
		err = node_of(tree, bits - 1, number * 2 + 1, right);
	if (err == INK_OK)
		hash_node(ret_root, right, ret_root);
	return err;
}

enum ink_err tree_range(struct tree *tree, uint64_t from, uint64_t to,
			uint8_t ret_root[static INK_HASH_SIZE])
{
	uint64_t count = to - from, left;
	uint8_t right[INK_HASH_SIZE];
	enum ink_err err;

	assert(from < to && to <= tree->size);
	left = UINT64_C(1) << (63 - __builtin_clzll(count));
	if (from % left != 0)
		return INK_ERR_INVALID;
	err = node_of(tree, (unsigned)__builtin_ctzll(left), from / left, ret_root);
	if (err != INK_OK || left == count)
		return err;
	err = tree_range(tree, from + left, to, right);
	if (err == INK_OK)
		hash_node(ret_root, right, ret_root);
	return err;
}

enum ink_err tree_root(struct tree *tree, uint8_t ret_root[static INK_HASH_SIZE])
{
	if (tree->size > 0)
		return tree_range(tree, 0, tree->size, ret_root);
	hash_data("", 0, ret_root);
	return INK_OK;
}

enum ink_err tree_place(struct tree *tree, uint64_t seq, uint64_t *ret_place)
{
	const struct group *group;
	enum ink_err err = group_of(tree, seq / TILE_WIDTH, &group);

	if (err == INK_OK && seq % TILE_WIDTH >= group->count)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		*ret_place = group->places[seq % TILE_WIDTH];
	return err;
}

/* --- opening --------------------------------------------------------------------------------- */

static enum ink_err tree_new(const char *path, struct tree **ret_tree)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	size_t size = strlen(path) + sizeof("/log");

	if (!tree)
		return INK_ERR_IO;
	tree->log_dir = malloc(size);
	if (tree->log_dir)
		snprintf(tree->log_dir, size, "%s/log", path);
	if (!tree->log_dir || walk_open(&tree->walk, io_system(), tree->log_dir) != INK_OK) {
		tree_close(tree);
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	tree->walk.skips_digests = true;
	*ret_tree = tree;
	return INK_OK;
}

void tree_close(struct tree *tree)
{
	if (!tree)
		return;
	close_index(tree);
	if (tree->walk.io)
		walk_close(&tree->walk);
	for (unsigned above = 0; above < LEVELS_ABOVE; above++)
		free(tree->rows[above].hashes);
	free(tree->places);
	free(tree->links);
	free(tree->log_dir);
	free(tree);
}

enum ink_err tree_open(const char *path, uint64_t size, bool has_index, struct tree **ret_tree,
		       struct ink_error *ret_error)
{
	uint8_t head[HEAD_FIXED_SIZE];
	struct tree *tree = NULL;
	enum ink_err err = tree_new(path, &tree);

	if (err != INK_OK)
		return error_io(ret_error, path, "reading the log");
	tree->size = size;
	if (has_index && open_index(tree, path, head) == INK_OK)
		tree->index_count = be64_load(head + HEAD_OFF_COUNT);
	else
		close_index(tree);
	if (tree->index_count > size)
		tree->index_count = size;
	if (tree->index_count < size)
		err = walk_rest(tree);
	if (err == INK_OK) {
		*ret_tree = tree;
		return INK_OK;
	}
	tree_close(tree);
	/* A wrong index must not hide a good log. */
	if (err == INK_ERR_DAMAGED && has_index)
		return tree_open(path, size, false, ret_tree, ret_error);
	if (err == INK_ERR_IO)
		return error_io(ret_error, path, "reading the log");
	return error_set(
		ret_error, err,
		"%s: the log does not have %llu sound records; 'inkfs verify' says what is wrong",
		path, (unsigned long long)size);
}

enum ink_err tree_open_at_seal(const char *path, struct tree **ret_tree, struct tree_seal *ret_seal)
{
	uint8_t head[HEAD_FIXED_SIZE];
	struct tree *tree = NULL;
	uint64_t count, seal;

	if (tree_new(path, &tree) != INK_OK)
		return INK_ERR_NOT_FOUND;
	if (open_index(tree, path, head) != INK_OK)
		goto none;
	count = be64_load(head + HEAD_OFF_COUNT);
	seal = be64_load(head + HEAD_OFF_LAST_SEAL);
	if (seal == 0 || seal >= count)
		goto none;
	/* The place of the seal itself may be asked for, and lies perhaps in a group of its own. */
	tree->size = seal;
	tree->index_count = seal;
	ret_seal->seq = seal;
	ret_seal->epoch = be32_load(head + HEAD_OFF_EPOCH);
	memcpy(ret_seal->seal_key, head + HEAD_OFF_SEAL_KEY, INK_KEY_SIZE);
	*ret_tree = tree;
	return INK_OK;
none:
	tree_close(tree);
	return INK_ERR_NOT_FOUND;
}
