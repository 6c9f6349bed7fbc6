/* SPDX-License-Identifier: MIT */
/*
 * What a record of each kind says besides its path, as fields.
 *
 * Owns: names of the fields.  Knows nothing of: files, order of records.  Threads: any.
 */
#ifndef TOOLS_DESCRIBE_H
#define TOOLS_DESCRIBE_H

#include "fields.h"
#include "replay.h"

void describe_body(struct fields *fields, struct replay *replay, const struct ink_header *header,
		   const union ink_body *body);

/* The calling process, for kinds that have one: uid, gid, and pid and comm if its ACTOR is known. */
void describe_caller(struct fields *fields, struct replay *replay, const struct ink_header *header);

/*
 * What a record is about besides its path: where a RENAME or a refused rename or link leads, or the object that a LINK gave
 * a further name.  @ret_name empty: @ret_inode itself; else of this name in it.  false: nothing.
 */
bool second_entry(const struct ink_header *header, const union ink_body *body, uint64_t *ret_inode,
		  struct ink_str *ret_name);

/* Whether a DENIED names something in the folder that it is about. */
bool denied_names_entry(uint16_t op);

/*
 * The container that a control group is of, or an empty string: the last 64 hexadecimal digits in a row, as Docker, Podman,
 * containerd and CRI-O name the groups of their containers.
 */
struct ink_str container_of(struct ink_str cgroup);

#endif
