/* SPDX-License-Identifier: MIT */
/*
 * The folder of an export: files that come into being whole, and whose they are.
 *
 * Owns: the folder's lock.  Knows nothing of: tiles, records.  Threads: one at a time per struct.
 */
#ifndef INK_EXPORT_FOLDER_H
#define INK_EXPORT_FOLDER_H

#include "io.h"

enum { COMPARE_SIZE = 64 * 1024 };

struct folder {
	const struct io *io;
	const char *dir;
	struct ink_error *error;
	int marker_fd; /* locked; -1: not claimed */
	uint64_t written_count, kept_count;
	uint8_t compared[COMPARE_SIZE];
};

/*
 * Make the folder if it is not there, lock it and mark it as that of @owner (one line without line feed).
 * INK_ERR_EXISTS: it holds something else, or what another owner put there.  INK_ERR_LOCKED: in use.
 */
INK_MUST_CHECK enum ink_err folder_claim(struct folder *folder, const char *owner);

/*
 * Put the file @name, made of @parts; the folders above it come by themselves.  @parts is consumed.
 *
 * @is_published: if it is there, it must be that already; else INK_ERR_EXISTS.
 */
INK_MUST_CHECK enum ink_err folder_put(struct folder *folder, const char *name, bool is_published,
				       struct iovec *parts, int count);

/* Sync all that was put, then put @name in place of what bore that name, and sync that. */
INK_MUST_CHECK enum ink_err folder_publish(struct folder *folder, const char *name,
					   struct iovec *part);

/* Up to @size - 1 bytes of a file and a NUL.  -1: it cannot be read (errno). */
ssize_t folder_read(struct folder *folder, const char *name, char *ret_data, size_t size);

#endif
