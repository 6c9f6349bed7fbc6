/* SPDX-License-Identifier: MIT */
/*
 * Processes that let nobody read their environment.  The driver has to, but neither it nor anybody who writes waits for
 * them, and what it could not read is recorded as not known.
 *
 * Each maps a file of a file system that never answers.  Who touches the map waits with the lock of that process's
 * memory in hand, who wants to change its maps waits for the lock, and behind him everybody who wants to read in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "shared_mount.h"

enum {
	HOSTILE_COUNT = 3,
	MUTE_SIZE = 4096, /* of its one file */
	MUTE_NODE = 2,
	REQUEST_SIZE = FUSE_MIN_READ_BUFFER,
};

/* --- a file system that fails the first read and never answers another ------------------------ */

struct mute {
	char point[PATH_MAX + 32];
	int fd; /* of /dev/fuse; when it is closed all that wait get an error */
	unsigned read_count;
	int told_fd; /* gets a byte when somebody waits for good */
};

/* false where that is not allowed. */
static bool mute_mount(struct mute *mute)
{
	char options[128];

	mute->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", mute->fd);
	return mute->fd >= 0 && mkdir(mute->point, 0755) == 0 &&
	       mount("mute", mute->point, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

static void mute_reply(const struct mute *mute, const struct fuse_in_header *in, int error,
		       const void *data, size_t size)
{
	char bytes[512];
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + size),
				       .error = -error,
				       .unique = in->unique };

	memcpy(bytes, &out, sizeof(out));
	if (size > 0)
		memcpy(bytes + sizeof(out), data, size);
	if (write(mute->fd, bytes, out.len) != (ssize_t)out.len)
		_exit(1);
}

static struct fuse_attr mute_attr(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == MUTE_NODE ? MUTE_SIZE : 0,
		.mode = node == MUTE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755,
		.nlink = 1,
	};
}

static void mute_answer(struct mute *mute, const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
				      .minor = FUSE_KERNEL_MINOR_VERSION,
				      .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = MUTE_NODE,
					.entry_valid = 3600,
					.attr_valid = 3600,
					.attr = mute_attr(MUTE_NODE) };
	struct fuse_attr_out attr = { .attr_valid = 3600, .attr = mute_attr(in->nodeid) };
	struct fuse_open_out opened = { .fh = 0 };

	switch (in->opcode) {
	case FUSE_INIT: mute_reply(mute, in, 0, &init, sizeof(init)); break;
	case FUSE_LOOKUP: mute_reply(mute, in, 0, &entry, sizeof(entry)); break;
	case FUSE_GETATTR: mute_reply(mute, in, 0, &attr, sizeof(attr)); break;
	case FUSE_OPEN: mute_reply(mute, in, 0, &opened, sizeof(opened)); break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: break;
	case FUSE_READ:
		if (mute->read_count++ == 0)
			mute_reply(mute, in, EIO, NULL, 0);
		else if (write(mute->told_fd, "", 1) != 1)
			_exit(1);
		break;
	default: mute_reply(mute, in, ENOSYS, NULL, 0); break;
	}
}

/* In a process of its own, until the other end of @until_fd is closed. */
static _Noreturn void mute_serve(struct mute *mute, int until_fd)
{
	struct pollfd waiting[] = { { .fd = mute->fd, .events = POLLIN }, { .fd = until_fd } };
	static char request[REQUEST_SIZE];

	while (poll(waiting, COUNT_OF(waiting), -1) >= 0 && waiting[1].revents == 0) {
		struct fuse_in_header in;

		if (read(mute->fd, request, sizeof(request)) < (ssize_t)sizeof(in))
			break;
		memcpy(&in, request, sizeof(in));
		mute_answer(mute, &in);
	}
	umount2(mute->point, MNT_DETACH);
	_exit(0);
}

/* --- the hostile process -------------------------------------------------------------------------- */

/* Three threads; what the first two begin with needs the lock, so it comes before. */
struct lock_up {
	void *map;
	int told_fd;
	_Atomic pid_t changer;
};

static void *touch(void *ctx)
{
	struct lock_up *lock_up = ctx;

	madvise(lock_up->map, MUTE_SIZE, MADV_POPULATE_READ);
	return NULL;
}

static void *change_maps(void *ctx)
{
	struct lock_up *lock_up = ctx;
	char byte;

	lock_up->changer = gettid();
	if (read(lock_up->told_fd, &byte, 1) == 1)
		munmap(lock_up->map, MUTE_SIZE);
	return NULL;
}

/* Whether it waits for what cannot be interrupted; nothing here needs the lock. */
static bool is_stuck(pid_t thread)
{
	char path[64], text[256];
	const char *state;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'D';
}

static bool write_line(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	return fd >= 0 && by_write(fd, "hostile\n", 8) && close(fd) == 0;
}

/* Writes when nobody can look into it any more, says so with a byte to @written_fd, and stays. */
static _Noreturn void be_hostile(const char *mute_point, int told_fd, const char *log_path,
				 int written_fd, int until_fd)
{
	struct lock_up lock_up = { .told_fd = told_fd };
	char path[PATH_MAX + 64];
	pthread_t toucher, changer;
	int fd;

	snprintf(path, sizeof(path), "%s/file", mute_point);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	lock_up.map = mmap(NULL, MUTE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	/* What it will do then is done before, as no page may be missing that the lock is needed for. */
	if (fd < 0 || lock_up.map == MAP_FAILED || is_stuck(gettid()) || !write_line("/dev/null") ||
	    pthread_create(&changer, NULL, change_maps, &lock_up) != 0 ||
	    pthread_create(&toucher, NULL, touch, &lock_up) != 0)
		_exit(1);
	while (lock_up.changer == 0 || !is_stuck(lock_up.changer))
		continue;
	if (!write_line(log_path) || !by_write(written_fd, "", 1))
		_exit(1);
	if (read(until_fd, path, 1) != 0)
		_exit(1);
	pthread_join(toucher, NULL);
	pthread_join(changer, NULL);
	_exit(0);
}

/* --- the test ----------------------------------------------------------------------------------- */

struct hostile {
	pid_t writers[HOSTILE_COUNT], servers[HOSTILE_COUNT];
	unsigned count;
	int until_fd; /* when it is closed they are served no longer */
};

static void hostile_init(struct hostile *hostile, int *ret_until)
{
	int until[2];

	assert_int_equal(pipe2(until, O_CLOEXEC), 0);
	*hostile = (struct hostile){ .until_fd = until[1] };
	*ret_until = until[0];
}

/* One more, which has written when this returns; false where no such file system can be mounted. */
static bool hostile_add(struct hostile *hostile, int until_fd)
{
	unsigned i = hostile->count;
	struct mute mute = { .read_count = 0 };
	char log_path[PATH_MAX + 32], byte;
	int told[2], written[2];

	snprintf(mute.point, sizeof(mute.point), "%s/mute-%u", mounted.dir, i);
	snprintf(log_path, sizeof(log_path), "%s/hostile-%u", mounted.point, i);
	if (!mute_mount(&mute))
		return false;
	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(written), 0);
	mute.told_fd = told[1];
	hostile->servers[i] = fork();
	if (hostile->servers[i] == 0) {
		close(hostile->until_fd);
		close(written[1]);
		mute_serve(&mute, until_fd);
	}
	close(mute.fd);
	hostile->writers[i] = fork();
	if (hostile->writers[i] == 0) {
		close(hostile->until_fd);
		be_hostile(mute.point, told[0], log_path, written[1], until_fd);
	}
	close(told[0]);
	close(told[1]);
	close(written[1]);
	hostile->count++;
	assert_int_equal(read(written[0], &byte, 1), 1);
	close(written[0]);
	return true;
}

static void hostile_release(struct hostile *hostile)
{
	close(hostile->until_fd);
	for (unsigned i = 0; i < hostile->count; i++) {
		assert_int_equal(reap(hostile->servers[i]), 0);
		assert_int_equal(reap(hostile->writers[i]), 0);
	}
}

static bool has_environment(const struct seen_list *list, const struct seen *append, pid_t pid)
{
	const struct ink_body_actor *actor = seen_actor_body(list, append);

	assert_non_null(actor);
	assert_int_equal(actor->pid, pid);
	assert_true(actor->known & INK_KNOWN_EXE);
	return actor->known & INK_KNOWN_ENVIRON;
}

/* Of a process that has not written before. */
static bool is_environment_known(void)
{
	const char *path = mounted_path(&mounted, "honest");
	struct seen_list list;
	bool is_known;
	pid_t child;

	forget_old_records();
	child = fork();
	if (child == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

		_exit(fd >= 0 && by_write(fd, "honest\n", 7) ? 0 : 1);
	}
	assert_int_equal(reap(child), 0);
	mounted_records(&mounted, &list);
	is_known = has_environment(&list, seen_find(&list, INK_APPEND, 0), child);
	seen_free(&list);
	return is_known;
}

/* Each makes a file in the folder of all the others, writes, and has its answer while it still is what it is. */
static void nobody_waits_for_a_hostile_process(void **state)
{
	struct hostile hostile;
	struct seen_list list;
	bool is_hidden = true;
	int until_fd;

	(void)state;
	assert_true(is_environment_known());
	forget_old_records();
	hostile_init(&hostile, &until_fd);
	while (hostile.count < HOSTILE_COUNT && hostile_add(&hostile, until_fd))
		continue;
	close(until_fd);
	if (hostile.count < HOSTILE_COUNT) {
		hostile_release(&hostile);
		puts("no file system can be mounted that does not answer");
		skip();
	}
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), HOSTILE_COUNT);
	for (unsigned i = 0; i < HOSTILE_COUNT; i++)
		is_hidden = is_hidden && !has_environment(&list, seen_find(&list, INK_APPEND, i),
							  hostile.writers[i]);
	seen_free(&list);
	if (is_hidden) /* nobody is left to read */
		assert_false(is_environment_known());
	mounted_stop(&mounted);
	hostile_release(&hostile);
	mounted_start(&mounted, NULL);
	assert_true(is_environment_known());
	if (!is_hidden) {
		puts("this system lets no process keep others from its memory");
		skip();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits_for_a_hostile_process),
	};

	if (IS_SANITIZED) {
		puts("a sanitizer needs the lock of the memory that is locked up here");
		return 77;
	}
	if (geteuid() != 0) {
		puts("it takes root to mount a file system that does not answer");
		return 77;
	}
	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
