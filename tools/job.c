/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <fnmatch.h>
#include <stdlib.h>

/* The first that is there counts. */
static const char *const identifiers[] = {
	"CI_JOB_ID", /* GitLab */
	"CIRCLE_WORKFLOW_JOB_ID",
	"CIRCLE_BUILD_NUM",
	"BUILDKITE_JOB_ID",
	"SYSTEM_JOBID",
	"BUILD_TAG", /* Jenkins */
	"TEKTON_TASK_RUN",
	"TASK_RUN_NAME",
	"TASKRUN_NAME",
	"POD_NAME",
	"GITHUB_RUN_ID",
};

static const struct ink_ci_value *find(const struct ink_body_actor *actor, const char *name)
{
	size_t size = strlen(name);

	for (uint16_t i = 0; i < actor->ci_count; i++) {
		if (actor->ci[i].name.size == size &&
		    memcmp(actor->ci[i].name.data, name, size) == 0)
			return &actor->ci[i];
	}
	return NULL;
}

void job_label(const struct ink_body_actor *actor, struct line *out)
{
	const struct ink_ci_value *value = NULL, *part;

	line_put(out, actor->ci_system.data, actor->ci_system.size);
	for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]) && !value; i++)
		value = find(actor, identifiers[i]);
	if (!value)
		return;
	line_putc(out, '/');
	line_put(out, value->value.data, value->value.size);
	/* A run of GitHub Actions has many jobs, told apart by name. */
	part = find(actor, "GITHUB_JOB");
	if (!part)
		return;
	line_putc(out, '/');
	line_put(out, part->value.data, part->value.size);
}

bool job_matches(const struct replay_actor *actor, const char *pattern)
{
	const char *text = actor->ci;

	if (actor->ci_system[0] == '\0')
		return strcmp(pattern, JOB_NONE) == 0;
	if (fnmatch(pattern, actor->job, 0) == 0 || fnmatch(pattern, actor->ci_system, 0) == 0)
		return true;
	for (unsigned i = 0; i < actor->ci_count; i++) {
		text += strlen(text) + 1; /* the name */
		if (fnmatch(pattern, text, 0) == 0)
			return true;
		text += strlen(text) + 1;
	}
	return false;
}
