/* SPDX-License-Identifier: MIT */
/* Refusals by the thousand: folded, counted, and no burden to others. */
#include <errno.h>
#include <unistd.h>

#include "attempt.h"
#include "check.h"

static int unlink_again_and_again(void)
{
	for (unsigned i = 0; i < 1000; i++)
		if (unlink("f") == 0 || errno != EPERM)
			return -1;
	return 0;
}

static void a_flood_of_refusals_is_folded_and_counted(void **state)
{
	struct seen_list list;
	char folder[PATH_MAX];
	uint64_t count = 0, records = 0;

	(void)state;
	forget_old_records();
	assert_int_equal(reap(attempt_start(unlink_again_and_again, geteuid(), folder)), 0);
	assert_unchanged(folder);
	/* The last count is recorded at the latest when the store is closed. */
	mounted_stop(&mounted);
	mounted_records(&mounted, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i].header.kind != INK_DENIED)
			continue;
		records++;
		count += list.items[i].body.denied.count;
	}
	seen_free(&list);
	assert_int_equal(count, 1000);
	assert_in_range(records, 2, 20);
	mounted_start(&mounted, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_refusals_is_folded_and_counted),
	};

	if (!mounted_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, shared_mount, shared_unmount);
}
