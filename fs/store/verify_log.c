/* SPDX-License-Identifier: MIT */
/* The walk over the segments: what is sound is applied, what is not is named and stepped over. */
#include "verify_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "error.h"

enum {
	PROGRESS_STEP = 4 << 20,
	/* A live log is read while it is written: what looks wrong is looked at again. */
	LOOKS_MAX = 6,
	LOOKS_TOTAL_MAX = 300,
	LOOK_PAUSE_NS = 20 * 1000 * 1000,
	/* Sessions that end while the walk stands at the end of the log: there it goes on, unless there is no end of them. */
	ENDS_MAX = 1000,
};

/* --- records ------------------------------------------------------------------------------- */

static void show_progress(struct verify *v)
{
	uint64_t done = v->walk.read_bytes;

	if (!v->options.on_progress || done - v->progress_bytes < PROGRESS_STEP)
		return;
	v->progress_bytes = done;
	v->options.on_progress(v->options.ctx, done < v->total_bytes ? done : v->total_bytes,
			       v->total_bytes, v->chain.tree.size);
}

/* What holds no state that others depend on can be erased without making the rest unverifiable. */
static bool is_erasable(uint8_t kind)
{
	return kind == INK_APPEND || kind == INK_ACTOR || kind == INK_MOUNT || kind == INK_ANCHOR;
}

/* A version or feature of later, said by a whole record: not for us to judge. */
static bool is_foreign_genesis(const struct ink_record *record)
{
	return record->header.kind == INK_GENESIS && record->header.seq == 0 &&
	       record->header.body_size >= 8 &&
	       (be32_load(record->body) != FORMAT_VERSION || be32_load(record->body + 4) != 0);
}

static enum ink_err take_record(struct verify *v, const struct ink_record *record, bool has_body)
{
	const union ink_body *sound = NULL;
	union ink_body body;
	enum ink_err err;

	if (has_body && is_foreign_genesis(record))
		return error_newer(v->error, v->path);
	if (has_body) {
		if (ink_body_decode(record->header.kind, record->body, record->header.body_size,
				    &body) == INK_OK)
			sound = &body;
		else
			report_record(v, INK_FIND_BODY, record,
				      "the body is not one of a %s record",
				      ink_kind_name(record->header.kind));
	}
	if (!sound && !is_erasable(record->header.kind))
		v->names.is_partial = true;
	err = chain_apply(v, record, sound);
	if (err != INK_OK)
		return err;
	names_apply(v, record, sound);
	if (v->has_no_memory)
		return verify_io_error(v, v->path);
	err = index_step(v, record, sound);
	show_progress(v);
	return err;
}

/* A body of zeros: erased, if an ERASE record comes later, and a seal behind that.  Else a fault, and the first may be the end of what is good. */
static enum ink_err take_erased(struct verify *v, const struct ink_record *record)
{
	const struct ink_header *h = &record->header;
	struct erased *e;

	if (v->erased_count == ERASED_MAX) {
		suspect_begin(v, h->seq, record->place);
		report_record(v, INK_FIND_DIGEST, record,
			      "an erased body; more of them than can be followed");
	} else {
		if (!verify_grow(v, &v->erased, &v->erased_room, v->erased_count,
				 sizeof(v->erased[0])))
			return verify_io_error(v, v->path);
		e = &v->erased[v->erased_count++];
		*e = (struct erased){ .seq = h->seq,
				      .place = record->place,
				      .inode = h->inode,
				      .offset = h->offset,
				      .size = h->body_size,
				      .wall_ns = h->wall_ns };
		merkle_root(&v->chain.tree, e->root);
	}
	walk_accept(&v->walk);
	return take_record(v, record, false);
}

/* In with a record that does not quite fit; the walk's record is valid until the next step. */
static enum ink_err take_misfit(struct verify *v)
{
	struct walk *walk = &v->walk;
	struct ink_record record = walk->record;
	bool has_body = true;

	if (record.is_erased && is_erasable(record.header.kind))
		return take_erased(v, &record);
	/* A whole record of before, or of another chain, was put there: no crash leaves one. */
	if (walk->fault == WALK_PREV ||
	    (walk->fault == WALK_SEQ && record.header.seq < walk->next_seq))
		mark_fault(v);
	else
		suspect_begin(v, walk->next_seq, walk->place);
	switch (walk->fault) {
	case WALK_DIGEST:
		has_body = false;
		report_record(v, INK_FIND_DIGEST, &record, "%s",
			      record.header.kind == INK_APPEND
				      ? "the bytes are not those that were recorded"
				      : walk_fault_text(walk->fault));
		break;
	case WALK_PADDING:
		report_record(v, INK_FIND_FRAME, &record, "%s", walk_fault_text(walk->fault));
		break;
	default:
		report_record(v, walk->fault == WALK_SEQ ? INK_FIND_SEQUENCE : INK_FIND_CHAIN,
			      &record, "%s: record %llu is due here", walk_fault_text(walk->fault),
			      (unsigned long long)walk->next_seq);
		v->chain.is_tree_known = false;
		v->chain.is_state_known = false;
		v->names.is_partial = true;
		v->index.is_done = true;
		break;
	}
	walk_accept(walk);
	return take_record(v, &record, has_body);
}

/* --- gaps ---------------------------------------------------------------------------------- */

/* The walk stands before another record than the one that was due. */
static enum ink_err bridge(struct verify *v, uint64_t seq, const uint8_t *prev)
{
	struct walk *walk = &v->walk;

	if (walk->next_seq == seq && memcmp(walk->prev, prev, INK_HASH_SIZE) == 0)
		return INK_OK;
	v->names.is_partial = true;
	if (walk->next_seq == seq + 1 && v->chain.is_tree_known) {
		/* One record is lost, but the next one names its leaf. */
		chain_skip(v, walk->prev);
		v->index.is_done = true;
		return INK_OK;
	}
	v->chain.is_tree_known = false;
	v->chain.is_state_known = false;
	v->chain.last_kind = 0;
	v->index.is_done = true;
	return INK_OK;
}

/* The next segment in the folder behind @segment; false if there is none. */
static bool next_segment(const struct verify *v, uint32_t segment, uint32_t *ret_segment)
{
	for (size_t i = 0; i < v->segment_count; i++) {
		if (v->segments[i] <= segment)
			continue;
		*ret_segment = v->segments[i];
		return true;
	}
	return false;
}

/* On to a later segment; @ret_is_end: there is none. */
static enum ink_err skip_segment(struct verify *v, uint32_t segment, bool *ret_is_end)
{
	uint64_t seq = v->walk.next_seq;
	uint8_t prev[INK_HASH_SIZE];
	uint32_t next;
	enum ink_err err;

	memcpy(prev, v->walk.prev, INK_HASH_SIZE);
	if (!next_segment(v, segment, &next)) {
		*ret_is_end = true;
		return INK_OK;
	}
	if (next != segment + 1) {
		char path[32];

		/* Segments are made one after the other: no crash takes one from the middle. */
		mark_fault(v);
		snprintf(path, sizeof(path), "log/%010u.seg", segment + 1);
		report_file(v, INK_FIND_SEGMENT_MISSING, path, "segments %u to %u are missing",
			    segment + 1, next - 1);
	}
	err = walk_enter(&v->walk, next);
	if (err != INK_OK)
		return verify_io_error(v, v->path);
	return bridge(v, seq, prev);
}

static enum ink_finding_code code_of(enum walk_fault fault)
{
	switch (fault) {
	case WALK_SEGMENT_NONE: return INK_FIND_SEGMENT_MISSING;
	case WALK_SEGMENT_TYPE:
	case WALK_SEGMENT_HEADER:
	case WALK_SEGMENT_FOREIGN:
	case WALK_SEGMENT_CHAIN: return INK_FIND_SEGMENT_HEADER;
	case WALK_SEGMENT_TAIL: return INK_FIND_SEGMENT_TAIL;
	case WALK_HEADER:
	case WALK_FOREIGN: return INK_FIND_HEADER;
	default: return INK_FIND_FRAME;
	}
}

/* Look on in the open segment, then in the later ones. */
static enum ink_err step_over(struct verify *v, uint32_t segment, bool *ret_is_end)
{
	struct walk *walk = &v->walk;
	uint64_t seq = walk->next_seq;
	uint8_t prev[INK_HASH_SIZE];
	bool is_found = false;
	enum ink_err err;

	memcpy(prev, walk->prev, INK_HASH_SIZE);
	if (walk->fd >= 0 && walk->segment == segment) {
		err = walk_resync(walk, &is_found);
		if (err != INK_OK)
			return verify_io_error(v, v->path);
	}
	return is_found ? bridge(v, seq, prev) : skip_segment(v, segment, ret_is_end);
}

/* This segment of ours begins with a later record: the end of the one before may not have reached the disk. */
static bool is_lost_tail(const struct verify *v)
{
	const struct segment_header *header = &v->walk.segment_header;

	return header->index == v->walk.segment && header->first_seq > v->walk.next_seq &&
	       memcmp(header->store_id, v->chain.store_id, INK_STORE_ID_SIZE) == 0;
}

static enum ink_err handle_bad(struct verify *v, bool *ret_is_end)
{
	struct walk *walk = &v->walk;
	enum walk_fault fault = walk->fault;
	uint32_t segment = place_segment(walk->place);

	if (walk->has_record)
		return take_misfit(v);
	/* The first of all that a newer inkfs wrote to this store. */
	if (fault == WALK_SEGMENT_FOREIGN)
		return error_newer(v->error, v->path);
	if (fault == WALK_SEGMENT_CHAIN && !is_lost_tail(v))
		mark_fault(v);
	else
		suspect_begin(v, walk->next_seq, walk->place);
	report_place(v, code_of(fault), walk->next_seq, walk->place, "%s (log/%010u.seg, byte %u)",
		     walk_fault_text(fault), segment, place_offset(walk->place));
	return step_over(v, segment, ret_is_end);
}

/* --- the end ------------------------------------------------------------------------------- */

/* What an orderly end does not leave, but a crash of the next opening may: space for it, or a segment without a record. */
static void judge_behind_end(struct verify *v, uint64_t tail_size)
{
	struct walk *walk = &v->walk;
	bool is_empty = walk->fd >= 0 && walk->pos == SEGMENT_HEADER_SIZE;

	if (!v->chain.is_closed || (change_is_seen(v) && v->is_live) ||
	    (!is_empty && (tail_size == 0 || v->chain.tree.size == 1)))
		return;
	if (is_empty)
		walk->place = place_make(walk->segment, 0);
	suspect_begin(v, walk->next_seq, walk->place);
	report_place(v, INK_FIND_SEGMENT_TAIL, walk->next_seq, walk->place,
		     "room for records behind the closing one");
}

/* Zeros where the next record would begin: space allocated ahead, or a hole with something behind it. */
static enum ink_err handle_end(struct verify *v, bool *ret_is_end)
{
	struct walk *walk = &v->walk;
	uint32_t segment = walk->segment;
	uint64_t tail_size;
	bool is_zero;
	enum ink_err err = walk_tail(walk, &is_zero, &tail_size);

	if (err != INK_OK)
		return verify_io_error(v, v->path);
	if (!is_zero && change_is_seen(v) && (v->is_live || v->end_count < ENDS_MAX)) {
		/* It has grown while we looked.  While somebody writes, a prefix is what we check. */
		*ret_is_end = v->is_live;
		v->end_count++;
		return INK_OK;
	}
	if (!is_zero) {
		suspect_begin(v, walk->next_seq, walk->place);
		report_place(
			v, INK_FIND_FRAME, walk->next_seq, walk->place,
			"zero bytes where the next record should begin, and others behind them (log/%010u.seg, byte %u)",
			segment, place_offset(walk->place));
		return step_over(v, segment, ret_is_end);
	}
	judge_behind_end(v, tail_size);
	return skip_segment(v, segment, ret_is_end);
}

/* true: look at the same place once more. */
static bool looks_again(struct verify *v, unsigned *looks, unsigned *total)
{
	static const struct timespec pause = { .tv_nsec = LOOK_PAUSE_NS };

	/* Somebody may have begun to write since we began to read. */
	if (*looks == 0 && *total == 0)
		(void)change_is_seen(v);
	if ((!v->is_live && !v->was_written) || ++*looks > LOOKS_MAX || ++*total > LOOKS_TOTAL_MAX)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* A frame or a segment begins with its magic, in space that was zero before: has something else been put there? */
static enum ink_err find_no_torn_start(struct verify *v, bool *ret_is_found)
{
	struct walk *walk = &v->walk;
	size_t size, same = 0;
	const uint8_t *bytes;
	enum ink_err err;

	*ret_is_found = walk->fault == WALK_MAGIC;
	if (walk->fault != WALK_SEGMENT_HEADER || walk->segment != place_segment(walk->place))
		return INK_OK;
	err = walk_need(walk, 0, 4, &bytes, &size);
	if (err != INK_OK)
		return verify_io_error(v, v->path);
	while (same < size && bytes[same] == (uint8_t)SEGMENT_MAGIC[same])
		same++;
	*ret_is_found = !bytes_are_zero(bytes + same, size - same);
	return INK_OK;
}

static enum ink_err handle_step(struct verify *v, enum walk_step step, bool *ret_is_end)
{
	struct ink_record record = v->walk.record;
	bool is_put_there = false;
	enum ink_err err = INK_OK;

	if (step == WALK_RECORD)
		return take_record(v, &record, true);
	if (step == WALK_END)
		return handle_end(v, ret_is_end);
	if (v->chain.is_closed && v->chain.tree.size > 1)
		err = find_no_torn_start(v, &is_put_there);
	if (err != INK_OK)
		return err;
	if (!is_put_there)
		return handle_bad(v, ret_is_end);
	mark_fault(v);
	report_place(v, INK_FIND_SEGMENT_TAIL, v->walk.next_seq, v->walk.place,
		     "bytes behind the closing record that are no record");
	v->chain.is_closed = false;
	return step_over(v, place_segment(v->walk.place), ret_is_end);
}

/* At the end of a sound log: somebody has added to it meanwhile, and is gone. */
static bool goes_on(struct verify *v)
{
	if (v->has_fault || v->suspect.is_set || !change_has_ended(v))
		return false;
	if (v->end_count++ < ENDS_MAX)
		return true;
	v->is_live = true;
	return false;
}

enum ink_err verify_log(struct verify *v)
{
	unsigned looks = 0, looks_total = 0;
	bool is_end = false;
	enum walk_step step;
	enum ink_err err = INK_OK;

	while (err == INK_OK && !is_end && !v->is_spoiled) {
		err = walk_next(&v->walk, &step);
		if (err != INK_OK)
			return verify_io_error(v, v->path);
		if (step == WALK_BAD && looks_again(v, &looks, &looks_total))
			continue;
		if (step == WALK_RECORD)
			looks = 0;
		err = handle_step(v, step, &is_end);
		is_end = is_end && !goes_on(v);
	}
	if (err != INK_OK || v->is_spoiled)
		return err;
	settle_erased(v);
	return suspect_settle(v);
}
