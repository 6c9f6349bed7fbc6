/* SPDX-License-Identifier: MIT */
/* What of the catalog lies in the index: the same after reopening whatever records came, tiles, and a damaged head. */
#include "catalog.h"

#include <string.h>

#include "check.h"
#include "feed.h"
#include "hash.h"
#include "index_dump.h"
#include "scratch.h"

/* --- random records: pure, all or nothing, the same after reopening --- */

static const char *any_name(struct rng *rng)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "\xff\xfe", "a b", "aa" };

	return names[rng_below(rng, COUNT_OF(names))];
}

/* A record that is allowed about every second time. */
static enum ink_err any_record(struct feed *f, struct rng *rng)
{
	const struct head *head = catalog_head(f->catalog);
	uint64_t some = 1 + rng_below(rng, head->next_inode),
		 other = 1 + rng_below(rng, head->next_inode);
	static const uint8_t nodes[] = { INK_CREATE, INK_MKDIR, INK_SYMLINK };
	union ink_body body;
	struct inode *inode;
	uint64_t size = catalog_inode(f->catalog, some, &inode) == INK_OK ? inode->size : 0;

	memset(&body, 0, sizeof(body));
	switch (rng_below(rng, 14)) {
	case 0:
		return feed_node(f, nodes[rng_below(rng, 3)],
				 head->next_inode - rng_below(rng, 8) / 7, other, any_name(rng));
	case 1: return feed_name(f, INK_LINK, some, other, any_name(rng));
	case 2: return feed_name(f, INK_UNLINK, some, other, any_name(rng));
	case 3:
		return feed_move(f, some, 1 + rng_below(rng, head->next_inode), any_name(rng),
				 other, any_name(rng));
	case 4:
		body.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE,
						    .mode = (uint32_t)rng_below(rng, 4096) };
		return feed_apply(f, INK_ATTR, some, &body);
	case 5:
		return feed_seal(f, INK_SEAL, head->epoch + (uint32_t)rng_below(rng, 8) / 7, 1,
				 rng_below(rng, head->record_count));
	case 6:
		return rng_below(rng, 4) ? INK_ERR_DAMAGED
					 : feed_seal(f, INK_EPOCH, head->epoch + 1, 7, 0);
	case 7:
		return rng_below(rng, 8)
			       ? INK_ERR_DAMAGED
			       : feed_simple(f, head->mount_seq ? INK_UNMOUNT : INK_MOUNT);
	case 8: return feed_simple(f, INK_MOUNT);
	case 9: body.denied.count = 3; return feed_apply(f, INK_DENIED, some, &body);
	default:
		return feed_write(f, some, size + rng_below(rng, 8) / 7,
				  1 + (uint32_t)rng_below(rng, 3000));
	}
}

static void commit(struct feed *f)
{
	assert_ok(catalog_flush(f->catalog));
	assert_ok(index_freeze(f->index));
	assert_ok(index_commit(f->index));
	assert_ok(index_thaw(f->index));
}

static void assert_same_index(struct feed *a, struct feed *b)
{
	uint8_t hash_a[INK_HASH_SIZE], hash_b[INK_HASH_SIZE];

	assert_int_equal(index_digest(a->index, false, hash_a),
			 index_digest(b->index, false, hash_b));
	assert_memory_equal(hash_a, hash_b, INK_HASH_SIZE);
}

/*
 * One catalog in memory sees everything, forbidden records too.  The other lives on the disk, is told only
 * what was allowed, and is flushed, committed and opened anew at random moments.  They must end up the same.
 */
static void the_catalog_depends_on_nothing_but_the_records_that_were_allowed(void **state)
{
	char dir[PATH_MAX];
	struct feed a, b;
	struct rng rng, copy;
	unsigned allowed = 0, refused = 0;

	(void)state;
	scratch_dir(dir);
	rng_init(&rng, "catalog");
	feed_open(&a);
	b = (struct feed){ .place = SEGMENT_HEADER_SIZE };
	assert_ok(index_open(dir, false, &b.index));
	assert_ok(catalog_open(b.index, &b.catalog));
	assert_ok(feed_genesis(&a));
	assert_ok(feed_genesis(&b));
	for (unsigned i = 0; i < rounds(6000); i++) {
		copy = rng;
		if (any_record(&a, &rng) == INK_OK) {
			allowed++;
			assert_ok(any_record(&b, &copy));
		} else {
			refused++;
		}
		if (rng_below(&rng, 100) == 0)
			assert_ok(catalog_flush(b.catalog));
		if (rng_below(&rng, 200) != 0)
			continue;
		commit(&b);
		catalog_close(b.catalog);
		index_close(b.index);
		assert_ok(index_open(dir, false, &b.index));
		assert_ok(catalog_open(b.index, &b.catalog));
		assert_true(catalog_head(b.catalog)->record_count ==
			    catalog_head(a.catalog)->record_count);
	}
	assert_ok(catalog_flush(a.catalog));
	assert_ok(catalog_flush(b.catalog));
	assert_same_index(&a, &b);
	assert_true(allowed > rounds(6000) / 10 && refused > rounds(6000) / 20);
	feed_close(&a);
	feed_close(&b);
	tree_remove(dir);
}

/* --- tiles, places and the head --- */

static void places_are_found_in_full_tiles_and_in_the_last(void **state)
{
	struct feed *f = *state;
	uint64_t places[700], place;

	for (unsigned i = 6; i < 700; i++) {
		assert_ok(feed_seal(f, INK_SEAL, 1, 1, 0));
		places[i] = f->last_place;
		if (i % 100 == 0)
			assert_ok(catalog_flush(f->catalog));
	}
	for (unsigned i = 6; i < 700; i++) {
		assert_ok(catalog_place(f->catalog, i, &place));
		assert_true(place == places[i]);
	}
	assert_err(INK_ERR_NOT_FOUND, catalog_place(f->catalog, 700, &place));
}

static void the_stored_tree_goes_on_over_tiles_of_two_levels(void **state)
{
	uint8_t root[INK_HASH_SIZE], expected[INK_HASH_SIZE], leaf[INK_HASH_SIZE];
	struct feed *f = *state;
	struct merkle tree;
	const uint8_t *value;
	uint8_t key[9] = { 1 };
	size_t size;

	while (catalog_head(f->catalog)->record_count < 256 * 3 + 5)
		assert_ok(feed_seal(f, INK_SEAL, 1, 1, 0));
	assert_ok(catalog_flush(f->catalog));
	merkle_init(&tree);
	for (uint64_t seq = 0; seq < 256 * 3 + 5; seq++) {
		hash_data(&seq, sizeof(seq), leaf);
		merkle_append(&tree, leaf);
	}
	merkle_root(&tree, expected);
	merkle_root(&catalog_head(f->catalog)->tree, root);
	assert_memory_equal(root, expected, INK_HASH_SIZE);
	assert_ok(index_get(f->index, DB_TILES, key, 9, &value, &size));
	assert_int_equal(size, 3 * INK_HASH_SIZE);
}

static void a_full_tile_of_the_first_level_is_a_hash_of_the_second(void **state)
{
	uint8_t key[9] = { 1 }, root[INK_HASH_SIZE], before[INK_HASH_SIZE];
	const unsigned count = 256 * 256 + 300;
	struct feed *f = *state;
	struct catalog *again;
	const uint8_t *value;
	size_t size;

	while (catalog_head(f->catalog)->record_count < count)
		assert_ok(feed_seal(f, INK_SEAL, 1, 1, 0));
	assert_ok(catalog_flush(f->catalog));
	assert_ok(index_get(f->index, DB_TILES, key, 9, &value, &size)); /* 1/0 */
	assert_int_equal(size, TILE_WIDTH * INK_HASH_SIZE);
	tile_root(value, TILE_WIDTH, root);
	key[0] = 2;
	assert_ok(index_get(f->index, DB_TILES, key, 9, &value, &size)); /* 2/0 */
	assert_int_equal(size, INK_HASH_SIZE);
	assert_memory_equal(value, root, INK_HASH_SIZE);
	/* Taken up again it goes on the same. */
	assert_ok(catalog_open(f->index, &again));
	catalog_close(f->catalog);
	f->catalog = again;
	assert_ok(catalog_flush(f->catalog));
	index_digest(f->index, false, root);
	for (unsigned i = 0; i < 300; i++)
		assert_ok(feed_seal(f, INK_SEAL, 1, 1, 0));
	index_digest(f->index, false, before);
	assert_memory_not_equal(root, before, INK_HASH_SIZE);
	key[0] = 1;
	be64_store(key + 1, 1);
	assert_ok(catalog_flush(f->catalog));
	assert_ok(index_get(f->index, DB_TILES, key, 9, &value, &size)); /* 1/1 */
	assert_int_equal(size, (count + 300) / 256 % 256 * INK_HASH_SIZE);
}

/* Values of the index that are not what they should be: damage, never a crash. */
static void a_damaged_head_does_not_open(void **state)
{
	struct feed *f = *state;
	struct catalog *again = NULL;
	const uint8_t *value;
	uint8_t head[4096];
	size_t size;

	assert_ok(catalog_flush(f->catalog));
	assert_ok(index_get(f->index, DB_META, "head", 4, &value, &size));
	memcpy(head, value, size);
	for (size_t cut = 0; cut < size; cut++) {
		assert_ok(index_put(f->index, DB_META, "head", 4, head, cut));
		assert_int_not_equal((int)catalog_open(f->index, &again), INK_OK);
	}
	for (unsigned count = 0; count < 256; count++) {
		memcpy(head + size, head, 32);
		head[199] = (uint8_t)count;
		assert_ok(index_put(f->index, DB_META, "head", 4, head, size));
		if (count != 2)
			assert_int_not_equal((int)catalog_open(f->index, &again), INK_OK);
	}
	head[3] = 2;
	assert_ok(index_put(f->index, DB_META, "head", 4, head, size));
	assert_err(INK_ERR_FOREIGN, catalog_open(f->index, &again));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, feed_setup, feed_teardown)
	const struct CMUnitTest tests[] = {
		T(places_are_found_in_full_tiles_and_in_the_last),
		cmocka_unit_test(the_catalog_depends_on_nothing_but_the_records_that_were_allowed),
		T(the_stored_tree_goes_on_over_tiles_of_two_levels),
		T(a_full_tile_of_the_first_level_is_a_hash_of_the_second),
		T(a_damaged_head_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
