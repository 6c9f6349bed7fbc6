/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "array.h"
#include "open.h"
#include "text.h"
#include "walk_path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct name {
	char *text;
	uint64_t inode;
};

/* The names of one folder. */
struct listing {
	struct name *names;
	size_t count, capacity;
	bool has_failed;
};

/* Folders that are still to be listed with -R, a stack. */
struct todo {
	char **paths;
	size_t count, capacity;
};

struct ls {
	struct ink_store *store;
	bool is_long, is_recursive, is_first;
	struct todo todo;
	/* Folders listed so far: a damaged index may lead in circles, and a folder has one place only. */
	uint64_t *seen;
	size_t seen_count, seen_capacity;
};

/* --- one folder ---------------------------------------------------------------- */

static bool each_entry(void *ctx, const struct ink_entry *entry)
{
	struct listing *listing = ctx;
	struct name *name;

	if (!array_grow((void **)&listing->names, listing->count, &listing->capacity,
			sizeof(*listing->names))) {
		listing->has_failed = true;
		return false;
	}
	name = &listing->names[listing->count];
	name->inode = entry->inode;
	name->text = strndup(entry->name, entry->name_size);
	listing->has_failed = !name->text;
	listing->count += name->text != NULL;
	return name->text != NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void listing_release(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->names[i].text);
	free(listing->names);
}

static void put_mode(uint32_t mode)
{
	static const char letters[] = "rwxrwxrwx";
	char text[11];

	text[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : '-';
	for (int i = 0; i < 9; i++)
		text[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	text[10] = '\0';
	fputs(text, stdout);
}

static void put_target(struct ls *ls, uint64_t inode)
{
	char target[INK_TARGET_SIZE_MAX + 1];

	fputs(" -> ", stdout);
	if (ink_readlink(ls->store, inode, target) == INK_OK)
		text_put_word(stdout, target, strlen(target));
	else
		putchar('?');
}

static void put_entry(struct ls *ls, const char *name, const struct ink_attr *attr)
{
	char time[TEXT_TIME_SIZE];

	if (ls->is_long) {
		text_time(attr->mtime_ns, time);
		put_mode(attr->mode);
		printf(" %3" PRIu32 " %5" PRIu32 " %5" PRIu32 " %12" PRIu64 " %s ", attr->nlink,
		       attr->uid, attr->gid, attr->size, time);
	}
	text_put_word(stdout, name, strlen(name));
	if (ls->is_long && S_ISLNK(attr->mode))
		put_target(ls, attr->inode);
	putchar('\n');
}

/* --- -R ------------------------------------------------------------------------ */

static bool push_folder(struct ls *ls, const char *folder, const char *name)
{
	struct todo *todo = &ls->todo;
	char *path;

	if (!array_grow((void **)&todo->paths, todo->count, &todo->capacity,
			sizeof(*todo->paths)) ||
	    asprintf(&path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0)
		return false;
	todo->paths[todo->count++] = path;
	return true;
}

/* Note that folder @inode is being listed; false if it was before (or there is no memory to note it). */
static bool note_seen(struct ls *ls, uint64_t inode)
{
	size_t at = 0, end = ls->seen_count;

	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (ls->seen[middle] < inode)
			at = middle + 1;
		else
			end = middle;
	}
	if ((at < ls->seen_count && ls->seen[at] == inode) ||
	    !array_grow((void **)&ls->seen, ls->seen_count, &ls->seen_capacity, sizeof(inode)))
		return false;
	memmove(ls->seen + at + 1, ls->seen + at, (ls->seen_count - at) * sizeof(inode));
	ls->seen[at] = inode;
	ls->seen_count++;
	return true;
}

/* Print the names in order; the folders among them, last one first, are still to do. */
static bool put_listing(struct ls *ls, const char *path, const struct listing *listing)
{
	bool is_good = true;
	size_t first_todo = ls->todo.count;

	for (size_t i = 0; i < listing->count && !ferror(stdout); i++) {
		const struct name *name = &listing->names[i];
		struct ink_attr attr;
		enum ink_err err = ink_getattr(ls->store, name->inode, &attr);

		if (err != INK_OK) {
			complain("%s/%s: %s", path, name->text, reason_of(err));
			is_good = false;
			continue;
		}
		put_entry(ls, name->text, &attr);
		if (ls->is_recursive && S_ISDIR(attr.mode) && !push_folder(ls, path, name->text)) {
			complain("out of memory");
			is_good = false;
		}
	}
	for (size_t i = first_todo, j = ls->todo.count; i + 1 < j; i++, j--) {
		char *swapped = ls->todo.paths[i];

		ls->todo.paths[i] = ls->todo.paths[j - 1];
		ls->todo.paths[j - 1] = swapped;
	}
	return is_good;
}

static bool ls_folder(struct ls *ls, const char *path, uint64_t inode)
{
	struct listing listing = { 0 };
	enum ink_err err;
	bool is_good;

	if (!note_seen(ls, inode)) {
		complain("%s: this folder was there before, in another place; run 'inkfs verify'",
			 path);
		return false;
	}
	if (ls->is_recursive) {
		if (!ls->is_first)
			putchar('\n');
		text_put_word(stdout, path, strlen(path));
		fputs(":\n", stdout);
		ls->is_first = false;
	}
	err = ink_readdir(ls->store, inode, 0, each_entry, &listing);
	if (err == INK_OK && listing.has_failed)
		errno = ENOMEM, err = INK_ERR_IO;
	if (err != INK_OK)
		complain("%s: %s", path, reason_of(err));
	if (listing.count > 0)
		qsort(listing.names, listing.count, sizeof(*listing.names), compare_names);
	is_good = put_listing(ls, path, &listing) && err == INK_OK;
	listing_release(&listing);
	return is_good;
}

static bool ls_path(struct ls *ls, const char *path, bool is_top)
{
	struct ink_attr attr;
	enum ink_err err = walk_path(ls->store, path, false, &attr);

	if (err != INK_OK) {
		complain("%s: %s", path, reason_of(err));
		return false;
	}
	if (S_ISDIR(attr.mode))
		return ls_folder(ls, path, attr.inode);
	if (is_top)
		put_entry(ls, path, &attr);
	return true;
}

static bool ls_all(struct ls *ls, const char *path)
{
	bool is_good = ls_path(ls, path, true);

	while (ls->todo.count > 0) {
		char *next = ls->todo.paths[--ls->todo.count];

		if (!ferror(stdout) && !ls_path(ls, next, false))
			is_good = false;
		free(next);
	}
	free(ls->todo.paths);
	free(ls->seen);
	return is_good;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "long", no_argument, NULL, 'l' },
					       { "recursive", no_argument, NULL, 'R' },
					       { 0 } };
	struct ls ls = { .is_first = true };
	struct target target;
	int option;
	bool is_good;

	while ((option = next_option(argc, argv, ":lR", longs)) != -1) {
		switch (option) {
		case 'l': ls.is_long = true; break;
		case 'R': ls.is_recursive = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (!has_operands(argc, argv, 1, 2, "one store and at most one path in it"))
		return EXIT_USAGE;
	if (!open_target(argv[optind], &target, &ls.store))
		return EXIT_BAD;
	is_good = ls_all(&ls, optind + 1 < argc ? argv[optind + 1] : "/");
	close_target(&target, ls.store);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_ls = {
	.name = "ls",
	.run = run,
	.summary = "list files of a store, mounted or not",
	.usage =
		"usage: inkfs ls [-lR] STORE|MOUNTPOINT [PATH]\n"
		"\n"
		"List a folder of the store, by name.  PATH is counted from the root of the store.\n"
		"\n"
		"  -l, --long       mode, links, uid, gid, size, time of the last change (UTC), name\n"
		"  -R, --recursive  folders in it too\n"
		"\n"
		"A name with a space, a quote, a backslash or what could drive a terminal stands in quotes, with\n"
		"such bytes as \\xHH.\n"
		"\n"
		"example:\n"
		"  inkfs ls -lR /srv/ci-log /jobs\n",
};
