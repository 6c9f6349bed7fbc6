/* SPDX-License-Identifier: MIT */
/*
 * Filling a struct ink_error: one sentence, then the code.
 *
 * Owns: nothing.  Knows nothing of: who reads it.  Threads: any.
 */
#ifndef INK_ERROR_H
#define INK_ERROR_H

#include "inkfs/err.h"

/* Returns @code, so that a caller can fill and return in one line.  @error may be NULL.  errno is kept and, for INK_ERR_IO, stored. */
enum ink_err error_set(struct ink_error *error, enum ink_err code, const char *format, ...)
	INK_PRINTF(3, 4);

/* INK_ERR_FOREIGN: @path is of a format version, or with features, of later. */
enum ink_err error_newer(struct ink_error *error, const char *path);

/* INK_ERR_IO: "PATH: what: strerror(errno)". */
enum ink_err error_io(struct ink_error *error, const char *path, const char *what);

#endif
