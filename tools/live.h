/* SPDX-License-Identifier: MIT */
/*
 * What a mounted store says of itself in MOUNTPOINT/.inkfs.
 *
 * Owns: nothing.  Knows nothing of: how that is printed.  Threads: any.
 */
#ifndef TOOLS_LIVE_H
#define TOOLS_LIVE_H

#include "target.h"

#include "inkfs/store.h"

/* Of a mount with checkpoint-to. */
struct live_handout {
	bool is_there;
	bool is_failing;   /* the last one could not be handed out */
	bool has_conflict; /* one that was handed out before is not of this log */
	uint64_t records;  /* in the last one that was handed out */
};

/*
 * The status of the store that is mounted at target->mount_point, as its driver knows it: newer than what is on the
 * disk, and for everybody who may enter the mount.  Only what `inkfs status` shows is filled in.
 *
 * false: not mounted, no answer, or not one that can be understood; then the store itself has to be opened.
 */
bool live_status(const struct target *target, struct ink_status *ret_status,
		 struct live_handout *ret_handout);

#endif
