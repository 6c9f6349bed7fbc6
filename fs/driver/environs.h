/* SPDX-License-Identifier: MIT */
/*
 * The environments of other processes, read by threads of its own.
 *
 * Owns: at most ENVIRONS_READER_COUNT threads.  Knows nothing of: what stands in an environment.  Threads: any.
 *
 * A process can keep whoever reads its memory waiting for as long as it lives: one of its threads holds the lock of that
 * memory while it waits for a file system that never answers.  Whoever asks here waits for ENVIRONS_WAIT_S at most.  When
 * all readers are kept waiting nothing is read, and nobody waits; when they are busy, somebody waits for ENVIRONS_TURN_MS.
 */
#ifndef DRIVER_ENVIRONS_H
#define DRIVER_ENVIRONS_H

#include <stdbool.h>
#include <stddef.h>

#include "process.h"

enum {
	ENVIRONS_READER_COUNT = 3,
	ENVIRONS_TURN_MS = 100,
	ENVIRONS_WAIT_S = 2, /* a busy machine takes its time, too */
};

struct environs;

/* NULL without memory. */
struct environs *environs_open(void);
/* Takes NULL.  Waits for nobody: a reader that is kept waiting ends with the program, if not before. */
void environs_close(struct environs *environs);

/*
 * Read the environment of the process whose folder in /proc is open as @dir_fd.
 *
 * @ret_text: NAME=value, each ends in NUL; what lies behind ENVIRON_SIZE_MAX bytes is left out.  @ret_size: in bytes.
 *
 * false: it cannot be read, or not in time, or there is nobody left to read it.
 */
bool environs_read(struct environs *environs, int dir_fd, char ret_text[static ENVIRON_SIZE_MAX],
		   size_t *ret_size);

#endif
