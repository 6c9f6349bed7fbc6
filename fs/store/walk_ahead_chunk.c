/* SPDX-License-Identifier: MIT */
/* What is done with one chunk by itself: its memory, the frames in it, what is costly about them. */
#include "walk_ahead_private.h"

#include <stdlib.h>
#include <string.h>

#include "vkey.h"
#include "walk.h"

enum {
	CHUNK_ROOM = CHUNK_SIZE + INK_APPEND_SIZE_MAX + FRAME_ALIGN, /* the last frame's end */
	CHUNK_FRAMES_MAX = CHUNK_SIZE / FRAME_OFF_BODY + 1,
	GENESIS_OFF_SEAL_KEY = 64,
	SEAL_OFF_NEXT_KEY = 56,
};

void chunk_free(struct chunk *chunk)
{
	if (!chunk)
		return;
	free(chunk->bytes);
	free(chunk->frames);
	free(chunk->seals);
	free(chunk);
}

struct chunk *chunk_make(void)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->bytes = malloc(CHUNK_ROOM);
	chunk->frames = malloc(CHUNK_FRAMES_MAX * sizeof(chunk->frames[0]));
	chunk->seals = malloc(CHUNK_FRAMES_MAX * sizeof(chunk->seals[0]));
	if (chunk->bytes && chunk->frames && chunk->seals)
		return chunk;
	chunk_free(chunk);
	return NULL;
}

/* The key that signs from here on, as the log names it; a wrong one costs time alone, since the walk asks with the right one. */
static void follow_key(struct signer *signer, uint8_t kind, const uint8_t *body, uint32_t size)
{
	const uint8_t *key = NULL;

	if (kind == INK_GENESIS && size >= GENESIS_FIXED_SIZE)
		key = body + GENESIS_OFF_SEAL_KEY;
	else if ((kind == INK_EPOCH || kind == INK_REKEY) && size == EPOCH_BODY_SIZE)
		key = body + SEAL_OFF_NEXT_KEY;
	if (!key)
		return;
	memcpy(signer->key, key, INK_KEY_SIZE);
	signer->is_known = true;
}

static bool is_skipped(uint64_t skip_seq, const uint8_t *header)
{
	const struct ink_header h = { .kind = header[HEADER_OFF_KIND],
				      .seq = be64_load(header + HEADER_OFF_SEQ) };

	return walk_skips(skip_seq, &h);
}

void chunk_scan(struct chunk *chunk, uint64_t skip_seq, struct signer *signer)
{
	size_t at = 0;

	while (chunk->loaded - at >= FRAME_OFF_BODY && chunk->count < CHUNK_FRAMES_MAX) {
		const uint8_t *frame = chunk->bytes + at, *header = frame + FRAME_OFF_HEADER;
		uint32_t body_size = be32_load(header + HEADER_OFF_BODY_SIZE);
		uint8_t kind = header[HEADER_OFF_KIND];
		uint64_t size = frame_size(body_size);
		struct ahead_frame *f = &chunk->frames[chunk->count];

		if (memcmp(frame, FRAME_MAGIC, 4) != 0 || body_size > INK_APPEND_SIZE_MAX ||
		    chunk->pos + at + size > UINT32_MAX)
			break;
		if (kind != INK_APPEND && chunk->loaded - at < size)
			break; /* in whole at the start of the next chunk */
		*f = (struct ahead_frame){ .pos = (uint32_t)(chunk->pos + at), .bytes = frame };
		if ((kind == INK_SEAL || kind == INK_EPOCH) && signer->is_known) {
			f->seal = &chunk->seals[chunk->seal_count];
			memcpy(chunk->seals[chunk->seal_count++].key, signer->key, INK_KEY_SIZE);
		}
		follow_key(signer, kind, frame + FRAME_OFF_BODY, body_size);
		chunk->count++;
		at += size;
		if (at >= chunk->loaded) {
			chunk->is_hop = is_skipped(skip_seq, header);
			break;
		}
	}
	chunk->end = chunk->pos + at;
}

static void check_seal(struct ahead_frame *f)
{
	const uint8_t *entry = f->bytes + FRAME_OFF_HEADER, *nonce = f->bytes + FRAME_OFF_NONCE;
	const uint8_t *body = f->bytes + FRAME_OFF_BODY;
	uint8_t kind = f->header.kind;
	uint32_t size = f->header.body_size;

	if (size != (kind == INK_SEAL ? SEAL_BODY_SIZE : EPOCH_BODY_SIZE)) {
		f->seal = NULL;
		return;
	}
	f->seal->is_good[0] =
		record_signature_is_good(kind, entry, nonce, body, size, 0, f->seal->key);
	f->seal->is_good[1] =
		kind == INK_EPOCH && record_signature_is_good(kind, entry, nonce, body, size, 1,
							      body + SEAL_OFF_NEXT_KEY);
}

void chunk_hash(struct chunk *chunk, const struct io *io, uint64_t skip_seq)
{
	size_t size = (size_t)(chunk->end - chunk->pos), got = 0;

	if (size > chunk->loaded && !chunk->is_hop &&
	    io_read(io, chunk->file->fd, chunk->bytes + chunk->loaded, size - chunk->loaded,
		    chunk->pos + chunk->loaded, &got) != INK_OK)
		got = 0;
	if (size > chunk->loaded + got && !chunk->is_hop)
		chunk->count--; /* the last one is not whole */
	for (unsigned i = 0; i < chunk->count; i++) {
		struct ahead_frame *f = &chunk->frames[i];

		f->is_sound = frame_decode(f->bytes, &f->header, f->leaf) == INK_OK;
		if (!f->is_sound)
			continue;
		f->has_digest =
			walk_skips(skip_seq, &f->header) || frame_has_digest(f->bytes, &f->header);
		if (f->header.seq < skip_seq)
			f->seal = NULL;
		if (f->seal)
			check_seal(f);
	}
}
