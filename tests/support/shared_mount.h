/* SPDX-License-Identifier: MIT */
/*
 * One mount that all tests of a program share.
 *
 * Owns: that mount.  Knows nothing of: what is tested.  Threads: one, unless said otherwise.
 */
#ifndef TEST_SHARED_MOUNT_H
#define TEST_SHARED_MOUNT_H

#include "check.h"
#include "mounted.h"
#include "scratch.h"

extern struct mounted mounted;

/* For groups of cmocka: a fresh store, mounted without options; no umask. */
int shared_mount(void **state);
int shared_unmount(void **state);
/* A program's tests, on a mount without options and on one with profile=rotate.  Returns what main() does. */
int run_in_both_profiles(const struct CMUnitTest *strict, size_t strict_count,
			 const struct CMUnitTest *rotating, size_t rotating_count);

/* Records that came before now are of no interest. */
void forget_old_records(void);
/* A new file; @flags beside O_CREAT and O_EXCL. */
int open_new(const char *name, int flags);
/* Any thread: true if all of it went in by one write(2). */
bool by_write(int fd, const char *data, size_t size);

void assert_appended(const struct seen *seen, const char *data, size_t size, uint64_t offset);
void assert_writer(const struct seen *seen, uid_t uid, gid_t gid, pid_t pid);
void assert_content(const char *name, const char *data, size_t size);

/* @size bytes without a zero, at a page boundary; to be freed. */
char *pattern_new(struct rng *rng, size_t size);

#endif
