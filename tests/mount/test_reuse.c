/* SPDX-License-Identifier: MIT */
/*
 * The number of a process that has ended comes into use again, and at once; and a process that the driver cannot see.
 * All of it in a pid namespace of its own (unshare(1) starts this program there again), where nobody else takes numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

#define INSIDE "--inside"

enum { PAIR_COUNT = 20, TRY_COUNT = 100, SOCKET_INSIDE = 100 };

/* The next process gets @pid, if that is free. */
static bool want_next(pid_t pid)
{
	char text[16];
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	int size = snprintf(text, sizeof(text), "%d", (int)pid - 1);
	bool is_good = fd >= 0 && write(fd, text, (size_t)size) == size;

	if (fd >= 0)
		close(fd);
	return is_good;
}

/* @fd: to write through, or -1: it opens for itself. */
static pid_t write_a_line(int fd, const char *path)
{
	pid_t child = fork();

	if (child == 0) {
		if (fd < 0)
			fd = open(path, O_WRONLY | O_APPEND);
		_exit(fd >= 0 && by_write(fd, "line\n", 5) ? 0 : 1);
	}
	assert_int_equal(reap(child), 0);
	return child;
}

/* Two processes that differ in nothing but that they are two; false if they did not get one number. */
static bool write_a_pair(int fd, const char *path)
{
	struct seen_list list;
	pid_t first, second;

	forget_old_records();
	first = write_a_line(fd, path);
	assert_true(want_next(first));
	second = write_a_line(fd, path);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(seen_actor_body(&list, seen_find(&list, INK_APPEND, i))->pid,
				 i == 0 ? first : second);
	assert_true(seen_find(&list, INK_APPEND, 0)->header.actor !=
		    seen_find(&list, INK_APPEND, 1)->header.actor);
	seen_free(&list);
	return first == second;
}

static void write_pairs(int fd, const char *path)
{
	unsigned done = 0;

	for (unsigned i = 0; i < TRY_COUNT && done < PAIR_COUNT; i++)
		done += write_a_pair(fd, path);
	assert_int_equal(done, PAIR_COUNT);
}

static void a_number_in_use_again_on_the_same_handle_is_another_writer(void **state)
{
	int fd = open_new("inherited", O_WRONLY | O_APPEND);

	(void)state;
	write_pairs(fd, NULL);
	close(fd);
}

static void a_number_in_use_again_is_another_writer(void **state)
{
	(void)state;
	close(open_new("opened", O_WRONLY | O_APPEND));
	write_pairs(-1, mounted_path(&mounted, "opened"));
}

/* --- somebody outside: gets a descriptor, writes through it, says how that went --- */

static void send_descriptor(int socket, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	assert_int_equal(sendmsg(socket, &message, 0), 1);
}

static int receive_descriptor(int socket)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *head;
	int fd;

	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof(int));
	return fd;
}

static void write_from_outside(int socket)
{
	int fd = receive_descriptor(socket);
	char answer = fd >= 0 && by_write(fd, "from outside\n", 13) ? 'y' : 'n';

	if (fd >= 0)
		close(fd);
	_exit(fd < 0 || write(socket, &answer, 1) == 1 ? 0 : 1);
}

/* The driver sees no process outside of its namespace; the write counts all the same, and says so. */
static void a_writer_that_cannot_be_seen_is_recorded_as_not_known(void **state)
{
	int fd = open_new("seen-by-nobody", O_WRONLY | O_APPEND);
	const struct seen *append;
	struct seen_list list;
	char answer;

	(void)state;
	forget_old_records();
	send_descriptor(SOCKET_INSIDE, fd);
	close(fd);
	assert_int_equal(read(SOCKET_INSIDE, &answer, 1), 1);
	assert_int_equal(answer, 'y');
	mounted_records(&mounted, &list);
	append = seen_find(&list, INK_APPEND, 0);
	assert_int_equal(append->header.actor, 0);
	assert_int_equal(append->header.uid, geteuid());
	assert_appended(append, "from outside\n", 13, 0);
	seen_free(&list);
}

static int run_inside(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_in_use_again_on_the_same_handle_is_another_writer),
		cmocka_unit_test(a_number_in_use_again_is_another_writer),
		cmocka_unit_test(a_writer_that_cannot_be_seen_is_recorded_as_not_known),
	};

	if (!want_next(2)) {
		puts("/proc/sys/kernel/ns_last_pid cannot be written");
		return 77;
	}
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}

/* Each side has one end only, so that neither waits for ever when the other has gone. */
static int run_outside(const char *self)
{
	const char *can[] = { "unshare", "--pid", "--fork", "--mount-proc", "true", NULL };
	const char *argv[] = { "unshare",      "--pid", "--fork", "--kill-child",
			       "--mount-proc", self,    INSIDE,   NULL };
	int sockets[2], code;
	pid_t helper;

	if (run_program(can) != 0) {
		puts("no pid namespace can be made here");
		return 77;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0 ||
	    dup2(sockets[0], SOCKET_INSIDE) != SOCKET_INSIDE)
		return 1;
	helper = fork();
	if (helper == 0) {
		close(SOCKET_INSIDE);
		close(sockets[0]);
		write_from_outside(sockets[1]);
	}
	close(sockets[0]);
	close(sockets[1]);
	fflush(stdout);
	code = run_program(argv);
	close(SOCKET_INSIDE);
	return reap(helper) == 0 ? code : 1;
}

int main(int argc, char **argv)
{
	if (!mounted_is_possible())
		return 77;
	return argc > 1 && strcmp(argv[1], INSIDE) == 0 ? run_inside() : run_outside(argv[0]);
}
