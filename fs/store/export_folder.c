/* SPDX-License-Identifier: MIT */
#include "export_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "error.h"

#define MARKER ".inkfs-export"
#define NEW_FILE ".inkfs-export.new"

enum { OWNER_SIZE_MAX = 1024 };

/* --- files ----------------------------------------------------------------------------------- */

static enum ink_err path_of(const struct folder *folder, const char *name,
			    char ret_path[static PATH_MAX])
{
	if (snprintf(ret_path, PATH_MAX, "%s/%s", folder->dir, name) < PATH_MAX)
		return INK_OK;
	errno = ENAMETOOLONG;
	return error_io(folder->error, folder->dir, "cannot export");
}

/* Of a file that is there, is its content that of @parts? */
static bool is_same(struct folder *folder, int fd, const struct iovec *parts, int count)
{
	uint64_t at = 0;
	struct stat status;
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	if (folder->io->stat(folder->io->ctx, fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size != size)
		return false;
	for (int i = 0; i < count; i++) {
		const uint8_t *wanted = parts[i].iov_base;

		for (size_t done = 0, step, got; done < parts[i].iov_len; done += step) {
			step = parts[i].iov_len - done;
			step = step < COMPARE_SIZE ? step : COMPARE_SIZE;
			if (io_read(folder->io, fd, folder->compared, step, at, &got) != INK_OK ||
			    got != step || memcmp(folder->compared, wanted + done, step) != 0)
				return false;
			at += step;
		}
	}
	return true;
}

/* All folders above @path, which lies in the export's folder. */
static int make_parents(struct folder *folder, char *path)
{
	for (char *slash = path + strlen(folder->dir) + 1; (slash = strchr(slash, '/')) != NULL;
	     slash++) {
		int status;

		*slash = '\0';
		status = folder->io->mkdir(folder->io->ctx, path, 0755);
		*slash = '/';
		if (status != 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

static enum ink_err write_file(struct folder *folder, char *path, struct iovec *parts, int count,
			       bool is_synced)
{
	char new_path[PATH_MAX];
	enum ink_err err = path_of(folder, NEW_FILE, new_path);
	int fd, status;

	if (err != INK_OK)
		return err;
	fd = folder->io->open(folder->io->ctx, new_path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK,
			      0644);
	if (fd < 0)
		return error_io(folder->error, new_path, "cannot export");
	err = io_write(folder->io, fd, parts, count, 0);
	if (err == INK_OK && is_synced && folder->io->fdatasync(folder->io->ctx, fd) != 0)
		err = INK_ERR_IO;
	io_close(folder->io, fd);
	status = err == INK_OK ? folder->io->rename(folder->io->ctx, new_path, path) : -1;
	if (err == INK_OK && status != 0 && errno == ENOENT) {
		status = make_parents(folder, path);
		if (status == 0)
			status = folder->io->rename(folder->io->ctx, new_path, path);
	}
	if (status != 0)
		return error_io(folder->error, path, "cannot export");
	folder->written_count++;
	return INK_OK;
}

enum ink_err folder_put(struct folder *folder, const char *name, bool is_published,
			struct iovec *parts, int count)
{
	char path[PATH_MAX];
	enum ink_err err = path_of(folder, name, path);
	int fd;

	if (err != INK_OK)
		return err;
	fd = folder->io->open(folder->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0) {
		bool has_same = is_same(folder, fd, parts, count);

		io_close(folder->io, fd);
		folder->kept_count += has_same;
		if (has_same)
			return INK_OK;
		if (is_published)
			return error_set(
				folder->error, INK_ERR_EXISTS,
				"%s was published, and is not what the log says: it was changed, or the log is another; export into a new folder",
				path);
	}
	return write_file(folder, path, parts, count, false);
}

/* --- the folder ------------------------------------------------------------------------------ */

static bool is_empty(const char *dir)
{
	DIR *list = opendir(dir);
	const struct dirent *entry;
	bool has_any = false;

	if (!list)
		return false;
	while (!has_any && (entry = readdir(list)) != NULL)
		has_any = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(list);
	return !has_any;
}

ssize_t folder_read(struct folder *folder, const char *name, char *ret_data, size_t size)
{
	char path[PATH_MAX];
	size_t got = 0;
	int fd;

	if (path_of(folder, name, path) != INK_OK)
		return -1;
	fd = folder->io->open(folder->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (io_read(folder->io, fd, ret_data, size - 1, 0, &got) != INK_OK)
		got = 0;
	io_close(folder->io, fd);
	ret_data[got] = '\0';
	return (ssize_t)got;
}

static enum ink_err foreign(struct folder *folder)
{
	return error_set(
		folder->error, INK_ERR_EXISTS,
		"%s holds other things; name a new or empty folder, or that of an earlier export of this log",
		folder->dir);
}

/* The marker is ours, or the beginning of ours that a crash left. */
static enum ink_err claim(struct folder *folder, const char *owner, bool was_empty)
{
	char path[PATH_MAX], line[OWNER_SIZE_MAX + 2], found[OWNER_SIZE_MAX + 3];
	enum ink_err err = path_of(folder, MARKER, path);
	struct iovec part = { line, 0 };
	ssize_t size;

	if (err != INK_OK)
		return err;
	part.iov_len = (size_t)snprintf(line, sizeof(line), "%s\n", owner);
	size = folder_read(folder, MARKER, found, sizeof(found));
	if (size < 0 && !was_empty)
		return foreign(folder);
	if (size > 0 && ((size_t)size > part.iov_len || memcmp(found, line, (size_t)size) != 0))
		return error_set(folder->error, INK_ERR_EXISTS,
				 "%s holds the export of another log; name a new folder",
				 folder->dir);
	folder->marker_fd = folder->io->open(folder->io->ctx, path, O_RDWR | O_CREAT, 0644);
	if (folder->marker_fd < 0)
		return error_io(folder->error, path, "cannot export");
	if (flock(folder->marker_fd, LOCK_EX | LOCK_NB) != 0)
		return error_set(folder->error, INK_ERR_LOCKED, "another export is writing into %s",
				 folder->dir);
	if (size != (ssize_t)part.iov_len &&
	    io_write(folder->io, folder->marker_fd, &part, 1, 0) != INK_OK)
		return error_io(folder->error, path, "cannot export");
	return INK_OK;
}

enum ink_err folder_claim(struct folder *folder, const char *owner)
{
	if (folder->io->mkdir(folder->io->ctx, folder->dir, 0755) != 0 && errno != EEXIST)
		return error_io(folder->error, folder->dir, "cannot export");
	return claim(folder, owner, is_empty(folder->dir));
}

enum ink_err folder_publish(struct folder *folder, const char *name, struct iovec *part)
{
	char path[PATH_MAX];
	enum ink_err err = path_of(folder, name, path);

	if (err != INK_OK)
		return err;
	if (syncfs(folder->marker_fd) != 0)
		return error_io(folder->error, folder->dir, "cannot sync the export");
	err = write_file(folder, path, part, 1, true);
	if (err == INK_OK && folder->io->sync_dir(folder->io->ctx, folder->dir) != 0)
		err = error_io(folder->error, folder->dir, "cannot sync the export");
	return err;
}
