/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <inttypes.h>
#include <time.h>

#define NS_PER_S 1000000000

/* Upper ends of the buckets, and how they are written. */
static const struct {
	uint64_t ns;
	const char *seconds;
} buckets[METRICS_BUCKET_COUNT] = {
	{ 10000, "1e-05" },   { 20000, "2e-05" },   { 50000, "5e-05" },   { 100000, "0.0001" },
	{ 200000, "0.0002" }, { 500000, "0.0005" }, { 1000000, "0.001" }, { 2000000, "0.002" },
	{ 5000000, "0.005" }, { 10000000, "0.01" }, { 20000000, "0.02" }, { 100000000, "0.1" },
	{ 1000000000, "1" },
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
	atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static uint64_t get(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t metrics_begin_append(struct metrics *metrics)
{
	if (get(&metrics->append_count) % METRICS_SAMPLE_EVERY != 0)
		return 0;
	return now_ns(CLOCK_MONOTONIC);
}

void metrics_end_append(struct metrics *metrics, uint64_t begun)
{
	uint64_t taken;
	unsigned i = 0;

	add(&metrics->append_count, 1);
	if (begun == 0)
		return;
	taken = now_ns(CLOCK_MONOTONIC) - begun;
	while (i < METRICS_BUCKET_COUNT && taken > buckets[i].ns)
		i++;
	add(&metrics->bucket_counts[i], 1);
	add(&metrics->sampled_ns, taken);
}

void metrics_count_error(struct metrics *metrics, enum ink_err err)
{
	if (err == INK_ERR_IO)
		add(&metrics->error_counts[METRICS_IO], 1);
	else if (err == INK_ERR_DAMAGED)
		add(&metrics->error_counts[METRICS_DAMAGED], 1);
	else if (err == INK_ERR_FAILED || err == INK_ERR_KEY)
		add(&metrics->error_counts[METRICS_FAILED], 1);
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP inkfs_%s %s\n# TYPE inkfs_%s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, uint64_t value, const char *help)
{
	head(out, name, type, help);
	fprintf(out, "inkfs_%s %" PRIu64 "\n", name, value);
}

static void seconds(FILE *out, const char *name, uint64_t ns)
{
	fprintf(out, "inkfs_%s %" PRIu64 ".%09" PRIu64 "\n", name, ns / NS_PER_S, ns % NS_PER_S);
}

static void print_refusals(const struct ink_status *status, FILE *out)
{
	head(out, "refusals_total", "counter", "Operations refused since mounting.");
	for (unsigned op = 1; op <= INK_OP_LAST; op++)
		fprintf(out, "inkfs_refusals_total{operation=\"%s\"} %" PRIu64 "\n",
			ink_op_name((uint16_t)op), status->refusals_by_op[op]);
}

static void print_errors(struct metrics *metrics, FILE *out)
{
	static const char *const kinds[] = { "io", "damaged", "failed" };

	head(out, "errors_total", "counter",
	     "Requests answered with an error of the disk, of damage, or of a store that takes nothing more.");
	for (unsigned i = 0; i < METRICS_ERROR_COUNT; i++)
		fprintf(out, "inkfs_errors_total{kind=\"%s\"} %" PRIu64 "\n", kinds[i],
			get(&metrics->error_counts[i]));
}

/* Summed up from one reading of each bucket, so that it agrees with itself. */
static void print_durations(struct metrics *metrics, FILE *out)
{
	uint64_t count = 0;

	head(out, "append_duration_seconds", "histogram",
	     "Time that the driver took for an append; one in 32 is measured.");
	for (unsigned i = 0; i <= METRICS_BUCKET_COUNT; i++) {
		count += get(&metrics->bucket_counts[i]);
		fprintf(out, "inkfs_append_duration_seconds_bucket{le=\"%s\"} %" PRIu64 "\n",
			i < METRICS_BUCKET_COUNT ? buckets[i].seconds : "+Inf", count);
	}
	seconds(out, "append_duration_seconds_sum", get(&metrics->sampled_ns));
	fprintf(out, "inkfs_append_duration_seconds_count %" PRIu64 "\n", count);
}

static void print_seals(const struct ink_status *status, FILE *out)
{
	uint64_t sealed_ns = (uint64_t)(status->seal_wall_ns > 0 ? status->seal_wall_ns : 0);
	uint64_t wall_ns = now_ns(CLOCK_REALTIME);

	one(out, "seals_total", "counter", status->seal_count, "Signatures made since mounting.");
	head(out, "last_seal_timestamp_seconds", "gauge", "When the last signature was made.");
	seconds(out, "last_seal_timestamp_seconds", sealed_ns);
	head(out, "last_seal_age_seconds", "gauge", "How long ago the last signature was made.");
	seconds(out, "last_seal_age_seconds", wall_ns > sealed_ns ? wall_ns - sealed_ns : 0);
	one(out, "unsealed_records", "gauge", status->record_count - status->sealed_count,
	    "Records that no signature covers yet.");
	one(out, "epoch", "gauge", status->epoch, "Number of the signing key in force.");
	one(out, "epoch_overdue", "gauge", status->is_epoch_overdue,
	    "1 if the signing key should have been replaced long ago.");
}

void metrics_print(struct metrics *metrics, const struct ink_status *status, FILE *out)
{
	head(out, "build_info", "gauge", "Always 1; the version is in the label.");
	fprintf(out, "inkfs_build_info{version=\"%s\"} 1\n", INK_VERSION);
	one(out, "appends_total", "counter", get(&metrics->append_count),
	    "Writes taken since mounting.");
	one(out, "records_total", "counter", status->record_count,
	    "Records of the store, of all kinds.");
	one(out, "payload_bytes_total", "counter", status->payload_bytes,
	    "Bytes written to files of the store.");
	print_refusals(status, out);
	print_errors(metrics, out);
	print_seals(status, out);
	one(out, "durable_lag_records", "gauge", status->record_count - status->durable_count,
	    "Records that may not be on the disk yet.");
	one(out, "index_lag_records", "gauge", status->record_count - status->index_count,
	    "Records that the index on the disk does not have yet.");
	one(out, "log_bytes", "gauge", status->log_bytes, "Size of the log.");
	one(out, "log_segments", "gauge", status->segment_count, "Files of the log.");
	one(out, "failed", "gauge", status->has_failed,
	    "1 if a sync has failed and nothing more is taken until the store is mounted anew.");
	print_durations(metrics, out);
}

void metrics_print_handout(const struct handout_status *status, FILE *out)
{
	one(out, "checkpoint_handout_records", "gauge", status->given_size,
	    "Records in the last checkpoint that was handed out.");
	head(out, "checkpoint_handout_timestamp_seconds", "gauge",
	     "When the last checkpoint was handed out.");
	seconds(out, "checkpoint_handout_timestamp_seconds",
		(uint64_t)(status->given_wall_ns > 0 ? status->given_wall_ns : 0));
	one(out, "checkpoint_handout_failures_total", "counter", status->failure_count,
	    "Checkpoints that could not be handed out.");
	one(out, "checkpoint_handout_failing", "gauge", status->is_failing,
	    "1 if the last checkpoint could not be handed out.");
	one(out, "checkpoint_handout_conflict", "gauge", status->has_conflict,
	    "1 if a checkpoint that was handed out before is not of this log as it is.");
}
