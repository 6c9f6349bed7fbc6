/* SPDX-License-Identifier: MIT */
/*
 * Is this a place to mount a store on?
 *
 * Owns: nothing.  Knows nothing of: FUSE, the store's inside.  Threads: any.
 */
#ifndef DRIVER_MOUNT_POINT_H
#define DRIVER_MOUNT_POINT_H

#include <limits.h>

#include "inkfs/err.h"

struct mount_paths {
	char store[PATH_MAX]; /* absolute, without symbolic links */
	char mount_point[PATH_MAX];
};

/*
 * Resolve both and check the mount point: there, a folder, empty, not mounted on already, neither in the store nor
 * around it.  @ret_error: on failure, one sentence that says what to do.
 */
INK_MUST_CHECK enum ink_err mount_paths_check(const char *store, const char *mount_point,
					      struct mount_paths *ret_paths,
					      struct ink_error *ret_error);

/*
 * Give the folder @mount_point, on which nothing is mounted, the immutable flag (chattr +i), so that a program that logs
 * while nothing is mounted there gets an error instead of a file that nobody protects.  A mount covers it as before.
 * It stays after unmounting, until somebody takes it away.  @given: the name for messages.
 */
INK_MUST_CHECK enum ink_err mount_point_protect(const char *given, const char *mount_point,
						struct ink_error *ret_error);

#endif
