/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <errno.h>
#include <stdlib.h>

#include "walk_ahead.h"

static const char *const fault_texts[] = {
	[WALK_SOUND] = "nothing is wrong",
	[WALK_SEGMENT_NONE] = "the segment is missing",
	[WALK_SEGMENT_TYPE] = "not a regular file where a segment belongs",
	[WALK_SEGMENT_HEADER] = "the segment's header is damaged or missing",
	[WALK_SEGMENT_FOREIGN] = "a segment of a format version that is not known",
	[WALK_SEGMENT_CHAIN] = "the segment's header does not follow the records before it",
	[WALK_SEGMENT_TAIL] = "bytes behind the last frame of a finished segment",
	[WALK_MAGIC] = "no frame begins where the next record should",
	[WALK_CHECK] = "the record's header does not match the frame's check",
	[WALK_HEADER] = "the record's header holds what the format forbids",
	[WALK_FOREIGN] = "a record of a format version that is not known",
	[WALK_SIZE] = "the frame is cut off by the end of the file",
	[WALK_SEQ] = "the record's sequence number is not the next one",
	[WALK_PREV] = "the record is not chained to the one before it",
	[WALK_DIGEST] = "the record's body is not what was recorded",
	[WALK_PADDING] = "the bytes that fill up the frame are not zero",
};

const char *walk_fault_text(enum walk_fault fault)
{
	return fault_texts[fault];
}

enum ink_err walk_open(struct walk *walk, const struct io *io, const char *log_dir)
{
	*walk = (struct walk){ .io = io, .fd = -1, .read_size = WALK_WINDOW_SIZE };
	walk->log_dir = strdup(log_dir);
	walk->window = malloc(WALK_WINDOW_SIZE);
	if (walk->log_dir && walk->window)
		return INK_OK;
	walk_close(walk);
	errno = ENOMEM;
	return INK_ERR_IO;
}

static void leave_segment(struct walk *walk)
{
	if (walk->fd >= 0)
		io_close(walk->io, walk->fd);
	walk->fd = -1;
	walk->window_size = 0;
	walk->is_entered = false;
}

void walk_close(struct walk *walk)
{
	if (walk->io)
		leave_segment(walk);
	free(walk->window);
	free(walk->log_dir);
	*walk = (struct walk){ .fd = -1 };
}

static enum walk_step bad(struct walk *walk, enum walk_fault fault)
{
	walk->fault = fault;
	walk->place = place_make(walk->segment, (uint32_t)walk->pos);
	return WALK_BAD;
}

/* Read the header of the open segment and stand behind it. */
static enum ink_err read_segment_header(struct walk *walk, enum walk_fault *ret_fault)
{
	const uint8_t *bytes;
	size_t size;
	enum ink_err err = walk_need(walk, 0, SEGMENT_HEADER_SIZE, &bytes, &size);

	if (err != INK_OK)
		return err;
	walk->pos = 0;
	*ret_fault = WALK_SEGMENT_HEADER;
	if (size < SEGMENT_HEADER_SIZE)
		return INK_OK;
	err = segment_header_decode(bytes, &walk->segment_header);
	if (err == INK_ERR_FOREIGN && memcmp(bytes, SEGMENT_MAGIC, 8) == 0)
		*ret_fault = WALK_SEGMENT_FOREIGN;
	if (err != INK_OK)
		return INK_OK;
	*ret_fault = WALK_SOUND;
	return INK_OK;
}

static bool segment_follows(struct walk *walk)
{
	const struct segment_header *header = &walk->segment_header;

	if (!walk->has_store_id) {
		memcpy(walk->store_id, header->store_id, INK_STORE_ID_SIZE);
		walk->has_store_id = true;
	}
	return header->index == walk->segment && header->first_seq == walk->next_seq &&
	       memcmp(header->store_id, walk->store_id, INK_STORE_ID_SIZE) == 0 &&
	       memcmp(header->prev, walk->prev, INK_HASH_SIZE) == 0;
}

/* Make @segment the open one; its header is not read yet. */
static enum ink_err switch_to(struct walk *walk, uint32_t segment, enum walk_fault *ret_fault)
{
	enum ink_err err;
	uint64_t size;
	int fd;

	err = walk_open_file(walk->io, walk->log_dir, segment, &fd, &size, ret_fault);
	if (err != INK_OK || *ret_fault != WALK_SOUND)
		return err;
	leave_segment(walk);
	walk->fd = fd;
	walk->segment = segment;
	walk->file_size = size;
	walk->window_pos = 0;
	walk->pos = 0;
	/* The header alone: what lies behind it comes from the other cores. */
	if (walk->ahead)
		walk->read_size = WALK_READ_SIZE_MIN;
	return INK_OK;
}

/* Enter the segment that the walk stands before. */
static enum ink_err enter(struct walk *walk, enum walk_fault *ret_fault)
{
	enum ink_err err = INK_OK;

	*ret_fault = WALK_SOUND;
	if (walk->fd < 0)
		err = switch_to(walk, walk->segment, ret_fault);
	if (err != INK_OK || *ret_fault != WALK_SOUND)
		return err;
	err = read_segment_header(walk, ret_fault);
	if (err != INK_OK || *ret_fault != WALK_SOUND)
		return err;
	if (!segment_follows(walk)) {
		*ret_fault = WALK_SEGMENT_CHAIN;
		return INK_OK;
	}
	walk->pos = SEGMENT_HEADER_SIZE;
	walk->is_entered = true;
	return INK_OK;
}

enum ink_err walk_enter(struct walk *walk, uint32_t segment)
{
	enum walk_fault fault;
	enum ink_err err;

	leave_segment(walk);
	walk->segment = segment;
	walk->pos = 0;
	err = switch_to(walk, segment, &fault);
	if (err != INK_OK || fault != WALK_SOUND)
		return err;
	err = read_segment_header(walk, &fault);
	if (err != INK_OK || fault != WALK_SOUND)
		return err;
	walk->next_seq = walk->segment_header.first_seq;
	memcpy(walk->prev, walk->segment_header.prev, INK_HASH_SIZE);
	return INK_OK;
}

enum ink_err walk_seek(struct walk *walk, uint64_t place, uint64_t seq, const uint8_t *prev)
{
	enum walk_fault fault = WALK_SOUND;
	enum ink_err err = INK_OK;

	if (place_offset(place) < SEGMENT_HEADER_SIZE)
		return INK_ERR_DAMAGED;
	if (walk->fd < 0 || walk->segment != place_segment(place) || !walk->is_entered) {
		leave_segment(walk);
		walk->segment = place_segment(place);
		err = switch_to(walk, walk->segment, &fault);
		if (err == INK_OK && fault == WALK_SOUND)
			err = read_segment_header(walk, &fault);
		if (err != INK_OK)
			return err;
		if (fault != WALK_SOUND || walk->segment_header.index != walk->segment)
			return INK_ERR_DAMAGED;
		memcpy(walk->store_id, walk->segment_header.store_id, INK_STORE_ID_SIZE);
		walk->has_store_id = true;
		walk->is_entered = true;
	}
	if (place_offset(place) != walk->pos)
		walk->read_size = WALK_READ_SIZE_MIN;
	walk->pos = place_offset(place);
	walk->next_seq = seq;
	if (prev) {
		memcpy(walk->prev, prev, INK_HASH_SIZE);
	} else {
		const uint8_t *bytes;
		size_t size;

		err = walk_need(walk, walk->pos, FRAME_OFF_BODY, &bytes, &size);
		if (err != INK_OK)
			return err;
		if (size == FRAME_OFF_BODY)
			memcpy(walk->prev, bytes + FRAME_OFF_HEADER + HEADER_OFF_PREV,
			       INK_HASH_SIZE);
	}
	return INK_OK;
}

static void fill_record(struct walk *walk, const uint8_t *frame)
{
	walk->record.entry = frame + FRAME_OFF_HEADER;
	walk->record.nonce = frame + FRAME_OFF_NONCE;
	walk->record.body = frame + FRAME_OFF_BODY;
	walk->record.place = place_make(walk->segment, (uint32_t)walk->pos);
	walk->record.is_erased = false;
	walk->record.is_damaged = false;
	walk->record_end = walk->pos + frame_size(walk->record.header.body_size);
	walk->has_record = true;
}

/* Nobody's nonce is zero by chance, so an erased body is known without its digest. */
static bool has_digest_or_is_let_pass(const struct walk *walk, const uint8_t *frame)
{
	if (walk->skips_digests && !bytes_are_zero(frame + FRAME_OFF_NONCE, INK_NONCE_SIZE))
		return true;
	return frame_has_digest(frame, &walk->record.header);
}

bool walk_skips(uint64_t skip_seq, const struct ink_header *header)
{
	return header->kind == INK_APPEND && header->seq < skip_seq;
}

/* What is wrong with the whole frame in walk->record; the worst first. */
static enum walk_fault judge(struct walk *walk, const uint8_t *frame, bool has_digest)
{
	const struct ink_header *header = &walk->record.header;
	size_t used = FRAME_OFF_BODY + (size_t)header->body_size;

	walk->record.is_erased = !has_digest &&
				 bytes_are_zero(walk->record.nonce, INK_NONCE_SIZE) &&
				 bytes_are_zero(walk->record.body, header->body_size);
	if (header->seq != walk->next_seq)
		return WALK_SEQ;
	if (memcmp(header->prev, walk->prev, INK_HASH_SIZE) != 0)
		return WALK_PREV;
	if (!has_digest)
		return WALK_DIGEST;
	if (!walk_skips(walk->skip_seq, header) &&
	    !bytes_are_zero(frame + used, frame_size(header->body_size) - used))
		return WALK_PADDING;
	return WALK_SOUND;
}

/* The first bytes of the magic and then zeros, but not zeros alone: the beginning of a write that went no further. */
static bool is_torn_magic(const uint8_t *frame)
{
	size_t size = 0;

	while (size < 4 && frame[size] == (uint8_t)FRAME_MAGIC[size])
		size++;
	return bytes_are_zero(frame + size, FRAME_ALIGN - size);
}

static enum walk_fault head_fault(const struct walk *walk, enum ink_err err, const uint8_t *frame)
{
	if (err == INK_ERR_NOT_FOUND)
		return is_torn_magic(frame) ? WALK_CHECK : WALK_MAGIC;
	if (err == INK_ERR_FOREIGN)
		return WALK_FOREIGN;
	if (memcmp(frame + FRAME_OFF_CHECK, walk->record.leaf, FRAME_CHECK_SIZE) != 0)
		return WALK_CHECK;
	return WALK_HEADER;
}

/* The frame at walk->pos, if it was hashed ahead. */
static bool take_ahead(struct walk *walk, enum walk_fault *ret_fault)
{
	const struct ahead_frame *f =
		walk->ahead ? ahead_take(walk->ahead, walk->segment, walk->pos) : NULL;

	if (!f)
		return false;
	/* Nobody has looked whether the bytes of a frame that is skipped are there. */
	if (walk_skips(walk->skip_seq, &f->header) &&
	    walk->pos + frame_size(f->header.body_size) > walk->file_size)
		return false;
	walk->record.header = f->header;
	memcpy(walk->record.leaf, f->leaf, INK_HASH_SIZE);
	fill_record(walk, f->bytes);
	*ret_fault = judge(walk, f->bytes, f->has_digest);
	walk->seal = f->seal;
	walk->read_bytes += walk->record_end - walk->pos;
	return true;
}

/* As if it had been read and were right. */
static enum ink_err skip_body(struct walk *walk, const uint8_t *frame, size_t whole,
			      enum walk_fault *ret_fault)
{
	enum ink_err err = walk_refresh_size(walk);

	if (err != INK_OK)
		return err;
	if (walk->pos + whole > walk->file_size) {
		*ret_fault = WALK_SIZE;
		return INK_OK;
	}
	fill_record(walk, frame);
	*ret_fault = judge(walk, frame, true);
	return INK_OK;
}

/* The frame at walk->pos.  @ret_fault WALK_SOUND with @ret_is_zero: nothing begins here. */
static enum ink_err read_frame(struct walk *walk, enum walk_fault *ret_fault, bool *ret_is_zero)
{
	const uint8_t *frame;
	size_t size, whole;
	enum ink_err err;

	walk->has_record = false;
	walk->seal = NULL;
	*ret_is_zero = false;
	*ret_fault = WALK_SOUND;
	if (take_ahead(walk, ret_fault))
		return INK_OK;
	err = walk_need(walk, walk->pos, FRAME_OFF_BODY, &frame, &size);
	if (err != INK_OK)
		return err;
	if (bytes_are_zero(frame, size < FRAME_ALIGN ? size : FRAME_ALIGN) ||
	    walk->pos > UINT32_MAX) {
		*ret_is_zero = true;
		return INK_OK;
	}
	if (size < FRAME_OFF_BODY) {
		*ret_fault = memcmp(frame, FRAME_MAGIC, size < 4 ? size : 4) == 0 ? WALK_SIZE
										  : WALK_MAGIC;
		return INK_OK;
	}
	err = frame_decode(frame, &walk->record.header, walk->record.leaf);
	if (err != INK_OK) {
		*ret_fault = head_fault(walk, err, frame);
		return INK_OK;
	}
	whole = (size_t)frame_size(walk->record.header.body_size);
	if (walk_skips(walk->skip_seq, &walk->record.header))
		return skip_body(walk, frame, whole, ret_fault);
	err = walk_need(walk, walk->pos, whole, &frame, &size);
	if (err != INK_OK)
		return err;
	if (size < whole) {
		*ret_fault = WALK_SIZE;
		return INK_OK;
	}
	fill_record(walk, frame);
	*ret_fault = judge(walk, frame, has_digest_or_is_let_pass(walk, frame));
	return INK_OK;
}

void walk_accept(struct walk *walk)
{
	walk->pos = walk->record_end;
	walk->next_seq = walk->record.header.seq + 1;
	memcpy(walk->prev, walk->record.leaf, INK_HASH_SIZE);
	walk->has_record = false;
	walk->fault = WALK_SOUND; /* what was read behind it need not be read again */
}

/*
 * Nothing more in this segment: is there a next one?  It counts only if this one ends here exactly.
 * @ret_step WALK_RECORD: it was entered.
 */
static enum ink_err go_to_next(struct walk *walk, enum walk_step *ret_step)
{
	uint32_t segment = walk->segment + 1;
	enum walk_fault fault, fault_here;
	enum ink_err err;
	bool is_zero;
	uint64_t size;
	int fd;

	*ret_step = WALK_END;
	walk->place = place_make(walk->segment, (uint32_t)walk->pos);
	walk->window_size = 0;
	err = walk_open_file(walk->io, walk->log_dir, segment, &fd, &size, &fault);
	if (err != INK_OK || fault == WALK_SEGMENT_NONE)
		return err;
	io_close(walk->io, fd);
	/* The writer may have finished this segment and begun the next while we looked: look again. */
	err = read_frame(walk, &fault_here, &is_zero);
	if (err == INK_OK)
		err = walk_refresh_size(walk);
	if (err != INK_OK)
		return err;
	if (!is_zero) {
		walk->window_size = 0;
		*ret_step = WALK_RECORD;
		return INK_OK;
	}
	if (walk->file_size > walk->pos) {
		*ret_step = bad(walk, WALK_SEGMENT_TAIL);
		return INK_OK;
	}
	if (fault == WALK_SOUND)
		err = switch_to(walk, segment, &fault);
	if (err != INK_OK)
		return err;
	if (fault == WALK_SOUND) {
		err = enter(walk, &fault);
		if (err != INK_OK)
			return err;
	}
	if (fault == WALK_SOUND) {
		*ret_step = WALK_RECORD;
	} else if (fault == WALK_SEGMENT_NONE) {
		return INK_OK;
	} else {
		*ret_step = bad(walk, fault);
		walk->place = place_make(segment, 0);
	}
	return INK_OK;
}

enum ink_err walk_next(struct walk *walk, enum walk_step *ret_step)
{
	enum walk_fault fault;
	enum ink_err err;
	bool is_zero;

	if (walk->fault != WALK_SOUND)
		walk->window_size = 0; /* who calls again wants to see what is there now */
	walk->fault = WALK_SOUND;
	walk->has_record = false;
	for (;;) {
		if (!walk->is_entered) {
			err = enter(walk, &fault);
			if (err == INK_OK && fault != WALK_SOUND)
				*ret_step = bad(walk, fault);
			if (err != INK_OK || fault != WALK_SOUND)
				return err;
		}
		err = read_frame(walk, &fault, &is_zero);
		if (err != INK_OK)
			return err;
		if (!is_zero)
			break;
		err = go_to_next(walk, ret_step);
		if (err != INK_OK || *ret_step != WALK_RECORD)
			return err;
	}
	walk->place = place_make(walk->segment, (uint32_t)walk->pos);
	walk->fault = fault;
	if (fault == WALK_SOUND) {
		*ret_step = WALK_RECORD;
		walk_accept(walk);
		walk->has_record = true;
		return INK_OK;
	}
	*ret_step = WALK_BAD;
	return INK_OK;
}
