/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "index_dump.h"
#include "inkfs/verify.h"
#include "scratch.h"
#include "store_private.h"

const struct ink_caller trial_root = { 0, 0, 0 };
const struct ink_caller trial_user = { 1000, 1000, 0 };

struct ink_options trial_quiet(void)
{
	return (struct ink_options){ .seal_interval_ms = 3600000,
				     .sync_interval_ms = 3600000,
				     .epoch_s = 3600,
				     .heartbeat_s = 3600 };
}

void trial_make(const char *path, uint64_t segment_size)
{
	struct ink_init_options options = { .origin = "test.example/trial",
					    .segment_size = segment_size ? segment_size
									 : SEGMENT_SIZE_MIN };
	char vkey[INK_VKEY_SIZE];
	struct ink_error error = { 0 };

	if (ink_store_init(path, &options, vkey, &error) != INK_OK)
		fail_msg("init %s: %s", path, error.text);
}

struct ink_store *trial_open(const char *path, const struct ink_options *options)
{
	struct ink_error error = { 0 };
	struct ink_store *store;

	if (ink_store_open(path, options, &store, &error) != INK_OK)
		fail_msg("open %s: %s", path, error.text);
	return store;
}

void trial_close(struct ink_store *store)
{
	assert_ok(ink_store_close(store, INK_UNMOUNT_ASKED));
}

void trial_abandon(struct ink_store *store)
{
	store_stop_threads(store);
	store_free(store);
}

uint64_t trial_create(struct ink_store *store, const char *name)
{
	struct ink_attr attr;

	assert_ok(ink_make(store, &trial_root, INK_ROOT_INODE, name, S_IFREG | 0644, NULL, &attr));
	return attr.inode;
}

void trial_append(struct ink_store *store, uint64_t inode, const void *data, size_t size)
{
	assert_ok(ink_append(store, &trial_root, inode, INK_AT_END, data, size, false));
}

struct trial_file *model_add(struct trial_model *model, const char *name, uint64_t inode)
{
	struct trial_file *file = &model->files[model->count++];

	assert_true(model->count <= TRIAL_FILES_MAX);
	*file = (struct trial_file){ .inode = inode };
	snprintf(file->name, sizeof(file->name), "%s", name);
	return file;
}

void model_append(struct trial_file *file, const void *data, size_t size)
{
	if (file->size + size > file->room) {
		file->room = (file->size + size) * 2;
		file->data = realloc(file->data, file->room);
		assert_non_null(file->data);
	}
	memcpy(file->data + file->size, data, size);
	file->size += size;
}

void model_free(struct trial_model *model)
{
	for (unsigned i = 0; i < model->count; i++)
		free(model->files[i].data);
	*model = (struct trial_model){ 0 };
}

bool file_is(struct ink_store *store, const struct trial_file *file, const void *extra,
	     size_t extra_size)
{
	uint8_t *data = malloc(file->size + extra_size + 2);
	struct ink_attr attr;
	size_t size;
	bool result;

	assert_ok(ink_lookup(store, INK_ROOT_INODE, file->name, &attr));
	assert_true(attr.inode == file->inode);
	assert_ok(ink_read(store, file->inode, 0, data, file->size + extra_size + 1, &size));
	assert_true(attr.size == size || size == file->size + extra_size + 1);
	result = size == file->size + extra_size &&
		 (file->size == 0 || memcmp(data, file->data, file->size) == 0) &&
		 (extra_size == 0 || memcmp(data + file->size, extra, extra_size) == 0);
	free(data);
	return result;
}

static bool count_entry(void *ctx, const struct ink_entry *entry)
{
	(void)entry;
	++*(unsigned *)ctx;
	return true;
}

void assert_store_is(struct ink_store *store, const struct trial_model *model)
{
	unsigned names = 0;

	for (unsigned i = 0; i < model->count; i++)
		if (!file_is(store, &model->files[i], NULL, 0))
			fail_msg("file %s is not what it should be", model->files[i].name);
	assert_ok(ink_readdir(store, INK_ROOT_INODE, 0, count_entry, &names));
	assert_int_equal(names, model->count);
}

uint64_t count_records(const char *path, uint8_t kind)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	uint64_t count = 0;

	assert_ok(ink_reader_open(path, &reader, &error));
	for (;;) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		count += kind == 0 || record->header.kind == kind;
	}
	ink_reader_close(reader);
	return count;
}

bool last_record(const char *path, uint8_t kind, struct ink_header *ret_header,
		 union ink_body *ret_body, uint8_t **ret_bytes)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;

	*ret_bytes = NULL;
	assert_ok(ink_reader_open(path, &reader, &error));
	for (;;) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		if (kind != 0 && record->header.kind != kind)
			continue;
		free(*ret_bytes);
		*ret_bytes = malloc(record->header.body_size + 1);
		memcpy(*ret_bytes, record->body, record->header.body_size);
		*ret_header = record->header;
	}
	ink_reader_close(reader);
	if (*ret_bytes)
		assert_ok(ink_body_decode(ret_header->kind, *ret_bytes, ret_header->body_size,
					  ret_body));
	return *ret_bytes != NULL;
}

static void show_finding(void *ctx, const struct ink_finding *finding)
{
	(void)ctx;
	if (finding->severity == INK_EVIDENCE)
		printf("  %s: seq %llu: %s\n", ink_finding_name(finding->code),
		       (unsigned long long)finding->seq, finding->text);
}

bool is_intact(const char *path)
{
	struct ink_verify_options options = { .on_finding = show_finding };
	struct ink_verify_result result;
	struct ink_error error = { 0 };

	if (ink_verify(path, &options, &result, &error) == INK_OK)
		return result.is_intact;
	printf("  verify: %s\n", error.text);
	return false;
}

uint64_t count_losses(const char *path)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	struct ink_error error;
	union ink_body body;
	uint64_t count = 0;

	assert_ok(ink_reader_open(path, &reader, &error));
	for (;;) {
		assert_ok(ink_reader_next(reader, &record));
		if (!record)
			break;
		if (record->header.kind != INK_RECOVERY)
			continue;
		assert_ok(ink_body_decode(INK_RECOVERY, record->body, record->header.body_size,
					  &body));
		count += body.recovery.lost_count > 0;
	}
	ink_reader_close(reader);
	return count;
}

void assert_verifies(const char *path, bool is_closed)
{
	struct ink_verify_options options = { .on_finding = show_finding };
	struct ink_verify_result result;
	struct ink_error error = { 0 };

	if (ink_verify(path, &options, &result, &error) != INK_OK)
		fail_msg("verify: %s", error.text);
	assert_true(result.is_intact);
	assert_int_equal(result.is_closed, is_closed);
	assert_true(result.record_count == count_records(path, 0));
}

void assert_index_is_that_of_the_log(const char *path)
{
	uint8_t live[INK_HASH_SIZE], anew[INK_HASH_SIZE];
	struct ink_error error = { 0 };
	char index[PATH_MAX];

	scratch_path(path, "index", index);
	index_dir_digest(index, false, live);
	if (ink_store_reindex(path, &error) != INK_OK)
		fail_msg("reindex: %s", error.text);
	index_dir_digest(index, false, anew);
	assert_memory_equal(live, anew, INK_HASH_SIZE);
}
