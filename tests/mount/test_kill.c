/* SPDX-License-Identifier: MIT */
/* kill -9 of the driver in the middle of eight writers, again and again: what returned is there. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inkfs/verify.h"
#include "mounted.h"
#include "scratch.h"

enum { WRITER_COUNT = 8, KILL_COUNT = 20, LINE_SIZE = 64, FIRST_COUNT = 20 };

static struct mounted mounted;

/* Shared with the writers: how many lines of theirs have returned from write(2), over all rounds. */
struct shared {
	_Atomic unsigned acknowledged[WRITER_COUNT];
};

static struct shared *shared;

static void line_print(char *line, unsigned writer, unsigned number)
{
	snprintf(line, LINE_SIZE, "%02u %010u %*s", writer, number, LINE_SIZE - 16, "\n");
}

static void file_name(char *name, unsigned writer)
{
	/* Two writers share a file. */
	snprintf(name, 16, "log.%u", writer / 2);
}

/* Writes until the driver is gone.  A line that was cut off is written again: it may be there or not. */
static int write_until_killed(unsigned writer)
{
	char name[16], line[LINE_SIZE];
	int fd;

	file_name(name, writer);
	fd = open(mounted_path(&mounted, name), O_CREAT | O_WRONLY | O_APPEND, 0666);
	if (fd < 0)
		return 1;
	for (;;) {
		line_print(line, writer, shared->acknowledged[writer]);
		if (write(fd, line, LINE_SIZE - 1) != LINE_SIZE - 1)
			break;
		shared->acknowledged[writer]++;
	}
	return errno == ECONNABORTED || errno == ENOTCONN || errno == EIO ? 0 : 2;
}

/* All of them are at it, and the last has come some way. */
static bool is_under_way(const unsigned *before, unsigned more)
{
	for (unsigned i = 0; i < WRITER_COUNT; i++) {
		if (shared->acknowledged[i] < before[i] + FIRST_COUNT)
			return false;
	}
	return shared->acknowledged[WRITER_COUNT - 1] >= before[WRITER_COUNT - 1] + more;
}

static void write_and_kill(struct rng *rng)
{
	unsigned before[WRITER_COUNT], more = (unsigned)rng_below(rng, 400);
	pid_t children[WRITER_COUNT];

	for (unsigned i = 0; i < WRITER_COUNT; i++) {
		before[i] = shared->acknowledged[i];
		children[i] = fork();
		if (children[i] == 0)
			_exit(write_until_killed(i));
	}
	while (!is_under_way(before, more))
		sched_yield();
	mounted_kill(&mounted);
	for (unsigned i = 0; i < WRITER_COUNT; i++)
		assert_int_equal(reap(children[i]), 0);
}

/* All acknowledged lines of @writer in order; one that was not may stand there, too, and then again. */
static void check_writer(unsigned writer)
{
	char name[16], expected[LINE_SIZE];
	unsigned next = 0;
	size_t size;
	uint8_t *bytes;

	file_name(name, writer);
	bytes = file_read(mounted_path(&mounted, name), &size);
	assert_int_equal(size % (LINE_SIZE - 1), 0);
	for (size_t at = 0; at < size; at += LINE_SIZE - 1) {
		if ((unsigned)strtoul((char *)bytes + at, NULL, 10) != writer)
			continue;
		line_print(expected, writer, next);
		if (memcmp(bytes + at, expected, LINE_SIZE - 1) != 0) {
			assert_true(next > 0);
			line_print(expected, writer, --next);
		}
		assert_memory_equal(bytes + at, expected, LINE_SIZE - 1);
		next++;
	}
	assert_in_range(next, shared->acknowledged[writer], shared->acknowledged[writer] + 1);
	free(bytes);
}

static void check_intact(uint64_t unclean_count, bool is_closed)
{
	struct ink_verify_options options = { 0 };
	struct ink_verify_result result;
	struct ink_error error = { 0 };

	if (ink_verify(mounted.store, &options, &result, &error) != INK_OK)
		fail_msg("%s", error.text);
	assert_true(result.is_intact);
	assert_int_equal(result.unclean_count, unclean_count);
	assert_int_equal(result.is_closed, is_closed);
}

static void what_returned_survives_twenty_kills(void **state)
{
	unsigned kill_count = rounds(KILL_COUNT);
	struct rng rng;

	(void)state;
	rng_init(&rng, "kill");
	mounted_init(&mounted);
	for (unsigned i = 1; i <= kill_count; i++) {
		mounted_start(&mounted, i % 3 == 0 ? "seal=write" : NULL);
		write_and_kill(&rng);
		check_intact(i, false);
		mounted_start(&mounted, NULL);
		for (unsigned writer = 0; writer < WRITER_COUNT; writer++)
			check_writer(writer);
		mounted_stop(&mounted);
		check_intact(i, true);
	}
}

static int set_up(void **state)
{
	(void)state;
	umask(0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED;
}

static int tear_down(void **state)
{
	(void)state;
	mounted_release(&mounted);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_returned_survives_twenty_kills, set_up,
						tear_down),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
