/* SPDX-License-Identifier: MIT */
/*
 * A folder for a log on a disk that can be told to fail, and records whose bodies tell their number.
 *
 * Owns: the folder and the log, if the test made one.  Knows nothing of: the store above.  Threads: one test.
 */
#ifndef TEST_LOG_FIXTURE_H
#define TEST_LOG_FIXTURE_H

#include <limits.h>

#include "fault_io.h"
#include "log.h"

struct log_fixture {
	char store[PATH_MAX], dir[PATH_MAX];
	struct fault_io fault;
	struct log_options options;
	uint8_t store_id[INK_STORE_ID_SIZE];
	struct log *log;
	uint8_t last_leaf[INK_HASH_SIZE];
	uint64_t place; /* of the last record written */
};

/* *state is a struct log_fixture; segments are of SEGMENT_SIZE_MIN, and there is no log yet. */
int log_setup(void **state);
int log_teardown(void **state);

/* Append an APPEND of @size bytes; @is_system: out of the reserve, too.  As log_prepare() and log_write(). */
enum ink_err log_feed(struct log_fixture *f, uint32_t size, bool is_system);
/* Take a ticket, sync it, give it back. */
enum ink_err log_sync_all(struct log_fixture *f);
/* @ret_path: PATH_MAX bytes. */
void log_path_of(struct log_fixture *f, uint32_t segment, char *ret_path);
/* Chain, leaves and segments as somebody sees them who has only the files. */
uint64_t log_count_records(struct log_fixture *f);

#endif
