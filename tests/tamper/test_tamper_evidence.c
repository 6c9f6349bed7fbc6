/* SPDX-License-Identifier: MIT */
/* Evidence files cut, mixed and edited: with the hash at their end made anew, as anybody can. */
#include "inkfs/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "check.h"
#include "evidence_format.h"
#include "hash.h"
#include "inkfs/checkpoint.h"
#include "sample.h"
#include "scratch.h"

static char path[PATH_MAX], other_path[PATH_MAX];
static char vkey[INK_VKEY_SIZE], other_vkey[INK_VKEY_SIZE];
static char note[INK_CHECKPOINT_SIZE_MAX], old_note[INK_CHECKPOINT_SIZE_MAX];
static size_t note_size, old_note_size;
static uint64_t record_count;
static uint64_t file_inode, file_seqs[64];
static size_t file_count;
static uint64_t file_size_bytes;

struct file {
	uint8_t *data;
	size_t size;
};

/* The file with the most APPENDs. */
static void find_file_with_appends(void)
{
	const struct ink_record *record;
	uint64_t counts[64] = { 0 };

	for (unsigned pass = 0; pass < 2; pass++) {
		struct ink_reader *reader;

		assert_ok(ink_reader_open(path, &reader, NULL));
		for (record_count = 0;; record_count++) {
			const struct ink_header *h;

			assert_ok(ink_reader_next(reader, &record));
			if (!record)
				break;
			h = &record->header;
			if (h->kind != INK_APPEND || h->inode >= COUNT_OF(counts))
				continue;
			if (pass == 0 && ++counts[h->inode] > counts[file_inode])
				file_inode = h->inode;
			if (pass == 1 && h->inode == file_inode) {
				file_seqs[file_count++] = h->seq;
				file_size_bytes += h->body_size;
			}
		}
		ink_reader_close(reader);
	}
	assert_true(file_count >= 3);
}

static int setup(void **state)
{
	char dir[PATH_MAX];
	struct ink_error error;

	(void)state;
	scratch_dir(dir);
	scratch_path(dir, "store", path);
	scratch_path(dir, "other", other_path);
	sample_init(path, vkey);
	sample_session(path);
	assert_ok(ink_checkpoint_make(path, NULL, old_note, &old_note_size, &error));
	find_file_with_appends();
	assert_ok(ink_store_close(sample_open(path), INK_UNMOUNT_ASKED));
	assert_ok(ink_checkpoint_make(path, NULL, note, &note_size, &error));
	sample_small(other_path, other_vkey);
	return 0;
}

static struct file make(const struct ink_evidence_request *request)
{
	struct ink_error error = { 0 };
	struct file file = { 0 };

	if (ink_evidence_make(path, request, &file.data, &file.size, &error) != INK_OK)
		print_error("%s\n", error.text);
	assert_non_null(file.data);
	return file;
}

static struct ink_evidence_request run_request(const uint64_t *seqs, size_t count)
{
	return (struct ink_evidence_request){ .claim = INK_CLAIM_RUN,
					      .first = seqs[0],
					      .last = seqs[count - 1],
					      .seqs = seqs,
					      .seq_count = count,
					      .checkpoint = { "note", note, note_size } };
}

static struct ink_evidence_request bytes_request(void)
{
	return (struct ink_evidence_request){ .claim = INK_CLAIM_BYTES,
					      .first = 0,
					      .last = file_size_bytes - 1,
					      .inode = file_inode,
					      .seqs = file_seqs,
					      .seq_count = file_count,
					      .checkpoint = { "note", note, note_size } };
}

static enum ink_err check(const struct file *file)
{
	struct ink_evidence evidence;
	struct ink_error error = { 0 };
	enum ink_err err = ink_evidence_check(file->data, file->size, vkey, NULL, NULL, NULL,
					      &evidence, &error);

	assert_true(err == INK_OK || error.text[0] != '\0');
	return err;
}

static void rehash(const struct file *file)
{
	hash_data(file->data, file->size - INK_HASH_SIZE, file->data + file->size - INK_HASH_SIZE);
}

/* The signature line of a seal key that is not the one in force behind the links: nobody can check it, nobody needs to. */
static bool is_in_epoch_line(const struct file *file, size_t at)
{
	size_t begin = at, end = at;
	bool is_epoch;

	while (begin > 0 && file->data[begin - 1] != '\n')
		begin--;
	while (end < file->size && file->data[end] != '\n')
		end++;
	is_epoch = memmem(file->data + begin, end - begin, "\xe2\x80\x94 ", 4) &&
		   memmem(file->data + begin, end - begin, "/epoch/", 7);
	return is_epoch;
}

/* How many single-byte changes go unnoticed where the hash was made anew. */
static void flip_all(struct file *file, size_t *ret_line_count, size_t *ret_other_count)
{
	*ret_line_count = *ret_other_count = 0;
	for (size_t at = 0; at < file->size - INK_HASH_SIZE; at++) {
		uint8_t kept = file->data[at];

		for (unsigned bit = 0; bit < 8; bit += 1 + at % 3) {
			bool was_line = is_in_epoch_line(file, at);

			file->data[at] = kept ^ (uint8_t)(1U << bit);
			assert_int_not_equal(check(file), INK_OK); /* the hash alone says it */
			rehash(file);
			if (check(file) == INK_OK) {
				*ret_line_count += was_line;
				*ret_other_count += !was_line;
				if (!was_line)
					print_error("byte %zu bit %u\n", at, bit);
			}
			file->data[at] = kept;
			rehash(file);
		}
	}
	assert_ok(check(file));
}

static void a_changed_byte_is_noticed_whatever_is_hashed_anew(void **state)
{
	const uint64_t last[] = { record_count - 1 };
	const uint64_t early[] = { file_seqs[0] };
	struct ink_evidence_request request = run_request(early, 1);
	size_t line_count, other_count;
	struct file file = make(&request);

	(void)state;
	/* Under the handover of its epoch: the seal key's line of the checkpoint counts for nothing. */
	flip_all(&file, &line_count, &other_count);
	assert_int_equal(other_count, 0);
	free(file.data);

	/* Of the last epoch: that line must be good too. */
	request = run_request(last, 1);
	request.checkpoint = (struct ink_checkpoint_text){ "old", old_note, old_note_size };
	file = make(&request);
	flip_all(&file, &line_count, &other_count);
	assert_int_equal(other_count, 0);
	assert_int_equal(line_count, 0);
	free(file.data);

	/* Short: the log key alone. */
	request = run_request(early, 1);
	request.is_short = true;
	file = make(&request);
	flip_all(&file, &line_count, &other_count);
	assert_int_equal(other_count, 0);
	free(file.data);
}

static void it_is_cut_at_every_length_and_never_good(void **state)
{
	struct ink_evidence_request request = bytes_request();
	struct file file = make(&request);

	(void)state;
	for (size_t size = 0; size < file.size; size++) {
		/* Its own heap block, so that a byte read too far is seen. */
		struct file cut = { malloc(size ? size : 1), size };

		memcpy(cut.data, file.data, size);
		assert_int_not_equal(check(&cut), INK_OK);
		if (size > INK_HASH_SIZE) {
			rehash(&cut);
			assert_int_not_equal(check(&cut), INK_OK);
		}
		free(cut.data);
	}
	free(file.data);
}

/* Where the records begin, and each of them. */
static size_t blocks_of(const struct file *file, size_t *ret_at)
{
	uint32_t links = be32_load(file->data + 40), records = be32_load(file->data + 44);
	size_t at = EVIDENCE_HEAD_SIZE;

	for (uint32_t i = 0; i < links; i++)
		at += HEADER_SIZE + INK_NONCE_SIZE + be32_load(file->data + at + 4);
	for (uint32_t i = 0; i < records; i++) {
		ret_at[i] = at;
		at += 1 + HEADER_SIZE + INK_NONCE_SIZE + be32_load(file->data + at + 1 + 4);
		at += 4 + be32_load(file->data + at);
		at += 1 + (size_t)file->data[at] * INK_HASH_SIZE;
	}
	ret_at[records] = at;
	assert_int_equal(at, file->size - INK_HASH_SIZE);
	return records;
}

/* @file without its record number @which. */
static struct file without(const struct file *file, const size_t *at, size_t count, size_t which)
{
	struct file cut = { malloc(file->size), file->size - (at[which + 1] - at[which]) };

	memcpy(cut.data, file->data, at[which]);
	memcpy(cut.data + at[which], file->data + at[which + 1], file->size - at[which + 1]);
	be32_store(cut.data + 44, (uint32_t)count - 1);
	rehash(&cut);
	return cut;
}

static void a_record_taken_out_of_what_is_claimed_is_missed(void **state)
{
	struct ink_evidence_request requests[2];
	uint64_t run[4];
	size_t at[80];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		run[i] = file_seqs[0] + i;
	requests[0] = bytes_request();
	requests[1] = run_request(run, 4);
	for (unsigned i = 0; i < 2; i++) {
		struct file file = make(&requests[i]);
		size_t count = blocks_of(&file, at);

		for (size_t which = 0; which < count; which++) {
			struct file cut = without(&file, at, count, which);

			assert_err(INK_ERR_DAMAGED, check(&cut));
			free(cut.data);
		}
		free(file.data);
	}
}

static void records_doubled_or_reordered_are_refused(void **state)
{
	struct ink_evidence_request request = bytes_request();
	struct file file = make(&request), bad;
	size_t at[80], count = blocks_of(&file, at);
	size_t first = at[1] - at[0], second = at[2] - at[1];

	(void)state;
	bad = (struct file){ malloc(file.size + first), file.size };
	memcpy(bad.data, file.data, file.size);
	memcpy(bad.data + at[0], file.data + at[1], second);
	memcpy(bad.data + at[0] + second, file.data + at[0], first);
	rehash(&bad);
	assert_err(INK_ERR_DAMAGED, check(&bad));
	memcpy(bad.data, file.data, at[1]);
	memcpy(bad.data + at[1], file.data + at[0], file.size - at[0]);
	bad.size = file.size + first;
	be32_store(bad.data + 44, (uint32_t)count + 1);
	rehash(&bad);
	assert_err(INK_ERR_DAMAGED, check(&bad));
	free(bad.data);
	free(file.data);
}

/* Each record of one file in the place of each of the other. */
static void mix(const struct file *a, const struct file *b)
{
	size_t at_a[80], at_b[80];
	size_t count_a = blocks_of(a, at_a), count_b = blocks_of(b, at_b);

	for (size_t i = 0; i < count_a; i++) {
		for (size_t j = 0; j < count_b; j++) {
			size_t size_b = at_b[j + 1] - at_b[j];
			struct file mixed = { malloc(a->size + size_b),
					      a->size - (at_a[i + 1] - at_a[i]) + size_b };

			memcpy(mixed.data, a->data, at_a[i]);
			memcpy(mixed.data + at_a[i], b->data + at_b[j], size_b);
			memcpy(mixed.data + at_a[i] + size_b, a->data + at_a[i + 1],
			       a->size - at_a[i + 1]);
			rehash(&mixed);
			assert_err(INK_ERR_DAMAGED, check(&mixed));
			free(mixed.data);
		}
	}
}

static void two_files_mixed_are_refused(void **state)
{
	struct ink_evidence_request request = bytes_request(), old_request = bytes_request();
	struct file now, old, other = { 0 };
	char other_note[INK_CHECKPOINT_SIZE_MAX];
	uint64_t seqs[] = { 4, 5, 6 };
	size_t other_note_size;
	struct ink_error error;

	(void)state;
	now = make(&request);
	/* The same records under an older checkpoint; records of another store. */
	old_request.checkpoint = (struct ink_checkpoint_text){ "old", old_note, old_note_size };
	old = make(&old_request);
	mix(&now, &old);
	mix(&old, &now);
	assert_ok(ink_checkpoint_make(other_path, NULL, other_note, &other_note_size, &error));
	request = run_request(seqs, 3);
	request.checkpoint = (struct ink_checkpoint_text){ "other", other_note, other_note_size };
	assert_ok(ink_evidence_make(other_path, &request, &other.data, &other.size, &error));
	mix(&now, &other);
	assert_err(INK_ERR_DAMAGED, check(&other)); /* whole, but of another key */
	free(now.data);
	free(old.data);
	free(other.data);
}

static void the_succession_may_have_no_gap_and_no_stranger(void **state)
{
	uint64_t last[] = { record_count - 1 };
	struct ink_evidence_request request = run_request(last, 1);
	struct file file = make(&request);
	size_t at = EVIDENCE_HEAD_SIZE, sizes[16];
	uint32_t links = be32_load(file.data + 40);

	(void)state;
	assert_in_range(links, 3, 16);
	for (uint32_t i = 0; i < links; i++) {
		sizes[i] = HEADER_SIZE + INK_NONCE_SIZE + be32_load(file.data + at + 4);
		at += sizes[i];
	}
	at = EVIDENCE_HEAD_SIZE;
	for (uint32_t i = 0; i < links; i++) { /* without link i */
		struct file cut = { malloc(file.size), file.size - sizes[i] };

		memcpy(cut.data, file.data, at);
		memcpy(cut.data + at, file.data + at + sizes[i], file.size - at - sizes[i]);
		be32_store(cut.data + 40, links - 1);
		rehash(&cut);
		assert_err(INK_ERR_DAMAGED, check(&cut));
		free(cut.data);
		at += sizes[i];
	}
	free(file.data);
}

static void what_is_not_covered_or_not_in_order_is_not_proved(void **state)
{
	uint64_t beyond[] = { record_count + 100 }, back[] = { 6, 5 };
	struct ink_evidence_request request = run_request(beyond, 1);
	struct ink_error error = { 0 };
	struct file file = { 0 };

	(void)state;
	assert_err(INK_ERR_NOT_FOUND,
		   ink_evidence_make(path, &request, &file.data, &file.size, &error));
	assert_non_null(strstr(error.text, "not covered by the checkpoint"));
	request = run_request(back, 2);
	assert_err(INK_ERR_INVALID,
		   ink_evidence_make(path, &request, &file.data, &file.size, &error));
	request = bytes_request();
	request.last++;
	assert_err(INK_ERR_DAMAGED,
		   ink_evidence_make(path, &request, &file.data, &file.size, &error));
	request = bytes_request();
	assert_int_not_equal(
		ink_evidence_make(other_path, &request, &file.data, &file.size, &error), INK_OK);
	assert_null(file.data);
}

/* Any bytes behind a good hash: an answer, never a crash, never good. */
static void noise_is_refused(void **state)
{
	struct ink_evidence_request request = bytes_request();
	struct file file = make(&request);
	struct rng rng;

	(void)state;
	rng_init(&rng, "noise in evidence");
	for (unsigned i = rounds(3000); i > 0; i--) {
		struct file bad = { malloc(file.size), file.size };

		memcpy(bad.data, file.data, file.size);
		for (uint64_t j = 1 + rng_below(&rng, 20); j > 0; j--) {
			/* Sizes and counts are what hurts most. */
			size_t at = rng_below(&rng, 3) == 0 ? 40 + rng_below(&rng, 160)
							    : rng_below(&rng, file.size);

			bad.data[at] = rng_below(&rng, 2) ? 0xff : (uint8_t)rng_next(&rng);
		}
		if (memcmp(bad.data, file.data, file.size - INK_HASH_SIZE) != 0) {
			rehash(&bad);
			if (check(&bad) == INK_OK) /* only in the line that counts for nothing */
				assert_memory_equal(bad.data, file.data, EVIDENCE_HEAD_SIZE);
		}
		free(bad.data);
	}
	free(file.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_byte_is_noticed_whatever_is_hashed_anew),
		cmocka_unit_test(it_is_cut_at_every_length_and_never_good),
		cmocka_unit_test(a_record_taken_out_of_what_is_claimed_is_missed),
		cmocka_unit_test(records_doubled_or_reordered_are_refused),
		cmocka_unit_test(two_files_mixed_are_refused),
		cmocka_unit_test(the_succession_may_have_no_gap_and_no_stranger),
		cmocka_unit_test(what_is_not_covered_or_not_in_order_is_not_proved),
		cmocka_unit_test(noise_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
