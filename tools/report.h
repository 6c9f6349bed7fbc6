/* SPDX-License-Identifier: MIT */
/*
 * What `inkfs verify` prints: findings as they come and the closing statement, as text or as JSON.
 *
 * Owns: the shape of inkfs-verify/1.  Knows nothing of: how findings are found.  Threads: one.
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <time.h>

#include "inkfs/verify.h"

enum report_style { REPORT_TEXT, REPORT_QUIET, REPORT_JSON };

struct report {
	enum report_style style;
	const char *store;
	bool has_progress;      /* on stderr, a terminal */
	bool is_progress_shown; /* a line of it stands there now */
	bool has_failed;        /* out of memory: the report has a hole */
	uint64_t finding_count; /* printed ones */
	struct timespec start, last_progress;
};

void report_begin(struct report *report);
void report_finding(struct report *report, const struct ink_finding *finding);
void report_progress(struct report *report, uint64_t done_bytes, uint64_t total_bytes);
void report_result(struct report *report, const struct ink_verify_result *result);
/* Could not check: instead of report_result(). */
void report_error(struct report *report, const struct ink_error *error);

#endif
