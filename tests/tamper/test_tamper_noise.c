/* SPDX-License-Identifier: MIT */
/* Logs with noise in them: never called whole, and what kind of answer there is. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "frame.h"
#include "sample.h"
#include "scratch.h"

static char dir[PATH_MAX], store[PATH_MAX], file[PATH_MAX];
static uint8_t *good;
static size_t good_size;

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	sample_small(store, NULL);
	scratch_path(store, SAMPLE_SEGMENT, file);
	good = file_read(file, &good_size);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(good);
	tree_remove(dir);
	return 0;
}

static void expect_evidence(const char *what)
{
	if (!sample_has_evidence(store))
		fail_msg("%s: not found", what);
}

/*
 * Noise in the version of a segment can name one of later, which nobody is to judge (FORMAT.md): verification says
 * just that, and no verdict.
 */
static void expect_no_pass(const uint8_t *data)
{
	uint32_t version = be32_load(data + SEGMENT_OFF_VERSION);
	struct verdict verdict;

	verdict_of(store, NULL, &verdict);
	if (verdict.err == INK_ERR_FOREIGN && memcmp(data, SEGMENT_MAGIC, 8) == 0 &&
	    version > FORMAT_VERSION && version <= FORMAT_VERSION_PLAUSIBLE)
		return;
	expect_evidence("noise");
}

static void noise_that_names_a_later_version_gets_no_verdict(void **state)
{
	uint8_t *data = malloc(good_size);
	struct verdict verdict;

	(void)state;
	memcpy(data, good, good_size);
	memset(data + SEGMENT_OFF_VERSION + 3, 0x30, 99);
	file_write(file, data, good_size);
	verdict_of(store, NULL, &verdict);
	assert_err(INK_ERR_FOREIGN, verdict.err);
	assert_false(verdict.result.is_intact);
	/* All else right, or one that nobody has made yet: changed by hand. */
	memcpy(data, good, good_size);
	data[SEGMENT_OFF_VERSION + 3] = 0x30;
	file_write(file, data, good_size);
	expect_evidence("a later version, and nothing else");
	memset(data + SEGMENT_OFF_VERSION + 2, 0x30, 99);
	file_write(file, data, good_size);
	expect_evidence("a version far off");
	free(data);
}

static void noise_never_passes(void **state)
{
	uint8_t *data = malloc(good_size);
	struct rng rng;

	(void)state;
	rng_init(&rng, "noise");
	for (unsigned round = rounds(400); round > 0; round--) {
		size_t from = rng_below(&rng, good_size),
		       size = 1 + rng_below(&rng, good_size - from);

		memcpy(data, good, good_size);
		if (round % 3 == 0)
			memset(data + from, 0, size);
		else if (round % 3 == 1)
			memset(data + from, 0xff, size < 16 ? size : 16);
		else
			rng_fill(&rng, data + from, size);
		if (memcmp(data, good, good_size) == 0)
			continue;
		file_write(file, data, good_size);
		expect_no_pass(data);
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_that_names_a_later_version_gets_no_verdict),
		cmocka_unit_test(noise_never_passes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
