/* SPDX-License-Identifier: MIT */
/*
 * What the driver counts, and the page that Prometheus reads.
 *
 * Owns: counters.  Knows nothing of: FUSE, files.  Threads: any.
 *
 * Counting costs a write one addition that orders nothing.  How long an append takes is measured for one in
 * METRICS_SAMPLE_EVERY, so that the others ask no clock.
 */
#ifndef DRIVER_METRICS_H
#define DRIVER_METRICS_H

#include <stdatomic.h>
#include <stdio.h>

#include "handout.h"
#include "inkfs/store.h"

enum { METRICS_SAMPLE_EVERY = 32, METRICS_BUCKET_COUNT = 13 };

enum metrics_error { METRICS_IO, METRICS_DAMAGED, METRICS_FAILED, METRICS_ERROR_COUNT };

struct metrics {
	_Atomic uint64_t append_count;
	_Atomic uint64_t error_counts[METRICS_ERROR_COUNT];
	_Atomic uint64_t sampled_ns; /* all samples together */
	_Atomic uint64_t
		bucket_counts[METRICS_BUCKET_COUNT + 1]; /* each for itself; the last: longer */
};

/* Around an append: what begin answers is for end, which is called when it was taken. */
uint64_t metrics_begin_append(struct metrics *metrics);
void metrics_end_append(struct metrics *metrics, uint64_t begun);
/* An answer to a request other than those that semantics demand. */
void metrics_count_error(struct metrics *metrics, enum ink_err err);

/* In the text format of Prometheus, version 0.0.4. */
void metrics_print(struct metrics *metrics, const struct ink_status *status, FILE *out);
/* What follows of a mount with checkpoint-to. */
void metrics_print_handout(const struct handout_status *status, FILE *out);

#endif
