/* SPDX-License-Identifier: MIT */
/* Bytes and files put into a store, segments renamed and doubled (class 2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attack.h"
#include "check.h"
#include "frame.h"
#include "hash.h"
#include "sample.h"
#include "scratch.h"

/* The last byte of @text to the end. */
static void splice_bytes(struct attempt *a, size_t at, size_t size, const char *text)
{
	char path[PATH_MAX];
	size_t old_size;
	uint8_t *data, *grown;

	scratch_path(a->scene->copy, SAMPLE_SEGMENT, path);
	data = file_read(path, &old_size);
	grown = malloc(old_size + size);
	assert_non_null(grown);
	memcpy(grown, data, at);
	for (size_t i = 0; i < size; i++)
		grown[at + i] = (uint8_t)text[i < strlen(text) ? i : strlen(text) - 1];
	memcpy(grown + at + size, data + at, old_size - at);
	file_write(path, grown, old_size + size);
	free(grown);
	free(data);
}

static void bytes_behind(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	expect_record(a, x.count);
	splice_bytes(a, attempt_place(&x, x.count), 1, "x");
	intruder_release(&x);
}

static void half_behind(struct attempt *a)
{
	struct intruder x;

	attempt_open(a, &x);
	a->path = SAMPLE_SEGMENT;
	a->offset = attempt_place(&x, x.count);
	a->size = 40;
	splice_bytes(a, a->offset, a->size, "inkFx");
	intruder_release(&x);
}

/* All that it says is known to anybody. Zeros at its end look like room written ahead: they are not reported. */
static void empty_segment_behind(struct attempt *a)
{
	uint8_t header[SEGMENT_HEADER_SIZE], leaf[INK_HASH_SIZE];
	char path[PATH_MAX];
	struct intruder x;

	attempt_open(a, &x);
	hash_leaf(intruder_header(&x, x.count - 1), HEADER_SIZE, leaf);
	segment_header_encode(1, x.count, x.store_id, leaf, header);
	a->path = "log/0000000001.seg";
	a->size = sizeof(header);
	while (header[a->size - 1] == 0)
		a->size--;
	scratch_path(a->scene->copy, a->path, path);
	file_write(path, header, sizeof(header));
	intruder_release(&x);
}

static void bytes_between(struct attempt *a)
{
	struct intruder x;
	size_t n;

	attempt_open(a, &x);
	n = intruder_find_line(&x, "select secret\n", 0);
	expect_record(a, n);
	splice_bytes(a, attempt_place(&x, n), 16, "x");
	intruder_release(&x);
}

static void put_foreign(struct attempt *a, const char *name)
{
	char path[PATH_MAX];

	scratch_path(a->scene->copy, name, path);
	file_write(path, "x", 1);
	a->path = name;
}

static void foreign_file(struct attempt *a)
{
	put_foreign(a, "log/notes.txt");
}

static void foreign_key(struct attempt *a)
{
	put_foreign(a, "keys/evil");
}

static void rename_in(struct attempt *a, const char *from, const char *to)
{
	char old_path[PATH_MAX], new_path[PATH_MAX];

	scratch_path(a->scene->copy, from, old_path);
	scratch_path(a->scene->copy, to, new_path);
	assert_int_equal(rename(old_path, new_path), 0);
}

static void segment_renamed(struct attempt *a)
{
	rename_in(a, SAMPLE_SEGMENT, "log/0000000001.seg");
}

static void segment_doubled(struct attempt *a)
{
	char from[PATH_MAX], to[PATH_MAX];
	size_t size;
	uint8_t *data;

	scratch_path(a->scene->copy, SAMPLE_SEGMENT, from);
	scratch_path(a->scene->copy, "log/0000000001.seg", to);
	data = file_read(from, &size);
	file_write(to, data, size);
	free(data);
}

static void pipe_for_file(struct attempt *a)
{
	char path[PATH_MAX];

	scratch_path(a->scene->copy, "vkey", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	a->path = "vkey";
}

#define FOUND(number, what, edit, code)                             \
	{                                                           \
		number, what, FROM_CLOSED, 0, edit, END_FOUND, code \
	}

const struct attack attacks_on_files[] = {
	FOUND(2, "a byte behind the last record", bytes_behind, INK_FIND_SEGMENT_TAIL),
	FOUND(2, "bytes between two records", bytes_between, INK_FIND_FRAME),
	FOUND(2, "a foreign file", foreign_file, INK_FIND_FOREIGN_FILE),
	FOUND(2, "a foreign file among the keys", foreign_key, INK_FIND_FOREIGN_FILE),
	{ 2, "the beginning of a record behind the closing one: never called closed", FROM_CLOSED,
	  0, half_behind, END_INTACT, INK_FIND_TORN_TAIL },
	{ 2, "a segment without a record behind the closing one: never called closed", FROM_CLOSED,
	  0, empty_segment_behind, END_INTACT, INK_FIND_TORN_TAIL },
	FOUND(2, "a pipe where a file belongs", pipe_for_file, INK_FIND_FOREIGN_FILE),
	FOUND(2, "a segment renamed", segment_renamed, INK_FIND_SEGMENT_MISSING),
	FOUND(2, "a segment doubled", segment_doubled, INK_FIND_SEGMENT_HEADER),
	{ 0 },
};
