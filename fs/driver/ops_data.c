/* SPDX-License-Identifier: MIT */
/* The bytes of files. */
#include "live.h"
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	char *buf;
	size_t got;
	enum ink_err err;

	if (live_is_node(ino)) {
		live_read(req, size, offset, handle_of(info));
		return;
	}
	buf = malloc(size > 0 ? size : 1);
	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	err = ink_read(store_of(req), ino, (uint64_t)offset, buf, size, &got);
	if (err == INK_OK)
		fuse_reply_buf(req, buf, got);
	else
		reply_err(req, err);
	free(buf);
}

/* Who may keep set-id bits when writing: the kernel asks for CAP_FSETID, which a request does not tell. */
static bool may_keep_setid(const struct ink_caller *caller)
{
	return caller->uid == 0;
}

static enum ink_err drop_setid(fuse_req_t req, struct handle *handle,
			       const struct ink_caller *caller, uint32_t mode)
{
	struct ink_setattr change = { .mask = INK_ATTR_MODE };
	struct ink_attr attr;
	enum ink_err err;

	change.mode = mode & 07777 & ~(uint32_t)(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
	err = ink_setattr(store_of(req), caller, handle->inode, &change, &attr);
	/* The system did not ask for this change; a file that it no longer knows is fine, too. */
	if (err == INK_OK)
		fuse_lowlevel_notify_inval_inode(driver_of(req)->session, handle->inode, -1, 0);
	return err;
}

/*
 * With direct I/O the system leaves set-id bits on a file that a stranger writes to.  The mode is asked for at a
 * handle's first write, and again only after somebody has set such bits anywhere.
 */
static enum ink_err drop_setid_if_any(fuse_req_t req, struct handle *handle,
				      const struct ink_caller *caller)
{
	uint32_t generation = atomic_load(&driver_of(req)->setid_generation);
	struct ink_attr attr;
	bool has_setid;
	enum ink_err err;

	pthread_mutex_lock(&handle->lock);
	has_setid = handle->setid_generation != generation || handle->has_setid;
	pthread_mutex_unlock(&handle->lock);
	if (!has_setid || may_keep_setid(caller))
		return INK_OK;
	err = ink_getattr(store_of(req), handle->inode, &attr);
	if (err != INK_OK)
		return err;
	has_setid = attr.mode & S_ISUID || (attr.mode & S_ISGID && attr.mode & S_IXGRP);
	if (has_setid)
		err = drop_setid(req, handle, caller, attr.mode);
	if (err != INK_OK)
		return err;
	pthread_mutex_lock(&handle->lock);
	handle->has_setid = false;
	handle->setid_generation = generation;
	pthread_mutex_unlock(&handle->lock);
	return INK_OK;
}

/* See tails.h for what a file with readers needs. */
static enum ink_err append(struct driver *driver, struct handle *handle,
			   const struct ink_caller *caller, uint64_t offset, const char *data,
			   size_t size)
{
	uint64_t inode = handle->inode;
	struct ink_attr attr;
	enum ink_err err;

	if (!tails_has_reader(&driver->tails, inode))
		return ink_append(driver->store, caller, inode, offset, data, size, false);
	err = ink_getattr(driver->store, inode, &attr);
	if (err != INK_OK)
		return err;
	atomic_store_explicit(&handle->had_readers, true, memory_order_relaxed);
	tails_begin_append(&driver->tails, inode, attr.size);
	err = ink_append(driver->store, caller, inode, offset, data, size, false);
	tails_end_append(&driver->tails, driver->session, inode, attr.size);
	return err;
}

/* The flags of this request decide: fcntl(2) may have changed them since the file was opened. */
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	      struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);
	uint64_t at = info->flags & O_APPEND ? INK_AT_END : (uint64_t)offset;
	struct driver *driver = driver_of(req);
	bool is_sync = driver->options.is_sync || info->flags & (O_SYNC | O_DSYNC);
	uint64_t begun = metrics_begin_append(&driver->metrics);
	struct ink_caller caller;
	enum ink_err err = caller_of_handle(req, handle, &caller);

	(void)ino;
	if (err == INK_OK)
		err = append(driver, handle, &caller, at, data, size);
	if (err == INK_OK) {
		if (!atomic_load_explicit(&handle->is_dirty, memory_order_relaxed))
			atomic_store(&handle->is_dirty, true);
		/*
		 * After the write, so that a refused one changes nothing.  The bytes are recorded, so the write
		 * has succeeded whether the bits could be dropped or not; the next write tries again.
		 */
		(void)!drop_setid_if_any(req, handle, &caller);
	}
	if (err != INK_OK)
		reply_err(req, err);
	else if (is_sync)
		reply_write_synced(req, size, begun);
	else
		reply_write(req, size, begun);
}

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t size,
		  struct fuse_file_info *info)
{
	struct ink_caller caller;
	enum ink_err err = caller_of_handle(req, handle_of(info), &caller);

	if (err == INK_OK)
		err = ink_fallocate(store_of(req), &caller, ino, mode, (uint64_t)offset,
				    (uint64_t)size);
	reply_err(req, err);
}

/* There are no holes but the one behind the end. */
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *info)
{
	struct ink_attr attr = { .size = 0 };
	enum ink_err err = INK_OK;

	(void)info;
	if (!live_is_node(ino))
		err = ink_getattr(store_of(req), ino, &attr);
	if (err != INK_OK)
		reply_err(req, err);
	else if (whence != SEEK_DATA && whence != SEEK_HOLE)
		fuse_reply_err(req, EINVAL);
	else if (offset < 0 || (uint64_t)offset >= attr.size)
		fuse_reply_err(req, ENXIO);
	else
		fuse_reply_lseek(req, whence == SEEK_DATA ? offset : (off_t)attr.size);
}
