/* SPDX-License-Identifier: MIT */
/* From the store's answers to the system's. */
#include "private.h"

#include <errno.h>
#include <string.h>

int errno_of(enum ink_err err)
{
	switch (err) {
	case INK_OK: return 0;
	case INK_ERR_IO: return errno > 0 ? errno : EIO;
	case INK_ERR_DENIED: return EPERM;
	case INK_ERR_UNSUPPORTED: return EOPNOTSUPP;
	case INK_ERR_NOT_FOUND: return ENOENT;
	case INK_ERR_EXISTS: return EEXIST;
	case INK_ERR_NOT_DIR: return ENOTDIR;
	case INK_ERR_IS_DIR: return EISDIR;
	case INK_ERR_LIMIT: return EFBIG; /* names: see ops_names.c */
	case INK_ERR_INVALID: return EINVAL;
	case INK_ERR_LOCKED: return EBUSY;
	case INK_ERR_FOREIGN: return EIO;
	case INK_ERR_DAMAGED: return EIO;
	case INK_ERR_KEY: return EIO;
	case INK_ERR_FAILED: return EIO;
	}
	return EIO;
}

/*
 * ENOSYS would tell the system that this operation does not exist, for ever; a disk below that
 * answers so must not switch ours off.
 */
void reply_err(fuse_req_t req, enum ink_err err)
{
	int number = errno_of(err);

	metrics_count_error(&driver_of(req)->metrics, err);
	fuse_reply_err(req, number == ENOSYS ? EIO : number);
}

static struct timespec time_of(int64_t ns)
{
	struct timespec time = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	if (time.tv_nsec < 0) {
		time.tv_sec--;
		time.tv_nsec += 1000000000;
	}
	return time;
}

void attr_to_stat(struct driver *driver, const struct ink_attr *attr, struct stat *ret_stat)
{
	uint64_t size = tails_visible_size(&driver->tails, attr->inode, attr->size);

	*ret_stat = (struct stat){
		.st_ino = attr->inode,
		.st_mode = attr->mode,
		.st_nlink = attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_size = (off_t)size,
		.st_blocks = (blkcnt_t)(size / 512 + (size % 512 != 0)),
		.st_blksize = 4096,
		.st_atim = time_of(attr->atime_ns),
		.st_mtim = time_of(attr->mtime_ns),
		.st_ctim = time_of(attr->ctime_ns),
	};
}

void attr_to_entry(struct driver *driver, const struct ink_attr *attr,
		   struct fuse_entry_param *ret_entry)
{
	*ret_entry = (struct fuse_entry_param){
		.ino = attr->inode,
		.generation = 1,
		.attr_timeout = CACHE_TIMEOUT_S,
		.entry_timeout = CACHE_TIMEOUT_S,
	};
	attr_to_stat(driver, attr, &ret_entry->attr);
}

void reply_entry(fuse_req_t req, enum ink_err err, const struct ink_attr *attr)
{
	struct fuse_entry_param entry;

	if (err == INK_ERR_LIMIT) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	if (err != INK_OK) {
		reply_err(req, err);
		return;
	}
	attr_to_entry(driver_of(req), attr, &entry);
	fuse_reply_entry(req, &entry);
}

void reply_attr(fuse_req_t req, enum ink_err err, const struct ink_attr *attr)
{
	struct stat stat;

	if (err != INK_OK) {
		reply_err(req, err);
		return;
	}
	attr_to_stat(driver_of(req), attr, &stat);
	fuse_reply_attr(req, &stat, CACHE_TIMEOUT_S);
}

struct ink_str name_str(const char *text)
{
	return (struct ink_str){ text, (uint32_t)strlen(text) };
}
