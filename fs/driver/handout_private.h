/* SPDX-License-Identifier: MIT */
/*
 * The two places where checkpoints go.
 *
 * Owns: the program that is running.  Knows nothing of: when.  Threads: one at a time.
 */
#ifndef HANDOUT_PRIVATE_H
#define HANDOUT_PRIVATE_H

#include <stddef.h>
#include <sys/types.h>

#include "handout.h"

enum { HANDOUT_TEXT_SIZE = INK_ERROR_TEXT_SIZE + 512 };

/* A checkpoint that was just made. */
struct handout_note {
	const char *text; /* NUL-terminated */
	size_t size;
	uint64_t records;
};

/* Put it there, if it is not there yet.  false: it is not, and @ret_why says why. */
bool handout_to_folder(const char *folder, const struct handout_note *note,
		       char ret_why[static HANDOUT_TEXT_SIZE]);
/*
 * Hold the largest checkpoint of this log that the folder had before against @note.
 *
 * @ret_passed: what has the name of a larger one and is no good checkpoint of this log, in a sentence; else empty.
 * false: they contradict each other; @ret_why says how.  What cannot be read contradicts nothing.
 */
bool handout_fits_folder(const char *folder, const char *store_path,
			 const struct handout_note *note, char ret_passed[static HANDOUT_TEXT_SIZE],
			 char ret_why[static HANDOUT_TEXT_SIZE]);

/*
 * Run @program with it.  @running: 0, or one that could not be ended the last time; the same afterwards.
 */
bool handout_to_program(const char *program, uint32_t timeout_s, const struct handout_note *note,
			pid_t *running, char ret_why[static HANDOUT_TEXT_SIZE]);

#endif
