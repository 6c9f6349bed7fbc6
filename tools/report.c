/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "common.h"
#include "json.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { PROGRESS_MS = 200, NOT_COVERED_MAX = 5, SENTENCE_SIZE = 256 };

static void clear_progress(struct report *report)
{
	if (!report->is_progress_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	report->is_progress_shown = false;
}

static int64_t ms_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000 + (to->tv_nsec - from->tv_nsec) / 1000000;
}

void report_progress(struct report *report, uint64_t done_bytes, uint64_t total_bytes)
{
	char rate_text[TEXT_SIZE_SIZE];
	struct timespec now;
	double seconds, rate, left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!report->has_progress || ms_between(&report->last_progress, &now) < PROGRESS_MS)
		return;
	report->last_progress = now;
	seconds = (double)ms_between(&report->start, &now) / 1000;
	rate = seconds > 0 ? (double)done_bytes / seconds : 0;
	left = rate > 0 && total_bytes > done_bytes ? (double)(total_bytes - done_bytes) / rate : 0;
	text_size((uint64_t)rate, rate_text);
	fprintf(stderr, "\r\033[K%3.0f %%  %s/s  %.0f s left",
		total_bytes > 0 ? 100.0 * (double)done_bytes / (double)total_bytes : 0.0, rate_text,
		left);
	fflush(stderr);
	report->is_progress_shown = true;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void report_begin(struct report *report)
{
	json_t *head;

	clock_gettime(CLOCK_MONOTONIC, &report->start);
	report->last_progress = report->start;
	if (report->style != REPORT_JSON)
		return;
	head = json_object();
	json_add(&head, "schema", json_string("inkfs-verify/1"));
	json_add(&head, "program", json_string("inkfs " INK_VERSION));
	json_add(&head, "checked_at", json_time(now_ns()));
	json_add(&head, "store", json_text(report->store));
	putchar('{');
	if (!json_put_members(stdout, head))
		report->has_failed = true;
	fputs(",\"findings\":[", stdout);
}

/* --- findings ------------------------------------------------------------------ */

static const char *code_name(const struct ink_finding *finding)
{
	const char *name = ink_finding_name(finding->code);

	return name ? name : "unknown";
}

static bool has_range(const struct ink_finding *finding)
{
	return finding->size > 0;
}

/* A record that is not there, or not to be read, has a number only. */
static bool has_time(const struct ink_finding *finding)
{
	return finding->has_record && finding->wall_ns != 0;
}

/* "EVIDENCE digest /build.log bytes 0-127 record 12 of 2026-…Z: the bytes are not …" */
static void put_finding(const struct ink_finding *finding)
{
	char time[TEXT_TIME_SIZE];

	printf("%s %s", finding->severity == INK_EVIDENCE ? "EVIDENCE" : "observation",
	       code_name(finding));
	if (finding->path) {
		putchar(' ');
		text_put_word(stdout, finding->path, strlen(finding->path));
	}
	if (has_range(finding))
		printf(" bytes %" PRIu64 "-%" PRIu64, finding->offset,
		       finding->offset + finding->size - 1);
	if (finding->has_record) {
		printf(" record %" PRIu64, finding->seq);
	}
	if (has_time(finding)) {
		text_time(finding->wall_ns, time);
		printf(" of %s", time);
	}
	fputs(": ", stdout);
	text_put_safe(stdout, finding->text, strlen(finding->text));
	putchar('\n');
}

static json_t *finding_json(const struct ink_finding *finding)
{
	json_t *element = json_object();

	json_add(&element, "severity",
		 json_string(finding->severity == INK_EVIDENCE ? "evidence" : "observation"));
	json_add(&element, "code", json_string(code_name(finding)));
	json_add(&element, "path", finding->path ? json_text(finding->path) : json_null());
	if (has_range(finding)) {
		json_add(&element, "offset", json_u64(finding->offset));
		json_add(&element, "size", json_u64(finding->size));
	}
	if (finding->has_record) {
		json_add(&element, "record", json_u64(finding->seq));
		json_add(&element, "time",
			 has_time(finding) ? json_time(finding->wall_ns) : json_null());
		json_add(&element, "segment", json_u64(finding->place >> 32));
		json_add(&element, "segment_offset", json_u64(finding->place & UINT32_MAX));
		json_add(&element, "inode", json_u64(finding->inode));
	}
	json_add(&element, "text", json_text(finding->text));
	return element;
}

void report_finding(struct report *report, const struct ink_finding *finding)
{
	clear_progress(report);
	if (report->style == REPORT_QUIET && finding->severity != INK_EVIDENCE)
		return;
	if (report->style == REPORT_JSON) {
		fputs(report->finding_count > 0 ? ",\n" : "\n", stdout);
		if (!json_put_members(stdout, json_pack("[o]", finding_json(finding))))
			report->has_failed = true;
	} else {
		put_finding(finding);
	}
	report->finding_count++;
}

/* --- the statement ------------------------------------------------------------- */

static void put_line(const char *name)
{
	printf("  %-12s ", name);
}

static void put_counted(uint64_t count, const char *one, const char *many)
{
	printf("%" PRIu64 " %s", count, count == 1 ? one : many);
}

static void put_checked(const struct ink_verify_result *result)
{
	char time[TEXT_TIME_SIZE], size[TEXT_SIZE_SIZE];

	text_size(result->payload_bytes, size);
	put_line("checked");
	put_counted(result->record_count, "record", "records");
	printf(", %s written in ", size);
	put_counted(result->file_count, "file or folder", "files and folders");
	fputs(", ", stdout);
	put_counted(result->session_count, "session", "sessions");
	fputs(", ", stdout);
	put_counted(result->seal_count, "good seal\n", "good seals\n");
	if (result->record_count == 0)
		return;
	put_line("from");
	text_time(result->first_wall_ns, time);
	puts(time);
	put_line("to");
	text_time(result->last_wall_ns, time);
	puts(time);
}

static void put_root(const struct ink_verify_result *result)
{
	char digits[2 * INK_HASH_SIZE + 1];

	if (result->record_count == 0)
		return;
	text_hex(result->root, INK_HASH_SIZE, digits);
	put_line("root");
	printf("%s over %" PRIu64 " records\n", digits, result->record_count);
}

static void put_trust(const struct ink_verify_result *result)
{
	put_line("key");
	if (result->vkey[0])
		text_put_word(stdout, result->vkey, strlen(result->vkey));
	else
		fputs("none: the store has no good first record", stdout);
	putchar('\n');
	put_line("trust");
	if (result->trust == INK_TRUST_PINNED_CHECKPOINT)
		printf("pinned checkpoint: %" PRIu64
		       " given from outside fit, the largest of %" PRIu64 " records\n",
		       result->checkpoint_count, result->checkpoint_size);
	else if (result->trust == INK_TRUST_PINNED_KEY)
		puts("the key that was given with --key");
	else
		puts("only the store's own word: no key was given, so another store put in its place would pass too");
}

static const char *end_of(const struct ink_verify_result *result)
{
	if (result->is_live)
		return "open: a process writes this store; what it had recorded when the check began was checked";
	if (result->is_closed)
		return "closed in order";
	return "not closed in order: a crash, or a cut tail; the store alone cannot tell which";
}

/* What an intact store leaves open, a sentence each, in words that can be pasted into a report.  Returns how many. */
static unsigned not_covered(const struct ink_verify_result *result,
			    char ret_texts[NOT_COVERED_MAX][SENTENCE_SIZE])
{
	unsigned count = 0;

	if (!result->is_intact)
		return 0;
	if (result->since_size > 0)
		snprintf(
			ret_texts[count++], SENTENCE_SIZE,
			"the bytes written by the first %" PRIu64
			" records, which were not read again: whoever verified up to the checkpoint vouches for them",
			result->since_size);
	if (result->erased_count > 0)
		snprintf(
			ret_texts[count++], SENTENCE_SIZE,
			"what stood in %" PRIu64
			" %s erased on a signed word (the observations 'erased'): who, when and how much is still checked, the content is gone",
			result->erased_count,
			result->erased_count == 1 ? "body that was" : "bodies that were");
	if (result->unsealed_count > 0)
		snprintf(ret_texts[count++], SENTENCE_SIZE,
			 "the last %" PRIu64 " %s, which no signature covers",
			 result->unsealed_count,
			 result->unsealed_count == 1 ? "record" : "records");
	if (result->trust == INK_TRUST_PINNED_CHECKPOINT)
		snprintf(ret_texts[count++], SENTENCE_SIZE,
			 "whether records behind number %" PRIu64
			 ", the last of the newest checkpoint, were cut off",
			 result->checkpoint_size - 1);
	else if (result->weak_checkpoint_count > 0)
		snprintf(
			ret_texts[count++], SENTENCE_SIZE,
			"whether this is the newest state: the %s signed by the log key only, so whoever has that key could have made %s",
			result->weak_checkpoint_count == 1 ? "checkpoint that fits is"
							   : "checkpoints that fit are",
			result->weak_checkpoint_count == 1 ? "it" : "them");
	else
		snprintf(
			ret_texts[count++], SENTENCE_SIZE,
			"whether this is the newest state: no checkpoint from outside was given, so an older copy would pass");
	snprintf(
		ret_texts[count++], SENTENCE_SIZE,
		"whether the machine's clock was right, and what was done with keys that were stolen while in use");
	return count;
}

static void put_not_covered(const struct ink_verify_result *result)
{
	char texts[NOT_COVERED_MAX][SENTENCE_SIZE];
	unsigned count = not_covered(result, texts);

	for (unsigned i = 0; i < count; i++) {
		put_line("not covered");
		puts(texts[i]);
	}
}

static void put_statement(const struct report *report, const struct ink_verify_result *result)
{
	char time[TEXT_TIME_SIZE];

	fputs(result->is_intact ? "intact: " : "NOT INTACT: ", stdout);
	text_put_word(stdout, report->store, strlen(report->store));
	putchar('\n');
	text_time(now_ns(), time);
	put_line("by");
	printf("inkfs " INK_VERSION " at %s by this machine's clock\n", time);
	put_checked(result);
	put_root(result);
	put_trust(result);
	put_line("findings");
	printf("%" PRIu64 " against the evidence, ", result->evidence_count);
	put_counted(result->observation_count, "observation\n", "observations\n");
	put_line("refused");
	put_counted(result->refusal_count, "operation\n", "operations\n");
	put_line("unclean ends");
	printf("%" PRIu64 "\n", result->unclean_count);
	put_line("end");
	puts(end_of(result));
	put_not_covered(result);
}

static json_t *not_covered_json(const struct ink_verify_result *result)
{
	char texts[NOT_COVERED_MAX][SENTENCE_SIZE];
	unsigned count = not_covered(result, texts);
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, json_string(texts[i]));
	return list;
}

static json_t *result_json(const struct ink_verify_result *result)
{
	static const char *const trusts[] = {
		[INK_TRUST_STORE_ONLY] = "store-only",
		[INK_TRUST_PINNED_KEY] = "pinned-key",
		[INK_TRUST_PINNED_CHECKPOINT] = "pinned-checkpoint",
	};
	bool has_records = result->record_count > 0;
	json_t *line = json_object();

	json_add(&line, "key", result->vkey[0] ? json_text(result->vkey) : json_null());
	json_add(&line, "trust", json_string(trusts[result->trust]));
	json_add(&line, "checkpoints", json_u64(result->checkpoint_count));
	json_add(&line, "checkpoint_records", json_u64(result->checkpoint_size));
	json_add(&line, "weak_checkpoints", json_u64(result->weak_checkpoint_count));
	json_add(&line, "since_records", json_u64(result->since_size));
	json_add(&line, "records", json_u64(result->record_count));
	json_add(&line, "root", has_records ? json_hex(result->root, INK_HASH_SIZE) : json_null());
	json_add(&line, "first_time", has_records ? json_time(result->first_wall_ns) : json_null());
	json_add(&line, "last_time", has_records ? json_time(result->last_wall_ns) : json_null());
	json_add(&line, "payload_bytes", json_u64(result->payload_bytes));
	json_add(&line, "files", json_u64(result->file_count));
	json_add(&line, "seals", json_u64(result->seal_count));
	json_add(&line, "erased", json_u64(result->erased_count));
	json_add(&line, "unsealed", json_u64(result->unsealed_count));
	json_add(&line, "sessions", json_u64(result->session_count));
	json_add(&line, "unclean_ends", json_u64(result->unclean_count));
	json_add(&line, "refused", json_u64(result->refusal_count));
	json_add(&line, "indexed", json_u64(result->index_count));
	json_add(&line, "closed", json_boolean(result->is_closed));
	json_add(&line, "live", json_boolean(result->is_live));
	json_add(&line, "evidence", json_u64(result->evidence_count));
	json_add(&line, "observations", json_u64(result->observation_count));
	json_add(&line, "not_covered", not_covered_json(result));
	return line;
}

/* What stands behind the list of findings. */
static void end_json(struct report *report, const char *verdict, const char *name, json_t *value)
{
	json_t *tail = json_object();

	json_add(&tail, "verdict", json_string(verdict));
	json_add(&tail, name, value);
	fputs(report->finding_count > 0 ? "\n]," : "],", stdout);
	if (!json_put_members(stdout, tail))
		report->has_failed = true;
	fputs("}\n", stdout);
}

void report_result(struct report *report, const struct ink_verify_result *result)
{
	clear_progress(report);
	if (report->style == REPORT_JSON)
		end_json(report, result->is_intact ? "intact" : "not-intact", "result",
			 result_json(result));
	else if (report->style == REPORT_TEXT)
		put_statement(report, result);
}

void report_error(struct report *report, const struct ink_error *error)
{
	const char *text = error->text[0] ? error->text : ink_err_text(error->code);

	clear_progress(report);
	complain("%s", text);
	if (report->style == REPORT_JSON)
		end_json(report, "not-checked", "error", json_text(text));
}
