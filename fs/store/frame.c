/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include "hash.h"

void frame_encode(const struct ink_header *header, const uint8_t nonce[static INK_NONCE_SIZE],
		  struct frame_head *ret_head)
{
	uint8_t *p = ret_head->bytes;

	memcpy(p, FRAME_MAGIC, 4);
	header_encode(header, p + FRAME_OFF_HEADER);
	hash_leaf(p + FRAME_OFF_HEADER, HEADER_SIZE, ret_head->leaf);
	memcpy(p + FRAME_OFF_CHECK, ret_head->leaf, FRAME_CHECK_SIZE);
	memcpy(p + FRAME_OFF_NONCE, nonce, INK_NONCE_SIZE);
}

enum ink_err frame_decode(const uint8_t bytes[static FRAME_OFF_BODY], struct ink_header *ret_header,
			  uint8_t ret_leaf[static INK_HASH_SIZE])
{
	if (memcmp(bytes, FRAME_MAGIC, 4) != 0)
		return INK_ERR_NOT_FOUND;
	hash_leaf(bytes + FRAME_OFF_HEADER, HEADER_SIZE, ret_leaf);
	if (memcmp(bytes + FRAME_OFF_CHECK, ret_leaf, FRAME_CHECK_SIZE) != 0)
		return INK_ERR_DAMAGED;
	return header_decode(bytes + FRAME_OFF_HEADER, ret_header);
}

bool frame_has_digest(const uint8_t *frame, const struct ink_header *header)
{
	uint8_t digest[INK_HASH_SIZE];

	/* Nonce and body lie side by side. */
	hash_data(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE + (size_t)header->body_size, digest);
	return memcmp(digest, header->digest, INK_HASH_SIZE) == 0;
}

void segment_header_encode(uint32_t index, uint64_t first_seq, const uint8_t *store_id,
			   const uint8_t *prev, uint8_t ret_bytes[static SEGMENT_HEADER_SIZE])
{
	uint8_t *p = ret_bytes;

	memset(p, 0, SEGMENT_HEADER_SIZE);
	memcpy(p, SEGMENT_MAGIC, 8);
	be32_store(p + SEGMENT_OFF_VERSION, FORMAT_VERSION);
	be32_store(p + SEGMENT_OFF_INDEX, index);
	be64_store(p + SEGMENT_OFF_FIRST_SEQ, first_seq);
	memcpy(p + SEGMENT_OFF_STORE_ID, store_id, INK_STORE_ID_SIZE);
	memcpy(p + SEGMENT_OFF_PREV, prev, INK_HASH_SIZE);
	hash_data(p, SEGMENT_OFF_HASH, p + SEGMENT_OFF_HASH);
}

static bool has_segment_hash(const uint8_t *bytes)
{
	uint8_t hash[INK_HASH_SIZE];

	hash_data(bytes, SEGMENT_OFF_HASH, hash);
	return memcmp(bytes + SEGMENT_OFF_HASH, hash, INK_HASH_SIZE) == 0;
}

/*
 * A version of later may hash otherwise, so it is believed without; but not where all that is wrong is the version,
 * which is then one that somebody changed.
 */
static bool is_later_segment(const uint8_t bytes[static SEGMENT_HEADER_SIZE])
{
	uint32_t version = be32_load(bytes + SEGMENT_OFF_VERSION);
	uint8_t ours[SEGMENT_HEADER_SIZE];

	if (version == FORMAT_VERSION)
		return false;
	if (has_segment_hash(bytes))
		return true;
	memcpy(ours, bytes, SEGMENT_HEADER_SIZE);
	be32_store(ours + SEGMENT_OFF_VERSION, FORMAT_VERSION);
	return version > FORMAT_VERSION && version <= FORMAT_VERSION_PLAUSIBLE &&
	       !has_segment_hash(ours);
}

enum ink_err segment_header_decode(const uint8_t bytes[static SEGMENT_HEADER_SIZE],
				   struct segment_header *ret_header)
{
	if (memcmp(bytes, SEGMENT_MAGIC, 8) != 0 || is_later_segment(bytes))
		return INK_ERR_FOREIGN;
	if (!has_segment_hash(bytes)) /* which no other version has come here with */
		return INK_ERR_DAMAGED;
	if (!bytes_are_zero(bytes + SEGMENT_OFF_ZERO, SEGMENT_OFF_HASH - SEGMENT_OFF_ZERO))
		return INK_ERR_DAMAGED;
	ret_header->index = be32_load(bytes + SEGMENT_OFF_INDEX);
	ret_header->first_seq = be64_load(bytes + SEGMENT_OFF_FIRST_SEQ);
	memcpy(ret_header->store_id, bytes + SEGMENT_OFF_STORE_ID, INK_STORE_ID_SIZE);
	memcpy(ret_header->prev, bytes + SEGMENT_OFF_PREV, INK_HASH_SIZE);
	return INK_OK;
}
