/* SPDX-License-Identifier: MIT */
/*
 * Segment files, opened for reading and kept open: at most a few, whatever the number of segments.
 *
 * Owns: descriptors.  Knows nothing of: frames.  Threads: any.
 */
#ifndef INK_SEGMENT_H
#define INK_SEGMENT_H

#include "format.h"
#include "io.h"

enum { SEGMENTS_OPEN_MAX = 16 };

struct segments;

/* The file of segment @index; @ret_path: PATH_MAX bytes. */
void segment_path(const char *dir, uint32_t index, char *ret_path);

/* Is @name such a file's, exactly ten digits and ".seg"? */
bool segment_of_name(const char *name, uint32_t *ret_index);

/* @dir: STORE/log.  NULL without memory. */
struct segments *segments_open(const struct io *io, const char *dir);
/* Takes NULL. */
void segments_close(struct segments *segments);

/*
 * Read up to @size bytes at @offset of segment @index; less only at the end of the file.
 * INK_ERR_NOT_FOUND: no such segment.
 */
INK_MUST_CHECK enum ink_err segments_read(struct segments *segments, uint32_t index, void *buf,
					  size_t size, uint64_t offset, size_t *ret_size);

#endif
