/* SPDX-License-Identifier: MIT */
/*
 * How long a writer is held up while the index takes up what many files had: the longest of its appends.
 *
 *   soak_pause STORE FILES SECONDS [PER_S]
 *
 * Appends of 128 bytes, round-robin over FILES files, so that each commit finds as many changed files as there can be;
 * PER_S of them a second (default 30000; 0: as many as go).  STORE must not be there.  Prints one line a second, and
 * then, for the whole run, the median, the 99.9th of a hundred, and the longest; the making of the files apart.
 *
 * The disk and the machine's other work are in it: take several runs, and hold them against `-` for STORE, which
 * makes the same calls of the clock and no store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "inkfs/store.h"

enum { PAYLOAD = 128, BUCKETS = 1 << 20 }; /* of a microsecond each */

static const struct ink_caller root;

struct times {
	uint32_t counts[BUCKETS];
	uint64_t count, longest_ns, second_longest_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "soak_pause: %s: %s\n", what, why);
	exit(3);
}

static void add(struct times *times, uint64_t took_ns)
{
	uint64_t us = took_ns / 1000;

	times->counts[us < BUCKETS ? us : BUCKETS - 1]++;
	times->count++;
	if (took_ns > times->longest_ns)
		times->longest_ns = took_ns;
	if (took_ns > times->second_longest_ns)
		times->second_longest_ns = took_ns;
}

static uint64_t percentile_us(const struct times *times, double part)
{
	uint64_t left = (uint64_t)((double)times->count * part), us = 0;

	while (us + 1 < BUCKETS && left >= times->counts[us])
		left -= times->counts[us++];
	return us;
}

static void say(const char *what, const struct times *times)
{
	printf("%s: %llu calls: median %llu us, 99.9 %% %llu us, longest %.1f ms\n", what,
	       (unsigned long long)times->count, (unsigned long long)percentile_us(times, 0.5),
	       (unsigned long long)percentile_us(times, 0.999), (double)times->longest_ns / 1e6);
}

static struct ink_store *make_store(const char *path)
{
	const struct ink_init_options init = { .origin = "test.example/pause" };
	const struct ink_options options = { 0 };
	struct ink_store *store;
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;

	if (strcmp(path, "-") == 0)
		return NULL;
	if (ink_store_init(path, &init, vkey, &error) != INK_OK ||
	    ink_store_open(path, &options, &store, &error) != INK_OK)
		fail(path, error.text);
	return store;
}

static uint64_t *make_files(struct ink_store *store, unsigned files, struct times *times)
{
	uint64_t *inodes = calloc(files, sizeof(*inodes));

	for (unsigned i = 0; store && i < files; i++) {
		uint64_t from_ns = now_ns();
		struct ink_attr attr;
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		if (ink_make(store, &root, INK_ROOT_INODE, name, S_IFREG | 0644, NULL, &attr) !=
		    INK_OK)
			fail(name, "cannot make it");
		inodes[i] = attr.inode;
		add(times, now_ns() - from_ns);
	}
	return inodes;
}

static void wait_until(uint64_t at_ns)
{
	struct timespec at = { (time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u) };

	while (now_ns() < at_ns)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void append_all(struct ink_store *store, const uint64_t *inodes, unsigned files,
		       unsigned seconds, unsigned per_s, struct times *times)
{
	static const uint8_t payload[PAYLOAD];
	uint64_t begun_ns = now_ns(), second = 1, in_batch = 0;

	for (uint64_t number = 0;; number++) {
		uint64_t from_ns = now_ns();

		if (from_ns - begun_ns > second * 1000000000u) {
			printf("second %llu: longest %.1f ms\n", (unsigned long long)second,
			       (double)times->second_longest_ns / 1e6);
			times->second_longest_ns = 0;
			if (++second > seconds)
				return;
		}
		/* In bursts of a hundred: sleeping takes longer than an append. */
		if (per_s > 0 && ++in_batch == 100) {
			in_batch = 0;
			wait_until(begun_ns + number * 1000000000u / per_s);
			from_ns = now_ns();
		}
		if (store && ink_append(store, &root, inodes[number % files], INK_AT_END, payload,
					PAYLOAD, false) != INK_OK)
			fail("append", "refused");
		add(times, now_ns() - from_ns);
	}
}

int main(int argc, char **argv)
{
	static struct times making, appending;
	unsigned files, seconds, per_s;
	struct ink_store *store;
	uint64_t *inodes;

	if (argc < 4)
		fail("usage", "soak_pause STORE FILES SECONDS [PER_S]");
	files = (unsigned)strtoul(argv[2], NULL, 10);
	seconds = (unsigned)strtoul(argv[3], NULL, 10);
	per_s = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 30000;
	if (files == 0 || seconds == 0)
		fail("usage", "FILES and SECONDS from 1");
	setvbuf(stdout, NULL, _IOLBF, 0);
	store = make_store(argv[1]);
	inodes = make_files(store, files, &making);
	say("making", &making);
	append_all(store, inodes, files, seconds, per_s, &appending);
	say("appending", &appending);
	free(inodes);
	if (store && ink_store_close(store, INK_UNMOUNT_ASKED) != INK_OK)
		fail(argv[1], "cannot be closed");
	return 0;
}
