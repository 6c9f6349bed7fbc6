/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(3);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < 2 * STEP_COUNT)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS;
	return shift * STEP_COUNT + (unsigned)(ns >> shift);
}

static double bucket_middle_ns(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * STEP_COUNT)
		return bucket;
	shift = bucket / STEP_COUNT - 1;
	return ((double)(bucket - shift * STEP_COUNT) + 0.5) * (double)(UINT64_C(1) << shift);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->counts[bucket_of(ns)]++;
	histogram->total++;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

void histogram_merge(struct histogram *sum, const struct histogram *part)
{
	for (unsigned i = 0; i < BUCKET_COUNT; i++)
		sum->counts[i] += part->counts[i];
	sum->total += part->total;
	if (part->max_ns > sum->max_ns)
		sum->max_ns = part->max_ns;
}

double histogram_quantile_ns(const struct histogram *histogram, double quantile)
{
	double wanted = quantile * (double)histogram->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < BUCKET_COUNT; i++) {
		seen += histogram->counts[i];
		if (seen > 0 && (double)seen >= wanted)
			return bucket_middle_ns(i);
	}
	return 0;
}

void measure_print(const struct histogram *all, unsigned writer_count, uint64_t byte_count,
		   double wall_ns)
{
	printf("\"ops\": %llu, \"p50_ns\": %.0f, \"p99_ns\": %.0f, \"p999_ns\": %.0f, \"max_ns\": %llu, "
	       "\"ns_per_op\": %.0f, \"ops_per_s\": %.0f, \"mb_per_s\": %.2f",
	       (unsigned long long)all->total, histogram_quantile_ns(all, 0.5),
	       histogram_quantile_ns(all, 0.99), histogram_quantile_ns(all, 0.999),
	       (unsigned long long)all->max_ns, wall_ns * writer_count / (double)all->total,
	       (double)all->total * 1e9 / wall_ns, (double)byte_count * 1e3 / wall_ns);
}

void fill_text(char *buf, size_t size, unsigned salt)
{
	for (size_t i = 0; i < size; i++)
		buf[i] = (i & 127) == 127 ? '\n' : (char)(' ' + (i * 7 + salt) % 95);
}
