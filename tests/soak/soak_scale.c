/* SPDX-License-Identifier: MIT */
/*
 * What a store costs when it is large: made by the library alone, without FUSE.
 *
 *   soak_scale fill STORE RECORDS BYTES [THREADS]   append records of BYTES until the store has RECORDS, or until
 *                                                   SIGTERM; closes it
 *   soak_scale kill STORE                           2 s of 20,000 appends of 128 bytes a second, then kill -9
 *   soak_scale open STORE                           how long opening takes; then ended without order
 *   soak_scale append STORE RECORDS                 how long an append of 128 bytes takes
 *   soak_scale verify STORE                         rate, and the most memory that was resident
 *   soak_scale size STORE                           bytes on disk beyond the payload
 *
 * Each prints one line, "WHAT VALUE UNIT" first, for tests/soak/scale.sh.  STORE is made if it is not there.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "inkfs/store.h"
#include "inkfs/verify.h"

enum { FILES = 64, THREADS_MAX = 16, PAYLOAD_MAX = 1 << 16, PAYLOAD = 128, PACE_PER_S = 20000 };

static const struct ink_caller root;

static volatile sig_atomic_t is_asked_to_end;

static void on_signal(int number)
{
	(void)number;
	is_asked_to_end = 1;
}

struct work {
	struct ink_store *store;
	uint64_t inodes[FILES];
	size_t size;
	_Atomic int64_t left;
	atomic_bool has_failed;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static double seconds_since(uint64_t from_ns)
{
	return (double)(now_ns() - from_ns) / 1e9;
}

static void fail(const char *what, enum ink_err err, const struct ink_error *error)
{
	fprintf(stderr, "soak_scale: %s: %s\n", what, error ? error->text : ink_err_text(err));
	exit(3);
}

static struct ink_store *open_store(const char *path, bool is_read_only)
{
	const struct ink_options options = { .is_read_only = is_read_only };
	const struct ink_init_options init = { .origin = "test.example/scale" };
	struct ink_store *store;
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;
	enum ink_err err;

	if (access(path, F_OK) != 0) {
		err = ink_store_init(path, &init, vkey, &error);
		if (err != INK_OK)
			fail(path, err, &error);
	}
	err = ink_store_open(path, &options, &store, &error);
	if (err != INK_OK)
		fail(path, err, &error);
	return store;
}

static void find_files(struct work *w)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct ink_attr attr;
		char name[16];
		enum ink_err err;

		snprintf(name, sizeof(name), "log.%u", i);
		err = ink_lookup(w->store, INK_ROOT_INODE, name, &attr);
		if (err != INK_OK)
			err = ink_make(w->store, &root, INK_ROOT_INODE, name, S_IFREG | 0644, NULL,
				       &attr);
		if (err != INK_OK)
			fail(name, err, NULL);
		w->inodes[i] = attr.inode;
	}
}

/* --- appending --- */

static enum ink_err append(struct work *w, uint64_t number)
{
	static const uint8_t payload[PAYLOAD_MAX];

	return ink_append(w->store, &root, w->inodes[number % FILES], INK_AT_END, payload, w->size,
			  false);
}

static void *append_until_none_is_left(void *ctx)
{
	struct work *w = ctx;
	int64_t number;

	while (!w->has_failed && !is_asked_to_end && (number = --w->left) >= 0) {
		enum ink_err err = append(w, (uint64_t)number);

		if (err != INK_OK) {
			fprintf(stderr, "soak_scale: append: %s\n", ink_err_text(err));
			w->has_failed = true;
		}
	}
	return NULL;
}

static uint64_t record_count(struct ink_store *store)
{
	struct ink_status status;

	ink_status(store, &status);
	return status.record_count;
}

static void fill(struct work *w, uint64_t records, unsigned threads)
{
	uint64_t before, made, from_ns = now_ns();
	pthread_t ids[THREADS_MAX];
	double seconds;

	signal(SIGTERM, on_signal);
	find_files(w);
	before = record_count(w->store);
	w->left = records > before ? (int64_t)(records - before) : 0;
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, append_until_none_is_left, w) != 0)
			exit(3);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	made = record_count(w->store) - before;
	if (w->has_failed || ink_store_close(w->store, INK_UNMOUNT_ASKED) != INK_OK)
		exit(3);
	seconds = seconds_since(from_ns);
	printf("fill %.0f records/s: %llu in %.1f s, close included, %u threads\n",
	       (double)made / seconds, (unsigned long long)made, seconds, threads);
}

/* The same work behind both sizes, so that what the index lacks is the same. */
static void work_and_die(struct work *w)
{
	uint64_t from_ns = now_ns();

	find_files(w);
	for (uint64_t i = 0; i < 2 * PACE_PER_S; i++) {
		enum ink_err err = append(w, i);
		struct timespec at = { 0, 1000000 };

		if (err != INK_OK)
			fail("append", err, NULL);
		while (seconds_since(from_ns) < (double)i / PACE_PER_S)
			nanosleep(&at, NULL);
	}
	raise(SIGKILL);
}

static void measure_open(const char *path)
{
	uint64_t from_ns = now_ns();
	struct ink_store *store = open_store(path, false);
	double seconds = seconds_since(from_ns);

	printf("open %.1f ms: %llu records\n", seconds * 1e3,
	       (unsigned long long)record_count(store));
	fflush(stdout);
	raise(SIGKILL);
}

static void measure_append(struct work *w, uint64_t records)
{
	uint64_t from_ns;
	double seconds;

	find_files(w);
	from_ns = now_ns();
	for (uint64_t i = 0; i < records; i++) {
		enum ink_err err = append(w, i);

		if (err != INK_OK)
			fail("append", err, NULL);
	}
	seconds = seconds_since(from_ns);
	printf("append %.3f us: %llu records more\n", seconds * 1e6 / (double)records,
	       (unsigned long long)records);
	if (ink_store_close(w->store, INK_UNMOUNT_ASKED) != INK_OK)
		exit(3);
}

/* --- looking --- */

static void on_finding(void *ctx, const struct ink_finding *finding)
{
	(void)ctx;
	if (finding->severity == INK_EVIDENCE)
		fprintf(stderr, "soak_scale: %s\n", finding->text);
}

static void verify(const char *path)
{
	const struct ink_verify_options options = { .on_finding = on_finding };
	struct ink_verify_result result;
	uint64_t from_ns = now_ns();
	struct ink_error error;
	struct rusage usage;
	enum ink_err err = ink_verify(path, &options, &result, &error);
	double seconds = seconds_since(from_ns);

	if (err != INK_OK)
		fail(path, err, &error);
	getrusage(RUSAGE_SELF, &usage);
	printf("verify %.0f records/s: %llu in %.1f s, %ld MiB resident, %s\n",
	       (double)result.record_count / seconds, (unsigned long long)result.record_count,
	       seconds, usage.ru_maxrss / 1024, result.is_intact ? "intact" : "NOT INTACT");
	if (!result.is_intact)
		exit(1);
}

static uint64_t allocated_bytes(const char *path, const char *below)
{
	char command[8192], line[64] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "du -sB1 '%s/%s'", path, below);
	pipe = popen(command, "re");
	if (!pipe || !fgets(line, sizeof(line), pipe) || pclose(pipe) != 0)
		fail(command, INK_ERR_IO, NULL);
	return strtoull(line, NULL, 10);
}

static void measure_size(const char *path)
{
	struct ink_store *store = open_store(path, true);
	uint64_t all = allocated_bytes(path, "."), index = allocated_bytes(path, "index");
	struct ink_status status;

	ink_status(store, &status);
	printf("size %.1f bytes a record beyond the payload: %llu records, %.0f MB on disk, %.0f MB of it index\n",
	       (double)(all - status.payload_bytes) / (double)status.record_count,
	       (unsigned long long)status.record_count, (double)all / 1e6, (double)index / 1e6);
	ink_store_close(store, INK_UNMOUNT_ASKED);
}

int main(int argc, char **argv)
{
	static struct work w = { .size = PAYLOAD };
	const char *what = argc > 2 ? argv[1] : "";
	uint64_t records = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	unsigned threads = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "open") == 0) {
		measure_open(argv[2]);
	} else if (strcmp(what, "verify") == 0) {
		verify(argv[2]);
	} else if (strcmp(what, "size") == 0) {
		measure_size(argv[2]);
	} else if (strcmp(what, "kill") == 0) {
		w.store = open_store(argv[2], false);
		work_and_die(&w);
	} else if (strcmp(what, "append") == 0 && records > 0) {
		w.store = open_store(argv[2], false);
		measure_append(&w, records);
	} else if (strcmp(what, "fill") == 0 && argc > 4 && threads > 0 && threads <= THREADS_MAX) {
		w.size = strtoull(argv[4], NULL, 10);
		if (w.size > PAYLOAD_MAX)
			w.size = PAYLOAD_MAX;
		w.store = open_store(argv[2], false);
		fill(&w, records, threads);
	} else {
		fprintf(stderr,
			"usage: soak_scale fill STORE RECORDS BYTES [THREADS] | append STORE RECORDS |\n"
			"       kill STORE | open STORE | verify STORE | size STORE\n");
		return 2;
	}
	return 0;
}
