/* SPDX-License-Identifier: MIT */
/*
 * A mount on a disk that takes its time: whoever waits for a flush keeps nobody else waiting.  And how sessions end.
 *
 * The driver runs in this process, for its store lies on a disk that the test holds.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "held_disk.h"
#include "mounted.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"

enum {
	THREAD_COUNT = 3,
	WAITER_COUNT = 12,
	LIMIT_S = 30, /* of what must not wait for the disk */
};

static struct {
	struct store_fixture *f;
	char point[PATH_MAX];
	struct held_disk disk;
	struct ink_store *store;
	struct driver *driver;
	pthread_t thread;
	enum ink_err err;
	enum ink_unmount_reason reason;
	atomic_bool goes_while_asked;
} served;

/* One of those who wait for the disk: a process, for a thread of this one would outlive its end, waiting for itself. */
struct waiter {
	pid_t pid;
	bool is_told; /* it has ended */
	bool is_good;
};

static void *serve(void *arg)
{
	(void)arg;
	served.err = driver_run(served.driver, served.store, NULL, &served.reason);
	return NULL;
}

static void start(void **state)
{
	struct driver_options options = { .mount_point = served.point,
					  .flags = "",
					  .thread_count = THREAD_COUNT };
	struct ink_error error;

	memset(&served, 0, sizeof(served));
	served.f = *state;
	scratch_path(served.f->dir, "point", served.point);
	assert_int_equal(mkdir(served.point, 0755), 0);
	options.store_path = served.f->path;
	assert_ok(driver_open(&options, &served.driver));
	disk_init(&served.disk);
	assert_ok(store_open_on(&served.disk.fault.io, served.f->path, &served.f->options,
				&served.store, &error));
	assert_int_equal(pthread_create(&served.thread, NULL, serve, NULL), 0);
}

static bool wait_for_disk(const char *path, bool is_dsync)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | (is_dsync ? O_DSYNC : 0), 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 && (is_dsync || fdatasync(fd) == 0);
}

/* What needs no flush. */
static bool write_and_read(const char *path, bool is_dsync)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	struct stat status;
	char data[16];

	(void)is_dsync;
	return fd >= 0 && write(fd, "one line\n", 9) == 9 &&
	       pread(fd, data, sizeof(data), 0) == 9 && memcmp(data, "one line\n", 9) == 0 &&
	       stat(path, &status) == 0 && status.st_size == 9;
}

static struct waiter waiter_start(bool (*act)(const char *path, bool is_dsync), const char *name,
				  bool is_dsync)
{
	struct waiter w = { 0 };
	char path[PATH_MAX];

	scratch_path(served.point, name, path);
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0) {
		/* The driver's end of the mount must end with the driver. */
		close_range(3, UINT_MAX, 0);
		_exit(act(path, is_dsync) ? 0 : 1);
	}
	return w;
}

/* @flags: WNOHANG, or 0 to wait until it is. */
static bool is_told(struct waiter *w, int flags)
{
	int status;

	if (!w->is_told && waitpid(w->pid, &status, flags) == w->pid) {
		w->is_told = true;
		w->is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return w->is_told;
}

static unsigned count_told(struct waiter *waiters)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WAITER_COUNT; i++)
		count += is_told(&waiters[i], WNOHANG);
	return count;
}

/* The first makes the flush that the disk holds; the others are more than the driver has threads. */
static void let_all_wait(struct waiter *waiters)
{
	unsigned limit_ms = LIMIT_S * 1000;

	disk_hold(&served.disk, true);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		char name[] = { (char)('a' + i), '\0' };

		waiters[i] = waiter_start(wait_for_disk, name, i % 2 == 0);
		if (i == 0)
			disk_wait_for_flush(&served.disk);
	}
	while (store_sync_waiter_count(served.store) < WAITER_COUNT && limit_ms-- > 0)
		usleep(1000);
}

/* @waiters may still close their files, which nobody answers after the end; NULL: there are none. */
static void end(enum ink_unmount_reason reason, struct waiter *waiters)
{
	pthread_join(served.thread, NULL);
	driver_close(served.driver);
	served.driver = NULL;
	assert_ok(served.err);
	assert_int_equal(served.reason, reason);
	for (unsigned i = 0; waiters && i < WAITER_COUNT; i++)
		assert_true(is_told(&waiters[i], 0) && waiters[i].is_good);
	assert_ok(ink_store_close(served.store, served.reason));
	assert_verifies(served.f->path, true);
}

static void who_waits_for_the_disk_keeps_nobody_else_waiting(void **state)
{
	struct waiter waiters[WAITER_COUNT], other;
	unsigned limit_ms = LIMIT_S * 1000;

	start(state);
	let_all_wait(waiters);
	other = waiter_start(write_and_read, "other", false);
	while (!is_told(&other, WNOHANG) && limit_ms-- > 0)
		usleep(1000);
	assert_true(other.is_good);
	assert_int_equal(count_told(waiters), 0);
	disk_hold(&served.disk, false);
	while (count_told(waiters) < WAITER_COUNT)
		usleep(1000);
	assert_int_equal(umount2(served.point, 0), 0);
	end(INK_UNMOUNT_ASKED, waiters);
}

/* Nobody is left without an answer, and the answer is that of the disk. */
static void who_waits_when_the_driver_is_told_to_end_is_answered(void **state)
{
	static const struct timespec moment = { .tv_nsec = 200 * 1000 * 1000 };
	struct waiter waiters[WAITER_COUNT];

	start(state);
	let_all_wait(waiters);
	assert_int_equal(pthread_kill(served.thread, SIGTERM), 0);
	nanosleep(&moment, NULL);
	assert_int_equal(count_told(waiters), 0);
	disk_hold(&served.disk, false);
	end(INK_UNMOUNT_SIGNAL, waiters);
}

/* Of all of this program, the driver's among them. */
ssize_t __real_read(int fd, void *buf, size_t size);
ssize_t __wrap_read(int fd, void *buf, size_t size);

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t got = __real_read(fd, buf, size);

	if (got < 0 && errno == ENODEV && served.goes_while_asked)
		errno = ECONNABORTED;
	return got;
}

/* Once in a thousand lazy unmounts: the last close is being handed to the driver when the mount goes. */
static void a_mount_that_goes_while_the_driver_is_asked_has_ended_in_order(void **state)
{
	struct waiter other;

	start(state);
	served.goes_while_asked = true;
	other = waiter_start(write_and_read, "other", false);
	assert_true(is_told(&other, 0) && other.is_good);
	assert_int_equal(umount2(served.point, 0), 0);
	end(INK_UNMOUNT_ASKED, NULL);
}

/* A test that failed leaves all of it. */
static int teardown(void **state)
{
	if (served.driver) {
		disk_hold(&served.disk, false);
		while (waitpid(-1, NULL, 0) > 0)
			continue;
		(void)umount2(served.point, MNT_DETACH);
		pthread_join(served.thread, NULL);
		driver_close(served.driver);
		(void)!ink_store_close(served.store, INK_UNMOUNT_ASKED);
	}
	return store_teardown(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(who_waits_for_the_disk_keeps_nobody_else_waiting),
		T(who_waits_when_the_driver_is_told_to_end_is_answered),
		T(a_mount_that_goes_while_the_driver_is_asked_has_ended_in_order),
	};

	if (!mounted_is_possible())
		return 77;
	if (geteuid() != 0) {
		puts("only root unmounts by itself");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
