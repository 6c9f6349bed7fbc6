/* SPDX-License-Identifier: MIT */
/* The CI job of a writer: which variables are kept, which are not, and that nothing else of an environment is. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

#define SECRET "correct-horse-battery-staple"

enum { VALUE_COUNT_MAX = 8 };

/* As the systems' own pages name them. */
static const struct job {
	const char *system;                       /* NULL: none */
	const char *environment[VALUE_COUNT_MAX]; /* beside the secrets */
	const char *kept[VALUE_COUNT_MAX];        /* NAME=value, in the order of the ACTOR */
} jobs[] = {
	{ "github-actions",
	  { "GITHUB_ACTIONS=true", "GITHUB_RUN_ID=1658821493", "GITHUB_REPOSITORY=octo/hello",
	    "GITHUB_JOB=build", "GITHUB_SHA=ffac537e6cbbf934b08745a378932722df287a53" },
	  { "GITHUB_REPOSITORY=octo/hello", "GITHUB_RUN_ID=1658821493", "GITHUB_JOB=build",
	    "GITHUB_SHA=ffac537e6cbbf934b08745a378932722df287a53" } },
	{ "gitlab-ci",
	  { "GITLAB_CI=true", "CI_JOB_ID=50", "CI_PIPELINE_ID=1000", "CI_PROJECT_PATH=group/proj",
	    "CI_SERVER_HOST=gitlab.example.org" },
	  { "CI_SERVER_HOST=gitlab.example.org", "CI_PROJECT_PATH=group/proj",
	    "CI_PIPELINE_ID=1000", "CI_JOB_ID=50" } },
	{ "jenkins",
	  { "JENKINS_URL=https://user:" SECRET "@ci.example.org/", "JOB_NAME=nightly",
	    "BUILD_NUMBER=17", "BUILD_TAG=jenkins-nightly-17" },
	  { "BUILD_TAG=jenkins-nightly-17", "BUILD_NUMBER=17", "JOB_NAME=nightly" } },
	{ "circleci",
	  { "CIRCLECI=true", "CIRCLE_BUILD_NUM=8", "CIRCLE_JOB=test",
	    "CIRCLE_WORKFLOW_ID=2c4f9bf0-0000-4000-8000-000000000001" },
	  { "CIRCLE_WORKFLOW_ID=2c4f9bf0-0000-4000-8000-000000000001", "CIRCLE_JOB=test",
	    "CIRCLE_BUILD_NUM=8" } },
	{ "buildkite",
	  { "BUILDKITE=true", "BUILDKITE_JOB_ID=0190046e", "BUILDKITE_BUILD_NUMBER=27",
	    "BUILDKITE_AGENT_ACCESS_TOKEN=" SECRET, "BUILDKITE_PIPELINE_SLUG=app" },
	  { "BUILDKITE_PIPELINE_SLUG=app", "BUILDKITE_BUILD_NUMBER=27",
	    "BUILDKITE_JOB_ID=0190046e" } },
	{ "azure-pipelines",
	  { "TF_BUILD=True", "BUILD_BUILDID=42", "SYSTEM_JOBID=12f1170f", "AGENT_NAME=Hosted 1",
	    "SYSTEM_ACCESSTOKEN=" SECRET },
	  { "BUILD_BUILDID=42", "SYSTEM_JOBID=12f1170f", "AGENT_NAME=Hosted 1" } },
	{ "kubernetes",
	  { "KUBERNETES_SERVICE_HOST=10.0.0.1", "POD_NAME=build-pod-x7k2p", "POD_NAMESPACE=ci",
	    "TEKTON_TASK_RUN=compile-1", "NODE_NAME=worker-3" },
	  { "TEKTON_TASK_RUN=compile-1", "POD_NAMESPACE=ci", "POD_NAME=build-pod-x7k2p",
	    "NODE_NAME=worker-3" } },
	/* A runner in a cluster is told by its own system. */
	{ "gitlab-ci",
	  { "KUBERNETES_SERVICE_HOST=10.0.0.1", "GITLAB_CI=true", "POD_NAME=runner",
	    "CI_JOB_ID=51" },
	  { "CI_JOB_ID=51" } },
	/* None: names that look like one of the list, and a value without its system. */
	{ NULL,
	  { "XGITHUB_ACTIONS=true", "GITHUB_ACTIONSX=true", "GITHUB_RUN_ID=1", "CI=true" },
	  { NULL } },
};

static const char *const secrets[] = {
	"AWS_SECRET_ACCESS_KEY=" SECRET, "GITHUB_TOKEN=" SECRET,
	"CI_JOB_TOKEN=" SECRET,          "PGPASSWORD=" SECRET,
	"GITHUB_RUN_ID_SECRET=" SECRET,  SECRET,
};

static pid_t write_in_job(const struct job *job, const char *path)
{
	const char *argv[] = { "sh", "-c", "echo line >>\"$0\"", path, NULL };
	const char *environment[COUNT_OF(secrets) + VALUE_COUNT_MAX + 1];
	size_t count = 0;
	pid_t child;

	/* Secrets on both sides. */
	for (size_t i = 0; i < COUNT_OF(secrets) / 2; i++)
		environment[count++] = secrets[i];
	for (size_t i = 0; i < VALUE_COUNT_MAX && job->environment[i]; i++)
		environment[count++] = job->environment[i];
	for (size_t i = COUNT_OF(secrets) / 2; i < COUNT_OF(secrets); i++)
		environment[count++] = secrets[i];
	environment[count] = NULL;
	child = fork();
	if (child == 0) {
		execve("/bin/sh", (char *const *)argv, (char *const *)environment);
		_exit(127);
	}
	assert_int_equal(reap(child), 0);
	return child;
}

static void assert_job(const struct job *job, const struct ink_body_actor *actor)
{
	size_t count = 0;

	assert_true(actor->known & INK_KNOWN_ENVIRON);
	assert_int_equal(actor->ci_system.size, job->system ? strlen(job->system) : 0);
	if (job->system)
		assert_memory_equal(actor->ci_system.data, job->system, actor->ci_system.size);
	for (; count < VALUE_COUNT_MAX && job->kept[count]; count++) {
		const struct ink_ci_value *ci = &actor->ci[count];
		char text[256];

		assert_true(count < actor->ci_count);
		snprintf(text, sizeof(text), "%.*s=%.*s", (int)ci->name.size, ci->name.data,
			 (int)ci->value.size, ci->value.data);
		assert_string_equal(text, job->kept[count]);
	}
	assert_int_equal(actor->ci_count, count);
}

static void each_system_is_known_by_its_own_variables(void **state)
{
	const char *path = mounted_path(&mounted, "jobs");

	(void)state;
	close(open_new("jobs", O_WRONLY));
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		const struct ink_body_actor *actor;
		struct seen_list list;
		pid_t child;

		print_message("         %s\n", jobs[i].system ? jobs[i].system : "none");
		forget_old_records();
		child = write_in_job(&jobs[i], path);
		mounted_records(&mounted, &list);
		actor = seen_actor_body(&list, seen_find(&list, INK_APPEND, 0));
		assert_int_equal(actor->pid, child);
		assert_job(&jobs[i], actor);
		seen_free(&list);
	}
}

/* Counts the files in which @text stands. */
static unsigned files_with(const char *folder, const char *text)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[PATH_MAX];
		struct stat st;
		uint8_t *data;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		scratch_path(folder, entry->d_name, path);
		assert_int_equal(lstat(path, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			count += files_with(path, text);
			continue;
		}
		data = file_read(path, &size);
		count += memmem(data, size, text, strlen(text)) != NULL;
		free(data);
	}
	closedir(dir);
	return count;
}

/* All the files of the store as they lie on the disk, log and index. */
static void nothing_else_of_an_environment_is_in_the_store(void **state)
{
	(void)state;
	mounted_stop(&mounted);
	assert_true(files_with(mounted.store, "jenkins-nightly-17") > 0);
	assert_int_equal(files_with(mounted.store, SECRET), 0);
	assert_int_equal(files_with(mounted.store, "AWS_SECRET"), 0);
	mounted_start(&mounted, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_system_is_known_by_its_own_variables),
		cmocka_unit_test(nothing_else_of_an_environment_is_in_the_store),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
