/* SPDX-License-Identifier: MIT */
/*
 * How far an export got, in a small file, so that the next one goes on there: nothing lost, nothing twice.
 *
 * Owns: the file's format.  Knows nothing of: what is exported.  Threads: one per struct.
 *
 * The file is one line, "inkfs-state/1 NEXT LEAF OUTPUT_SIZE FORMAT HOST", replaced as a whole and synced; what it vouches
 * for was synced before it.  NEXT is the record to go on with, LEAF the hash of the one before (zero for none): another record at that number means
 * another log, or one whose end was cut.  OUTPUT_SIZE is how long the output was then, where that is a file: what stands
 * there behind it was printed after the state was last kept, and is printed alike again, so it is left out that often.
 */
#ifndef TOOLS_STATE_H
#define TOOLS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inkfs/record.h"

struct state {
	const char *path; /* NULL: nothing is kept */
	bool is_found;    /* the rest was read from the file */
	uint64_t next_seq;
	uint8_t leaf[INK_HASH_SIZE];
	uint64_t output_size;
	char format[16];
	char host[256]; /* of the last MOUNT; escaped as text_escape(), "-" for none */
};

enum { STATE_SIZE_MAX = 512 }; /* of the line, bytes */

/*
 * The line, with its line feed; @text has a NUL behind its @size bytes and is cut into words.  Into all members but path and
 * is_found.
 */
bool state_decode(struct state *state, char *text, size_t size);
/* @ret_line: STATE_SIZE_MAX + 1 bytes; returns how long it is without the NUL. */
size_t state_encode(const struct state *state, char *ret_line);
/* Read the file @path, if it is there.  false after having complained. */
bool state_load(struct state *state, const char *path);
/* Put it in place of the old one.  false after having complained. */
bool state_keep(const struct state *state);

#endif
