/* SPDX-License-Identifier: MIT */
/* Exports in the layout of tlog-tiles: made, made again, grown, and not over anything else (tests/tiles has what others say of them). */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "inkfs/checkpoint.h"
#include "inkfs/export.h"
#include "inkfs/store.h"
#include "sample.h"
#include "scratch.h"

static char dir[PATH_MAX], store[PATH_MAX], out[PATH_MAX], vkey[INK_VKEY_SIZE];

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", store);
	scratch_path(dir, "out", out);
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

static enum ink_err export_now(struct ink_export_result *ret_result)
{
	static char note[INK_CHECKPOINT_SIZE_MAX];
	struct ink_export_options options = { .note = note };
	struct ink_error error;

	assert_ok(ink_checkpoint_make(store, NULL, note, &options.note_size, &error));
	return ink_export_tiles(store, out, &options, ret_result, &error);
}

static void an_export_grows_with_the_log_and_keeps_what_is_there(void **state)
{
	struct ink_export_result first, again, grown;
	char checkpoint[PATH_MAX];

	(void)state;
	assert_ok(export_now(&first));
	assert_true(first.record_count > 0 && first.written_count > 2 && first.kept_count == 0);
	scratch_path(out, "checkpoint", checkpoint);
	assert_true(file_exists(checkpoint));
	assert_ok(export_now(&again));
	assert_int_equal(again.record_count, first.record_count);
	assert_true(again.kept_count > 0 && again.written_count < first.written_count);
	sample_session(store);
	assert_ok(export_now(&grown));
	assert_true(grown.record_count > first.record_count && grown.kept_count > 0);
}

static void a_file_that_contradicts_the_log_stops_it(void **state)
{
	struct ink_export_result result;
	char tile[PATH_MAX];
	uint8_t *data;
	size_t size;

	(void)state;
	tree_remove(out);
	assert_ok(export_now(&result));
	scratch_path(out, "checkpoint", tile);
	data = file_read(tile, &size);
	data[0] ^= 1;
	file_write(tile, data, size);
	free(data);
	assert_err(INK_ERR_EXISTS, export_now(&result));
}

/* Nobody reads it, and nobody waits for that. */
static void a_fifo_in_the_way_stops_it(void **state)
{
	struct ink_export_result result;
	char path[PATH_MAX];

	(void)state;
	tree_remove(out);
	assert_ok(export_now(&result));
	sample_session(store);
	scratch_path(out, ".inkfs-export.new", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_err(INK_ERR_IO, export_now(&result));
	assert_int_equal(unlink(path), 0);
	assert_ok(export_now(&result));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_grows_with_the_log_and_keeps_what_is_there),
		cmocka_unit_test(a_file_that_contradicts_the_log_stops_it),
		cmocka_unit_test(a_fifo_in_the_way_stops_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
