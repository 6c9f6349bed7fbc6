/* SPDX-License-Identifier: MIT */
/* What is recorded of a writer: login, container, program; and what ten thousand writers cost. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

#define CONTAINER "3f4c0a9be1d25d7786f0c1b2a3948576aabbccddeeff00112233445566778899"

enum { CANNOT = 77, LOGIN_UID = 4321, SHORT_LIVED_COUNT = 10000 };

/* In a child: what it must be before it writes; CANNOT where the system does not let us. */
typedef int (*prepare_fn)(const char *arg);

/* One line by a child of our own; its pid, or 0 if it could not become what it should. */
static pid_t write_as(prepare_fn prepare, const char *arg, int fd)
{
	pid_t child = fork();
	int code;

	if (child == 0) {
		code = prepare(arg);
		_exit(code != 0 ? code : by_write(fd, "line\n", 5) ? 0 : 1);
	}
	code = reap(child);
	if (code == CANNOT)
		return 0;
	assert_int_equal(code, 0);
	return child;
}

static const struct ink_body_actor *only_writer(struct seen_list *list)
{
	mounted_records(&mounted, list);
	assert_int_equal(seen_count(list, INK_APPEND), 1);
	return seen_actor_body(list, seen_find(list, INK_APPEND, 0));
}

static bool put_into(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_good;
}

/* As sudo leaves it: somebody logged in, and is root now. */
static int log_in(const char *uid)
{
	return put_into("/proc/self/loginuid", uid) ? 0 : CANNOT;
}

static int log_in_and_step_down(const char *uid)
{
	int code = log_in(uid);

	become(NOBODY, NOBODY);
	return code;
}

static void the_login_outlasts_a_change_of_user(void **state)
{
	static const struct {
		prepare_fn prepare;
		uid_t uid;
	} ways[] = { { log_in, 0 }, { log_in_and_step_down, NOBODY } };
	int fd = open_new("login", O_WRONLY | O_APPEND);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		const struct ink_body_actor *actor;
		struct seen_list list;

		forget_old_records();
		if (write_as(ways[i].prepare, "4321", fd) == 0) {
			puts("this system lets nobody set a login uid");
			close(fd);
			skip();
		}
		actor = only_writer(&list);
		assert_true(actor->known & INK_KNOWN_LOGIN);
		assert_int_equal(actor->login_uid, LOGIN_UID);
		assert_int_equal(seen_find(&list, INK_APPEND, 0)->header.uid, ways[i].uid);
		seen_free(&list);
	}
	close(fd);
}

/* The first hierarchy in which groups can be made: its folder, or false. */
static bool find_groups(char ret_path[static PATH_MAX])
{
	char line[4096];
	FILE *file = fopen("/proc/self/mountinfo", "r");
	bool is_found = false;

	while (file && !is_found && fgets(line, sizeof(line), file)) {
		const char *type = strstr(line, " - cgroup");

		if (type && sscanf(line, "%*s %*s %*s %*s %4000s", ret_path) == 1)
			is_found = access(ret_path, W_OK) == 0 &&
				   (strncmp(type, " - cgroup2", 10) == 0 ||
				    strstr(type, "name=systemd"));
	}
	if (file)
		fclose(file);
	return is_found;
}

static int enter_group(const char *path)
{
	char procs[PATH_MAX + 16];

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	return put_into(procs, "0") ? 0 : CANNOT;
}

/* A group may be busy for a moment after its last process has been waited for. */
static void remove_group(const char *path)
{
	for (int i = 0; i < 500 && rmdir(path) != 0 && errno == EBUSY; i++)
		usleep(10000);
}

static bool holds(struct ink_str str, const char *text)
{
	return memmem(str.data, str.size, text, strlen(text)) != NULL;
}

static void the_container_is_told_by_its_group(void **state)
{
	char root[PATH_MAX], outer[PATH_MAX + 64], inner[PATH_MAX + 160];
	int fd = open_new("container", O_WRONLY | O_APPEND);
	const char *argv[] = { "sh", "-c",
			       "inkfs log \"$0\" --kind ACTOR | grep -q 'container=" CONTAINER
			       "\\( \\|$\\)'",
			       mounted.store, NULL };
	const struct ink_body_actor *actor;
	struct seen_list list;
	pid_t writer = 0;

	(void)state;
	forget_old_records();
	if (find_groups(root)) {
		snprintf(outer, sizeof(outer), "%s/inkfs-test-%d", root, (int)getpid());
		snprintf(inner, sizeof(inner), "%s/docker-%s.scope", outer, CONTAINER);
		if (mkdir(outer, 0755) == 0 && mkdir(inner, 0755) == 0)
			writer = write_as(enter_group, inner, fd);
		remove_group(inner);
		remove_group(outer);
	}
	close(fd);
	if (writer == 0) {
		puts("no control group can be made here");
		skip();
	}
	actor = only_writer(&list);
	assert_int_equal(actor->pid, writer);
	assert_true(actor->known & INK_KNOWN_CGROUP);
	assert_true(holds(actor->cgroup, "/docker-" CONTAINER ".scope"));
	seen_free(&list);
	assert_int_equal(run_program(argv), 0);
}

static void *write_when_alone(void *ctx)
{
	char path[64];

	/* The first thread has ended when the process has no program any more. */
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)getpid());
	for (char target[8]; readlink(path, target, sizeof(target)) > 0;)
		usleep(1000);
	_exit(by_write(*(int *)ctx, "alone\n", 6) ? 0 : 1);
}

/* Its first thread gone, a process has neither program nor environment in /proc; its other threads have. */
static void a_process_cannot_hide_by_ending_its_first_thread(void **state)
{
	int fd = open_new("leaderless", O_WRONLY | O_APPEND);
	const struct ink_body_actor *actor;
	struct seen_list list;
	pthread_t thread;
	pid_t child;

	(void)state;
	forget_old_records();
	child = fork();
	if (child == 0) {
		if (pthread_create(&thread, NULL, write_when_alone, &fd) != 0)
			_exit(250);
		pthread_exit(NULL);
	}
	assert_int_equal(reap(child), 0);
	actor = only_writer(&list);
	assert_int_equal(actor->pid, child);
	assert_true(actor->known & INK_KNOWN_EXE);
	assert_true(holds(actor->exe, "test_actors"));
	assert_true(actor->known & INK_KNOWN_ENVIRON);
	seen_free(&list);
	close(fd);
}

/* "VmRSS:" and the like, in KiB. */
static uint64_t memory_kib(const char *field)
{
	char path[64], line[256];
	uint64_t kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)mounted.driver);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtoull(line + strlen(field), NULL, 10);
	fclose(file);
	return kib;
}

static unsigned descriptor_count(void)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)mounted.driver);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void spawn_writers(int fd, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(by_write(fd, "line\n", 5) ? 0 : 1);
		assert_int_equal(reap(child), 0);
	}
}

/* Records grow with the processes, one each; the driver does not. */
static void ten_thousand_short_processes_cost_a_bounded_amount(void **state)
{
	int fd = open_new("short-lived", O_WRONLY | O_APPEND);
	unsigned count = rounds(SHORT_LIVED_COUNT);
	uint64_t before_kib, after_kib;
	struct seen_list list;
	uint64_t last = 0;

	(void)state;
	/* What the first thousands need for good, they need before. */
	spawn_writers(fd, count / 4);
	before_kib = memory_kib("VmRSS:");
	forget_old_records();
	spawn_writers(fd, count);
	after_kib = memory_kib("VmRSS:");
	assert_true(descriptor_count() < 64 * 3 + 64);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), count);
	assert_int_equal(seen_count(&list, INK_ACTOR), count);
	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i].header.kind != INK_APPEND)
			continue;
		assert_true(list.items[i].header.actor > last);
		last = list.items[i].header.actor;
	}
	seen_free(&list);
	close(fd);
	print_message("         driver before %llu KiB, after %llu KiB\n",
		      (unsigned long long)before_kib, (unsigned long long)after_kib);
	if (!IS_SANITIZED) /* it keeps what was freed */
		assert_true(after_kib < before_kib + 16 * 1024);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_login_outlasts_a_change_of_user),
		cmocka_unit_test(the_container_is_told_by_its_group),
		cmocka_unit_test(a_process_cannot_hide_by_ending_its_first_thread),
		cmocka_unit_test(ten_thousand_short_processes_cost_a_bounded_amount),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
