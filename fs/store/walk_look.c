/* SPDX-License-Identifier: MIT */
/* Looking on behind a place where the log is broken. */
#include "walk.h"

/* A frame that can be taken up again: whole, checked, and not from before. */
static bool is_plausible(struct walk *walk, const uint8_t *frame, size_t size)
{
	struct ink_header header = { 0 };
	uint8_t leaf[INK_HASH_SIZE];
	uint64_t seq_max = walk->next_seq + SEGMENT_SIZE_MAX / FRAME_OFF_BODY;

	return size >= FRAME_OFF_BODY && frame_decode(frame, &header, leaf) == INK_OK &&
	       header.seq >= walk->next_seq && header.seq <= seq_max;
}

static void take_up(struct walk *walk, uint64_t pos, const uint8_t *frame)
{
	walk->pos = pos;
	walk->next_seq = be64_load(frame + FRAME_OFF_HEADER + HEADER_OFF_SEQ);
	memcpy(walk->prev, frame + FRAME_OFF_HEADER + HEADER_OFF_PREV, INK_HASH_SIZE);
	walk->is_entered = true;
}

/*
 * Where the damaged record says that it ends.  Looked at first: a body can hold frames of another log, and a step
 * over it does not take them for ours.
 */
static enum ink_err try_own_end(struct walk *walk, bool *ret_is_found)
{
	const uint8_t *bytes;
	uint64_t end;
	size_t size;
	enum ink_err err = walk_need(walk, walk->pos, FRAME_OFF_BODY, &bytes, &size);

	if (err != INK_OK || size < FRAME_OFF_BODY)
		return err;
	end = walk->pos + frame_size(be32_load(bytes + FRAME_OFF_HEADER + HEADER_OFF_BODY_SIZE));
	if (end > UINT32_MAX)
		return INK_OK;
	err = walk_need(walk, end, FRAME_OFF_BODY, &bytes, &size);
	if (err != INK_OK || !is_plausible(walk, bytes, size) ||
	    be64_load(bytes + FRAME_OFF_HEADER + HEADER_OFF_SEQ) != walk->next_seq + 1)
		return err;
	take_up(walk, end, bytes);
	*ret_is_found = true;
	return INK_OK;
}

enum ink_err walk_resync(struct walk *walk, bool *ret_is_found)
{
	uint64_t pos = SEGMENT_HEADER_SIZE;
	enum ink_err err = INK_OK;

	*ret_is_found = false;
	if (walk->fd < 0)
		return INK_OK;
	if (walk->pos >= SEGMENT_HEADER_SIZE) {
		pos = walk->pos + FRAME_ALIGN;
		err = try_own_end(walk, ret_is_found);
	}
	for (; err == INK_OK && !*ret_is_found && pos <= UINT32_MAX; pos += FRAME_ALIGN) {
		const uint8_t *bytes;
		size_t size;

		err = walk_need(walk, pos, FRAME_OFF_BODY, &bytes, &size);
		if (err != INK_OK || size < FRAME_OFF_BODY)
			break;
		if (memcmp(bytes, FRAME_MAGIC, 4) != 0 || !is_plausible(walk, bytes, size))
			continue;
		take_up(walk, pos, bytes);
		*ret_is_found = true;
	}
	return err;
}

enum ink_err walk_tail(struct walk *walk, bool *ret_is_zero, uint64_t *ret_tail_size)
{
	uint64_t pos = walk->pos;
	const uint8_t *bytes;
	size_t size;
	enum ink_err err;

	*ret_is_zero = true;
	*ret_tail_size = 0;
	if (walk->fd < 0)
		return INK_OK;
	err = walk_refresh_size(walk);
	if (err != INK_OK)
		return err;
	if (walk->file_size > pos)
		*ret_tail_size = walk->file_size - pos;
	walk->window_size = 0;
	while (*ret_is_zero) {
		err = walk_need(walk, pos, WALK_WINDOW_SIZE, &bytes, &size);
		if (err != INK_OK)
			return err;
		*ret_is_zero = bytes_are_zero(bytes, size);
		if (size < WALK_WINDOW_SIZE)
			break;
		pos += size;
	}
	return INK_OK;
}

enum ink_err walk_measure(struct walk *walk, uint64_t place, uint64_t *ret_size)
{
	uint64_t pos = place_offset(place), end = pos, file_size;
	enum walk_fault fault;
	size_t got = 1;
	int fd;
	enum ink_err err = walk_open_file(walk->io, walk->log_dir, place_segment(place), &fd,
					  &file_size, &fault);

	if (err != INK_OK || fault != WALK_SOUND)
		return err;
	walk->window_size = 0; /* its memory serves here */
	for (; err == INK_OK && got > 0; pos += got) {
		err = io_read(walk->io, fd, walk->window, WALK_WINDOW_SIZE, pos, &got);
		for (size_t i = err == INK_OK ? got : 0; i > 0; i--) {
			if (walk->window[i - 1] == 0)
				continue;
			end = pos + i;
			break;
		}
	}
	io_close(walk->io, fd);
	if (err == INK_OK)
		*ret_size = (end > place_offset(place) ? end : pos) - place_offset(place);
	return err;
}
