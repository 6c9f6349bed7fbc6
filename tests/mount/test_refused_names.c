/* SPDX-License-Identifier: MIT */
/*
 * Every system call that could replace or hide what was recorded, or give it another name, tried on a mount as
 * root and as somebody else, in both profiles.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attempt.h"
#include "check.h"

static int unlink_file(void)
{
	return unlink("f");
}

static int unlink_empty(void)
{
	return unlink("z");
}

static int unlink_symlink(void)
{
	return unlink("s");
}

static int rmdir_full(void)
{
	return rmdir("d");
}

static int rmdir_empty(void)
{
	return rmdir("e");
}

static int rename_to_new(void)
{
	return rename("f", "new");
}

static int rename_into_folder(void)
{
	return rename("f", "d/f");
}

static int rename_folder(void)
{
	return rename("d", "new");
}

static int rename_over_file(void)
{
	return rename("z", "f");
}

static int rename_over_empty(void)
{
	return rename("f", "z");
}

static int rename_folder_over_folder(void)
{
	return rename("d", "e");
}

static int rename_noreplace_new(void)
{
	return renameat2(AT_FDCWD, "f", AT_FDCWD, "new", RENAME_NOREPLACE);
}

static int rename_noreplace_there(void)
{
	return renameat2(AT_FDCWD, "f", AT_FDCWD, "z", RENAME_NOREPLACE);
}

static int rename_exchange(void)
{
	return renameat2(AT_FDCWD, "f", AT_FDCWD, "z", RENAME_EXCHANGE);
}

static int rename_whiteout(void)
{
	return renameat2(AT_FDCWD, "f", AT_FDCWD, "new", RENAME_WHITEOUT);
}

static int rename_into_itself(void)
{
	return rename("d", "d/d");
}

/* The file system of the working folder is ours, "/" is another. */
static int rename_out(void)
{
	return renameat(AT_FDCWD, "f", must_open("/", O_PATH), "tmp/inkfs-renamed-out");
}

static int link_file(void)
{
	return link("f", "new");
}

static int link_over(void)
{
	return link("f", "z");
}

static int link_by_descriptor(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", must_open("f", O_RDONLY));
	return linkat(AT_FDCWD, path, AT_FDCWD, "new", AT_SYMLINK_FOLLOW);
}

static int symlink_over(void)
{
	return symlink("z", "f");
}

static int mkdir_over(void)
{
	return mkdir("f", 0755);
}

static int create_excl_over(void)
{
	return as_result(open("f", O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int tmpfile_open(void)
{
	return as_result(open(".", O_TMPFILE | O_RDWR, 0600));
}

static int mknod_fifo(void)
{
	return mkfifo("new", 0600);
}

static int mknod_socket(void)
{
	return mknod("new", S_IFSOCK | 0600, 0);
}

static int bind_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "new" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static int mknod_device(void)
{
	return mknod("new", S_IFCHR | 0600, makedev(1, 3));
}

static int mknod_block(void)
{
	return mknod("new", S_IFBLK | 0600, makedev(7, 0));
}

static int mkdir_reserved(void)
{
	return mkdir("../.inkfs", 0755);
}

static int create_reserved(void)
{
	return as_result(open("../.inkfs", O_WRONLY | O_CREAT, 0644));
}

static int rename_to_reserved(void)
{
	return rename("z", "../.inkfs");
}

static int symlink_reserved(void)
{
	return symlink("f", "../.inkfs");
}

static int rmdir_reserved(void)
{
	return rmdir("../.inkfs");
}

static int rename_reserved(void)
{
	return rename("../.inkfs", "../new");
}

static int create_in_reserved(void)
{
	return as_result(open("../.inkfs/new", O_WRONLY | O_CREAT, 0644));
}

static int mkdir_in_reserved(void)
{
	return mkdir("../.inkfs/new", 0755);
}

static int unlink_in_reserved(void)
{
	return unlink("../.inkfs/vkey");
}

static int open_live(void)
{
	return as_result(open("../.inkfs/vkey", O_WRONLY | O_TRUNC));
}

static int truncate_live(void)
{
	return truncate("../.inkfs/metrics", 3);
}

static int chmod_live(void)
{
	return chmod("../.inkfs/status.json", 0600);
}

static int chown_live(void)
{
	return chown("../.inkfs", 7, 9);
}

static int set_flags_live(void)
{
	int flags = FS_IMMUTABLE_FL;

	return ioctl(must_open("../.inkfs/vkey", O_RDONLY), FS_IOC_SETFLAGS, &flags);
}

static int set_attribute_live(void)
{
	return setxattr("../.inkfs/vkey", "user.inkfs.seq", "7", 1, 0);
}

static int name_of_256_bytes(void)
{
	char name[257];

	memset(name, 'n', 256);
	name[256] = '\0';
	return as_result(open(name, O_WRONLY | O_CREAT, 0644));
}

static int link_to_reserved(void)
{
	return link("f", "../.inkfs");
}

/* Modes stop everybody but root, who is stopped by us. */
#define DENIED_ROOT(function, number_nobody, operation, mask, ...)                   \
	{                                                                            \
		.what = #function, .run = function, .error_root = EPERM,             \
		.error_nobody = number_nobody, .recorded = AS_ROOT, .op = operation, \
		.object = "..", .name = ".inkfs", .flags_mask = mask, __VA_ARGS__    \
	}

/* What the profile has no say in. */
static const struct attempt always[] = {
	REFUSED(symlink_over, EEXIST, EEXIST),
	REFUSED(mkdir_over, EEXIST, EEXIST),
	REFUSED(create_excl_over, EEXIST, EEXIST),
	REFUSED(link_over, EEXIST, EEXIST),
	REFUSED(rename_noreplace_there, EEXIST, EEXIST),
	REFUSED(rename_into_itself, EINVAL, EINVAL),
	REFUSED(rename_out, EXDEV, EXDEV),
	REFUSED(tmpfile_open, EOPNOTSUPP, EOPNOTSUPP),
	DENIED(mknod_fifo, EPERM, INK_OP_MKNOD, HERE, .name = "new", .flags = S_IFIFO | 0600),
	DENIED(mknod_socket, EPERM, INK_OP_MKNOD, HERE, .name = "new", .flags = S_IFSOCK | 0600),
	DENIED_MASK(bind_socket, EPERM, INK_OP_MKNOD, HERE, S_IFMT, .name = "new",
		    .flags = S_IFSOCK),
	/* Devices are root's alone: the kernel does not even ask us for others. */
	{ .what = "mknod_device",
	  .run = mknod_device,
	  .error_root = EPERM,
	  .error_nobody = EPERM,
	  .recorded = AS_ROOT,
	  .op = INK_OP_MKNOD,
	  .object = HERE,
	  .name = "new",
	  .flags = S_IFCHR | 0600,
	  .flags_mask = ALL_BITS },
	{ .what = "mknod_block",
	  .run = mknod_block,
	  .error_root = EPERM,
	  .error_nobody = EPERM,
	  .recorded = AS_ROOT,
	  .op = INK_OP_MKNOD,
	  .object = HERE,
	  .name = "new",
	  .flags = S_IFBLK | 0600,
	  .flags_mask = ALL_BITS },
	DENIED(rename_over_file, EPERM, INK_OP_RENAME, HERE, .name = "z", .second_name = "f",
	       .second_folder = HERE),
	DENIED(rename_over_empty, EPERM, INK_OP_RENAME, HERE, .name = "f", .second_name = "z",
	       .second_folder = HERE),
	DENIED(rename_folder_over_folder, EPERM, INK_OP_RENAME, HERE, .name = "d",
	       .second_name = "e", .second_folder = HERE),
	DENIED(rename_exchange, EPERM, INK_OP_RENAME, HERE, .name = "f", .second_name = "z",
	       .second_folder = HERE, .flags = RENAME_EXCHANGE),
	DENIED(rename_whiteout, EPERM, INK_OP_RENAME, HERE, .name = "f", .second_name = "new",
	       .second_folder = HERE, .flags = RENAME_WHITEOUT),
	DENIED(unlink_file, EPERM, INK_OP_UNLINK, HERE, .name = "f"),
	DENIED(rmdir_full, EPERM, INK_OP_RMDIR, HERE, .name = "d"),
	/* .inkfs is there, whatever a listing says. */
	REFUSED(mkdir_reserved, EEXIST, EEXIST),
	REFUSED(create_reserved, EISDIR, EISDIR),
	REFUSED(symlink_reserved, EEXIST, EEXIST),
	REFUSED(link_to_reserved, EEXIST, EEXIST),
	REFUSED(rename_to_reserved, EISDIR, EISDIR),
	DENIED(rmdir_reserved, EPERM, INK_OP_RMDIR, "..", .name = ".inkfs"),
	DENIED(rename_reserved, EPERM, INK_OP_RENAME, "..", .name = ".inkfs", .second_name = "new",
	       .second_folder = ".."),
	DENIED_ROOT(create_in_reserved, EACCES, INK_OP_MKNOD, ALL_BITS, .flags = S_IFREG | 0644),
	DENIED_ROOT(mkdir_in_reserved, EACCES, INK_OP_MKNOD, ALL_BITS, .flags = S_IFDIR | 0755),
	DENIED_ROOT(unlink_in_reserved, EACCES, INK_OP_UNLINK, ALL_BITS, .flags = 0),
	DENIED_ROOT(open_live, EACCES, INK_OP_OPEN, O_ACCMODE | O_TRUNC,
		    .flags = O_WRONLY | O_TRUNC),
	DENIED_ROOT(truncate_live, EACCES, INK_OP_TRUNCATE, ALL_BITS, .a = 3),
	DENIED_ROOT(chmod_live, EPERM, INK_OP_SETATTR, ALL_BITS, .flags = INK_ATTR_MODE, .a = 0600),
	DENIED_ROOT(chown_live, EPERM, INK_OP_SETATTR, ALL_BITS,
		    .flags = INK_ATTR_UID | INK_ATTR_GID, .b = UINT64_C(7) << 32 | 9),
	REFUSED(set_flags_live, ENOTTY, EPERM),
	REFUSED(set_attribute_live, EOPNOTSUPP, EACCES),
	REFUSED(name_of_256_bytes, ENAMETOOLONG, ENAMETOOLONG),
};

/* What the profile rotate allows. */
static const struct attempt strict_only[] = {
	DENIED(unlink_empty, EPERM, INK_OP_UNLINK, HERE, .name = "z"),
	DENIED(unlink_symlink, EPERM, INK_OP_UNLINK, HERE, .name = "s"),
	DENIED(rmdir_empty, EPERM, INK_OP_RMDIR, HERE, .name = "e"),
	DENIED(rename_to_new, EPERM, INK_OP_RENAME, HERE, .name = "f", .second_name = "new",
	       .second_folder = HERE),
	DENIED(rename_into_folder, EPERM, INK_OP_RENAME, HERE, .name = "f", .second_name = "f",
	       .second_folder = "d"),
	DENIED(rename_folder, EPERM, INK_OP_RENAME, HERE, .name = "d", .second_name = "new",
	       .second_folder = HERE),
	DENIED(rename_noreplace_new, EPERM, INK_OP_RENAME, HERE, .name = "f", .second_name = "new",
	       .second_folder = HERE, .flags = RENAME_NOREPLACE),
	DENIED(link_file, EPERM, INK_OP_LINK, "f", .name = "new", .second_folder = HERE),
	DENIED(link_by_descriptor, EPERM, INK_OP_LINK, "f", .name = "new", .second_folder = HERE),
};

static void names_that_hide_something_are_refused(void **state)
{
	(void)state;
	attempt_all(always, COUNT_OF(always));
}

static void names_cannot_be_changed(void **state)
{
	(void)state;
	attempt_all(strict_only, COUNT_OF(strict_only));
}

/* Permissions come first, and what they forbid is not recorded. */
static int chmod_of_another(void)
{
	return chmod("../of-root/f", 0600);
}

static int write_of_another(void)
{
	return as_result(open("../of-root/f", O_WRONLY));
}

static int create_elsewhere(void)
{
	return as_result(open("../of-root/new", O_WRONLY | O_CREAT, 0644));
}

static int open_trunc(void)
{
	return as_result(open("f", O_WRONLY | O_TRUNC));
}

static void permissions_come_first(void **state)
{
	static const struct attempt attempts[] = {
		REFUSED(chmod_of_another, EPERM, EPERM),
		REFUSED(write_of_another, EACCES, EACCES),
		REFUSED(create_elsewhere, EACCES, EACCES),
	};
	char folder[PATH_MAX];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(reap(attempt_start(open_trunc, 0, folder)), EPERM);
	assert_int_equal(symlink(folder, mounted_path(&mounted, "of-root")), 0);
	forget_old_records();
	for (size_t i = 0; i < COUNT_OF(attempts); i++)
		attempt_one(&attempts[i], NOBODY);
	assert_unchanged(folder);
}

int main(void)
{
	static const struct CMUnitTest strict[] = {
		cmocka_unit_test(names_that_hide_something_are_refused),
		cmocka_unit_test(names_cannot_be_changed),
		cmocka_unit_test(permissions_come_first),
	};
	static const struct CMUnitTest rotating[] = {
		cmocka_unit_test(names_that_hide_something_are_refused),
	};

	return run_in_both_profiles(strict, COUNT_OF(strict), rotating, COUNT_OF(rotating));
}
