/* SPDX-License-Identifier: MIT */
/*
 * What programs ask for and what mount options promise reaches the store: who asks for the disk has the record and its
 * seal on it when the call returns, close(2) has a seal, and the intervals are those of the options.  What the disk then
 * holds is for crash/test_power; here the mount's own status tells.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "scratch.h"
#include "shared_mount.h"

/* Nobody comes for a record unasked while a test lasts. */
#define LATE "sync-interval=60000,seal-interval=60000,epoch=3600"
#define MS UINT64_C(1000000)

enum {
	TRY_COUNT = 5,        /* a machine may stall, but not that often in turn */
	WATCH_MS = 2000,      /* longer than the default of each interval */
	INTERVAL_ROUNDS = 10, /* of 100 ms; by the default they would take 8 s */
	INTERVAL_LIMIT_MS = 5000,
	LIMIT_MS = 60000, /* of what must come some time */
};

struct state {
	uint64_t records, sealed, durable;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static uint64_t number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	return strtoull(at + strlen(name), NULL, 10);
}

/* Asking records nothing. */
static struct state look(void)
{
	size_t size;
	char *text = (char *)file_read(mounted_path(&mounted, ".inkfs/status.json"), &size);
	struct state state = { number_of(text, "\"records\":"), number_of(text, "\"sealed\":"),
			       number_of(text, "\"durable\":") };

	free(text);
	return state;
}

static bool is_sealed(void)
{
	struct state state = look();

	return state.sealed == state.records;
}

static bool is_durable(void)
{
	struct state state = look();

	return state.sealed == state.records && state.durable == state.records;
}

/* In milliseconds. */
static uint64_t wait_until(bool (*is_so)(void))
{
	uint64_t begun_ns = now_ns();

	while (!is_so()) {
		assert_true(now_ns() - begun_ns < LIMIT_MS * MS);
		usleep(1000);
	}
	return (now_ns() - begun_ns) / MS;
}

static void line(int fd)
{
	assert_true(by_write(fd, "line\n", 5));
}

static void remount(const char *options)
{
	if (mounted.is_mounted)
		mounted_stop(&mounted);
	mounted_start(&mounted, options);
}

/* --- who asks ----------------------------------------------------------------------------- */

static bool by_itself(int fd, const char *name)
{
	(void)name;
	line(fd);
	return true;
}

static bool by_fsync(int fd, const char *name)
{
	(void)name;
	line(fd);
	return fsync(fd) == 0;
}

static bool by_fdatasync(int fd, const char *name)
{
	(void)name;
	line(fd);
	return fdatasync(fd) == 0;
}

/* The promise is of the record, not of the descriptor. */
static bool by_fsync_of_a_reader(int fd, const char *name)
{
	int other = open(mounted_path(&mounted, name), O_RDONLY | O_CLOEXEC);
	bool is_good;

	line(fd);
	is_good = other >= 0 && fsync(other) == 0;
	close(other);
	return is_good;
}

static bool by_fsync_of_the_folder(int fd, const char *name)
{
	int folder = open(mounted_path(&mounted, "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_good;

	(void)name;
	line(fd);
	is_good = folder >= 0 && fsync(folder) == 0;
	close(folder);
	return is_good;
}

static bool by_flag(int fd, int flag)
{
	struct iovec part = { (char[]){ "line\n" }, 5 };

	return pwritev2(fd, &part, 1, -1, flag) == 5;
}

static bool by_flag_dsync(int fd, const char *name)
{
	(void)name;
	return by_flag(fd, RWF_DSYNC);
}

static bool by_flag_sync(int fd, const char *name)
{
	(void)name;
	return by_flag(fd, RWF_SYNC);
}

static const struct way {
	const char *name;
	int flags;
	bool (*write)(int fd, const char *name);
} ways[] = {
	{ "O_DSYNC", O_DSYNC, by_itself },
	{ "O_SYNC", O_SYNC, by_itself },
	{ "fsync", 0, by_fsync },
	{ "fdatasync", 0, by_fdatasync },
	{ "fsync of a reader", 0, by_fsync_of_a_reader },
	{ "fsync of the folder", 0, by_fsync_of_the_folder },
	{ "RWF_DSYNC", 0, by_flag_dsync },
	{ "RWF_SYNC", 0, by_flag_sync },
};

static void who_asks_for_the_disk_has_record_and_seal_on_it(void **state)
{
	(void)state;
	remount(LATE);
	for (unsigned i = 0; i < COUNT_OF(ways); i++) {
		int fd = open_new(ways[i].name, O_WRONLY | O_APPEND | ways[i].flags);

		/* The second time there is no CREATE that waits, too. */
		for (unsigned round = 0; round < 2; round++) {
			if (!ways[i].write(fd, ways[i].name))
				fail_msg("%s: %s", ways[i].name, strerror(errno));
			if (!is_durable())
				fail_msg("%s has returned, and the record is not durable",
					 ways[i].name);
		}
		close(fd);
	}
}

/* Longer than by the defaults of both intervals. */
static bool waits(int fd)
{
	uint64_t begun_ns = now_ns();

	fsync(fd);
	line(fd);
	while (now_ns() - begun_ns < WATCH_MS * MS) {
		if (is_sealed())
			return false;
		usleep(10000);
	}
	return true;
}

static void what_nobody_asks_for_waits_for_the_intervals_of_the_mount(void **state)
{
	int fd = open_new("nothing", O_WRONLY);
	bool is_good = false;

	(void)state;
	for (unsigned i = 0; i < TRY_COUNT && !is_good; i++)
		is_good = waits(fd);
	assert_true(is_good);
	close(fd);
}

static void who_closes_has_a_seal_and_no_wait_for_the_disk(void **state)
{
	unsigned durable_count = 0;

	(void)state;
	for (unsigned i = 0; i < TRY_COUNT; i++) {
		char name[] = { 'c', (char)('0' + i), '\0' };
		int fd = open_new(name, O_WRONLY), copy = dup(fd);

		line(fd);
		close(copy);
		assert_true(is_sealed());
		line(fd);
		close(fd);
		assert_true(is_sealed());
		durable_count += is_durable();
	}
	assert_true(durable_count < TRY_COUNT);
	/* Made and never written to. */
	close(open_new("empty", O_WRONLY));
	assert_true(is_sealed());
}

/* --- what the options say ------------------------------------------------------------------ */

static void each_write_is_durable_on_a_mount_with_sync(void **state)
{
	int fd;

	(void)state;
	remount("sync," LATE);
	fd = open_new("sync", O_WRONLY);
	for (unsigned i = 0; i < 3; i++) {
		line(fd);
		assert_true(is_durable());
	}
	close(fd);
}

static void each_write_has_its_seal_on_a_mount_with_seal_write(void **state)
{
	unsigned durable_count = 0;
	int fd;

	(void)state;
	remount("seal=write," LATE);
	fd = open_new("write", O_WRONLY);
	for (unsigned i = 0; i < TRY_COUNT; i++) {
		line(fd);
		assert_true(is_sealed());
		durable_count += is_durable();
	}
	assert_true(durable_count < TRY_COUNT);
	close(fd);
}

/* Lines, each when the last one is sealed, for longer than the default interval of the disk. */
static bool stays_off_the_disk(int fd)
{
	uint64_t begun_ns = now_ns(), durable;

	fsync(fd);
	durable = look().durable;
	while (now_ns() - begun_ns < WATCH_MS * MS) {
		line(fd);
		wait_until(is_sealed);
	}
	return look().durable == durable;
}

static void a_seal_comes_after_the_interval_of_the_mount_and_the_disk_after_its_own(void **state)
{
	bool stays = false;
	int fd;

	(void)state;
	remount("sync-interval=60000,seal-interval=20,epoch=3600");
	fd = open_new("seal", O_WRONLY);
	for (unsigned i = 0; i < TRY_COUNT && !stays; i++)
		stays = stays_off_the_disk(fd);
	assert_true(stays);
	close(fd);
}

static uint64_t rounds_ms(int fd, bool (*is_so)(void))
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < INTERVAL_ROUNDS; i++) {
		line(fd);
		sum += wait_until(is_so);
	}
	return sum;
}

static void the_disk_comes_after_the_interval_of_the_mount(void **state)
{
	uint64_t took_ms = UINT64_MAX;
	int fd;

	(void)state;
	remount("sync-interval=100,seal-interval=60000");
	fd = open_new("disk", O_WRONLY);
	for (unsigned i = 0; i < TRY_COUNT && took_ms > INTERVAL_LIMIT_MS; i++)
		took_ms = rounds_ms(fd, is_durable);
	assert_true(took_ms <= INTERVAL_LIMIT_MS);
	close(fd);
}

/* The words of the README's table. */
static void without_options_a_seal_comes_within_100_ms_and_the_disk_within_a_second(void **state)
{
	uint64_t seal_ms = UINT64_MAX, disk_ms = UINT64_MAX;
	int fd;

	(void)state;
	remount(NULL);
	fd = open_new("default", O_WRONLY);
	for (unsigned i = 0; i < TRY_COUNT && (seal_ms > 100 || disk_ms > 1000); i++) {
		line(fd);
		seal_ms = wait_until(is_sealed);
		disk_ms = seal_ms + wait_until(is_durable);
	}
	assert_true(seal_ms <= 100 && disk_ms <= 1000);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_for_the_disk_has_record_and_seal_on_it),
		cmocka_unit_test(what_nobody_asks_for_waits_for_the_intervals_of_the_mount),
		cmocka_unit_test(who_closes_has_a_seal_and_no_wait_for_the_disk),
		cmocka_unit_test(each_write_is_durable_on_a_mount_with_sync),
		cmocka_unit_test(each_write_has_its_seal_on_a_mount_with_seal_write),
		cmocka_unit_test(
			a_seal_comes_after_the_interval_of_the_mount_and_the_disk_after_its_own),
		cmocka_unit_test(the_disk_comes_after_the_interval_of_the_mount),
		cmocka_unit_test(
			without_options_a_seal_comes_within_100_ms_and_the_disk_within_a_second),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
