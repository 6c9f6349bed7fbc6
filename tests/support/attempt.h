/* SPDX-License-Identifier: MIT */
/*
 * A system call that a mount refuses: the error, the content afterwards, and the DENIED record.
 *
 * Owns: nothing; works on the shared mount.  Knows nothing of: which calls.  Threads: one.
 *
 * Each attempt is made by a process of its own in a folder of its own, which holds
 *
 *   f  "0123456789"    z  empty    s -> f    d/  with held ("h")    e/  empty, never held a name
 */
#ifndef TEST_ATTEMPT_H
#define TEST_ATTEMPT_H

#include <sys/types.h>

#include "shared_mount.h"

#define CONTENT "0123456789"
enum { CONTENT_SIZE = 10, FAILED_SETUP = 250, WORKED = 0 };

enum { AS_ROOT = 1, AS_NOBODY = 2, AS_BOTH = 3 };
/* The folder of the attempt, for header.inode. */
#define HERE "."

/* Returns 0, or -1 with errno. */
typedef int (*attempt_fn)(void);

struct attempt {
	const char *what;
	attempt_fn run;
	int error_root, error_nobody;
	unsigned
		recorded; /* who gets a DENIED: the system itself refuses some before we hear of them */
	enum ink_op op;
	const char *object; /* the record's inode */
	const char *name, *second_name, *second_folder;
	uint32_t flags, flags_mask;
	uint64_t a, b;
};

#define ALL_BITS UINT32_MAX
#define DENIED_MASK(function, number, operation, on, mask, ...)                                   \
	{                                                                                         \
		.what = #function, .run = function, .error_root = number, .error_nobody = number, \
		.recorded = AS_BOTH, .op = operation, .object = on, .flags_mask = mask,           \
		__VA_ARGS__                                                                       \
	}
#define DENIED(function, number, operation, on, ...) \
	DENIED_MASK(function, number, operation, on, ALL_BITS, __VA_ARGS__)
#define REFUSED(function, number_root, number_nobody)                          \
	{                                                                      \
		.what = #function, .run = function, .error_root = number_root, \
		.error_nobody = number_nobody                                  \
	}

/* --- in the child ---- */

int must_open(const char *path, int flags);
int as_result(ssize_t value);
/* Make @path, which must not be there, with @text in it. */
void put(const char *path, const char *text);

/* --- in the test ---- */

/* Start a process that becomes @uid, furnishes a folder, and ends with WORKED or the errno of @run. */
pid_t attempt_start(attempt_fn run, uid_t uid, char *ret_folder);
/* Each as root, if we are, and as somebody else; fails the test at the first that is not as the table says. */
void attempt_all(const struct attempt *attempts, size_t count);
void attempt_one(const struct attempt *attempt, uid_t uid);
/* One that must work, and the records that came in. */
void work_one(attempt_fn run, uid_t uid, char *ret_folder, struct seen_list *ret_list);

uint64_t inode_of(const char *folder, const char *name);
void assert_unchanged(const char *folder);
void assert_text(const char *folder, const char *name, const char *text);
void assert_str(struct ink_str str, const char *text);

#endif
