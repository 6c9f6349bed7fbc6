/* SPDX-License-Identifier: MIT */
/*
 * Which records have to be read to find those that a filter wants.
 *
 * Owns: lists of numbers.  Knows nothing of: how records are read and shown.  Threads: one per struct.
 *
 * The index tells what blocks of records hold.  Left out are only those in which, as it says, nothing is wanted; where
 * that is not known, or costs more than reading, nothing is left out.  What is read is decided by the records.
 */
#ifndef TOOLS_PLAN_H
#define TOOLS_PLAN_H

#include "filter.h"
#include "ranges.h"

struct plan {
	struct ranges ranges; /* the last has no end: what comes later */
	struct ranges mounts; /* blocks that say on which host a session was */
	struct ranges names;  /* blocks in which names were given or taken away */
	bool has_gone_names;  /* some were taken away, and the index knows of them no more */
};

/* Does the filter leave out anything that a plan could? */
bool plan_is_worth_it(const struct filter *filter);
/* @replay: of @store.  false after having complained; plan_release() is due in any case. */
bool plan_make(struct plan *plan, struct filter *filter, struct ink_store *store,
	       const char *store_path, struct replay *replay);
/* Takes a zeroed struct too. */
void plan_release(struct plan *plan);

#endif
