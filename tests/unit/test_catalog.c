/* SPDX-License-Identifier: MIT */
#include "catalog.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"
#include "hash.h"
#include "index_dump.h"
#include "inkfs/store.h"
#include "scratch.h"

enum { T0 = 1000, KEY_BYTE = 0x77 };

/* A catalog being fed records. */
struct feed {
	struct index *index;
	struct catalog *catalog;
	uint64_t place;
	uint64_t offset; /* of the next APPEND's header */
	uint32_t size;   /* and its body */
	uint64_t last_place;
};

static uint8_t constant[64];

static enum ink_err apply(struct feed *f, uint8_t kind, uint64_t inode, const union ink_body *body)
{
	struct ink_header header = { .kind = kind,
				     .seq = catalog_head(f->catalog)->record_count,
				     .wall_ns =
					     T0 + (int64_t)catalog_head(f->catalog)->record_count,
				     .inode = inode,
				     .uid = 5,
				     .gid = 6 };
	uint8_t leaf[INK_HASH_SIZE];
	enum ink_err err;

	if (kind == INK_APPEND) {
		header.offset = f->offset;
		header.body_size = f->size;
	}
	hash_data(&header.seq, sizeof(header.seq), leaf);
	err = catalog_apply(f->catalog, &header, leaf, body, f->place);
	if (err != INK_OK)
		return err;
	f->last_place = f->place;
	f->place += frame_size(header.body_size);
	return INK_OK;
}

static enum ink_err simple(struct feed *f, uint8_t kind)
{
	union ink_body body;

	memset(&body, 0, sizeof(body));
	return apply(f, kind, 0, &body);
}

static enum ink_err node(struct feed *f, uint8_t kind, uint64_t number, uint64_t parent,
			 const char *name)
{
	uint32_t type = kind == INK_MKDIR ? S_IFDIR : kind == INK_SYMLINK ? S_IFLNK : S_IFREG;
	union ink_body body = { .node = { .parent = parent,
					  .mode = type | 0640,
					  .uid = 7,
					  .gid = 8,
					  .name = str_of(name, 255),
					  .target = str_of(kind == INK_SYMLINK ? "target" : "",
							   255) } };

	return apply(f, kind, number, &body);
}

static enum ink_err write_bytes(struct feed *f, uint64_t number, uint64_t offset, uint32_t size)
{
	union ink_body body = { .append = { "", size } };

	f->offset = offset;
	f->size = size;
	return apply(f, INK_APPEND, number, &body);
}

static enum ink_err named(struct feed *f, uint8_t kind, uint64_t number, uint64_t parent,
			  const char *name)
{
	union ink_body body = { .name = { parent, str_of(name, 255) } };

	return apply(f, kind, number, &body);
}

static enum ink_err move(struct feed *f, uint64_t number, uint64_t from, const char *name,
			 uint64_t to, const char *new_name)
{
	union ink_body body = { .rename = { from, to, str_of(name, 255), str_of(new_name, 255) } };

	return apply(f, INK_RENAME, number, &body);
}

static enum ink_err seal(struct feed *f, uint8_t kind, uint32_t epoch, uint8_t reason,
			 uint64_t durable)
{
	union ink_body body = { .seal = { .epoch = epoch,
					  .reason = reason,
					  .root = constant,
					  .tree_size = catalog_head(f->catalog)->record_count,
					  .durable_size = durable,
					  .next_key = kind == INK_SEAL ? NULL : constant } };

	return apply(f, kind, 0, &body);
}

static enum ink_err genesis(struct feed *f)
{
	union ink_body body = { .genesis = { .root_mode = S_IFDIR | 0755,
					     .store_id = constant,
					     .log_key = constant + 1,
					     .seal_key = constant + 2 } };

	return apply(f, INK_GENESIS, INK_ROOT_INODE, &body);
}

static void feed_open(struct feed *f)
{
	*f = (struct feed){ .place = SEGMENT_HEADER_SIZE };
	assert_ok(index_open_memory(&f->index));
	assert_ok(catalog_open(f->index, &f->catalog));
}

static void feed_close(struct feed *f)
{
	catalog_close(f->catalog);
	index_close(f->index);
}

/* Root, a session, inode 2 a file "f", inode 3 a folder "d", inode 4 a link "l". */
static int setup(void **state)
{
	static struct feed f;

	for (size_t i = 0; i < sizeof(constant); i++)
		constant[i] = (uint8_t)(KEY_BYTE + i);
	feed_open(&f);
	assert_ok(genesis(&f));
	assert_ok(seal(&f, INK_EPOCH, 1, INK_SEAL_MOUNT, 0));
	assert_ok(simple(&f, INK_MOUNT));
	assert_ok(node(&f, INK_CREATE, 2, 1, "f"));
	assert_ok(node(&f, INK_MKDIR, 3, 1, "d"));
	assert_ok(node(&f, INK_SYMLINK, 4, 1, "l"));
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	feed_close(*state);
	return 0;
}

static struct inode *inode_of(struct feed *f, uint64_t number)
{
	struct inode *inode;

	assert_ok(catalog_inode(f->catalog, number, &inode));
	return inode;
}

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
	struct inode *root = inode_of(f, INK_ROOT_INODE);

	assert_int_equal(root->mode, S_IFDIR | 0755);
	assert_true(root->uid == 5 && root->gid == 6 && root->btime_ns == T0);
	assert_int_equal(root->nlink, 3); /* one folder in it */
	assert_memory_equal(head->store_id, constant, INK_STORE_ID_SIZE);
	assert_memory_equal(head->log_key, constant + 1, INK_KEY_SIZE);
	assert_true(head->next_inode == 5);
	assert_int_equal(root->flags, INODE_HELD_NAME);
}

static void only_the_first_record_is_a_genesis(void **state)
{
	struct feed *f = *state, fresh;

	assert_err(INK_ERR_DAMAGED, genesis(f));
	feed_open(&fresh);
	assert_err(INK_ERR_DAMAGED, simple(&fresh, INK_MOUNT));
	assert_err(INK_ERR_DAMAGED, seal(&fresh, INK_SEAL, 0, 1, 0));
	feed_close(&fresh);
	/* Nor out of a session as the second one. */
	feed_open(&fresh);
	assert_ok(genesis(&fresh));
	assert_err(INK_ERR_DAMAGED, genesis(&fresh));
	assert_true(catalog_head(fresh.catalog)->is_closed);
	feed_close(&fresh);
}

static void new_objects_get_names_times_owners_and_cookies(void **state)
{
	struct feed *f = *state;
	struct inode *file = inode_of(f, 2), *folder = inode_of(f, 3), *link = inode_of(f, 4);
	struct name_entry entry;
	const uint8_t *value;
	uint8_t key[8];
	size_t size;

	assert_true(has_name(f, 1, "f", 2) && has_name(f, 1, "d", 3) && has_name(f, 1, "l", 4));
	assert_true(file->uid == 7 && file->gid == 8 && file->mode == (S_IFREG | 0640) &&
		    file->nlink == 1);
	assert_true(file->btime_ns == T0 + 3 && file->atime_ns == T0 + 3 &&
		    file->mtime_ns == T0 + 3);
	assert_true(folder->nlink == 2 && folder->parent == 1 && file->parent == 0);
	assert_true(link->size == 6);
	assert_ok(index_get(f->index, DB_TARGETS, key, key_u64(4, key), &value, &size));
	assert_memory_equal(value, "target", 6);
	assert_ok(catalog_name(f->catalog, 1, str_of("d", 9), &entry));
	assert_true(entry.cookie == 3 + 4); /* 3 + its sequence number */
	assert_true(inode_of(f, 1)->mtime_ns == T0 + 5);
}

static void a_new_object_needs_the_next_number_a_folder_and_a_free_name(void **state)
{
	struct feed *f = *state;

	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 6, 1, "x"));
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 4, 1, "x"));
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 1, 1, "x"));
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 5, 1, "f"));
	assert_err(INK_ERR_DAMAGED, node(f, INK_MKDIR, 5, 1, "f"));
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 5, 2, "x")); /* a file is no folder */
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 5, 4, "x")); /* nor is a link */
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 5, 99, "x"));
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 5, 0, "x"));
	assert_ok(node(f, INK_CREATE, 5, 3, "f")); /* the same name in another folder */
}

static void an_append_goes_to_the_end_of_a_regular_file(void **state)
{
	struct feed *f = *state;
	struct inode *file;

	assert_ok(write_bytes(f, 2, 0, 10));
	assert_ok(write_bytes(f, 2, 10, 5));
	file = inode_of(f, 2);
	assert_true(file->size == 15 && file->record_count == 2 && file->last_seq == 7);
	assert_true(file->mtime_ns == T0 + 7 && file->ctime_ns == T0 + 7 &&
		    file->atime_ns == T0 + 3);
	assert_true(catalog_head(f->catalog)->payload_bytes == 15);
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 2, 14, 1));
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 2, 16, 1));
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 2, 0, 1));
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 3, 0, 1)); /* a folder */
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 4, 6, 1)); /* a link */
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 0, 0, 1));
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 99, 0, 1));
	assert_true(inode_of(f, 2)->size == 15);
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

	assert_ok(write_bytes(f, 2, size, 100));
	size += 100;
	assert_int_equal(count_extents(f, 2), 1);
	f->place += 4096;
	assert_ok(write_bytes(f, 2, size, 100));
	size += 100;
	assert_int_equal(count_extents(f, 2), 1);
	f->place += 4097;
	assert_ok(write_bytes(f, 2, size, 100));
	size += 100;
	assert_int_equal(count_extents(f, 2), 2);
	assert_ok(write_bytes(f, 2, size, 65536 - 100)); /* the run began at 200 */
	size += 65536 - 100;
	assert_int_equal(count_extents(f, 2), 2);
	assert_ok(write_bytes(f, 2, size, 1));
	size++;
	assert_int_equal(count_extents(f, 2), 3);
	f->place = place_make(1, 128);
	assert_ok(write_bytes(f, 2, size, 1));
	assert_int_equal(count_extents(f, 2), 4);
}

static void attributes_change_only_what_the_mask_says(void **state)
{
	struct feed *f = *state;
	union ink_body body = {
		.attr = { .mask = INK_ATTR_MODE | INK_ATTR_MTIME, .mode = 04711, .mtime_ns = -5 }
	};
	struct inode *file;

	assert_ok(apply(f, INK_ATTR, 2, &body));
	file = inode_of(f, 2);
	assert_true(file->mode == (S_IFREG | 04711) && file->mtime_ns == -5 && file->uid == 7 &&
		    file->gid == 8);
	assert_true(file->ctime_ns == T0 + 6 && file->atime_ns == T0 + 3);
	body.attr = (struct ink_body_attr){ .mask = INK_ATTR_UID | INK_ATTR_GID | INK_ATTR_ATIME,
					    .uid = 1,
					    .gid = 2,
					    .atime_ns = 3 };
	assert_ok(apply(f, INK_ATTR, 2, &body));
	assert_true(file->uid == 1 && file->gid == 2 && file->atime_ns == 3 &&
		    file->mode == (S_IFREG | 04711));
	assert_err(INK_ERR_DAMAGED, apply(f, INK_ATTR, 99, &body));
}

static void a_rename_moves_the_name_and_the_folder_counts(void **state)
{
	struct feed *f = *state;

	assert_ok(node(f, INK_MKDIR, 5, 1, "e"));
	assert_ok(move(f, 3, 1, "d", 5, "dd"));
	assert_true(has_name(f, 5, "dd", 3) && !has_name(f, 1, "d", 3));
	assert_true(inode_of(f, 1)->nlink == 3 && inode_of(f, 5)->nlink == 3 &&
		    inode_of(f, 3)->parent == 5);
	assert_ok(move(f, 2, 1, "f", 1, "g"));
	assert_true(has_name(f, 1, "g", 2) && !has_name(f, 1, "f", 2));
	assert_ok(node(f, INK_CREATE, 6, 1, "f")); /* the old name is free again */
}

static void a_rename_that_the_name_space_forbids_is_damage(void **state)
{
	struct feed *f = *state;

	assert_ok(node(f, INK_MKDIR, 5, 3, "e"));
	assert_err(INK_ERR_DAMAGED, move(f, 2, 1, "nothing", 1, "x"));
	assert_err(INK_ERR_DAMAGED, move(f, 3, 1, "f", 1, "x")); /* the name is another inode's */
	assert_err(INK_ERR_DAMAGED, move(f, 2, 1, "f", 1, "d")); /* onto an existing name */
	assert_err(INK_ERR_DAMAGED, move(f, 2, 1, "f", 1, "f"));
	assert_err(INK_ERR_DAMAGED, move(f, 2, 1, "f", 2, "x")); /* into a file */
	assert_err(INK_ERR_DAMAGED, move(f, 2, 1, "f", 77, "x"));
	assert_err(INK_ERR_DAMAGED, move(f, 3, 1, "d", 3, "x")); /* beneath itself */
	assert_err(INK_ERR_DAMAGED, move(f, 3, 1, "d", 5, "x"));
	assert_true(has_name(f, 1, "f", 2) && has_name(f, 1, "d", 3));
}

static void hard_links_count_and_go_one_by_one_until_the_last(void **state)
{
	struct feed *f = *state;

	assert_ok(write_bytes(f, 2, 0, 3));
	assert_ok(named(f, INK_LINK, 2, 3, "again"));
	assert_int_equal(inode_of(f, 2)->nlink, 2);
	assert_true(has_name(f, 3, "again", 2) && has_name(f, 1, "f", 2));
	assert_ok(named(f, INK_UNLINK, 2, 1, "f"));
	assert_false(has_name(f, 1, "f", 2));
	assert_err(INK_ERR_DAMAGED,
		   named(f, INK_UNLINK, 2, 3, "again"));                /* the last name of bytes */
	assert_err(INK_ERR_DAMAGED, named(f, INK_LINK, 2, 3, "again")); /* taken */
	assert_err(INK_ERR_DAMAGED, named(f, INK_LINK, 3, 1, "x"));     /* of a folder */
	assert_err(INK_ERR_DAMAGED, named(f, INK_LINK, 99, 1, "x"));
	assert_err(INK_ERR_DAMAGED, named(f, INK_LINK, 2, 2, "x"));
}

static void only_what_holds_nothing_loses_its_last_name(void **state)
{
	struct feed *f = *state;

	assert_ok(node(f, INK_MKDIR, 5, 3, "inner"));
	assert_err(INK_ERR_DAMAGED, named(f, INK_UNLINK, 3, 1, "d")); /* holds a name */
	assert_ok(named(f, INK_UNLINK, 5, 3, "inner"));               /* never held one */
	assert_err(INK_ERR_DAMAGED, named(f, INK_UNLINK, 3, 1, "d")); /* held one once */
	assert_int_equal(inode_of(f, 3)->nlink, 2);
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 6, 5, "x"));  /* the folder is gone */
	assert_ok(named(f, INK_UNLINK, 4, 1, "l"));                   /* a symbolic link */
	assert_err(INK_ERR_DAMAGED, named(f, INK_UNLINK, 2, 1, "d")); /* the name is another's */
	assert_err(INK_ERR_DAMAGED, named(f, INK_UNLINK, 2, 1, "nothing"));
	assert_ok(named(f, INK_UNLINK, 2, 1, "f")); /* an empty file */
	assert_int_equal(inode_of(f, 2)->nlink, 0);
	assert_err(INK_ERR_DAMAGED, named(f, INK_LINK, 2, 1, "f")); /* is not brought back */
}

static void sessions_begin_and_end_as_the_format_says(void **state)
{
	struct feed *f = *state;
	const struct head *head = catalog_head(f->catalog);

	assert_true(head->mount_seq == 2);
	assert_err(INK_ERR_DAMAGED, simple(f, INK_MOUNT)); /* one inside another */
	assert_ok(write_bytes(f, 2, 0, 3));
	assert_ok(simple(f, INK_UNMOUNT));
	assert_true(head->mount_seq == 0 && !head->is_closed);
	assert_err(INK_ERR_DAMAGED, simple(f, INK_UNMOUNT));
	assert_err(INK_ERR_DAMAGED, write_bytes(f, 2, 3, 1)); /* outside a session */
	assert_err(INK_ERR_DAMAGED, node(f, INK_CREATE, 5, 1, "x"));
	assert_err(INK_ERR_DAMAGED, named(f, INK_UNLINK, 4, 1, "l"));
	assert_err(INK_ERR_DAMAGED, simple(f, INK_ACTOR));
	assert_err(INK_ERR_DAMAGED, simple(f, INK_OPEN));
	assert_err(INK_ERR_DAMAGED, simple(f, INK_CLOSE));
	assert_err(INK_ERR_DAMAGED, simple(f, INK_DENIED));
	assert_ok(seal(f, INK_EPOCH, 2, INK_SEAL_UNMOUNT, 0));
	assert_true(head->is_closed);
	assert_ok(seal(f, INK_EPOCH, 3, INK_SEAL_MOUNT, 0));
	assert_false(head->is_closed);
	assert_ok(simple(f, INK_MOUNT));
	assert_true(head->payload_before == 3);
	assert_ok(simple(f, INK_RECOVERY)); /* ends the session that it found open */
	assert_true(head->mount_seq == 0);
	assert_ok(simple(f, INK_RECOVERY));
	assert_ok(simple(f, INK_MOUNT));
}

static void a_store_is_closed_only_by_an_epoch_of_reason_unmount_outside_a_session(void **state)
{
	struct feed *f = *state;

	assert_ok(seal(f, INK_EPOCH, 2, INK_SEAL_UNMOUNT, 0)); /* within a session */
	assert_false(catalog_head(f->catalog)->is_closed);
	assert_ok(simple(f, INK_UNMOUNT));
	assert_ok(seal(f, INK_SEAL, 2, INK_SEAL_UNMOUNT, 0)); /* not an EPOCH */
	assert_false(catalog_head(f->catalog)->is_closed);
	assert_ok(seal(f, INK_EPOCH, 3, INK_SEAL_EPOCH, 0)); /* another reason */
	assert_false(catalog_head(f->catalog)->is_closed);
}

static void seals_name_their_place_and_epoch(void **state)
{
	struct feed *f = *state;
	const struct head *head = catalog_head(f->catalog);
	union ink_body body = {
		.seal = { .epoch = 1, .reason = 1, .root = constant, .tree_size = 5 }
	};

	assert_err(INK_ERR_DAMAGED, apply(f, INK_SEAL, 0, &body)); /* of another size */
	assert_err(INK_ERR_DAMAGED, seal(f, INK_SEAL, 2, 1, 0));
	assert_err(INK_ERR_DAMAGED, seal(f, INK_SEAL, 0, 1, 0));
	assert_err(INK_ERR_DAMAGED, seal(f, INK_EPOCH, 1, 1, 0)); /* names the next one */
	assert_err(INK_ERR_DAMAGED, seal(f, INK_EPOCH, 3, 1, 0));
	assert_err(INK_ERR_DAMAGED, seal(f, INK_REKEY, 1, 1, 0));
	assert_ok(seal(f, INK_SEAL, 1, 1, 4));
	assert_true(head->last_seal_seq == 6 && head->durable_size == 4 && head->epoch == 1);
	assert_ok(seal(f, INK_SEAL, 1, 1, 3)); /* the largest counts */
	assert_true(head->durable_size == 4);
	assert_ok(seal(f, INK_REKEY, 2, INK_SEAL_REKEY, 5));
	assert_true(head->epoch == 2 && head->last_seal_seq == 8);
	assert_memory_equal(head->seal_key, constant, INK_KEY_SIZE);
}

static void refusals_are_summed_and_actors_kept(void **state)
{
	struct feed *f = *state;
	union ink_body body = { .denied = { .op = INK_OP_WRITE, .count = 400 } };
	static union ink_body actor;
	const uint8_t *value;
	uint8_t key[8];
	size_t size;

	assert_ok(apply(f, INK_DENIED, 2, &body));
	body.denied.count = 1;
	assert_ok(apply(f, INK_DENIED, 2, &body));
	assert_true(catalog_head(f->catalog)->refusal_count == 401);
	actor.actor.pid = 99;
	actor.actor.start_time = 12345;
	assert_ok(apply(f, INK_ACTOR, 0, &actor));
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
		.seal = { .epoch = 1, .reason = 1, .root = constant, .tree_size = 7 }
	};

	assert_err(INK_ERR_DAMAGED, catalog_apply(f->catalog, &header, constant, &body, f->place));
	header.seq = body.seal.tree_size = 5;
	assert_err(INK_ERR_DAMAGED, catalog_apply(f->catalog, &header, constant, &body, f->place));
}

static void places_are_found_in_full_tiles_and_in_the_last(void **state)
{
	struct feed *f = *state;
	uint64_t places[700], place;

	for (unsigned i = 6; i < 700; i++) {
		assert_ok(seal(f, INK_SEAL, 1, 1, 0));
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

static void a_folder_is_beneath_its_ancestors_alone(void **state)
{
	struct feed *f = *state;

	assert_ok(node(f, INK_MKDIR, 5, 3, "e"));
	assert_true(catalog_is_beneath(f->catalog, 5, 3));
	assert_true(catalog_is_beneath(f->catalog, 5, 5));
	assert_true(catalog_is_beneath(f->catalog, 5, 1));
	assert_false(catalog_is_beneath(f->catalog, 3, 5));
}

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
		return node(f, nodes[rng_below(rng, 3)], head->next_inode - rng_below(rng, 8) / 7,
			    other, any_name(rng));
	case 1: return named(f, INK_LINK, some, other, any_name(rng));
	case 2: return named(f, INK_UNLINK, some, other, any_name(rng));
	case 3:
		return move(f, some, 1 + rng_below(rng, head->next_inode), any_name(rng), other,
			    any_name(rng));
	case 4:
		body.attr = (struct ink_body_attr){ .mask = INK_ATTR_MODE,
						    .mode = (uint32_t)rng_below(rng, 4096) };
		return apply(f, INK_ATTR, some, &body);
	case 5:
		return seal(f, INK_SEAL, head->epoch + (uint32_t)rng_below(rng, 8) / 7, 1,
			    rng_below(rng, head->record_count));
	case 6:
		return rng_below(rng, 4) ? INK_ERR_DAMAGED
					 : seal(f, INK_EPOCH, head->epoch + 1, 7, 0);
	case 7:
		return rng_below(rng, 8) ? INK_ERR_DAMAGED
					 : simple(f, head->mount_seq ? INK_UNMOUNT : INK_MOUNT);
	case 8: return simple(f, INK_MOUNT);
	case 9: body.denied.count = 3; return apply(f, INK_DENIED, some, &body);
	default:
		return write_bytes(f, some, size + rng_below(rng, 8) / 7,
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
	assert_ok(genesis(&a));
	assert_ok(genesis(&b));
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

static void the_stored_tree_goes_on_over_tiles_of_two_levels(void **state)
{
	uint8_t root[INK_HASH_SIZE], expected[INK_HASH_SIZE], leaf[INK_HASH_SIZE];
	struct feed *f = *state;
	struct merkle tree;
	const uint8_t *value;
	uint8_t key[9] = { 1 };
	size_t size;

	while (catalog_head(f->catalog)->record_count < 256 * 3 + 5)
		assert_ok(seal(f, INK_SEAL, 1, 1, 0));
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
		assert_ok(seal(f, INK_SEAL, 1, 1, 0));
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
		assert_ok(seal(f, INK_SEAL, 1, 1, 0));
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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
		T(places_are_found_in_full_tiles_and_in_the_last),
		T(a_folder_is_beneath_its_ancestors_alone),
		cmocka_unit_test(the_catalog_depends_on_nothing_but_the_records_that_were_allowed),
		T(the_stored_tree_goes_on_over_tiles_of_two_levels),
		T(a_full_tile_of_the_first_level_is_a_hash_of_the_second),
		T(a_damaged_head_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
