/* SPDX-License-Identifier: MIT */
/*
 * Every system call that could shorten or overwrite what was recorded, or change a file's flags and attributes of
 * ours, tried on a mount as root and as somebody else, in both profiles.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attempt.h"
#include "check.h"

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

static const struct attempt attempts[] = {
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
};

static void content_cannot_be_changed(void **state)
{
	(void)state;
	attempt_all(attempts, COUNT_OF(attempts));
}

int main(void)
{
	static const struct CMUnitTest strict[] = {
		cmocka_unit_test(content_cannot_be_changed),
	};
	static const struct CMUnitTest rotating[] = {
		cmocka_unit_test(content_cannot_be_changed),
	};

	return run_in_both_profiles(strict, COUNT_OF(strict), rotating, COUNT_OF(rotating));
}
