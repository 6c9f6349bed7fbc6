/* SPDX-License-Identifier: MIT */
/* Large appends, whichever thread writes the body: one processor, busy ones, free ones; and sizes around the limit. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { APPENDS = 12, SPINNERS_MAX = 64 };

static atomic_bool is_over;

static void *spin(void *cpus)
{
	pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), cpus);
	while (!atomic_load(&is_over))
		;
	return NULL;
}

/* Large and small ones in turn; what is read back and what the verifier says afterwards must be right. */
static void append_and_check(void)
{
	struct ink_options options = trial_quiet();
	struct trial_model model = { 0 };
	struct trial_file *file;
	struct ink_store *store;
	char dir[PATH_MAX], path[PATH_MAX];
	uint8_t *data = malloc(INK_APPEND_SIZE_MAX);
	struct rng rng;

	rng_init(&rng, "large");
	scratch_dir(dir);
	scratch_path(dir, "store", path);
	trial_make(path, 0);
	store = trial_open(path, &options);
	file = model_add(&model, "large", trial_create(store, "large"));
	for (unsigned i = 0; i < APPENDS; i++) {
		size_t size = i == 0  ? INK_APPEND_SIZE_MAX
			      : i < 4 ? LARGE_SIZE - 2 + i
				      : 1 + rng_below(&rng, 2 * LARGE_SIZE);

		rng_fill(&rng, data, size);
		trial_append(store, file->inode, data, size);
		model_append(file, data, size);
	}
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(path, true);
	model_free(&model);
	free(data);
	tree_remove(dir);
}

static void where_there_is_one_processor(void **state)
{
	cpu_set_t all, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	append_and_check();
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

/* The second thread may come late or not at all; nobody waits for it but for what it has begun. */
static void where_the_other_processors_are_busy(void **state)
{
	pthread_t spinners[SPINNERS_MAX];
	cpu_set_t others;
	unsigned count = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(others), &others), 0);
	atomic_store(&is_over, false);
	for (; count < (unsigned)CPU_COUNT(&others) && count < SPINNERS_MAX; count++)
		assert_int_equal(pthread_create(&spinners[count], NULL, spin, &others), 0);
	append_and_check();
	atomic_store(&is_over, true);
	while (count > 0)
		pthread_join(spinners[--count], NULL);
}

static void where_they_are_free(void **state)
{
	(void)state;
	append_and_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_there_is_one_processor),
		cmocka_unit_test(where_the_other_processors_are_busy),
		cmocka_unit_test(where_they_are_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
