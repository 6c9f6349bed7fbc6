/* SPDX-License-Identifier: MIT */
/* Listings.  "." has the cookie 1, ".." 2; the store's are above. */
#include "live.h"
#include "private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COOKIE_DOT = 1, COOKIE_DOT_DOT = 2 };

/* A listing that goes into a buffer of the size that the system asked for. */
struct listing {
	fuse_req_t req;
	bool is_plus;
	char *buf;
	size_t size;
	size_t used;
	bool is_full;
	enum ink_err err;
};

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	fuse_reply_open(req, info);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	fuse_reply_err(req, 0);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info)
{
	op_fsync(req, ino, is_data, info);
}

/* @attr: NULL in a plain listing, and for "." and "..", which the system does not look up. */
static void add(struct listing *listing, const char *name, uint64_t inode, uint32_t type,
		uint64_t cookie, const struct ink_attr *attr)
{
	char *at = listing->buf + listing->used;
	size_t left = listing->size - listing->used, needed;
	struct fuse_entry_param entry = { .ino = 0 };

	if (attr)
		attr_to_entry(driver_of(listing->req), attr, &entry);
	else
		entry.attr.st_ino = inode;
	entry.attr.st_mode = type;
	if (attr)
		entry.attr.st_mode = attr->mode;
	if (listing->is_plus)
		needed =
			fuse_add_direntry_plus(listing->req, at, left, name, &entry, (off_t)cookie);
	else
		needed =
			fuse_add_direntry(listing->req, at, left, name, &entry.attr, (off_t)cookie);
	listing->is_full = needed > left;
	if (!listing->is_full)
		listing->used += needed;
}

struct found {
	struct listing *listing;
	uint64_t cookies[64];
	uint64_t inodes[64];
	uint32_t types[64];
	char names[64][INK_NAME_SIZE_MAX + 1];
	unsigned count;
};

/* The store may hold its lock while it calls, so names are only collected here. */
static bool collect(void *ctx, const struct ink_entry *entry)
{
	struct found *found = ctx;
	unsigned i = found->count++;

	found->cookies[i] = entry->cookie;
	found->inodes[i] = entry->inode;
	found->types[i] = entry->type;
	memcpy(found->names[i], entry->name, entry->name_size);
	found->names[i][entry->name_size] = '\0';
	return found->count < 64;
}

static void add_found(struct listing *listing, const struct found *found)
{
	struct ink_store *store = store_of(listing->req);

	for (unsigned i = 0; i < found->count && !listing->is_full && listing->err == INK_OK; i++) {
		struct ink_attr attr;
		enum ink_err err = INK_OK;

		if (listing->is_plus)
			err = ink_getattr(store, found->inodes[i], &attr);
		if (err == INK_OK)
			add(listing, found->names[i], found->inodes[i], found->types[i],
			    found->cookies[i], listing->is_plus ? &attr : NULL);
		else
			listing->err = err;
	}
}

static void list_names(struct listing *listing, uint64_t inode, uint64_t cookie)
{
	struct found *found = malloc(sizeof(*found));

	if (!found) {
		listing->err = INK_ERR_IO;
		return;
	}
	do {
		found->count = 0;
		listing->err = ink_readdir(store_of(listing->req), inode, cookie, collect, found);
		if (listing->err != INK_OK)
			break;
		add_found(listing, found);
		if (found->count > 0)
			cookie = found->cookies[found->count - 1];
	} while (found->count == 64 && !listing->is_full && listing->err == INK_OK);
	free(found);
}

static void list(struct listing *listing, uint64_t inode, uint64_t cookie)
{
	uint64_t parent;

	if (cookie < COOKIE_DOT)
		add(listing, ".", inode, S_IFDIR, COOKIE_DOT, NULL);
	if (cookie < COOKIE_DOT_DOT && !listing->is_full) {
		listing->err = ink_parent(store_of(listing->req), inode, &parent);
		if (listing->err != INK_OK)
			return;
		add(listing, "..", parent, S_IFDIR, COOKIE_DOT_DOT, NULL);
	}
	if (!listing->is_full)
		list_names(listing, inode, cookie < COOKIE_DOT_DOT ? COOKIE_DOT_DOT : cookie);
}

static void reply_listing(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool is_plus)
{
	struct listing listing;

	if (live_is_node(ino)) {
		live_readdir(req, size, offset, is_plus);
		return;
	}
	listing = (struct listing){
		.req = req, .is_plus = is_plus, .buf = malloc(size), .size = size
	};
	if (!listing.buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	list(&listing, ino, (uint64_t)offset);
	/* What was listed before an error is given; the error comes again with the next call. */
	if (listing.err == INK_OK || listing.used > 0)
		fuse_reply_buf(req, listing.buf, listing.used);
	else
		reply_err(req, listing.err);
	free(listing.buf);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		struct fuse_file_info *info)
{
	(void)info;
	reply_listing(req, ino, size, offset, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *info)
{
	(void)info;
	reply_listing(req, ino, size, offset, true);
}
