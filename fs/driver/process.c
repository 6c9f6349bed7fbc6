/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define WATCH_THREAD O_EXCL       /* PIDFD_THREAD */
#define WATCH_FS_MAGIC 0x50494446 /* PID_FS_MAGIC */

int process_dir(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Up to @size bytes; -1 if it cannot be read. */
static ssize_t read_file(int dir_fd, const char *name, char *buf, size_t size)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t done = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -1;
	while (done < size) {
		got = read(fd, buf + done, size - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	close(fd);
	return got < 0 ? -1 : (ssize_t)done;
}

/* As a string; false if it cannot be read. */
static bool read_text(int dir_fd, const char *name, char *buf, size_t size)
{
	ssize_t got = read_file(dir_fd, name, buf, size - 1);

	if (got < 0)
		return false;
	buf[got] = '\0';
	return true;
}

pid_t process_of_thread(int dir_fd)
{
	char text[4096];
	const char *line;

	if (!read_text(dir_fd, "status", text, sizeof(text)))
		return 0;
	/* The name in the first line cannot hold a line feed: the system writes it as \n. */
	line = strstr(text, "\nTgid:");
	return line ? (pid_t)strtol(line + 6, NULL, 10) : 0;
}

int process_open_stat(int dir_fd)
{
	return openat(dir_fd, "stat", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/*
 * A read from the beginning makes the text anew, and all of it fits.  A name may hold anything, ')' too, so the
 * last one ends it.
 */
bool process_read_stat(int stat_fd, struct process_stat *ret_stat)
{
	char text[1024], *open_at, *close_at, *field;
	size_t comm_size;
	ssize_t size = pread(stat_fd, text, sizeof(text) - 1, 0);

	if (size <= 0)
		return false;
	text[size] = '\0';
	open_at = strchr(text, '(');
	close_at = strrchr(text, ')');
	if (!open_at || !close_at || close_at < open_at)
		return false;
	/* Behind the name: field 3 is the state, 4 the parent, 22 the start time. */
	field = close_at + 1;
	for (int number = 3; field && number < 4; number++)
		field = strchr(field + 1, ' ');
	if (!field)
		return false;
	ret_stat->ppid = (uint32_t)strtoul(field, NULL, 10);
	for (int number = 4; field && number < 22; number++)
		field = strchr(field + 1, ' ');
	if (!field)
		return false;
	ret_stat->start_time = strtoull(field, NULL, 10);
	comm_size = (size_t)(close_at - open_at - 1);
	if (comm_size > COMM_SIZE_MAX)
		comm_size = COMM_SIZE_MAX;
	memcpy(ret_stat->comm, open_at + 1, comm_size);
	ret_stat->comm_size = (uint32_t)comm_size;
	return true;
}

uint32_t process_read_exe(int dir_fd, char ret_exe[static PATH_MAX])
{
	ssize_t size = readlinkat(dir_fd, "exe", ret_exe, PATH_MAX);

	return size > 0 ? (uint32_t)size : 0;
}

int process_watch(pid_t tid)
{
	int fd = (int)syscall(SYS_pidfd_open, tid, WATCH_THREAD);

	return fd >= 0 ? fd : (int)syscall(SYS_pidfd_open, tid, 0);
}

bool process_has_ended(int watch_fd)
{
	struct pollfd watched = { .fd = watch_fd, .events = POLLIN };

	return poll(&watched, 1, 0) != 0;
}

/* Where these descriptors have a file system of their own, its inode numbers are such serial numbers. */
uint64_t process_serial(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t serial = 0;
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == WATCH_FS_MAGIC && fstat(fd, &st) == 0)
		serial = st.st_ino;
	close(fd);
	return serial;
}

static bool read_number(int dir_fd, const char *name, uint32_t *ret_number)
{
	char text[32], *end;
	unsigned long number;

	if (!read_text(dir_fd, name, text, sizeof(text)))
		return false;
	number = strtoul(text, &end, 10);
	if (end == text || number > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

void process_read_more(int dir_fd, struct process_more *ret_more)
{
	struct process_more *more = ret_more;
	ssize_t size;

	more->known = 0;
	more->login_uid = more->session_id = 0;
	more->cgroup_size = 0;
	if (read_number(dir_fd, "loginuid", &more->login_uid))
		more->known |= INK_KNOWN_LOGIN;
	if (read_number(dir_fd, "sessionid", &more->session_id))
		more->known |= INK_KNOWN_SESSION;
	size = read_file(dir_fd, "cgroup", more->cgroup, sizeof(more->cgroup));
	while (size > 0 && more->cgroup[size - 1] == '\n')
		size--;
	if (size >= 0) {
		more->known |= INK_KNOWN_CGROUP;
		more->cgroup_size = (uint32_t)size;
	}
}

ssize_t process_read_environ(int dir_fd, char ret_text[static ENVIRON_SIZE_MAX])
{
	return read_file(dir_fd, "environ", ret_text, ENVIRON_SIZE_MAX);
}
