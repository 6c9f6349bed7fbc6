/* SPDX-License-Identifier: MIT */
/* Who writes once and syncs, again and again and alone, finds the sync begun; nobody else does. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "mounted.h"
#include "scratch.h"

/* The driver believes in a habit after four syncs, of which the first that it sees does not count. */
enum { ROUND_COUNT = 5, WAIT_STEP_US = 10000, WAIT_STEPS_MAX = 3000, SILENCE_US = 200000 };

static struct mounted mounted;

/* Nothing is signed here that nobody has asked for: within a minute there is no seal but for a sync. */
static void start(const char *more)
{
	char options[128];

	snprintf(options, sizeof(options), "seal-interval=60000,sync-interval=60000%s", more);
	mounted_start(&mounted, options);
}

static int setup(void **state)
{
	(void)state;
	mounted_init(&mounted);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mounted_release(&mounted);
	return 0;
}

static int open_file(const char *name)
{
	int fd = open(mounted_path(&mounted, name), O_CREAT | O_WRONLY | O_APPEND, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void write_line(int fd)
{
	assert_int_equal(write(fd, "line\n", 5), 5);
}

static void write_and_sync(int fd, unsigned line_count)
{
	for (unsigned i = 0; i < line_count; i++)
		write_line(fd);
	assert_int_equal(fdatasync(fd), 0);
}

/* Seals among the records that came since the last call. */
static size_t new_seal_count(void)
{
	struct seen_list list;
	size_t count;

	mounted_records(&mounted, &list);
	count = seen_count(&list, INK_SEAL);
	seen_free(&list);
	return count;
}

/* A write of which no sync is asked: does one begin? */
static void assert_begins_sync(int fd)
{
	size_t count = 0;

	(void)new_seal_count();
	write_line(fd);
	for (unsigned i = 0; i < WAIT_STEPS_MAX && count == 0; i++) {
		usleep(WAIT_STEP_US);
		count = new_seal_count();
	}
	assert_int_equal(count, 1);
}

static void assert_begins_no_sync(int fd)
{
	(void)new_seal_count();
	write_line(fd);
	usleep(SILENCE_US);
	assert_int_equal(new_seal_count(), 0);
}

static void a_sync_begins_for_who_has_the_habit(void **state)
{
	int fd;

	(void)state;
	start("");
	fd = open_file("habit");
	for (unsigned i = 0; i < ROUND_COUNT; i++)
		write_and_sync(fd, 1);
	assert_begins_sync(fd);
	/* The sync comes late; the next write follows the habit again, but not two writes in one. */
	assert_int_equal(fdatasync(fd), 0);
	assert_begins_sync(fd);
	assert_begins_no_sync(fd);
	close(fd);
	mounted_stop(&mounted);
}

static void a_sync_begins_with_one_thread_too(void **state)
{
	int fd;

	(void)state;
	start(",threads=1");
	fd = open_file("habit");
	for (unsigned i = 0; i < 4 * ROUND_COUNT; i++)
		write_and_sync(fd, 1);
	assert_begins_sync(fd);
	close(fd);
	mounted_stop(&mounted);
}

static void no_sync_begins_before_it_is_a_habit(void **state)
{
	int fd;

	(void)state;
	start("");
	fd = open_file("new");
	for (unsigned i = 0; i < ROUND_COUNT - 1; i++)
		write_and_sync(fd, 1);
	assert_begins_no_sync(fd);
	close(fd);
	mounted_stop(&mounted);
}

static void no_sync_begins_for_who_writes_more_than_once(void **state)
{
	int fd;

	(void)state;
	start("");
	fd = open_file("pairs");
	for (unsigned i = 0; i < ROUND_COUNT; i++)
		write_and_sync(fd, 1);
	write_and_sync(fd, 2);
	assert_begins_no_sync(fd);
	close(fd);
	mounted_stop(&mounted);
}

static void no_sync_begins_where_others_sync_too(void **state)
{
	int fd, other;

	(void)state;
	start("");
	fd = open_file("one");
	other = open_file("other");
	for (unsigned i = 0; i < 4 * ROUND_COUNT; i++) {
		write_and_sync(fd, 1);
		write_and_sync(other, 1);
	}
	assert_begins_no_sync(fd);
	assert_int_equal(fdatasync(fd), 0);
	assert_begins_no_sync(fd); /* one sync of its own is no habit */
	assert_int_equal(fdatasync(fd), 0);
	for (unsigned i = 0; i < ROUND_COUNT; i++)
		write_and_sync(fd, 1);
	write_and_sync(other, 1);
	assert_begins_no_sync(fd);
	close(fd);
	close(other);
	mounted_stop(&mounted);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(a_sync_begins_for_who_has_the_habit),
		T(a_sync_begins_with_one_thread_too),
		T(no_sync_begins_before_it_is_a_habit),
		T(no_sync_begins_for_who_writes_more_than_once),
		T(no_sync_begins_where_others_sync_too),
	};
#undef T

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
