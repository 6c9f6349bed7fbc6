/* SPDX-License-Identifier: MIT */
/*
 * Segments and the walk over them: flags (1: make headers, checks, digests and the chain right), u16 size of the
 * first segment, then the bytes of both.
 *
 * A walk ends, yields only what lies there and continues the chain, and goes on behind damage as a verifier does.
 */
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "mem_io.h"
#include "walk.h"

struct files {
	uint8_t *data[2];
	size_t size[2];
};

static void check_segment_header(const uint8_t *bytes)
{
	uint8_t again[SEGMENT_HEADER_SIZE];
	struct segment_header header;

	if (segment_header_decode(bytes, &header) != INK_OK)
		return;
	segment_header_encode(header.index, header.first_seq, header.store_id, header.prev, again);
	FUZZ_REQUIRE(memcmp(again, bytes, SEGMENT_HEADER_SIZE) == 0);
}

/* As far as lengths lead from frame to frame. */
static void repair_frames(uint8_t *data, size_t size, uint64_t *seq, uint8_t *prev)
{
	size_t pos = SEGMENT_HEADER_SIZE;

	while (pos + FRAME_OFF_BODY <= size && memcmp(data + pos, FRAME_MAGIC, 4) == 0) {
		uint8_t *frame = data + pos, *header = frame + FRAME_OFF_HEADER;
		uint32_t body_size = be32_load(header + HEADER_OFF_BODY_SIZE);

		if (body_size > size - pos - FRAME_OFF_BODY)
			break;
		be64_store(header + HEADER_OFF_SEQ, (*seq)++);
		memcpy(header + HEADER_OFF_PREV, prev, INK_HASH_SIZE);
		hash_data(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE + body_size,
			  header + HEADER_OFF_DIGEST);
		hash_leaf(header, HEADER_SIZE, prev);
		memcpy(frame + FRAME_OFF_CHECK, prev, FRAME_CHECK_SIZE);
		pos += frame_size(body_size);
	}
}

static void repair(struct files *files)
{
	uint8_t prev[INK_HASH_SIZE] = { 0 }, store_id[INK_STORE_ID_SIZE] = { 0 };
	uint64_t seq = 0;

	for (uint32_t i = 0; i < 2; i++) {
		if (files->size[i] < SEGMENT_HEADER_SIZE)
			return;
		segment_header_encode(i, seq, store_id, prev, files->data[i]);
		repair_frames(files->data[i], files->size[i], &seq, prev);
	}
}

static void check_record(const struct walk *walk, const struct files *files, uint64_t seq,
			 const uint8_t *prev)
{
	const struct ink_record *record = &walk->record;
	uint32_t segment = place_segment(record->place), at = place_offset(record->place);
	const struct ink_header *header = &record->header;
	uint8_t hash[INK_HASH_SIZE];
	const uint8_t *frame;

	FUZZ_REQUIRE(segment < 2 && at <= files->size[segment] &&
		     frame_size(header->body_size) <= files->size[segment] - at);
	frame = files->data[segment] + at;
	FUZZ_REQUIRE(memcmp(frame + FRAME_OFF_HEADER, record->entry, HEADER_SIZE) == 0);
	FUZZ_REQUIRE(memcmp(frame + FRAME_OFF_NONCE, record->nonce, INK_NONCE_SIZE) == 0);
	FUZZ_REQUIRE(header->body_size == 0 ||
		     memcmp(frame + FRAME_OFF_BODY, record->body, header->body_size) == 0);
	hash_leaf(record->entry, HEADER_SIZE, hash);
	FUZZ_REQUIRE(memcmp(hash, record->leaf, INK_HASH_SIZE) == 0);
	hash_data(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE + header->body_size, hash);
	FUZZ_REQUIRE(memcmp(hash, header->digest, INK_HASH_SIZE) == 0);
	FUZZ_REQUIRE(header->seq == seq && memcmp(header->prev, prev, INK_HASH_SIZE) == 0);
}

/* Whoever only wants a sound log: records up to the first step that is none. */
static uint64_t walk_sound(struct walk *walk, const struct files *files)
{
	uint8_t prev[INK_HASH_SIZE] = { 0 };
	enum walk_step step;
	uint64_t seq = 0;

	for (;;) {
		FUZZ_REQUIRE(walk_next(walk, &step) == INK_OK);
		if (step != WALK_RECORD)
			return seq;
		check_record(walk, files, seq, prev);
		memcpy(prev, walk->record.leaf, INK_HASH_SIZE);
		seq++;
	}
}

/* A verifier: on behind each fault, as long as there is something. */
static void walk_all(struct walk *walk, const struct files *files)
{
	size_t steps_max = (files->size[0] + files->size[1]) / 8 + 16;
	uint32_t segment = 0;
	bool is_zero, is_found = true;
	uint64_t tail_size;
	enum walk_step step;

	for (size_t steps = 0;; steps++) {
		FUZZ_REQUIRE(steps < steps_max);
		FUZZ_REQUIRE(walk_next(walk, &step) == INK_OK);
		if (step == WALK_RECORD)
			continue;
		if (step == WALK_BAD) {
			FUZZ_REQUIRE(walk->fault != WALK_SOUND && walk_fault_text(walk->fault));
			if (walk->has_record) {
				walk_accept(walk);
				continue;
			}
		}
		is_found = false;
		if (walk->fd >= 0) {
			FUZZ_REQUIRE(walk_tail(walk, &is_zero, &tail_size) == INK_OK);
			FUZZ_REQUIRE(walk_resync(walk, &is_found) == INK_OK);
		}
		if (is_found)
			continue;
		if (++segment > 2 || walk_enter(walk, segment) != INK_OK)
			return;
	}
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	bool is_repaired = input_u8(&input) & 1;
	size_t first = input_u16(&input);
	struct files files = { 0 };
	struct mem_io mem;
	struct walk walk;
	uint64_t count;

	files.data[0] = fuzz_copy(input.data, first < input.size ? first : input.size);
	(void)input_bytes(&input, first, &files.size[0]);
	files.data[1] = fuzz_copy(input.data, input.size);
	files.size[1] = input.size;
	if (is_repaired)
		repair(&files);
	for (unsigned i = 0; i < 2; i++)
		if (files.size[i] >= SEGMENT_HEADER_SIZE)
			check_segment_header(files.data[i]);

	mem_io_init(&mem);
	mem_io_put(&mem, "0000000000.seg", files.data[0], files.size[0]);
	if (files.size[1] > 0)
		mem_io_put(&mem, "0000000001.seg", files.data[1], files.size[1]);
	FUZZ_REQUIRE(walk_open(&walk, &mem.io, "log") == INK_OK);
	count = walk_sound(&walk, &files);
	walk_close(&walk);
	FUZZ_REQUIRE(walk_open(&walk, &mem.io, "log") == INK_OK);
	FUZZ_REQUIRE(walk_sound(&walk, &files) == count);
	walk_all(&walk, &files);
	walk_close(&walk);
	mem_io_release(&mem);
	free(files.data[0]);
	free(files.data[1]);
}

const struct fuzz_target fuzz_segment = { "segment", run, 16384 };
