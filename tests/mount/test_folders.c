/* SPDX-License-Identifier: MIT */
/* Large folders, listings that go on while names come in, deep paths, whom new files belong to. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

enum { FILE_COUNT = 10000, MAKER_COUNT = 2 };

static void make_file(const char *folder, unsigned number)
{
	char name[32], path[PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), "file-%05u", number);
	scratch_path(folder, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		_exit(250);
	close(fd);
}

/* Marks in @seen what the listing names; each once.  Returns how many. */
static unsigned list_all(const char *folder, bool seen[static FILE_COUNT])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	memset(seen, 0, FILE_COUNT);
	while ((entry = readdir(dir))) {
		unsigned number;

		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(sscanf(entry->d_name, "file-%u", &number), 1);
		assert_in_range(number, 0, FILE_COUNT - 1);
		assert_false(seen[number]);
		assert_int_equal(entry->d_type, DT_REG);
		seen[number] = true;
		count++;
	}
	closedir(dir);
	return count;
}

static void names_that_come_in_during_a_listing_harm_none(void **state)
{
	const char *folder = mounted_path(&mounted, "many");
	bool *seen = malloc(FILE_COUNT), *before = malloc(FILE_COUNT);
	pid_t makers[MAKER_COUNT];
	unsigned count = 0;

	(void)state;
	assert_int_equal(mkdir(folder, 0755), 0);
	memset(before, 0, FILE_COUNT);
	for (unsigned maker = 0; maker < MAKER_COUNT; maker++) {
		makers[maker] = fork();
		if (makers[maker] != 0)
			continue;
		for (unsigned i = maker; i < FILE_COUNT; i += MAKER_COUNT)
			make_file(folder, i);
		_exit(0);
	}
	/* What one listing has, all later ones have. */
	while (count < FILE_COUNT / 2) {
		count = list_all(folder, seen);
		for (unsigned i = 0; i < FILE_COUNT; i++)
			assert_true(seen[i] || !before[i]);
		memcpy(before, seen, FILE_COUNT);
	}
	for (unsigned maker = 0; maker < MAKER_COUNT; maker++)
		assert_int_equal(reap(makers[maker]), 0);
	assert_int_equal(list_all(folder, seen), FILE_COUNT);
	free(before);
	free(seen);
}

static void a_listing_can_be_resumed(void **state)
{
	DIR *dir = opendir(mounted_path(&mounted, "many"));
	char name[NAME_MAX + 1];
	struct dirent *entry;
	long places[8];
	char names[8][NAME_MAX + 1];

	(void)state;
	assert_non_null(dir);
	for (unsigned i = 0; i < COUNT_OF(places); i++) {
		for (unsigned skip_count = 0; skip_count < 1100; skip_count++)
			assert_non_null(readdir(dir));
		places[i] = telldir(dir);
		entry = readdir(dir);
		assert_non_null(entry);
		strcpy(names[i], entry->d_name);
	}
	for (unsigned i = COUNT_OF(places); i-- > 0;) {
		seekdir(dir, places[i]);
		entry = readdir(dir);
		assert_non_null(entry);
		assert_string_equal(entry->d_name, names[i]);
	}
	rewinddir(dir);
	strcpy(name, readdir(dir)->d_name);
	assert_string_equal(name, ".");
	strcpy(name, readdir(dir)->d_name);
	assert_string_equal(name, "..");
	closedir(dir);
}

static void it_is_all_there_after_another_mount(void **state)
{
	bool *seen = malloc(FILE_COUNT);
	struct stat st;

	(void)state;
	mounted_stop(&mounted);
	mounted_start(&mounted, NULL);
	assert_int_equal(list_all(mounted_path(&mounted, "many"), seen), FILE_COUNT);
	assert_int_equal(stat(mounted_path(&mounted, "many/file-09999"), &st), 0);
	assert_int_equal(st.st_blocks, 0);
	free(seen);
}

static void paths_may_be_as_deep_as_the_system_lets_them(void **state)
{
	char name[NAME_MAX + 1];
	unsigned depth = 0;
	int fd;

	(void)state;
	memset(name, 'd', NAME_MAX);
	name[NAME_MAX] = '\0';
	fd = open(mounted.point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (depth < 40) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
		depth++;
	}
	close(openat(fd, "deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	assert_int_equal(faccessat(fd, "deep", F_OK, 0), 0);
	close(fd);
}

static void a_set_gid_folder_passes_its_group_on(void **state)
{
	struct stat st;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(mounted_path(&mounted, "shared"), 0777), 0);
	assert_int_equal(chown(mounted_path(&mounted, "shared"), 0, 1234), 0);
	assert_int_equal(chmod(mounted_path(&mounted, "shared"), 02777), 0);
	child = fork();
	if (child == 0) {
		become(NOBODY, NOBODY);
		make_file(mounted_path(&mounted, "shared"), 1);
		_exit(mkdir(mounted_path(&mounted, "shared/sub"), 0755) == 0 ? 0 : 1);
	}
	assert_int_equal(reap(child), 0);
	assert_int_equal(stat(mounted_path(&mounted, "shared/file-00001"), &st), 0);
	assert_true(st.st_uid == NOBODY && st.st_gid == 1234);
	assert_int_equal(stat(mounted_path(&mounted, "shared/sub"), &st), 0);
	assert_true(st.st_gid == 1234 && st.st_mode & S_ISGID);
	assert_int_equal(stat(mounted_path(&mounted, "shared"), &st), 0);
	assert_int_equal(st.st_nlink, 3);
}

static void the_space_is_that_of_the_disk_below(void **state)
{
	struct statvfs here, below;

	(void)state;
	assert_int_equal(statvfs(mounted.point, &here), 0);
	assert_int_equal(statvfs(mounted.store, &below), 0);
	assert_int_equal(here.f_blocks, below.f_blocks);
	assert_int_equal(here.f_frsize, below.f_frsize);
	assert_int_equal(here.f_namemax, 255);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_come_in_during_a_listing_harm_none),
		cmocka_unit_test(a_listing_can_be_resumed),
		cmocka_unit_test(it_is_all_there_after_another_mount),
		cmocka_unit_test(paths_may_be_as_deep_as_the_system_lets_them),
		cmocka_unit_test(a_set_gid_folder_passes_its_group_on),
		cmocka_unit_test(the_space_is_that_of_the_disk_below),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
