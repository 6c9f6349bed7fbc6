/* SPDX-License-Identifier: MIT */
/* What a mount allows beside appending: what changes nothing, attributes, and with profile=rotate other names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attempt.h"
#include "check.h"
#include "scratch.h"

static int same_sizes(void)
{
	int fd = must_open("f", O_WRONLY);

	if (truncate("f", CONTENT_SIZE) != 0 || ftruncate(fd, CONTENT_SIZE) != 0 ||
	    truncate("z", 0) != 0)
		return -1;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20) != 0)
		return -1;
	if (open("z", O_WRONLY | O_TRUNC) < 0 ||
	    open("z", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600) < 0)
		return -1;
	return as_result(write(fd, "", 0));
}

static void what_changes_nothing_works_and_leaves_no_record(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];

	(void)state;
	work_one(same_sizes, geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_ATTR), 0);
	assert_int_equal(seen_count(&list, INK_APPEND), 2);
	seen_free(&list);
	assert_unchanged(folder);
}

static int create_truncated(void)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0640);

	return fd < 0 || write(fd, "a", 1) != 1 || pwrite(fd, "b", 1, 1) != 1 ? -1 : 0;
}

static void a_new_file_may_be_truncated_and_written_at_its_end(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX], path[PATH_MAX];
	uint8_t *data;
	size_t size;

	(void)state;
	work_one(create_truncated, geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 4);
	assert_int_equal(seen_find(&list, INK_CREATE, 3)->body.node.mode, S_IFREG | 0640);
	seen_free(&list);
	scratch_path(folder, "new", path);
	data = file_read(path, &size);
	assert_int_equal(size, 2);
	assert_memory_equal(data, "ab", 2);
	free(data);
}

static int mknod_regular(void)
{
	return mknod("new", S_IFREG | 0604, 0);
}

static void mknod_of_a_regular_file_works(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];

	(void)state;
	work_one(mknod_regular, geteuid(), folder, &list);
	assert_int_equal(seen_find(&list, INK_CREATE, 3)->body.node.mode, S_IFREG | 0604);
	seen_free(&list);
}

static int private_maps(void)
{
	char *p =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, must_open("f", O_RDONLY), 0);
	const char *q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, must_open("f", O_RDONLY), 0);

	if (p == MAP_FAILED || q == MAP_FAILED || memcmp(p, CONTENT, CONTENT_SIZE) != 0)
		return -1;
	p[0] = 'X';
	return q[0] == '0' ? 0 : -1;
}

static void private_and_read_only_maps_work(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];

	(void)state;
	work_one(private_maps, geteuid(), folder, &list);
	seen_free(&list);
	assert_unchanged(folder);
}

static int change_attributes(void)
{
	struct timespec times[2] = { { 1000, 1 }, { 2000, 2 } };

	if (chmod("f", 0600) != 0 || utimensat(AT_FDCWD, "f", times, 0) != 0)
		return -1;
	/* Again: nothing changes. */
	return chmod("f", 0600) != 0 || utimensat(AT_FDCWD, "f", times, 0) != 0 ||
			       fchmod(must_open("f", O_RDONLY), 0600) != 0
		       ? -1
		       : 0;
}

static void attributes_change_with_one_record_each(void **state)
{
	const struct ink_body_attr *attr;
	struct seen_list list;
	char folder[PATH_MAX], path[PATH_MAX];
	struct stat st;

	(void)state;
	work_one(change_attributes, geteuid() == 0 ? NOBODY : geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_ATTR), 2);
	attr = &seen_find(&list, INK_ATTR, 0)->body.attr;
	assert_int_equal(attr->mask, INK_ATTR_MODE);
	assert_int_equal(attr->mode & 07777, 0600);
	attr = &seen_find(&list, INK_ATTR, 1)->body.attr;
	assert_int_equal(attr->mask, INK_ATTR_ATIME | INK_ATTR_MTIME);
	assert_int_equal(attr->atime_ns, INT64_C(1000000000001));
	assert_int_equal(attr->mtime_ns, INT64_C(2000000000002));
	/* The chain's own clock does not follow. */
	assert_true(seen_find(&list, INK_ATTR, 1)->header.wall_ns > attr->mtime_ns);
	seen_free(&list);
	scratch_path(folder, "f", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 2);
	assert_int_equal(st.st_atim.tv_sec, 1000);
}

static int change_owner(void)
{
	return chown("f", 1, 2) != 0 || chown("f", 1, 2) != 0 || lchown("s", 3, 4) != 0 ? -1 : 0;
}

static void root_changes_the_owner(void **state)
{
	const struct ink_body_attr *attr;
	struct seen_list list;
	char folder[PATH_MAX], path[PATH_MAX];
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	work_one(change_owner, 0, folder, &list);
	assert_int_equal(seen_count(&list, INK_ATTR), 2);
	attr = &seen_find(&list, INK_ATTR, 0)->body.attr;
	assert_int_equal(attr->mask, INK_ATTR_UID | INK_ATTR_GID);
	assert_int_equal(attr->uid, 1);
	assert_int_equal(attr->gid, 2);
	seen_free(&list);
	scratch_path(folder, "f", path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_uid == 1 && st.st_gid == 2);
}

static int append_to_setid(void)
{
	int fd = open("../setid", O_WRONLY | O_APPEND);

	return fd < 0 ? -1 : as_result(write(fd, "x", 1));
}

static void set_id_bits_are_dropped_when_a_stranger_writes(void **state)
{
	const char *path = mounted_path(&mounted, "setid");
	struct seen_list list;
	char folder[PATH_MAX];
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	file_write(path, "x", 1);
	assert_int_equal(chmod(path, 06777), 0);
	work_one(append_to_setid, 0, folder, &list);
	assert_int_equal(seen_count(&list, INK_ATTR), 0);
	seen_free(&list);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 06777);
	work_one(append_to_setid, NOBODY, folder, &list);
	assert_int_equal(seen_count(&list, INK_ATTR), 1);
	assert_int_equal(seen_find(&list, INK_ATTR, 0)->header.uid, NOBODY);
	seen_free(&list);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
	assert_int_equal(st.st_size, 3);
}

/* --- the profile rotate --- */

static int rotate(void)
{
	int fd = must_open("f", O_WRONLY | O_APPEND);

	if (rename("f", "f.1") != 0 || write(fd, "after", 5) != 5)
		return -1;
	put("f", "next");
	return renameat2(AT_FDCWD, "f", AT_FDCWD, "d/f.2", RENAME_NOREPLACE);
}

static void a_handle_goes_on_after_a_rename(void **state)
{
	const struct ink_body_rename *renamed;
	struct seen_list list;
	char folder[PATH_MAX];

	(void)state;
	work_one(rotate, geteuid() == 0 ? NOBODY : geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_RENAME), 2);
	renamed = &seen_find(&list, INK_RENAME, 0)->body.rename;
	assert_str(renamed->old_name, "f");
	assert_str(renamed->new_name, "f.1");
	assert_int_equal(renamed->old_parent, inode_of(folder, "."));
	renamed = &seen_find(&list, INK_RENAME, 1)->body.rename;
	assert_int_equal(renamed->new_parent, inode_of(folder, "d"));
	/* f, d/held, then the bytes that the old handle adds to the renamed file. */
	assert_int_equal(seen_find(&list, INK_APPEND, 2)->header.inode, inode_of(folder, "f.1"));
	seen_free(&list);
	assert_text(folder, "f.1", CONTENT "after");
	assert_text(folder, "d/f.2", "next");
}

static int link_and_unlink(void)
{
	struct stat st;

	if (link("f", "hard") != 0 || stat("f", &st) != 0 || st.st_nlink != 2)
		return -1;
	return unlink("f") != 0 || stat("hard", &st) != 0 || st.st_nlink != 1 ? -1 : 0;
}

static void one_of_several_links_may_go(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];

	(void)state;
	work_one(link_and_unlink, geteuid() == 0 ? NOBODY : geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_LINK), 1);
	assert_int_equal(seen_count(&list, INK_UNLINK), 1);
	seen_free(&list);
	assert_text(folder, "hard", CONTENT);
}

static int unlink_what_holds_nothing(void)
{
	return unlink("z") != 0 || unlink("s") != 0 || rmdir("e") != 0 || rename("d", "d2") != 0
		       ? -1
		       : 0;
}

static void what_holds_no_byte_may_go(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX], path[PATH_MAX];
	struct stat st;

	(void)state;
	work_one(unlink_what_holds_nothing, geteuid() == 0 ? NOBODY : geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_UNLINK), 3);
	assert_int_equal(seen_count(&list, INK_RENAME), 1);
	seen_free(&list);
	scratch_path(folder, "z", path);
	assert_int_equal(lstat(path, &st), -1);
	assert_text(folder, "d2/held", "h");
}

static int rmdir_once_held(void)
{
	return rename("d/held", "held") != 0 ? 0 : rmdir("d");
}

static void a_folder_that_held_a_name_stays(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	assert_int_equal(reap(attempt_start(rmdir_once_held, geteuid(), folder)), EPERM);
	assert_text(folder, "held", "h");
	assert_true(inode_of(folder, "d") > 0);
}

static int unlink_both_links(void)
{
	return link("f", "hard") != 0 || unlink("f") != 0 ? 0 : unlink("hard");
}

static void the_last_link_of_content_stays(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	assert_int_equal(reap(attempt_start(unlink_both_links, geteuid(), folder)), EPERM);
	assert_text(folder, "hard", CONTENT);
}

/* A file that is gone but still open may not take bytes that no name would ever show. */
static int write_to_unlinked(void)
{
	int fd = must_open("z", O_WRONLY | O_APPEND);

	return unlink("z") != 0 || write(fd, "x", 1) != 1 ? -1 : 0;
}

static void what_an_unlinked_handle_writes_is_recorded(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];

	(void)state;
	work_one(write_to_unlinked, geteuid(), folder, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 3);
	seen_free(&list);
}

int main(void)
{
	static const struct CMUnitTest strict[] = {
		cmocka_unit_test(what_changes_nothing_works_and_leaves_no_record),
		cmocka_unit_test(a_new_file_may_be_truncated_and_written_at_its_end),
		cmocka_unit_test(mknod_of_a_regular_file_works),
		cmocka_unit_test(private_and_read_only_maps_work),
		cmocka_unit_test(attributes_change_with_one_record_each),
		cmocka_unit_test(root_changes_the_owner),
		cmocka_unit_test(set_id_bits_are_dropped_when_a_stranger_writes),
	};
	static const struct CMUnitTest rotating[] = {
		cmocka_unit_test(what_changes_nothing_works_and_leaves_no_record),
		cmocka_unit_test(a_handle_goes_on_after_a_rename),
		cmocka_unit_test(one_of_several_links_may_go),
		cmocka_unit_test(what_holds_no_byte_may_go),
		cmocka_unit_test(a_folder_that_held_a_name_stays),
		cmocka_unit_test(the_last_link_of_content_stays),
		cmocka_unit_test(what_an_unlinked_handle_writes_is_recorded),
	};

	return run_in_both_profiles(strict, COUNT_OF(strict), rotating, COUNT_OF(rotating));
}
