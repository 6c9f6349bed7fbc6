/* SPDX-License-Identifier: MIT */
/*
 * A mount on a disk that takes its time: whoever waits for a flush keeps nobody else waiting.
 *
 * The driver runs in this process, for its store lies on a disk that the test holds.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
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
} served;

/* One of those who wait for the disk. */
struct waiter {
	pthread_t thread;
	char path[PATH_MAX];
	bool is_dsync; /* its write waits; otherwise its fdatasync does */
	bool is_good;
	atomic_bool is_told;
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

static void *wait_for_disk(void *arg)
{
	struct waiter *w = arg;
	int fd = open(w->path, O_WRONLY | O_APPEND | O_CLOEXEC | (w->is_dsync ? O_DSYNC : 0));

	w->is_good = fd >= 0 && write(fd, "x", 1) == 1 && (w->is_dsync || fdatasync(fd) == 0);
	w->is_told = true;
	close(fd);
	return NULL;
}

/* The first makes the flush that the disk holds; the others are more than the driver has threads. */
static void let_all_wait(struct waiter *waiters)
{
	unsigned limit_ms = LIMIT_S * 1000;
	char name[8];

	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		struct waiter *w = &waiters[i];

		*w = (struct waiter){ .is_dsync = i % 2 == 0 };
		snprintf(name, sizeof(name), "w%u", i);
		scratch_path(served.point, name, w->path);
		file_write(w->path, "", 0);
	}
	disk_hold(&served.disk, true);
	for (unsigned i = 0; i < WAITER_COUNT; i++) {
		pthread_create(&waiters[i].thread, NULL, wait_for_disk, &waiters[i]);
		if (i == 0)
			disk_wait_for_flush(&served.disk);
	}
	while (store_sync_waiter_count(served.store) < WAITER_COUNT && limit_ms-- > 0)
		usleep(1000);
}

static void join_all(struct waiter *waiters)
{
	for (unsigned i = 0; i < WAITER_COUNT; i++)
		pthread_join(waiters[i].thread, NULL);
}

/* @waiters may still close their files, which nobody answers after the end. */
static void end(enum ink_unmount_reason reason, struct waiter *waiters)
{
	pthread_join(served.thread, NULL);
	driver_close(served.driver);
	join_all(waiters);
	assert_ok(served.err);
	assert_int_equal(served.reason, reason);
	for (unsigned i = 0; i < WAITER_COUNT; i++)
		assert_true(waiters[i].is_good);
	assert_ok(ink_store_close(served.store, served.reason));
	assert_verifies(served.f->path, true);
}

static unsigned count_told(const struct waiter *waiters)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WAITER_COUNT; i++)
		count += waiters[i].is_told;
	return count;
}

/* What needs no flush. */
static void *write_and_read(void *arg)
{
	const char *path = arg;
	struct stat status;
	uint8_t *data;
	size_t size;

	file_write(path, "one line\n", 9);
	data = file_read(path, &size);
	free(data);
	return (void *)(uintptr_t)(size == 9 && stat(path, &status) == 0 && status.st_size == 9);
}

static void who_waits_for_the_disk_keeps_nobody_else_waiting(void **state)
{
	struct waiter waiters[WAITER_COUNT];
	char path[PATH_MAX];
	struct timespec limit;
	pthread_t other;
	unsigned told;
	void *is_good;
	int code;

	start(state);
	let_all_wait(waiters);
	scratch_path(served.point, "other", path);
	assert_int_equal(pthread_create(&other, NULL, write_and_read, path), 0);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += LIMIT_S;
	code = pthread_timedjoin_np(other, &is_good, &limit);
	told = count_told(waiters);
	disk_hold(&served.disk, false);
	assert_int_equal(code, 0);
	assert_non_null(is_good);
	assert_int_equal(told, 0);
	while (count_told(waiters) < WAITER_COUNT)
		usleep(1000);
	/* Until the last of them has closed its file. */
	while (umount2(served.point, 0) != 0)
		usleep(1000);
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

/* A test that failed leaves its mount. */
static int teardown(void **state)
{
	(void)umount2(served.point, MNT_DETACH);
	return store_teardown(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(who_waits_for_the_disk_keeps_nobody_else_waiting),
		T(who_waits_when_the_driver_is_told_to_end_is_answered),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
