/* SPDX-License-Identifier: MIT */
/*
 * The corpora, replayed: every file of tests/fuzz/corpus/TARGET once as it is, then simple changes of them from a
 * printed seed.  What a fuzzer found stays there as a file, so that it stays found.
 *
 * Bounds that hold for each input: TIME_MAX_S seconds, and 256 MiB for the whole program.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "fuzz.h"
#include "scratch.h"
#include "vkey.h"

#define CORPUS "tests/fuzz/corpus"

enum { TIME_MAX_S = 20, MEMORY_MAX_KIB = 256 << 10, CHANGED_COUNT = 300 };

static void run_input(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	uint8_t *exact;

	if (size > target->size_max)
		return;
	exact = fuzz_copy(data, size);
	alarm(TIME_MAX_S);
	target->run(exact, size);
	alarm(0);
	free(exact);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* One byte, a piece taken out, or a piece twice. */
static size_t change(struct rng *rng, uint8_t *data, size_t size, size_t room)
{
	size_t at = rng_below(rng, size), count = 1 + rng_below(rng, 8);

	if (count > size - at)
		count = size - at;
	switch (rng_below(rng, 4)) {
	case 0: memmove(data + at, data + at + count, size - at - count); return size - count;
	case 1:
		if (size + count > room)
			return size;
		memmove(data + at + count, data + at, size - at);
		return size + count;
	default: data[at] = (uint8_t)rng_next(rng); return size;
	}
}

static void run_changed(const struct fuzz_target *target, struct rng *rng, const uint8_t *data,
			size_t size)
{
	size_t room = size + 64;
	uint8_t *copy = malloc(room);

	assert_non_null(copy);
	memcpy(copy, data, size);
	for (unsigned i = 0; i < 4 && size > 0; i++) {
		size = change(rng, copy, size, room);
		run_input(target, copy, size);
	}
	free(copy);
}

static void replay(void **state)
{
	const struct fuzz_target *target = *state;
	char folder[PATH_MAX], path[PATH_MAX];
	struct dirent **entries;
	struct rusage usage;
	struct rng rng;
	unsigned changed;
	int count;

	snprintf(folder, sizeof(folder), CORPUS "/%s", target->name);
	count = scandir(folder, &entries, is_file, alphasort);
	assert_true(count > 0);
	rng_init(&rng, target->name);
	changed = rounds(CHANGED_COUNT) / 4 / (unsigned)count + 1;
	fuzz_name_input("(none)");
	run_input(target, (const uint8_t *)"", 0);
	for (int i = 0; i < count; i++) {
		uint8_t *data;
		size_t size;

		scratch_path(folder, entries[i]->d_name, path);
		fuzz_name_input(path);
		data = file_read(path, &size);
		assert_true(size <= target->size_max);
		run_input(target, data, size);
		for (unsigned k = 0; k < changed; k++)
			run_changed(target, &rng, data, size);
		free(data);
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	if (!IS_SANITIZED)
		assert_true(usage.ru_maxrss < MEMORY_MAX_KIB);
	printf("%d inputs of %s\n", count, target->name);
}

int main(void)
{
	struct CMUnitTest tests[32];
	char names[32][64];
	size_t count = 0;

	if (!vkey_setup())
		return 1;
	for (; fuzz_targets[count]; count++) {
		snprintf(names[count], sizeof(names[count]), "corpus_of_%s_holds",
			 fuzz_targets[count]->name);
		tests[count] = (struct CMUnitTest){ names[count], replay, NULL, NULL,
						    (void *)(uintptr_t)fuzz_targets[count] };
	}
	return _cmocka_run_group_tests("corpus", tests, count, NULL, NULL);
}
