/* SPDX-License-Identifier: MIT */
/* Each record has its writer: threads, programs that take over, descriptors that are passed on, many at once. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

static void *write_in_thread(void *ctx)
{
	static const char line[100] = "a line with nothing but zeros behind";
	int fd = *(int *)ctx;

	/* A thread may bear a name of its own. */
	prctl(PR_SET_NAME, "worker");
	for (int i = 0; i < 50; i++)
		if (!by_write(fd, line, sizeof(line)))
			return ctx;
	return NULL;
}

static void threads_are_their_process(void **state)
{
	int fd = open_new("threads", O_WRONLY | O_APPEND);
	struct seen_list list;
	pthread_t threads[8];
	void *failed;

	(void)state;
	forget_old_records();
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_in_thread, &fd), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 50 * COUNT_OF(threads));
	for (size_t i = 0; i < seen_count(&list, INK_APPEND); i++)
		assert_writer(seen_find(&list, INK_APPEND, i), geteuid(), getegid(), getpid());
	seen_free(&list);
	close(fd);
}

/* A process that writes to @fd and then becomes another program, which has @fd as 9; it has ended well. */
static pid_t write_then_run(int fd, const char *const argv[])
{
	pid_t child = fork();

	if (child == 0) {
		if (!by_write(fd, "before\n", 7) || dup2(fd, 9) != 9)
			_exit(250);
		execvp(argv[0], (char *const *)argv);
		_exit(251);
	}
	assert_int_equal(reap(child), 0);
	return child;
}

/* What another program does with a descriptor that it inherited is its own doing. */
static void a_program_that_takes_over_is_another_actor(void **state)
{
	const char *argv[] = { "sh", "-c", "sleep 0.05; echo after >&9", NULL };
	int fd = open_new("exec", O_WRONLY | O_APPEND);
	const struct seen_actor *actor;
	struct seen_list list;
	pid_t child;

	(void)state;
	forget_old_records();
	child = write_then_run(fd, argv);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 2);
	actor = seen_actor(&mounted, seen_find(&list, INK_APPEND, 0));
	assert_int_equal(actor->pid, child);
	assert_string_equal(actor->comm, "test_writers");
	actor = seen_actor(&mounted, seen_find(&list, INK_APPEND, 1));
	assert_int_equal(actor->pid, child);
	assert_string_not_equal(actor->comm, "test_writers");
	seen_free(&list);
	close(fd);
}

/* What is remembered of a thread must not outlive the program it ran: no time passes between the two writes. */
static void a_program_that_opens_for_itself_is_another_actor_at_once(void **state)
{
	int fd = open_new("exec-open", O_WRONLY | O_APPEND);
	const struct seen_actor *before, *after;
	char command[PATH_MAX + 64];
	const char *argv[] = { "sh", "-c", command, NULL };
	struct seen_list list;
	pid_t child;

	(void)state;
	snprintf(command, sizeof(command), "echo after >>%s", mounted_path(&mounted, "exec-open"));
	forget_old_records();
	child = write_then_run(fd, argv);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 2);
	before = seen_actor(&mounted, seen_find(&list, INK_APPEND, 0));
	assert_int_equal(before->pid, child);
	assert_string_equal(before->comm, "test_writers");
	after = seen_actor(&mounted, seen_find(&list, INK_APPEND, 1));
	assert_int_equal(after->pid, child);
	assert_string_equal(after->comm, "sh");
	seen_free(&list);
	close(fd);
}

/* Two processes with one descriptor: each record has its own, also in turns. */
static void a_handle_that_is_passed_on_has_two_writers(void **state)
{
	int fd = open_new("passed", O_WRONLY | O_APPEND), turns[2][2];
	struct seen_list list;
	pid_t child;
	char turn;

	(void)state;
	forget_old_records();
	assert_int_equal(pipe2(turns[0], O_CLOEXEC) + pipe2(turns[1], O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 20; i++)
			if (read(turns[0][0], &turn, 1) != 1 || !by_write(fd, "c", 1) ||
			    write(turns[1][1], "t", 1) != 1)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 20; i++) {
		assert_true(by_write(fd, "p", 1));
		assert_int_equal(write(turns[0][1], "t", 1), 1);
		assert_int_equal(read(turns[1][0], &turn, 1), 1);
	}
	assert_int_equal(reap(child), 0);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 40);
	for (size_t i = 0; i < 40; i++)
		assert_writer(seen_find(&list, INK_APPEND, i), geteuid(), getegid(),
			      i % 2 == 0 ? getpid() : child);
	seen_free(&list);
	for (int i = 0; i < 2; i++) {
		close(turns[i][0]);
		close(turns[i][1]);
	}
	close(fd);
}

enum { LINE_WRITER_COUNT = 8, LINE_COUNT = 1000 };

static void line_of(unsigned writer, unsigned index, char ret_line[static 512])
{
	int size = snprintf(ret_line, 512, "%u %u ", writer, index);
	int fill = (int)((writer * 131 + index * 17) % 400);

	memset(ret_line + size, 'a' + (int)(writer % 26), (size_t)fill);
	strcpy(ret_line + size + fill, "\n");
}

static pid_t start_line_writer(const char *path, unsigned writer)
{
	pid_t child = fork();
	char line[512];
	int fd;

	if (child != 0)
		return child;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	for (unsigned i = 0; i < LINE_COUNT; i++) {
		line_of(writer, i, line);
		if (!by_write(fd, line, strlen(line)))
			_exit(1);
	}
	_exit(0);
}

static void eight_processes_lose_and_interleave_nothing(void **state)
{
	const char *path = mounted_path(&mounted, "lines");
	unsigned next[LINE_WRITER_COUNT] = { 0 };
	pid_t children[LINE_WRITER_COUNT];
	struct seen_list list;
	char line[512];
	uint8_t *data;
	size_t size, at = 0;

	(void)state;
	forget_old_records();
	for (unsigned i = 0; i < LINE_WRITER_COUNT; i++)
		children[i] = start_line_writer(path, i);
	for (unsigned i = 0; i < LINE_WRITER_COUNT; i++)
		assert_int_equal(reap(children[i]), 0);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), LINE_WRITER_COUNT * LINE_COUNT);
	data = file_read(path, &size);
	for (size_t i = 0; i < list.count; i++) {
		const struct seen *seen = &list.items[i];
		unsigned writer;

		if (seen->header.kind != INK_APPEND)
			continue;
		writer = (unsigned)seen->body.append.data[0] - '0';
		assert_in_range(writer, 0, LINE_WRITER_COUNT - 1);
		line_of(writer, next[writer]++, line);
		assert_appended(seen, line, strlen(line), at);
		assert_writer(seen, geteuid(), getegid(), children[writer]);
		assert_memory_equal(data + at, line, strlen(line));
		at += strlen(line);
	}
	assert_int_equal(at, size);
	free(data);
	seen_free(&list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_are_their_process),
		cmocka_unit_test(a_program_that_takes_over_is_another_actor),
		cmocka_unit_test(a_program_that_opens_for_itself_is_another_actor_at_once),
		cmocka_unit_test(a_handle_that_is_passed_on_has_two_writers),
		cmocka_unit_test(eight_processes_lose_and_interleave_nothing),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
