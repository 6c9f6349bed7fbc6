/* SPDX-License-Identifier: MIT */
#include "ci.h"

#include <string.h>

enum { NAME_COUNT_MAX = 16 };

struct ci_system {
	const char *name;
	const char *marker; /* set by this system and no other */
	const char *kept[NAME_COUNT_MAX];
};

/* In this order: a runner may itself run in Kubernetes. */
static const struct ci_system systems[] = {
	{ "github-actions",
	  "GITHUB_ACTIONS",
	  { "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_WORKFLOW", "GITHUB_RUN_ID",
	    "GITHUB_RUN_NUMBER", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "GITHUB_SHA", "GITHUB_REF",
	    "GITHUB_ACTOR", "GITHUB_EVENT_NAME", "RUNNER_NAME" } },
	{ "gitlab-ci",
	  "GITLAB_CI",
	  { "CI_SERVER_HOST", "CI_PROJECT_PATH", "CI_PROJECT_ID", "CI_PIPELINE_ID", "CI_JOB_ID",
	    "CI_JOB_NAME", "CI_JOB_STAGE", "CI_COMMIT_SHA", "CI_COMMIT_REF_NAME", "CI_RUNNER_ID",
	    "GITLAB_USER_LOGIN" } },
	{ "circleci",
	  "CIRCLECI",
	  { "CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME", "CIRCLE_WORKFLOW_ID",
	    "CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_JOB", "CIRCLE_BUILD_NUM", "CIRCLE_NODE_INDEX",
	    "CIRCLE_SHA1", "CIRCLE_BRANCH", "CIRCLE_TAG", "CIRCLE_USERNAME" } },
	{ "buildkite",
	  "BUILDKITE",
	  { "BUILDKITE_ORGANIZATION_SLUG", "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_ID",
	    "BUILDKITE_BUILD_NUMBER", "BUILDKITE_JOB_ID", "BUILDKITE_STEP_KEY",
	    "BUILDKITE_RETRY_COUNT", "BUILDKITE_COMMIT", "BUILDKITE_BRANCH",
	    "BUILDKITE_AGENT_NAME" } },
	{ "azure-pipelines",
	  "TF_BUILD",
	  { "SYSTEM_TEAMPROJECT", "SYSTEM_DEFINITIONID", "BUILD_DEFINITIONNAME", "BUILD_BUILDID",
	    "BUILD_BUILDNUMBER", "SYSTEM_STAGENAME", "SYSTEM_JOBID", "SYSTEM_JOBNAME",
	    "SYSTEM_JOBATTEMPT", "BUILD_REPOSITORY_NAME", "BUILD_SOURCEVERSION",
	    "BUILD_SOURCEBRANCH", "BUILD_REQUESTEDFOR", "AGENT_NAME" } },
	{ "jenkins",
	  "JENKINS_URL",
	  { "BUILD_TAG", "BUILD_ID", "BUILD_NUMBER", "JOB_NAME", "STAGE_NAME", "NODE_NAME",
	    "EXECUTOR_NUMBER", "GIT_COMMIT", "GIT_BRANCH" } },
	/* The downward API gives the names that a task asks for; these are the usual ones. */
	{ "kubernetes",
	  "KUBERNETES_SERVICE_HOST",
	  { "TEKTON_PIPELINE_RUN", "TEKTON_TASK_RUN", "PIPELINE_RUN_NAME", "TASK_RUN_NAME",
	    "PIPELINERUN_NAME", "TASKRUN_NAME", "POD_NAMESPACE", "POD_NAME", "POD_UID",
	    "NODE_NAME" } },
};

/* The value of @name; false if it is not set. */
static bool find(const char *environ, size_t size, const char *name, struct ink_str *ret_value)
{
	size_t name_size = strlen(name), at = 0;

	while (at < size) {
		const char *entry = environ + at;
		const char *end = memchr(entry, '\0', size - at);
		size_t entry_size;

		if (!end)
			return false;
		entry_size = (size_t)(end - entry);
		if (entry_size > name_size && entry[name_size] == '=' &&
		    memcmp(entry, name, name_size) == 0) {
			ret_value->data = entry + name_size + 1;
			ret_value->size = (uint32_t)(entry_size - name_size - 1);
			return true;
		}
		at += entry_size + 1;
	}
	return false;
}

void ci_find(const char *environ, size_t size, struct ink_body_actor *body)
{
	const struct ci_system *system = NULL;
	struct ink_str value;

	body->ci_system = (struct ink_str){ "", 0 };
	body->ci_count = 0;
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]) && !system; i++) {
		if (find(environ, size, systems[i].marker, &value))
			system = &systems[i];
	}
	if (!system)
		return;
	body->ci_system = (struct ink_str){ system->name, (uint32_t)strlen(system->name) };
	for (int i = 0; i < NAME_COUNT_MAX && system->kept[i]; i++) {
		struct ink_ci_value *ci = &body->ci[body->ci_count];

		if (!find(environ, size, system->kept[i], &ci->value))
			continue;
		ci->name = (struct ink_str){ system->kept[i], (uint32_t)strlen(system->kept[i]) };
		body->ci_count++;
	}
}
