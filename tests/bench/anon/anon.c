/* SPDX-License-Identifier: MIT */
/*
 * The driver that asks nobody who writes: linked in place of two functions of actor.c (extra/attribution.sh, --wrap), so that
 * the program that people run needs no switch for it.
 */
#include "actor.h"

enum ink_err __wrap_actors_find(struct actors *actors, pid_t tid, struct ink_caller *caller,
				struct actor_seen *seen);
bool __wrap_actor_is_fresh(struct actors *actors, const struct actor_seen *seen, pid_t tid);

enum ink_err __wrap_actors_find(struct actors *actors, pid_t tid, struct ink_caller *caller,
				struct actor_seen *seen)
{
	(void)actors;
	(void)tid;
	(void)seen;
	caller->actor = 0;
	return INK_OK;
}

bool __wrap_actor_is_fresh(struct actors *actors, const struct actor_seen *seen, pid_t tid)
{
	(void)actors;
	(void)seen;
	(void)tid;
	return true;
}
