/* SPDX-License-Identifier: MIT */
/*
 * A store's lives on a disk that lies: it is opened, worked on, loses power or its process at some call, is checked,
 * and opened again; everything from one number.
 *
 * Owns: a folder in memory with prepared stores.  Knows nothing of: cmocka.  Threads: one per process.
 * The program must be linked with tests/soak/lying_libc.c.
 */
#ifndef TEST_POWER_H
#define TEST_POWER_H

#include "power_oracle.h"

struct power_env;

/* What has happened, to see that all of it was tried. */
struct power_counts {
	uint64_t lives, cuts, kills, closes, failed_opens, cut_opens, records, losses, recoveries;
	uint64_t faults, cuts_by_call[16];
};

struct power_env *power_env_open(void);
/* Takes NULL. */
void power_env_close(struct power_env *env);
/*
 * All the lives of @seed.  Two runs of a seed make the same calls with the same bytes, but for times.
 *
 * @ret_why: POWER_WHY_SIZE bytes, what was wrong if the answer is false.  The store is then in power_env_store().
 */
bool power_run(struct power_env *env, uint64_t seed, char *ret_why);
const char *power_env_store(const struct power_env *env);
const struct power_counts *power_env_counts(const struct power_env *env);

#endif
