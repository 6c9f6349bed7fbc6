/* SPDX-License-Identifier: MIT */
/*
 * The processes that ACTOR records have told of.
 *
 * Owns: copies of those records.  Knows nothing of: where they come from.  Threads: one per handle.
 */
#ifndef TOOLS_ACTORS_H
#define TOOLS_ACTORS_H

#include "replay.h"

struct actors;

/* NULL without memory. */
struct actors *actors_open(void);
void actors_close(struct actors *actors);
/* Take in an ACTOR; one that is there already stays.  false without memory. */
bool actors_add(struct actors *actors, const struct ink_header *header,
		const struct ink_body_actor *body);
/* NULL if there is none; valid until the next actors_add(). */
const struct replay_actor *actors_find(const struct actors *actors, uint64_t seq);

#endif
