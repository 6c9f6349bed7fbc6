/* SPDX-License-Identifier: MIT */
/*
 * Which CI job a process belongs to, from its environment.
 *
 * Owns: a fixed list of names.  Knows nothing of: /proc.  Threads: any.
 *
 * Only names of this list are ever kept: secrets live in the environment, too.
 */
#ifndef DRIVER_CI_H
#define DRIVER_CI_H

#include <stddef.h>

#include "inkfs/record.h"

/*
 * @environ: NAME=value, each ends in NUL; a last one without it is cut off and left out.
 * @body: ci_system, ci_count and ci are set; they borrow from @environ.
 */
void ci_find(const char *environ, size_t size, struct ink_body_actor *body);

#endif
