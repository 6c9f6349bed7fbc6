/* SPDX-License-Identifier: MIT */
/* One write is one record, whichever way it is made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

enum {
	MIB = 1 << 20,
	/* The system moves bytes between files through a pipe of its own, of 16 pages; the first need not be full. */
	PIPE_PIECE_SIZE = 60 << 10,
	SHIFT_MAX = 4096,
	PATTERN_SIZE = 3 * MIB + 2 * SHIFT_MAX,
};

static char *pattern; /* PATTERN_SIZE bytes without a zero */
static char source_path[PATH_MAX], range_path[PATH_MAX];

/* --- the ways to write: true if @size bytes went in --- */

static bool by_writev(int fd, const char *data, size_t size)
{
	struct iovec parts[3] = {
		{ (char *)data, size / 3 },
		{ (char *)data + size / 3, size / 3 },
		{ (char *)data + 2 * (size / 3), size - 2 * (size / 3) },
	};

	return writev(fd, parts, 3) == (ssize_t)size;
}

static bool by_pwrite_at_end(int fd, const char *data, size_t size)
{
	return pwrite(fd, data, size, lseek(fd, 0, SEEK_END)) == (ssize_t)size;
}

static bool by_pwritev2(int fd, const char *data, size_t size)
{
	struct iovec part = { (char *)data, size };

	return pwritev2(fd, &part, 1, 0, RWF_APPEND) == (ssize_t)size;
}

static bool by_splice(int fd, const char *data, size_t size)
{
	int pipes[2];
	bool is_good;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return false;
	is_good = fcntl(pipes[1], F_SETPIPE_SZ, MIB) >= MIB || size <= PIPE_PIECE_SIZE;
	is_good = is_good && write(pipes[1], data, size) == (ssize_t)size &&
		  splice(pipes[0], NULL, fd, NULL, size, 0) == (ssize_t)size;
	close(pipes[0]);
	close(pipes[1]);
	return is_good;
}

static int source_of(const char *data, size_t size)
{
	int fd = open(source_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		_exit(251);
	return fd;
}

static bool by_sendfile(int fd, const char *data, size_t size)
{
	int from = source_of(data, size);
	bool is_good = sendfile(fd, from, NULL, size) == (ssize_t)size;

	close(from);
	return is_good;
}

/* Only within one file system; the source was filled with the pattern before. */
static bool by_copy_file_range(int fd, const char *data, size_t size)
{
	int from = open(range_path, O_RDONLY | O_CLOEXEC);
	loff_t at = data - pattern;
	bool is_good = copy_file_range(from, &at, fd, NULL, size, 0) == (ssize_t)size;

	close(from);
	return is_good;
}

static const struct way {
	const char *name;
	bool (*put)(int fd, const char *data, size_t size);
	int flags;
	size_t record_size_max; /* what is longer may become several records */
} ways[] = {
	{ "write, O_APPEND", by_write, O_APPEND, MIB },
	{ "write at the end", by_write, 0, MIB },
	{ "write, O_DSYNC", by_write, O_APPEND | O_DSYNC, MIB },
	{ "writev", by_writev, O_APPEND, MIB },
	{ "pwrite at the end", by_pwrite_at_end, 0, MIB },
	{ "pwritev2 with RWF_APPEND", by_pwritev2, 0, MIB },
	{ "splice", by_splice, 0, MIB },
	{ "sendfile", by_sendfile, 0, PIPE_PIECE_SIZE },
	{ "copy_file_range", by_copy_file_range, 0, PIPE_PIECE_SIZE },
};

static const struct size {
	size_t size, shift;
} sizes[] = {
	{ 1, 0 },       { 1, 1 },       { 2, 4095 },       { 127, 3 },       { 4095, 1 },
	{ 4096, 0 },    { 4096, 1 },    { 4097, 4095 },    { 65535, 0 },     { 65536, 0 },
	{ 65536, 7 },   { 131072, 1 },  { 131073, 0 },     { 500000, 4095 }, { MIB - 4096, 1 },
	{ MIB - 1, 0 }, { MIB - 1, 1 }, { MIB - 1, 4095 }, { MIB, 0 },       { MIB, 1 },
	{ MIB, 2048 },  { MIB, 4095 },
};

static size_t cut_at(const struct way *way, size_t size)
{
	return size < way->record_size_max ? size : way->record_size_max;
}

/* All sizes by one way, in a child of that user and group; exit 1 + the index of the size that failed. */
static pid_t write_sizes(const struct way *way, const char *path, uid_t uid, gid_t gid)
{
	pid_t child = fork();
	int fd;

	if (child != 0)
		return child;
	become(uid, gid);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | way->flags, 0666);
	if (fd < 0)
		_exit(250);
	for (unsigned i = 0; i < COUNT_OF(sizes); i++)
		if (!way->put(fd, pattern + sizes[i].shift, sizes[i].size))
			_exit(1 + (int)i);
	_exit(0);
}

static void assert_sizes(const struct way *way, const struct seen_list *list, uid_t uid, gid_t gid,
			 pid_t pid)
{
	uint64_t offset = 0;
	size_t index = 0;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		const char *data = pattern + sizes[i].shift;

		for (size_t done = 0; done < sizes[i].size;) {
			const struct seen *seen = seen_find(list, INK_APPEND, index++);
			size_t part = cut_at(way, sizes[i].size - done);

			if (sizes[i].size > way->record_size_max)
				part = seen->header.body_size;
			if (seen->header.body_size != part)
				fail_msg("%s of %zu at %zu: a record of %u", way->name,
					 sizes[i].size, sizes[i].shift, seen->header.body_size);
			assert_in_range(part, 1, sizes[i].size - done);
			assert_appended(seen, data + done, part, offset);
			assert_writer(seen, uid, gid, pid);
			offset += part;
			done += part;
		}
	}
	assert_int_equal(seen_count(list, INK_APPEND), index);
}

static void write_every_way(uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct seen_list list;
		char name[64];
		pid_t child;
		int failed;

		snprintf(name, sizeof(name), "ways-%u-%zu", (unsigned)uid, i);
		forget_old_records();
		child = write_sizes(&ways[i], mounted_path(&mounted, name), uid, gid);
		failed = reap(child);
		if (failed != 0)
			fail_msg("%s: size %d failed", ways[i].name, failed - 1);
		mounted_records(&mounted, &list);
		assert_sizes(&ways[i], &list, uid, gid, child);
		seen_free(&list);
	}
}

static void one_write_is_one_record(void **state)
{
	(void)state;
	write_every_way(geteuid(), getegid());
}

static void one_write_of_another_user_is_one_record(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	(void)unlink(source_path);
	write_every_way(NOBODY, 1234);
}

static void many_pieces_of_one_writev_are_one_record(void **state)
{
	static const unsigned counts[] = { 2, 16, 255, 256, 257, 600, 1024 };
	int fd = open_new("pieces", O_WRONLY | O_APPEND);
	struct iovec parts[1024];

	(void)state;
	for (unsigned i = 0; i < 1024; i++)
		parts[i] = (struct iovec){ pattern + 997 * i, 1 + i % 700 };
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		struct seen_list list;
		ssize_t size;

		forget_old_records();
		size = writev(fd, parts, (int)counts[i]);
		assert_true(size > 0);
		mounted_records(&mounted, &list);
		if (seen_count(&list, INK_APPEND) != 1)
			fail_msg("%u pieces became %zu records", counts[i],
				 seen_count(&list, INK_APPEND));
		assert_int_equal(seen_find(&list, INK_APPEND, 0)->header.body_size, size);
		seen_free(&list);
	}
	close(fd);
}

static void three_mib_are_three_records(void **state)
{
	int fd = open_new("long", O_WRONLY | O_APPEND);
	struct seen_list list;

	(void)state;
	forget_old_records();
	assert_true(by_write(fd, pattern, 3 * MIB));
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 3);
	for (size_t i = 0; i < 3; i++)
		assert_appended(seen_find(&list, INK_APPEND, i), pattern + i * MIB, MIB, i * MIB);
	seen_free(&list);
	close(fd);
	assert_content("long", pattern, 3 * MIB);
}

static void a_write_of_nothing_is_no_record(void **state)
{
	int fd = open_new("nothing", O_WRONLY | O_APPEND);
	struct iovec none[2] = { { pattern, 0 }, { pattern, 0 } };
	struct seen_list list;

	(void)state;
	forget_old_records();
	assert_int_equal(write(fd, pattern, 0), 0);
	assert_int_equal(writev(fd, none, 2), 0);
	assert_int_equal(pwrite(fd, pattern, 0, 0), 0);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 0);
	assert_int_equal(seen_count(&list, INK_DENIED), 0);
	seen_free(&list);
	close(fd);
}

static void append_can_be_switched_on_and_off_after_open(void **state)
{
	int fd = open_new("switched", O_WRONLY);

	(void)state;
	assert_true(by_write(fd, "one", 3));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(write(fd, "X", 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_true(by_write(fd, "two", 3));
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
	assert_int_equal(write(fd, "X", 1), -1);
	assert_int_equal(lseek(fd, 0, SEEK_END), 6);
	assert_true(by_write(fd, "three", 5));
	close(fd);
	assert_content("switched", "onetwothree", 11);
}

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20 /* Linux 6.9 */
#endif

static ssize_t write_flagged(int fd, const char *text, off_t offset, int flags)
{
	struct iovec part = { (void *)(uintptr_t)text, strlen(text) };

	return pwritev2(fd, &part, 1, offset, flags);
}

/* The second flag stays within the system: here the descriptor's own O_APPEND counts, and nothing is written over. */
static void a_single_write_may_append_and_none_may_overwrite(void **state)
{
	int append_fd = open_new("flagged", O_WRONLY | O_APPEND);
	int plain_fd = open(mounted_path(&mounted, "flagged"), O_WRONLY | O_CLOEXEC);
	ssize_t size;

	(void)state;
	assert_true(append_fd >= 0 && plain_fd >= 0);
	assert_true(by_write(append_fd, "one", 3));
	assert_int_equal(write_flagged(plain_fd, "two", 0, RWF_APPEND), 3);
	assert_int_equal(write_flagged(plain_fd, "X", 0, RWF_DSYNC), -1);
	assert_int_equal(errno, EPERM);
	size = write_flagged(append_fd, "three", 0, RWF_NOAPPEND);
	assert_true(size == 5 || (size == -1 && errno == EOPNOTSUPP));
	close(append_fd);
	close(plain_fd);
	assert_content("flagged", "onetwothree", size == 5 ? 11 : 6);
}

static int mount(void **state)
{
	struct rng rng;

	rng_init(&rng, "test_records");
	pattern = pattern_new(&rng, PATTERN_SIZE);
	shared_mount(state);
	scratch_path(mounted.dir, "source", source_path);
	/* Another user replaces the file, too. */
	if (chmod(mounted.dir, 0777) != 0)
		return -1;
	scratch_path(mounted.point, "range-source", range_path);
	file_write(range_path, pattern, PATTERN_SIZE);
	return chmod(range_path, 0644);
}

static int unmount(void **state)
{
	free(pattern);
	return shared_unmount(state);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_write_is_one_record),
		cmocka_unit_test(one_write_of_another_user_is_one_record),
		cmocka_unit_test(many_pieces_of_one_writev_are_one_record),
		cmocka_unit_test(three_mib_are_three_records),
		cmocka_unit_test(a_write_of_nothing_is_no_record),
		cmocka_unit_test(append_can_be_switched_on_and_off_after_open),
		cmocka_unit_test(a_single_write_may_append_and_none_may_overwrite),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, mount, unmount);
}
