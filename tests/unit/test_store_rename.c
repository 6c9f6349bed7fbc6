/* SPDX-License-Identifier: MIT */
/* Names that move, multiply and go, by the profile of the store. */
#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"
#include "names_fixture.h"

struct names {
	unsigned count;
	uint64_t parents[4], seqs[4];
};

static bool note_name(void *ctx, uint64_t parent, uint64_t seq)
{
	struct names *names = ctx;

	names->parents[names->count] = parent;
	names->seqs[names->count++] = seq;
	return names->count < 4;
}

static void nothing_is_renamed_linked_or_removed_in_the_strict_profile(void **state)
{
	struct names_fixture *f = *state;
	struct ink_attr attr;
	uint64_t a, d;
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;

	assert_ok(names_make(f, 1, "a", S_IFREG | 0644, &a));
	assert_ok(names_make(f, 1, "d", S_IFDIR | 0755, &d));
	assert_err(INK_ERR_DENIED, ink_rename(f->store, &trial_root, 1, "a", d, "b", 0));
	assert_true(last_record(f->path, INK_DENIED, &header, &body, &bytes));
	assert_true(header.inode == 1 && body.denied.op == INK_OP_RENAME &&
		    body.denied.second_inode == d);
	assert_memory_equal(body.denied.second_name.data, "b", 1);
	free(bytes);
	assert_err(INK_ERR_DENIED, ink_link(f->store, &trial_root, a, 1, "b", &attr));
	assert_err(INK_ERR_DENIED, ink_unlink(f->store, &trial_root, 1, "a", false));
	assert_err(INK_ERR_DENIED, ink_unlink(f->store, &trial_root, 1, "d", true));
	assert_err(INK_ERR_NOT_FOUND, ink_rename(f->store, &trial_root, 1, "nothing", 1, "b", 0));
	assert_err(INK_ERR_NOT_FOUND, ink_unlink(f->store, &trial_root, 1, "nothing", false));
	assert_int_equal(count_records(f->path, INK_DENIED), 4);
	assert_ok(ink_lookup(f->store, 1, "a", &attr));
	assert_ok(ink_lookup(f->store, 1, "d", &attr));
}

static void the_rotate_profile_renames_to_names_that_are_free(void **state)
{
	struct names_fixture *f = *state;
	struct ink_attr attr;
	uint64_t a, b, d, e;

	assert_ok(names_make(f, 1, "log", S_IFREG | 0644, &a));
	trial_append(f->store, a, "old", 3);
	assert_ok(ink_rename(f->store, &trial_user, 1, "log", 1, "log.1", 0));
	trial_append(f->store, a, " and late", 9); /* a handle opened before goes on */
	assert_err(INK_ERR_NOT_FOUND, ink_lookup(f->store, 1, "log", &attr));
	assert_ok(names_make(f, 1, "log", S_IFREG | 0644, &b));
	assert_err(INK_ERR_DENIED, ink_rename(f->store, &trial_user, 1, "log", 1, "log.1", 0));
	assert_err(INK_ERR_EXISTS,
		   ink_rename(f->store, &trial_user, 1, "log", 1, "log.1", 1 /* NOREPLACE */));
	assert_err(INK_ERR_DENIED,
		   ink_rename(f->store, &trial_user, 1, "log", 1, "log.1", 2 /* EXCHANGE */));
	assert_err(INK_ERR_DENIED,
		   ink_rename(f->store, &trial_user, 1, "log", 1, "log.2", 4 /* WHITEOUT */));
	assert_ok(names_make(f, 1, "d", S_IFDIR | 0755, &d));
	assert_ok(names_make(f, d, "e", S_IFDIR | 0755, &e));
	assert_err(INK_ERR_INVALID, ink_rename(f->store, &trial_user, 1, "d", e, "x", 0));
	assert_err(INK_ERR_INVALID, ink_rename(f->store, &trial_user, 1, "d", d, "x", 0));
	assert_err(
		INK_ERR_LIMIT,
		ink_rename(
			f->store, &trial_user, 1, "log", 1,
			"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
			"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
			"01234567890123456789012345678901234567890123456789012345",
			0));
	assert_ok(ink_rename(f->store, &trial_user, d, "e", 1, "e", 0));
	names_reopen(f);
	assert_ok(ink_lookup(f->store, 1, "log.1", &attr));
	assert_true(attr.inode == a && attr.size == 12);
	assert_ok(ink_lookup(f->store, 1, "e", &attr));
	assert_true(attr.inode == e);
}

static void hard_links_share_one_file_and_the_last_name_of_bytes_stays(void **state)
{
	struct names_fixture *f = *state;
	struct ink_attr attr;
	uint64_t a, d;

	assert_ok(names_make(f, 1, "a", S_IFREG | 0644, &a));
	assert_ok(names_make(f, 1, "d", S_IFDIR | 0755, &d));
	trial_append(f->store, a, "x", 1);
	assert_ok(ink_link(f->store, &trial_user, a, d, "b", &attr));
	assert_true(attr.inode == a && attr.nlink == 2);
	assert_err(INK_ERR_EXISTS, ink_link(f->store, &trial_user, a, d, "b", &attr));
	assert_err(INK_ERR_DENIED,
		   ink_link(f->store, &trial_user, d, 1, "c", &attr)); /* of a folder */
	assert_ok(ink_unlink(f->store, &trial_user, 1, "a", false));
	assert_err(INK_ERR_DENIED, ink_unlink(f->store, &trial_user, d, "b", false));
	assert_ok(ink_lookup(f->store, d, "b", &attr));
	assert_true(attr.inode == a && attr.nlink == 1);
	assert_err(INK_ERR_IS_DIR, ink_unlink(f->store, &trial_user, 1, "d", false));
	assert_err(INK_ERR_NOT_DIR, ink_unlink(f->store, &trial_user, d, "b", true));
	assert_err(INK_ERR_DENIED,
		   ink_unlink(f->store, &trial_user, 1, "d", true)); /* held a name */
}

static void what_holds_nothing_may_go(void **state)
{
	struct names_fixture *f = *state;
	struct ink_attr attr;
	uint64_t empty, folder;

	assert_ok(names_make(f, 1, "empty", S_IFREG | 0644, &empty));
	assert_ok(names_make(f, 1, "folder", S_IFDIR | 0755, &folder));
	assert_ok(ink_make(f->store, &trial_user, 1, "link", 0, "t", &attr));
	assert_ok(ink_unlink(f->store, &trial_user, 1, "empty", false));
	assert_ok(ink_unlink(f->store, &trial_user, 1, "folder", true));
	assert_ok(ink_unlink(f->store, &trial_user, 1, "link", false));
	assert_err(INK_ERR_NOT_FOUND, names_make(f, folder, "x", S_IFREG | 0644, NULL));
	assert_err(INK_ERR_NOT_FOUND, ink_link(f->store, &trial_user, empty, 1, "back", &attr));
	assert_ok(names_make(f, 1, "empty", S_IFREG | 0644, NULL)); /* the name is free */
	assert_true(count_records(f->path, INK_UNLINK) == 3);
}

static void an_inode_tells_its_names_and_which_record_made_each(void **state)
{
	struct names_fixture *f = *state;
	struct ink_caller nobody = { 0 };
	uint64_t a = trial_create(f->store, "a");
	struct ink_status status;
	struct names names = { 0 };
	struct ink_attr attr;

	assert_ok(ink_rename(f->store, &nobody, INK_ROOT_INODE, "a", INK_ROOT_INODE, "b", 0));
	ink_status(f->store, &status);
	assert_ok(ink_link(f->store, &nobody, a, INK_ROOT_INODE, "c", &attr));
	assert_ok(ink_each_name(f->store, a, note_name, &names));
	assert_int_equal(names.count, 2);
	assert_int_equal(names.parents[0], INK_ROOT_INODE);
	assert_int_equal(names.seqs[0], status.record_count - 1);
	assert_int_equal(names.seqs[1], status.record_count);
	names.count = 0;
	assert_ok(ink_each_name(f->store, a + 1, note_name, &names));
	assert_int_equal(names.count, 0);
}

int main(void)
{
#define S(name) cmocka_unit_test_setup_teardown(name, names_setup_strict, names_teardown)
#define R(name) cmocka_unit_test_setup_teardown(name, names_setup_rotate, names_teardown)
	const struct CMUnitTest tests[] = {
		S(nothing_is_renamed_linked_or_removed_in_the_strict_profile),
		R(an_inode_tells_its_names_and_which_record_made_each),
		R(the_rotate_profile_renames_to_names_that_are_free),
		R(hard_links_share_one_file_and_the_last_name_of_bytes_stays),
		R(what_holds_nothing_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
