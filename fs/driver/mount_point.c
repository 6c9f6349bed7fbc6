/* SPDX-License-Identifier: MIT */
#include "mount_point.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

INK_PRINTF(2, 3) static enum ink_err fail(struct ink_error *error, const char *format, ...)
{
	va_list args;

	*error = (struct ink_error){ .code = INK_ERR_INVALID };
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return INK_ERR_INVALID;
}

/* mountinfo writes blank, tab, line feed and backslash as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] && from[2] && from[3]) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* Line of mountinfo: "id parent dev root MOUNT_POINT options … - TYPE SOURCE superoptions". */
static bool line_split(char *line, char **ret_point, char **ret_type, char **ret_source)
{
	char *dash = strstr(line, " - "), *rest;

	if (!dash)
		return false;
	rest = line;
	for (int i = 0; i < 4; i++)
		strsep(&rest, " ");
	*ret_point = strsep(&rest, " ");
	rest = dash + 3;
	*ret_type = strsep(&rest, " ");
	*ret_source = strsep(&rest, " \n");
	if (!*ret_point || !*ret_type || !*ret_source)
		return false;
	unescape(*ret_point);
	unescape(*ret_source);
	return true;
}

/* Does a store's mount cover @mount_point?  @ret_source: which; the last one mounted there counts. */
static bool find_mount(const char *mount_point, char ret_source[static PATH_MAX])
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *point, *type, *source;
	size_t size = 0;
	bool is_found = false;

	if (!in)
		return false;
	while (getline(&line, &size, in) > 0) {
		if (!line_split(line, &point, &type, &source) || strcmp(point, mount_point) != 0)
			continue;
		is_found = strcmp(type, "fuse.inkfs") == 0;
		if (is_found)
			snprintf(ret_source, PATH_MAX, "%s", source);
	}
	free(line);
	fclose(in);
	return is_found;
}

/* 1 empty, 0 not, -1 (errno) cannot be read. */
static int is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int answer = 1;

	if (!dir)
		return -1;
	errno = 0;
	while (answer == 1 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			answer = 0;
	}
	if (answer == 1 && errno != 0)
		answer = -1;
	closedir(dir);
	return answer;
}

static bool is_inside(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return true;
	return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static enum ink_err check_folder(const char *given, const char *mount_point,
				 struct ink_error *error)
{
	struct stat stat_buf;
	int empty;

	if (stat(mount_point, &stat_buf) != 0)
		return fail(error, "cannot look at the mount point %s: %s", given, strerror(errno));
	if (!S_ISDIR(stat_buf.st_mode))
		return fail(error, "the mount point %s is not a folder; name an empty folder",
			    given);
	empty = is_empty(mount_point);
	if (empty < 0)
		return fail(error, "cannot list the mount point %s: %s", given, strerror(errno));
	if (empty == 0)
		return fail(
			error,
			"the mount point %s is not empty and a mount would hide what is in it; name an empty folder",
			given);
	return INK_OK;
}

static enum ink_err fail_dead(const char *mount_point, struct ink_error *error)
{
	return fail(
		error,
		"the driver of the mount at %s has ended without unmounting it; run 'umount -l %s' (or 'fusermount3 -uz %s') and mount again",
		mount_point, mount_point, mount_point);
}

/* statfs goes to the driver; stat may be answered from what the system remembers. */
static bool is_dead(const char *mount_point)
{
	struct statvfs answer;

	return statvfs(mount_point, &answer) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

static enum ink_err resolve(const char *store, const char *mount_point, struct mount_paths *paths,
			    struct ink_error *error)
{
	if (!realpath(mount_point, paths->mount_point)) {
		if (errno == ENOTCONN)
			return fail_dead(mount_point, error);
		if (errno == ENOENT)
			return fail(error, "the mount point %s does not exist; make it with mkdir",
				    mount_point);
		return fail(error, "cannot reach the mount point %s: %s", mount_point,
			    strerror(errno));
	}
	if (!realpath(store, paths->store)) {
		if (errno == ENOENT)
			return fail(error, "the store %s does not exist; 'inkfs init' makes one",
				    store);
		return fail(error, "cannot reach the store %s: %s", store, strerror(errno));
	}
	return INK_OK;
}

enum ink_err mount_paths_check(const char *store, const char *mount_point,
			       struct mount_paths *ret_paths, struct ink_error *ret_error)
{
	char source[PATH_MAX];
	enum ink_err err = resolve(store, mount_point, ret_paths, ret_error);
	const char *point = ret_paths->mount_point;

	if (err != INK_OK)
		return err;
	if (find_mount(point, source)) {
		if (is_dead(point))
			return fail_dead(mount_point, ret_error);
		if (strcmp(source, ret_paths->store) == 0)
			return fail(ret_error,
				    "%s is mounted at %s already; there is nothing to do", store,
				    mount_point);
		return fail(
			ret_error,
			"another store, %s, is mounted at %s; unmount that first or name another folder",
			source, mount_point);
	}
	if (is_inside(point, ret_paths->store))
		return fail(ret_error,
			    "the mount point %s lies in the store %s; name a folder outside of it",
			    mount_point, store);
	if (is_inside(ret_paths->store, point))
		return fail(
			ret_error,
			"the store %s lies beneath the mount point %s and would be hidden by it; name another folder",
			store, mount_point);
	return check_folder(mount_point, point, ret_error);
}

static enum ink_err fail_protect(const char *given, struct ink_error *error)
{
	switch (errno) {
	case EPERM:
	case EACCES:
		return fail(
			error,
			"cannot make the mount point %s immutable: only root may; run 'chattr +i %s' as root once, or leave immutable-point out",
			given, given);
	case ENOTTY:
	case EOPNOTSUPP:
	case ENOSYS:
	case EINVAL:
		return fail(
			error,
			"cannot make the mount point %s immutable: its file system has no such flag; name a folder on another one, or leave immutable-point out",
			given);
	default:
		return fail(error, "cannot make the mount point %s immutable: %s", given,
			    strerror(errno));
	}
}

/* The commands say long and mean an unsigned int. */
enum ink_err mount_point_protect(const char *given, const char *mount_point,
				 struct ink_error *ret_error)
{
	int fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	unsigned int flags = 0;
	enum ink_err err = INK_OK;

	if (fd < 0)
		return fail_protect(given, ret_error);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
		err = fail_protect(given, ret_error);
	} else if (!(flags & FS_IMMUTABLE_FL)) {
		flags |= FS_IMMUTABLE_FL;
		if (ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0)
			err = fail_protect(given, ret_error);
	}
	close(fd);
	return err;
}
