/* SPDX-License-Identifier: MIT */
/*
 * Which objects have ever had a path that --path asks for, and which names could be refused there.
 *
 * Owns: nothing.  Knows nothing of: blocks other than those where names were taken away.  Threads: any.
 *
 * Names that are, from the index; names that were, from the records that took them away.  Which of them were there at the
 * same time does not matter here: too many objects cost time, and the paths of records are made of records.
 */
#ifndef TOOLS_PLAN_PATHS_H
#define TOOLS_PLAN_PATHS_H

#include "filter.h"
#include "marks.h"

struct plan_paths {
	bool is_any;            /* they are too many, or cannot be known: nothing is left out */
	bool takes_any_refusal; /* whatever was refused may have such a path */
	struct marks objects;
	struct marks refused; /* names, of DENIED records alone */
};

/* false after having complained. */
bool plan_paths_find(struct plan_paths *paths, const struct filter *filter, struct ink_store *store,
		     const char *store_path);

#endif
