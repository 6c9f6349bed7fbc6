/* SPDX-License-Identifier: MIT */
/*
 * What attacks are tried on: one small store with a past, and copies of it from several moments.
 *
 * Owns: a folder.  Knows nothing of: attacks.  Threads: one.
 *
 * Made through a real mount where one can be had, else by the library; the steps are the same.
 */
#ifndef TEST_SCENE_H
#define TEST_SCENE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "inkfs/checkpoint.h"
#include "inkfs/store.h"

struct scene_note {
	char text[INK_CHECKPOINT_SIZE_MAX];
	size_t size;
};

struct scene {
	char dir[PATH_MAX];
	/* Sessions one to four, closed in order; that of T with a heartbeat of a key that lives long. */
	char closed[PATH_MAX];
	/* After the first session, closed in order: an older copy. */
	char old[PATH_MAX];
	/* In the fourth session, the driver at work: what root finds at time T. */
	char at_t[PATH_MAX];
	/* The fourth session was cut off: the driver was killed at the same state, and some lines later. */
	char killed[PATH_MAX];
	/* Of the same name, but another store. */
	char other[PATH_MAX];
	char copy[PATH_MAX]; /* where one of them is taken to be edited */
	char vkey[INK_VKEY_SIZE];
	struct scene_note note_old, note_t, note_closed;
};

/* @is_mounted: through mount.inkfs, which must be possible (mounted_is_possible()). */
void scene_init(struct scene *scene, bool is_mounted);
void scene_release(struct scene *scene);
/* A fresh scene->copy of one of the others. */
void scene_take(struct scene *scene, const char *store);

#endif
