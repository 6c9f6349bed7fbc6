/* SPDX-License-Identifier: MIT */
/*
 * A process that writes from several threads is killed, again and again, on the same store: what it had
 * acknowledged is there, in order and once; the store opens each time; each end without order is on record.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "trial.h"

enum { WRITERS = 5, LARGE = 4, LINE_SIZE = 32, LARGE_SIZE = 150000, ROUNDS = 32 };

struct ack {
	uint32_t writer;
	uint32_t number; /* of the record in its file */
};

struct writer {
	struct ink_store *store;
	int ack_fd;
	uint32_t number; /* of the writer */
};

/* The bytes of record @number of @writer; the size of all of that writer's records. */
static size_t fill(uint32_t writer, uint32_t number, uint8_t *record)
{
	if (writer == LARGE) {
		memset(record, (int)(number % 251 + 1), LARGE_SIZE);
		return LARGE_SIZE;
	}
	snprintf((char *)record, LINE_SIZE + 1, "%02u %028u\n", writer, number);
	return LINE_SIZE;
}

static size_t record_size(uint32_t writer)
{
	return writer == LARGE ? LARGE_SIZE : LINE_SIZE;
}

static uint64_t find_file(struct ink_store *store, uint32_t writer, uint64_t *ret_size)
{
	struct ink_attr attr;
	char name[16];

	snprintf(name, sizeof(name), "w%u", writer);
	if (ink_lookup(store, 1, name, &attr) == INK_ERR_NOT_FOUND &&
	    ink_make(store, &trial_root, 1, name, S_IFREG | 0644, NULL, &attr) != INK_OK)
		_exit(10);
	*ret_size = attr.size;
	return attr.inode;
}

static void *write_on(void *arg)
{
	static _Thread_local uint8_t record[LARGE_SIZE + 1];
	struct writer *w = arg;
	uint64_t size, inode = find_file(w->store, w->number, &size);
	struct ack ack = { w->number, (uint32_t)(size / record_size(w->number)) };

	for (;; ack.number++) {
		size_t count = fill(w->number, ack.number, record);

		if (ink_append(w->store, &trial_root, inode, INK_AT_END, record, count,
			       ack.number % 64 == 63) != INK_OK)
			_exit(11);
		if (w->number < 2 && ack.number % 16 == 15 && ink_seal(w->store, inode) != INK_OK)
			_exit(12);
		if (write(w->ack_fd, &ack, sizeof(ack)) != sizeof(ack))
			_exit(13);
		if (w->number == LARGE)
			usleep(3000);
	}
	return NULL;
}

/* The child: never returns, never closes the store. */
static void be_killed(const char *path, int ack_fd)
{
	struct ink_options options = { .seal_interval_ms = 3,
				       .sync_interval_ms = 10,
				       .epoch_s = 1 };
	struct writer writers[WRITERS];
	struct ink_error error = { 0 };
	struct ink_store *store;
	pthread_t thread;

	if (ink_store_open(path, &options, &store, &error) != INK_OK) {
		fprintf(stderr, "child: %s\n", error.text);
		_exit(14);
	}
	for (uint32_t i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ store, ack_fd, i };
		if (pthread_create(&thread, NULL, write_on, &writers[i]) != 0)
			_exit(15);
	}
	for (;;)
		pause();
}

/*
 * Let a child live for @us microseconds, from its first acknowledgement on if it @is_to_write, then kill it; what it
 * acknowledged goes to @acked (counts).
 */
static void run_child(const char *path, bool is_to_write, unsigned us, uint32_t *acked)
{
	struct ack acks[512];
	int fds[2], status;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		be_killed(path, fds[1]);
	}
	close(fds[1]);
	if (is_to_write)
		poll(&(struct pollfd){ .fd = fds[0], .events = POLLIN }, 1, 60000);
	usleep(us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		fail_msg("the child ended by itself with %d", WEXITSTATUS(status));
	/* Each ack is written at once: a pipe does not tear eight bytes. */
	while ((got = read(fds[0], acks, sizeof(acks))) > 0)
		for (size_t i = 0; i < (size_t)got / sizeof(acks[0]); i++) {
			assert_true(acks[i].writer < WRITERS);
			if (acks[i].number + 1 > acked[acks[i].writer])
				acked[acks[i].writer] = acks[i].number + 1;
		}
	close(fds[0]);
}

/* All records of a writer, in order, whole; at least those acknowledged and at most the one under way more. */
static void check_writer(struct ink_store *store, uint32_t writer, uint32_t *acked)
{
	static uint8_t record[LARGE_SIZE + 1], found[LARGE_SIZE];
	struct ink_attr attr;
	char name[16];
	size_t size;

	snprintf(name, sizeof(name), "w%u", writer);
	if (ink_lookup(store, 1, name, &attr) != INK_OK) {
		assert_int_equal(acked[writer], 0);
		return;
	}
	assert_int_equal(attr.size % record_size(writer), 0);
	for (uint32_t i = 0; i < attr.size / record_size(writer); i++) {
		/* The beginning was looked at in earlier rounds; all of it in the last. */
		size_t count = fill(writer, i, record);

		assert_ok(ink_read(store, attr.inode, (uint64_t)i * count, found, count, &size));
		assert_int_equal(size, count);
		assert_memory_equal(found, record, count);
	}
	size = attr.size / record_size(writer);
	if (size < acked[writer] || size > acked[writer] + 1)
		fail_msg("writer %u: %zu records, %u acknowledged", writer, size, acked[writer]);
	acked[writer] = (uint32_t)size;
}

static void check_all(const char *path, bool is_read_only, uint32_t *acked)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;

	options.is_read_only = is_read_only;
	store = trial_open(path, &options);
	for (uint32_t i = 0; i < WRITERS; i++)
		check_writer(store, i, acked);
	trial_close(store);
}

static void what_was_acknowledged_before_the_kill_is_there(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX];
	uint32_t acked[WRITERS] = { 0 }, total = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, "kill");
	scratch_dir(dir);
	scratch_path(dir, "store", path);
	trial_make(path, 0);
	for (unsigned round = 0; round < rounds(ROUNDS); round++) {
		/* Every third is killed while it opens or recovers, most likely. */
		bool is_to_write = round % 3 != 2;
		unsigned us = is_to_write ? 10000 + (unsigned)rng_below(&rng, 80000)
					  : (unsigned)rng_below(&rng, 12000);

		run_child(path, is_to_write, us, acked);
		if (!is_intact(path))
			fail_msg("round %u: evidence right after the kill", round);
		/* Half of the recoveries are left to the next child. */
		check_all(path, round % 2 == 1, acked);
	}
	check_all(path, false, acked);
	for (unsigned i = 0; i < WRITERS; i++)
		total += acked[i];
	printf("%u records acknowledged, %llu recoveries\n", total,
	       (unsigned long long)count_records(path, INK_RECOVERY));
	assert_true(total > 0);
	/* A child that got as far as its MOUNT was found by somebody; most did. */
	assert_true(count_records(path, INK_RECOVERY) >= rounds(ROUNDS) / 3);
	assert_verifies(path, true);
	assert_index_is_that_of_the_log(path);
	tree_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_acknowledged_before_the_kill_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
