/* SPDX-License-Identifier: MIT */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"

enum { SEAL_KEY_SIZE = 144 };

struct fixture {
	char dir[PATH_MAX];
	char path[PATH_MAX]; /* of seal.key */
	uint8_t store_id[INK_STORE_ID_SIZE];
	struct key_pair *first, *next;
	struct ink_error error;
};

static int setup(void **state)
{
	static struct fixture f;

	if (!vkey_setup())
		return -1;
	scratch_dir(f.dir);
	scratch_path(f.dir, "seal.key", f.path);
	memset(f.store_id, 0x11, sizeof(f.store_id));
	f.first = key_make();
	f.next = key_make();
	*state = &f;
	return f.first && f.next ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	key_free(f->first);
	key_free(f->next);
	tree_remove(f->dir);
	return 0;
}

static enum ink_err read_key(struct fixture *f, struct seal_key_file *ret_file)
{
	*ret_file = (struct seal_key_file){ 0 };
	f->error.text[0] = 0;
	return seal_key_read(io_system(), f->dir, f->store_id, ret_file, &f->error);
}

static void assert_key_refused(struct fixture *f)
{
	struct seal_key_file file;

	assert_err(INK_ERR_KEY, read_key(f, &file));
	assert_null(file.first);
	assert_null(file.next);
	assert_true(strlen(f->error.text) > 10);
	assert_int_equal(f->error.code, INK_ERR_KEY);
}

static void a_file_with_one_seed_comes_back(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 41, f->first, NULL));
	assert_ok(read_key(f, &file));
	assert_int_equal(file.epoch, 41);
	assert_memory_equal(file.first, f->first, sizeof(*f->first));
	assert_null(file.next);
	seal_key_file_release(&file);
	assert_null(file.first);
}

static void a_file_with_both_seeds_comes_back_and_is_as_the_format_says(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file;
	uint8_t *bytes;
	size_t size;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, f->next));
	assert_ok(read_key(f, &file));
	assert_memory_equal(file.next, f->next, sizeof(*f->next));
	seal_key_file_release(&file);
	bytes = file_read(f->path, &size);
	assert_int_equal(size, SEAL_KEY_SIZE);
	assert_memory_equal(bytes, "inkfsKEY\0\0\0\1\0\0\0\7\0\0\0\2", 20);
	assert_memory_equal(bytes + 32, f->store_id, 16);
	assert_memory_equal(bytes + 48, f->first->seed, 32);
	assert_memory_equal(bytes + 80, f->next->seed, 32);
	free(bytes);
}

static void the_file_of_a_rekey_under_way_lacks_the_first_seed(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file;
	uint8_t *bytes;
	size_t size;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, NULL, f->next));
	assert_ok(read_key(f, &file));
	assert_null(file.first);
	assert_memory_equal(file.next, f->next, sizeof(*f->next));
	seal_key_file_release(&file);
	bytes = file_read(f->path, &size);
	assert_memory_equal(bytes, "inkfsKEY\0\0\0\1\0\0\0\7\0\0\0\2", 20);
	assert_true(bytes_are_zero(bytes + 48, 32));
	free(bytes);
}

static void the_file_is_for_its_owner_alone_even_if_the_old_one_was_not(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	umask(0);
	file_write(f->path, "old", 3);
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 1, f->first, NULL));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	umask(022);
}

static void the_seed_of_the_old_file_is_wiped_where_it_lay(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[SEAL_KEY_SIZE];
	int fd;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 1, f->first, f->next));
	fd = open(f->path, O_RDONLY);
	assert_true(fd >= 0);
	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 2, f->next, NULL));
	/* The old inode, which has no name any more. */
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), SEAL_KEY_SIZE);
	assert_true(bytes_are_zero(bytes, sizeof(bytes)));
	close(fd);
}

static void a_replacement_that_fails_leaves_the_old_file_whole(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file;
	unsigned at;

	for (at = 1;; at++) {
		struct fault_io fault;
		enum ink_err err;

		assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 1, f->first, NULL));
		fault_io_init(&fault);
		fault_io_arm(&fault, at, FAULT_ALL & ~(1U << FAULT_OPEN), true, EIO);
		err = seal_key_write(&fault.io, f->dir, f->store_id, 2, f->next, NULL);
		assert_ok(read_key(f, &file));
		assert_true(file.epoch == 1 || file.epoch == 2);
		assert_memory_equal(file.first, file.epoch == 1 ? f->first : f->next,
				    sizeof(*f->first));
		if (err == INK_OK)
			assert_int_equal(file.epoch, 2);
		seal_key_file_release(&file);
		if (!fault_io_fired(&fault))
			break;
	}
	assert_true(at > 5);
}

static void left_over_bytes_of_a_replacement_that_was_cut_off_do_no_harm(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file;
	char left[PATH_MAX];

	scratch_path(f->dir, "seal.key.new", left);
	assert_int_equal(symlink("/dev/null", left), 0);
	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 3, f->first, NULL));
	assert_false(file_exists(left));
	assert_ok(read_key(f, &file));
	assert_int_equal(file.epoch, 3);
	seal_key_file_release(&file);
}

static void a_file_with_any_byte_changed_is_refused(void **state)
{
	struct fixture *f = *state;
	struct seal_key_file file;
	uint8_t *bytes;
	size_t size;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, f->next));
	bytes = file_read(f->path, &size);
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 1;
		file_write(f->path, bytes, size);
		assert_key_refused(f);
		bytes[at] ^= 1;
	}
	file_write(f->path, bytes, size);
	assert_ok(read_key(f, &file));
	seal_key_file_release(&file);
	free(bytes);
}

static void a_file_of_any_other_size_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[SEAL_KEY_SIZE + 1] = { 0 }, *good;
	size_t size;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, NULL));
	good = file_read(f->path, &size);
	memcpy(bytes, good, size);
	free(good);
	for (size_t n = 0; n <= SEAL_KEY_SIZE + 1; n++) {
		if (n == SEAL_KEY_SIZE)
			continue;
		file_write(f->path, bytes, n);
		assert_key_refused(f);
	}
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, NULL));
	for (unsigned bit = 1; bit <= 040; bit <<= 1) {
		assert_int_equal(chmod(f->path, 0600 | bit), 0);
		assert_key_refused(f);
	}
}

static void a_file_of_another_owner_is_refused(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		printf("only root can give a file away\n");
		skip();
	}
	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, NULL));
	assert_int_equal(chown(f->path, 12345, 12345), 0);
	assert_key_refused(f);
	assert_int_equal(unlink(f->path), 0);
}

static void links_fifos_and_folders_are_refused(void **state)
{
	struct fixture *f = *state;
	char real[PATH_MAX];

	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, NULL));
	scratch_path(f->dir, "real.key", real);
	assert_int_equal(rename(f->path, real), 0);
	assert_key_refused(f); /* nothing there */
	assert_int_equal(symlink("real.key", f->path), 0);
	assert_key_refused(f);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_key_refused(f);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_key_refused(f);
	assert_int_equal(rmdir(f->path), 0);
	assert_int_equal(unlink(real), 0);
}

/* Nobody reads them, and nobody waits for that. */
static void fifos_in_the_way_are_replaced(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char left_over[PATH_MAX];

	scratch_path(f->dir, "seal.key.new", left_over);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(mkfifo(left_over, 0600), 0);
	assert_ok(seal_key_write(io_system(), f->dir, f->store_id, 7, f->first, NULL));
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(stat(left_over, &st), -1);
	assert_int_equal(unlink(f->path), 0);
}

static void the_key_of_another_store_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t other[INK_STORE_ID_SIZE] = { 9 };

	assert_ok(seal_key_write(io_system(), f->dir, other, 7, f->first, NULL));
	assert_key_refused(f);
}

static void a_log_key_is_one_private_line_and_never_written_over(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX], *line;
	struct stat st;
	size_t size;

	assert_ok(log_key_write(io_system(), f->dir, "example.com/x", f->first));
	scratch_path(f->dir, "log.key", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	line = (char *)file_read(path, &size);
	assert_memory_equal(line, "PRIVATE+KEY+example.com/x+", 26);
	assert_int_equal(line[34], '+');
	assert_int_equal(size, 26 + 8 + 1 + 44 + 1);
	assert_int_equal(line[size - 1], '\n');
	free(line);
	assert_err(INK_ERR_IO, log_key_write(io_system(), f->dir, "example.com/x", f->next));
	assert_int_equal(errno, EEXIST);
}

static void keys_are_fresh_each_time_and_their_signatures_are_good(void **state)
{
	struct fixture *f = *state;
	uint8_t signature[INK_SIGNATURE_SIZE];

	assert_memory_not_equal(f->first->seed, f->next->seed, INK_KEY_SIZE);
	key_sign(f->first, (const uint8_t *)"m", 1, signature);
	assert_true(signature_is_good(signature, (const uint8_t *)"m", 1, f->first->public_key));
	assert_false(signature_is_good(signature, (const uint8_t *)"m", 1, f->next->public_key));
	key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_with_one_seed_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_with_both_seeds_comes_back_and_is_as_the_format_says, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_file_of_a_rekey_under_way_lacks_the_first_seed,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_file_is_for_its_owner_alone_even_if_the_old_one_was_not, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_seed_of_the_old_file_is_wiped_where_it_lay,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_replacement_that_fails_leaves_the_old_file_whole,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			left_over_bytes_of_a_replacement_that_was_cut_off_do_no_harm, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_file_with_any_byte_changed_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_of_any_other_size_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_that_others_may_read_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_of_another_owner_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(fifos_in_the_way_are_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(links_fifos_and_folders_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_key_of_another_store_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_log_key_is_one_private_line_and_never_written_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			keys_are_fresh_each_time_and_their_signatures_are_good, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
