/* SPDX-License-Identifier: MIT */
/* What lies in the folder besides records. */
#include "verify_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "segment.h"

/* What belongs into a folder: a name and its type. */
struct belongs {
	const char *name;
	mode_t type;
};

static const struct belongs in_store[] = {
	{ "lock", S_IFREG }, { "vkey", S_IFREG }, { "log", S_IFDIR },       { "index", S_IFDIR },
	{ "keys", S_IFDIR }, { "lost", S_IFDIR }, { "index.new", S_IFDIR }, { NULL, 0 },
};

/* Where the store is a file system of its own, some bring this; what fsck could not place is put there. */
#define FSCK_FOLDER "lost+found"

static const struct belongs in_index[] = { { "data.mdb", S_IFREG },
					   { "lock.mdb", S_IFREG },
					   { NULL, 0 } };

static const struct belongs in_keys[] = {
	{ "log.key", S_IFREG }, { "seal.key", S_IFREG }, { "seal.key.new", S_IFREG }, { NULL, 0 }
};

static void report_foreign(struct verify *v, const char *folder, const char *name, const char *what)
{
	char path[32 + 256];

	snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name);
	report_file(v, INK_FIND_FOREIGN_FILE, path, "%s", what);
}

/* --- folders ------------------------------------------------------------------------------- */

/*
 * Look at each entry of STORE/@folder.  @ret_is_there: false if there is no such folder; a link or file in
 * its place is not one.
 */
static enum ink_err each_entry(struct verify *v, const char *folder, files_entry_fn each,
			       bool *ret_is_there)
{
	char *path = verify_join(v, folder);
	struct dirent *entry;
	struct stat status;
	DIR *dir = NULL;
	int fd;

	*ret_is_there = false;
	if (!path)
		return verify_io_error(v, folder);
	/* The store itself may be reached through a link; nothing in it may be one. */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (*folder ? O_NOFOLLOW : 0));
	free(path);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		if (*folder && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			return INK_OK;
		return verify_io_error(v, *folder ? folder : v->path);
	}
	*ret_is_there = true;
	while ((errno = 0, entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			each(v, entry->d_name, &status);
	}
	if (errno != 0) {
		enum ink_err err = verify_io_error(v, *folder ? folder : v->path);

		closedir(dir);
		return err;
	}
	closedir(dir);
	return v->has_no_memory ? verify_io_error(v, folder) : INK_OK;
}

enum ink_err files_each_readable(struct verify *v, const char *folder, files_entry_fn each)
{
	bool is_there;
	enum ink_err err = each_entry(v, folder, each, &is_there);

	return err == INK_ERR_IO && (errno == EACCES || errno == EPERM) ? INK_OK : err;
}

static void check_entry(struct verify *v, const struct belongs *belongs, const char *folder,
			const char *name, const struct stat *status)
{
	while (belongs->name && strcmp(belongs->name, name) != 0)
		belongs++;
	if (!belongs->name)
		report_foreign(v, folder, name, "does not belong into a store");
	else if ((status->st_mode & S_IFMT) != belongs->type)
		report_foreign(v, folder, name, "not of the type that belongs there");
}

static void check_store_entry(struct verify *v, const char *name, const struct stat *status)
{
	if (strcmp(name, FSCK_FOLDER) == 0 && S_ISDIR(status->st_mode))
		return;
	check_entry(v, in_store, "", name, status);
	if (strcmp(name, "index.new") == 0 && S_ISDIR(status->st_mode))
		note_file(
			v, INK_FIND_FOREIGN_FILE, name,
			"an index that is being made, or was when that was cut off; it means nothing and was not looked at");
	if (strcmp(name, "lock") == 0 && S_ISREG(status->st_mode) && status->st_size != 0)
		report_foreign(v, "", name, "the lock file is not empty");
}

static void check_index_entry(struct verify *v, const char *name, const struct stat *status)
{
	check_entry(v, in_index, "index", name, status);
}

static void check_new_index_entry(struct verify *v, const char *name, const struct stat *status)
{
	check_entry(v, in_index, "index.new", name, status);
}

static void check_key_entry(struct verify *v, const char *name, const struct stat *status)
{
	check_entry(v, in_keys, "keys", name, status);
	if (strcmp(name, "seal.key.new") == 0 && status->st_size > SEAL_KEY_FILE_SIZE)
		report_foreign(v, "keys", name, "longer than a key file can be");
}

/* fsck names what it found by its inode: "#12". */
static void check_fsck_entry(struct verify *v, const char *name, const struct stat *status)
{
	char path[sizeof(FSCK_FOLDER "/") + 256];

	(void)status;
	if (name[0] != '#' || name[1] == '\0' || name[1 + strspn(name + 1, "0123456789")] != '\0') {
		report_foreign(v, FSCK_FOLDER, name, "does not belong into a store");
		return;
	}
	snprintf(path, sizeof(path), FSCK_FOLDER "/%s", name);
	note_file(v, INK_FIND_FOREIGN_FILE, path,
		  "by its name a check of the file system put it there; it was not looked at");
}

static enum ink_err list_folders(struct verify *v)
{
	static const struct {
		const char *folder;
		files_entry_fn each;
	} folders[] = { { "index", check_index_entry },
			{ "index.new", check_new_index_entry },
			{ "keys", check_key_entry },
			{ FSCK_FOLDER, check_fsck_entry } };
	enum ink_err err = INK_OK;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && err == INK_OK; i++)
		err = files_each_readable(v, folders[i].folder, folders[i].each);
	return err;
}

static void check_log_entry(struct verify *v, const char *name, const struct stat *status)
{
	uint32_t segment;

	if (!segment_of_name(name, &segment)) {
		report_foreign(v, "log", name, "does not belong into a log");
		return;
	}
	if (!S_ISREG(status->st_mode)) {
		report_foreign(v, "log", name, "not a regular file");
		return;
	}
	if (!verify_grow(v, &v->segments, &v->segment_room, v->segment_count,
			 sizeof(v->segments[0])))
		return;
	v->segments[v->segment_count++] = segment;
	v->total_bytes += (uint64_t)status->st_size;
	if ((uint64_t)status->st_size > v->largest_segment)
		v->largest_segment = (uint64_t)status->st_size;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void see_entry(struct verify *v, const char *name, const struct stat *status)
{
	(void)status;
	for (const struct belongs *b = in_store; b->name; b++)
		if (strcmp(b->name, name) == 0)
			v->has_ours = true;
}

enum ink_err files_list(struct verify *v)
{
	bool is_there, has_log = false;
	enum ink_err err = each_entry(v, "", see_entry, &is_there);

	if (err != INK_OK)
		return err;
	if (!v->has_ours)
		return error_set(v->error, INK_ERR_FOREIGN,
				 "%s: there is no inkfs store in this folder", v->path);
	err = each_entry(v, "", check_store_entry, &is_there);
	if (err == INK_OK)
		err = each_entry(v, "log", check_log_entry, &has_log);
	if (err == INK_OK)
		err = list_folders(v);
	if (err != INK_OK)
		return err;
	if (v->segment_count > 0)
		qsort(v->segments, v->segment_count, sizeof(v->segments[0]), by_number);
	if (v->segment_count == 0)
		report_file(v, INK_FIND_SEGMENT_MISSING, "log",
			    has_log ? "the log is empty: all of it was removed"
				    : "the log is gone: all of it was removed");
	return INK_OK;
}
