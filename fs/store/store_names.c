/* SPDX-License-Identifier: MIT */
/* Names and attributes: look-ups, and the changes that the profile allows. */
#include "store_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static struct ink_str name_of(const char *name)
{
	return str_of(name, INK_NAME_SIZE_MAX + 1);
}

static enum ink_err check_new_name(struct ink_str name)
{
	if (name.size > INK_NAME_SIZE_MAX)
		return INK_ERR_LIMIT;
	return name_is_valid(name) ? INK_OK : INK_ERR_INVALID;
}

static void fill_attr(const struct inode *inode, struct ink_attr *ret_attr)
{
	*ret_attr = (struct ink_attr){
		.inode = inode->number,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
		.nlink = inode->nlink,
		.size = inode->size,
		.atime_ns = inode->atime_ns,
		.mtime_ns = inode->mtime_ns,
		.ctime_ns = inode->ctime_ns,
		.btime_ns = inode->btime_ns,
	};
}

static enum ink_err get_attr(struct ink_store *store, uint64_t number, struct ink_attr *ret_attr)
{
	struct inode *inode;
	enum ink_err err = catalog_inode(store->catalog, number, &inode);

	if (err == INK_OK)
		fill_attr(inode, ret_attr);
	return err;
}

enum ink_err ink_lookup(struct ink_store *store, uint64_t parent, const char *name,
			struct ink_attr *ret_attr)
{
	struct name_entry entry;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = catalog_name(store->catalog, parent, name_of(name), &entry);
	if (err == INK_OK)
		err = get_attr(store, entry.inode, ret_attr);
	catalog_shrink(store->catalog);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_getattr(struct ink_store *store, uint64_t number, struct ink_attr *ret_attr)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = get_attr(store, number, ret_attr);
	catalog_shrink(store->catalog);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_parent(struct ink_store *store, uint64_t number, uint64_t *ret_parent)
{
	struct inode *inode;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = catalog_inode(store->catalog, number, &inode);
	if (err == INK_OK && !S_ISDIR(inode->mode))
		err = INK_ERR_NOT_DIR;
	if (err == INK_OK)
		*ret_parent = inode->parent;
	pthread_mutex_unlock(&store->lock);
	return err;
}

/* A folder that can take a new name, and a name that it has not. */
static enum ink_err check_place(struct ink_store *store, uint64_t parent, struct ink_str name,
				struct inode **ret_folder)
{
	struct name_entry entry;
	enum ink_err err;

	if (store->options.is_read_only) {
		errno = EROFS;
		return INK_ERR_IO;
	}
	err = check_new_name(name);
	if (err == INK_OK)
		err = catalog_inode(store->catalog, parent, ret_folder);
	if (err == INK_OK && !S_ISDIR((*ret_folder)->mode))
		err = INK_ERR_NOT_DIR;
	if (err == INK_OK && (*ret_folder)->nlink == 0)
		err = INK_ERR_NOT_FOUND;
	if (err == INK_OK)
		err = catalog_name(store->catalog, parent, name, &entry) == INK_OK ? INK_ERR_EXISTS
										   : INK_OK;
	return err;
}

static uint8_t kind_of_mode(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return INK_CREATE;
	case S_IFDIR: return INK_MKDIR;
	case S_IFLNK: return INK_SYMLINK;
	default: return 0;
	}
}

static enum ink_err make_locked(struct ink_store *store, const struct ink_caller *caller,
				uint64_t parent, struct ink_str name, uint32_t mode,
				struct ink_str target, struct ink_attr *ret_attr)
{
	uint8_t kind = kind_of_mode(mode);
	struct inode *folder;
	union ink_body body;
	enum ink_err err;
	uint64_t number;

	err = store_wait_for_room(store);
	if (err == INK_OK)
		err = check_place(store, parent, name, &folder);
	if (err != INK_OK)
		return err;
	if (kind == 0) {
		struct ink_body_denied what = { .op = INK_OP_MKNOD, .flags = mode, .name = name };

		return store_deny(store, caller, parent, &what);
	}
	body.node = (struct ink_body_node){
		.parent = parent,
		.mode = mode & (S_IFMT | 07777U),
		.uid = caller->uid,
		.gid = folder->mode & S_ISGID ? folder->gid : caller->gid,
		.name = name,
		.target = target,
	};
	/* As POSIX: the group of a set-gid folder goes down to what is made in it, and so does the bit to folders. */
	if (folder->mode & S_ISGID && kind == INK_MKDIR)
		body.node.mode |= S_ISGID;
	number = catalog_head(store->catalog)->next_inode;
	err = store_record(store, kind, caller, number, &body);
	/* It is in the chain, but there was no memory to take it up: the next opening will (invariant 1). */
	if (err == INK_OK && store->has_failed)
		return INK_ERR_FAILED;
	return err == INK_OK ? get_attr(store, number, ret_attr) : err;
}

enum ink_err ink_make(struct ink_store *store, const struct ink_caller *caller, uint64_t parent,
		      const char *name, uint32_t mode, const char *target,
		      struct ink_attr *ret_attr)
{
	struct ink_str link = str_of(target, INK_TARGET_SIZE_MAX + 1);
	enum ink_err err;

	if (target)
		mode = S_IFLNK | 0777;
	if (S_ISLNK(mode) && (link.size < 1 || link.size > INK_TARGET_SIZE_MAX))
		return link.size < 1 ? INK_ERR_NOT_FOUND : INK_ERR_LIMIT;
	pthread_mutex_lock(&store->lock);
	err = make_locked(store, caller, parent, name_of(name), mode, link, ret_attr);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_readlink(struct ink_store *store, uint64_t number, char *ret_target)
{
	const uint8_t *value;
	enum ink_err err;
	uint8_t key[8];
	size_t size;

	pthread_mutex_lock(&store->lock);
	err = index_get(store->index, DB_TARGETS, key, key_u64(number, key), &value, &size);
	if (err == INK_OK && (size < 1 || size > INK_TARGET_SIZE_MAX))
		err = INK_ERR_DAMAGED;
	if (err == INK_OK) {
		memcpy(ret_target, value, size);
		ret_target[size] = '\0';
	}
	pthread_mutex_unlock(&store->lock);
	return err == INK_ERR_NOT_FOUND ? INK_ERR_INVALID : err;
}

/* What of @change differs from the inode. */
static void find_changes(const struct inode *inode, const struct ink_caller *caller,
			 const struct ink_setattr *change, struct ink_body_attr *ret_attr)
{
	struct ink_body_attr a = { 0 };
	uint32_t mode = inode->mode & 07777;

	if (change->mask & INK_ATTR_MODE)
		mode = change->mode & 07777;
	/* chown(2): set-id bits of a file do not survive a new owner that somebody else than root gave it. */
	else if (change->mask & (INK_ATTR_UID | INK_ATTR_GID) && caller->uid != 0 &&
		 S_ISREG(inode->mode))
		mode &= ~(uint32_t)(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
	if (mode != (inode->mode & 07777)) {
		a.mask |= INK_ATTR_MODE;
		a.mode = mode;
	}
	if (change->mask & INK_ATTR_UID && change->uid != inode->uid) {
		a.mask |= INK_ATTR_UID;
		a.uid = change->uid;
	}
	if (change->mask & INK_ATTR_GID && change->gid != inode->gid) {
		a.mask |= INK_ATTR_GID;
		a.gid = change->gid;
	}
	if (change->mask & INK_ATTR_ATIME && change->atime_ns != inode->atime_ns) {
		a.mask |= INK_ATTR_ATIME;
		a.atime_ns = change->atime_ns;
	}
	if (change->mask & INK_ATTR_MTIME && change->mtime_ns != inode->mtime_ns) {
		a.mask |= INK_ATTR_MTIME;
		a.mtime_ns = change->mtime_ns;
	}
	*ret_attr = a;
}

enum ink_err ink_setattr(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
			 const struct ink_setattr *change, struct ink_attr *ret_attr)
{
	struct inode *inode;
	union ink_body body;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_wait_for_room(store);
	if (err == INK_OK)
		err = catalog_inode(store->catalog, number, &inode);
	if (err == INK_OK) {
		find_changes(inode, caller, change, &body.attr);
		if (body.attr.mask != 0 && store->options.is_read_only) {
			errno = EROFS;
			err = INK_ERR_IO;
		} else if (body.attr.mask != 0) {
			err = store_record(store, INK_ATTR, caller, number, &body);
		}
	}
	if (err == INK_OK)
		err = get_attr(store, number, ret_attr);
	pthread_mutex_unlock(&store->lock);
	return err;
}

/* May this one be renamed so?  INK_ERR_DENIED: refuse and record. */
static enum ink_err check_rename(struct ink_store *store, uint64_t number, uint64_t new_parent,
				 struct ink_str new_name, uint32_t flags)
{
	struct inode *inode, *folder;
	enum ink_err err;

	if (store->options.profile != INK_PROFILE_ROTATE || flags & ~(uint32_t)RENAME_NOREPLACE)
		return INK_ERR_DENIED;
	err = check_place(store, new_parent, new_name, &folder);
	if (err == INK_ERR_EXISTS)
		return flags & RENAME_NOREPLACE ? INK_ERR_EXISTS : INK_ERR_DENIED;
	if (err == INK_OK)
		err = catalog_inode(store->catalog, number, &inode);
	if (err == INK_OK && S_ISDIR(inode->mode) &&
	    catalog_is_beneath(store->catalog, new_parent, number))
		err = INK_ERR_INVALID;
	return err;
}

static enum ink_err rename_locked(struct ink_store *store, const struct ink_caller *caller,
				  uint64_t parent, struct ink_str name, uint64_t new_parent,
				  struct ink_str new_name, uint32_t flags)
{
	struct ink_body_denied what = { .op = INK_OP_RENAME,
					.flags = flags,
					.second_inode = new_parent,
					.name = name,
					.second_name = new_name };
	union ink_body body;
	struct name_entry entry;
	enum ink_err err;

	err = catalog_name(store->catalog, parent, name, &entry);
	if (err != INK_OK)
		return err;
	err = check_rename(store, entry.inode, new_parent, new_name, flags);
	if (err == INK_ERR_DENIED)
		return store_deny(store, caller, parent, &what);
	if (err != INK_OK)
		return err;
	body.rename = (struct ink_body_rename){ parent, new_parent, name, new_name };
	return store_record(store, INK_RENAME, caller, entry.inode, &body);
}

enum ink_err ink_rename(struct ink_store *store, const struct ink_caller *caller, uint64_t parent,
			const char *name, uint64_t new_parent, const char *new_name, uint32_t flags)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_wait_for_room(store);
	if (err == INK_OK)
		err = rename_locked(store, caller, parent, name_of(name), new_parent,
				    name_of(new_name), flags);
	pthread_mutex_unlock(&store->lock);
	return err;
}

static enum ink_err link_locked(struct ink_store *store, const struct ink_caller *caller,
				uint64_t number, uint64_t parent, struct ink_str name,
				struct ink_attr *ret_attr)
{
	struct ink_body_denied what = { .op = INK_OP_LINK, .second_inode = parent, .name = name };
	union ink_body body = { .name = { parent, name } };
	struct inode *inode, *folder;
	enum ink_err err;

	err = catalog_inode(store->catalog, number, &inode);
	if (err == INK_OK && (store->options.profile != INK_PROFILE_ROTATE || S_ISDIR(inode->mode)))
		return store_deny(store, caller, number, &what);
	if (err == INK_OK)
		err = check_place(store, parent, name, &folder);
	if (err == INK_OK && inode->nlink == 0)
		err = INK_ERR_NOT_FOUND;
	if (err == INK_OK)
		err = store_record(store, INK_LINK, caller, number, &body);
	return err == INK_OK ? get_attr(store, number, ret_attr) : err;
}

enum ink_err ink_link(struct ink_store *store, const struct ink_caller *caller, uint64_t number,
		      uint64_t new_parent, const char *new_name, struct ink_attr *ret_attr)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_wait_for_room(store);
	if (err == INK_OK)
		err = link_locked(store, caller, number, new_parent, name_of(new_name), ret_attr);
	pthread_mutex_unlock(&store->lock);
	return err;
}

/* Nothing recorded may lose its last name. */
static bool may_be_unlinked(const struct ink_store *store, const struct inode *inode)
{
	if (store->options.profile != INK_PROFILE_ROTATE)
		return false;
	if (S_ISDIR(inode->mode))
		return !(inode->flags & INODE_HELD_NAME);
	return S_ISLNK(inode->mode) || inode->size == 0 || inode->nlink > 1;
}

static enum ink_err unlink_locked(struct ink_store *store, const struct ink_caller *caller,
				  uint64_t parent, struct ink_str name, bool is_dir)
{
	struct ink_body_denied what = { .op = is_dir ? INK_OP_RMDIR : INK_OP_UNLINK, .name = name };
	union ink_body body = { .name = { parent, name } };
	struct name_entry entry;
	struct inode *inode;
	enum ink_err err;

	err = catalog_name(store->catalog, parent, name, &entry);
	if (err == INK_OK)
		err = catalog_inode(store->catalog, entry.inode, &inode);
	if (err != INK_OK)
		return err;
	if (is_dir != (bool)S_ISDIR(inode->mode))
		return is_dir ? INK_ERR_NOT_DIR : INK_ERR_IS_DIR;
	if (!may_be_unlinked(store, inode))
		return store_deny(store, caller, parent, &what);
	return store_record(store, INK_UNLINK, caller, entry.inode, &body);
}

enum ink_err ink_unlink(struct ink_store *store, const struct ink_caller *caller, uint64_t parent,
			const char *name, bool is_dir)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_wait_for_room(store);
	if (err == INK_OK)
		err = unlink_locked(store, caller, parent, name_of(name), is_dir);
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_readdir(struct ink_store *store, uint64_t number, uint64_t cookie,
			 ink_entry_fn each, void *ctx)
{
	struct index_pair pair;
	struct inode *inode;
	bool goes_on = true;
	enum ink_err err;
	uint8_t key[16];

	pthread_mutex_lock(&store->lock);
	err = catalog_inode(store->catalog, number, &inode);
	if (err == INK_OK && !S_ISDIR(inode->mode))
		err = INK_ERR_NOT_DIR;
	key_u64_pair(number, cookie, key);
	while (err == INK_OK && goes_on) {
		struct ink_entry entry;

		err = index_seek(store->index, DB_ENTRIES, key, sizeof(key), true, &pair);
		if (err == INK_ERR_NOT_FOUND) { /* no further entry in any folder */
			err = INK_OK;
			break;
		}
		if (err != INK_OK || pair.key_size != 16 || be64_load(pair.key) != number)
			break;
		if (pair.value_size < 12 || pair.value_size > 12 + INK_NAME_SIZE_MAX) {
			err = INK_ERR_DAMAGED;
			break;
		}
		memcpy(key, pair.key, sizeof(key));
		entry = (struct ink_entry){
			.cookie = be64_load(pair.key + 8),
			.inode = be64_load(pair.value),
			.type = be32_load(pair.value + 8),
			.name = (const char *)pair.value + 12,
			.name_size = (uint32_t)pair.value_size - 12,
		};
		/* Callers have room for a name, and take it for one. */
		if (!name_is_valid((struct ink_str){ entry.name, entry.name_size })) {
			err = INK_ERR_DAMAGED;
			break;
		}
		goes_on = each(ctx, &entry);
	}
	pthread_mutex_unlock(&store->lock);
	return err;
}
