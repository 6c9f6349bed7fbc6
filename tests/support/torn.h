/* SPDX-License-Identifier: MIT */
/*
 * A store whose driver died: the first lines of its one file synced and indexed, the others only written.
 *
 * Owns: a folder in memory.  Knows nothing of: what is torn.  Threads: one test.
 */
#ifndef TEST_TORN_H
#define TEST_TORN_H

#include <limits.h>

#include "trial.h"

enum { TORN_LINE_SIZE = 32, TORN_DURABLE_LINES = 5, TORN_LINES = 10 };

struct torn {
	char dir[PATH_MAX], path[PATH_MAX], segment[PATH_MAX], lost[PATH_MAX];
	struct ink_options options;
	struct trial_model model; /* the durable lines */
	uint64_t durable_count;
	uint64_t places[64]; /* of records */
	uint64_t count;
	uint64_t end; /* behind the last frame */
};

/* *state is a struct torn. */
int torn_setup(void **state);
int torn_teardown(void **state);

/* Flip a bit of the byte @at of a file. */
void torn_change_byte(const char *path, uint64_t at);
/* The @number-th file of RECOVERY @seq; @ret_path: PATH_MAX bytes. */
void torn_lost_path(const struct torn *f, uint64_t seq, unsigned number, char *ret_path);
/* The store opens, has @lines lines, verifies; the last RECOVERY told of @lost_count files, and they are as it says. */
void torn_recovers(struct torn *f, unsigned lines, unsigned lost_count);

#endif
