/* SPDX-License-Identifier: MIT */
/*
 * The power goes while the index is made: by `inkfs reindex`, over one that is good, behind or damaged, and by an opening that
 * finds none or one that is behind.  At every call of the disk, LMDB's among them, and what the disk then keeps of what was
 * not synced is drawn anew in each round; INKFS_TEST_ROUNDS asks for more of them, INKFS_TEST_SEED for the same.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "index_dump.h"
#include "lying_disk.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

enum { FILES = 6, STEPS = 60, ROUNDS = 3, CALLS_MAX = 1000 };

struct fixture {
	char dir[PATH_MAX], root[PATH_MAX];
	char past[PATH_MAX]; /* a store whose index is behind: its driver died */
	char path[PATH_MAX]; /* its copy, on the disk that lies */
	struct trial_model model;
	struct lying_disk *disk;
	struct rng rng;
	/* Being tried, to be told if it fails. */
	const char *what;
	unsigned at;
};

/* How it stands with the index before, and who makes it good. */
struct scene {
	const char *what;
	bool is_missing, is_damaged;
	bool is_opening; /* otherwise `inkfs reindex` */
};

/* --- a store with a past ------------------------------------------------------------ */

static void work(struct ink_store *store, struct trial_model *model, struct rng *rng)
{
	static uint8_t data[3000];

	for (unsigned step = 0; step < STEPS; step++) {
		size_t size = 1 + rng_below(rng, sizeof(data));
		struct trial_file *file;
		char name[16];

		if (model->count < FILES && step % 8 == 0) {
			snprintf(name, sizeof(name), "file-%u", model->count);
			model_add(model, name, trial_create(store, name));
		}
		file = &model->files[rng_below(rng, model->count)];
		rng_fill(rng, data, size);
		trial_append(store, file->inode, data, size);
		model_append(file, data, size);
	}
}

/* One session that ended in order, and one that did not, behind a commit of the index. */
static void make_past(struct fixture *f)
{
	const struct ink_options options = trial_quiet();
	struct ink_store *store;

	trial_make(f->past, 0);
	store = trial_open(f->past, &options);
	work(store, &f->model, &f->rng);
	trial_close(store);
	store = trial_open(f->past, &options);
	work(store, &f->model, &f->rng);
	assert_ok(store_commit_index(store));
	work(store, &f->model, &f->rng);
	trial_abandon(store);
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ 0 };
	rng_init(&f.rng, "index");
	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "past", f.past);
	make_past(&f);
	scratch_path(f.dir, "disk", f.root);
	if (mkdir(f.root, 0700) != 0)
		return -1;
	scratch_path(f.root, "store", f.path);
	f.disk = lying_disk_open(f.root);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->what)
		printf("failed: %s, the power gone in call %u\n", f->what, f->at);
	lying_disk_close(f->disk);
	model_free(&f->model);
	tree_remove(f->dir);
	return 0;
}

/* --- one loss of power --------------------------------------------------------------- */

static void prepare(struct fixture *f, const struct scene *scene)
{
	static const uint8_t garbage[2 * 4096] = { 0x55 };
	char data[PATH_MAX];

	if (file_exists(f->path))
		tree_remove(f->path);
	tree_copy(f->past, f->path);
	scratch_path(f->path, "index/data.mdb", data);
	if (scene->is_missing && unlink(data) != 0)
		fail_msg("%s: cannot be removed", data);
	if (scene->is_damaged)
		file_write(data, garbage, sizeof(garbage));
	lying_disk_load(f->disk, rng_next(&f->rng));
}

/* Make the index; the power goes in call @at.  false: it did not come that far. */
static bool is_cut_at(struct fixture *f, const struct scene *scene, unsigned at)
{
	const struct ink_options options = trial_quiet();
	struct ink_error error = { 0 };
	struct ink_store *store;
	enum ink_err err;
	bool is_dead;

	lying_disk_arm_cut(f->disk, at);
	if (scene->is_opening) {
		err = store_open_on(lying_disk_io(f->disk), f->path, &options, &store, &error);
		if (err == INK_OK)
			trial_abandon(store);
	} else {
		err = ink_store_reindex(f->path, &error);
	}
	is_dead = lying_disk_is_dead(f->disk);
	if (!is_dead && err != INK_OK)
		fail_msg("%s, call %u: %s", scene->what, at, error.text);
	/* It is gone after the last call, too: what was said to be done is. */
	lying_disk_cut(f->disk);
	return is_dead;
}

static void check(struct fixture *f, bool is_read_only)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;

	options.is_read_only = is_read_only;
	store = trial_open(f->path, &options);
	assert_store_is(store, &f->model);
	trial_close(store);
}

/* What the power left: @may_be_damaged: the index that was there before was. */
static void check_all(struct fixture *f, bool may_be_damaged)
{
	const struct ink_options options = trial_quiet();
	struct ink_error error = { 0 };
	struct ink_store *store;
	enum ink_err err;

	if (may_be_damaged) {
		err = ink_store_open(f->path, &options, &store, &error);
		if (err == INK_OK)
			trial_close(store);
		else
			assert_err(INK_ERR_DAMAGED, err);
		assert_ok(ink_store_reindex(f->path, &error));
	}
	assert_true(is_intact(f->path));
	check(f, true);
	check(f, false);
	assert_index_is_that_of_the_log(f->path);
	assert_verifies(f->path, true);
}

/* An index that was made before the power went is there after it, and what `inkfs reindex` says it has made is all of it. */
static void check_made(struct fixture *f, const struct scene *scene)
{
	char data[PATH_MAX];

	scratch_path(f->path, "index/data.mdb", data);
	assert_true(file_exists(data) && file_size(data) > 0);
	assert_true(is_intact(f->path));
	if (!scene->is_opening)
		assert_index_is_that_of_the_log(f->path);
}

/* At every call; every third time twice, so that one attempt meets what another has left. */
static void cut_everywhere(struct fixture *f, const struct scene *scene)
{
	bool is_done = false;
	unsigned at;

	for (at = 1; !is_done; at++) {
		assert_true(at < CALLS_MAX);
		f->what = scene->what;
		f->at = at;
		prepare(f, scene);
		is_done = !is_cut_at(f, scene, at);
		if (!is_done && rng_below(&f->rng, 3) == 0 && !scene->is_damaged)
			(void)is_cut_at(f, scene, 1 + (unsigned)rng_below(&f->rng, at));
		if (is_done)
			check_made(f, scene);
		check_all(f, scene->is_damaged && !is_done);
	}
	assert_true(at > 8);
	f->what = NULL;
}

static void the_power_goes_while_the_index_is_made(void **state)
{
	static const struct scene scenes[] = {
		{ .what = "reindex over an index that is behind" },
		{ .what = "reindex over a damaged index", .is_damaged = true },
		{ .what = "reindex where there is none", .is_missing = true },
		{ .what = "opening without an index", .is_missing = true, .is_opening = true },
		{ .what = "opening with an index that is behind", .is_opening = true },
	};

	for (unsigned round = 0; round < rounds(ROUNDS); round++)
		for (unsigned i = 0; i < COUNT_OF(scenes); i++)
			cut_everywhere(*state, &scenes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_power_goes_while_the_index_is_made, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
