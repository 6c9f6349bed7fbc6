/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails, one after the other, once and for ever: nothing that was acknowledged is lost, what was
 * refused is not there, and want of memory is never called damage.
 *
 * A symbol that a program defines comes before that of a shared library, for all who call it; so the allocations of
 * LMDB, libsodium and libcrypto are counted with those of the store, and the maps and threads that they ask for.  A
 * sanitizer has its own allocator; under it only the store's calls are taken, by the linker (--wrap).
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "inkfs/verify.h"
#include "scratch.h"
#include "store_private.h"
#include "trial.h"

/* --- memory that runs out ------------------------------------------------------------------ */

static unsigned fail_at; /* from 1; 0: never */
static bool is_persistent;
static _Atomic uint64_t ask_count;

static bool is_refused(int errno_code)
{
	uint64_t at;

	if (fail_at == 0)
		return false;
	at = atomic_fetch_add(&ask_count, 1) + 1;
	if (at != fail_at && !(is_persistent && at > fail_at))
		return false;
	errno = errno_code;
	return true;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OURS(name) __wrap_##name
#define REAL(name) __real_##name
#else
#define OURS(name) name
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);
void *OURS(malloc)(size_t size);
void *OURS(calloc)(size_t count, size_t size);
void *OURS(realloc)(void *old, size_t size);

void *OURS(malloc)(size_t size)
{
	return is_refused(ENOMEM) ? NULL : REAL(malloc)(size);
}

void *OURS(calloc)(size_t count, size_t size)
{
	return is_refused(ENOMEM) ? NULL : REAL(calloc)(count, size);
}

void *OURS(realloc)(void *old, size_t size)
{
	return is_refused(ENOMEM) ? NULL : REAL(realloc)(old, size);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void *__libc_memalign(size_t align, size_t size);

int posix_memalign(void **ret_memory, size_t align, size_t size)
{
	int keep = errno;
	void *memory = is_refused(ENOMEM) ? NULL : __libc_memalign(align, size);

	errno = keep;
	if (!memory)
		return ENOMEM;
	*ret_memory = memory;
	return 0;
}

void *aligned_alloc(size_t align, size_t size)
{
	return is_refused(ENOMEM) ? NULL : __libc_memalign(align, size);
}

/* LMDB's map of its file, and libsodium's guarded memory. */
void *mmap(void *address, size_t size, int access, int flags, int fd, off_t offset)
{
	if (is_refused(ENOMEM))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, address, size, access, flags, fd, offset);
}

static int (*system_thread)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*start)(void *),
		   void *arg)
{
	if (!system_thread)
		*(void **)&system_thread = dlsym(RTLD_NEXT, "pthread_create");
	return is_refused(EAGAIN) ? EAGAIN : system_thread(ret_thread, attr, start, arg);
}

#endif

/* --- what is tried ------------------------------------------------------------------------- */

enum { FILE_COUNT = 2, LARGE = 700000, PATTERN_SIZE = 4 << 20, TIME_LIMIT_S = 200 };

/* What the child was told; in memory that the parent sees. */
struct told {
	uint64_t inodes[FILE_COUNT]; /* 0: not made */
	size_t sizes[FILE_COUNT];
	bool is_open_refused;
	int open_code, open_errno;
	bool is_wrong; /* an answer that must not be */
	char wrong[256];
	uint64_t ask_count;
};

struct fixture {
	char dir[PATH_MAX], made[PATH_MAX], path[PATH_MAX];
	struct told *told;
	uint8_t *pattern; /* what all files begin with */
	struct rng rng;
};

static const char *const file_names[FILE_COUNT] = { "a", "b" };

static int setup(void **state)
{
	static struct fixture f;
	struct ink_options options = trial_quiet();

	scratch_dir_in_memory(f.dir);
	scratch_path(f.dir, "made", f.made);
	scratch_path(f.dir, "store", f.path);
	trial_make(f.made, 0);
	/* What the libraries keep for ever they have from here on; and pthread_create is found. */
	trial_close(trial_open(f.made, &options));
	assert_true(is_intact(f.made));
	f.told = mmap(NULL, sizeof(*f.told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(f.told != MAP_FAILED);
	f.pattern = malloc(PATTERN_SIZE);
	rng_init(&f.rng, "memory");
	rng_fill(&f.rng, f.pattern, PATTERN_SIZE);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->pattern);
	munmap(f->told, sizeof(*f->told));
	tree_remove(f->dir);
	return 0;
}

static void say_wrong(struct told *told, const char *what, enum ink_err err)
{
	int code = errno;

	told->is_wrong = true;
	snprintf(told->wrong, sizeof(told->wrong), "%s: %s, errno %d", what, ink_err_text(err),
		 code);
}

/* Want of memory is an error of the system, or the store stops for it; nothing else. */
static void look_at(struct told *told, const char *what, enum ink_err err)
{
	int code = errno;

	if (err != INK_OK && err != INK_ERR_FAILED &&
	    !(err == INK_ERR_IO && (code == ENOMEM || code == EAGAIN)))
		say_wrong(told, what, err);
}

static struct ink_store *open_store(struct fixture *f, const struct ink_options *options)
{
	struct ink_error error = { 0 };
	struct ink_store *store;

	if (ink_store_open(f->path, options, &store, &error) == INK_OK)
		return store;
	f->told->is_open_refused = true;
	errno = error.sys_errno;
	look_at(f->told, "open", error.code);
	if (error.text[0] == '\0')
		say_wrong(f->told, "open without a sentence", error.code);
	return NULL;
}

static void create(struct fixture *f, struct ink_store *store, unsigned file)
{
	struct ink_attr attr;
	enum ink_err err = ink_make(store, &trial_root, INK_ROOT_INODE, file_names[file],
				    S_IFREG | 0644, NULL, &attr);

	look_at(f->told, "create", err);
	if (err == INK_OK)
		f->told->inodes[file] = attr.inode;
}

static void append(struct fixture *f, struct ink_store *store, unsigned file, size_t size,
		   bool is_sync)
{
	struct told *told = f->told;
	struct ink_attr attr;
	enum ink_err err;

	if (told->inodes[file] == 0)
		return;
	err = ink_append(store, &trial_root, told->inodes[file], INK_AT_END,
			 f->pattern + told->sizes[file], size, is_sync);
	look_at(told, "append", err);
	/* A record whose seal or sync failed cannot be taken back: the error says that it may be there. */
	if (err != INK_OK && is_sync && ink_getattr(store, told->inodes[file], &attr) == INK_OK &&
	    attr.size == told->sizes[file] + size)
		err = INK_OK;
	if (err == INK_OK)
		told->sizes[file] += size;
}

static void read_back(struct fixture *f, struct ink_store *store, unsigned file)
{
	static uint8_t bytes[PATTERN_SIZE];
	size_t size;
	enum ink_err err;

	if (f->told->inodes[file] == 0)
		return;
	err = ink_read(store, f->told->inodes[file], 0, bytes, sizeof(bytes), &size);
	look_at(f->told, "read", err);
	if (err == INK_OK && (size != f->told->sizes[file] || memcmp(bytes, f->pattern, size) != 0))
		say_wrong(f->told, "read gives other bytes", err);
}

/* What a session with files does that were there: recovery, and a little more. */
static void recover_session(struct fixture *f)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store = open_store(f, &options);

	if (!store)
		return;
	append(f, store, 0, 100, false);
	append(f, store, 1, 100, true);
	look_at(f->told, "close", ink_store_close(store, INK_UNMOUNT_ASKED));
}

/* All that a session does, over the end of a segment. */
static void write_session(struct fixture *f)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store = open_store(f, &options);
	struct told *told = f->told;

	if (!store)
		return;
	create(f, store, 0);
	for (unsigned i = 0; i < 5; i++)
		append(f, store, 0, 100 + i, false);
	if (told->inodes[0] != 0)
		look_at(told, "seal", ink_seal(store, told->inodes[0]));
	append(f, store, 0, 5000, true);
	create(f, store, 1);
	if (told->inodes[0] != 0) {
		enum ink_err err = ink_truncate(store, &trial_root, told->inodes[0], 3);

		if (err != INK_ERR_DENIED)
			look_at(told, "truncate", err);
		if (err == INK_OK)
			say_wrong(told, "truncate", err);
	}
	look_at(told, "commit", store_commit_index(store));
	for (unsigned i = 0; i < 3; i++)
		append(f, store, 1, LARGE - i, false);
	look_at(told, "sync", ink_sync(store));
	look_at(told, "epoch", store_change_epoch(store, INK_SEAL_EPOCH));
	look_at(told, "commit", store_commit_index(store));
	read_back(f, store, 0);
	read_back(f, store, 1);
	append(f, store, 0, 77, false);
	look_at(told, "close", ink_store_close(store, INK_UNMOUNT_ASKED));
}

static void read_session(struct fixture *f)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;

	options.is_read_only = true;
	store = open_store(f, &options);
	if (!store)
		return;
	read_back(f, store, 0);
	read_back(f, store, 1);
	look_at(f->told, "close", ink_store_close(store, INK_UNMOUNT_ASKED));
}

static void reindex(struct fixture *f)
{
	struct ink_error error = { 0 };

	if (ink_store_reindex(f->path, &error) == INK_OK)
		return;
	errno = error.sys_errno;
	look_at(f->told, "reindex", error.code);
}

static void verify(struct fixture *f)
{
	struct ink_verify_options options = { .thread_count = 2 };
	struct ink_verify_result result;
	struct ink_error error = { 0 };

	if (ink_verify(f->path, &options, &result, &error) != INK_OK) {
		errno = error.sys_errno;
		look_at(f->told, "verify", error.code);
	} else if (!result.is_intact) {
		say_wrong(f->told, "verify finds evidence", INK_OK);
	}
}

/* --- and what comes of it ------------------------------------------------------------------ */

/* In a process of its own, which must end by itself.  @ret_has_fired: false: it asked for less. */
static void run_at(struct fixture *f, void (*work)(struct fixture *), unsigned at, bool is_for_ever,
		   bool *ret_has_fired)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(TIME_LIMIT_S);
		is_persistent = is_for_ever;
		fail_at = at;
		work(f);
		f->told->ask_count = atomic_load(&ask_count);
		fail_at = 0;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
		fail_msg("allocation %u, %s: ends with status 0x%x", at,
			 is_for_ever ? "for ever" : "once", status);
	if (f->told->is_wrong)
		fail_msg("allocation %u, %s: %s", at, is_for_ever ? "for ever" : "once",
			 f->told->wrong);
	*ret_has_fired = f->told->ask_count >= at;
}

static void model_of(const struct fixture *f, struct trial_model *ret_model)
{
	const struct told *told = f->told;

	*ret_model = (struct trial_model){ 0 };
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		struct trial_file *file;

		if (told->inodes[i] == 0)
			continue;
		file = model_add(ret_model, file_names[i], told->inodes[i]);
		if (told->sizes[i] > 0)
			model_append(file, f->pattern, told->sizes[i]);
	}
}

static void check_afterwards(struct fixture *f, unsigned at, bool is_for_ever)
{
	struct ink_options options = trial_quiet();
	struct trial_model model;
	struct ink_store *store;

	model_of(f, &model);
	if (!is_intact(f->path))
		fail_msg("allocation %u, for ever %d: not intact", at, is_for_ever);
	store = trial_open(f->path, &options);
	assert_store_is(store, &model);
	trial_close(store);
	assert_verifies(f->path, true);
	assert_int_equal(count_losses(f->path), 0);
	model_free(&model);
}

/* @from: the store that it is done to. */
static unsigned fail_all(struct fixture *f, const char *from, void (*work)(struct fixture *),
			 bool is_for_ever)
{
	struct told before = *f->told;
	/* Some, from one that is another each time; all with INKFS_TEST_ROUNDS=400. */
	unsigned step = rounds(100) >= 400 ? 1 : IS_SANITIZED ? 9 : 4, at;
	bool has_fired = true;

	for (at = 1 + (unsigned)rng_below(&f->rng, step); has_fired; at += step) {
		*f->told = before;
		if (access(f->path, F_OK) == 0) /* a test before has failed */
			tree_remove(f->path);
		tree_copy(from, f->path);
		run_at(f, work, at, is_for_ever, &has_fired);
		check_afterwards(f, at, is_for_ever);
		tree_remove(f->path);
	}
	*f->told = before;
	return at;
}

static void a_session_loses_nothing_and_keeps_nothing_that_it_refused(void **state)
{
	struct fixture *f = *state;

	*f->told = (struct told){ 0 };
	assert_true(fail_all(f, f->made, write_session, false) > 30);
	assert_true(fail_all(f, f->made, write_session, true) > 10);
}

/* A store that has something to recover, so that reading it is work; *told says what is in it. */
static void make_unclean(struct fixture *f, char *ret_path)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;

	*f->told = (struct told){ 0 };
	tree_copy(f->made, f->path);
	store = open_store(f, &options);
	for (unsigned file = 0; file < FILE_COUNT; file++) {
		create(f, store, file);
		append(f, store, file, LARGE, false);
		append(f, store, file, 100, true);
	}
	assert_ok(store_commit_index(store));
	append(f, store, 0, LARGE, false);
	append(f, store, 1, 100, true);
	trial_abandon(store);
	scratch_path(f->dir, "unclean", ret_path);
	assert_int_equal(rename(f->path, ret_path), 0);
}

static void what_reads_a_store_finds_no_damage_for_want_of_memory(void **state)
{
	static void (*const works[])(struct fixture *) = { read_session, reindex, verify };
	struct fixture *f = *state;
	char unclean[PATH_MAX];

	make_unclean(f, unclean);
	for (unsigned i = 0; i < COUNT_OF(works); i++) {
		assert_true(fail_all(f, unclean, works[i], false) > 5);
		assert_true(fail_all(f, unclean, works[i], true) > 5);
	}
	tree_remove(unclean);
}

static void a_recovery_is_done_again(void **state)
{
	struct fixture *f = *state;
	char unclean[PATH_MAX];

	make_unclean(f, unclean);
	assert_true(fail_all(f, unclean, recover_session, false) > 10);
	assert_true(fail_all(f, unclean, recover_session, true) > 10);
	tree_remove(unclean);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_loses_nothing_and_keeps_nothing_that_it_refused),
		cmocka_unit_test(what_reads_a_store_finds_no_damage_for_want_of_memory),
		cmocka_unit_test(a_recovery_is_done_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
