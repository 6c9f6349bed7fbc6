/* SPDX-License-Identifier: MIT */
/* Who opened what: OPEN and CLOSE as the audit option asks, also of files that are open when the driver ends. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "check.h"
#include "shared_mount.h"

static void begin(const char *options)
{
	forget_old_records();
	mounted_start(&mounted, options);
}

static int must_open(const char *name, int flags)
{
	int fd = open(mounted_path(&mounted, name), flags | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	return fd;
}

/* The driver hears of a last close(2) after it has returned; the records are waited for. */
static void wait_for_closes(struct seen_list *list, size_t close_count)
{
	mounted_records(&mounted, list);
	while (seen_count(list, INK_CLOSE) < close_count) {
		struct seen_list more;

		mounted_records(&mounted, &more);
		list->items =
			realloc(list->items, (list->count + more.count + 1) * sizeof(*list->items));
		assert_non_null(list->items);
		if (more.count > 0)
			memcpy(list->items + list->count, more.items,
			       more.count * sizeof(*more.items));
		list->count += more.count;
		free(more.items);
	}
}

static void assert_is_mine(const struct seen *seen, int accmode)
{
	assert_int_equal(seen->body.open.flags & O_ACCMODE, accmode);
	assert_int_equal(seen->header.uid, geteuid());
	assert_int_equal(seen_actor(&mounted, seen)->pid, getpid());
}

static const struct seen *find_close(const struct seen_list *list, int accmode)
{
	for (size_t i = 0; i < seen_count(list, INK_CLOSE); i++) {
		const struct seen *seen = seen_find(list, INK_CLOSE, i);

		if ((int)(seen->body.open.flags & O_ACCMODE) == accmode)
			return seen;
	}
	return NULL;
}

/* The last close(2) does not wait for its record, so these come in any order; those of one mode are alike. */
static void assert_pairs(const struct seen_list *list, const int *accmodes, size_t count)
{
	assert_int_equal(seen_count(list, INK_OPEN), count);
	assert_int_equal(seen_count(list, INK_CLOSE), count);
	for (size_t i = 0; i < count; i++) {
		const struct seen *closed = find_close(list, accmodes[i]);

		assert_is_mine(seen_find(list, INK_OPEN, i), accmodes[i]);
		assert_non_null(closed);
		assert_is_mine(closed, accmodes[i]);
	}
}

static void use_a_file(void)
{
	int fd = must_open("f", O_WRONLY | O_CREAT | O_APPEND);

	assert_int_equal(write(fd, "line\n", 5), 5);
	close(fd);
	close(must_open("f", O_RDONLY));
}

static void without_audit_nothing_is_recorded(void **state)
{
	struct seen_list list;

	(void)state;
	begin(NULL);
	use_a_file();
	mounted_stop(&mounted);
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_OPEN) + seen_count(&list, INK_CLOSE), 0);
	seen_free(&list);
}

static void audit_opens_records_writers(void **state)
{
	static const int accmodes[] = { O_WRONLY, O_RDWR };
	struct seen_list list;

	(void)state;
	begin("audit=opens");
	use_a_file();
	close(must_open("f", O_RDWR));
	wait_for_closes(&list, COUNT_OF(accmodes));
	assert_pairs(&list, accmodes, COUNT_OF(accmodes));
	seen_free(&list);
	mounted_stop(&mounted);
}

static void audit_reads_records_readers_too(void **state)
{
	static const int accmodes[] = { O_WRONLY, O_RDONLY };
	struct seen_list list;

	(void)state;
	begin("audit=reads");
	use_a_file();
	wait_for_closes(&list, COUNT_OF(accmodes));
	assert_pairs(&list, accmodes, COUNT_OF(accmodes));
	seen_free(&list);
	mounted_stop(&mounted);
}

/* In order: what was opened first is closed first, and the session ends behind all of them. */
static void assert_closed_at_the_end(const struct seen_list *list, const int *accmodes,
				     size_t count)
{
	assert_pairs(list, accmodes, count);
	assert_true(seen_find(list, INK_CLOSE, count - 1)->header.seq <
		    seen_find(list, INK_UNMOUNT, 0)->header.seq);
}

static void a_signal_closes_what_is_open(void **state)
{
	static const int accmodes[] = { O_WRONLY, O_RDONLY, O_WRONLY };
	struct seen_list list;
	int fds[3];

	(void)state;
	begin("audit=reads");
	fds[0] = must_open("f", O_WRONLY | O_APPEND);
	fds[1] = must_open("f", O_RDONLY);
	fds[2] = must_open("g", O_WRONLY | O_CREAT);
	assert_int_equal(write(fds[2], "held\n", 5), 5);
	mounted_end(&mounted, SIGTERM);
	mounted_records(&mounted, &list);
	assert_closed_at_the_end(&list, accmodes, COUNT_OF(accmodes));
	assert_int_equal(seen_find(&list, INK_UNMOUNT, 0)->body.unmount.reason, INK_UNMOUNT_SIGNAL);
	seen_free(&list);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
}

/* The mount point is free at once; the store is closed when the last handle is. */
static void a_lazy_unmount_ends_with_the_last_handle(void **state)
{
	static const int accmodes[] = { O_WRONLY };
	struct seen_list list;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	begin("audit=opens");
	fd = must_open("f", O_WRONLY | O_APPEND);
	assert_int_equal(umount2(mounted.point, MNT_DETACH), 0);
	assert_int_equal(write(fd, "late\n", 5), 5);
	close(fd);
	mounted.is_mounted = false;
	assert_int_equal(reap(mounted.driver), 0);
	mounted.driver = 0;
	mounted_records(&mounted, &list);
	assert_int_equal(seen_count(&list, INK_APPEND), 1);
	assert_closed_at_the_end(&list, accmodes, COUNT_OF(accmodes));
	seen_free(&list);
}

static void a_signal_after_a_lazy_unmount_closes_what_is_open(void **state)
{
	static const int accmodes[] = { O_WRONLY };
	struct seen_list list;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	begin("audit=opens");
	fd = must_open("f", O_WRONLY | O_APPEND);
	assert_int_equal(umount2(mounted.point, MNT_DETACH), 0);
	mounted_end(&mounted, SIGTERM);
	mounted_records(&mounted, &list);
	assert_closed_at_the_end(&list, accmodes, COUNT_OF(accmodes));
	seen_free(&list);
	close(fd);
}

static int prepare(void **state)
{
	(void)state;
	mounted_init(&mounted);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_audit_nothing_is_recorded),
		cmocka_unit_test(audit_opens_records_writers),
		cmocka_unit_test(audit_reads_records_readers_too),
		cmocka_unit_test(a_signal_closes_what_is_open),
		cmocka_unit_test(a_lazy_unmount_ends_with_the_last_handle),
		cmocka_unit_test(a_signal_after_a_lazy_unmount_closes_what_is_open),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, prepare, shared_unmount);
}
