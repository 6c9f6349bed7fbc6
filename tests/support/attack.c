/* SPDX-License-Identifier: MIT */
#include "attack.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "sample.h"
#include "scratch.h"

void expect_record(struct attempt *a, uint64_t seq)
{
	a->has_seq = true;
	a->seq = seq;
}

void expect_line(struct attempt *a, const struct intruder *x, size_t n, const char *path)
{
	expect_record(a, n);
	a->path = path;
	a->offset = be64_load(intruder_header(x, n) + HEADER_OFF_OFFSET);
	a->size = intruder_body_size(x, n);
}

void expect_seal_behind(struct attempt *a, const struct intruder *x, size_t n)
{
	while (intruder_kind(x, n) != INK_SEAL && intruder_kind(x, n) != INK_EPOCH)
		n++;
	expect_record(a, n);
}

void attempt_open(struct attempt *a, struct intruder *x)
{
	intruder_init(x, a->scene->copy);
}

void attempt_forge(struct intruder *x, size_t from, enum intruder_signs signs)
{
	intruder_forge(x, from, signs);
	intruder_write(x);
	intruder_release(x);
}

void attempt_poke(struct attempt *a, const char *name, long at)
{
	char path[PATH_MAX];
	size_t size;
	uint8_t *data;

	scratch_path(a->scene->copy, name, path);
	data = file_read(path, &size);
	data[at < 0 ? (long)size + at : at] ^= 0x04;
	file_write(path, data, size);
	free(data);
}

size_t attempt_place(const struct intruder *x, size_t n)
{
	size_t at = SEGMENT_HEADER_SIZE;

	for (size_t i = 0; i < n; i++)
		at += x->records[i].size;
	return at;
}

void attempt_poke_frame(struct attempt *a, const struct intruder *x, size_t n, size_t at)
{
	attempt_poke(a, SAMPLE_SEGMENT, (long)(attempt_place(x, n) + at));
}

void attempt_remove(struct attempt *a, const char *name)
{
	char path[PATH_MAX];

	scratch_path(a->scene->copy, name, path);
	tree_remove(path);
}
