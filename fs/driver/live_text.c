/* SPDX-License-Identifier: MIT */
#include "live_text.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "handout.h"
#include "inkfs/checkpoint.h"
#include "private.h"

enum { CHECKPOINT_FRESH_NS = 1000000000 };

/* The bytes above 0x7f are as init took them. */
static void put_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			putc(*c, out);
	}
	putc('"', out);
}

static void put_text(FILE *out, const char *name, const char *text)
{
	fprintf(out, ",\"%s\":", name);
	put_string(out, text);
}

static void put_number(FILE *out, const char *name, uint64_t number)
{
	fprintf(out, ",\"%s\":%" PRIu64, name, number);
}

static void put_bool(FILE *out, const char *name, bool is_so)
{
	fprintf(out, ",\"%s\":%s", name, is_so ? "true" : "false");
}

static void put_time(FILE *out, const char *name, int64_t wall_ns)
{
	time_t second = (time_t)(wall_ns / 1000000000);
	char text[32];
	struct tm tm;

	if (wall_ns <= 0 || !gmtime_r(&second, &tm)) {
		fprintf(out, ",\"%s\":null", name);
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, ",\"%s\":\"%s.%09dZ\"", name, text, (int)(wall_ns % 1000000000));
}

static void put_handout(FILE *out, struct handout *handout)
{
	struct handout_status s;

	if (!handout) {
		fputs(",\"checkpoint_to\":null", out);
		return;
	}
	handout_status(handout, &s);
	fprintf(out, ",\"checkpoint_to\":{\"records\":%" PRIu64, s.given_size);
	put_time(out, "time", s.given_wall_ns);
	put_bool(out, "failing", s.is_failing);
	put_bool(out, "conflict", s.has_conflict);
	put_number(out, "failures", s.failure_count);
	putc('}', out);
}

enum ink_err live_print_status(struct driver *driver, FILE *out)
{
	struct ink_status s;

	ink_status(driver->store, &s);
	fputs("{\"schema\":\"inkfs-status/1\",\"state\":\"mounted\"", out);
	put_text(out, "origin", s.origin);
	put_text(out, "key", s.vkey);
	fputs(",\"store_id\":\"", out);
	for (unsigned i = 0; i < INK_STORE_ID_SIZE; i++)
		fprintf(out, "%02x", s.store_id[i]);
	putc('"', out);
	put_number(out, "records", s.record_count);
	put_number(out, "sealed", s.sealed_count);
	put_number(out, "durable", s.durable_count);
	put_number(out, "indexed", s.index_count);
	put_time(out, "seal_time", s.seal_wall_ns);
	put_number(out, "seal_wall_ns", (uint64_t)(s.seal_wall_ns > 0 ? s.seal_wall_ns : 0));
	put_number(out, "epoch", s.epoch);
	put_number(out, "epoch_length_s", s.epoch_s);
	put_number(out, "epoch_age_s", s.epoch_age_s);
	put_bool(out, "epoch_overdue", s.is_epoch_overdue);
	put_number(out, "payload_bytes", s.payload_bytes);
	put_number(out, "log_bytes", s.log_bytes);
	put_number(out, "segments", s.segment_count);
	put_number(out, "segment_size", s.segment_size);
	put_number(out, "files", s.file_count);
	put_number(out, "refused", s.refusal_count);
	put_bool(out, "read_only", driver->options.is_read_only);
	put_bool(out, "failed", s.has_failed);
	put_bool(out, "closed", s.is_closed);
	put_handout(out, driver->handout);
	fputs("}\n", out);
	return INK_OK;
}

enum ink_err live_print_vkey(struct driver *driver, FILE *out)
{
	struct ink_status status;

	ink_status(driver->store, &status);
	fprintf(out, "%s\n", status.vkey);
	return INK_OK;
}

enum ink_err live_print_metrics(struct driver *driver, FILE *out)
{
	struct handout_status handout;
	struct ink_status status;

	ink_status(driver->store, &status);
	metrics_print(&driver->metrics, &status, out);
	if (driver->handout) {
		handout_status(driver->handout, &handout);
		metrics_print_handout(&handout, out);
	}
	return INK_OK;
}

/*
 * It costs a seal and a sync, and everybody may read it: so one serves all for a second.  Who comes meanwhile waits
 * for the one that is being made.
 */
enum ink_err live_print_checkpoint(struct driver *driver, FILE *out)
{
	struct live_checkpoint *kept = &driver->checkpoint;
	char note[INK_CHECKPOINT_SIZE_MAX];
	enum ink_err err = INK_OK;
	struct timespec now;
	struct ink_error error;
	uint64_t now_ns;

	pthread_mutex_lock(&kept->lock);
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (kept->size == 0 || now_ns - kept->made_ns >= CHECKPOINT_FRESH_NS) {
		size_t size = 0;

		err = ink_checkpoint_live(driver->store, note, &size, &error);
		if (err == INK_OK) {
			memcpy(kept->note, note, size);
			kept->size = size;
			kept->made_ns = now_ns;
		}
	}
	if (err == INK_OK)
		fwrite(kept->note, 1, kept->size, out);
	pthread_mutex_unlock(&kept->lock);
	return err;
}
