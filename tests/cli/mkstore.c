/* SPDX-License-Identifier: MIT */
/*
 * Fill a store for the tests of the command line, as a driver would: mkstore STORE [OPTION…]
 *
 *   keys=DIR   key files are there
 *   rotate     with the profile rotate, and names that change
 *   varied=N   with the profile rotate, N records by many processes: names given, changed and taken away, refusals
 *   many=N     N more appends to /many
 *   sealed     each write is signed by itself
 *   hold       when done, print "ready" and stay mounted until stdin ends
 *   unclean    die without closing
 *
 * Exit 0; 1 having said what failed; 77 if the store could not be opened (its sentence on stderr).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inkfs/store.h"

/* As an interval: no thread records anything by itself, however slow the machine.  The tests know each record by its number. */
enum { AN_HOUR_MS = 3600000 };

#define ODD_NAME "odd \x1b[31m\xff\n"
#define CONTAINER_GROUP \
	"/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"
#define ODD_TEXT "red \x1b[31m\xc3\xa4\n"

static void must(enum ink_err err, enum ink_err expected, const char *what)
{
	if (err == expected)
		return;
	fprintf(stderr, "mkstore: %s: %s (code %d, errno %d)\n", what, ink_err_text(err), (int)err,
		errno);
	exit(1);
}

static struct ink_caller make_actor(struct ink_store *store)
{
	struct ink_caller caller = { .uid = 1000, .gid = 100 };
	struct ink_body_actor body = { .pid = 4711,
				       .ppid = 1,
				       .start_time = 99,
				       .login_uid = 1000,
				       .session_id = 5,
				       .known = INK_KNOWN_PROCESS | INK_KNOWN_LOGIN |
						INK_KNOWN_SESSION | INK_KNOWN_COMM | INK_KNOWN_EXE |
						INK_KNOWN_ENVIRON,
				       .comm = { "make", 4 },
				       .exe = { "/usr/bin/make", 13 },
				       .ci_system = { "gitlab", 6 },
				       .ci_count = 1 };

	body.ci[0].name = (struct ink_str){ "CI_JOB_ID", 9 };
	body.ci[0].value = (struct ink_str){ "17", 2 };
	must(ink_actor(store, caller.uid, caller.gid, &body, &caller.actor), INK_OK, "actor");
	return caller;
}

static uint64_t make(struct ink_store *store, const struct ink_caller *caller, uint64_t parent,
		     const char *name, uint32_t mode, const char *target)
{
	struct ink_attr attr;

	must(ink_make(store, caller, parent, name, mode, target, &attr), INK_OK, name);
	return attr.inode;
}

static void append(struct ink_store *store, const struct ink_caller *caller, uint64_t inode,
		   const char *text)
{
	must(ink_append(store, caller, inode, INK_AT_END, text, strlen(text), false), INK_OK,
	     "append");
}

static void try_long_names(struct ink_store *store, const struct ink_caller *caller)
{
	char name[258];
	struct ink_attr attr;

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	must(ink_make(store, caller, INK_ROOT_INODE, name, S_IFREG | 0644, NULL, &attr),
	     INK_ERR_LIMIT, "a name of 256 bytes");
	name[255] = '\0';
	make(store, caller, INK_ROOT_INODE, name, S_IFREG | 0644, NULL);
}

static void try_refused(struct ink_store *store, const struct ink_caller *caller, uint64_t jobs,
			uint64_t log)
{
	struct ink_body_denied ioctl = {
		.op = INK_OP_IOCTL, .errno_code = EPERM, .count = 1, .flags = 0x40086602
	};

	must(ink_truncate(store, caller, log, 1), INK_ERR_DENIED, "truncate");
	must(ink_append(store, caller, log, 0, "x", 1, false), INK_ERR_DENIED, "overwrite");
	must(ink_unlink(store, caller, jobs, "build.log", false), INK_ERR_DENIED, "unlink");
	must(ink_denied(store, caller, log, &ioctl), INK_ERR_DENIED, "ioctl");
}

static void fill(struct ink_store *store, const struct ink_caller *caller)
{
	struct ink_setattr change = { .mask = INK_ATTR_MODE, .mode = 0600 };
	struct ink_attr attr;
	uint64_t jobs = make(store, caller, INK_ROOT_INODE, "jobs", S_IFDIR | 0755, NULL);
	uint64_t log = make(store, caller, jobs, "build.log", S_IFREG | 0644, NULL);
	uint64_t odd = make(store, caller, INK_ROOT_INODE, ODD_NAME, S_IFREG | 0644, NULL);

	make(store, caller, INK_ROOT_INODE, "current", S_IFLNK | 0777, "jobs/build.log");
	append(store, caller, log, "one\n");
	append(store, caller, log, "two\n");
	append(store, caller, odd, ODD_TEXT);
	must(ink_setattr(store, caller, log, &change, &attr), INK_OK, "setattr");
	try_refused(store, caller, jobs, log);
	try_long_names(store, caller);
	must(ink_seal(store, log), INK_OK, "seal");
}

static void fill_rotated(struct ink_store *store, const struct ink_caller *caller)
{
	struct ink_attr attr;
	uint64_t log = make(store, caller, INK_ROOT_INODE, "app.log", S_IFREG | 0644, NULL);

	append(store, caller, log, "before\n");
	must(ink_rename(store, caller, INK_ROOT_INODE, "app.log", INK_ROOT_INODE, "app.log.1", 0),
	     INK_OK, "rename");
	append(store, caller, log, "after\n");
	must(ink_link(store, caller, log, INK_ROOT_INODE, "app.log.link", &attr), INK_OK, "link");
	must(ink_unlink(store, caller, INK_ROOT_INODE, "app.log.link", false), INK_OK, "unlink");
}

/* What would give a file another name, refused. */
static void fill_kept_names(struct ink_store *store, const struct ink_caller *caller)
{
	struct ink_attr attr;
	uint64_t folder = make(store, caller, INK_ROOT_INODE, "sub", S_IFDIR | 0755, NULL);
	uint64_t log = make(store, caller, INK_ROOT_INODE, "kept.log", S_IFREG | 0644, NULL);

	append(store, caller, log, "kept\n");
	for (int i = 0; i < 2; i++)
		must(ink_rename(store, caller, INK_ROOT_INODE, "kept.log", folder, "moved", 0),
		     INK_ERR_DENIED, "rename");
	must(ink_rename(store, caller, INK_ROOT_INODE, "kept.log", INK_ROOT_INODE, "other", 0),
	     INK_ERR_DENIED, "rename");
	must(ink_link(store, caller, log, folder, "further", &attr), INK_ERR_DENIED, "link");
}

/* Lines in pieces: by two processes, over records, and one at the end without line feed. */
static void fill_pieces(struct ink_store *store, const struct ink_caller *caller)
{
	/* In a container. */
	struct ink_body_actor body = { .pid = 4712,
				       .known = INK_KNOWN_COMM | INK_KNOWN_CGROUP,
				       .comm = { "cc", 2 },
				       .cgroup = { CONTAINER_GROUP, sizeof(CONTAINER_GROUP) - 1 } };
	struct ink_caller other = { .uid = 1001, .gid = 100 };
	uint64_t one = make(store, caller, INK_ROOT_INODE, "pieces", S_IFREG | 0644, NULL);
	uint64_t two = make(store, caller, INK_ROOT_INODE, "between", S_IFREG | 0644, NULL);

	must(ink_actor(store, other.uid, other.gid, &body, &other.actor), INK_OK, "actor");
	append(store, caller, one, "first\nsec");
	append(store, caller, two, "error: between\n");
	append(store, &other, one, "ond err");
	append(store, caller, one, "or\nthird: no Error\nfourth\n");
	append(store, &other, two, "x\n");
	append(store, &other, one, "fifth\n");
	append(store, &other, one, "last");
}

static void fill_many(struct ink_store *store, const struct ink_caller *caller, long count)
{
	uint64_t many = make(store, caller, INK_ROOT_INODE, "many", S_IFREG | 0644, NULL);
	char line[64];

	for (long i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "line %ld\n", i);
		append(store, caller, many, line);
	}
}

/* --- a varied history ------------------------------------------------------------------- */

enum {
	FOLDER_COUNT = 4,
	FILE_COUNT = 24,
	ACTOR_EVERY = 150,
	BUSY_EVERY = 3000,
	BUSY_COUNT = 200,
	CHANGE_EVERY = 6
};

struct varied {
	struct ink_store *store;
	struct ink_caller caller;
	uint64_t folders[FOLDER_COUNT];
	/* Where each file is; 0: nowhere yet. */
	struct {
		uint64_t inode, folder;
		char name[16];
	} files[FILE_COUNT];
	uint64_t random;
	unsigned actor_count, name_count;
	unsigned first_name; /* other names in each run */
};

static unsigned pick(struct varied *v, unsigned count)
{
	v->random = v->random * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(v->random >> 33) % count;
}

static void change_actor(struct varied *v)
{
	static const char *const comms[] = { "make", "cc", "sh", "logger", "nginx" };
	unsigned number = v->actor_count++;
	const char *comm = comms[number % 5];
	struct ink_body_actor body = { .pid = 2000 + number,
				       .ppid = 1,
				       .start_time = number,
				       .login_uid = 1000 + number % 3,
				       .known = INK_KNOWN_PROCESS | INK_KNOWN_COMM |
						(number % 4 ? INK_KNOWN_LOGIN : 0) };
	char job[16];

	body.comm = (struct ink_str){ comm, (uint32_t)strlen(comm) };
	if (number % 3 != 0) {
		body.ci_system = (struct ink_str){ "gitlab-ci", 9 };
		body.ci_count = 1;
		body.ci[0].name = (struct ink_str){ "CI_JOB_ID", 9 };
		body.ci[0].value =
			(struct ink_str){ job, (uint32_t)snprintf(job, 16, "%u", number) };
	}
	v->caller = (struct ink_caller){ .uid = number % 7 ? 1000 + number % 4 : 0, .gid = 100 };
	must(ink_actor(v->store, v->caller.uid, v->caller.gid, &body, &v->caller.actor), INK_OK,
	     "actor");
}

/* What happens to one file is seldom anything but a line more. */
static void change_file(struct varied *v, unsigned at)
{
	uint64_t folder = v->folders[pick(v, FOLDER_COUNT)], inode = v->files[at].inode;
	char name[16], *old = v->files[at].name;
	struct ink_setattr change = { .mask = INK_ATTR_MODE, .mode = 0640 };
	struct ink_attr attr;

	snprintf(name, sizeof(name), "%c%u.log", 'a' + (int)pick(v, 4),
		 v->first_name + v->name_count++);
	switch (inode == 0 ? 0 : pick(v, 8)) {
	case 0:
		v->files[at].inode = make(v->store, &v->caller, folder, name, S_IFREG | 0644, NULL);
		v->files[at].folder = folder;
		strcpy(old, name);
		break;
	case 1:
		if (ink_rename(v->store, &v->caller, v->files[at].folder, old, folder, name, 0) !=
		    INK_OK)
			break;
		v->files[at].folder = folder;
		strcpy(old, name);
		break;
	case 2:
		must(ink_link(v->store, &v->caller, inode, folder, name, &attr), INK_OK, "link");
		append(v->store, &v->caller, inode, "by two names\n");
		must(ink_unlink(v->store, &v->caller, folder, name, false), INK_OK, "unlink");
		break;
	case 3:
		must(ink_link(v->store, &v->caller, inode, folder, name, &attr), INK_OK, "link");
		break;
	case 4:
		must(ink_setattr(v->store, &v->caller, inode, &change, &attr), INK_OK, "setattr");
		break;
	case 5:
		must(ink_truncate(v->store, &v->caller, inode, 0), INK_ERR_DENIED, "truncate");
		break;
	case 6:
		make(v->store, &v->caller, folder, name, S_IFDIR | 0755, NULL);
		must(ink_unlink(v->store, &v->caller, folder, name, true), INK_OK, "rmdir");
		break;
	default:
		make(v->store, &v->caller, folder, name, S_IFLNK | 0777, old);
		/* Done or refused, as the rotation of logs has it: both are records. */
		(void)!ink_rename(v->store, &v->caller, folder, name, INK_ROOT_INODE, name, 0);
		break;
	}
}

static void fill_varied(struct ink_store *store, long count)
{
	struct varied v = { .store = store,
			    .random = (uint64_t)count,
			    .first_name = (unsigned)count };
	struct ink_attr attr;
	char line[64];

	change_actor(&v);
	v.folders[0] = INK_ROOT_INODE;
	for (unsigned i = 1; i < FOLDER_COUNT; i++) {
		snprintf(line, sizeof(line), "folder%u", i);
		v.folders[i] = ink_lookup(store, v.folders[i / 2], line, &attr) == INK_OK
				       ? attr.inode
				       : make(store, &v.caller, v.folders[i / 2], line,
					      S_IFDIR | 0755, NULL);
	}
	for (long i = 0; i < count; i++) {
		/* Few files at a time, and names that change at times. */
		unsigned at = (unsigned)(i * FILE_COUNT / count + pick(&v, 2)) % FILE_COUNT;

		if (i % ACTOR_EVERY == ACTOR_EVERY - 1)
			change_actor(&v);
		if (v.files[at].inode == 0 ||
		    (i % BUSY_EVERY < BUSY_COUNT && pick(&v, CHANGE_EVERY) == 0))
			change_file(&v, at);
		snprintf(line, sizeof(line), "line %ld\n", i);
		append(store, &v.caller, v.files[at].inode, line);
	}
}

int main(int argc, char **argv)
{
	struct ink_options options = { .mount_point = "/mnt/log", .mount_options = "rw" };
	struct ink_store *store;
	struct ink_error error = { 0 };
	struct ink_caller caller;
	bool is_held = false, is_unclean = false, has_pieces = false, keeps_names = false;
	long many_count = 0, varied_count = 0;

	if (argc < 2)
		return 1;
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "keys=", 5) == 0)
			options.keys_dir = argv[i] + 5;
		else if (strcmp(argv[i], "rotate") == 0)
			options.profile = INK_PROFILE_ROTATE;
		else if (strncmp(argv[i], "varied=", 7) == 0)
			varied_count = strtol(argv[i] + 7, NULL, 10);
		else if (strncmp(argv[i], "many=", 5) == 0)
			many_count = strtol(argv[i] + 5, NULL, 10);
		else if (strcmp(argv[i], "sealed") == 0)
			options.seal_mode = INK_SEAL_MODE_WRITE;
		else if (strcmp(argv[i], "pieces") == 0)
			has_pieces = true;
		else if (strcmp(argv[i], "names") == 0)
			keeps_names = true;
		else if (strcmp(argv[i], "hold") == 0)
			is_held = true;
		else if (strcmp(argv[i], "unclean") == 0)
			is_unclean = true;
		else
			return 1;
	}
	if (varied_count > 0)
		options.profile = INK_PROFILE_ROTATE;
	else if (many_count == 0 && !is_held)
		options.seal_interval_ms = options.sync_interval_ms = AN_HOUR_MS;
	if (ink_store_open(argv[1], &options, &store, &error) != INK_OK) {
		fprintf(stderr, "%s\n", error.text);
		return 77;
	}
	caller = make_actor(store);
	if (varied_count > 0)
		fill_varied(store, varied_count);
	else if (options.profile == INK_PROFILE_ROTATE)
		fill_rotated(store, &caller);
	else if (keeps_names)
		fill_kept_names(store, &caller);
	else if (has_pieces)
		fill_pieces(store, &caller);
	else if (many_count > 0)
		fill_many(store, &caller, many_count);
	else
		fill(store, &caller);
	if (is_held) {
		must(ink_sync(store), INK_OK, "sync");
		puts("ready");
		fflush(stdout);
		while (getchar() != EOF)
			continue;
	}
	if (is_unclean) {
		must(ink_sync(store), INK_OK, "sync");
		_exit(0);
	}
	must(ink_store_close(store, INK_UNMOUNT_ASKED), INK_OK, "close");
	return 0;
}
