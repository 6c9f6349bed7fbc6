/* SPDX-License-Identifier: MIT */
/*
 * From what the user named, a store or the mount point of one, to the store.
 *
 * Owns: strings of struct target.  Knows nothing of: what is in a store.  Threads: any.
 *
 * The kernel is asked (/proc/self/mountinfo: type fuse.inkfs, source = the store), never the driver, so that a
 * mount whose driver hangs or has died can be named too.
 */
#ifndef TOOLS_TARGET_H
#define TOOLS_TARGET_H

#include <stdbool.h>

#include "inkfs/record.h"

struct target {
	char *store;          /* absolute */
	char *mount_point;    /* where it is mounted (any one of several places), or NULL */
	unsigned mount_count; /* of such places that we can see */
	bool is_by_mount;     /* the user named the mount point */
};

/* Find the store that @named means.  false after having complained; then there is nothing to release. */
bool target_init(struct target *target, const char *named);
void target_release(struct target *target);

/* Look again where the store is mounted. */
bool target_refresh(struct target *target);

/* Is @path, a mount point, one whose driver has ended without unmounting it?  A driver that hangs keeps us waiting. */
bool target_is_dead(const char *path);

/*
 * What comes with --key: a verification key, or @FILE that holds one line with it.
 * A complaint has been made if NULL is returned.  The caller frees.
 */
char *target_vkey(const char *given);

/*
 * The same where it must be a whole verification key: what is none is a usage error of the command @cmd.
 *
 * @ret_vkey: the caller frees; NULL unless EXIT_GOOD is returned.
 */
int target_whole_vkey(const char *cmd, const char *given, char **ret_vkey);

#endif
