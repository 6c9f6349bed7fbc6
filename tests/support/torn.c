/* SPDX-License-Identifier: MIT */
#include "torn.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "hash.h"
#include "scratch.h"
#include "store_private.h"

int torn_setup(void **state)
{
	static struct torn f;
	char line[TORN_LINE_SIZE + 1];
	struct ink_store *store;
	struct ink_status status;
	struct trial_file *file;

	f = (struct torn){ .options = trial_quiet() };
	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "store", f.path);
	scratch_path(f.path, "log/0000000000.seg", f.segment);
	scratch_path(f.path, "lost", f.lost);
	trial_make(f.path, 0);
	store = trial_open(f.path, &f.options);
	file = model_add(&f.model, "a", trial_create(store, "a"));
	for (unsigned i = 0; i < TORN_LINES; i++) {
		snprintf(line, sizeof(line), "%031u\n", i);
		trial_append(store, file->inode, line, TORN_LINE_SIZE);
		if (i < TORN_DURABLE_LINES)
			model_append(file, line, TORN_LINE_SIZE);
		if (i + 1 == TORN_DURABLE_LINES) {
			assert_ok(ink_sync(store));
			assert_ok(store_commit_index(store));
			ink_status(store, &status);
			f.durable_count = status.durable_count;
		}
	}
	ink_status(store, &status);
	f.count = status.record_count;
	for (uint64_t seq = 0; seq < f.count; seq++)
		assert_ok(ink_place(store, seq, &f.places[seq]));
	f.end = f.places[f.count - 1] + frame_size(TORN_LINE_SIZE);
	trial_abandon(store);
	*state = &f;
	return 0;
}

int torn_teardown(void **state)
{
	struct torn *f = *state;

	model_free(&f->model);
	tree_remove(f->dir);
	return 0;
}

void torn_change_byte(const char *path, uint64_t at)
{
	size_t size;
	uint8_t *bytes = file_read(path, &size);

	assert_true(at < size);
	bytes[at] ^= 0x40;
	file_write(path, bytes, size);
	free(bytes);
}

void torn_lost_path(const struct torn *f, uint64_t seq, unsigned number, char *ret_path)
{
	char name[INK_LOST_NAME_SIZE];

	ink_lost_name(seq, number, name);
	scratch_path(f->lost, name, ret_path);
}

void torn_recovers(struct torn *f, unsigned lines, unsigned lost_count)
{
	struct ink_store *store = trial_open(f->path, &f->options);
	char path[PATH_MAX];
	struct ink_header header;
	struct ink_attr attr;
	union ink_body body;
	uint8_t *bytes;

	assert_ok(ink_lookup(store, 1, "a", &attr));
	assert_int_equal(attr.size, lines * TORN_LINE_SIZE);
	trial_close(store);
	assert_true(last_record(f->path, INK_RECOVERY, &header, &body, &bytes));
	assert_int_equal(body.recovery.lost_count, lost_count);
	for (unsigned i = 0; i < lost_count; i++) {
		uint8_t digest[INK_HASH_SIZE], *tail;
		size_t size;

		torn_lost_path(f, header.seq, i, path);
		tail = file_read(path, &size);
		assert_int_equal(size, body.recovery.lost[i].size);
		hash_data(tail, size, digest);
		assert_memory_equal(digest, body.recovery.lost[i].digest, INK_HASH_SIZE);
		free(tail);
	}
	torn_lost_path(f, header.seq, lost_count, path);
	assert_false(file_exists(path));
	free(bytes);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
}
