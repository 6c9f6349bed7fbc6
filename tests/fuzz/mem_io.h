/* SPDX-License-Identifier: MIT */
/*
 * A disk of a few files in memory, for decoders that read files.
 *
 * Owns: copies of the files' bytes.  Knows nothing of: folders: a file is known by the last part of its path.
 * Threads: one.
 */
#ifndef MEM_IO_H
#define MEM_IO_H

#include "io.h"

enum { MEM_FILES_MAX = 4, MEM_NAME_SIZE = 32 };

struct mem_file {
	char name[MEM_NAME_SIZE]; /* empty: none */
	uint8_t *data;            /* exactly size bytes */
	size_t size;
};

struct mem_io {
	struct io io; /* give &mem.io to what is tested */
	struct mem_file files[MEM_FILES_MAX];
	unsigned open_count;
	uint64_t read_bytes;
};

void mem_io_init(struct mem_io *mem);
void mem_io_release(struct mem_io *mem);
/* Make or replace. */
void mem_io_put(struct mem_io *mem, const char *name, const uint8_t *data, size_t size);
/* NULL if there is none. */
struct mem_file *mem_io_find(struct mem_io *mem, const char *name);

#endif
