/* SPDX-License-Identifier: MIT */
/* Attacks on what was recorded: bits, records, names (classes 1, 3 to 6 and 8). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attack.h"
#include "check.h"
#include "frame.h"
#include "sample.h"
#include "scratch.h"

#define SECRET "select secret\n"
#define SECRET_PATH "/db/query.log"

/* --- one bit --------------------------------------------------------------------------------- */

static void poke_secret(struct attempt *a, size_t at, bool is_line)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	if (is_line)
		expect_line(a, &x, n, SECRET_PATH);
	else
		expect_record(a, n);
	attempt_poke_frame(a, &x, n, at);
	intruder_release(&x);
}

static void payload_bit(struct attempt *a)
{
	poke_secret(a, FRAME_OFF_BODY + 7, true);
}

static void nonce_bit(struct attempt *a)
{
	poke_secret(a, FRAME_OFF_NONCE + 3, true);
}

static void header_bit(struct attempt *a)
{
	poke_secret(a, FRAME_OFF_HEADER + HEADER_OFF_WALL + 6, false);
}

static void check_bit(struct attempt *a)
{
	poke_secret(a, FRAME_OFF_CHECK, false);
}

static void magic_bit(struct attempt *a)
{
	poke_secret(a, 0, false);
}

static void padding_bit(struct attempt *a)
{
	poke_secret(a, FRAME_OFF_BODY + sizeof(SECRET) - 1, true);
}

static void seal_bit(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_SEAL, 0);
	expect_record(a, n);
	attempt_poke_frame(a, &x, n, FRAME_OFF_BODY + SEAL_BODY_SIZE - 1);
	intruder_release(&x);
}

static void segment_bit(struct attempt *a)
{
	attempt_poke(a, SAMPLE_SEGMENT, SEGMENT_OFF_STORE_ID);
}

static void vkey_bit(struct attempt *a)
{
	attempt_poke(a, "vkey", -3);
}

static void seal_key_bit(struct attempt *a)
{
	attempt_poke(a, "keys/seal.key", 50);
}

static void log_key_bit(struct attempt *a)
{
	attempt_poke(a, "keys/log.key", -4);
}

/* --- records, with all made anew that needs no key, or with the keys of the end --------------- */

static void record_removed(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	intruder_remove(&x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void record_removed_plainly(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	intruder_remove(&x, n);
	expect_record(a, n + 1);
	intruder_write(&x);
	intruder_release(&x);
}

static void records_swapped(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "the same line", 0);
	intruder_swap(&x, n, intruder_find_line(&x, "GET /one", 0));
	n = intruder_find_line(&x, "the same line", 0);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void record_doubled(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	intruder_insert(&x, n + 1, &x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n + 1, INTRUDER_SIGNS_OWN);
}

static void record_to_another_file(struct attempt *a)
{
	struct intruder x;
	size_t n, other;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "somebody logged in", 0);
	other = intruder_find_line(&x, SECRET, 0);
	memcpy(intruder_header(&x, n) + HEADER_OFF_INODE,
	       intruder_header(&x, other) + HEADER_OFF_INODE, 8);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void replayed(struct attempt *a, const char *from)
{
	struct intruder x, y;
	size_t n;

	attempt_open(a, &x);
	intruder_init(&y, from);
	n = intruder_find_line(&x, SECRET, 0);
	intruder_insert(&x, n, &y, intruder_find_line(&y, "application began", 0));
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
	intruder_release(&y);
}

static void replayed_from_another_store(struct attempt *a)
{
	replayed(a, a->scene->other);
}

static void replayed_from_an_older_copy(struct attempt *a)
{
	replayed(a, a->scene->old);
}

static void identical_line_removed(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "the same line", 0);
	n = intruder_find_line(&x, "the same line", n + 1);
	intruder_remove(&x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

/* --- names ----------------------------------------------------------------------------------- */

/* The record of @kind whose body holds @name. */
static size_t find_named(const struct intruder *x, uint8_t kind, const char *name)
{
	size_t n = intruder_find(x, kind, 0);

	while (!memmem(intruder_body(x, n), intruder_body_size(x, n), name, strlen(name)))
		n = intruder_find(x, kind, n + 1);
	return n;
}

static void name_changed(struct attempt *a)
{
	struct intruder x;
	size_t n;
	char *name;

	attempt_open(a, &x);
	n = find_named(&x, INK_CREATE, "app.log");
	name = memmem(intruder_body(&x, n), intruder_body_size(&x, n), "app.log", 7);
	name[2] = 'q';
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

/* Two files of one folder: each CREATE gets the inode of the other. */
static void names_swapped(struct attempt *a)
{
	struct intruder x;
	uint8_t kept[8], *one, *two;
	size_t n, m;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "GET /one", 0);
	m = intruder_find_line(&x, "application began", 0);
	one = intruder_header(&x, n) + HEADER_OFF_INODE;
	two = intruder_header(&x, m) + HEADER_OFF_INODE;
	memcpy(kept, one, 8);
	memcpy(one, two, 8);
	memcpy(two, kept, 8);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void rename_undone(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_RENAME, 0);
	intruder_remove(&x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void folder_moved(struct attempt *a)
{
	struct intruder x;
	size_t n, m;

	attempt_open(a, &x);
	m = find_named(&x, INK_MKDIR, "web");
	n = find_named(&x, INK_MKDIR, "db");
	memcpy(intruder_body(&x, n), intruder_header(&x, m) + HEADER_OFF_INODE, 8);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

/* --- payload alone, and what is shown -------------------------------------------------------- */

static void payload_edited(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	expect_line(a, &x, n, SECRET_PATH);
	for (size_t i = 7; i < 13; i++)
		attempt_poke_frame(a, &x, n, FRAME_OFF_BODY + i);
	intruder_release(&x);
}

static void payload_zeroed(struct attempt *a)
{
	char path[PATH_MAX];
	struct intruder x;
	uint8_t *data;
	size_t n, size;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	expect_line(a, &x, n, SECRET_PATH);
	scratch_path(a->scene->copy, SAMPLE_SEGMENT, path);
	data = file_read(path, &size);
	memset(data + attempt_place(&x, n) + FRAME_OFF_NONCE, 0,
	       INK_NONCE_SIZE + sizeof(SECRET) - 1);
	file_write(path, data, size);
	free(data);
	intruder_release(&x);
}

static void header_edited(struct attempt *a, size_t at)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, SECRET, 0);
	intruder_header(&x, n)[at] ^= 1;
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void time_edited(struct attempt *a)
{
	header_edited(a, HEADER_OFF_WALL + 5);
}

static void user_edited(struct attempt *a)
{
	header_edited(a, HEADER_OFF_UID + 3);
}

static void options_edited(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_MOUNT, 0);
	intruder_body(&x, n)[3] ^= 1;
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

static void refusal_removed(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find(&x, INK_DENIED, 0);
	intruder_remove(&x, n);
	expect_seal_behind(a, &x, n);
	attempt_forge(&x, n, INTRUDER_SIGNS_OWN);
}

#define FOUND(number, what, edit, code)                             \
	{                                                           \
		number, what, FROM_CLOSED, 0, edit, END_FOUND, code \
	}

const struct attack attacks_on_content[] = {
	FOUND(1, "a bit of a line", payload_bit, INK_FIND_DIGEST),
	FOUND(1, "a bit of a nonce", nonce_bit, INK_FIND_DIGEST),
	FOUND(1, "a bit of a record's header", header_bit, INK_FIND_FRAME),
	FOUND(1, "a bit of a frame's check", check_bit, INK_FIND_FRAME),
	FOUND(1, "a bit of a frame's magic", magic_bit, INK_FIND_FRAME),
	FOUND(1, "a bit of the padding", padding_bit, INK_FIND_FRAME),
	FOUND(1, "a bit of a seal", seal_bit, INK_FIND_DIGEST),
	FOUND(1, "a bit of a segment's header", segment_bit, INK_FIND_SEGMENT_HEADER),
	FOUND(1, "a bit of the key that is shown", vkey_bit, INK_FIND_VKEY_FILE),
	FOUND(1, "a bit of the seal key", seal_key_bit, INK_FIND_KEY_FILE),
	FOUND(1, "a bit of the log key", log_key_bit, INK_FIND_KEY_FILE),
	FOUND(3, "a record taken out, nothing else", record_removed_plainly, INK_FIND_SEQUENCE),
	FOUND(3, "a record taken out, all made anew", record_removed, INK_FIND_SIGNATURE),
	FOUND(3, "two records exchanged, all made anew", records_swapped, INK_FIND_SIGNATURE),
	FOUND(3, "a record doubled, all made anew", record_doubled, INK_FIND_SIGNATURE),
	FOUND(3, "a record moved to another file", record_to_another_file, INK_FIND_SIGNATURE),
	FOUND(3, "a record of another store put in", replayed_from_another_store,
	      INK_FIND_SIGNATURE),
	FOUND(3, "a record of an older copy put in", replayed_from_an_older_copy,
	      INK_FIND_SIGNATURE),
	FOUND(4, "one of three identical lines taken out", identical_line_removed,
	      INK_FIND_SIGNATURE),
	FOUND(5, "a file given another name in its record", name_changed, INK_FIND_SIGNATURE),
	FOUND(5, "the contents of two names exchanged", names_swapped, INK_FIND_SIGNATURE),
	FOUND(5, "a renaming taken out", rename_undone, INK_FIND_SIGNATURE),
	FOUND(5, "a folder moved", folder_moved, INK_FIND_SIGNATURE),
	FOUND(6, "a word edited, roots and seals left alone", payload_edited, INK_FIND_DIGEST),
	FOUND(6, "a line passed off as erased", payload_zeroed, INK_FIND_DIGEST),
	FOUND(8, "the time of a record edited, all made anew", time_edited, INK_FIND_SIGNATURE),
	FOUND(8, "the user of a record edited, all made anew", user_edited, INK_FIND_SIGNATURE),
	FOUND(8, "the options of a mount edited", options_edited, INK_FIND_SIGNATURE),
	FOUND(8, "a refused attempt taken out", refusal_removed, INK_FIND_SIGNATURE),
	{ 0 },
};
