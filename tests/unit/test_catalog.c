/* SPDX-License-Identifier: MIT */
/* What each record does to the catalog, and which records it refuses. */
#include "catalog.h"

#include <sys/stat.h>

#include "check.h"
#include "feed.h"

static bool has_name(struct feed *f, uint64_t parent, const char *name, uint64_t number)
{
	struct name_entry entry;
	enum ink_err err = catalog_name(f->catalog, parent, str_of(name, 255), &entry);

	return err == INK_OK && entry.inode == number;
}

static void genesis_makes_the_root(void **state)
{
	struct feed *f = *state;
	const struct head *head = catalog_head(f->catalog);
	struct inode *root = feed_inode(f, INK_ROOT_INODE);

	assert_int_equal(root->mode, S_IFDIR | 0755);
	assert_true(root->uid == 5 && root->gid == 6 && root->btime_ns == FEED_T0);
	assert_int_equal(root->nlink, 3); /* one folder in it */
	assert_memory_equal(head->store_id, feed_constant, INK_STORE_ID_SIZE);
	assert_memory_equal(head->log_key, feed_constant + 1, INK_KEY_SIZE);
	assert_true(head->next_inode == 5);
	assert_int_equal(root->flags, INODE_HELD_NAME);
}

static void only_the_first_record_is_a_genesis(void **state)
{
	struct feed *f = *state, fresh;

	assert_err(INK_ERR_DAMAGED, feed_genesis(f));
	feed_open(&fresh);
	assert_err(INK_ERR_DAMAGED, feed_simple(&fresh, INK_MOUNT));
	assert_err(INK_ERR_DAMAGED, feed_seal(&fresh, INK_SEAL, 0, 1, 0));
	feed_close(&fresh);
	/* Nor out of a session as the second one. */
	feed_open(&fresh);
	assert_ok(feed_genesis(&fresh));
	assert_err(INK_ERR_DAMAGED, feed_genesis(&fresh));
	assert_true(catalog_head(fresh.catalog)->is_closed);
	feed_close(&fresh);
}

static void new_objects_get_names_times_owners_and_cookies(void **state)
{
	struct feed *f = *state;
	struct inode *file = feed_inode(f, 2), *folder = feed_inode(f, 3), *link = feed_inode(f, 4);
	struct name_entry entry;
	const uint8_t *value;
	uint8_t key[8];
	size_t size;

	assert_true(has_name(f, 1, "f", 2) && has_name(f, 1, "d", 3) && has_name(f, 1, "l", 4));
	assert_true(file->uid == 7 && file->gid == 8 && file->mode == (S_IFREG | 0640) &&
		    file->nlink == 1);
	assert_true(file->btime_ns == FEED_T0 + 3 && file->atime_ns == FEED_T0 + 3 &&
		    file->mtime_ns == FEED_T0 + 3);
	assert_true(folder->nlink == 2 && folder->parent == 1 && file->parent == 0);
	assert_true(link->size == 6);
	assert_ok(index_get(f->index, DB_TARGETS, key, key_u64(4, key), &value, &size));
	assert_memory_equal(value, "target", 6);
	assert_ok(catalog_name(f->catalog, 1, str_of("d", 9), &entry));
	assert_true(entry.cookie == 3 + 4); /* 3 + its sequence number */
	assert_true(feed_inode(f, 1)->mtime_ns == FEED_T0 + 5);
}

static void a_new_object_needs_the_next_number_a_folder_and_a_free_name(void **state)
{
	struct feed *f = *state;

	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 6, 1, "x"));
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 4, 1, "x"));
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 1, 1, "x"));
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 5, 1, "f"));
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_MKDIR, 5, 1, "f"));
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 5, 2, "x")); /* a file is no folder */
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 5, 4, "x")); /* nor is a link */
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 5, 99, "x"));
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 5, 0, "x"));
	assert_ok(feed_node(f, INK_CREATE, 5, 3, "f")); /* the same name in another folder */
}

static void an_append_goes_to_the_end_of_a_regular_file(void **state)
{
	struct feed *f = *state;
	struct inode *file;

	assert_ok(feed_write(f, 2, 0, 10));
	assert_ok(feed_write(f, 2, 10, 5));
	file = feed_inode(f, 2);
	assert_true(file->size == 15 && file->record_count == 2 && file->last_seq == 7);
	assert_true(file->mtime_ns == FEED_T0 + 7 && file->ctime_ns == FEED_T0 + 7 &&
		    file->atime_ns == FEED_T0 + 3);
	assert_true(catalog_head(f->catalog)->payload_bytes == 15);
	assert_err(INK_ERR_DAMAGED, feed_write(f, 2, 14, 1));
	assert_err(INK_ERR_DAMAGED, feed_write(f, 2, 16, 1));
	assert_err(INK_ERR_DAMAGED, feed_write(f, 2, 0, 1));
	assert_err(INK_ERR_DAMAGED, feed_write(f, 3, 0, 1)); /* a folder */
	assert_err(INK_ERR_DAMAGED, feed_write(f, 4, 6, 1)); /* a link */
	assert_err(INK_ERR_DAMAGED, feed_write(f, 0, 0, 1));
	assert_err(INK_ERR_DAMAGED, feed_write(f, 99, 0, 1));
	assert_true(feed_inode(f, 2)->size == 15);
}

static unsigned count_extents(struct feed *f, uint64_t number)
{
	struct index_pair pair;
	unsigned count = 0;
	uint8_t key[16];
	enum ink_err err;

	key_u64_pair(number, 0, key);
	err = index_seek(f->index, DB_EXTENTS, key, 16, false, &pair);
	while (err == INK_OK && be64_load(pair.key) == number) {
		count++;
		memcpy(key, pair.key, 16);
		err = index_seek(f->index, DB_EXTENTS, key, 16, true, &pair);
	}
	return count;
}

static void a_run_ends_at_a_gap_over_4096_at_64_kib_and_at_a_new_segment(void **state)
{
	struct feed *f = *state;
	uint64_t size = 0;

	assert_ok(feed_write(f, 2, size, 100));
	size += 100;
	assert_int_equal(count_extents(f, 2), 1);
	f->place += 4096;
	assert_ok(feed_write(f, 2, size, 100));
	size += 100;
	assert_int_equal(count_extents(f, 2), 1);
	f->place += 4097;
	assert_ok(feed_write(f, 2, size, 100));
	size += 100;
	assert_int_equal(count_extents(f, 2), 2);
	assert_ok(feed_write(f, 2, size, 65536 - 100)); /* the run began at 200 */
	size += 65536 - 100;
	assert_int_equal(count_extents(f, 2), 2);
	assert_ok(feed_write(f, 2, size, 1));
	size++;
	assert_int_equal(count_extents(f, 2), 3);
	f->place = place_make(1, 128);
	assert_ok(feed_write(f, 2, size, 1));
	assert_int_equal(count_extents(f, 2), 4);
}

static void attributes_change_only_what_the_mask_says(void **state)
{
	struct feed *f = *state;
	union ink_body body = {
		.attr = { .mask = INK_ATTR_MODE | INK_ATTR_MTIME, .mode = 04711, .mtime_ns = -5 }
	};
	struct inode *file;

	assert_ok(feed_apply(f, INK_ATTR, 2, &body));
	file = feed_inode(f, 2);
	assert_true(file->mode == (S_IFREG | 04711) && file->mtime_ns == -5 && file->uid == 7 &&
		    file->gid == 8);
	assert_true(file->ctime_ns == FEED_T0 + 6 && file->atime_ns == FEED_T0 + 3);
	body.attr = (struct ink_body_attr){ .mask = INK_ATTR_UID | INK_ATTR_GID | INK_ATTR_ATIME,
					    .uid = 1,
					    .gid = 2,
					    .atime_ns = 3 };
	assert_ok(feed_apply(f, INK_ATTR, 2, &body));
	assert_true(file->uid == 1 && file->gid == 2 && file->atime_ns == 3 &&
		    file->mode == (S_IFREG | 04711));
	assert_err(INK_ERR_DAMAGED, feed_apply(f, INK_ATTR, 99, &body));
}

static void a_rename_moves_the_name_and_the_folder_counts(void **state)
{
	struct feed *f = *state;

	assert_ok(feed_node(f, INK_MKDIR, 5, 1, "e"));
	assert_ok(feed_move(f, 3, 1, "d", 5, "dd"));
	assert_true(has_name(f, 5, "dd", 3) && !has_name(f, 1, "d", 3));
	assert_true(feed_inode(f, 1)->nlink == 3 && feed_inode(f, 5)->nlink == 3 &&
		    feed_inode(f, 3)->parent == 5);
	assert_ok(feed_move(f, 2, 1, "f", 1, "g"));
	assert_true(has_name(f, 1, "g", 2) && !has_name(f, 1, "f", 2));
	assert_ok(feed_node(f, INK_CREATE, 6, 1, "f")); /* the old name is free again */
}

static void a_rename_that_the_name_space_forbids_is_damage(void **state)
{
	struct feed *f = *state;

	assert_ok(feed_node(f, INK_MKDIR, 5, 3, "e"));
	assert_err(INK_ERR_DAMAGED, feed_move(f, 2, 1, "nothing", 1, "x"));
	assert_err(INK_ERR_DAMAGED,
		   feed_move(f, 3, 1, "f", 1, "x")); /* the name is another inode's */
	assert_err(INK_ERR_DAMAGED, feed_move(f, 2, 1, "f", 1, "d")); /* onto an existing name */
	assert_err(INK_ERR_DAMAGED, feed_move(f, 2, 1, "f", 1, "f"));
	assert_err(INK_ERR_DAMAGED, feed_move(f, 2, 1, "f", 2, "x")); /* into a file */
	assert_err(INK_ERR_DAMAGED, feed_move(f, 2, 1, "f", 77, "x"));
	assert_err(INK_ERR_DAMAGED, feed_move(f, 3, 1, "d", 3, "x")); /* beneath itself */
	assert_err(INK_ERR_DAMAGED, feed_move(f, 3, 1, "d", 5, "x"));
	assert_true(has_name(f, 1, "f", 2) && has_name(f, 1, "d", 3));
}

static void hard_links_count_and_go_one_by_one_until_the_last(void **state)
{
	struct feed *f = *state;

	assert_ok(feed_write(f, 2, 0, 3));
	assert_ok(feed_name(f, INK_LINK, 2, 3, "again"));
	assert_int_equal(feed_inode(f, 2)->nlink, 2);
	assert_true(has_name(f, 3, "again", 2) && has_name(f, 1, "f", 2));
	assert_ok(feed_name(f, INK_UNLINK, 2, 1, "f"));
	assert_false(has_name(f, 1, "f", 2));
	assert_err(INK_ERR_DAMAGED,
		   feed_name(f, INK_UNLINK, 2, 3, "again")); /* the last name of bytes */
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_LINK, 2, 3, "again")); /* taken */
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_LINK, 3, 1, "x"));     /* of a folder */
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_LINK, 99, 1, "x"));
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_LINK, 2, 2, "x"));
}

static void only_what_holds_nothing_loses_its_last_name(void **state)
{
	struct feed *f = *state;

	assert_ok(feed_node(f, INK_MKDIR, 5, 3, "inner"));
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_UNLINK, 3, 1, "d")); /* holds a name */
	assert_ok(feed_name(f, INK_UNLINK, 5, 3, "inner"));               /* never held one */
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_UNLINK, 3, 1, "d")); /* held one once */
	assert_int_equal(feed_inode(f, 3)->nlink, 2);
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 6, 5, "x")); /* the folder is gone */
	assert_ok(feed_name(f, INK_UNLINK, 4, 1, "l"));                   /* a symbolic link */
	assert_err(INK_ERR_DAMAGED,
		   feed_name(f, INK_UNLINK, 2, 1, "d")); /* the name is another's */
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_UNLINK, 2, 1, "nothing"));
	assert_ok(feed_name(f, INK_UNLINK, 2, 1, "f")); /* an empty file */
	assert_int_equal(feed_inode(f, 2)->nlink, 0);
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_LINK, 2, 1, "f")); /* is not brought back */
}

static void sessions_begin_and_end_as_the_format_says(void **state)
{
	struct feed *f = *state;
	const struct head *head = catalog_head(f->catalog);

	assert_true(head->mount_seq == 2);
	assert_err(INK_ERR_DAMAGED, feed_simple(f, INK_MOUNT)); /* one inside another */
	assert_ok(feed_write(f, 2, 0, 3));
	assert_ok(feed_simple(f, INK_UNMOUNT));
	assert_true(head->mount_seq == 0 && !head->is_closed);
	assert_err(INK_ERR_DAMAGED, feed_simple(f, INK_UNMOUNT));
	assert_err(INK_ERR_DAMAGED, feed_write(f, 2, 3, 1)); /* outside a session */
	assert_err(INK_ERR_DAMAGED, feed_node(f, INK_CREATE, 5, 1, "x"));
	assert_err(INK_ERR_DAMAGED, feed_name(f, INK_UNLINK, 4, 1, "l"));
	assert_err(INK_ERR_DAMAGED, feed_simple(f, INK_ACTOR));
	assert_err(INK_ERR_DAMAGED, feed_simple(f, INK_OPEN));
	assert_err(INK_ERR_DAMAGED, feed_simple(f, INK_CLOSE));
	assert_err(INK_ERR_DAMAGED, feed_simple(f, INK_DENIED));
	assert_ok(feed_seal(f, INK_EPOCH, 2, INK_SEAL_UNMOUNT, 0));
	assert_true(head->is_closed);
	assert_ok(feed_seal(f, INK_EPOCH, 3, INK_SEAL_MOUNT, 0));
	assert_false(head->is_closed);
	assert_ok(feed_simple(f, INK_MOUNT));
	assert_true(head->payload_before == 3);
	assert_ok(feed_simple(f, INK_RECOVERY)); /* ends the session that it found open */
	assert_true(head->mount_seq == 0);
	assert_ok(feed_simple(f, INK_RECOVERY));
	assert_ok(feed_simple(f, INK_MOUNT));
}

static void a_store_is_closed_only_by_an_epoch_of_reason_unmount_outside_a_session(void **state)
{
	struct feed *f = *state;

	assert_ok(feed_seal(f, INK_EPOCH, 2, INK_SEAL_UNMOUNT, 0)); /* within a session */
	assert_false(catalog_head(f->catalog)->is_closed);
	assert_ok(feed_simple(f, INK_UNMOUNT));
	assert_ok(feed_seal(f, INK_SEAL, 2, INK_SEAL_UNMOUNT, 0)); /* not an EPOCH */
	assert_false(catalog_head(f->catalog)->is_closed);
	assert_ok(feed_seal(f, INK_EPOCH, 3, INK_SEAL_EPOCH, 0)); /* another reason */
	assert_false(catalog_head(f->catalog)->is_closed);
}

static void seals_name_their_place_and_epoch(void **state)
{
	struct feed *f = *state;
	const struct head *head = catalog_head(f->catalog);
	union ink_body body = {
		.seal = { .epoch = 1, .reason = 1, .root = feed_constant, .tree_size = 5 }
	};

	assert_err(INK_ERR_DAMAGED, feed_apply(f, INK_SEAL, 0, &body)); /* of another size */
	assert_err(INK_ERR_DAMAGED, feed_seal(f, INK_SEAL, 2, 1, 0));
	assert_err(INK_ERR_DAMAGED, feed_seal(f, INK_SEAL, 0, 1, 0));
	assert_err(INK_ERR_DAMAGED, feed_seal(f, INK_EPOCH, 1, 1, 0)); /* names the next one */
	assert_err(INK_ERR_DAMAGED, feed_seal(f, INK_EPOCH, 3, 1, 0));
	assert_err(INK_ERR_DAMAGED, feed_seal(f, INK_REKEY, 1, 1, 0));
	assert_ok(feed_seal(f, INK_SEAL, 1, 1, 4));
	assert_true(head->last_seal_seq == 6 && head->durable_size == 4 && head->epoch == 1);
	assert_ok(feed_seal(f, INK_SEAL, 1, 1, 3)); /* the largest counts */
	assert_true(head->durable_size == 4);
	assert_ok(feed_seal(f, INK_REKEY, 2, INK_SEAL_REKEY, 5));
	assert_true(head->epoch == 2 && head->last_seal_seq == 8);
	assert_memory_equal(head->seal_key, feed_constant, INK_KEY_SIZE);
}

static void refusals_are_summed_and_actors_kept(void **state)
{
	struct feed *f = *state;
	union ink_body body = { .denied = { .op = INK_OP_WRITE, .count = 400 } };
	static union ink_body actor;
	const uint8_t *value;
	uint8_t key[8];
	size_t size;

	assert_ok(feed_apply(f, INK_DENIED, 2, &body));
	body.denied.count = 1;
	assert_ok(feed_apply(f, INK_DENIED, 2, &body));
	assert_true(catalog_head(f->catalog)->refusal_count == 401);
	actor.actor.pid = 99;
	actor.actor.start_time = 12345;
	assert_ok(feed_apply(f, INK_ACTOR, 0, &actor));
	assert_ok(index_get(f->index, DB_ACTORS, key, key_u64(8, key), &value, &size));
	assert_int_equal(size, 12);
	assert_int_equal(be32_load(value), 99);
	assert_true(be64_load(value + 4) == 12345);
}

static void a_record_out_of_its_number_is_damage(void **state)
{
	struct feed *f = *state;
	struct ink_header header = { .kind = INK_SEAL, .seq = 7 };
	union ink_body body = {
		.seal = { .epoch = 1, .reason = 1, .root = feed_constant, .tree_size = 7 }
	};

	assert_err(INK_ERR_DAMAGED,
		   catalog_apply(f->catalog, &header, feed_constant, &body, f->place));
	header.seq = body.seal.tree_size = 5;
	assert_err(INK_ERR_DAMAGED,
		   catalog_apply(f->catalog, &header, feed_constant, &body, f->place));
}

static void a_folder_is_beneath_its_ancestors_alone(void **state)
{
	struct feed *f = *state;

	assert_ok(feed_node(f, INK_MKDIR, 5, 3, "e"));
	assert_true(catalog_is_beneath(f->catalog, 5, 3));
	assert_true(catalog_is_beneath(f->catalog, 5, 5));
	assert_true(catalog_is_beneath(f->catalog, 5, 1));
	assert_false(catalog_is_beneath(f->catalog, 3, 5));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, feed_setup, feed_teardown)
	const struct CMUnitTest tests[] = {
		T(genesis_makes_the_root),
		T(only_the_first_record_is_a_genesis),
		T(new_objects_get_names_times_owners_and_cookies),
		T(a_new_object_needs_the_next_number_a_folder_and_a_free_name),
		T(an_append_goes_to_the_end_of_a_regular_file),
		T(a_run_ends_at_a_gap_over_4096_at_64_kib_and_at_a_new_segment),
		T(attributes_change_only_what_the_mask_says),
		T(a_rename_moves_the_name_and_the_folder_counts),
		T(a_rename_that_the_name_space_forbids_is_damage),
		T(hard_links_count_and_go_one_by_one_until_the_last),
		T(only_what_holds_nothing_loses_its_last_name),
		T(sessions_begin_and_end_as_the_format_says),
		T(a_store_is_closed_only_by_an_epoch_of_reason_unmount_outside_a_session),
		T(seals_name_their_place_and_epoch),
		T(refusals_are_summed_and_actors_kept),
		T(a_record_out_of_its_number_is_damage),
		T(a_folder_is_beneath_its_ancestors_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
