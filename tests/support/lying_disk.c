/* SPDX-License-Identifier: MIT */
/* The calls: each is done on the real files, and remembered until a sync covers it. */
#include "lying_disk_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const call_names[] = {
	[LYING_OPEN] = "create",
	[LYING_WRITE] = "write",
	[LYING_SYNC] = "fdatasync",
	[LYING_SYNC_DIR] = "fsync of a folder",
	[LYING_SIZE] = "allocate or truncate",
	[LYING_MODE] = "chmod",
	[LYING_RENAME] = "rename",
	[LYING_UNLINK] = "unlink",
	[LYING_MKDIR] = "mkdir",
};

/* The one disk of this process; lying_libc.c asks for it. */
static struct lying_disk *the_disk;

const char *lying_call_name(enum lying_call call)
{
	return call_names[call];
}

enum lie_fate lie_decide(struct lying_disk *disk, enum lying_call call)
{
	const struct lying_fault *fault = &disk->fault;

	if (disk->is_dead) {
		errno = EIO;
		return LIE_DEAD;
	}
	disk->call_count++;
	disk->last_call = call;
	if (disk->cut_at > 0 && --disk->cut_at == 0) {
		disk->is_dead = true;
		errno = EIO;
		return LIE_DIE;
	}
	if (fault->at == 0 || !(fault->mask & 1U << call))
		return LIE_DO;
	disk->fault_count++;
	if (disk->fault_count < fault->at ||
	    (disk->fault_count > fault->at && !fault->is_persistent))
		return LIE_DO;
	disk->failed_calls |= 1U << call;
	errno = fault->errno_code;
	return LIE_FAIL;
}

bool lie_coin(struct lying_disk *disk)
{
	return rng_below(&disk->rng, 2) == 0;
}

bool lie_is_done(struct lying_disk *disk, enum lie_fate fate)
{
	return fate == LIE_DO || (fate == LIE_DIE && lie_coin(disk));
}

/* --- paths and descriptors --- */

/* The folder that holds @path, and the last part of it; NULL: not beneath the root, or no such folder. */
static struct lie_node *folder_of(struct lying_disk *disk, const char *path, const char **ret_name)
{
	struct lie_node *node = disk->top;
	const char *part = path + disk->root_size, *slash;

	if (strncmp(path, disk->root, disk->root_size) != 0 || *part != '/')
		return NULL;
	for (part++; node && node->is_dir && (slash = strchr(part, '/')); part = slash + 1) {
		char name[LIE_NAME_MAX];

		snprintf(name, sizeof(name), "%.*s", (int)(slash - part), part);
		node = lie_names_find(&node->names, name);
	}
	*ret_name = part;
	return node && node->is_dir && strlen(part) < LIE_NAME_MAX ? node : NULL;
}

static struct lie_node *node_of(struct lying_disk *disk, const char *path)
{
	const char *name;
	struct lie_node *folder;

	if (strcmp(path, disk->root) == 0)
		return disk->top;
	folder = folder_of(disk, path, &name);
	return folder ? lie_names_find(&folder->names, name) : NULL;
}

struct lie_node *lie_node_of_fd(struct lying_disk *disk, int fd)
{
	return fd >= 0 && fd < LIE_FDS_MAX ? disk->fds[fd] : NULL;
}

struct lying_disk *lying_disk_of_path(const char *path)
{
	struct lying_disk *disk = the_disk;

	return disk && strncmp(path, disk->root, disk->root_size) == 0 &&
			       (path[disk->root_size] == '/' || path[disk->root_size] == '\0')
		       ? disk
		       : NULL;
}

struct lying_disk *lying_disk_of_fd(int fd)
{
	return the_disk && lie_node_of_fd(the_disk, fd) ? the_disk : NULL;
}

/* --- changes of folders --- */

static void change(struct lie_node *folder, const char *gone, const char *come,
		   struct lie_node *node)
{
	struct lie_change *c;

	if (folder->change_count == folder->change_room) {
		folder->change_room = folder->change_room * 2 + 16;
		folder->changes = lie_memory(folder->changes,
					     folder->change_room * sizeof(folder->changes[0]));
	}
	c = &folder->changes[folder->change_count++];
	*c = (struct lie_change){ .node = node };
	if (gone) {
		snprintf(c->gone, sizeof(c->gone), "%s", gone);
		lie_names_remove(&folder->names, gone);
	}
	if (come) {
		snprintf(c->come, sizeof(c->come), "%s", come);
		lie_names_set(&folder->names, come, node);
	}
}

static int open_locked(struct lying_disk *disk, const char *path, int flags, mode_t mode)
{
	struct lie_node *node = node_of(disk, path), *folder;
	bool is_new = !node && flags & O_CREAT;
	const char *name;
	enum lie_fate fate = is_new          ? lie_decide(disk, LYING_OPEN)
			     : disk->is_dead ? LIE_DEAD
					     : LIE_DO;
	int fd;

	if (fate == LIE_DEAD)
		errno = EIO;
	if (!(is_new ? lie_is_done(disk, fate) : fate == LIE_DO))
		return -1;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd < 0)
		return -1;
	if (is_new) {
		folder = folder_of(disk, path, &name);
		if (folder) {
			node = lie_node_make(disk, false, mode);
			change(folder, NULL, name, node);
		}
	}
	if (fate == LIE_DIE) {
		syscall(SYS_close, fd);
		errno = EIO;
		return -1;
	}
	if (fd < LIE_FDS_MAX) {
		disk->fds[fd] = node;
		disk->fd_is_dsync[fd] = flags & O_DSYNC;
	}
	return fd;
}

static int do_open(void *ctx, const char *path, int flags, mode_t mode)
{
	struct lying_disk *disk = ctx;
	int fd;

	pthread_mutex_lock(&disk->lock);
	fd = open_locked(disk, path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, mode);
	pthread_mutex_unlock(&disk->lock);
	return fd;
}

static int do_close(void *ctx, int fd)
{
	struct lying_disk *disk = ctx;

	pthread_mutex_lock(&disk->lock);
	if (fd >= 0 && fd < LIE_FDS_MAX)
		disk->fds[fd] = NULL;
	pthread_mutex_unlock(&disk->lock);
	return (int)syscall(SYS_close, fd);
}

static int do_rename(void *ctx, const char *from, const char *to)
{
	struct lying_disk *disk = ctx;
	const char *gone, *come;
	struct lie_node *folder, *node;
	enum lie_fate fate;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	fate = lie_decide(disk, LYING_RENAME);
	folder = folder_of(disk, from, &gone);
	node = node_of(disk, from);
	/* The store renames within one folder only; across two the order would matter. */
	if (folder != folder_of(disk, to, &come))
		abort();
	if (lie_is_done(disk, fate)) {
		result = (int)syscall(SYS_rename, from, to);
		if (result == 0)
			change(folder, gone, come, node);
	}
	if (fate == LIE_DIE) {
		errno = EIO;
		result = -1;
	}
	pthread_mutex_unlock(&disk->lock);
	return result;
}

/* unlink and rmdir: @flags as unlinkat(2). */
static int remove_name(struct lying_disk *disk, const char *path, int flags)
{
	struct lie_node *folder;
	const char *name;
	enum lie_fate fate;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	folder = folder_of(disk, path, &name);
	/* What is not there changes nothing, and is not worth a loss of power. */
	fate = folder && lie_names_find(&folder->names, name) ? lie_decide(disk, LYING_UNLINK)
	       : disk->is_dead                                ? LIE_DEAD
							      : LIE_DO;
	if (fate == LIE_DEAD)
		errno = EIO;
	if (lie_is_done(disk, fate)) {
		result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
		if (result == 0 && folder)
			change(folder, name, NULL, NULL);
	}
	if (fate == LIE_DIE) {
		errno = EIO;
		result = -1;
	}
	pthread_mutex_unlock(&disk->lock);
	return result;
}

static int do_unlink(void *ctx, const char *path)
{
	return remove_name(ctx, path, 0);
}

int lying_disk_rmdir(struct lying_disk *disk, const char *path)
{
	return remove_name(disk, path, AT_REMOVEDIR);
}

static int do_mkdir(void *ctx, const char *path, mode_t mode)
{
	struct lying_disk *disk = ctx;
	struct lie_node *folder;
	const char *name;
	enum lie_fate fate;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	fate = lie_decide(disk, LYING_MKDIR);
	folder = folder_of(disk, path, &name);
	if (lie_is_done(disk, fate)) {
		result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
		if (result == 0 && folder)
			change(folder, NULL, name, lie_node_make(disk, true, mode));
	}
	if (fate == LIE_DIE) {
		errno = EIO;
		result = -1;
	}
	pthread_mutex_unlock(&disk->lock);
	return result;
}

int lie_sync_folder(struct lying_disk *disk, struct lie_node *folder)
{
	if (lie_decide(disk, LYING_SYNC_DIR) != LIE_DO)
		return -1;
	lie_names_copy(&folder->names, &folder->synced_names);
	folder->change_count = 0;
	return 0;
}

static int do_sync_dir(void *ctx, const char *path)
{
	struct lying_disk *disk = ctx;
	struct lie_node *folder;
	int result = -1;

	pthread_mutex_lock(&disk->lock);
	folder = node_of(disk, path);
	if (folder && folder->is_dir)
		result = lie_sync_folder(disk, folder);
	else
		errno = ENOENT;
	pthread_mutex_unlock(&disk->lock);
	return result;
}

/* A file system that has no such flag. */
static int do_set_immutable(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	errno = EOPNOTSUPP;
	return -1;
}

static int do_stat(void *ctx, int fd, struct stat *ret_stat)
{
	(void)ctx;
	return fstat(fd, ret_stat);
}

/* --- the disk --- */

static const struct io table = {
	.open = do_open,
	.close = do_close,
	.pread = lie_file_pread,
	.pwritev = lie_file_pwritev,
	.fdatasync = lie_file_fdatasync,
	.sync_dir = do_sync_dir,
	.allocate = lie_file_allocate,
	.truncate = lie_file_truncate,
	.chmod = lie_file_chmod,
	.set_immutable = do_set_immutable,
	.stat = do_stat,
	.rename = do_rename,
	.unlink = do_unlink,
	.mkdir = do_mkdir,
};

struct lying_disk *lying_disk_open(const char *root)
{
	struct lying_disk *disk = lie_memory(NULL, sizeof(*disk));

	memset(disk, 0, sizeof(*disk));
	disk->io = table;
	disk->io.ctx = disk;
	/* As the store does, which knows its path only resolved. */
	if (!realpath(root, disk->root)) {
		perror(root);
		exit(3);
	}
	disk->root_size = strlen(disk->root);
	pthread_mutex_init(&disk->lock, NULL);
	the_disk = disk;
	return disk;
}

void lying_disk_close(struct lying_disk *disk)
{
	if (!disk)
		return;
	the_disk = NULL;
	lie_nodes_free(disk);
	lie_chunks_free(disk);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}

const struct io *lying_disk_io(struct lying_disk *disk)
{
	return &disk->io;
}

void lying_disk_arm_cut(struct lying_disk *disk, unsigned at)
{
	pthread_mutex_lock(&disk->lock);
	disk->cut_at = at;
	pthread_mutex_unlock(&disk->lock);
}

void lying_disk_arm_fault(struct lying_disk *disk, const struct lying_fault *fault)
{
	pthread_mutex_lock(&disk->lock);
	disk->fault = *fault;
	disk->fault_count = 0;
	disk->failed_calls = 0;
	pthread_mutex_unlock(&disk->lock);
}

bool lying_disk_is_dead(struct lying_disk *disk)
{
	bool result;

	pthread_mutex_lock(&disk->lock);
	result = disk->is_dead;
	pthread_mutex_unlock(&disk->lock);
	return result;
}

bool lying_disk_has_failed(struct lying_disk *disk)
{
	bool result;

	pthread_mutex_lock(&disk->lock);
	result = disk->failed_calls != 0;
	pthread_mutex_unlock(&disk->lock);
	return result;
}

bool lying_disk_has_refused(struct lying_disk *disk, enum lying_call call)
{
	bool result;

	pthread_mutex_lock(&disk->lock);
	result = disk->failed_calls & 1U << call;
	pthread_mutex_unlock(&disk->lock);
	return result;
}

unsigned lying_disk_call_count(struct lying_disk *disk)
{
	return disk->call_count;
}

enum lying_call lying_disk_last_call(struct lying_disk *disk)
{
	return disk->last_call;
}
