/* SPDX-License-Identifier: MIT */
/* Eight writers, readers and askers on one store, with its own threads at work all the while. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "scratch.h"
#include "trial.h"

enum { WRITERS = 8, SHARED = 0, OWN_LINES = 150, LINE_SIZE = 16, LARGE_SIZE = 300000 };

struct run {
	struct ink_store *store;
	uint64_t shared;
	bool is_synced; /* each line of the shared file is waited for, in one way or another */
	atomic_bool is_over;
	atomic_uint failures;
};

struct writer {
	struct ink_sync sync; /* first: its done finds us by it */
	sem_t told;
	enum ink_err told_err;
	struct run *run;
	pthread_t thread;
	unsigned number;
	unsigned lines; /* acknowledged, in the shared file */
	uint64_t own;
};

static void expect(struct run *run, bool is_true, const char *what)
{
	if (is_true)
		return;
	atomic_fetch_add(&run->failures, 1);
	fprintf(stderr, "%s\n", what);
}

static void on_done(struct ink_sync *sync, enum ink_err err)
{
	struct writer *w = (struct writer *)sync;

	w->told_err = err;
	sem_post(&w->told);
}

/* As the writer's number says: as O_DSYNC, by fsync(2), or by a request. */
static enum ink_err append_line(struct writer *w, const struct ink_caller *caller, const char *line,
				bool is_sync)
{
	struct ink_store *store = w->run->store;
	unsigned way = w->run->is_synced ? w->number % 3 : 0;
	enum ink_err err;

	err = ink_append(store, caller, w->run->shared, INK_AT_END, line, strlen(line),
			 way == 0 && (is_sync || w->run->is_synced));
	if (err != INK_OK || way == 0)
		return err;
	if (way == 1)
		return ink_sync(store);
	w->sync.done = on_done;
	sem_init(&w->told, 0, 0);
	ink_sync_begin(store, &w->sync);
	while (sem_wait(&w->told) != 0)
		;
	sem_destroy(&w->told);
	return w->told_err;
}

/* Lines into the shared file, a file of its own, refusals, syncs, attributes, a large body now and then. */
static void *write_lines(void *arg)
{
	struct writer *w = arg;
	struct run *run = w->run;
	struct ink_caller caller = { 1000 + w->number, 1000, 0 };
	uint8_t *large = calloc(1, LARGE_SIZE);
	char name[16], line[LINE_SIZE + 1];
	struct ink_attr attr;
	size_t size;

	snprintf(name, sizeof(name), "own%u", w->number);
	expect(run, ink_make(run->store, &caller, 1, name, S_IFREG | 0644, NULL, &attr) == INK_OK,
	       "make");
	w->own = attr.inode;
	for (unsigned i = 0; i < rounds(OWN_LINES); i++) {
		struct ink_setattr change = { .mask = INK_ATTR_MTIME, .mtime_ns = i };

		snprintf(line, sizeof(line), "%02u %011u\n", w->number, i);
		expect(run, append_line(w, &caller, line, i % 50 == 49) == INK_OK, "append");
		w->lines++;
		expect(run,
		       ink_append(run->store, &caller, w->own, (uint64_t)i * 15, line, 15, false) ==
			       INK_OK,
		       "append at the end that only we know");
		expect(run,
		       ink_read(run->store, w->own, (uint64_t)i * 15, large, 100, &size) ==
				       INK_OK &&
			       size == 15 && memcmp(large, line, 15) == 0,
		       "read of what was just written");
		if (i % 20 == 0)
			expect(run,
			       ink_append(run->store, &caller, run->shared, 0, "x", 1, false) ==
				       INK_ERR_DENIED,
			       "denied");
		if (i % 10 == 0)
			expect(run, ink_seal(run->store, w->own) == INK_OK, "seal");
		if (i % 30 == 0)
			expect(run,
			       ink_setattr(run->store, &caller, run->shared, &change, &attr) ==
				       INK_OK,
			       "setattr");
	}
	free(large);
	return NULL;
}

/* Large bodies alone: they are written by a thread of the store's. */
static void *write_large(void *arg)
{
	struct writer *w = arg;
	uint8_t *large = malloc(LARGE_SIZE);

	for (unsigned i = 0; i < rounds(12); i++) {
		memset(large, (int)(1 + w->number), LARGE_SIZE);
		expect(w->run,
		       ink_append(w->run->store, &trial_root, w->own, INK_AT_END, large,
				  LARGE_SIZE - i, false) == INK_OK,
		       "large append");
		w->lines += LARGE_SIZE - i;
	}
	free(large);
	return NULL;
}

static bool go_on(void *ctx, const struct ink_entry *entry)
{
	(void)ctx;
	return entry->name_size > 0;
}

/* Whatever is seen must make sense at any moment. */
static void *look_around(void *arg)
{
	struct run *run = arg;
	struct ink_status before, after;
	char buf[4096];

	ink_status(run->store, &before);
	while (!atomic_load(&run->is_over)) {
		struct ink_file_info info;
		struct ink_attr attr;
		char path[64];
		size_t size;

		ink_status(run->store, &after);
		expect(run,
		       after.record_count >= before.record_count &&
			       after.durable_count >= before.durable_count &&
			       after.sealed_count >= before.sealed_count && !after.has_failed,
		       "status");
		before = after;
		expect(run, ink_getattr(run->store, run->shared, &attr) == INK_OK, "getattr");
		expect(run,
		       ink_read(run->store, run->shared, attr.size > 4096 ? attr.size - 4096 : 0,
				buf, 4096, &size) == INK_OK,
		       "read");
		expect(run, size == 0 || buf[size - 1] == '\n' || size == 4096, "whole lines");
		expect(run, ink_readdir(run->store, 1, 0, go_on, NULL) == INK_OK, "readdir");
		expect(run, ink_file_info(run->store, run->shared, &info) == INK_OK, "file info");
		ink_path(run->store, run->shared, path, sizeof(path));
		expect(run, strcmp(path, "/shared") == 0, "path");
	}
	return NULL;
}

static void count_lines(struct run *run, const struct writer *writers)
{
	unsigned next[WRITERS] = { 0 }, number, i;
	struct ink_attr attr;
	size_t size;
	char *text;

	assert_ok(ink_getattr(run->store, run->shared, &attr));
	text = calloc(1, attr.size + 1);
	assert_ok(ink_read(run->store, run->shared, 0, text, attr.size, &size));
	assert_true(size == attr.size && size % 15 == 0);
	for (const char *p = text; *p; p += 15) {
		assert_int_equal(sscanf(p, "%2u %11u", &number, &i), 2);
		assert_true(number < WRITERS);
		assert_int_equal(i, next[number]++); /* each writer's in its order */
	}
	for (unsigned w = 0; w < WRITERS; w++)
		assert_int_equal(next[w], writers[w].lines);
	free(text);
}

static void run_writers(struct ink_options *options, bool is_synced)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct writer writers[WRITERS + 3];
	struct ink_status status;
	pthread_t lookers[2];
	struct run run = { .is_synced = is_synced };

	scratch_dir(dir);
	scratch_path(dir, "store", path);
	trial_make(path, 0);
	run.store = trial_open(path, options);
	run.shared = trial_create(run.store, "shared");
	for (unsigned i = 0; i < WRITERS + 3; i++)
		writers[i] = (struct writer){ .run = &run, .number = i };
	for (unsigned i = WRITERS; i < WRITERS + 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "large%u", i);
		writers[i].own = trial_create(run.store, name);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&lookers[i], NULL, look_around, &run);
	for (unsigned i = 0; i < WRITERS + 3; i++)
		pthread_create(&writers[i].thread, NULL, i < WRITERS ? write_lines : write_large,
			       &writers[i]);
	for (unsigned i = 0; i < WRITERS + 3; i++)
		pthread_join(writers[i].thread, NULL);
	atomic_store(&run.is_over, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(lookers[i], NULL);
	assert_int_equal(run.failures, 0);
	count_lines(&run, writers);
	ink_status(run.store, &status);
	if (rounds(100) >= 100) /* segments were begun and finished under them */
		assert_true(status.segment_count > 5);
	trial_close(run.store);
	assert_verifies(path, true);
	run.store = trial_open(path, options);
	count_lines(&run, writers);
	for (unsigned i = WRITERS; i < WRITERS + 3; i++) {
		struct ink_attr attr;

		assert_ok(ink_getattr(run.store, writers[i].own, &attr));
		assert_true(attr.size == writers[i].lines);
	}
	trial_close(run.store);
	assert_index_is_that_of_the_log(path);
	tree_remove(dir);
}

static void eight_writers_lose_nothing_and_mix_nothing(void **state)
{
	struct ink_options options = { .seal_interval_ms = 5,
				       .sync_interval_ms = 20,
				       .epoch_s = 1 };

	(void)state;
	run_writers(&options, false);
}

static void eight_writers_with_every_write_sealed(void **state)
{
	struct ink_options options = { .seal_interval_ms = 5,
				       .sync_interval_ms = 20,
				       .seal_mode = INK_SEAL_MODE_WRITE,
				       .audit = INK_AUDIT_READS };

	(void)state;
	run_writers(&options, false);
}

static void eight_writers_with_every_write_synced(void **state)
{
	struct ink_options options = { .seal_interval_ms = 5, .sync_interval_ms = 20 };

	(void)state;
	run_writers(&options, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_writers_lose_nothing_and_mix_nothing),
		cmocka_unit_test(eight_writers_with_every_write_sealed),
		cmocka_unit_test(eight_writers_with_every_write_synced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
