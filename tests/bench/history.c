/* SPDX-License-Identifier: MIT */
/*
 * Make a store with a long history, as a build farm leaves it: history STORE RECORDS [FILES [SIZE]]
 *
 * RECORDS appends to FILES files (500) by 2,000 CI jobs, four at a time: a line of 85 bytes each, or as many as SIZE
 * bytes hold.  In between, one in ten thousand, somebody (uid 4242, "intruder") is refused to remove a file.  The last
 * thing is one append to /needle.log by a process of its own ("needle", uid 4243, job 102001).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inkfs/store.h"

enum {
	FILE_COUNT_MAX = 500,
	JOB_COUNT = 2000,
	AT_ONCE = 4,
	TURN_SIZE = 50,
	LINE_SIZE = 85,
	REFUSAL_EVERY = 10000
};

static void must(enum ink_err err, enum ink_err expected, const char *what)
{
	if (err == expected)
		return;
	fprintf(stderr, "history: %s: %s\n", what, ink_err_text(err));
	exit(1);
}

static struct ink_caller make_actor(struct ink_store *store, unsigned number, uint32_t uid,
				    const char *comm)
{
	struct ink_caller caller = { .uid = uid, .gid = 100 };
	struct ink_body_actor body = { .pid = 1000 + number,
				       .ppid = 1,
				       .start_time = number,
				       .login_uid = uid,
				       .known = INK_KNOWN_PROCESS | INK_KNOWN_LOGIN |
						INK_KNOWN_COMM | INK_KNOWN_EXE | INK_KNOWN_ENVIRON,
				       .comm = { comm, (uint32_t)strlen(comm) },
				       .exe = { "/usr/bin/make", 13 },
				       .ci_system = { "gitlab-ci", 9 },
				       .ci_count = 1 };
	char job[16];
	int size = snprintf(job, sizeof(job), "%u", 100000 + number);

	body.ci[0].name = (struct ink_str){ "CI_JOB_ID", 9 };
	body.ci[0].value = (struct ink_str){ job, (uint32_t)size };
	must(ink_actor(store, caller.uid, caller.gid, &body, &caller.actor), INK_OK, "actor");
	return caller;
}

static uint64_t make_file(struct ink_store *store, const struct ink_caller *caller,
			  const char *name)
{
	struct ink_attr attr;

	must(ink_make(store, caller, INK_ROOT_INODE, name, S_IFREG | 0644, NULL, &attr), INK_OK,
	     name);
	return attr.inode;
}

struct shape {
	unsigned long record_count, file_count;
	size_t record_size;
	char *record;
};

/* Each line is another one; a record holds one at least. */
static void append(struct ink_store *store, const struct shape *shape,
		   const struct ink_caller *caller, uint64_t inode, unsigned long number)
{
	unsigned long line = number * (shape->record_size / LINE_SIZE);
	char *end = shape->record;

	for (; (size_t)(end - shape->record) + LINE_SIZE <= shape->record_size; line++)
		end += sprintf(
			end,
			"%010lu cc -O2 -Wall -Wextra -c -o obj/part_%06lu.o src/part_%06lu.c # as ever.\n",
			line % 10000000000, line % 999983, line % 999979);
	must(ink_append(store, caller, inode, INK_AT_END, shape->record,
			(size_t)(end - shape->record), false),
	     INK_OK, "append");
}

/* The jobs run one after the other, AT_ONCE of them at a time. */
static void fill(struct ink_store *store, const struct shape *shape)
{
	static struct ink_caller jobs[JOB_COUNT];
	static uint64_t files[FILE_COUNT_MAX];
	struct ink_caller intruder = { 0 };
	unsigned long started = 0, per_job = shape->record_count / JOB_COUNT + 1;
	char name[32];

	for (unsigned long i = 0; i < shape->record_count; i++) {
		unsigned long turn = i / TURN_SIZE, newest = i / per_job;

		for (; started <= newest; started++) {
			jobs[started] = make_actor(store, (unsigned)started,
						   (uint32_t)(1000 + started % 7), "make");
			if (started >= shape->file_count)
				continue;
			snprintf(name, sizeof(name), "build-%03lu.log", started);
			files[started] = make_file(store, &jobs[started], name);
		}
		newest -= turn % AT_ONCE < newest ? turn % AT_ONCE : newest;
		append(store, shape, &jobs[newest], files[newest % shape->file_count], i);
		if (i % REFUSAL_EVERY != REFUSAL_EVERY - 1)
			continue;
		if (intruder.actor == 0)
			intruder = make_actor(store, JOB_COUNT, 4242, "intruder");
		must(ink_unlink(store, &intruder, INK_ROOT_INODE, "build-000.log", false),
		     INK_ERR_DENIED, "unlink");
	}
	intruder = make_actor(store, JOB_COUNT + 1, 4243, "needle");
	append(store, shape, &intruder, make_file(store, &intruder, "needle.log"),
	       shape->record_count);
}

static bool parse(int argc, char **argv, struct shape *shape)
{
	if (argc < 3 || argc > 5)
		return false;
	shape->record_count = strtoul(argv[2], NULL, 10);
	if (argc > 3)
		shape->file_count = strtoul(argv[3], NULL, 10);
	if (argc > 4)
		shape->record_size = strtoul(argv[4], NULL, 10);
	shape->record = malloc(shape->record_size + 1);
	return shape->record && shape->record_count > 0 && shape->file_count > 0 &&
	       shape->file_count <= FILE_COUNT_MAX && shape->record_size >= LINE_SIZE &&
	       shape->record_size <= INK_APPEND_SIZE_MAX;
}

int main(int argc, char **argv)
{
	const struct ink_init_options init = { .origin = "history.example" };
	const struct ink_options options = { 0 };
	struct shape shape = { .file_count = FILE_COUNT_MAX, .record_size = LINE_SIZE };
	char vkey[INK_VKEY_SIZE];
	struct ink_store *store;
	struct ink_error error;

	if (!parse(argc, argv, &shape)) {
		fputs("usage: history STORE RECORDS [FILES [SIZE]]\n", stderr);
		return 2;
	}
	must(ink_store_init(argv[1], &init, vkey, &error), INK_OK, "init");
	must(ink_store_open(argv[1], &options, &store, &error), INK_OK, "open");
	fill(store, &shape);
	must(ink_store_close(store, INK_UNMOUNT_ASKED), INK_OK, "close");
	free(shape.record);
	return 0;
}
