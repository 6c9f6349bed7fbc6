/* SPDX-License-Identifier: MIT */
/*
 * Every system call that could shorten, overwrite, replace or hide what was recorded, tried on a mount as root
 * and as somebody else, in both profiles: the error, the content afterwards, and the DENIED record.
 *
 * Each attempt is made by a process of its own in a folder of its own, which holds
 *
 *   f  "0123456789"    z  empty    s -> f    d/  with held ("h")    e/  empty, never held a name
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"
#include "mounted.h"
#include "scratch.h"

#define CONTENT "0123456789"
enum { CONTENT_SIZE = 10, FAILED_SETUP = 250, WORKED = 0 };

/* --- the attempts: 0, or -1 with errno ----------------------------------------------- */

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		_exit(FAILED_SETUP);
	return fd;
}

static int as_result(ssize_t value)
{
	return value < 0 ? -1 : 0;
}

static int open_trunc(void)
{
	return as_result(open("f", O_WRONLY | O_TRUNC));
}

static int open_trunc_append(void)
{
	return as_result(open("f", O_WRONLY | O_APPEND | O_TRUNC));
}

static int open_trunc_creat(void)
{
	return as_result(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
}

/* POSIX leaves this open; Linux truncates. */
static int open_trunc_read_only(void)
{
	return as_result(open("f", O_RDONLY | O_TRUNC));
}

static int open_trunc_link(void)
{
	return as_result(open("s", O_WRONLY | O_TRUNC));
}

static int write_at_start(void)
{
	return as_result(write(must_open("f", O_WRONLY), "XX", 2));
}

static int pwrite_inside(void)
{
	return as_result(pwrite(must_open("f", O_RDWR), "XXXX", 4, 3));
}

static int pwrite_across_end(void)
{
	return as_result(pwrite(must_open("f", O_RDWR), "XXXX", 4, 8));
}

static int pwrite_beyond_end(void)
{
	return as_result(pwrite(must_open("f", O_RDWR), "XXXX", 4, 11));
}

static int pwrite_far_beyond(void)
{
	return as_result(pwrite(must_open("f", O_RDWR), "X", 1, (off_t)1 << 40));
}

static int pwrite_beyond_empty(void)
{
	return as_result(pwrite(must_open("z", O_RDWR), "X", 1, 1));
}

static int pwritev_inside(void)
{
	struct iovec parts[2] = { { (char *)"XX", 2 }, { (char *)"YY", 2 } };

	return as_result(pwritev(must_open("f", O_RDWR), parts, 2, 0));
}

static int pwritev2_inside(void)
{
	struct iovec part = { (char *)"XX", 2 };

	return as_result(pwritev2(must_open("f", O_RDWR), &part, 1, 5, RWF_DSYNC));
}

static int splice_inside(void)
{
	loff_t offset = 4;
	int fd = must_open("f", O_WRONLY), pipes[2];

	if (pipe(pipes) != 0 || write(pipes[1], "XXX", 3) != 3)
		_exit(FAILED_SETUP);
	return as_result(splice(pipes[0], NULL, fd, &offset, 3, 0));
}

static int vmsplice_inside(void)
{
	struct iovec part = { (char *)"XXX", 3 };
	int fd = must_open("f", O_WRONLY), pipes[2];

	if (pipe(pipes) != 0 || vmsplice(pipes[1], &part, 1, 0) != 3)
		_exit(FAILED_SETUP);
	return as_result(splice(pipes[0], NULL, fd, NULL, 3, 0));
}

static int sendfile_inside(void)
{
	return as_result(
		sendfile(must_open("f", O_WRONLY), must_open("d/held", O_RDONLY), NULL, 1));
}

static int copy_range_inside(void)
{
	loff_t offset = 2;

	return as_result(copy_file_range(must_open("d/held", O_RDONLY), NULL,
					 must_open("f", O_WRONLY), &offset, 1, 0));
}

static int truncate_to_0(void)
{
	return truncate("f", 0);
}

static int truncate_shorter(void)
{
	return truncate("f", 9);
}

static int truncate_longer(void)
{
	return truncate("f", 11);
}

static int truncate_empty_longer(void)
{
	return truncate("z", 1);
}

static int ftruncate_to_0(void)
{
	return ftruncate(must_open("f", O_WRONLY | O_APPEND), 0);
}

static int ftruncate_longer(void)
{
	return ftruncate(must_open("f", O_RDWR), 4096);
}

static int allocate(const char *path, int mode, off_t offset, off_t size)
{
	return fallocate(must_open(path, O_RDWR), mode, offset, size);
}

static int fallocate_extend(void)
{
	return allocate("f", 0, 0, 100);
}

static int fallocate_punch(void)
{
	return allocate("f", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 4);
}

static int fallocate_zero(void)
{
	return allocate("f", FALLOC_FL_ZERO_RANGE, 0, 4);
}

static int fallocate_zero_keep(void)
{
	return allocate("f", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4);
}

static int fallocate_collapse(void)
{
	return allocate("f", FALLOC_FL_COLLAPSE_RANGE, 0, 4);
}

static int fallocate_insert(void)
{
	return allocate("f", FALLOC_FL_INSERT_RANGE, 0, 4);
}

static int fallocate_unshare(void)
{
	return allocate("f", FALLOC_FL_UNSHARE_RANGE, 0, 4);
}

static int map(int flags, int protection, int kind)
{
	void *p = mmap(NULL, 4096, protection, kind, must_open("f", flags), 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int mmap_shared_writable(void)
{
	return map(O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static int mmap_shared_of_reader(void)
{
	return map(O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static int mprotect_shared(void)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, must_open("f", O_RDONLY), 0);

	if (p == MAP_FAILED)
		_exit(FAILED_SETUP);
	return mprotect(p, 4096, PROT_READ | PROT_WRITE);
}

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

static int set_flags(void)
{
	int flags = FS_APPEND_FL | FS_NODUMP_FL;

	return ioctl(must_open("f", O_RDONLY), FS_IOC_SETFLAGS, &flags);
}

static int clear_append_flag(void)
{
	int flags = 0;

	return ioctl(must_open("f", O_RDONLY), FS_IOC_SETFLAGS, &flags);
}

static int set_fsxattr(void)
{
	struct fsxattr attr = { .fsx_xflags = FS_XFLAG_APPEND | FS_XFLAG_NODUMP };

	return ioctl(must_open("f", O_RDONLY), FS_IOC_FSSETXATTR, &attr);
}

static int clone_whole(void)
{
	return ioctl(must_open("f", O_WRONLY), FICLONE, must_open("d/held", O_RDONLY));
}

static int clone_range(void)
{
	struct file_clone_range range = { .src_fd = must_open("d/held", O_RDONLY) };

	return ioctl(must_open("f", O_WRONLY), FICLONERANGE, &range);
}

/* The answer is for each target; an error there is the error. */
static int dedupe(void)
{
	char space[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)] = {
		0
	};
	struct file_dedupe_range *range = (struct file_dedupe_range *)(void *)space;

	range->src_length = 1;
	range->dest_count = 1;
	range->info[0].dest_fd = must_open("f", O_WRONLY);
	if (ioctl(must_open("d/held", O_RDONLY), FIDEDUPERANGE, range) != 0)
		return -1;
	errno = -range->info[0].status;
	return range->info[0].status < 0 ? -1 : 0;
}

static int set_own_xattr(void)
{
	return setxattr("f", "user.inkfs.seq", "0", 1, 0);
}

static int set_new_own_xattr(void)
{
	return setxattr("f", "user.inkfs.other", "0", 1, XATTR_CREATE);
}

static int remove_own_xattr(void)
{
	return removexattr("f", "user.inkfs.digest");
}

static int set_user_xattr(void)
{
	return setxattr("f", "user.comment", "x", 1, 0);
}

static int remove_user_xattr(void)
{
	return removexattr("f", "user.comment");
}

static int set_acl(void)
{
	static const unsigned char acl[] = { 2,   0,   0, 0, 1,   0,   6,   0,   255, 255,
					     255, 255, 4, 0, 4,   0,   255, 255, 255, 255,
					     32,  0,   4, 0, 255, 255, 255, 255 };

	return setxattr("f", "system.posix_acl_access", acl, sizeof(acl), 0);
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

static int stat_reserved(void)
{
	struct stat st;

	return stat("../.inkfs", &st);
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

/* --- the table ------------------------------------------------------------------------ */

enum { AS_ROOT = 1, AS_NOBODY = 2, AS_BOTH = 3 };
/* The folder of the attempt, for header.inode. */
#define HERE "."

struct attempt {
	const char *what;
	int (*run)(void);
	int error_root, error_nobody;
	unsigned
		recorded; /* who gets a DENIED: the system itself refuses some before we hear of them */
	enum ink_op op;
	const char *object; /* the record's inode */
	const char *name, *second_name, *second_folder;
	uint32_t flags, flags_mask;
	uint64_t a, b;
};

#define ALL_BITS UINT32_MAX
#define DENIED_MASK(function, number, operation, on, mask, ...)                                   \
	{                                                                                         \
		.what = #function, .run = function, .error_root = number, .error_nobody = number, \
		.recorded = AS_BOTH, .op = operation, .object = on, .flags_mask = mask,           \
		__VA_ARGS__                                                                       \
	}
#define DENIED(function, number, operation, on, ...) \
	DENIED_MASK(function, number, operation, on, ALL_BITS, __VA_ARGS__)
#define REFUSED(function, number_root, number_nobody)                          \
	{                                                                      \
		.what = #function, .run = function, .error_root = number_root, \
		.error_nobody = number_nobody                                  \
	}

/* What the profile has no say in. */
static const struct attempt content_attempts[] = {
	DENIED_MASK(open_trunc, EPERM, INK_OP_OPEN, "f", O_TRUNC, .flags = O_TRUNC),
	DENIED_MASK(open_trunc_append, EPERM, INK_OP_OPEN, "f", O_TRUNC | O_APPEND,
		    .flags = O_TRUNC | O_APPEND),
	DENIED_MASK(open_trunc_creat, EPERM, INK_OP_OPEN, "f", O_TRUNC | O_ACCMODE,
		    .flags = O_TRUNC | O_RDWR),
	DENIED_MASK(open_trunc_read_only, EPERM, INK_OP_OPEN, "f", O_TRUNC, .flags = O_TRUNC),
	DENIED_MASK(open_trunc_link, EPERM, INK_OP_OPEN, "f", O_TRUNC, .flags = O_TRUNC),
	DENIED(write_at_start, EPERM, INK_OP_WRITE, "f", .a = 0, .b = 2),
	DENIED(pwrite_inside, EPERM, INK_OP_WRITE, "f", .a = 3, .b = 4),
	DENIED(pwrite_across_end, EPERM, INK_OP_WRITE, "f", .a = 8, .b = 4),
	DENIED(pwrite_beyond_end, EPERM, INK_OP_WRITE, "f", .a = 11, .b = 4),
	DENIED(pwrite_far_beyond, EPERM, INK_OP_WRITE, "f", .a = (uint64_t)1 << 40, .b = 1),
	DENIED(pwrite_beyond_empty, EPERM, INK_OP_WRITE, "z", .a = 1, .b = 1),
	DENIED(pwritev_inside, EPERM, INK_OP_WRITE, "f", .a = 0, .b = 4),
	DENIED(pwritev2_inside, EPERM, INK_OP_WRITE, "f", .a = 5, .b = 2),
	DENIED(splice_inside, EPERM, INK_OP_WRITE, "f", .a = 4, .b = 3),
	DENIED(vmsplice_inside, EPERM, INK_OP_WRITE, "f", .a = 0, .b = 3),
	DENIED(sendfile_inside, EPERM, INK_OP_WRITE, "f", .a = 0, .b = 1),
	DENIED(copy_range_inside, EPERM, INK_OP_WRITE, "f", .a = 2, .b = 1),
	DENIED(truncate_to_0, EPERM, INK_OP_TRUNCATE, "f", .a = 0),
	DENIED(truncate_shorter, EPERM, INK_OP_TRUNCATE, "f", .a = 9),
	DENIED(truncate_longer, EPERM, INK_OP_TRUNCATE, "f", .a = 11),
	DENIED(truncate_empty_longer, EPERM, INK_OP_TRUNCATE, "z", .a = 1),
	DENIED(ftruncate_to_0, EPERM, INK_OP_TRUNCATE, "f", .a = 0),
	DENIED(ftruncate_longer, EPERM, INK_OP_TRUNCATE, "f", .a = 4096),
	REFUSED(fallocate_extend, EOPNOTSUPP, EOPNOTSUPP),
	DENIED(fallocate_punch, EPERM, INK_OP_FALLOCATE, "f",
	       .flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, .a = 2, .b = 4),
	DENIED(fallocate_zero, EPERM, INK_OP_FALLOCATE, "f", .flags = FALLOC_FL_ZERO_RANGE, .b = 4),
	DENIED(fallocate_zero_keep, EPERM, INK_OP_FALLOCATE, "f",
	       .flags = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, .b = 4),
	/* These the kernel answers itself for any FUSE mount, as it does clone and dedupe below. */
	REFUSED(fallocate_collapse, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(fallocate_insert, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(fallocate_unshare, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(mmap_shared_writable, ENODEV, ENODEV),
	REFUSED(mmap_shared_of_reader, EACCES, EACCES),
	REFUSED(mprotect_shared, EACCES, EACCES),
	REFUSED(clone_whole, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(clone_range, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(dedupe, EOPNOTSUPP, EOPNOTSUPP),
	DENIED(set_flags, EPERM, INK_OP_IOCTL, "f", .flags = FS_IOC_SETFLAGS),
	DENIED(set_fsxattr, EPERM, INK_OP_IOCTL, "f", .flags = FS_IOC_FSSETXATTR),
	{ .what = "clear_append_flag",
	  .run = clear_append_flag,
	  .error_root = EPERM,
	  .error_nobody = EPERM,
	  .recorded = AS_ROOT,
	  .op = INK_OP_IOCTL,
	  .object = "f",
	  .flags = FS_IOC_SETFLAGS,
	  .flags_mask = ALL_BITS },
	DENIED(set_own_xattr, EPERM, INK_OP_SETXATTR, "f", .name = "user.inkfs.seq"),
	DENIED(set_new_own_xattr, EPERM, INK_OP_SETXATTR, "f", .name = "user.inkfs.other"),
	DENIED(remove_own_xattr, EPERM, INK_OP_REMOVEXATTR, "f", .name = "user.inkfs.digest"),
	REFUSED(set_user_xattr, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(remove_user_xattr, EOPNOTSUPP, EOPNOTSUPP),
	REFUSED(set_acl, EOPNOTSUPP, EOPNOTSUPP),
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
	DENIED(mkdir_reserved, EPERM, INK_OP_MKNOD, "..", .name = ".inkfs",
	       .flags = S_IFDIR | 0755),
	DENIED(create_reserved, EPERM, INK_OP_MKNOD, "..", .name = ".inkfs",
	       .flags = S_IFREG | 0644),
	DENIED(symlink_reserved, EPERM, INK_OP_MKNOD, "..", .name = ".inkfs",
	       .flags = S_IFLNK | 0777),
	REFUSED(stat_reserved, ENOENT, ENOENT),
	REFUSED(name_of_256_bytes, ENAMETOOLONG, ENAMETOOLONG),
	DENIED(link_to_reserved, EPERM, INK_OP_LINK, "f", .name = ".inkfs", .second_folder = ".."),
	DENIED(rename_to_reserved, EPERM, INK_OP_RENAME, HERE, .name = "z", .second_name = ".inkfs",
	       .second_folder = ".."),
};

/* What the profile rotate allows. */
static const struct attempt strict_attempts[] = {
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

/* --- running one ------------------------------------------------------------------------ */

static struct mounted mounted;
static unsigned folder_count;

static void put(const char *path, const char *text)
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

static pid_t start(int (*run)(void), uid_t uid, char *ret_folder)
{
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

static uint64_t inode_of(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	scratch_path(folder, name, path);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_ino;
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

static void assert_unchanged(const char *folder)
{
	static const char *const absent[] = { "new", "d/f", "d/d", "../.inkfs", "e/held" };
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

static void assert_str(struct ink_str str, const char *text)
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

static void try_one(const struct attempt *attempt, uid_t uid)
{
	bool is_recorded = attempt->recorded & (uid == 0 ? AS_ROOT : AS_NOBODY);
	int expected = uid == 0 ? attempt->error_root : attempt->error_nobody;
	char folder[PATH_MAX];
	struct seen_list list;
	pid_t child;
	int got;

	print_message("         %s as %u\n", attempt->what, (unsigned)uid);
	child = start(attempt->run, uid, folder);
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

static void try_all(const struct attempt *attempts, size_t count)
{
	struct seen_list list;

	mounted_records(&mounted, &list);
	seen_free(&list);
	for (size_t i = 0; i < count; i++) {
		if (geteuid() == 0)
			try_one(&attempts[i], 0);
		try_one(&attempts[i], geteuid() == 0 ? NOBODY : geteuid());
	}
}

/* The furnished folder, and what came in after the attempt; it must have worked. */
static void work_one(int (*run)(void), uid_t uid, char *ret_folder, struct seen_list *ret_list)
{
	struct seen_list old;

	mounted_records(&mounted, &old);
	seen_free(&old);
	assert_int_equal(reap(start(run, uid, ret_folder)), WORKED);
	mounted_records(&mounted, ret_list);
	assert_int_equal(seen_count(ret_list, INK_DENIED), 0);
}

/* --- tests: refused ----------------------------------------------------------------------- */

static void content_cannot_be_changed(void **state)
{
	(void)state;
	try_all(content_attempts, COUNT_OF(content_attempts));
}

static void names_cannot_be_changed(void **state)
{
	(void)state;
	try_all(strict_attempts, COUNT_OF(strict_attempts));
}

static int unlink_again_and_again(void)
{
	for (unsigned i = 0; i < 1000; i++)
		if (unlink("f") == 0 || errno != EPERM)
			return -1;
	return 0;
}

static void a_flood_of_refusals_is_folded_and_counted(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];
	uint64_t count = 0, records = 0;

	(void)state;
	mounted_records(&mounted, &list);
	seen_free(&list);
	assert_int_equal(reap(start(unlink_again_and_again, geteuid(), folder)), 0);
	assert_unchanged(folder);
	/* The last count is recorded at the latest when the store is closed. */
	mounted_stop(&mounted);
	mounted_records(&mounted, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i].header.kind != INK_DENIED)
			continue;
		records++;
		count += list.items[i].body.denied.count;
	}
	seen_free(&list);
	assert_int_equal(count, 1000);
	assert_in_range(records, 2, 20);
	mounted_start(&mounted, NULL);
}

/* Permissions come first, and what they forbid is not recorded. */
static int chmod_of_another(void)
{
	return chmod("../attempt-0/f", 0600);
}

static int write_of_another(void)
{
	return as_result(open("../attempt-0/f", O_WRONLY));
}

static int create_elsewhere(void)
{
	return as_result(open("../attempt-0/new", O_WRONLY | O_CREAT, 0644));
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
	folder_count = 0; /* a folder of root */
	mounted_stop(&mounted);
	mounted_release(&mounted);
	mounted_init(&mounted);
	mounted_start(&mounted, NULL);
	assert_int_equal(reap(start(open_trunc, 0, folder)), EPERM);
	for (size_t i = 0; i < COUNT_OF(attempts); i++) {
		struct seen_list list;

		mounted_records(&mounted, &list);
		seen_free(&list);
		try_one(&attempts[i], NOBODY);
	}
	assert_unchanged(folder);
}

/* --- tests: allowed ----------------------------------------------------------------------- */

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

/* --- tests: the profile rotate -------------------------------------------------------------- */

static int rotate(void)
{
	int fd = must_open("f", O_WRONLY | O_APPEND);

	if (rename("f", "f.1") != 0 || write(fd, "after", 5) != 5)
		return -1;
	put("f", "next");
	return renameat2(AT_FDCWD, "f", AT_FDCWD, "d/f.2", RENAME_NOREPLACE);
}

static void assert_text(const char *folder, const char *name, const char *text)
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
	assert_int_equal(reap(start(rmdir_once_held, geteuid(), folder)), EPERM);
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
	assert_int_equal(reap(start(unlink_both_links, geteuid(), folder)), EPERM);
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

/* --- groups ----------------------------------------------------------------------------------- */

static int mount_strict(void **state)
{
	(void)state;
	mounted_init(&mounted);
	mounted_start(&mounted, NULL);
	return 0;
}

static int mount_rotate(void **state)
{
	(void)state;
	mounted_init(&mounted);
	mounted_start(&mounted, "profile=rotate");
	return 0;
}

static int unmount(void **state)
{
	(void)state;
	mounted_release(&mounted);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest strict[] = {
		cmocka_unit_test(content_cannot_be_changed),
		cmocka_unit_test(names_cannot_be_changed),
		cmocka_unit_test(what_changes_nothing_works_and_leaves_no_record),
		cmocka_unit_test(a_new_file_may_be_truncated_and_written_at_its_end),
		cmocka_unit_test(mknod_of_a_regular_file_works),
		cmocka_unit_test(private_and_read_only_maps_work),
		cmocka_unit_test(attributes_change_with_one_record_each),
		cmocka_unit_test(root_changes_the_owner),
		cmocka_unit_test(set_id_bits_are_dropped_when_a_stranger_writes),
		cmocka_unit_test(a_flood_of_refusals_is_folded_and_counted),
		cmocka_unit_test(permissions_come_first),
	};
	static const struct CMUnitTest rotating[] = {
		cmocka_unit_test(content_cannot_be_changed),
		cmocka_unit_test(what_changes_nothing_works_and_leaves_no_record),
		cmocka_unit_test(a_handle_goes_on_after_a_rename),
		cmocka_unit_test(one_of_several_links_may_go),
		cmocka_unit_test(what_holds_no_byte_may_go),
		cmocka_unit_test(a_folder_that_held_a_name_stays),
		cmocka_unit_test(the_last_link_of_content_stays),
		cmocka_unit_test(what_an_unlinked_handle_writes_is_recorded),
	};
	int failed;

	if (!mounted_is_possible())
		return 77;
	failed = cmocka_run_group_tests_name("profile=strict", strict, mount_strict, unmount);
	return failed +
	       cmocka_run_group_tests_name("profile=rotate", rotating, mount_rotate, unmount);
}
