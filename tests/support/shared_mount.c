/* SPDX-License-Identifier: MIT */
#include "shared_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mounted mounted;

static int mount_with(const char *options)
{
	umask(0);
	mounted_init(&mounted);
	mounted_start(&mounted, options);
	return 0;
}

int shared_mount(void **state)
{
	(void)state;
	return mount_with(NULL);
}

static int shared_mount_rotate(void **state)
{
	(void)state;
	return mount_with("profile=rotate");
}

int shared_unmount(void **state)
{
	(void)state;
	mounted_release(&mounted);
	return 0;
}

int run_in_both_profiles(const struct CMUnitTest *strict, size_t strict_count,
			 const struct CMUnitTest *rotating, size_t rotating_count)
{
	if (!mounted_is_possible())
		return 77;
	return _cmocka_run_group_tests("profile=strict", strict, strict_count, shared_mount,
				       shared_unmount) +
	       _cmocka_run_group_tests("profile=rotate", rotating, rotating_count,
				       shared_mount_rotate, shared_unmount);
}

void forget_old_records(void)
{
	struct seen_list list;

	mounted_records(&mounted, &list);
	seen_free(&list);
}

int open_new(const char *name, int flags)
{
	int fd = open(mounted_path(&mounted, name), flags | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		fail_msg("%s: %s", name, strerror(errno));
	return fd;
}

bool by_write(int fd, const char *data, size_t size)
{
	return write(fd, data, size) == (ssize_t)size;
}

void assert_appended(const struct seen *seen, const char *data, size_t size, uint64_t offset)
{
	assert_int_equal(seen->header.body_size, size);
	assert_int_equal(seen->header.offset, offset);
	assert_memory_equal(seen->body.append.data, data, size);
}

void assert_writer(const struct seen *seen, uid_t uid, gid_t gid, pid_t pid)
{
	assert_int_equal(seen->header.uid, uid);
	assert_int_equal(seen->header.gid, gid);
	assert_int_equal(seen_actor(&mounted, seen)->pid, pid);
}

void assert_content(const char *name, const char *data, size_t size)
{
	size_t got;
	uint8_t *bytes = file_read(mounted_path(&mounted, name), &got);

	assert_int_equal(got, size);
	assert_memory_equal(bytes, data, size);
	free(bytes);
}

char *pattern_new(struct rng *rng, size_t size)
{
	char *pattern = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);

	assert_non_null(pattern);
	for (size_t i = 0; i < size; i++)
		pattern[i] = (char)(1 + rng_below(rng, 255));
	return pattern;
}
