/* SPDX-License-Identifier: MIT */
/* Writing, reading, refusals, opens, actors and status; opening, sealing, epochs and names have files of their own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "scratch.h"
#include "store_fixture.h"
#include "store_private.h"
#include "trial.h"

static void what_was_appended_is_read_back_also_after_reopening(void **state)
{
	struct store_fixture *f = *state;
	struct trial_model model = { 0 };
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_file *file;

	file = model_add(&model, "a", trial_create(store, "a"));
	for (unsigned i = 0; i < 3; i++) {
		trial_append(store, file->inode, "hello\n", 6);
		model_append(file, "hello\n", 6);
		assert_store_is(store, &model);
	}
	trial_close(store);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_append(store, file->inode, "more", 4);
	model_append(file, "more", 4);
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(f->path, true);
	model_free(&model);
}

static size_t any_size(struct rng *rng)
{
	switch (rng_below(rng, 20)) {
	case 0: return 1 + rng_below(rng, INK_APPEND_SIZE_MAX);
	case 1:
	case 2: return 1 + rng_below(rng, 70000);
	default: return 1 + rng_below(rng, 300);
	}
}

static void read_somewhere(struct ink_store *store, const struct trial_file *file, struct rng *rng)
{
	size_t offset = rng_below(rng, file->size + 10), want = any_size(rng), got, expected;
	uint8_t *buf = malloc(want);

	expected = offset >= file->size         ? 0
		   : file->size - offset < want ? file->size - offset
						: want;
	assert_ok(ink_read(store, file->inode, offset, buf, want, &got));
	assert_int_equal(got, expected);
	if (got > 0)
		assert_memory_equal(buf, file->data + offset, got);
	free(buf);
}

static void reads_at_any_offset_agree_with_the_model(void **state)
{
	struct store_fixture *f = *state;
	static uint8_t data[INK_APPEND_SIZE_MAX];
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct rng rng;

	rng_init(&rng, "store");
	for (unsigned i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", i);
		model_add(&model, name, trial_create(store, name));
	}
	for (unsigned i = 0; i < rounds(600); i++) {
		struct trial_file *file = &model.files[rng_below(&rng, 5)];
		size_t size = any_size(&rng);

		rng_fill(&rng, data, size < 4096 ? size : 4096);
		trial_append(store, file->inode, data, size);
		model_append(file, data, size);
		read_somewhere(store, &model.files[rng_below(&rng, 5)], &rng);
		if (i % 100 == 50) {
			trial_close(store);
			store = trial_open(f->path, &f->options);
		}
	}
	assert_store_is(store, &model);
	for (unsigned i = 0; i < rounds(600); i++)
		read_somewhere(store, &model.files[rng_below(&rng, 5)], &rng);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	model_free(&model);
}

static void an_append_has_at_most_a_mebibyte_and_nothing_makes_no_record(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint8_t *data = calloc(1, INK_APPEND_SIZE_MAX + 1);
	uint64_t a = trial_create(store, "a");
	struct ink_status before, after;

	ink_status(store, &before);
	trial_append(store, a, data, 0);
	assert_err(INK_ERR_LIMIT, ink_append(store, &trial_root, a, INK_AT_END, data,
					     INK_APPEND_SIZE_MAX + 1, false));
	assert_err(INK_ERR_NOT_FOUND,
		   ink_append(store, &trial_root, 99, INK_AT_END, data, 1, false));
	assert_err(INK_ERR_IS_DIR,
		   ink_append(store, &trial_root, INK_ROOT_INODE, INK_AT_END, data, 1, false));
	ink_status(store, &after);
	assert_true(before.record_count == after.record_count);
	trial_append(store, a, data, INK_APPEND_SIZE_MAX);
	ink_status(store, &after);
	assert_true(before.record_count + 1 == after.record_count);
	trial_close(store);
	free(data);
}

static void a_write_inside_or_behind_the_end_is_refused_and_recorded(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a");
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;

	assert_ok(ink_append(store, &trial_user, a, 0, "0123456789", 10, false));
	assert_ok(ink_append(store, &trial_user, a, 10, "x", 1, false));
	assert_err(INK_ERR_DENIED, ink_append(store, &trial_user, a, 5, "over", 4, false));
	assert_true(last_record(f->path, INK_DENIED, &header, &body, &bytes));
	assert_true(header.inode == a && header.uid == 1000 && header.gid == 1000);
	assert_true(body.denied.op == INK_OP_WRITE && body.denied.a == 5 && body.denied.b == 4);
	assert_true(body.denied.errno_code == EPERM && body.denied.count == 1);
	free(bytes);
	assert_err(INK_ERR_DENIED, ink_append(store, &trial_root, a, 12, "hole", 4, false));
	assert_int_equal(count_records(f->path, INK_DENIED), 2);
	trial_close(store);
	assert_verifies(f->path, true);
}

static void the_same_refusal_again_is_counted_and_the_count_recorded(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a");
	struct ink_status status;
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;

	trial_append(store, a, "0123456789", 10);
	for (unsigned i = 0; i < 1000; i++)
		assert_err(INK_ERR_DENIED, ink_truncate(store, &trial_user, a, 0));
	assert_true(count_records(f->path, INK_DENIED) <=
		    2); /* a slow machine may see a second pass */
	/* Another caller's is another one. */
	assert_err(INK_ERR_DENIED, ink_truncate(store, &trial_root, a, 0));
	trial_close(store);
	store = trial_open(f->path, &f->options);
	ink_status(store, &status);
	assert_true(status.refusal_count == 1001);
	assert_true(last_record(f->path, INK_DENIED, &header, &body, &bytes));
	assert_true(body.denied.op == INK_OP_TRUNCATE && body.denied.count > 900);
	free(bytes);
	trial_close(store);
}

static void more_kinds_of_refusals_than_slots_are_all_counted(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct ink_status status;

	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < REFUSAL_SLOT_COUNT + 50; i++) {
			struct ink_body_denied what = { .op = INK_OP_IOCTL, .flags = i };

			assert_err(INK_ERR_DENIED, ink_denied(store, &trial_user, 1, &what));
			assert_err(INK_ERR_DENIED, ink_denied(store, &trial_user, 1, &what));
		}
	trial_close(store);
	store = trial_open(f->path, &f->options);
	ink_status(store, &status);
	assert_true(status.refusal_count == 3 * 2 * (REFUSAL_SLOT_COUNT + 50));
	trial_close(store);
}

static void truncation_to_the_present_size_is_nothing_and_to_any_other_refused(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a"), count;

	assert_ok(ink_open(store, &trial_user, a, O_WRONLY | O_TRUNC));
	assert_ok(ink_truncate(store, &trial_user, a, 0));
	trial_append(store, a, "abc", 3);
	count = count_records(f->path, 0);
	assert_ok(ink_truncate(store, &trial_user, a, 3));
	assert_ok(ink_fallocate(store, &trial_user, a, FALLOC_FL_KEEP_SIZE, 0, 1000));
	assert_err(INK_ERR_UNSUPPORTED, ink_fallocate(store, &trial_user, a, 0, 0, 1000));
	assert_ok(ink_open(store, &trial_user, a, O_RDWR));
	assert_true(count_records(f->path, 0) == count);
	assert_err(INK_ERR_DENIED, ink_truncate(store, &trial_user, a, 2));
	assert_err(INK_ERR_DENIED, ink_truncate(store, &trial_user, a, 4));
	assert_err(INK_ERR_DENIED, ink_open(store, &trial_user, a, O_WRONLY | O_TRUNC));
	assert_err(INK_ERR_DENIED, ink_fallocate(store, &trial_user, a,
						 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
	assert_int_equal(count_records(f->path, INK_DENIED),
			 4); /* what differs in an argument is not folded */
	trial_close(store);
}

static void opening_and_closing_files_is_recorded_only_if_asked(void **state)
{
	struct store_fixture *f = *state;
	static const struct {
		enum ink_audit audit;
		unsigned expected;
	} cases[] = { { INK_AUDIT_NONE, 0 }, { INK_AUDIT_OPENS, 1 }, { INK_AUDIT_READS, 2 } };
	unsigned total = 0;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ink_store *store;
		struct ink_attr attr;

		f->options.audit = cases[i].audit;
		store = trial_open(f->path, &f->options);
		if (i == 0)
			trial_create(store, "a");
		assert_ok(ink_lookup(store, 1, "a", &attr));
		assert_ok(ink_open(store, &trial_user, attr.inode, O_WRONLY | O_APPEND));
		assert_ok(ink_release(store, &trial_user, attr.inode, O_WRONLY | O_APPEND));
		assert_ok(ink_open(store, &trial_user, attr.inode, O_RDONLY));
		assert_ok(ink_release(store, &trial_user, attr.inode, O_RDONLY));
		trial_close(store);
		total += cases[i].expected;
		assert_int_equal(count_records(f->path, INK_OPEN), total);
		assert_int_equal(count_records(f->path, INK_CLOSE), total);
	}
}

static void an_actor_is_recorded_with_its_strings_cut_to_the_limits(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	static struct ink_body_actor actor;
	static char text[10000];
	struct ink_caller caller = { 1000, 1000, 0 };
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;
	uint64_t a = trial_create(store, "a");

	memset(text, 'x', sizeof(text));
	actor.pid = 77;
	actor.ppid = 76; /* not said to be known, so not recorded */
	actor.known = INK_KNOWN_COMM | INK_KNOWN_EXE | INK_KNOWN_CGROUP | INK_KNOWN_ENVIRON;
	actor.comm = actor.exe = actor.cgroup = actor.ci_system =
		(struct ink_str){ text, sizeof(text) };
	actor.ci_count = INK_CI_COUNT_MAX;
	for (unsigned i = 0; i < INK_CI_COUNT_MAX; i++)
		actor.ci[i] =
			(struct ink_ci_value){ { text, sizeof(text) }, { text, sizeof(text) } };
	assert_ok(ink_actor(store, 1000, 1000, &actor, &caller.actor));
	assert_ok(ink_append(store, &caller, a, INK_AT_END, "x", 1, false));
	assert_true(last_record(f->path, INK_APPEND, &header, &body, &bytes));
	assert_true(header.actor == caller.actor && header.actor > 0);
	free(bytes);
	assert_true(last_record(f->path, INK_ACTOR, &header, &body, &bytes));
	assert_true(header.seq == caller.actor && header.uid == 1000 && body.actor.pid == 77);
	assert_int_equal(body.actor.ppid, 0);
	assert_int_equal(body.actor.comm.size, 255);
	assert_int_equal(body.actor.ci_count, INK_CI_COUNT_MAX);
	assert_int_equal(body.actor.ci[63].value.size, 512);
	free(bytes);
	trial_close(store);
}

static void a_status_tells_what_there_is(void **state)
{
	struct store_fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	char vkey[PATH_MAX];
	struct ink_status status;
	uint8_t *line;
	size_t size;
	uint64_t a = trial_create(store, "a");

	trial_append(store, a, "12345", 5);
	ink_status(store, &status);
	assert_true(status.payload_bytes == 5 && status.file_count == 2 &&
		    status.segment_count == 1);
	assert_true(status.record_count == count_records(f->path, 0) && status.epoch == 1);
	assert_true(status.segment_size == SEGMENT_SIZE_MIN && !status.has_failed);
	scratch_path(f->path, "vkey", vkey);
	line = file_read(vkey, &size);
	assert_int_equal(size, strlen(status.vkey) + 1);
	assert_memory_equal(line, status.vkey, size - 1);
	assert_memory_equal(status.vkey, status.origin, strlen(status.origin));
	free(line);
	trial_close(store);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_appended_is_read_back_also_after_reopening),
		T(reads_at_any_offset_agree_with_the_model),
		T(an_append_has_at_most_a_mebibyte_and_nothing_makes_no_record),
		T(a_write_inside_or_behind_the_end_is_refused_and_recorded),
		T(the_same_refusal_again_is_counted_and_the_count_recorded),
		T(more_kinds_of_refusals_than_slots_are_all_counted),
		T(truncation_to_the_present_size_is_nothing_and_to_any_other_refused),
		T(opening_and_closing_files_is_recorded_only_if_asked),
		T(an_actor_is_recorded_with_its_strings_cut_to_the_limits),
		T(a_status_tells_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
