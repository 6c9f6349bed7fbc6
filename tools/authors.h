/* SPDX-License-Identifier: MIT */
/*
 * Who wrote a line, in words.
 *
 * Owns: the shape of that.  Knows nothing of: lines' content.  Threads: one per replay.
 */
#ifndef TOOLS_AUTHORS_H
#define TOOLS_AUTHORS_H

#include "filter.h"
#include "lines.h"
#include "replay.h"

/* "uid=0 make[4711]", of several "uid=0 make[4711]+cc[4712]"; each process once, in the order in which they wrote. */
void authors_put_who(struct line *out, struct replay *replay, const struct author *authors,
		     size_t count);
/* "gitlab-ci/17", or "-" if the first is in no CI job. */
void authors_put_job(struct line *out, struct replay *replay, const struct author *authors);
/* Members of a JSON object, with a comma in front: time (of the first record), records, writers. */
void authors_put_json(struct line *out, struct replay *replay, const struct author *authors,
		      size_t count);

/* Does the filter want one of them, by time, number and caller? */
bool authors_have_one(const struct author *authors, size_t count, struct filter *filter,
		      struct replay *replay);

#endif
