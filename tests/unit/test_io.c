/* SPDX-License-Identifier: MIT */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fault_io.h"
#include "scratch.h"

struct fixture {
	char dir[PATH_MAX], path[PATH_MAX];
	struct fault_io fault;
};

static int setup(void **state)
{
	static struct fixture f;

	scratch_dir(f.dir);
	scratch_path(f.dir, "file", f.path);
	fault_io_init(&f.fault);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	tree_remove(((struct fixture *)*state)->dir);
	return 0;
}

static void assert_content(const char *path, const void *data, size_t size)
{
	size_t file_bytes;
	uint8_t *content = file_read(path, &file_bytes);

	assert_int_equal(file_bytes, size);
	assert_memory_equal(content, data, size);
	free(content);
}

/* Three parts, one of them empty, at offset 5. */
static enum ink_err write_parts(struct fixture *f, int fd)
{
	char text[] = "abcdefgh";
	struct iovec parts[] = { { text, 3 }, { text, 0 }, { text + 3, 5 } };

	return io_write(&f->fault.io, fd, parts, 3, 5);
}

static void short_and_interrupted_writes_are_taken_up_where_they_stopped(void **state)
{
	struct fixture *f = *state;

	for (size_t most = 1; most <= 9; most++)
		for (unsigned every = 0; every < 4; every++) {
			int fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC, 0600);

			if (every == 1) /* always interrupted would never end */
				every++;
			f->fault.write_size_max = most;
			f->fault.eintr_every = every;
			assert_ok(write_parts(f, fd));
			assert_content(f->path, "\0\0\0\0\0abcdefgh", 13);
			close(fd);
		}
}

static void an_error_in_the_middle_of_a_write_is_told(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_RDWR | O_CREAT, 0600);

	f->fault.write_size_max = 2;
	fault_io_arm(&f->fault, 3, FAULT_ALL, false, ENOSPC);
	assert_err(INK_ERR_IO, write_parts(f, fd));
	assert_int_equal(errno, ENOSPC);
	assert_content(f->path, "\0\0\0\0\0abcd", 9);
	close(fd);
}

static ssize_t write_nothing(void *ctx, int fd, const struct iovec *parts, int count,
			     uint64_t offset)
{
	(void)ctx;
	(void)fd;
	(void)parts;
	(void)count;
	(void)offset;
	return 0;
}

static void a_write_that_writes_nothing_does_not_go_on_for_ever(void **state)
{
	struct fixture *f = *state;

	f->fault.io.pwritev = write_nothing;
	assert_err(INK_ERR_IO, write_parts(f, 0));
	assert_int_equal(errno, EIO);
}

static void a_write_of_nothing_makes_no_call(void **state)
{
	struct fixture *f = *state;
	char nothing = 0;
	struct iovec part = { &nothing, 0 };

	assert_ok(io_write(&f->fault.io, -1, &part, 1, 0));
	assert_int_equal(f->fault.calls[FAULT_PWRITEV], 0);
}

static void a_read_stops_short_only_at_the_end_of_the_file(void **state)
{
	struct fixture *f = *state;
	char buf[32];
	size_t size;
	int fd;

	file_write(f->path, "0123456789", 10);
	fd = open(f->path, O_RDONLY);
	f->fault.eintr_every = 2;
	assert_ok(io_read(&f->fault.io, fd, buf, 4, 3, &size));
	assert_int_equal(size, 4);
	assert_memory_equal(buf, "3456", 4);
	assert_ok(io_read(&f->fault.io, fd, buf, sizeof(buf), 8, &size));
	assert_int_equal(size, 2);
	assert_ok(io_read(&f->fault.io, fd, buf, sizeof(buf), 100, &size));
	assert_int_equal(size, 0);
	fault_io_arm(&f->fault, 1, FAULT_ALL, false, EIO);
	size = 77;
	assert_err(INK_ERR_IO, io_read(&f->fault.io, fd, buf, 4, 0, &size));
	assert_int_equal(size, 77);
	close(fd);
}

static void closing_keeps_errno_and_takes_no_descriptor(void **state)
{
	(void)state;
	errno = EXDEV;
	io_close(io_system(), -1);
	assert_int_equal(errno, EXDEV);
	io_close(io_system(), open("/dev/null", O_RDONLY));
	assert_int_equal(errno, EXDEV);
}

static void the_system_follows_no_link_and_leaves_no_descriptor_to_children(void **state)
{
	struct fixture *f = *state;
	const struct io *io = io_system();
	char link[PATH_MAX];
	int fd;

	file_write(f->path, "x", 1);
	scratch_path(f->dir, "link", link);
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(io->open(io->ctx, link, O_RDONLY, 0), -1);
	assert_int_equal(errno, ELOOP);
	fd = io->open(io->ctx, f->path, O_RDWR, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(io->allocate(io->ctx, fd, 1, 999), 0);
	assert_int_equal(file_size(f->path), 1000);
	assert_int_equal(io->truncate(io->ctx, fd, 1), 0);
	assert_int_equal(file_size(f->path), 1);
	assert_int_equal(io->fdatasync(io->ctx, fd), 0);
	assert_int_equal(io->sync_dir(io->ctx, f->dir), 0);
	assert_int_equal(io->sync_dir(io->ctx, f->path), -1);
	assert_int_equal(io->close(io->ctx, fd), 0);
}

static void a_replaced_file_is_the_old_or_the_new_one_whatever_fails(void **state)
{
	struct fixture *f = *state;
	unsigned at;

	for (at = 1;; at++) {
		size_t size;
		uint8_t *content;
		enum ink_err err;

		file_write(f->path, "old", 3);
		fault_io_arm(&f->fault, at, FAULT_ALL, at % 2, EIO);
		err = io_replace_file(&f->fault.io, f->dir, f->path, "newer", 5);
		content = file_read(f->path, &size);
		assert_true((size == 3 && memcmp(content, "old", 3) == 0 && err != INK_OK) ||
			    (size == 5 && memcmp(content, "newer", 5) == 0));
		free(content);
		if (!fault_io_fired(&f->fault))
			break;
		assert_err(INK_ERR_IO, err);
	}
	assert_int_equal(at,
			 7); /* unlink, open, write, sync, rename, sync of the folder; then none */
}

static void a_file_is_synced_before_it_takes_its_name_and_the_folder_afterwards(void **state)
{
	struct fixture *f = *state;
	static const enum fault_call order[] = { FAULT_UNLINK,    FAULT_OPEN,   FAULT_PWRITEV,
						 FAULT_FDATASYNC, FAULT_RENAME, FAULT_SYNC_DIR };

	for (unsigned at = 1; at <= COUNT_OF(order); at++) {
		fault_io_arm(&f->fault, at, FAULT_ALL, false, EIO);
		assert_err(INK_ERR_IO, io_replace_file(&f->fault.io, f->dir, f->path, "x", 1));
		assert_int_equal(f->fault.fired, order[at - 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			short_and_interrupted_writes_are_taken_up_where_they_stopped, setup,
			teardown),
		cmocka_unit_test_setup_teardown(an_error_in_the_middle_of_a_write_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_write_that_writes_nothing_does_not_go_on_for_ever,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_write_of_nothing_makes_no_call, setup, teardown),
		cmocka_unit_test_setup_teardown(a_read_stops_short_only_at_the_end_of_the_file,
						setup, teardown),
		cmocka_unit_test_setup_teardown(closing_keeps_errno_and_takes_no_descriptor, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			the_system_follows_no_link_and_leaves_no_descriptor_to_children, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_replaced_file_is_the_old_or_the_new_one_whatever_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_is_synced_before_it_takes_its_name_and_the_folder_afterwards, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
