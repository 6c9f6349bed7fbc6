/* SPDX-License-Identifier: MIT */
/* The store as the driver and the tools see it; names and attributes are in test_store_names.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

struct fixture {
	char dir[PATH_MAX], path[PATH_MAX];
	struct ink_options options;
};

static int setup(void **state)
{
	static struct fixture f;

	scratch_dir(f.dir);
	scratch_path(f.dir, "store", f.path);
	trial_make(f.path, 0);
	f.options = trial_quiet();
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(((struct fixture *)*state)->dir);
	return 0;
}

static void what_was_appended_is_read_back_also_after_reopening(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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

static void every_write_is_sealed_with_seal_write(void **state)
{
	struct fixture *f = *state;
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	struct ink_store *store;
	uint64_t a;

	f->options.seal_mode = INK_SEAL_MODE_WRITE;
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	for (unsigned i = 0; i < 20; i++) {
		struct ink_file_info info;

		trial_append(store, a, "line\n", 5);
		assert_ok(ink_file_info(store, a, &info));
		assert_true(info.is_sealed && info.record_count == i + 1);
	}
	trial_close(store);
	assert_ok(ink_reader_open(f->path, &reader, &error));
	for (uint8_t before = 0;; before = record->header.kind) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		assert_true(before != INK_APPEND || record->header.kind == INK_SEAL);
	}
	ink_reader_close(reader);
}

static void closing_a_file_seals_what_was_written_to_it_and_only_if_need_be(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a"), b = trial_create(store, "b"), seals;
	struct ink_file_info info;

	trial_append(store, a, "x", 1);
	assert_ok(ink_file_info(store, a, &info));
	assert_false(info.is_sealed);
	seals = count_records(f->path, INK_SEAL);
	assert_ok(ink_seal(store, a));
	assert_ok(ink_file_info(store, a, &info));
	assert_true(info.is_sealed);
	assert_true(count_records(f->path, INK_SEAL) == seals + 1);
	assert_ok(ink_seal(store, a));
	assert_ok(ink_seal(store, b));
	assert_true(count_records(f->path, INK_SEAL) == seals + 1);
	trial_append(store, b, "x", 1);
	assert_ok(ink_seal(store, a)); /* nothing of a's is unsealed */
	assert_true(count_records(f->path, INK_SEAL) == seals + 1);
	trial_close(store);
}

static void a_sync_makes_everything_durable_with_its_seal(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	uint64_t a = trial_create(store, "a");
	struct ink_status status;

	trial_append(store, a, "x", 1);
	ink_status(store, &status);
	assert_true(status.durable_count < status.record_count &&
		    status.sealed_count < status.record_count);
	assert_ok(ink_sync(store));
	ink_status(store, &status);
	assert_true(status.durable_count == status.record_count &&
		    status.sealed_count == status.record_count);
	assert_ok(ink_append(store, &trial_root, a, INK_AT_END, "y", 1, true));
	ink_status(store, &status);
	assert_true(status.durable_count == status.record_count &&
		    status.sealed_count == status.record_count);
	trial_close(store);
}

/* Wait up to five seconds for the threads. */
static bool comes_true(struct ink_store *store, bool (*is_so)(const struct ink_status *status))
{
	struct ink_status status;

	for (unsigned i = 0; i < 500; i++) {
		ink_status(store, &status);
		if (is_so(&status))
			return true;
		usleep(10000);
	}
	return false;
}

static bool all_sealed(const struct ink_status *status)
{
	return status->sealed_count == status->record_count;
}

static bool all_indexed(const struct ink_status *status)
{
	return status->index_count == status->record_count &&
	       status->durable_count == status->record_count;
}

static bool second_epoch(const struct ink_status *status)
{
	return status->epoch >= 2;
}

static bool third_epoch(const struct ink_status *status)
{
	return status->epoch >= 3;
}

static void nobody_asks_and_records_are_sealed_synced_and_indexed_all_the_same(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store;
	uint64_t a;

	f->options.seal_interval_ms = 20;
	f->options.sync_interval_ms = 100;
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	trial_append(store, a, "x", 1);
	assert_true(comes_true(store, all_sealed));
	assert_true(comes_true(store, all_indexed));
	trial_close(store);
}

static void an_epoch_ends_after_its_time_and_its_secret_is_gone(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file = { 0 };
	struct ink_store *store;
	struct ink_error error;
	char keys[PATH_MAX];
	uint64_t a;

	f->options.sync_interval_ms = 50;
	f->options.epoch_s = 1;
	store = trial_open(f->path, &f->options);
	a = trial_create(store, "a");
	trial_append(store, a, "x", 1);
	assert_true(comes_true(store, second_epoch));
	trial_append(store, a, "x", 1);
	assert_true(comes_true(store, third_epoch));
	trial_close(store);
	scratch_path(f->path, "keys", keys);
	store = trial_open(f->path, &f->options);
	assert_ok(seal_key_read(io_system(), keys, store->store_id, &file, &error));
	assert_null(file.next);
	seal_key_file_release(&file);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_true(count_records(f->path, INK_EPOCH) >= 5);
}

static void a_store_is_locked_while_it_is_open_for_writing(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store, *other;
	struct ink_error error = { 0 };

	assert_false(ink_store_is_locked(f->path));
	store = trial_open(f->path, &f->options);
	assert_true(ink_store_is_locked(f->path));
	assert_err(INK_ERR_LOCKED, ink_store_open(f->path, &f->options, &other, &error));
	assert_true(strlen(error.text) > 10);
	assert_err(INK_ERR_LOCKED, ink_store_reindex(f->path, &error));
	trial_close(store);
	assert_false(ink_store_is_locked(f->path));
	trial_close(trial_open(f->path, &f->options));
}

static void a_missing_index_is_made_from_the_log(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));
	char index[PATH_MAX];

	for (unsigned i = 0; i < 1000; i++) {
		trial_append(store, file->inode, &i, sizeof(i));
		model_append(file, &i, sizeof(i));
	}
	trial_close(store);
	scratch_path(f->path, "index", index);
	tree_remove(index);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	model_free(&model);
}

static void a_damaged_index_says_how_to_mend_it_and_is_mended_so(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct ink_error error = { 0 };
	uint8_t rubbish[8192];
	char data[PATH_MAX];

	model_add(&model, "a", trial_create(store, "a"));
	trial_close(store);
	memset(rubbish, 0x5a, sizeof(rubbish));
	scratch_path(f->path, "index/data.mdb", data);
	file_write(data, rubbish, sizeof(rubbish));
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "reindex"));
	assert_ok(ink_store_reindex(f->path, &error));
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	model_free(&model);
}

static void the_index_of_another_store_is_refused(void **state)
{
	struct fixture *f = *state;
	char other[PATH_MAX], mine[PATH_MAX], theirs[PATH_MAX];
	struct ink_store *store;
	struct ink_error error = { 0 };

	scratch_path(f->dir, "other", other);
	trial_make(other, 0);
	trial_close(trial_open(other, &f->options));
	scratch_path(f->path, "index", mine);
	scratch_path(other, "index", theirs);
	tree_copy(theirs, mine);
	assert_err(INK_ERR_DAMAGED, ink_store_open(f->path, &f->options, &store, &error));
	assert_ok(ink_store_reindex(f->path, &error));
	trial_close(trial_open(f->path, &f->options));
}

static void an_orderly_end_leaves_the_file_ending_with_its_last_frame(void **state)
{
	struct fixture *f = *state;
	char segment[PATH_MAX];
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;
	uint64_t frames;

	scratch_path(f->path, "log/0000000000.seg", segment);
	assert_verifies(f->path, true); /* never opened: GENESIS alone */
	for (unsigned round = 0; round < 3; round++) {
		struct ink_store *store = trial_open(f->path, &f->options);
		struct ink_status status;

		assert_true(file_size(segment) >= 1 << 20);
		ink_status(store, &status);
		assert_false(status.is_closed);
		trial_close(store);
		assert_true(last_record(f->path, 0, &header, &body, &bytes));
		assert_true(header.kind == INK_EPOCH && body.seal.reason == INK_SEAL_UNMOUNT);
		free(bytes);
		assert_true(last_record(f->path, INK_UNMOUNT, &header, &body, &bytes));
		assert_true(body.unmount.reason == INK_UNMOUNT_ASKED &&
			    body.unmount.payload_bytes == 0);
		free(bytes);
		assert_verifies(f->path, true);
	}
	frames = count_records(f->path, 0);
	bytes = file_read(segment, &frames);
	assert_memory_not_equal(bytes + frames - 8, "\0\0\0\0\0\0\0\0", 8); /* a signature */
	free(bytes);
	assert_int_equal(count_records(f->path, INK_RECOVERY), 0);
}

static void a_driver_that_died_leaves_everything_acknowledged_and_a_recovery(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;

	trial_append(store, file->inode, "acknowledged", 12);
	model_append(file, "acknowledged", 12);
	trial_abandon(store);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_true(last_record(f->path, INK_RECOVERY, &header, &body, &bytes));
	assert_int_equal(body.recovery.lost_count, 0);
	assert_true(body.recovery.unsealed_count == 2); /* CREATE and APPEND */
	free(bytes);
	assert_verifies(f->path, true);
	model_free(&model);
}

/* Names, sizes and times of all that is in the folder. */
static void reading_only_changes_nothing_and_refuses_changes(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store = trial_open(f->path, &f->options);
	struct trial_model model = { 0 };
	struct trial_file *file = model_add(&model, "a", trial_create(store, "a"));
	struct ink_options read_only = { .is_read_only = true };
	struct ink_setattr change = { .mask = INK_ATTR_MODE, .mode = 0600 };
	char segment[PATH_MAX], index[PATH_MAX];
	struct ink_attr attr;
	uint64_t actor;
	size_t size, size_after;
	uint8_t *before, *after;
	static struct ink_body_actor body;

	trial_append(store, file->inode, "x", 1);
	model_append(file, "x", 1);
	trial_abandon(store); /* not closed, and an index that is behind */
	scratch_path(f->path, "log/0000000000.seg", segment);
	before = file_read(segment, &size);
	store = trial_open(f->path, &read_only);
	assert_false(ink_store_is_locked(f->path));
	assert_store_is(store, &model);
	assert_err(INK_ERR_IO,
		   ink_append(store, &trial_root, file->inode, INK_AT_END, "y", 1, false));
	assert_int_equal(errno, EROFS);
	assert_err(INK_ERR_IO, ink_make(store, &trial_root, 1, "b", S_IFREG, NULL, &attr));
	assert_err(INK_ERR_IO, ink_setattr(store, &trial_root, file->inode, &change, &attr));
	assert_err(INK_ERR_IO, ink_truncate(store, &trial_root, file->inode, 0));
	assert_int_not_equal((int)ink_unlink(store, &trial_root, 1, "a", false), INK_OK);
	assert_err(INK_ERR_IO, ink_rename(store, &trial_root, 1, "a", 1, "b", 0));
	assert_err(INK_ERR_IO, ink_open(store, &trial_root, file->inode, O_WRONLY));
	assert_ok(ink_open(store, &trial_root, file->inode, O_RDONLY));
	assert_ok(ink_sync(store));
	assert_ok(ink_seal(store, file->inode));
	assert_ok(ink_actor(store, 0, 0, &body, &actor));
	trial_close(store);
	after = file_read(segment, &size_after);
	assert_true(size == size_after && memcmp(before, after, size) == 0);
	free(before);
	free(after);
	/* Without any index too. */
	scratch_path(f->path, "index", index);
	tree_remove(index);
	store = trial_open(f->path, &read_only);
	assert_store_is(store, &model);
	trial_close(store);
	assert_false(file_exists(index));
	model_free(&model);
}

static void what_is_no_store_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char folder[PATH_MAX], inner[PATH_MAX];
	struct ink_store *store = NULL;
	struct ink_error error = { 0 };

	scratch_path(f->dir, "nothing", folder);
	assert_err(INK_ERR_IO, ink_store_open(folder, &f->options, &store, &error));
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_err(INK_ERR_FOREIGN, ink_store_open(folder, &f->options, &store, &error));
	assert_int_equal(rmdir(folder), 0); /* no lock, no index was made in it */
	assert_int_equal(mkdir(folder, 0700), 0);
	scratch_path(folder, "log", inner);
	assert_int_equal(mkdir(inner, 0700), 0);
	scratch_path(folder, "log/0000000000.seg", inner);
	file_write(inner, "", 0);
	assert_err(INK_ERR_DAMAGED, ink_store_open(folder, &f->options, &store, &error));
	assert_null(store);
}

static void a_store_is_not_made_where_something_is(void **state)
{
	struct fixture *f = *state;
	struct ink_init_options options = { .origin = "x" };
	char vkey[INK_VKEY_SIZE], folder[PATH_MAX], keys[PATH_MAX];
	struct ink_error error = { 0 };

	assert_err(INK_ERR_EXISTS, ink_store_init(f->path, &options, vkey, &error));
	assert_err(INK_ERR_EXISTS, ink_store_init(f->dir, &options, vkey, &error));
	trial_close(trial_open(f->path, &f->options));
	scratch_path(f->dir, "new", folder);
	scratch_path(f->path, "keys", keys);
	options.keys_dir = keys; /* another store's */
	assert_err(INK_ERR_EXISTS, ink_store_init(folder, &options, vkey, &error));
	assert_false(file_exists(folder));
	trial_close(trial_open(f->path, &f->options)); /* its keys are untouched */
	options = (struct ink_init_options){ .origin = "with space" };
	assert_err(INK_ERR_INVALID, ink_store_init(folder, &options, vkey, &error));
	options = (struct ink_init_options){ .origin = "x", .segment_size = SEGMENT_SIZE_MIN - 1 };
	assert_err(INK_ERR_INVALID, ink_store_init(folder, &options, vkey, &error));
	options = (struct ink_init_options){ .origin = "x", .root_mode = 010000 };
	assert_err(INK_ERR_INVALID, ink_store_init(folder, &options, vkey, &error));
	assert_false(file_exists(folder));
}

static void whatever_fails_while_a_store_is_made_nothing_stays_behind(void **state)
{
	struct fixture *f = *state;
	struct ink_init_options options = { .origin = "x" };
	char vkey[INK_VKEY_SIZE], folder[PATH_MAX];
	struct ink_error error = { 0 };
	unsigned at;

	scratch_path(f->dir, "new", folder);
	for (at = 1;; at++) {
		struct fault_io fault;
		enum ink_err err;

		fault_io_init(&fault);
		fault_io_arm(&fault, at, FAULT_ALL, at % 2, at % 3 ? EIO : ENOSPC);
		err = store_init_on(&fault.io, folder, &options, vkey, &error);
		if (err == INK_OK)
			break;
		assert_true(fault_io_fired(&fault));
		assert_true(strlen(error.text) > 5);
		if (file_exists(folder))
			fail_msg("call %u (%s): something stayed", at,
				 fault_call_name(fault.fired));
	}
	assert_true(at > 20);
	trial_close(trial_open(folder, &f->options));
	assert_verifies(folder, true);
}

static void an_old_or_missing_seal_key_is_refused_with_a_sentence(void **state)
{
	struct fixture *f = *state;
	char key[PATH_MAX];
	struct ink_store *store = NULL;
	struct ink_error error = { 0 };
	uint8_t *old;
	size_t size;

	scratch_path(f->path, "keys/seal.key", key);
	old = file_read(key, &size);
	trial_close(trial_open(f->path, &f->options));
	file_write(key, old, size);
	assert_err(INK_ERR_KEY, ink_store_open(f->path, &f->options, &store, &error));
	assert_non_null(strstr(error.text, "epoch"));
	assert_int_equal(unlink(key), 0);
	assert_err(INK_ERR_KEY, ink_store_open(f->path, &f->options, &store, &error));
	assert_false(ink_store_is_locked(f->path));
	free(old);
}

static void keys_may_lie_elsewhere(void **state)
{
	struct fixture *f = *state;
	char folder[PATH_MAX], keys[PATH_MAX], vkey[INK_VKEY_SIZE], path[PATH_MAX];
	struct ink_init_options options = { .origin = "x", .keys_dir = keys };
	struct ink_error error = { 0 };

	scratch_path(f->dir, "new", folder);
	scratch_path(f->dir, "my keys", keys);
	assert_ok(ink_store_init(folder, &options, vkey, &error));
	scratch_path(folder, "keys", path);
	assert_false(file_exists(path));
	f->options.keys_dir = keys;
	trial_close(trial_open(folder, &f->options));
	assert_verifies(folder, true);
}

static void opening_and_closing_files_is_recorded_only_if_asked(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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

static void after_a_failed_sync_the_store_takes_nothing_until_it_is_opened_anew(void **state)
{
	struct fixture *f = *state;
	struct trial_model model = { 0 };
	struct ink_store *store;
	struct fault_io fault;
	struct ink_error error;
	struct ink_status status;
	struct trial_file *file;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	file = model_add(&model, "a", trial_create(store, "a"));
	trial_append(store, file->inode, "before", 6);
	model_append(file, "before", 6);
	fault_io_arm(&fault, 1, 1 << FAULT_FDATASYNC, false, EIO);
	assert_err(INK_ERR_IO, ink_sync(store));
	assert_err(INK_ERR_FAILED,
		   ink_append(store, &trial_root, file->inode, INK_AT_END, "x", 1, false));
	assert_err(INK_ERR_FAILED, ink_sync(store));
	assert_err(INK_ERR_FAILED, ink_truncate(store, &trial_root, file->inode, 0));
	ink_status(store, &status);
	assert_true(status.has_failed);
	assert_store_is(store, &model); /* reading goes on */
	assert_err(INK_ERR_FAILED, ink_store_close(store, INK_UNMOUNT_ASKED));
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_int_equal(count_records(f->path, INK_RECOVERY), 1);
	assert_verifies(f->path, true);
	model_free(&model);
}

static void a_full_disk_refuses_writes_and_still_closes_in_order(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[10000];
	struct trial_model model = { 0 };
	struct ink_store *store;
	struct fault_io fault;
	struct ink_status status;
	struct ink_error error;
	struct trial_file *file;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	file = model_add(&model, "a", trial_create(store, "a"));
	/* Refusals that wait to be counted when the disk is full already. */
	for (unsigned i = 0; i < 10; i++)
		assert_err(INK_ERR_DENIED, ink_truncate(store, &trial_root, file->inode, 1));
	fault_io_arm(&fault, 1, 1 << FAULT_ALLOCATE, true, ENOSPC);
	for (;;) {
		enum ink_err err = ink_append(store, &trial_root, file->inode, INK_AT_END, data,
					      sizeof(data), false);

		if (err != INK_OK) {
			assert_err(INK_ERR_IO, err);
			assert_int_equal(errno, ENOSPC);
			break;
		}
		model_append(file, data, sizeof(data));
	}
	assert_ok(ink_sync(store));
	assert_store_is(store, &model);
	/* An attempt that cannot be recorded is refused as well. */
	assert_int_not_equal((int)ink_unlink(store, &trial_root, 1, "a", false), INK_OK);
	assert_ok(ink_store_close(store, INK_UNMOUNT_ASKED));
	assert_verifies(f->path, true);
	store = trial_open(f->path, &f->options);
	assert_store_is(store, &model);
	ink_status(store, &status);
	assert_true(status.refusal_count >= 10); /* and the unlink, if it fitted */
	trial_close(store);
	model_free(&model);
}

static void a_sync_waits_for_no_second_one_if_the_first_covers_it(void **state)
{
	struct fixture *f = *state;
	struct ink_store *store;
	struct fault_io fault;
	struct ink_error error;

	fault_io_init(&fault);
	assert_ok(store_open_on(&fault.io, f->path, &f->options, &store, &error));
	trial_create(store, "a");
	assert_ok(ink_sync(store));
	fault.calls[FAULT_FDATASYNC] = 0;
	assert_ok(ink_sync(store));
	assert_int_equal(fault.calls[FAULT_FDATASYNC], 0);
	trial_close(store);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_appended_is_read_back_also_after_reopening),
		T(reads_at_any_offset_agree_with_the_model),
		T(an_append_has_at_most_a_mebibyte_and_nothing_makes_no_record),
		T(a_write_inside_or_behind_the_end_is_refused_and_recorded),
		T(the_same_refusal_again_is_counted_and_the_count_recorded),
		T(more_kinds_of_refusals_than_slots_are_all_counted),
		T(truncation_to_the_present_size_is_nothing_and_to_any_other_refused),
		T(every_write_is_sealed_with_seal_write),
		T(closing_a_file_seals_what_was_written_to_it_and_only_if_need_be),
		T(a_sync_makes_everything_durable_with_its_seal),
		T(nobody_asks_and_records_are_sealed_synced_and_indexed_all_the_same),
		T(an_epoch_ends_after_its_time_and_its_secret_is_gone),
		T(a_store_is_locked_while_it_is_open_for_writing),
		T(a_missing_index_is_made_from_the_log),
		T(a_damaged_index_says_how_to_mend_it_and_is_mended_so),
		T(the_index_of_another_store_is_refused),
		T(an_orderly_end_leaves_the_file_ending_with_its_last_frame),
		T(a_driver_that_died_leaves_everything_acknowledged_and_a_recovery),
		T(reading_only_changes_nothing_and_refuses_changes),
		T(what_is_no_store_is_left_alone),
		T(a_store_is_not_made_where_something_is),
		T(whatever_fails_while_a_store_is_made_nothing_stays_behind),
		T(an_old_or_missing_seal_key_is_refused_with_a_sentence),
		T(keys_may_lie_elsewhere),
		T(opening_and_closing_files_is_recorded_only_if_asked),
		T(an_actor_is_recorded_with_its_strings_cut_to_the_limits),
		T(a_status_tells_what_there_is),
		T(after_a_failed_sync_the_store_takes_nothing_until_it_is_opened_anew),
		T(a_full_disk_refuses_writes_and_still_closes_in_order),
		T(a_sync_waits_for_no_second_one_if_the_first_covers_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
