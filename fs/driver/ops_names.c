/* SPDX-License-Identifier: MIT */
/* Names: find, make, rename, link, remove. */
#include "live.h"
#include "private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The records are those of ink_make(), ink_rename() and ink_link(), which do not know this name. */
bool is_refused_making(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct ink_body_denied what = { .op = INK_OP_MKNOD,
					.flags = mode,
					.name = live_recorded_name(parent, name) };

	if (!live_is_name(parent, name))
		return false;
	refuse(req, parent, &what);
	return true;
}

static bool is_refused_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			      fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct ink_body_denied what = { .op = INK_OP_RENAME,
					.flags = flags,
					.second_inode = live_recorded_inode(new_parent),
					.name = live_recorded_name(parent, name),
					.second_name = live_recorded_name(new_parent, new_name) };

	if (!live_is_name(new_parent, new_name) && !live_is_name(parent, name))
		return false;
	refuse(req, parent, &what);
	return true;
}

static bool is_refused_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent,
			    const char *new_name)
{
	struct ink_body_denied what = { .op = INK_OP_LINK,
					.second_inode = live_recorded_inode(new_parent),
					.name = live_recorded_name(new_parent, new_name) };

	if (!live_is_name(new_parent, new_name) && !live_is_node(ino))
		return false;
	refuse(req, ino, &what);
	return true;
}

/* LIMIT is about the name here. */
static void reply_name_err(fuse_req_t req, enum ink_err err)
{
	if (err == INK_ERR_LIMIT)
		fuse_reply_err(req, ENAMETOOLONG);
	else
		reply_err(req, err);
}

/* That a name is not there stays true until somebody makes it, and that goes through the system. */
static void reply_nothing(fuse_req_t req)
{
	struct fuse_entry_param entry = { .ino = 0, .entry_timeout = CACHE_TIMEOUT_S };

	fuse_reply_entry(req, &entry);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ink_attr attr;
	enum ink_err err;

	if (live_is_name(parent, name)) {
		live_lookup(req, parent, name);
		return;
	}
	err = ink_lookup(store_of(req), parent, name, &attr);
	if (err == INK_ERR_NOT_FOUND)
		reply_nothing(req);
	else
		reply_entry(req, err, &attr);
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		 const char *target)
{
	struct ink_caller caller;
	struct ink_attr attr;
	enum ink_err err;

	if (is_refused_making(req, parent, name, mode))
		return;
	err = caller_of(req, &caller);
	if (err == INK_OK)
		err = ink_make(store_of(req), &caller, parent, name, mode, target, &attr);
	reply_entry(req, err, &attr);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)device;
	make(req, parent, name, mode, NULL);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, name, (mode & ~(mode_t)S_IFMT) | S_IFDIR, NULL);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make(req, parent, name, S_IFLNK | 0777, target);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[INK_TARGET_SIZE_MAX + 1];
	enum ink_err err = ink_readlink(store_of(req), ino, target);

	if (err == INK_OK)
		fuse_reply_readlink(req, target);
	else
		reply_err(req, err);
}

static void unlink_name(fuse_req_t req, fuse_ino_t parent, const char *name, bool is_dir)
{
	struct ink_body_denied what = { .op = is_dir ? INK_OP_RMDIR : INK_OP_UNLINK,
					.name = live_recorded_name(parent, name) };
	struct ink_caller caller;
	enum ink_err err;

	if (live_is_name(parent, name)) {
		refuse(req, parent, &what);
		return;
	}
	err = caller_of(req, &caller);
	if (err == INK_OK)
		err = ink_unlink(store_of(req), &caller, parent, name, is_dir);
	reply_name_err(req, err);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	unlink_name(req, parent, name, false);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	unlink_name(req, parent, name, true);
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	       const char *new_name, unsigned flags)
{
	struct ink_caller caller;
	enum ink_err err;

	if (is_refused_rename(req, parent, name, new_parent, new_name, flags))
		return;
	err = caller_of(req, &caller);
	if (err == INK_OK)
		err = ink_rename(store_of(req), &caller, parent, name, new_parent, new_name, flags);
	reply_name_err(req, err);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct ink_caller caller;
	struct ink_attr attr;
	enum ink_err err;

	if (is_refused_link(req, ino, new_parent, new_name))
		return;
	err = caller_of(req, &caller);
	if (err == INK_OK)
		err = ink_link(store_of(req), &caller, ino, new_parent, new_name, &attr);
	reply_entry(req, err, &attr);
}
