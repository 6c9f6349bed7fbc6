/* SPDX-License-Identifier: MIT */
/* Names that are made, listed and told, and attributes, of an open store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "names_fixture.h"

static void names_of_255_bytes_are_taken_and_of_256_not(void **state)
{
	struct names_fixture *f = *state;
	char name[300];
	struct ink_attr attr;

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	assert_ok(names_make(f, 1, name, S_IFREG | 0644, NULL));
	assert_err(INK_ERR_EXISTS, names_make(f, 1, name, S_IFREG | 0644, NULL));
	assert_ok(ink_lookup(f->store, 1, name, &attr));
	name[255] = 'n';
	name[256] = 0;
	assert_err(INK_ERR_LIMIT, names_make(f, 1, name, S_IFREG | 0644, NULL));
	assert_err(INK_ERR_LIMIT, ink_lookup(f->store, 1, name, &attr));
	assert_err(INK_ERR_INVALID, names_make(f, 1, "", S_IFREG | 0644, NULL));
	assert_err(INK_ERR_INVALID, names_make(f, 1, ".", S_IFREG | 0644, NULL));
	assert_err(INK_ERR_INVALID, names_make(f, 1, "..", S_IFDIR | 0755, NULL));
	assert_err(INK_ERR_INVALID, names_make(f, 1, "a/b", S_IFREG | 0644, NULL));
	assert_ok(names_make(f, 1, "\xff\x80 \n", S_IFREG | 0644, NULL));
}

static void a_parent_must_be_a_folder_that_is_there(void **state)
{
	struct names_fixture *f = *state;
	uint64_t file, parent;

	assert_ok(names_make(f, 1, "file", S_IFREG | 0644, &file));
	assert_err(INK_ERR_NOT_DIR, names_make(f, file, "x", S_IFREG | 0644, NULL));
	assert_err(INK_ERR_NOT_FOUND, names_make(f, 99, "x", S_IFREG | 0644, NULL));
	assert_err(INK_ERR_NOT_DIR, ink_parent(f->store, file, &parent));
	assert_ok(ink_parent(f->store, 1, &parent));
	assert_true(parent == 1);
}

static void targets_of_links_have_1_to_4095_bytes(void **state)
{
	struct names_fixture *f = *state;
	char target[5000], out[INK_TARGET_SIZE_MAX + 1];
	struct ink_attr attr;

	memset(target, 't', sizeof(target));
	target[4096] = 0;
	assert_err(INK_ERR_LIMIT, ink_make(f->store, &trial_user, 1, "l", 0, target, &attr));
	target[4095] = 0;
	assert_ok(ink_make(f->store, &trial_user, 1, "l", 0, target, &attr));
	assert_true(S_ISLNK(attr.mode) && attr.size == 4095);
	assert_ok(ink_readlink(f->store, attr.inode, out));
	assert_string_equal(out, target);
	assert_err(INK_ERR_NOT_FOUND, ink_make(f->store, &trial_user, 1, "e", 0, "", &attr));
	assert_err(INK_ERR_INVALID, ink_readlink(f->store, 1, out));
}

static void what_is_no_file_folder_or_link_is_refused_and_recorded(void **state)
{
	struct names_fixture *f = *state;
	static const uint32_t types[] = { S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK };
	struct ink_header header;
	union ink_body body;
	uint8_t *bytes;

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%zu", i);
		assert_err(INK_ERR_DENIED, names_make(f, 1, name, types[i] | 0644, NULL));
		assert_true(last_record(f->path, INK_DENIED, &header, &body, &bytes));
		assert_true(body.denied.op == INK_OP_MKNOD &&
			    body.denied.flags == (types[i] | 0644));
		assert_memory_equal(body.denied.name.data, name, 2);
		free(bytes);
	}
}

static void a_folder_with_set_gid_hands_its_group_down(void **state)
{
	struct names_fixture *f = *state;
	struct ink_setattr change = { .mask = INK_ATTR_GID | INK_ATTR_MODE,
				      .gid = 77,
				      .mode = 02775 };
	struct ink_attr attr;
	uint64_t folder;

	assert_ok(names_make(f, 1, "shared", S_IFDIR | 0755, &folder));
	assert_ok(ink_setattr(f->store, &trial_root, folder, &change, &attr));
	assert_ok(ink_make(f->store, &trial_user, folder, "file", S_IFREG | 0644, NULL, &attr));
	assert_true(attr.gid == 77 && attr.uid == 1000 && attr.mode == (S_IFREG | 0644));
	assert_ok(ink_make(f->store, &trial_user, folder, "sub", S_IFDIR | 0755, NULL, &attr));
	assert_true(attr.gid == 77 && attr.mode == (S_IFDIR | 02755));
	assert_ok(ink_make(f->store, &trial_user, 1, "plain", S_IFREG | 0644, NULL, &attr));
	assert_true(attr.gid == 1000);
}

static void attributes_that_change_nothing_make_no_record(void **state)
{
	struct names_fixture *f = *state;
	struct ink_setattr change = { .mask = INK_ATTR_MODE, .mode = 0644 };
	struct ink_attr before, after;
	uint64_t file, count;

	assert_ok(names_make(f, 1, "a", S_IFREG | 0644, &file));
	assert_ok(ink_getattr(f->store, file, &before));
	count = count_records(f->path, 0);
	assert_ok(ink_setattr(f->store, &trial_user, file, &change, &after));
	change = (struct ink_setattr){ .mask = INK_ATTR_UID | INK_ATTR_GID | INK_ATTR_ATIME |
					       INK_ATTR_MTIME,
				       .uid = 1000,
				       .gid = 1000,
				       .atime_ns = before.atime_ns,
				       .mtime_ns = before.mtime_ns };
	assert_ok(ink_setattr(f->store, &trial_user, file, &change, &after));
	assert_true(count_records(f->path, 0) == count);
	assert_memory_equal(&before, &after, sizeof(before));
	change.mtime_ns = 5;
	assert_ok(ink_setattr(f->store, &trial_user, file, &change, &after));
	assert_true(count_records(f->path, INK_ATTR) == 1 && after.mtime_ns == 5);
	assert_true(after.atime_ns == before.atime_ns && after.btime_ns == before.btime_ns);
	names_reopen(f);
	assert_ok(ink_getattr(f->store, file, &before));
	assert_memory_equal(&before, &after, sizeof(before));
	assert_err(INK_ERR_NOT_FOUND, ink_setattr(f->store, &trial_user, 99, &change, &after));
}

static void set_id_bits_do_not_survive_a_new_owner_given_by_another_than_root(void **state)
{
	struct names_fixture *f = *state;
	struct ink_setattr mode = { .mask = INK_ATTR_MODE, .mode = 06755 };
	struct ink_setattr owner = { .mask = INK_ATTR_GID, .gid = 5 };
	struct ink_attr attr;
	uint64_t file;

	assert_ok(names_make(f, 1, "a", S_IFREG | 0755, &file));
	assert_ok(ink_setattr(f->store, &trial_user, file, &mode, &attr));
	assert_true(attr.mode == (S_IFREG | 06755));
	assert_ok(ink_setattr(f->store, &trial_user, file, &owner, &attr));
	assert_true(attr.mode == (S_IFREG | 0755) && attr.gid == 5);
	assert_ok(ink_setattr(f->store, &trial_user, file, &mode, &attr));
	owner.gid = 6;
	assert_ok(ink_setattr(f->store, &trial_root, file, &owner, &attr));
	assert_true(attr.mode == (S_IFREG | 06755) && attr.gid == 6);
}

struct listing {
	unsigned count;
	unsigned stop_after; /* 0: never */
	uint64_t cookies[1000];
	char names[1000][32];
};

static bool take_entry(void *ctx, const struct ink_entry *entry)
{
	struct listing *l = ctx;

	assert_true(l->count < 1000);
	l->cookies[l->count] = entry->cookie;
	snprintf(l->names[l->count], 32, "%.*s", (int)entry->name_size, entry->name);
	return ++l->count != l->stop_after;
}

static void cookies_stay_while_a_folder_grows_and_the_store_is_opened_anew(void **state)
{
	struct names_fixture *f = *state;
	static struct listing before, after;
	unsigned made = 0;

	for (; made < 300; made++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", made);
		assert_ok(names_make(f, 1, name, S_IFREG | 0644, NULL));
	}
	before = after = (struct listing){ 0 };
	assert_ok(ink_readdir(f->store, 1, 0, take_entry, &before));
	assert_int_equal(before.count, 300);
	names_reopen(f);
	for (; made < 350; made++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", made);
		assert_ok(names_make(f, 1, name, S_IFREG | 0644, NULL));
	}
	/* In pieces of seven, each from the last cookie. */
	after.stop_after = 7;
	for (uint64_t cookie = 0;; cookie = after.cookies[after.count - 1]) {
		unsigned count = after.count;

		after.stop_after = count + 7;
		assert_ok(ink_readdir(f->store, 1, cookie, take_entry, &after));
		if (after.count == count)
			break;
	}
	assert_int_equal(after.count, 350);
	assert_memory_equal(before.cookies, after.cookies, 300 * sizeof(before.cookies[0]));
	for (unsigned i = 0; i < 350; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		assert_string_equal(after.names[i], name);
		assert_true(after.cookies[i] > 2 &&
			    (i == 0 || after.cookies[i] > after.cookies[i - 1]));
	}
	assert_err(INK_ERR_NOT_FOUND, ink_readdir(f->store, 999, 0, take_entry, &after));
}

static void a_listing_is_of_one_folder_alone(void **state)
{
	struct names_fixture *f = *state;
	static struct listing l;
	uint64_t a, b;

	assert_ok(names_make(f, 1, "a", S_IFDIR | 0755, &a));
	assert_ok(names_make(f, 1, "b", S_IFDIR | 0755, &b));
	assert_ok(names_make(f, b, "in b", S_IFREG | 0644, NULL));
	assert_ok(names_make(f, a, "in a", S_IFREG | 0644, NULL));
	l = (struct listing){ 0 };
	assert_ok(ink_readdir(f->store, a, 0, take_entry, &l));
	assert_int_equal(l.count, 1);
	assert_string_equal(l.names[0], "in a");
}

static void a_path_is_told_from_the_root_and_cut_at_the_front(void **state)
{
	struct names_fixture *f = *state;
	char path[PATH_MAX], name[256], small[16];
	uint64_t folder = 1;

	ink_path(f->store, 1, path, sizeof(path));
	assert_string_equal(path, "/");
	ink_path(f->store, 99, path, sizeof(path));
	assert_string_equal(path, "(inode 99)");
	assert_ok(names_make(f, 1, "a", S_IFDIR | 0755, &folder));
	assert_ok(names_make(f, folder, "bcdefghijklmnopqrst", S_IFDIR | 0755, &folder));
	ink_path(f->store, folder, path, sizeof(path));
	assert_string_equal(path, "/a/bcdefghijklmnopqrst");
	ink_path(f->store, folder, small, sizeof(small));
	assert_string_equal(small, "\u2026ijklmnopqrst");
	for (size_t size = 1; size < 30; size++) {
		memset(path, 'z', sizeof(path));
		ink_path(f->store, folder, path, size);
		assert_true(strnlen(path, size) < size);
		assert_int_equal(path[size], 'z');
	}
	memset(name, 'n', 255);
	name[255] = 0;
	for (unsigned i = 0; i < 20; i++)
		assert_ok(names_make(f, folder, name, S_IFDIR | 0755, &folder));
	ink_path(f->store, folder, path, sizeof(path));
	assert_memory_equal(path, "\u2026", 3);
	assert_true(strlen(path) > 3000);
}

static void a_byte_of_a_file_leads_to_the_run_that_holds_it(void **state)
{
	enum { SIZE = 40000 };
	struct names_fixture *f = *state;
	uint64_t a = trial_create(f->store, "a"), b = trial_create(f->store, "b");
	char *data = calloc(1, SIZE);
	struct ink_run run;
	uint64_t place;

	assert_int_equal(ink_run_at(f->store, a, 0, &run), INK_ERR_NOT_FOUND);
	for (int i = 0; i < 4; i++)
		trial_append(f->store, i == 3 ? b : a, data, SIZE);
	free(data);
	/* The second record ends behind 64 KiB, so it begins a run. */
	assert_ok(ink_run_at(f->store, a, 0, &run));
	assert_int_equal(run.offset, 0);
	assert_ok(ink_run_at(f->store, a, SIZE - 1, &run));
	assert_int_equal(run.offset, 0);
	assert_ok(ink_run_at(f->store, a, 2 * SIZE - 1, &run));
	assert_int_equal(run.offset, SIZE);
	assert_ok(ink_place(f->store, run.seq, &place));
	assert_int_equal(run.place, place);
}

int main(void)
{
#define S(name) cmocka_unit_test_setup_teardown(name, names_setup_strict, names_teardown)
#define R(name) cmocka_unit_test_setup_teardown(name, names_setup_rotate, names_teardown)
	const struct CMUnitTest tests[] = {
		S(names_of_255_bytes_are_taken_and_of_256_not),
		S(a_parent_must_be_a_folder_that_is_there),
		S(targets_of_links_have_1_to_4095_bytes),
		S(what_is_no_file_folder_or_link_is_refused_and_recorded),
		S(a_folder_with_set_gid_hands_its_group_down),
		S(attributes_that_change_nothing_make_no_record),
		S(set_id_bits_do_not_survive_a_new_owner_given_by_another_than_root),
		S(cookies_stay_while_a_folder_grows_and_the_store_is_opened_anew),
		S(a_listing_is_of_one_folder_alone),
		R(a_byte_of_a_file_leads_to_the_run_that_holds_it),
		S(a_path_is_told_from_the_root_and_cut_at_the_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
