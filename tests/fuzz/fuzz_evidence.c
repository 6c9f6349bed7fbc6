/* SPDX-License-Identifier: MIT */
/*
 * Evidence files, and proofs as text: a byte that says what it is, then changes of good evidence or just any bytes.
 *
 * Good evidence of the golden store is made once.  Evidence is good only if it is that, byte for byte.  With its
 * hash made right again, which takes no key, it may show less; what it shows is what was recorded.  Texts that parse come out the same.
 */
#include <stdio.h>
#include <string.h>

#include "evidence_format.h"
#include "fuzz.h"
#include "golden.h"
#include "hash.h"
#include "inkfs/checkpoint.h"
#include "scratch.h"
#include "tlog.h"

enum { WHAT_TEXT = 1, WHAT_HASHED = 2, SEQ_COUNT = 3, EDITS_MAX = 32, TEXT_ROOM = 96 << 10 };

static char vkey[INK_VKEY_SIZE];
static const uint64_t seqs[SEQ_COUNT] = { 1, 7, 20 };
static uint8_t leaves[SEQ_COUNT][INK_HASH_SIZE];
static uint8_t *good;
static size_t good_size;
static bool is_known; /* leaves, from the good one */

static void prepare(void)
{
	struct ink_evidence_request request = { .claim = INK_CLAIM_RECORDS,
						.seqs = seqs,
						.seq_count = SEQ_COUNT };
	const struct golden *golden = golden_get();
	const char *path = golden->whole;
	char note[INK_CHECKPOINT_SIZE_MAX];
	struct ink_error error;
	size_t note_size;

	if (good)
		return;
	memcpy(vkey, golden->files[GOLDEN_VKEY].data, golden->files[GOLDEN_VKEY].size - 1);
	FUZZ_REQUIRE(ink_checkpoint_make(path, NULL, note, &note_size, &error) == INK_OK);
	request.checkpoint = (struct ink_checkpoint_text){ "checkpoint", note, note_size };
	FUZZ_REQUIRE(ink_evidence_make(path, &request, &good, &good_size, &error) == INK_OK);
}

/* u8 kind | u32 place | u8 count, bytes: over what is there, put in, or taken out. */
static uint8_t *change(uint8_t *data, size_t *size, struct fuzz_input *input)
{
	uint8_t kind = input_u8(input);
	size_t at = input_u32(input) % (*size + 1), count;
	const uint8_t *bytes = input_bytes(input, input_u8(input), &count);
	uint8_t *fresh;

	if (kind % 3 != 1 && count > *size - at)
		count = *size - at;
	if (count == 0)
		return data;
	if (kind % 3 == 0) {
		memcpy(data + at, bytes, count);
		return data;
	}
	fresh = malloc(*size + count);
	FUZZ_REQUIRE(fresh);
	memcpy(fresh, data, at);
	if (kind % 3 == 1) {
		memcpy(fresh + at, bytes, count);
		memcpy(fresh + at + count, data + at, *size - at);
		*size += count;
	} else {
		memcpy(fresh + at, data + at + count, *size - at - count);
		*size -= count;
	}
	free(data);
	return fresh;
}

static bool see_record(void *ctx, const struct ink_record *record, bool is_claimed,
		       struct ink_str tlog_proof)
{
	unsigned *count = ctx, i = 0;
	struct tlog_text text;

	(void)is_claimed;
	FUZZ_REQUIRE(record->body && tlog_proof_decode(tlog_proof, &text) == INK_OK);
	FUZZ_REQUIRE(text.number == record->header.seq);
	while (i < SEQ_COUNT && seqs[i] != record->header.seq)
		i++;
	FUZZ_REQUIRE(i < SEQ_COUNT);
	if (!is_known)
		memcpy(leaves[i], record->leaf, INK_HASH_SIZE);
	FUZZ_REQUIRE(memcmp(leaves[i], record->leaf, INK_HASH_SIZE) == 0);
	++*count;
	return true;
}

static void run_evidence(uint8_t what, struct fuzz_input *input)
{
	uint8_t *data = fuzz_copy(good, good_size);
	struct ink_evidence evidence;
	struct ink_error error = { 0 };
	size_t size = good_size;
	unsigned count = 0;
	enum ink_err err;

	for (unsigned i = 0; i < EDITS_MAX && input->size > 0; i++)
		data = change(data, &size, input);
	if ((what & WHAT_HASHED) && size >= EVIDENCE_SIZE_MIN)
		hash_data(data, size - INK_HASH_SIZE, data + size - INK_HASH_SIZE);
	err = ink_evidence_check(data, size, vkey, NULL, see_record, &count, &evidence, &error);
	FUZZ_REQUIRE(err == INK_OK || error.text[0]);
	if (size == good_size && memcmp(data, good, size) == 0)
		FUZZ_REQUIRE(err == INK_OK && count == SEQ_COUNT);
	else if (!(what & WHAT_HASHED))
		FUZZ_REQUIRE(err != INK_OK);
	FUZZ_REQUIRE(err == INK_OK || count == 0);
	is_known = is_known || err == INK_OK;
	free(data);
}

static void run_text(const struct fuzz_input *input)
{
	struct ink_str bytes = { (const char *)input->data, (uint32_t)input->size };
	uint8_t *out = malloc(TEXT_ROOM);
	struct tlog_text text;
	struct proof hashes;
	struct put put;

	FUZZ_REQUIRE(out);
	if (tlog_proof_decode(bytes, &text) == INK_OK) {
		put_init(&put, out, TEXT_ROOM);
		tlog_proof_put(&put, &text);
		FUZZ_REQUIRE(put.size == bytes.size && memcmp(out, bytes.data, put.size) == 0);
	}
	if (tlog_growth_decode(bytes, &text) == INK_OK) {
		put_init(&put, out, TEXT_ROOM);
		tlog_growth_put(&put, &text);
		FUZZ_REQUIRE(put.size == bytes.size && memcmp(out, bytes.data, put.size) == 0);
	}
	if (tlog_hashes_decode(bytes, &hashes) == INK_OK)
		FUZZ_REQUIRE(hashes.hash_count * (size_t)TLOG_HASH_LINE_SIZE == bytes.size);
	free(out);
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t what = input_u8(&input);

	prepare();
	if (!is_known)
		run_evidence(0, &(struct fuzz_input){ NULL, 0 });
	if (what & WHAT_TEXT)
		run_text(&input);
	else
		run_evidence(what, &input);
}

const struct fuzz_target fuzz_evidence = { "evidence", run, 4096 };
