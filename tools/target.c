/* SPDX-License-Identifier: MIT */
#include "target.h"

#include "common.h"

#include "inkfs/store.h"
#include "inkfs/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* One line of mountinfo; strings point into it. */
struct mount_line {
	char *mount_point;
	char *type;
	char *source;
};

/* The kernel writes space, tab, line feed and backslash as \ooo. */
static void undo_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* id parent major:minor root MOUNT_POINT options [optional]… - TYPE SOURCE super-options */
static bool parse_mount_line(char *line, struct mount_line *ret_line)
{
	char *fields[5], *separator, *rest;

	line[strcspn(line, "\n")] = '\0';
	separator = strstr(line, " - ");
	if (!separator)
		return false;
	*separator = '\0';
	rest = line;
	for (size_t i = 0; i < 5; i++) {
		fields[i] = strsep(&rest, " ");
		if (!fields[i])
			return false;
	}
	ret_line->mount_point = fields[4];
	rest = separator + 3;
	ret_line->type = strsep(&rest, " ");
	ret_line->source = strsep(&rest, " ");
	if (!ret_line->source)
		return false;
	undo_octal(ret_line->mount_point);
	undo_octal(ret_line->source);
	return true;
}

static bool is_inkfs(const struct mount_line *line)
{
	return strcmp(line->type, "fuse.inkfs") == 0;
}

/* true if @path is @folder or lies beneath it. */
static bool is_within(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return true;
	return strncmp(path, folder, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static bool is_same_folder(const char *a, const char *b)
{
	struct stat stat_a, stat_b;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0 && stat_a.st_dev == stat_b.st_dev &&
	       stat_a.st_ino == stat_b.st_ino;
}

static char *replace(char *old, const char *text)
{
	char *copy = strdup(text);

	free(old);
	return copy;
}

/* What mountinfo knows about one path. */
struct mount_search {
	char *covering; /* the mount point nearest above the path, or at it */
	char *store;    /* its source if that is an inkfs, else NULL */
	bool has_failed;
};

static void search_covering(struct mount_search *search, const char *path,
			    const struct mount_line *line)
{
	/* Of two at one place the later covers the earlier. */
	if (!is_within(path, line->mount_point) ||
	    (search->covering && strlen(line->mount_point) < strlen(search->covering)))
		return;
	search->covering = replace(search->covering, line->mount_point);
	free(search->store);
	search->store = is_inkfs(line) ? strdup(line->source) : NULL;
	if (!search->covering || (is_inkfs(line) && !search->store))
		search->has_failed = true;
}

/* Call @each for every mount. */
static bool mounts_walk(void (*each)(void *ctx, const struct mount_line *line), void *ctx)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *text = NULL;
	size_t capacity = 0;
	struct mount_line line;

	if (!file) {
		complain("cannot read /proc/self/mountinfo, which tells what is mounted: %s",
			 strerror(errno));
		return false;
	}
	while (getline(&text, &capacity, file) >= 0) {
		if (parse_mount_line(text, &line))
			each(ctx, &line);
	}
	free(text);
	fclose(file);
	return true;
}

struct covering_ctx {
	struct mount_search *search;
	const char *path;
};

static void each_covering(void *ctx, const struct mount_line *line)
{
	struct covering_ctx *covering = ctx;

	search_covering(covering->search, covering->path, line);
}

static void each_of_store(void *ctx, const struct mount_line *line)
{
	struct target *target = ctx;

	if (!is_inkfs(line) || !is_same_folder(line->source, target->store))
		return;
	target->mount_count++;
	if (!target->is_by_mount || !target->mount_point)
		target->mount_point = replace(target->mount_point, line->mount_point);
}

/*
 * realpath(3), also of a mount point that does not answer (its driver is dead) or does not answer us
 * (mounted by another user): then of the folder that holds it.
 */
static char *resolve(const char *named)
{
	char *real = realpath(named, NULL), *copy, *slash, *parent, *joined = NULL;
	size_t size;

	if (real || (errno != ENOTCONN && errno != EACCES && errno != EIO))
		return real;
	copy = strdup(named);
	if (!copy)
		return NULL;
	for (size = strlen(copy); size > 1 && copy[size - 1] == '/'; size--)
		copy[size - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (parent && asprintf(&joined, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent,
			       slash ? slash + 1 : copy) < 0)
		joined = NULL;
	free(parent);
	free(copy);
	return joined;
}

bool target_refresh(struct target *target)
{
	free(target->mount_point);
	target->mount_point = NULL;
	target->mount_count = 0;
	return mounts_walk(each_of_store, target);
}

static bool target_by_mount(struct target *target, const char *named, struct mount_search *search)
{
	struct stat stat_store;

	/* Who may not go there may still ask the mount; whoever opens the store is told then. */
	if (stat(search->store, &stat_store) != 0 && errno != EACCES) {
		complain("%s is a mounted inkfs, but its store %s cannot be reached: %s", named,
			 search->store, strerror(errno));
		return false;
	}
	target->store = search->store;
	target->mount_point = search->covering;
	target->is_by_mount = true;
	search->store = search->covering = NULL;
	return mounts_walk(each_of_store, target);
}

static bool target_find(struct target *target, const char *named, char **real,
			struct mount_search *search)
{
	struct covering_ctx covering = { .search = search, .path = *real };

	if (!mounts_walk(each_covering, &covering))
		return false;
	if (search->has_failed) {
		complain("out of memory");
		return false;
	}
	if (search->store && strcmp(search->covering, *real) == 0)
		return target_by_mount(target, named, search);
	if (search->store) {
		complain(
			"%s lies within the inkfs mounted at %s; name that mount point, or its store %s",
			named, search->covering, search->store);
		return false;
	}
	target->store = *real;
	*real = NULL;
	return target_refresh(target);
}

bool target_init(struct target *target, const char *named)
{
	struct mount_search search = { 0 };
	char *real = resolve(named);
	bool is_found;

	*target = (struct target){ 0 };
	if (!real) {
		complain("cannot open %s: %s; name the folder of a store, or its mount point",
			 *named ? named : "''", strerror(errno));
		return false;
	}
	is_found = target_find(target, named, &real, &search);
	free(real);
	free(search.covering);
	free(search.store);
	if (!is_found)
		target_release(target);
	return is_found;
}

void target_release(struct target *target)
{
	free(target->store);
	free(target->mount_point);
	*target = (struct target){ 0 };
}

bool target_is_dead(const char *path)
{
	struct statvfs answer;

	/* stat() may be answered from what the system remembers. */
	return statvfs(path, &answer) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

/* The only line of @file in @line.  false if there is none, or more. */
static bool read_only_line(FILE *file, char line[static INK_VKEY_SIZE])
{
	size_t size;

	if (!fgets(line, INK_VKEY_SIZE, file))
		return false;
	size = strcspn(line, "\r\n");
	if (line[size] == '\0' && !feof(file))
		return false; /* longer than any key */
	line[size] = '\0';
	return size > 0 && fgetc(file) == EOF && !ferror(file);
}

char *target_vkey(const char *given)
{
	char line[INK_VKEY_SIZE];
	FILE *file;
	bool is_good;

	if (given[0] != '@')
		return strdup(given);
	file = fopen(given + 1, "re");
	if (!file) {
		complain("cannot read the key file %s: %s", given + 1, strerror(errno));
		return NULL;
	}
	is_good = read_only_line(file, line);
	fclose(file);
	if (!is_good) {
		complain(
			"the key file %s is not one line with a verification key; give the line that 'inkfs init' printed",
			given + 1);
		return NULL;
	}
	return strdup(line);
}

int target_whole_vkey(const char *cmd, const char *given, char **ret_vkey)
{
	*ret_vkey = target_vkey(given);
	if (!*ret_vkey)
		return EXIT_UNCHECKED;
	if (ink_vkey_is_valid(*ret_vkey))
		return EXIT_GOOD;
	free(*ret_vkey);
	*ret_vkey = NULL;
	return usage_error(
		cmd,
		"--key takes the line that 'inkfs init' printed, or @FILE for a file with it; this is no verification key");
}
