/* SPDX-License-Identifier: MIT */
#include "block.h"

#include "bytes.h"

enum { MARK_INODE = 1, MARK_ACTOR, MARK_UID, MARK_NAME };
enum { MARK_TYPE_SHIFT = 56, MARK_BITS = 3, MARK_BIT_COUNT = 8 * INK_BLOCK_MARKS_SIZE };
enum { MARK_STEP = 11 }; /* bits of a position */

_Static_assert(1 << MARK_STEP == MARK_BIT_COUNT, "a position is a bit of the marks");

/* --- marks ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	for (unsigned i = 0; i < 2; i++) {
		x ^= x >> 32;
		x *= UINT64_C(0xd6e8feb86659fd93);
	}
	return x ^ x >> 32;
}

static uint64_t mark(uint64_t type, uint64_t number)
{
	return mix(type << MARK_TYPE_SHIFT ^ number);
}

uint64_t ink_mark_inode(uint64_t inode)
{
	return mark(MARK_INODE, inode);
}

uint64_t ink_mark_actor(uint64_t seq)
{
	return mark(MARK_ACTOR, seq);
}

uint64_t ink_mark_uid(uint32_t uid)
{
	return mark(MARK_UID, uid);
}

uint64_t ink_mark_refused_name(uint64_t folder, struct ink_str name)
{
	uint64_t x = mark(MARK_NAME, folder);

	for (uint32_t i = 0; i < name.size; i++)
		x = (x ^ (uint8_t)name.data[i]) * UINT64_C(0x100000001b3);
	return mix(x);
}

static void put_mark(struct ink_block *block, uint64_t mark)
{
	for (unsigned i = 0; i < MARK_BITS; i++, mark >>= MARK_STEP) {
		unsigned bit = mark % MARK_BIT_COUNT;

		block->marks[bit / 8] |= (uint8_t)(1U << bit % 8);
	}
}

bool ink_block_has(const struct ink_block *block, uint64_t mark)
{
	for (unsigned i = 0; i < MARK_BITS; i++, mark >>= MARK_STEP) {
		unsigned bit = mark % MARK_BIT_COUNT;

		if (!(block->marks[bit / 8] & 1U << bit % 8))
			return false;
	}
	return true;
}

/* --- records --------------------------------------------------------------------------------- */

void block_init(struct ink_block *block)
{
	*block = (struct ink_block){ .wall_min_ns = INT64_MAX, .wall_max_ns = INT64_MIN };
}

static void put_refused_names(struct ink_block *block, uint64_t folder,
			      const struct ink_body_denied *denied)
{
	if (folder == 0)
		return;
	if (denied->name.size > 0)
		put_mark(block, ink_mark_refused_name(folder, denied->name));
	if (denied->second_name.size > 0)
		put_mark(block, ink_mark_refused_name(folder, denied->second_name));
}

void block_add(struct ink_block *block, const struct ink_header *header, const union ink_body *body)
{
	block->kinds |= UINT32_C(1) << header->kind;
	if (header->wall_ns < block->wall_min_ns)
		block->wall_min_ns = header->wall_ns;
	if (header->wall_ns > block->wall_max_ns)
		block->wall_max_ns = header->wall_ns;
	if (header->inode != 0)
		put_mark(block, ink_mark_inode(header->inode));
	if (header->kind >= INK_ACTOR && header->kind <= INK_DENIED) {
		put_mark(block, ink_mark_uid(header->uid));
		put_mark(block,
			 ink_mark_actor(header->kind == INK_ACTOR ? header->seq : header->actor));
	}
	if (header->kind != INK_DENIED || !body)
		return;
	if (body->denied.second_inode != 0)
		put_mark(block, ink_mark_inode(body->denied.second_inode));
	put_refused_names(block, header->inode, &body->denied);
	put_refused_names(block, body->denied.second_inode, &body->denied);
}

/* --- bytes ----------------------------------------------------------------------------------- */

void block_encode(const struct ink_block *block, uint8_t ret_bytes[static BLOCK_VALUE_SIZE])
{
	struct put put;

	put_init(&put, ret_bytes, BLOCK_VALUE_SIZE);
	put_u32(&put, block->kinds);
	put_u32(&put, 0);
	put_u64(&put, (uint64_t)block->wall_min_ns);
	put_u64(&put, (uint64_t)block->wall_max_ns);
	put_bytes(&put, block->marks, INK_BLOCK_MARKS_SIZE);
}

enum ink_err block_decode(const uint8_t *bytes, size_t size, struct ink_block *ret_block)
{
	const uint8_t *marks;
	struct get get;

	get_init(&get, bytes, size);
	ret_block->kinds = get_u32(&get);
	get_zero(&get, 4);
	ret_block->wall_min_ns = (int64_t)get_u64(&get);
	ret_block->wall_max_ns = (int64_t)get_u64(&get);
	marks = get_bytes(&get, INK_BLOCK_MARKS_SIZE);
	if (!marks || !get_is_done(&get))
		return INK_ERR_DAMAGED;
	memcpy(ret_block->marks, marks, INK_BLOCK_MARKS_SIZE);
	return INK_OK;
}
