/* SPDX-License-Identifier: MIT */
/* That the log of then is the beginning of the log of now: proofs made, checked, and refused. */
#include <string.h>

#include "check.h"
#include "inkfs/checkpoint.h"
#include "inkfs/consistency.h"
#include "inkfs/store.h"
#include "sample.h"
#include "scratch.h"

struct checkpoint {
	char text[INK_CHECKPOINT_SIZE_MAX];
	size_t size;
};

static char dir[PATH_MAX], store[PATH_MAX], vkey[INK_VKEY_SIZE];

static void checkpoint_of(const char *path, struct checkpoint *ret)
{
	struct ink_error error;

	assert_ok(ink_checkpoint_make(path, NULL, ret->text, &ret->size, &error));
}

static struct ink_checkpoint_text text_of(const char *name, const struct checkpoint *checkpoint)
{
	return (struct ink_checkpoint_text){ name, checkpoint->text, checkpoint->size };
}

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	sample_init(store, vkey);
	sample_session(store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static void a_grown_log_is_proved_and_every_changed_byte_of_the_hashes_is_refused(void **state)
{
	struct checkpoint then, now;
	struct ink_checkpoint_text old_one, new_one, proof;
	struct ink_consistency result;
	char body[INK_CONSISTENCY_SIZE_MAX];
	struct ink_error error;
	size_t size;

	(void)state;
	checkpoint_of(store, &then);
	sample_session(store);
	checkpoint_of(store, &now);
	old_one = text_of("then", &then);
	new_one = text_of("now", &now);
	assert_ok(ink_consistency_make(store, vkey, &old_one, &new_one, body, &size, &result,
				       &error));
	assert_true(result.old_size > 0 && result.old_size < result.new_size);
	proof = (struct ink_checkpoint_text){ "proof", body, size };
	assert_ok(ink_consistency_check(vkey, &old_one, NULL, &proof, &result, &error));
	/* Behind the empty line stands the checkpoint of now, whose further signatures are nobody's business here. */
	for (size_t at = 0; at < size && memcmp(body + at, "\n\n", 2) != 0; at++) {
		body[at] ^= 1;
		assert_int_not_equal(
			ink_consistency_check(vkey, &old_one, NULL, &proof, &result, &error),
			INK_OK);
		body[at] ^= 1;
	}
	/* The older one comes first. */
	assert_err(INK_ERR_INVALID, ink_consistency_make(store, vkey, &new_one, &old_one, body,
							 &size, &result, &error));
}

static void another_history_is_not_proved(void **state)
{
	struct checkpoint fork, now;
	struct ink_checkpoint_text old_one, new_one;
	struct ink_consistency result;
	char copy[PATH_MAX], body[INK_CONSISTENCY_SIZE_MAX];
	struct ink_error error;
	size_t size;

	(void)state;
	scratch_path(dir, "fork", copy);
	tree_copy(store, copy);
	sample_session(copy);
	checkpoint_of(copy, &fork);
	sample_session(store);
	sample_session(store);
	checkpoint_of(store, &now);
	old_one = text_of("fork", &fork);
	new_one = text_of("now", &now);
	assert_err(INK_ERR_DAMAGED, ink_consistency_make(store, vkey, &old_one, &new_one, body,
							 &size, &result, &error));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_grown_log_is_proved_and_every_changed_byte_of_the_hashes_is_refused),
		cmocka_unit_test(another_history_is_not_proved),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
