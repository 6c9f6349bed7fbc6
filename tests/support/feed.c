/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "hash.h"

const uint8_t feed_constant[64] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+";

enum ink_err feed_apply(struct feed *f, uint8_t kind, uint64_t inode, const union ink_body *body)
{
	struct ink_header header = { .kind = kind,
				     .seq = catalog_head(f->catalog)->record_count,
				     .wall_ns = FEED_T0 +
						(int64_t)catalog_head(f->catalog)->record_count,
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

enum ink_err feed_simple(struct feed *f, uint8_t kind)
{
	union ink_body body;

	memset(&body, 0, sizeof(body));
	return feed_apply(f, kind, 0, &body);
}

enum ink_err feed_node(struct feed *f, uint8_t kind, uint64_t number, uint64_t parent,
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

	return feed_apply(f, kind, number, &body);
}

enum ink_err feed_write(struct feed *f, uint64_t number, uint64_t offset, uint32_t size)
{
	union ink_body body = { .append = { "", size } };

	f->offset = offset;
	f->size = size;
	return feed_apply(f, INK_APPEND, number, &body);
}

enum ink_err feed_name(struct feed *f, uint8_t kind, uint64_t number, uint64_t parent,
		       const char *name)
{
	union ink_body body = { .name = { parent, str_of(name, 255) } };

	return feed_apply(f, kind, number, &body);
}

enum ink_err feed_move(struct feed *f, uint64_t number, uint64_t from, const char *name,
		       uint64_t to, const char *new_name)
{
	union ink_body body = { .rename = { from, to, str_of(name, 255), str_of(new_name, 255) } };

	return feed_apply(f, INK_RENAME, number, &body);
}

enum ink_err feed_seal(struct feed *f, uint8_t kind, uint32_t epoch, uint8_t reason,
		       uint64_t durable)
{
	union ink_body body = { .seal = { .epoch = epoch,
					  .reason = reason,
					  .root = feed_constant,
					  .tree_size = catalog_head(f->catalog)->record_count,
					  .durable_size = durable,
					  .next_key = kind == INK_SEAL ? NULL : feed_constant } };

	return feed_apply(f, kind, 0, &body);
}

enum ink_err feed_genesis(struct feed *f)
{
	union ink_body body = { .genesis = { .root_mode = S_IFDIR | 0755,
					     .store_id = feed_constant,
					     .log_key = feed_constant + 1,
					     .seal_key = feed_constant + 2 } };

	return feed_apply(f, INK_GENESIS, INK_ROOT_INODE, &body);
}

void feed_open(struct feed *f)
{
	*f = (struct feed){ .place = SEGMENT_HEADER_SIZE };
	assert_ok(index_open_memory(&f->index));
	assert_ok(catalog_open(f->index, &f->catalog));
}

void feed_close(struct feed *f)
{
	catalog_close(f->catalog);
	index_close(f->index);
}

/* Root, a session, inode 2 a file "f", inode 3 a folder "d", inode 4 a link "l". */
int feed_setup(void **state)
{
	static struct feed f;

	feed_open(&f);
	assert_ok(feed_genesis(&f));
	assert_ok(feed_seal(&f, INK_EPOCH, 1, INK_SEAL_MOUNT, 0));
	assert_ok(feed_simple(&f, INK_MOUNT));
	assert_ok(feed_node(&f, INK_CREATE, 2, 1, "f"));
	assert_ok(feed_node(&f, INK_MKDIR, 3, 1, "d"));
	assert_ok(feed_node(&f, INK_SYMLINK, 4, 1, "l"));
	*state = &f;
	return 0;
}

int feed_teardown(void **state)
{
	feed_close(*state);
	return 0;
}

struct inode *feed_inode(struct feed *f, uint64_t number)
{
	struct inode *inode;

	assert_ok(catalog_inode(f->catalog, number, &inode));
	return inode;
}
