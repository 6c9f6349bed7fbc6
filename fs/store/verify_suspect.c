/* SPDX-License-Identifier: MIT */
/* Torn or tampered (verify_private.h): from the first fault on, what is kept back until the log proves it or ends. */
#include "verify_private.h"

#include <string.h>

uint64_t known_durable(const struct verify *v)
{
	uint64_t durable = v->chain.durable;

	return v->index.is_open && v->index.count > durable ? v->index.count : durable;
}

void mark_fault(struct verify *v)
{
	if (v->has_fault)
		return;
	v->has_fault = true;
	v->good_count = v->chain.tree.size;
	merkle_root(&v->chain.tree, v->good_root);
}

void suspect_begin(struct verify *v, uint64_t seq, uint64_t place)
{
	mark_fault(v);
	if (v->suspect.is_set || seq < known_durable(v) || seq == 0)
		return;
	v->suspect.is_set = true;
	v->suspect.seq = seq;
	v->suspect.place = place;
	v->suspect.before = v->chain;
}

void suspect_prove(struct verify *v, uint64_t durable)
{
	if (!v->suspect.is_set || durable <= v->suspect.seq || change_spoils(v))
		return;
	v->suspect.is_set = false;
	kept_flush(v, &v->suspect.findings);
}

void settle_erased(struct verify *v)
{
	for (size_t i = 0; i < v->erased_count; i++) {
		const struct erased *e = &v->erased[i];
		struct ink_record record = { .place = e->place };

		if (v->suspect.is_set && e->seq >= v->suspect.seq)
			continue;
		if (!v->has_fault || e->seq < v->good_count) {
			v->has_fault = true;
			v->good_count = e->seq;
			memcpy(v->good_root, e->root, INK_HASH_SIZE);
		}
		record.header.kind = INK_APPEND;
		record.header.seq = e->seq;
		record.header.inode = e->inode;
		record.header.offset = e->offset;
		record.header.body_size = (uint32_t)e->size;
		record.header.wall_ns = e->wall_ns;
		if (e->seq >= known_durable(v))
			note_record(
				v, INK_FIND_TORN_TAIL, &record,
				"the body is zero: it had not reached the disk when the log ended uncleanly");
		else
			report_record(
				v, INK_FIND_DIGEST, &record,
				"the body is zero, and no signed ERASE record says that it was erased");
	}
}

enum ink_err suspect_settle(struct verify *v)
{
	uint64_t place = v->suspect.place, size = 0;
	bool was_closed = v->suspect.before.is_closed;

	if (!v->suspect.is_set || (!v->is_live && change_spoils(v)))
		return INK_OK;
	v->suspect.is_set = false;
	v->is_torn = true;
	v->chain = v->suspect.before;
	v->chain.is_closed = false;
	kept_drop(&v->suspect.findings);
	if (v->is_live)
		return INK_OK; /* a write under way */
	if (walk_measure(&v->walk, place, &size) != INK_OK)
		return verify_io_error(v, v->path);
	note_place(
		v, INK_FIND_TORN_TAIL, v->suspect.seq, place, size,
		was_closed
			? "the first %llu records are whole and end in order; behind the closing record, at byte %u of the segment, lies the beginning of one that never was: the next opening ended in its first write, or somebody put it there, which takes no key"
			: "the first %llu records are whole; behind them, at byte %u of the segment, lies the remainder of an unclean end",
		(unsigned long long)v->suspect.seq, place_offset(place));
	return INK_OK;
}
