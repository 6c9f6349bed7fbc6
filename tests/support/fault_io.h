/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails: the system's, with one call, or every call from one on, answering with an error;
 * with writes that are shorter than asked and calls that a signal interrupts.
 *
 * Owns: nothing (the caller's struct).  Knows nothing of: what is written.  Threads: any.
 */
#ifndef TEST_FAULT_IO_H
#define TEST_FAULT_IO_H

#include <pthread.h>

#include "io.h"

enum fault_call {
	FAULT_OPEN,
	FAULT_PREAD,
	FAULT_PWRITEV,
	FAULT_FDATASYNC,
	FAULT_SYNC_DIR,
	FAULT_ALLOCATE,
	FAULT_TRUNCATE,
	FAULT_CHMOD,
	FAULT_SET_IMMUTABLE,
	FAULT_STAT,
	FAULT_RENAME,
	FAULT_UNLINK,
	FAULT_MKDIR,
	FAULT_CALL_COUNT,
};

enum {
	FAULT_ALL = (1 << FAULT_CALL_COUNT) - 1,
	FAULT_CHANGES = FAULT_ALL & ~(1 << FAULT_OPEN | 1 << FAULT_PREAD | 1 << FAULT_STAT),
};

struct fault_io {
	struct io io; /* give &fault.io to what is tested */
	pthread_mutex_t lock;
	/* To be set between calls: */
	unsigned fail_at;   /* the call that fails, from 1; 0: none */
	unsigned mask;      /* 1 << enum fault_call of those that count for it */
	bool is_persistent; /* and all behind it */
	bool is_torn; /* a write that fails writes the first half of its bytes, or all but the padding */
	int errno_code;
	size_t write_size_max; /* a write writes no more than this; 0: all */
	bool is_lazy;          /* syncs do nothing: faster, where only the process dies */
	unsigned eintr_every;  /* every so many reads and writes are interrupted first; 0: none */
	/* To be read: */
	unsigned count; /* of counted calls so far */
	unsigned calls[FAULT_CALL_COUNT];
	bool has_fired;
	enum fault_call fired; /* the first that failed */
	unsigned parts_count;  /* of iovecs in the last write */
	unsigned transfers;
};

void fault_io_init(struct fault_io *fault);
/* Fail call number @at of those in @mask, counted from now on. */
void fault_io_arm(struct fault_io *fault, unsigned at, unsigned mask, bool is_persistent,
		  int errno_code);
void fault_io_disarm(struct fault_io *fault);
bool fault_io_fired(struct fault_io *fault);
const char *fault_call_name(enum fault_call call);

#endif
