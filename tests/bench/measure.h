/* SPDX-License-Identifier: MIT */
/*
 * What the programs of the benchmarks share: the clock, a histogram of latencies, and the JSON line
 * that each run prints.
 *
 * Latencies are in ns, MB are 10^6 bytes.  ns_per_op is wall time times writers over operations: what
 * one writer waits on average, pauses between included.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/* Each power of two is cut into 128 steps, so a bucket is at most 0.8 % wide. */
#define STEP_BITS 7
#define STEP_COUNT (1u << STEP_BITS)
#define BUCKET_COUNT ((64 - STEP_BITS) * STEP_COUNT)

/* All zero: empty. */
struct histogram {
	uint64_t counts[BUCKET_COUNT];
	uint64_t total;
	uint64_t max_ns;
};

/* Prints @what and errno, ends the program with 3. */
_Noreturn void die(const char *what);
uint64_t now_ns(void); /* CLOCK_MONOTONIC */

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *sum, const struct histogram *part);
double histogram_quantile_ns(const struct histogram *histogram, double quantile);

/*
 * The members of every result, without braces: ops, p50_ns, p99_ns, p999_ns, max_ns, ns_per_op, ops_per_s, mb_per_s.
 * @byte_count in all, @wall_ns from the first operation to the last.
 */
void measure_print(const struct histogram *all, unsigned writer_count, uint64_t byte_count,
		   double wall_ns);

/* Bytes that look like a log, not like zeros that some disk would skip; a line feed ends each 128. */
void fill_text(char *buf, size_t size, unsigned salt);

#endif
