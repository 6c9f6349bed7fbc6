/* SPDX-License-Identifier: MIT */
/* Attributes of files and of the file system. */
#include "live.h"
#include "private.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct ink_attr attr;
	enum ink_err err;

	(void)info;
	if (live_is_node(ino)) {
		live_getattr(req, ino);
		return;
	}
	err = ink_getattr(store_of(req), ino, &attr);
	reply_attr(req, err, &attr);
}

/* The chain counts nanoseconds in 64 bits, years 1677 to 2262; what lies outside becomes the nearest. */
static int64_t ns_of(const struct timespec *time)
{
	static const int64_t seconds_max = 9223372035; /* INT64_MAX ns, less a second */

	if (time->tv_sec > seconds_max)
		return seconds_max * 1000000000;
	if (time->tv_sec < -seconds_max)
		return -seconds_max * 1000000000;
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static int64_t time_wanted(bool is_now, const struct timespec *given)
{
	struct timespec now;

	if (!is_now)
		return ns_of(given);
	clock_gettime(CLOCK_REALTIME, &now);
	return ns_of(&now);
}

static struct ink_setattr change_of(const struct stat *stat, int to_set)
{
	struct ink_setattr change = { .mask = 0 };

	if (to_set & FUSE_SET_ATTR_MODE) {
		change.mask |= INK_ATTR_MODE;
		change.mode = stat->st_mode & 07777;
	}
	if (to_set & FUSE_SET_ATTR_UID) {
		change.mask |= INK_ATTR_UID;
		change.uid = stat->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		change.mask |= INK_ATTR_GID;
		change.gid = stat->st_gid;
	}
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) {
		change.mask |= INK_ATTR_ATIME;
		change.atime_ns = time_wanted(to_set & FUSE_SET_ATTR_ATIME_NOW, &stat->st_atim);
	}
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
		change.mask |= INK_ATTR_MTIME;
		change.mtime_ns = time_wanted(to_set & FUSE_SET_ATTR_MTIME_NOW, &stat->st_mtim);
	}
	return change;
}

static enum ink_err truncate_to(fuse_req_t req, const struct ink_caller *caller, fuse_ino_t ino,
				off_t size, struct ink_attr *ret_attr)
{
	enum ink_err err = ink_truncate(store_of(req), caller, ino, (uint64_t)size);

	return err == INK_OK ? ink_getattr(store_of(req), ino, ret_attr) : err;
}

/* A truncation that changes nothing leaves the times alone, too, whatever the system adds to the request. */
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *stat, int to_set,
		struct fuse_file_info *info)
{
	struct driver *driver = driver_of(req);
	struct ink_setattr change = change_of(stat, to_set);
	struct ink_caller caller;
	struct ink_attr attr;
	enum ink_err err;

	(void)info;
	if (live_is_node(ino)) {
		if (to_set & FUSE_SET_ATTR_SIZE)
			change.mask = 0;
		live_refuse_change(req, ino, &change, (uint64_t)stat->st_size);
		return;
	}
	err = caller_of(req, &caller);
	if (err == INK_OK && to_set & FUSE_SET_ATTR_SIZE)
		err = truncate_to(req, &caller, ino, stat->st_size, &attr);
	else if (err == INK_OK)
		err = ink_setattr(driver->store, &caller, ino, &change, &attr);
	if (err == INK_OK && change.mask & INK_ATTR_MODE && attr.mode & (S_ISUID | S_ISGID))
		atomic_fetch_add(&driver->setid_generation, 1);
	reply_attr(req, err, &attr);
}

/* The space of the disk below: that is what runs out. */
void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs below;

	(void)ino;
	if (fstatvfs(driver_of(req)->store_fd, &below) != 0) {
		reply_err(req, INK_ERR_IO);
		return;
	}
	below.f_namemax = INK_NAME_SIZE_MAX;
	fuse_reply_statfs(req, &below);
}
