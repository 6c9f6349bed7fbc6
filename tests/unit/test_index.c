/* SPDX-License-Identifier: MIT */
/* The index: three layers (active, frozen, LMDB) against a model that has only one. */
#include "index.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "overlay.h"
#include "scratch.h"

enum { MODEL_MAX = 3000, KEY_MAX = 5, VALUE_MAX = 30 };

struct item {
	enum index_db db;
	uint8_t key[KEY_MAX];
	size_t key_size;
	uint8_t value[VALUE_MAX];
	size_t value_size;
};

struct model {
	struct item items[MODEL_MAX];
	size_t count;
};

static char dir[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	scratch_dir(dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

static struct index *open_index(void)
{
	struct index *index = NULL;

	assert_ok(index_open(dir, false, &index));
	return index;
}

static void commit_all(struct index *index)
{
	assert_ok(index_freeze(index));
	assert_ok(index_commit(index));
	assert_ok(index_thaw(index));
}

static int order(const struct item *item, enum index_db db, const uint8_t *key, size_t key_size)
{
	if (item->db != db)
		return item->db < db ? -1 : 1;
	return key_compare(item->key, item->key_size, key, key_size);
}

static size_t find(const struct model *model, const struct item *key)
{
	size_t at = 0;

	while (at < model->count && order(&model->items[at], key->db, key->key, key->key_size) < 0)
		at++;
	return at;
}

static bool has(const struct model *model, size_t at, const struct item *key)
{
	return at < model->count && order(&model->items[at], key->db, key->key, key->key_size) == 0;
}

static void model_put(struct model *model, const struct item *item)
{
	size_t at = find(model, item);

	if (!has(model, at, item)) {
		assert_true(model->count < MODEL_MAX);
		memmove(&model->items[at + 1], &model->items[at],
			(model->count - at) * sizeof(*item));
		model->count++;
	}
	model->items[at] = *item;
}

static void model_remove(struct model *model, const struct item *item)
{
	size_t at = find(model, item);

	if (!has(model, at, item))
		return;
	model->count--;
	memmove(&model->items[at], &model->items[at + 1], (model->count - at) * sizeof(*item));
}

static void any_item(struct rng *rng, bool has_removals, struct item *item)
{
	static const enum index_db removing[] = { DB_NAMES, DB_ENTRIES },
				   growing[] = { DB_EXTENTS, DB_SEALS };

	memset(item, 0, sizeof(*item));
	item->db = has_removals ? removing[rng_below(rng, 2)] : growing[rng_below(rng, 2)];
	item->key_size = 1 + rng_below(rng, KEY_MAX);
	for (size_t i = 0; i < item->key_size; i++)
		item->key[i] = (uint8_t)(rng_below(rng, 3) * 100);
	item->value_size = 1 + rng_below(rng, VALUE_MAX);
	rng_fill(rng, item->value, item->value_size);
}

static void assert_pair(enum ink_err err, const struct index_pair *pair, const struct model *model,
			size_t at, enum index_db db)
{
	const struct item *item = at < model->count ? &model->items[at] : NULL;

	if (!item || item->db != db) {
		assert_err(INK_ERR_NOT_FOUND, err);
		return;
	}
	assert_ok(err);
	assert_int_equal(pair->key_size, item->key_size);
	assert_memory_equal(pair->key, item->key, item->key_size);
	assert_int_equal(pair->value_size, item->value_size);
	assert_memory_equal(pair->value, item->value, item->value_size);
}

static void check_around(struct index *index, const struct model *model, const struct item *key,
			 bool has_removals)
{
	size_t at = find(model, key), size;
	bool is_there = has(model, at, key);
	struct index_pair pair;
	const uint8_t *value;
	enum ink_err err;

	err = index_get(index, key->db, key->key, key->key_size, &value, &size);
	assert_err(is_there ? INK_OK : INK_ERR_NOT_FOUND, err);
	if (is_there) {
		assert_int_equal(size, model->items[at].value_size);
		assert_memory_equal(value, model->items[at].value, size);
	}
	err = index_seek(index, key->db, key->key, key->key_size, false, &pair);
	assert_pair(err, &pair, model, at, key->db);
	err = index_seek(index, key->db, key->key, key->key_size, true, &pair);
	assert_pair(err, &pair, model, is_there ? at + 1 : at, key->db);
	if (has_removals)
		return;
	err = index_seek_back(index, key->db, key->key, key->key_size, &pair);
	assert_pair(err, &pair, model, is_there ? at : at - 1, key->db);
}

static void walk_all(struct index *index, const struct model *model, enum index_db db)
{
	uint8_t key[KEY_MAX] = { 0 };
	size_t key_size = 1, at = 0;
	struct index_pair pair;
	enum ink_err err = index_seek(index, db, key, key_size, false, &pair);

	while (at < model->count && model->items[at].db != db)
		at++;
	for (; err == INK_OK; at++) {
		assert_pair(err, &pair, model, at, db);
		key_size = pair.key_size;
		memcpy(key, pair.key, key_size);
		err = index_seek(index, db, key, key_size, true, &pair);
	}
	assert_err(INK_ERR_NOT_FOUND, err);
	assert_true(at == model->count || model->items[at].db != db);
}

/* One random step: change, look, or move the layers. */
static struct index *step(struct index *index, struct model *model, struct rng *rng,
			  bool has_removals)
{
	struct item item;

	any_item(rng, has_removals, &item);
	if (has_removals && rng_below(rng, 3) == 0) {
		assert_ok(index_remove(index, item.db, item.key, item.key_size));
		model_remove(model, &item);
	} else {
		assert_ok(index_put(index, item.db, item.key, item.key_size, item.value,
				    item.value_size));
		model_put(model, &item);
	}
	switch (rng_below(rng, 30)) {
	case 0:
		if (!index_is_frozen(index))
			assert_ok(index_freeze(index));
		break;
	case 1: assert_ok(index_commit(index)); break;
	case 2:
		if (index_is_frozen(index)) {
			assert_ok(index_commit(index));
			assert_ok(index_thaw(index));
			assert_false(index_is_frozen(index));
		}
		break;
	case 3:
		if (!index_is_frozen(index))
			commit_all(index);
		if (!index_is_frozen(index) && rng_below(rng, 4) == 0) {
			index_close(index);
			index = open_index();
		}
		break;
	default: break;
	}
	any_item(rng, has_removals, &item);
	check_around(index, model, &item, has_removals);
	return index;
}

static void run_against_model(bool has_removals)
{
	struct model *model = calloc(1, sizeof(*model));
	struct index *index = open_index();
	struct rng rng;

	rng_init(&rng, "index");
	for (unsigned i = 0; i < rounds(3000); i++)
		index = step(index, model, &rng, has_removals);
	for (int db = 0; db < DB_COUNT; db++)
		walk_all(index, model, (enum index_db)db);
	index_close(index);
	free(model);
}

static void look_ups_see_active_over_frozen_over_committed(void **state)
{
	(void)state;
	run_against_model(true);
}

static void the_last_at_or_before_is_found_across_the_layers(void **state)
{
	(void)state;
	run_against_model(false);
}

static void assert_value(struct index *index, const char *key, const char *expected)
{
	const uint8_t *value;
	size_t size;
	enum ink_err err = index_get(index, DB_NAMES, key, strlen(key), &value, &size);

	assert_err(expected ? INK_OK : INK_ERR_NOT_FOUND, err);
	if (expected) {
		assert_int_equal(size, strlen(expected));
		assert_memory_equal(value, expected, size);
	}
}

static void put(struct index *index, const char *key, const char *value)
{
	assert_ok(index_put(index, DB_NAMES, key, strlen(key), value, strlen(value)));
}

static void what_is_not_committed_is_gone_after_closing(void **state)
{
	struct index *index = open_index();

	(void)state;
	put(index, "kept", "1");
	commit_all(index);
	put(index, "frozen", "2");
	assert_ok(index_freeze(index));
	put(index, "active", "3");
	index_close(index);
	index = open_index();
	assert_value(index, "kept", "1");
	assert_value(index, "frozen", NULL);
	assert_value(index, "active", NULL);
	index_close(index);
}

static void what_is_put_during_a_commit_is_not_part_of_it(void **state)
{
	struct index *index = open_index();

	(void)state;
	put(index, "k", "old");
	assert_ok(index_freeze(index));
	put(index, "k", "new");
	assert_ok(index_commit(index));
	assert_value(index, "k", "new");
	assert_ok(index_thaw(index));
	assert_value(index, "k", "new");
	index_close(index);
	index = open_index();
	assert_value(index, "k", "old");
	index_close(index);
}

/* No file may grow: LMDB cannot write its new pages, as on a full disk. */
static void a_commit_that_fails_changes_nothing_and_can_be_done_again(void **state)
{
	struct rlimit old, tight = { 1, 1 };
	struct index *index = open_index();
	char data[PATH_MAX];
	enum ink_err err;

	(void)state;
	put(index, "before", "1");
	commit_all(index);
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t key[8], value[100] = { 0 };

		be64_store(key, i);
		assert_ok(index_put(index, DB_EXTENTS, key, 8, value, sizeof(value)));
	}
	assert_ok(index_freeze(index));
	scratch_path(dir, "data.mdb", data);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_cur = file_size(data);
	tight.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	err = index_commit(index);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_err(INK_ERR_IO, err);
	assert_int_equal(errno, EFBIG);
	assert_true(index_is_frozen(index));
	assert_value(index, "before", "1");
	put(index, "during", "2");
	assert_ok(index_commit(index));
	assert_ok(index_thaw(index));
	assert_false(index_is_frozen(index));
	commit_all(index);
	index_close(index);
	index = open_index();
	assert_value(index, "before", "1");
	assert_value(index, "during", "2");
	index_close(index);
}

/* More than the first map holds: the commit asks to be called again, and then succeeds. */
static void the_map_grows_when_it_is_full(void **state)
{
	size_t size, room = 48 << 20;
	uint8_t *large = calloc(1, room);
	struct index *index = open_index();
	unsigned growths = 0;
	const uint8_t *value;

	(void)state;
	for (uint8_t i = 0; i < 7; i++) {
		large[0] = i;
		assert_ok(index_put(index, DB_TILES, &i, 1, large, room));
		assert_ok(index_freeze(index));
		while (index_is_frozen(index)) {
			enum ink_err err = index_commit(index);

			if (err != INK_OK) {
				assert_err(INK_ERR_IO, err);
				assert_true(index_needs_growth(index));
				growths++;
			}
			assert_ok(index_thaw(index));
		}
	}
	assert_true(growths >= 1);
	for (uint8_t i = 0; i < 7; i++) {
		assert_ok(index_get(index, DB_TILES, &i, 1, &value, &size));
		assert_int_equal(size, room);
		assert_int_equal(value[0], i);
	}
	index_close(index);
	index = open_index(); /* the size of the map is taken up again */
	assert_ok(index_get(index, DB_TILES, "\6", 1, &value, &size));
	commit_all(index);
	index_close(index);
	free(large);
}

static void read_and_be_killed(void)
{
	struct index *index;
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(index_open(dir, true, &index) == INK_OK ? raise(SIGKILL) : 1);
	assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

/* His slot in the lock file stays, and for who is in it LMDB keeps every page since. */
static void a_reader_that_was_killed_does_not_make_the_file_grow(void **state)
{
	enum { COMMITS = 300, PAGE_SIZE = 4096 };
	struct index *index = open_index();
	char path[PATH_MAX];
	uint64_t before;

	(void)state;
	scratch_path(dir, "data.mdb", path);
	put(index, "key", "first");
	commit_all(index);
	read_and_be_killed();
	before = file_size(path);
	for (unsigned i = 0; i < COMMITS; i++) {
		put(index, "key", i % 2 ? "odd" : "even");
		commit_all(index);
	}
	assert_true(file_size(path) - before < COMMITS / 2 * PAGE_SIZE);
	index_close(index);
}

static void reading_only_makes_nothing_and_finds_nothing(void **state)
{
	struct index *index = NULL;
	char missing[PATH_MAX];

	(void)state;
	scratch_path(dir, "missing", missing);
	assert_err(INK_ERR_NOT_FOUND, index_open(missing, true, &index));
	assert_false(file_exists(missing));
	assert_null(index);
	index = open_index();
	put(index, "k", "v");
	commit_all(index);
	index_close(index);
	assert_ok(index_open(dir, true, &index));
	assert_value(index, "k", "v");
	put(index, "only here", "x"); /* in memory, for a replay */
	assert_value(index, "only here", "x");
	index_close(index);
}

static void a_file_that_is_no_database_is_damage(void **state)
{
	struct index *index = NULL;
	uint8_t rubbish[16384];
	char data[PATH_MAX];

	(void)state;
	memset(rubbish, 0x5a, sizeof(rubbish));
	scratch_path(dir, "data.mdb", data);
	file_write(data, rubbish, sizeof(rubbish));
	assert_err(INK_ERR_DAMAGED, index_open(dir, false, &index));
	assert_err(INK_ERR_DAMAGED, index_open(dir, true, &index));
	assert_null(index);
}

static void an_index_in_memory_behaves_as_any_other(void **state)
{
	struct index *index;
	struct index_pair pair;

	(void)state;
	assert_ok(index_open_memory(&index));
	assert_value(index, "k", NULL);
	put(index, "b", "2");
	put(index, "d", "4");
	assert_ok(index_remove(index, DB_NAMES, "b", 1));
	assert_value(index, "b", NULL);
	assert_ok(index_seek(index, DB_NAMES, "a", 1, false, &pair));
	assert_memory_equal(pair.key, "d", 1);
	assert_err(INK_ERR_NOT_FOUND, index_seek(index, DB_NAMES, "d", 1, true, &pair));
	assert_true(index_pending_bytes(index) > 0);
	index_close(index);
	index_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(look_ups_see_active_over_frozen_over_committed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_at_or_before_is_found_across_the_layers,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_committed_is_gone_after_closing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_put_during_a_commit_is_not_part_of_it,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_commit_that_fails_changes_nothing_and_can_be_done_again, setup, teardown),
		cmocka_unit_test_setup_teardown(the_map_grows_when_it_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_reader_that_was_killed_does_not_make_the_file_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(reading_only_makes_nothing_and_finds_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_damage, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_index_in_memory_behaves_as_any_other, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
