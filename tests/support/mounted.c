/* SPDX-License-Identifier: MIT */
#include "mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

/* For atexit(); a test program has one mount at a time. */
static struct mounted *mounted_now;
static pid_t owner_pid;

static void release_at_exit(void)
{
	if (mounted_now && getpid() == owner_pid)
		mounted_release(mounted_now);
}

static bool can_find(const char *program)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path ? path : "/usr/bin:/bin"), *state = NULL;
	bool is_found = false;

	for (char *dir = strtok_r(copy, ":", &state); dir && !is_found;
	     dir = strtok_r(NULL, ":", &state)) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", dir, program);
		is_found = access(file, X_OK) == 0;
	}
	free(copy);
	return is_found;
}

bool mounted_is_possible(void)
{
	if (!can_find("mount.inkfs")) {
		puts("mount.inkfs is not in PATH");
		return false;
	}
	if (access("/dev/fuse", F_OK) != 0) {
		puts("there is no /dev/fuse here");
		return false;
	}
	if (geteuid() != 0 && !can_find("fusermount3")) {
		puts("not root, and there is no fusermount3");
		return false;
	}
	return true;
}

int reap(pid_t child)
{
	int status;
	pid_t got;

	do
		got = waitpid(child, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_program(const char *const *argv)
{
	pid_t child = fork();

	if (child == 0) {
		execvp(argv[0], (char *const *)argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return child < 0 ? -1 : reap(child);
}

void become(uid_t uid, gid_t gid)
{
	if (geteuid() != 0 && geteuid() == uid)
		return;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		_exit(250);
}

void mounted_init(struct mounted *m)
{
	struct ink_init_options options = { .origin = "example.org/mount", .root_mode = 0777 };
	struct ink_error error = { 0 };
	char vkey[INK_VKEY_SIZE];

	memset(m, 0, sizeof(*m));
	scratch_dir(m->dir);
	scratch_path(m->dir, "store", m->store);
	scratch_path(m->dir, "mnt", m->point);
	assert_int_equal(chmod(m->dir, 0755), 0);
	assert_int_equal(mkdir(m->point, 0755), 0);
	if (ink_store_init(m->store, &options, vkey, &error) != INK_OK)
		fail_msg("%s", error.text);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!owner_pid)
		atexit(release_at_exit);
	owner_pid = getpid();
	mounted_now = m;
}

/* The last MOUNT says who it is; that number is what has to be waited for and may be killed. */
static pid_t find_driver(const struct mounted *m)
{
	struct ink_reader *reader;
	const struct ink_record *record;
	struct ink_error error;
	union ink_body body;
	pid_t pid = 0;

	if (ink_reader_open(m->store, &reader, &error) != INK_OK)
		return 0;
	while (ink_reader_next(reader, &record) == INK_OK && record) {
		if (record->header.kind == INK_MOUNT &&
		    ink_body_decode(INK_MOUNT, record->body, record->header.body_size, &body) ==
			    INK_OK)
			pid = (pid_t)body.mount.pid;
	}
	ink_reader_close(reader);
	return pid;
}

void mounted_start(struct mounted *m, const char *options)
{
	const char *argv[] = { "mount.inkfs",         m->store, m->point,
			       options ? "-o" : NULL, options,  NULL };

	assert_int_equal(run_program(argv), 0);
	m->is_mounted = true;
	m->driver = find_driver(m);
	assert_true(m->driver > 0 && kill(m->driver, 0) == 0);
}

static bool unmount(const struct mounted *m, bool is_lazy)
{
	const char *argv[] = { "fusermount3", "-u", is_lazy ? "-z" : "-q", m->point, NULL };

	if (geteuid() == 0)
		return umount2(m->point, is_lazy ? MNT_DETACH : 0) == 0;
	return run_program(argv) == 0;
}

void mounted_stop(struct mounted *m)
{
	int status;

	assert_true(m->is_mounted);
	if (!unmount(m, false))
		fail_msg("cannot unmount %s: %s", m->point, strerror(errno));
	m->is_mounted = false;
	status = reap(m->driver);
	m->driver = 0;
	assert_int_equal(status, 0);
}

void mounted_end(struct mounted *m, int signal)
{
	int status;

	assert_true(m->is_mounted && m->driver > 0);
	assert_int_equal(kill(m->driver, signal), 0);
	m->is_mounted = false;
	status = reap(m->driver);
	m->driver = 0;
	assert_int_equal(status, 0);
}

void mounted_kill(struct mounted *m)
{
	assert_true(m->is_mounted && m->driver > 0);
	assert_int_equal(kill(m->driver, SIGKILL), 0);
	assert_int_equal(reap(m->driver), 128 + SIGKILL);
	m->driver = 0;
	assert_true(unmount(m, true));
	m->is_mounted = false;
}

void mounted_release(struct mounted *m)
{
	if (m->is_mounted && !unmount(m, false))
		(void)unmount(m, true);
	if (m->driver > 0 && m->is_mounted) {
		/* A lazy unmount waits for descriptors that a failed test may still hold. */
		kill(m->driver, SIGTERM);
		(void)reap(m->driver);
	}
	m->is_mounted = false;
	m->driver = 0;
	ink_reader_close(m->reader);
	m->reader = NULL;
	free(m->actors);
	m->actors = NULL;
	m->actor_count = 0;
	if (m->dir[0])
		tree_remove(m->dir);
	m->dir[0] = '\0';
	if (mounted_now == m)
		mounted_now = NULL;
}

const char *mounted_path(const struct mounted *m, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	scratch_path(m->point, name, path);
	return path;
}

static void keep_actor(struct mounted *m, const struct seen *seen)
{
	const struct ink_body_actor *body = &seen->body.actor;
	size_t comm_size = body->comm.size < 16 ? body->comm.size : 16;
	struct seen_actor *actor;

	m->actors = realloc(m->actors, (m->actor_count + 1) * sizeof(*m->actors));
	assert_non_null(m->actors);
	actor = &m->actors[m->actor_count++];
	*actor = (struct seen_actor){ .seq = seen->header.seq, .pid = body->pid };
	memcpy(actor->comm, body->comm.data, comm_size);
}

static void keep_record(struct mounted *m, struct seen_list *list, const struct ink_record *record)
{
	struct seen *seen;

	/* Of floods there are tens of thousands, and a sanitizer copies them each time. */
	if ((list->count & (list->count - 1)) == 0) {
		list->items = realloc(list->items, (2 * list->count + 1) * sizeof(*list->items));
		assert_non_null(list->items);
	}
	seen = &list->items[list->count++];
	seen->header = record->header;
	seen->bytes = malloc(record->header.body_size + 1);
	assert_non_null(seen->bytes);
	memcpy(seen->bytes, record->body, record->header.body_size);
	assert_ok(ink_body_decode(record->header.kind, seen->bytes, record->header.body_size,
				  &seen->body));
	if (record->header.kind == INK_ACTOR)
		keep_actor(m, seen);
}

void mounted_records(struct mounted *m, struct seen_list *ret_list)
{
	const struct ink_record *record;
	struct ink_error error = { 0 };

	*ret_list = (struct seen_list){ 0 };
	if (!m->reader && ink_reader_open(m->store, &m->reader, &error) != INK_OK)
		fail_msg("%s", error.text);
	for (;;) {
		assert_ok(ink_reader_next(m->reader, &record));
		if (!record)
			return;
		keep_record(m, ret_list, record);
	}
}

void seen_free(struct seen_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].bytes);
	free(list->items);
	*list = (struct seen_list){ 0 };
}

size_t seen_count(const struct seen_list *list, enum ink_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].header.kind == kind;
	return count;
}

const struct seen *seen_find(const struct seen_list *list, enum ink_kind kind, size_t index)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].header.kind == kind && index-- == 0)
			return &list->items[i];
	fail_msg("no such %s record", ink_kind_name((uint8_t)kind));
	return NULL;
}

const struct seen_actor *seen_actor(const struct mounted *m, const struct seen *seen)
{
	for (size_t i = 0; i < m->actor_count; i++)
		if (m->actors[i].seq == seen->header.actor)
			return &m->actors[i];
	fail_msg("record %llu names no actor", (unsigned long long)seen->header.seq);
	return NULL;
}

const struct ink_body_actor *seen_actor_body(const struct seen_list *list, const struct seen *seen)
{
	if (seen->header.actor == 0)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].header.seq == seen->header.actor)
			return &list->items[i].body.actor;
	fail_msg("the ACTOR of record %llu is not among these",
		 (unsigned long long)seen->header.seq);
	return NULL;
}
