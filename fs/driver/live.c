/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "inkfs/checkpoint.h"
#include "live_text.h"

#define LIVE_FOLDER (UINT64_C(1) << 63)
#define LIVE_FILE(index) (LIVE_FOLDER + 1 + (index))

/*
 * Each open file of .inkfs keeps its text, and everybody may open them.  The last places are for those whom nobody else
 * may shut out: root and the driver's own user.
 */
enum { TEXT_COUNT_MAX = 64, TEXT_COUNT_OTHERS = 48 };

static const char folder_name[] = ".inkfs";

static const struct {
	const char *name;
	enum ink_err (*print)(struct driver *driver, FILE *out);
} files[] = {
	{ "status.json", live_print_status },
	{ "checkpoint", live_print_checkpoint },
	{ "vkey", live_print_vkey },
	{ "metrics", live_print_metrics },
};

enum { FILE_COUNT = sizeof(files) / sizeof(files[0]) };

bool live_is_node(uint64_t inode)
{
	return inode >= LIVE_FOLDER;
}

bool live_is_name(uint64_t parent, const char *name)
{
	return live_is_node(parent) || (parent == INK_ROOT_INODE && strcmp(name, folder_name) == 0);
}

uint64_t live_recorded_inode(uint64_t inode)
{
	return live_is_node(inode) ? INK_ROOT_INODE : inode;
}

struct ink_str live_recorded_name(uint64_t parent, const char *name)
{
	return name_str(live_is_node(parent) ? folder_name : name);
}

static void stat_of(const struct driver *driver, uint64_t inode, struct stat *ret_stat)
{
	bool is_folder = inode == LIVE_FOLDER;

	*ret_stat = (struct stat){
		.st_ino = inode,
		.st_mode = is_folder ? S_IFDIR | 0555 : S_IFREG | 0444,
		.st_nlink = is_folder ? 2 : 1,
		.st_uid = geteuid(),
		.st_gid = getegid(),
		.st_blksize = 4096,
		.st_atim = driver->begun,
		.st_mtim = driver->begun,
		.st_ctim = driver->begun,
	};
}

static void entry_of(const struct driver *driver, uint64_t inode,
		     struct fuse_entry_param *ret_entry)
{
	*ret_entry = (struct fuse_entry_param){
		.ino = inode,
		.generation = 1,
		.attr_timeout = CACHE_TIMEOUT_S,
		.entry_timeout = CACHE_TIMEOUT_S,
	};
	stat_of(driver, inode, &ret_entry->attr);
}

void live_lookup(fuse_req_t req, uint64_t parent, const char *name)
{
	struct fuse_entry_param entry;
	uint64_t inode = parent == INK_ROOT_INODE ? LIVE_FOLDER : 0;

	for (unsigned i = 0; i < FILE_COUNT && parent == LIVE_FOLDER; i++) {
		if (strcmp(files[i].name, name) == 0)
			inode = LIVE_FILE(i);
	}
	if (inode == 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry_of(driver_of(req), inode, &entry);
	fuse_reply_entry(req, &entry);
}

void live_getattr(fuse_req_t req, uint64_t inode)
{
	struct stat stat;

	stat_of(driver_of(req), inode, &stat);
	fuse_reply_attr(req, &stat, CACHE_TIMEOUT_S);
}

/* Its size is known by then; -1 (errno) with nothing to free. */
static enum ink_err make_text(struct driver *driver, uint64_t inode, char **ret_text,
			      size_t *ret_size)
{
	FILE *out = open_memstream(ret_text, ret_size);
	enum ink_err err;

	if (!out)
		return INK_ERR_IO;
	err = files[inode - LIVE_FILE(0)].print(driver, out);
	if (fclose(out) != 0 && err == INK_OK)
		err = INK_ERR_IO;
	if (err != INK_OK)
		free(*ret_text);
	return err;
}

void live_refuse_change(fuse_req_t req, uint64_t inode, const struct ink_setattr *change,
			uint64_t size)
{
	struct ink_body_denied truncating = {
		.op = INK_OP_TRUNCATE,
		.a = size,
		.name = name_str(folder_name),
	};
	struct ink_body_denied changing = {
		.op = INK_OP_SETATTR,
		.flags = change->mask,
		.a = change->mode,
		.b = (uint64_t)change->uid << 32 | change->gid,
		.name = name_str(folder_name),
	};

	refuse(req, inode, change->mask == 0 ? &truncating : &changing);
}

static unsigned text_count_max(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid == 0 || uid == geteuid() ? TEXT_COUNT_MAX : TEXT_COUNT_OTHERS;
}

void live_open(fuse_req_t req, uint64_t inode, struct fuse_file_info *info)
{
	struct ink_body_denied what = { .op = INK_OP_OPEN,
					.flags = (uint32_t)info->flags,
					.name = name_str(folder_name) };
	struct driver *driver = driver_of(req);
	struct handle *handle = NULL;
	char *text;
	size_t size;
	enum ink_err err;

	if (is_for_writing((uint32_t)info->flags) || info->flags & O_TRUNC) {
		refuse(req, inode, &what);
		return;
	}
	err = make_text(driver, inode, &text, &size);
	if (err == INK_ERR_KEY) {
		fuse_reply_err(req, ENOKEY);
		return;
	}
	if (err == INK_OK)
		err = handle_open_text(driver, inode, text, size, text_count_max(req), &handle);
	/* Not an error of the store, nor one to be counted: anybody could make it. */
	if (err == INK_ERR_LIMIT) {
		fuse_reply_err(req, ENFILE);
		return;
	}
	if (err != INK_OK) {
		reply_err(req, err);
		return;
	}
	info->fh = (uintptr_t)handle;
	info->direct_io = true;
	info->noflush = true;
	if (fuse_reply_open(req, info) == -ENOENT)
		handle_close(driver, handle);
}

void live_read(fuse_req_t req, size_t size, off_t offset, struct handle *handle)
{
	size_t at = (uint64_t)offset < handle->text_size ? (size_t)offset : handle->text_size;
	size_t left = handle->text_size - at;

	pthread_mutex_lock(&handle->lock);
	fuse_reply_buf(req, handle->text + at, size < left ? size : left);
	pthread_mutex_unlock(&handle->lock);
}

/* Cookies: 1 is ".", 2 "..", then the files. */
static const char *entry_at(unsigned index, uint64_t *ret_inode)
{
	static const char *const dots[] = { ".", ".." };

	*ret_inode = index == 0 ? LIVE_FOLDER : INK_ROOT_INODE;
	if (index < 2)
		return dots[index];
	*ret_inode = LIVE_FILE(index - 2);
	return files[index - 2].name;
}

void live_readdir(fuse_req_t req, size_t size, off_t offset, bool is_plus)
{
	char buf[1024];
	size_t used = 0, room = size < sizeof(buf) ? size : sizeof(buf);

	for (uint64_t i = (uint64_t)offset; i < 2 + FILE_COUNT; i++) {
		struct fuse_entry_param entry = { .ino = 0 };
		uint64_t inode;
		const char *name = entry_at((unsigned)i, &inode);
		size_t needed;

		if (i >= 2)
			entry_of(driver_of(req), inode, &entry);
		entry.attr.st_ino = inode;
		entry.attr.st_mode = i < 2 ? S_IFDIR : entry.attr.st_mode;
		needed = is_plus ? fuse_add_direntry_plus(req, buf + used, room - used, name,
							  &entry, (off_t)i + 1)
				 : fuse_add_direntry(req, buf + used, room - used, name,
						     &entry.attr, (off_t)i + 1);
		if (needed > room - used)
			break;
		used += needed;
	}
	fuse_reply_buf(req, buf, used);
}
