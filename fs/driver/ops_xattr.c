/* SPDX-License-Identifier: MIT */
/* Extended attributes user.inkfs.* (what the chain knows of a file) and the flags of lsattr(1). */
#include "live.h"
#include "private.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { VALUE_SIZE_MAX = 2 * INK_HASH_SIZE + 1 };

static const char prefix[] = "user.inkfs.";
static const char names[] = "user.inkfs.seq\0user.inkfs.digest\0user.inkfs.sealed\0"
			    "user.inkfs.records"; /* the last NUL counts */

static bool is_ours(const char *name)
{
	return strncmp(name, prefix, sizeof(prefix) - 1) == 0;
}

static void hex_of(const uint8_t *bytes, size_t size, char *ret_text)
{
	for (size_t i = 0; i < size; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

/* Size of the value; 0 if the file has no such attribute. */
static size_t value_of(const struct ink_file_info *file, const char *name,
		       char ret_value[static VALUE_SIZE_MAX])
{
	bool has_record = file->record_count > 0;

	ret_value[0] = '\0';
	if (strcmp(name, "seq") == 0 && has_record)
		snprintf(ret_value, VALUE_SIZE_MAX, "%" PRIu64, file->last_seq);
	else if (strcmp(name, "digest") == 0 && has_record)
		hex_of(file->last_leaf, INK_HASH_SIZE, ret_value);
	else if (strcmp(name, "sealed") == 0)
		snprintf(ret_value, VALUE_SIZE_MAX, "%d", file->is_sealed);
	else if (strcmp(name, "records") == 0)
		snprintf(ret_value, VALUE_SIZE_MAX, "%" PRIu64, file->record_count);
	return strlen(ret_value);
}

static void reply_sized(fuse_req_t req, const char *value, size_t value_size, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value_size);
	else if (size < value_size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, value_size);
}

static enum ink_err file_info(fuse_req_t req, fuse_ino_t ino, bool *ret_is_file,
			      struct ink_file_info *ret_info)
{
	struct ink_attr attr = { .mode = 0 };
	enum ink_err err = INK_OK;

	if (!live_is_node(ino))
		err = ink_getattr(store_of(req), ino, &attr);
	if (err != INK_OK)
		return err;
	*ret_is_file = S_ISREG(attr.mode);
	return *ret_is_file ? ink_file_info(store_of(req), ino, ret_info) : INK_OK;
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char value[VALUE_SIZE_MAX];
	struct ink_file_info file;
	size_t value_size = 0;
	bool is_file;
	enum ink_err err;

	if (!is_ours(name)) {
		fuse_reply_err(req, strncmp(name, "user.", 5) == 0 ? ENODATA : EOPNOTSUPP);
		return;
	}
	err = file_info(req, ino, &is_file, &file);
	if (err == INK_OK && is_file)
		value_size = value_of(&file, name + sizeof(prefix) - 1, value);
	if (err != INK_OK)
		reply_err(req, err);
	else if (value_size == 0)
		fuse_reply_err(req, ENODATA);
	else
		reply_sized(req, value, value_size, size);
}

/* A file without a record has neither seq nor digest. */
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct ink_file_info file;
	const char *from = names;
	bool is_file;
	enum ink_err err = file_info(req, ino, &is_file, &file);

	if (err != INK_OK) {
		reply_err(req, err);
		return;
	}
	if (!is_file)
		from = names + sizeof(names);
	else if (file.record_count == 0)
		from = names + sizeof("user.inkfs.seq") + sizeof("user.inkfs.digest");
	reply_sized(req, from, (size_t)(names + sizeof(names) - from), size);
}

/* EOPNOTSUPP for all others, ACLs too: then cp -p and logrotate fall back to chmod. */
static void refuse_xattr(fuse_req_t req, fuse_ino_t ino, const char *name, enum ink_op op)
{
	struct ink_body_denied what = { .op = (uint16_t)op, .name = name_str(name) };

	if (is_ours(name) && !live_is_node(ino))
		refuse(req, ino, &what);
	else
		fuse_reply_err(req, EOPNOTSUPP);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags)
{
	(void)value;
	(void)size;
	(void)flags;
	refuse_xattr(req, ino, name, INK_OP_SETXATTR);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	refuse_xattr(req, ino, name, INK_OP_REMOVEXATTR);
}

/*
 * The system turns the calls of lsattr and chattr into these commands with buffers of its own: the flags are an
 * unsigned int, whatever the command's number says.  Clone and dedupe never get here: it answers EOPNOTSUPP itself,
 * because no FUSE file system can do that.
 */
void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void *arg,
	      struct fuse_file_info *info, unsigned flags, const void *in, size_t in_size,
	      size_t out_size)
{
	struct ink_body_denied what = { .op = INK_OP_IOCTL, .flags = command };
	struct fsxattr extended = { .fsx_xflags = FS_XFLAG_APPEND };
	unsigned int simple = FS_APPEND_FL;

	(void)arg;
	(void)info;
	(void)flags;
	(void)in;
	(void)in_size;
	if (live_is_node(ino))
		fuse_reply_err(req, ENOTTY);
	else if (command == (unsigned)FS_IOC_GETFLAGS && out_size >= sizeof(simple))
		fuse_reply_ioctl(req, 0, &simple, sizeof(simple));
	else if (command == FS_IOC_FSGETXATTR && out_size >= sizeof(extended))
		fuse_reply_ioctl(req, 0, &extended, sizeof(extended));
	else if (command == (unsigned)FS_IOC_SETFLAGS || command == FS_IOC_FSSETXATTR)
		refuse(req, ino, &what);
	else
		fuse_reply_err(req, ENOTTY);
}
