/* SPDX-License-Identifier: MIT */
#include "attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		_exit(FAILED_SETUP);
	return fd;
}

int as_result(ssize_t value)
{
	return value < 0 ? -1 : 0;
}

void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ssize_t size = (ssize_t)strlen(text);

	if (fd < 0 || (size > 0 && write(fd, text, (size_t)size) != size) || close(fd) != 0)
		_exit(FAILED_SETUP);
}

/* In the child: from here on the working folder is @folder. */
static void furnish(const char *folder)
{
	umask(0);
	if (mkdir(folder, 0755) != 0 || chdir(folder) != 0)
		_exit(FAILED_SETUP);
	put("f", CONTENT);
	put("z", "");
	if (symlink("f", "s") != 0 || mkdir("d", 0755) != 0 || mkdir("e", 0755) != 0)
		_exit(FAILED_SETUP);
	put("d/held", "h");
}

pid_t attempt_start(attempt_fn run, uid_t uid, char *ret_folder)
{
	static unsigned folder_count;
	char name[32];
	pid_t child;

	snprintf(name, sizeof(name), "attempt-%u", folder_count++);
	scratch_path(mounted.point, name, ret_folder);
	child = fork();
	if (child != 0)
		return child;
	become(uid, uid);
	furnish(ret_folder);
	errno = 0;
	_exit(run() == 0 ? WORKED : errno);
}

uint64_t inode_of(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	scratch_path(folder, name, path);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_ino;
}

void assert_text(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	uint8_t *data;
	size_t size;

	scratch_path(folder, name, path);
	data = file_read(path, &size);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(data, text, size);
	free(data);
}

static void assert_file(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	uint8_t *data;
	size_t size;
	struct stat st;

	scratch_path(folder, name, path);
	data = file_read(path, &size);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(data, text, size);
	free(data);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, strlen(text));
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_nlink, 1);
}

void assert_unchanged(const char *folder)
{
	static const char *const absent[] = { "new",    "d/f",           "d/d",
					      "../new", "../.inkfs/new", "e/held" };
	char path[PATH_MAX], target[8];
	struct stat st;

	assert_file(folder, "f", CONTENT);
	assert_file(folder, "z", "");
	assert_file(folder, "d/held", "h");
	scratch_path(folder, "s", path);
	assert_int_equal(readlink(path, target, sizeof(target)), 1);
	assert_int_equal(target[0], 'f');
	scratch_path(folder, "e", path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	for (size_t i = 0; i < COUNT_OF(absent); i++) {
		scratch_path(folder, absent[i], path);
		assert_int_equal(lstat(path, &st), -1);
	}
}

void assert_str(struct ink_str str, const char *text)
{
	assert_int_equal(str.size, text ? strlen(text) : 0);
	if (text)
		assert_memory_equal(str.data, text, str.size);
}

static void assert_denied(const struct attempt *attempt, const struct seen *seen,
			  const char *folder, uid_t uid, pid_t pid)
{
	const struct ink_body_denied *denied = &seen->body.denied;

	assert_int_equal(denied->op, attempt->op);
	assert_int_equal(denied->errno_code, attempt->error_root);
	assert_int_equal(denied->count, 1);
	assert_int_equal(denied->flags & attempt->flags_mask, attempt->flags);
	assert_int_equal(denied->a, attempt->a);
	assert_int_equal(denied->b, attempt->b);
	assert_str(denied->name, attempt->name);
	assert_str(denied->second_name, attempt->second_name);
	assert_int_equal(denied->second_inode,
			 attempt->second_folder ? inode_of(folder, attempt->second_folder) : 0);
	assert_int_equal(seen->header.inode, inode_of(folder, attempt->object));
	assert_int_equal(seen->header.uid, uid);
	assert_int_equal(seen->header.gid, uid);
	assert_int_equal(seen_actor(&mounted, seen)->pid, pid);
}

void attempt_one(const struct attempt *attempt, uid_t uid)
{
	bool is_recorded = attempt->recorded & (uid == 0 ? AS_ROOT : AS_NOBODY);
	int expected = uid == 0 ? attempt->error_root : attempt->error_nobody;
	char folder[PATH_MAX];
	struct seen_list list;
	pid_t child;
	int got;

	print_message("         %s as %u\n", attempt->what, (unsigned)uid);
	child = attempt_start(attempt->run, uid, folder);
	got = reap(child);
	if (got != expected)
		fail_msg("%s as %u: %s and not %s", attempt->what, (unsigned)uid, strerror(got),
			 strerror(expected));
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_DENIED), is_recorded ? 1 : 0);
	if (is_recorded)
		assert_denied(attempt, seen_find(&list, INK_DENIED, 0), folder, uid, child);
	/* The two of furnish(). */
	assert_int_equal(seen_count(&list, INK_APPEND), 2);
	assert_int_equal(seen_count(&list, INK_ATTR) + seen_count(&list, INK_RENAME) +
				 seen_count(&list, INK_LINK) + seen_count(&list, INK_UNLINK),
			 0);
	seen_free(&list);
	assert_unchanged(folder);
}

void attempt_all(const struct attempt *attempts, size_t count)
{
	forget_old_records();
	for (size_t i = 0; i < count; i++) {
		if (geteuid() == 0)
			attempt_one(&attempts[i], 0);
		attempt_one(&attempts[i], geteuid() == 0 ? NOBODY : geteuid());
	}
}

/* The furnished folder, and what came in after the attempt; it must have worked. */
void work_one(attempt_fn run, uid_t uid, char *ret_folder, struct seen_list *ret_list)
{
	forget_old_records();
	assert_int_equal(reap(attempt_start(run, uid, ret_folder)), WORKED);
	mounted_records(&mounted, ret_list);
	assert_int_equal(seen_count(ret_list, INK_DENIED), 0);
}
