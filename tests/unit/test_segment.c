/* SPDX-License-Identifier: MIT */
#include "segment.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"

enum { FILES = 40, FILE_BYTES = 5000, THREADS = 24 };

static char dir[PATH_MAX];

/* FILES segments, each full of its own number. */
static int setup(void **state)
{
	uint8_t data[FILE_BYTES];

	(void)state;
	scratch_dir(dir);
	for (unsigned i = 0; i < FILES; i++) {
		char name[32], path[PATH_MAX];

		memset(data, (int)i, sizeof(data));
		snprintf(name, sizeof(name), "%010u.seg", i);
		scratch_path(dir, name, path);
		file_write(path, data, sizeof(data));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static bool reads_right(struct segments *segments, uint32_t index)
{
	uint8_t buf[100];
	size_t size;

	if (segments_read(segments, index, buf, sizeof(buf), 77, &size) != INK_OK ||
	    size != sizeof(buf))
		return false;
	for (size_t i = 0; i < size; i++)
		if (buf[i] != index)
			return false;
	return true;
}

static void more_segments_than_descriptors_are_read_in_any_order(void **state)
{
	struct fault_io fault;
	struct segments *segments;
	struct rng rng;

	(void)state;
	rng_init(&rng, "segment");
	fault_io_init(&fault);
	segments = segments_open(&fault.io, dir);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(reads_right(segments, (uint32_t)rng_below(&rng, FILES)));
	/* What is in use stays open: the same few again cost no call. */
	for (unsigned i = 0; i < SEGMENTS_OPEN_MAX; i++)
		assert_true(reads_right(segments, i));
	fault.calls[FAULT_OPEN] = 0;
	for (unsigned i = 0; i < 100; i++)
		assert_true(reads_right(segments, i % SEGMENTS_OPEN_MAX));
	assert_int_equal(fault.calls[FAULT_OPEN], 0);
	segments_close(segments);
	segments_close(NULL);
}

static void a_read_is_short_at_the_end_of_the_file(void **state)
{
	struct segments *segments = segments_open(io_system(), dir);
	uint8_t buf[100];
	size_t size;

	(void)state;
	assert_ok(segments_read(segments, 3, buf, sizeof(buf), FILE_BYTES - 10, &size));
	assert_int_equal(size, 10);
	assert_ok(segments_read(segments, 3, buf, sizeof(buf), FILE_BYTES + 10, &size));
	assert_int_equal(size, 0);
	segments_close(segments);
}

static void a_segment_that_is_not_there_is_not_found_and_may_come_later(void **state)
{
	struct segments *segments = segments_open(io_system(), dir);
	char path[PATH_MAX];
	uint8_t buf[100];
	size_t size;

	(void)state;
	for (unsigned i = 0; i < 2 * SEGMENTS_OPEN_MAX; i++)
		assert_err(INK_ERR_NOT_FOUND, segments_read(segments, FILES + i, buf, 1, 0, &size));
	memset(buf, FILES, sizeof(buf));
	scratch_path(dir, "0000000040.seg", path);
	file_write(path, buf, sizeof(buf));
	assert_ok(segments_read(segments, FILES, buf, sizeof(buf), 0, &size));
	assert_int_equal(buf[0], FILES);
	assert_int_equal(unlink(path), 0);
	segments_close(segments);
}

static void an_error_of_the_disk_is_no_missing_segment(void **state)
{
	struct fault_io fault;
	struct segments *segments;
	uint8_t buf[8];
	size_t size;

	(void)state;
	fault_io_init(&fault);
	segments = segments_open(&fault.io, dir);
	fault_io_arm(&fault, 1, FAULT_ALL, false, EMFILE);
	assert_err(INK_ERR_IO, segments_read(segments, 0, buf, 8, 0, &size));
	assert_int_equal(errno, EMFILE);
	fault_io_arm(&fault, 2, FAULT_ALL, false, EIO);
	assert_err(INK_ERR_IO, segments_read(segments, 0, buf, 8, 0, &size));
	assert_int_equal(errno, EIO);
	assert_true(reads_right(segments, 0));
	segments_close(segments);
}

static void a_link_in_the_place_of_a_segment_is_not_followed(void **state)
{
	struct segments *segments = segments_open(io_system(), dir);
	char path[PATH_MAX];
	uint8_t buf[8];
	size_t size;

	(void)state;
	scratch_path(dir, "0000000050.seg", path);
	assert_int_equal(symlink("0000000000.seg", path), 0);
	assert_err(INK_ERR_IO, segments_read(segments, 50, buf, 8, 0, &size));
	segments_close(segments);
}

static void *read_many(void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t next_seed;
	struct rng rng;

	pthread_mutex_lock(&lock);
	rng_init_from(&rng, ++next_seed);
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < rounds(400); i++)
		if (!reads_right(arg, (uint32_t)rng_below(&rng, FILES)))
			return arg;
	return NULL;
}

static void more_threads_than_descriptors_read_what_they_asked_for(void **state)
{
	struct segments *segments = segments_open(io_system(), dir);
	pthread_t threads[THREADS];
	void *failed = NULL;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_many, segments), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		if (result)
			failed = result;
	}
	assert_null(failed);
	segments_close(segments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_segments_than_descriptors_are_read_in_any_order),
		cmocka_unit_test(a_read_is_short_at_the_end_of_the_file),
		cmocka_unit_test(a_segment_that_is_not_there_is_not_found_and_may_come_later),
		cmocka_unit_test(an_error_of_the_disk_is_no_missing_segment),
		cmocka_unit_test(a_link_in_the_place_of_a_segment_is_not_followed),
		cmocka_unit_test(more_threads_than_descriptors_read_what_they_asked_for),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
