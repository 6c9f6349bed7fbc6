/* SPDX-License-Identifier: MIT */
#include "store_edit.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "hash.h"
#include "merkle.h"
#include "sample.h"
#include "scratch.h"
#include "vkey.h"

enum {
	FILE_SIZE_MAX = 256 << 10,
	EDITS_MAX = 64,
	SEAL_KEY_OFF_SEED = 48,
	SEAL_OFF_TREE_SIZE = 8,
	SEAL_OFF_ROOT = 16,
	SEAL_OFF_NEXT_KEY = 56,
};

/* --- bytes of a file ----------------------------------------------------------------------- */

/* Take out @out bytes at @at, put @in there. */
static void splice(struct edited *edited, unsigned file, size_t at, size_t out, const uint8_t *in,
		   size_t in_size)
{
	size_t size = edited->files[file].size;
	uint8_t *old = edited->files[file].data, *fresh;

	if (at > size)
		at = size;
	if (out > size - at)
		out = size - at;
	if (size - out + in_size > FILE_SIZE_MAX)
		return;
	fresh = malloc(size - out + in_size + 1);
	FUZZ_REQUIRE(fresh);
	if (at > 0)
		memcpy(fresh, old, at);
	if (in_size > 0)
		memcpy(fresh + at, in, in_size);
	if (size > at + out)
		memcpy(fresh + at + in_size, old + at + out, size - at - out);
	free(old);
	edited->files[file].data = fresh;
	edited->files[file].size = size - out + in_size;
	edited->files[file].is_there = true;
}

static void overwrite(struct edited *edited, unsigned file, size_t at, struct fuzz_input *input)
{
	size_t size;
	const uint8_t *bytes = input_bytes(input, input_u8(input), &size);

	splice(edited, file, at, size, bytes, size);
}

/* --- frames -------------------------------------------------------------------------------- */

/* Start and size of frame @number modulo their count; false if there is none. */
static bool frame_of(const struct edited *edited, unsigned number, size_t *ret_at, size_t *ret_size)
{
	static size_t at[SAMPLE_FRAMES_MAX + 1];
	const uint8_t *log = edited->files[GOLDEN_LOG].data;
	size_t size = edited->files[GOLDEN_LOG].size;
	size_t count = size > SEGMENT_HEADER_SIZE ? sample_frames(log, size, at) : 0;

	if (count == 0 || at[number % count + 1] > size)
		return false;
	*ret_at = at[number % count];
	*ret_size = at[number % count + 1] - *ret_at;
	return true;
}

static void edit_frame(struct edited *edited, uint8_t kind, struct fuzz_input *input)
{
	uint8_t number = input_u8(input), other = input_u8(input), *frame;
	size_t at, size, other_at, other_size;

	if (!frame_of(edited, number, &at, &size))
		return;
	frame = fuzz_copy(edited->files[GOLDEN_LOG].data + at, size);
	switch (kind % 5) {
	case 0: /* bytes of the header or, behind it, of the body */
		overwrite(edited, GOLDEN_LOG, at + FRAME_OFF_HEADER + other, input);
		break;
	case 1: splice(edited, GOLDEN_LOG, at, size, NULL, 0); break;
	case 2: /* once more, somewhere */
		if (frame_of(edited, other, &other_at, &other_size))
			splice(edited, GOLDEN_LOG, other_at, 0, frame, size);
		break;
	case 3: /* moved */
		splice(edited, GOLDEN_LOG, at, size, NULL, 0);
		if (frame_of(edited, other, &other_at, &other_size))
			splice(edited, GOLDEN_LOG, other_at, 0, frame, size);
		break;
	default: { /* the log goes on in a second segment */
		uint8_t header[SEGMENT_HEADER_SIZE];
		const uint8_t *log = edited->files[GOLDEN_LOG].data, *store_id;

		store_id = log + SEGMENT_OFF_STORE_ID;
		segment_header_encode(1, be64_load(frame + FRAME_OFF_HEADER + HEADER_OFF_SEQ),
				      store_id, frame + FRAME_OFF_HEADER + HEADER_OFF_PREV, header);
		splice(edited, EDIT_SECOND, 0, FILE_SIZE_MAX, header, sizeof(header));
		splice(edited, EDIT_SECOND, sizeof(header), 0, log + at,
		       edited->files[GOLDEN_LOG].size - at);
		splice(edited, GOLDEN_LOG, at, FILE_SIZE_MAX, NULL, 0);
	}
	}
	free(frame);
}

static void edit(struct edited *edited, struct fuzz_input *input)
{
	uint8_t kind = input_u8(input);
	unsigned file = input_u8(input) % EDIT_COUNT;
	size_t at = 0, size;
	const uint8_t *bytes;

	if (kind % 8 < 3) {
		edit_frame(edited, file, input);
		return;
	}
	if (edited->files[file].size > 0)
		at = input_u32(input) % (edited->files[file].size + 1);
	switch (kind % 8) {
	case 3:
	case 4: overwrite(edited, file, at, input); break;
	case 5:
		bytes = input_bytes(input, input_u8(input), &size);
		splice(edited, file, at, 0, bytes, size);
		break;
	case 6: splice(edited, file, at, input_u16(input), NULL, 0); break;
	default: /* a piece of one file over another */
		size = input_u16(input);
		kind = input_u8(input) % EDIT_COUNT;
		if (size > 0 && at + size <= edited->files[file].size) {
			uint8_t *piece = fuzz_copy(edited->files[file].data + at, size);

			splice(edited, kind, input_u32(input) % FILE_SIZE_MAX, size, piece, size);
			free(piece);
		}
	}
}

/* --- an intruder --------------------------------------------------------------------------- */

struct intruder {
	uint8_t flags;
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	struct merkle tree;
	uint8_t prev[INK_HASH_SIZE];
};

static void sign_again(const struct intruder *intruder, uint8_t *frame, uint8_t kind,
		       uint32_t body_size)
{
	uint8_t *header = frame + FRAME_OFF_HEADER, *body = frame + FRAME_OFF_BODY;
	size_t signature_size = body_signature_size(kind), size;
	uint8_t message[SIGNED_SIZE_MAX];

	be64_store(body + SEAL_OFF_TREE_SIZE, intruder->tree.size);
	merkle_root(&intruder->tree, body + SEAL_OFF_ROOT);
	if (!(intruder->flags & EDIT_RESIGN))
		return;
	if (kind != INK_SEAL)
		memcpy(body + SEAL_OFF_NEXT_KEY, intruder->public_key, INK_KEY_SIZE);
	size = signed_message(body_domain(kind), header, frame + FRAME_OFF_NONCE, body,
			      body_size - signature_size, message);
	for (size_t i = 0; i < signature_size; i += INK_SIGNATURE_SIZE)
		crypto_sign_detached(body + body_size - signature_size + i, NULL, message, size,
				     intruder->secret_key);
}

static void repair_frames(struct intruder *intruder, uint8_t *data, size_t file_size)
{
	size_t pos = SEGMENT_HEADER_SIZE;

	while (pos + FRAME_OFF_BODY <= file_size && memcmp(data + pos, FRAME_MAGIC, 4) == 0) {
		uint8_t *frame = data + pos, *header = frame + FRAME_OFF_HEADER;
		uint32_t body_size = be32_load(header + HEADER_OFF_BODY_SIZE);
		uint8_t kind = header[HEADER_OFF_KIND];

		if (frame_size(body_size) > file_size - pos)
			return;
		be64_store(header + HEADER_OFF_SEQ, intruder->tree.size);
		memcpy(header + HEADER_OFF_PREV, intruder->prev, INK_HASH_SIZE);
		if ((kind == INK_SEAL && body_size == SEAL_BODY_SIZE) ||
		    ((kind == INK_EPOCH || kind == INK_REKEY) && body_size == EPOCH_BODY_SIZE))
			sign_again(intruder, frame, kind, body_size);
		hash_data(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE + body_size,
			  header + HEADER_OFF_DIGEST);
		hash_leaf(header, HEADER_SIZE, intruder->prev);
		memcpy(frame + FRAME_OFF_CHECK, intruder->prev, FRAME_CHECK_SIZE);
		merkle_append(&intruder->tree, intruder->prev);
		pos += frame_size(body_size);
	}
}

static void repair(struct edited *edited, const struct golden *golden)
{
	struct intruder intruder = { .flags = edited->flags };
	uint8_t *log = edited->files[GOLDEN_LOG].data, *second = edited->files[EDIT_SECOND].data;

	if (edited->files[GOLDEN_LOG].size < SEGMENT_HEADER_SIZE)
		return;
	merkle_init(&intruder.tree);
	crypto_sign_seed_keypair(intruder.public_key, intruder.secret_key,
				 golden->files[GOLDEN_SEAL_KEY].data + SEAL_KEY_OFF_SEED);
	hash_data(log, SEGMENT_OFF_HASH, log + SEGMENT_OFF_HASH);
	repair_frames(&intruder, log, edited->files[GOLDEN_LOG].size);
	if (edited->files[EDIT_SECOND].size < SEGMENT_HEADER_SIZE)
		return;
	segment_header_encode(1, intruder.tree.size, log + SEGMENT_OFF_STORE_ID, intruder.prev,
			      second);
	repair_frames(&intruder, second, edited->files[EDIT_SECOND].size);
}

/* --- all ----------------------------------------------------------------------------------- */

void edited_init(struct edited *edited, const struct golden *golden, struct fuzz_input *input)
{
	memset(edited, 0, sizeof(*edited));
	edited->flags = input_u8(input);
	for (unsigned i = 0; i < GOLDEN_COUNT; i++) {
		edited->files[i].data = fuzz_copy(golden->files[i].data, golden->files[i].size);
		edited->files[i].size = golden->files[i].size;
		edited->files[i].is_there = true;
	}
	for (unsigned i = 0; i < EDITS_MAX && input->size > 0; i++)
		edit(edited, input);
	if (edited->flags & (EDIT_REHASH | EDIT_RESIGN))
		repair(edited, golden);
	if (edited->flags & EDIT_NO_INDEX)
		edited->files[GOLDEN_INDEX].is_there = false;
	if (edited->flags & EDIT_NO_VKEY)
		edited->files[GOLDEN_VKEY].is_there = false;
	if (edited->flags & EDIT_NO_KEYS)
		edited->files[GOLDEN_SEAL_KEY].is_there = edited->files[GOLDEN_LOG_KEY].is_there =
			false;
}

void edited_release(struct edited *edited)
{
	for (unsigned i = 0; i < EDIT_COUNT; i++)
		free(edited->files[i].data);
	memset(edited, 0, sizeof(*edited));
}

void edited_write(const struct edited *edited, const struct golden *golden)
{
	char path[PATH_MAX];

	for (unsigned i = 0; i < EDIT_COUNT; i++) {
		scratch_path(golden->path,
			     i < GOLDEN_COUNT ? golden->files[i].name : "log/0000000001.seg", path);
		if (edited->files[i].is_there)
			file_write(path, edited->files[i].data, edited->files[i].size);
		else
			(void)unlink(path);
	}
}
