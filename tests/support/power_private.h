/* SPDX-License-Identifier: MIT */
/*
 * What power.c (the lives) and power_steps.c (the work in them) share.
 *
 * Owns: nothing.  Knows nothing of: cmocka.  Threads: one.
 */
#ifndef TEST_POWER_PRIVATE_H
#define TEST_POWER_PRIVATE_H

#include "lying_disk.h"
#include "power.h"
#include "store_private.h"
#include "trial.h"

enum { POWER_TEMPLATES = 2, POWER_PAYLOAD_MAX = 1 << 20 };

struct power_template {
	char path[PATH_MAX];
	uint8_t store_id[INK_STORE_ID_SIZE];
	struct power_oracle oracle;
};

struct power_env {
	char dir[PATH_MAX], disk_dir[PATH_MAX], store[PATH_MAX];
	struct lying_disk *disk; /* NULL while the prepared stores are made */
	uint8_t *payload;
	struct power_template templates[POWER_TEMPLATES];
	struct power_counts counts;
};

/* The lives of one seed. */
struct power {
	struct power_env *env;
	const struct io *io;
	char path[PATH_MAX];
	uint8_t store_id[INK_STORE_ID_SIZE];
	struct rng rng;
	struct power_oracle *oracle;
	struct ink_options options;
	bool is_sync;        /* each append is to be durable */
	unsigned sync_count; /* that were asked for */
	struct ink_store *store;
	struct power_log log; /* before this life */
	bool has_tail;        /* bytes behind the log's last record */
	bool is_armed, has_fault;
	bool has_refused_unlink;
};

bool power_is_over(const struct power *p);    /* the power is gone */
bool power_has_failed(const struct power *p); /* the disk has answered with an error */
/* One thing that a program may do; what it must leave is in the oracle afterwards. */
void power_step(struct power *p);
/* The same, nothing of it large. */
void power_step_small(struct power *p);
/* Append until little is left of the segment. */
void power_fill_segment(struct power *p);

#endif
