/* SPDX-License-Identifier: MIT */
/*
 * The index is made anew from the log and killed at each of its disk calls.  LMDB does its own I/O, so this program
 * takes the C library's calls away from it and counts them: a symbol that a program defines comes before that of a
 * library.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "index_dump.h"
#include "scratch.h"
#include "trial.h"

enum { FILES = 40, SESSIONS = 12, STEPS = 300 };

static unsigned kill_at; /* 0: never */
static unsigned call_count;

/* Before the call: what came before it is there, itself and the rest not. */
static void count_call(void)
{
	if (++call_count == kill_at)
		raise(SIGKILL);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	count_call();
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	count_call();
	return syscall(SYS_pwritev, fd, parts, count, offset, 0L);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	count_call();
	return syscall(SYS_writev, fd, parts, count);
}

int fdatasync(int fd)
{
	count_call();
	return (int)syscall(SYS_fdatasync, fd);
}

int mkdir(const char *path, mode_t mode)
{
	count_call();
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rename(const char *from, const char *to)
{
	count_call();
	return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path)
{
	count_call();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	count_call();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

/* --- a store with a past ------------------------------------------------------ */

static void rename_one(struct ink_store *store, struct trial_file *file, unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "renamed-%u", number);
	assert_ok(ink_rename(store, &trial_root, 1, file->name, 1, name, 0));
	memcpy(file->name, name, sizeof(name));
}

/* Many files, renames, refusals, several segments, and every other session ends without order. */
static void drive(const char *path, struct trial_model *model)
{
	static uint8_t data[9000];
	struct ink_options options = trial_quiet();
	struct rng rng;

	options.profile = INK_PROFILE_ROTATE;
	rng_init(&rng, "reindex");
	trial_make(path, 0);
	for (unsigned session = 0; session < SESSIONS; session++) {
		struct ink_store *store = trial_open(path, &options);

		for (unsigned step = 0; step < STEPS; step++) {
			struct trial_file *file;
			size_t size = 1 + rng_below(&rng, rng_below(&rng, 4) ? 200 : sizeof(data));
			char name[16];

			if (model->count < FILES && rng_below(&rng, 10) == 0) {
				snprintf(name, sizeof(name), "file-%u", model->count);
				model_add(model, name, trial_create(store, name));
			}
			if (model->count == 0)
				continue;
			file = &model->files[rng_below(&rng, model->count)];
			if (rng_below(&rng, 15) == 0)
				rename_one(store, file, session * STEPS + step);
			if (rng_below(&rng, 20) == 0)
				assert_err(INK_ERR_DENIED,
					   ink_append(store, &trial_user, file->inode, 1u << 30,
						      "x", 1, false));
			rng_fill(&rng, data, size);
			trial_append(store, file->inode, data, size);
			model_append(file, data, size);
			if (rng_below(&rng, 100) == 0)
				assert_ok(ink_sync(store));
		}
		if (session % 2)
			trial_close(store);
		else
			trial_abandon(store);
	}
}

/* --- what is killed ------------------------------------------------------------ */

static void remove_index(const char *path)
{
	char name[PATH_MAX];

	scratch_path(path, "index/data.mdb", name);
	(void)unlink(name);
}

static void rebuild(const char *path, bool is_opening)
{
	struct ink_options options = trial_quiet();
	struct ink_error error;
	struct ink_store *store;

	if (!is_opening) {
		if (ink_store_reindex(path, &error) != INK_OK)
			_exit(1);
		return;
	}
	if (ink_store_open(path, &options, &store, &error) != INK_OK)
		_exit(1);
	_exit(0); /* without an end */
}

/* In a process of its own; was it killed? */
static bool is_killed_at(const char *path, bool is_opening, unsigned at)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		call_count = 0;
		kill_at = at;
		rebuild(path, is_opening);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

static void check(const char *path, const struct trial_model *model, bool is_read_only)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;

	options.is_read_only = is_read_only;
	store = trial_open(path, &options);
	assert_store_is(store, model);
	trial_close(store);
}

/* @is_opening: an opening that finds no index; otherwise `inkfs reindex` over a good one. */
static void kill_everywhere(const char *path, const struct trial_model *model, bool is_opening)
{
	unsigned at = 1;

	for (; at < 10000; at += IS_SANITIZED ? 5 : 1) {
		if (is_opening)
			remove_index(path);
		if (!is_killed_at(path, is_opening, at))
			break;
		/* Every third one straight on, so that one rebuild meets what another has left. */
		if (at % 3 == 0)
			continue;
		check(path, model, true);
		check(path, model, false);
		assert_true(is_intact(path));
		if (at % 5 == 0)
			assert_index_is_that_of_the_log(path);
	}
	assert_true(at > 10);
	check(path, model, false);
	assert_index_is_that_of_the_log(path);
	assert_verifies(path, true);
}

static void an_index_made_anew_is_byte_for_byte_the_old_one(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX], index[PATH_MAX];
	uint8_t old[INK_HASH_SIZE], anew[INK_HASH_SIZE];
	struct trial_model model = { 0 };
	struct ink_error error = { 0 };
	size_t count;

	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", path);
	drive(path, &model);
	assert_true(count_records(path, INK_RECOVERY) >= SESSIONS / 2 - 1);
	scratch_path(path, "log/0000000002.seg", index);
	assert_true(file_exists(index)); /* three segments at least */
	scratch_path(path, "index", index);
	count = index_dir_digest(index, false, old);
	printf("%zu entries\n", count);
	assert_true(count > FILES * 10);
	assert_int_equal(ink_store_reindex(path, &error), INK_OK);
	assert_int_equal(index_dir_digest(index, false, anew), count);
	assert_memory_equal(old, anew, INK_HASH_SIZE);
	check(path, &model, false);
	model_free(&model);
	tree_remove(dir);
}

static void a_rebuild_killed_at_any_disk_call_loses_nothing(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct trial_model model = { 0 };

	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", path);
	drive(path, &model);
	check(path, &model, false);
	kill_everywhere(path, &model, false);
	kill_everywhere(path, &model, true);
	model_free(&model);
	tree_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_made_anew_is_byte_for_byte_the_old_one),
		cmocka_unit_test(a_rebuild_killed_at_any_disk_call_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
