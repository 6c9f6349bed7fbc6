/* SPDX-License-Identifier: MIT */
/*
 * Frames and record headers: flags (1: make the check right, 2: make the digest right), then a frame.
 * What decodes is canonical, and says of itself what RFC 6962 says of the header's bytes.
 */
#include <string.h>

#include "frame.h"
#include "fuzz.h"
#include "hash.h"

static void check_header(const uint8_t *entry)
{
	uint8_t again[HEADER_SIZE];
	struct ink_header header;

	if (header_decode(entry, &header) != INK_OK)
		return;
	FUZZ_REQUIRE(ink_kind_name(header.kind));
	FUZZ_REQUIRE(header.body_size <= body_size_max(header.kind));
	header_encode(&header, again);
	FUZZ_REQUIRE(memcmp(again, entry, HEADER_SIZE) == 0);
}

static void check_frame(const uint8_t *frame)
{
	uint8_t leaf[INK_HASH_SIZE], own[INK_HASH_SIZE];
	struct frame_head again;
	struct ink_header header;

	if (frame_decode(frame, &header, leaf) != INK_OK)
		return;
	hash_leaf(frame + FRAME_OFF_HEADER, HEADER_SIZE, own);
	FUZZ_REQUIRE(memcmp(leaf, own, INK_HASH_SIZE) == 0);
	frame_encode(&header, frame + FRAME_OFF_NONCE, &again);
	FUZZ_REQUIRE(memcmp(again.bytes, frame, FRAME_OFF_BODY) == 0);
	FUZZ_REQUIRE(memcmp(again.leaf, leaf, INK_HASH_SIZE) == 0);
}

static void check_digest(const uint8_t *frame, size_t size, bool is_repaired)
{
	struct ink_header header;

	if (header_decode(frame + FRAME_OFF_HEADER, &header) != INK_OK ||
	    header.body_size > size - FRAME_OFF_BODY)
		return;
	if (is_repaired)
		FUZZ_REQUIRE(frame_has_digest(frame, &header) ==
			     (header.body_size == size - FRAME_OFF_BODY));
	else
		(void)frame_has_digest(frame, &header);
}

static void run(const uint8_t *data, size_t size)
{
	uint8_t flags, *frame, leaf[INK_HASH_SIZE];

	if (size < 1 + FRAME_OFF_BODY)
		return;
	flags = data[0];
	size--;
	frame = fuzz_copy(data + 1, size);
	if (flags & 2)
		hash_data(frame + FRAME_OFF_NONCE, size - FRAME_OFF_NONCE,
			  frame + FRAME_OFF_HEADER + HEADER_OFF_DIGEST);
	if (flags & 1) {
		hash_leaf(frame + FRAME_OFF_HEADER, HEADER_SIZE, leaf);
		memcpy(frame + FRAME_OFF_CHECK, leaf, FRAME_CHECK_SIZE);
	}
	check_header(frame + FRAME_OFF_HEADER);
	check_frame(frame);
	check_digest(frame, size, flags & 2);
	free(frame);
}

const struct fuzz_target fuzz_frame = { "frame", run, 1024 };
