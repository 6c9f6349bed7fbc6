/* SPDX-License-Identifier: MIT */
/* Files: open, close, make durable. */
#include "live.h"
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Who opens matters only if that makes a record; /proc is not read for nothing. */
static bool is_recorded(const struct driver *driver, uint32_t flags)
{
	if (flags & O_TRUNC)
		return true;
	return driver->options.audit == INK_AUDIT_READS ||
	       (driver->options.audit == INK_AUDIT_OPENS && is_for_writing(flags));
}

/*
 * Who writes bypasses the page cache: then one write(2) is one request, and carries its writer; who reads what is being
 * written does too (tails.h).  Other readers use it, and keep it between opens: before each read the system compares the time of change (AUTO_INVAL_DATA).
 */
static void info_fill(struct fuse_file_info *info, struct handle *handle)
{
	info->fh = (uintptr_t)handle;
	info->direct_io = !handle->is_cached;
	info->keep_cache = handle->is_cached;
	info->noflush = !is_for_writing(handle->flags);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct driver *driver = driver_of(req);
	struct ink_caller caller = caller_plain(req);
	uint32_t flags = (uint32_t)info->flags;
	struct handle *handle;
	enum ink_err err = INK_OK;

	if (live_is_node(ino)) {
		live_open(req, ino, info);
		return;
	}
	if (is_recorded(driver, flags))
		err = caller_of(req, &caller);
	if (err == INK_OK)
		err = handle_open(driver, &caller, ino, flags, &handle);
	if (err != INK_OK) {
		reply_err(req, err);
		return;
	}
	info_fill(info, handle);
	/* The opener was killed meanwhile: no RELEASE will come. */
	if (fuse_reply_open(req, info) == -ENOENT)
		handle_close(driver, handle);
}

/* Somebody else may have made it since the system looked. */
static enum ink_err make_or_find(fuse_req_t req, const struct ink_caller *caller, uint64_t parent,
				 const char *name, mode_t mode, uint32_t flags,
				 struct ink_attr *ret_attr, bool *ret_is_made)
{
	mode_t type_and_mode = (mode & ~(mode_t)S_IFMT) | S_IFREG;
	enum ink_err err =
		ink_make(store_of(req), caller, parent, name, type_and_mode, NULL, ret_attr);

	*ret_is_made = err == INK_OK;
	if (err != INK_ERR_EXISTS || flags & O_EXCL)
		return err;
	err = ink_lookup(store_of(req), parent, name, ret_attr);
	if (err == INK_OK && !S_ISREG(ret_attr->mode)) {
		errno = ESTALE; /* the system looks again and sees what it is */
		return INK_ERR_IO;
	}
	return err;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *info)
{
	struct driver *driver = driver_of(req);
	uint32_t flags = (uint32_t)info->flags;
	struct fuse_entry_param entry;
	struct ink_caller caller;
	struct handle *handle;
	struct ink_attr attr;
	bool is_made = false;
	enum ink_err err;

	if (is_refused_making(req, parent, name, S_IFREG | mode))
		return;
	err = caller_of(req, &caller);
	if (err == INK_OK)
		err = make_or_find(req, &caller, parent, name, mode, flags, &attr, &is_made);
	if (err == INK_OK)
		err = handle_open(driver, &caller, attr.inode, flags, &handle);
	if (err != INK_OK) {
		reply_entry(req, err, NULL);
		return;
	}
	atomic_store(&handle->is_dirty, is_made);
	info_fill(info, handle);
	info->noflush = false; /* the making waits for its seal */
	attr_to_entry(driver, &attr, &entry);
	if (fuse_reply_create(req, &entry, info) == -ENOENT)
		handle_close(driver, handle);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct driver *driver = driver_of(req);
	struct handle *handle = handle_of(info);

	if (atomic_load(&handle->had_readers))
		tails_drop_pages(&driver->tails, driver->session, ino, 0);
	handle_close(driver, handle);
	fuse_reply_err(req, 0);
}

/* At each close(2), also of copies of a descriptor. */
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct handle *handle = handle_of(info);
	enum ink_err err = INK_OK;

	if (atomic_exchange(&handle->is_dirty, false))
		err = ink_seal(store_of(req), ino);
	if (err != INK_OK)
		atomic_store(&handle->is_dirty, true);
	reply_err(req, err);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *info)
{
	(void)ino;
	(void)is_data;
	(void)info;
	reply_synced(req);
}
