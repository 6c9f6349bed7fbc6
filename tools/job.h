/* SPDX-License-Identifier: MIT */
/*
 * The CI job of a process, in one word.
 *
 * Owns: which identifier of each CI system names the job.  Knows nothing of: where ACTOR records come from.  Threads: any.
 */
#ifndef TOOLS_JOB_H
#define TOOLS_JOB_H

#include "replay.h"

/*
 * "SYSTEM/IDENTIFIER" behind what is in @out, such as "gitlab-ci/4711": the narrowest identifier that the system sets
 * for a job and that no other job has.  Only "SYSTEM" if there is none; nothing for a process outside of CI.
 */
void job_label(const struct ink_body_actor *actor, struct line *out);

/* What stands for no job, as a word and as a pattern. */
#define JOB_NONE "-"

/* Does @pattern (as in the shell, fnmatch(3)) match the label, the system or any identifier's value?  Or JOB_NONE. */
bool job_matches(const struct replay_actor *actor, const char *pattern);

#endif
