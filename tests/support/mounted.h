/* SPDX-License-Identifier: MIT */
/*
 * A store of its own, mounted by the real mount.inkfs, and the records that come into it.
 *
 * Owns: a folder, the driver's process, the mount.  Knows nothing of: what is tested.  Threads: one.
 *
 * Nothing is waited for by the clock: mount.inkfs ends when the mount is there, and the driver, which is our
 * child then (PR_SET_CHILD_SUBREAPER), is waited for.  What goes wrong fails the test; the teardown must call
 * mounted_release(), which leaves neither mount nor process.  If the program ends otherwise, atexit() does.
 */
#ifndef TEST_MOUNTED_H
#define TEST_MOUNTED_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "inkfs/reader.h"

enum { NOBODY = 65534 };

/* An ACTOR, as far as the tests ask. */
struct seen_actor {
	uint64_t seq;
	uint32_t pid;
	char comm[17];
};

struct mounted {
	char dir[PATH_MAX];   /* these four lie in it; everybody may enter */
	char store[PATH_MAX]; /* made, closed or open */
	char point[PATH_MAX];
	bool is_mounted;
	pid_t driver; /* 0: none */
	struct ink_reader *reader;
	struct seen_actor *actors;
	size_t actor_count;
};

/* A record that outlives the reader's next call. */
struct seen {
	struct ink_header header;
	union ink_body body; /* borrows from @bytes; not decoded for erased records */
	uint8_t *bytes;
};

struct seen_list {
	struct seen *items;
	size_t count;
};

/* False, having said why, where nothing can be mounted: then main() ends with 77. */
bool mounted_is_possible(void);

/* A fresh store whose root folder everybody may write to. */
void mounted_init(struct mounted *m);
/* @options: of -o, or NULL. */
void mounted_start(struct mounted *m, const char *options);
/* Unmount and wait for the driver, which must end well. */
void mounted_stop(struct mounted *m);
/* Send @signal to the driver, which must unmount and end well, whatever is open. */
void mounted_end(struct mounted *m, int signal);
/* kill -9, and take the dead mount away. */
void mounted_kill(struct mounted *m);
/* From any state, never fails. */
void mounted_release(struct mounted *m);

/* @name beneath the mount point; the answer lives until the next four calls. */
const char *mounted_path(const struct mounted *m, const char *name);

/* Records that came since the last call.  To be freed with seen_free(). */
void mounted_records(struct mounted *m, struct seen_list *ret_list);
void seen_free(struct seen_list *list);
size_t seen_count(const struct seen_list *list, enum ink_kind kind);
/* The @index-th of @kind; fails the test if there is none. */
const struct seen *seen_find(const struct seen_list *list, enum ink_kind kind, size_t index);
/* Who wrote it; fails the test if it names no actor. */
const struct seen_actor *seen_actor(const struct mounted *m, const struct seen *seen);
/* The same, all that is recorded of it; NULL if it names none.  Its ACTOR must be in @list. */
const struct ink_body_actor *seen_actor_body(const struct seen_list *list, const struct seen *seen);

/* Run a program to its end; the exit status, 128 and more for a signal. */
int run_program(const char *const *argv);
/* In a child: become @uid and @gid without other groups; _exit(250) if that fails. */
void become(uid_t uid, gid_t gid);
/* Wait for @child; the exit status as run_program() gives it. */
int reap(pid_t child);

#endif
