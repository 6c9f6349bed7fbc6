/* SPDX-License-Identifier: MIT */
/*
 * Make stores of several shapes for test_agree.sh, through the public interface only.
 *
 *   mkformat SHAPE STORE       prints the verification key
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inkfs/store.h"

enum { SEGMENT_SIZE = 2 << 20, MANY_COUNT = 600, BUSY_COUNT = 16384, BUSY_PAUSE_US = 16000 };

static const struct ink_caller caller = { .uid = 1000, .gid = 1000 };

static void check(enum ink_err err, const char *what)
{
	if (err != INK_OK) {
		fprintf(stderr, "mkformat: %s: %s\n", what, ink_err_text(err));
		exit(1);
	}
}

static void check_denied(enum ink_err err, const char *what)
{
	if (err != INK_ERR_DENIED) {
		fprintf(stderr, "mkformat: %s was not refused\n", what);
		exit(1);
	}
}

static void init_store(const char *path)
{
	const struct ink_init_options options = { .origin = "agree", .segment_size = SEGMENT_SIZE };
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;

	if (ink_store_init(path, &options, vkey, &error) != INK_OK) {
		fprintf(stderr, "mkformat: %s\n", error.text);
		exit(1);
	}
	puts(vkey);
	fflush(stdout);
}

/* @interval_ms: until a seal, or a sync, that nobody asked for; 0: as long as usual. */
static struct ink_store *open_store_with(const char *path, uint32_t interval_ms)
{
	const struct ink_options options = {
		.profile = INK_PROFILE_ROTATE,
		.audit = INK_AUDIT_READS,
		.mount_point = "/mnt/agree",
		.mount_options = "profile=rotate",
		.seal_interval_ms = interval_ms,
		.sync_interval_ms = interval_ms,
	};
	struct ink_store *store;
	struct ink_error error;

	if (ink_store_open(path, &options, &store, &error) != INK_OK) {
		fprintf(stderr, "mkformat: %s\n", error.text);
		exit(1);
	}
	return store;
}

/* No thread records anything by itself: the test knows each record by its number. */
static struct ink_store *open_store(const char *path)
{
	return open_store_with(path, 3600000);
}

static uint64_t make(struct ink_store *store, uint64_t parent, const char *name, uint32_t mode,
		     const char *target)
{
	struct ink_attr attr;

	check(ink_make(store, &caller, parent, name, mode, target, &attr), name);
	return attr.inode;
}

static void append(struct ink_store *store, uint64_t inode, const void *data, size_t size)
{
	check(ink_append(store, &caller, inode, INK_AT_END, data, size, false), "append");
}

static uint64_t make_actor(struct ink_store *store)
{
	struct ink_body_actor body = {
		.pid = 4711,
		.ppid = 1,
		.start_time = 99,
		.known = INK_KNOWN_PROCESS | INK_KNOWN_COMM | INK_KNOWN_ENVIRON,
		.comm = { "make", 4 },
		.ci_system = { "gitlab", 6 },
		.ci_count = 1,
		.ci = { { { "CI_JOB_ID", 9 }, { "17", 2 } } },
	};
	uint64_t actor;

	check(ink_actor(store, 1000, 1000, &body, &actor), "actor");
	return actor;
}

/* What may be refused, and is recorded. */
static void try_forbidden(struct ink_store *store, const struct ink_caller *who, uint64_t folder,
			  uint64_t file)
{
	const struct ink_body_denied xattr = { .op = INK_OP_SETXATTR,
					       .errno_code = EPERM,
					       .count = 1,
					       .name = { "user.inkfs.seq", 14 } };

	check_denied(ink_append(store, who, file, 1, "x", 1, false), "a write inside");
	check_denied(ink_truncate(store, who, file, 0), "a truncation");
	check_denied(ink_unlink(store, who, folder, "b.log", false), "the removal of content");
	check_denied(ink_denied(store, who, file, &xattr), "what the driver refused");
}

/* Every kind of record that the interface can make. */
static void fill_session(struct ink_store *store)
{
	struct ink_caller who = caller;
	struct ink_attr attr;
	uint64_t dir = make(store, INK_ROOT_INODE, "logs", S_IFDIR | 0755, NULL);
	uint64_t old = make(store, INK_ROOT_INODE, "old", S_IFDIR | 0750, NULL);
	uint64_t file = make(store, dir, "a.log", S_IFREG | 0644, NULL);
	const struct ink_setattr change = { .mask = INK_ATTR_MODE | INK_ATTR_MTIME,
					    .mode = 0600,
					    .mtime_ns = 1234567890 };

	who.actor = make_actor(store);
	check(ink_open(store, &who, file, 1), "open");
	append(store, file, "one line\n", 9);
	append(store, file, "one line\n", 9);
	check(ink_append(store, &who, file, 18, "third\n", 6, true), "append");
	check(ink_seal(store, file), "seal");
	make(store, INK_ROOT_INODE, "last", S_IFLNK | 0777, "logs/a.log");
	check(ink_setattr(store, &who, file, &change, &attr), "setattr");
	check(ink_rename(store, &who, dir, "a.log", dir, "b.log", 0), "rename");
	check(ink_link(store, &who, file, old, "c.log", &attr), "link");
	append(store, file, "fourth\n", 7);
	make(store, dir, "empty", S_IFREG | 0644, NULL);
	check(ink_unlink(store, &who, dir, "empty", false), "unlink");
	check(ink_unlink(store, &who, old, "c.log", false), "unlink");
	make(store, INK_ROOT_INODE, "none", S_IFDIR | 0755, NULL);
	check(ink_unlink(store, &who, INK_ROOT_INODE, "none", true), "rmdir");
	check(ink_rename(store, &who, INK_ROOT_INODE, "old", dir, "older", 0), "rename");
	try_forbidden(store, &who, dir, file);
	check(ink_release(store, &who, file, 1), "release");
	check(ink_sync(store), "sync");
}

static void shape_small(const char *path)
{
	struct ink_store *store = open_store(path);
	uint64_t file;

	fill_session(store);
	check(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
	store = open_store(path);
	file = make(store, INK_ROOT_INODE, "second", S_IFREG | 0640, NULL);
	append(store, file, "again\n", 6);
	check(ink_store_close(store, INK_UNMOUNT_SIGNAL), "close");
}

/* Three segments, from appends that are larger than a run. */
static void shape_big(const char *path)
{
	static char data[1 << 20];
	struct ink_store *store = open_store(path);
	uint64_t file = make(store, INK_ROOT_INODE, "big", S_IFREG | 0644, NULL);
	uint64_t other = make(store, INK_ROOT_INODE, "other", S_IFREG | 0644, NULL);

	for (int i = 0; i < 4; i++) {
		memset(data, 'a' + i, sizeof(data));
		append(store, file, data, sizeof(data));
		append(store, other, data, 30000);
		append(store, other, data, 40000);
		append(store, file, data, 1);
	}
	check(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
}

/* Enough records for tiles, several leaf pages, and folders of many names. */
static void shape_many(const char *path)
{
	struct ink_store *store = open_store(path);
	uint64_t dir = make(store, INK_ROOT_INODE, "d", S_IFDIR | 0755, NULL);

	for (int i = 0; i < MANY_COUNT; i++) {
		char name[32];
		uint64_t file;

		snprintf(name, sizeof(name), "file-%d", i * 7919 % MANY_COUNT);
		file = make(store, i % 3 ? dir : INK_ROOT_INODE, name, S_IFREG | 0644, NULL);
		append(store, file, name, strlen(name));
	}
	check(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
}

/* A process that dies without closing: one synced session, then records that are not. */
static void shape_killed(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct ink_store *store = open_store(path);

		fill_session(store);
		append(store, make(store, INK_ROOT_INODE, "late", S_IFREG | 0644, NULL), "late\n",
		       5);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		exit(1);
}

static void shape_recovered(const char *path)
{
	shape_killed(path);
	check(ink_store_close(open_store(path), INK_UNMOUNT_ASKED), "close");
}

/* As a power cut may leave it: the last record's end never came to the disk. */
static void shape_torn(const char *path)
{
	char segment[4096];
	int last = 0, at = 0, byte;
	FILE *file;

	shape_killed(path);
	snprintf(segment, sizeof(segment), "%s/log/0000000000.seg", path);
	file = fopen(segment, "r");
	while (file && (byte = getc(file)) != EOF) {
		at++;
		if (byte != 0)
			last = at;
	}
	if (!file || fclose(file) != 0 || truncate(segment, last - 3) != 0)
		exit(1);
	check(ink_store_close(open_store(path), INK_UNMOUNT_ASKED), "close");
}

/* A writer that both verifiers look at while it writes: some seconds, then a good end. */
static void shape_busy(const char *path)
{
	struct ink_store *store = open_store_with(path, 0);
	uint64_t file = make(store, INK_ROOT_INODE, "busy", S_IFREG | 0644, NULL);

	for (int i = 0; i < BUSY_COUNT; i++) {
		char name[32];

		append(store, file, "another line\n", 13);
		if (i % 64 == 0) {
			snprintf(name, sizeof(name), "file-%d", i);
			make(store, INK_ROOT_INODE, name, S_IFREG | 0644, NULL);
			usleep(BUSY_PAUSE_US);
		}
	}
	check(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
}

static void shape_fresh(const char *path)
{
	(void)path;
}

static const struct {
	const char *name;
	void (*make)(const char *path);
} shapes[] = {
	{ "fresh", shape_fresh }, { "small", shape_small },   { "big", shape_big },
	{ "many", shape_many },   { "killed", shape_killed }, { "recovered", shape_recovered },
	{ "torn", shape_torn },   { "busy", shape_busy },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(argv[1], shapes[i].name) == 0) {
			init_store(argv[2]);
			shapes[i].make(argv[2]);
			return 0;
		}
	}
	fputs("usage: mkformat fresh|small|big|many|killed|recovered|torn|busy STORE\n", stderr);
	return 2;
}
