/* SPDX-License-Identifier: MIT */
/* Replay, and the judgement where the log ends. */
#include "recover_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "error.h"
#include "seal.h"
#include "segment.h"

enum { COMMIT_BYTES = 16 << 20 };

static bool may_cut(const struct recovery *r)
{
	return !r->options->is_read_only && !r->options->is_index_only;
}

static uint64_t durable_size(const struct recovery *r)
{
	uint64_t in_seal = catalog_head(r->catalog)->durable_size;

	return in_seal > r->result->durable_size ? in_seal : r->result->durable_size;
}

static enum ink_err damage(struct recovery *r, uint64_t seq, uint64_t place, const char *what)
{
	return error_set(
		r->error, INK_ERR_DAMAGED,
		"record %llu (segment %u, byte %u) of %s is not what was recorded: %s; run 'inkfs verify %s'",
		(unsigned long long)seq, place_segment(place), place_offset(place),
		r->options->path, what, r->options->path);
}

static enum ink_err commit(struct recovery *r)
{
	enum ink_err err = catalog_flush(r->catalog);

	if (err == INK_OK)
		err = index_freeze(r->index);
	while (err == INK_OK && index_is_frozen(r->index)) {
		err = index_commit(r->index);
		if (err == INK_ERR_IO && index_needs_growth(r->index))
			err = INK_OK;
		if (err == INK_OK)
			err = index_thaw(r->index);
	}
	return err == INK_OK ? INK_OK
			     : error_io(r->error, r->options->path, "cannot write the index");
}

static enum ink_err apply(struct recovery *r, const struct ink_record *record)
{
	const struct ink_header *header = &record->header;
	union ink_body body;
	enum ink_err err;

	if (record->is_erased && !r->options->is_lenient)
		return damage(r, header->seq, record->place, "its body is erased");
	if (ink_body_decode(header->kind, record->body, header->body_size, &body) != INK_OK)
		return damage(r, header->seq, record->place, "its body is not one of its kind");
	if (body_domain(header->kind) &&
	    !recover_signatures_are_good(catalog_head(r->catalog), record, &body))
		return damage(r, header->seq, record->place,
			      "its signature is not by a key of this store");
	err = catalog_apply(r->catalog, header, record->leaf, &body, record->place);
	if (err == INK_ERR_DAMAGED)
		return damage(r, header->seq, record->place,
			      "the records before it do not allow it");
	if (err != INK_OK)
		return error_io(r->error, r->options->path, "cannot read the index");
	if (header->kind == INK_ERASE) {
		r->erase_seq = header->seq;
		r->erase_place = record->place;
	}
	r->result->replayed_count++;
	if (!r->options->is_read_only && index_pending_bytes(r->index) > COMMIT_BYTES)
		return commit(r);
	return INK_OK;
}

static enum ink_err walk_error(struct recovery *r, enum ink_err err)
{
	if (err == INK_ERR_IO)
		return error_io(r->error, r->log_dir, "cannot read the log");
	return error_set(r->error, err,
			 "%s: the index says that the log goes on in segment %u, which is %s",
			 r->log_dir, place_segment(catalog_head(r->catalog)->end_place),
			 "missing or no segment");
}

static enum ink_err end_at_fault(struct recovery *r, const char *what)
{
	const struct head *head = catalog_head(r->catalog);
	uint64_t seq = head->record_count;
	bool is_evidence;
	enum ink_err err;

	if (seq == 0)
		return error_set(
			r->error, INK_ERR_FOREIGN,
			"%s does not begin with a GENESIS record: %s; is this an inkfs store?",
			r->log_dir, what);
	if (seq < durable_size(r))
		return damage(r, seq, head->end_place, what);
	if (head->epoch < r->options->epoch_min)
		return damage(r, seq, head->end_place, what);
	err = recover_look_for_seals(r, seq, &is_evidence);
	if (err != INK_OK)
		return walk_error(r, err);
	/* It may be a torn tail, too; who is shown what lies before it wants to know either way. */
	if (is_evidence || r->options->is_lenient)
		return damage(r, seq, head->end_place, what);
	r->result->end_fault = what;
	return may_cut(r) ? recover_set_aside(r) : INK_OK;
}

static enum ink_err end_at_end(struct recovery *r)
{
	uint64_t count = catalog_head(r->catalog)->record_count, size;
	enum ink_err err;
	bool is_zero;

	if (count == 0)
		return end_at_fault(r, "there is none");
	if (count < durable_size(r))
		return damage(r, count, catalog_head(r->catalog)->end_place,
			      "the log ends here, but more had been synced");
	err = walk_tail(&r->walk, &is_zero, &size);
	if (err != INK_OK)
		return walk_error(r, err);
	if (!is_zero)
		return end_at_fault(r, "bytes behind the end of the log");
	return may_cut(r) ? recover_clear_end(r) : INK_OK;
}

/*
 * Go to the last record that the index covers and see that it is still the one.  Its absence would not be
 * noticed otherwise: a log cut there has an end like any other, and the next record would leave a hole.
 */
static enum ink_err begin_behind_known(struct recovery *r)
{
	const struct head *head = catalog_head(r->catalog);
	const char *wrong = NULL;
	enum ink_err err = head->record_count > 0 ? recover_known(r, &wrong) : INK_OK;

	if (err == INK_ERR_DAMAGED)
		return damage(r, head->record_count - 1, head->end_place,
			      "the index says that the log goes on behind it, and it is not there");
	if (err != INK_OK)
		return walk_error(r, err);
	if (wrong)
		return error_set(
			r->error, INK_ERR_DAMAGED,
			"the index of %s is damaged: it has %s; 'inkfs reindex %s' makes it anew from the log",
			r->options->path, wrong, r->options->path);
	return INK_OK;
}

/* What the catalog needs of an APPEND stands in its header. */
static bool may_pass(const struct recovery *r)
{
	return r->options->is_lenient && r->walk.fault == WALK_DIGEST && r->walk.has_record &&
	       r->walk.record.header.kind == INK_APPEND;
}

static enum ink_err replay(struct recovery *r)
{
	const struct head *head = catalog_head(r->catalog);
	enum walk_step step = WALK_RECORD;
	enum ink_err err = begin_behind_known(r);

	if (err != INK_OK)
		return err;
	while (err == INK_OK) {
		err = walk_next(&r->walk, &step);
		if (err == INK_OK && step == WALK_BAD && may_pass(r)) {
			walk_accept(&r->walk);
			step = WALK_RECORD;
		}
		if (err != INK_OK || step != WALK_RECORD)
			break;
		err = apply(r, &r->walk.record);
		if (err != INK_OK)
			return err;
	}
	if (err != INK_OK)
		return walk_error(r, err);
	/* What a newer inkfs has written is no torn tail. */
	if (step == WALK_BAD &&
	    (r->walk.fault == WALK_SEGMENT_FOREIGN || r->walk.fault == WALK_FOREIGN))
		return error_newer(r->error, r->options->path);
	/* The next seal would sign that a body was meant to be gone. */
	if (r->erase_seq > head->last_seal_seq)
		return damage(r, r->erase_seq, r->erase_place, "no signature covers this ERASE");
	/* Nothing that a crash of the next opening leaves begins with something else than a frame. */
	if (step == WALK_BAD && r->walk.fault == WALK_MAGIC && head->is_closed &&
	    head->record_count > 1)
		return damage(r, head->record_count, head->end_place,
			      "bytes were put behind the closing record");
	return step == WALK_END ? end_at_end(r) : end_at_fault(r, walk_fault_text(r->walk.fault));
}

/*
 * A writer goes on while somebody only reads: what was no record when it was looked at may be whole, and signed, when what
 * lies behind it is.  Damage is still there at a second look, and nothing was read beyond it.
 */
static enum ink_err replay_beside_writer(struct recovery *r)
{
	uint64_t seen;
	enum ink_err err;

	do {
		seen = catalog_head(r->catalog)->record_count;
		r->walk.window_size = 0;
		/* The second look holds the head against what the index has. */
		err = catalog_flush(r->catalog) == INK_OK
			      ? replay(r)
			      : error_io(r->error, r->options->path, "cannot read the index");
	} while (err == INK_ERR_DAMAGED && catalog_head(r->catalog)->record_count > seen);
	/* No commit will ever come; and while an inode waits for one, none may leave the cache. */
	if (catalog_flush(r->catalog) != INK_OK && err == INK_OK)
		err = error_io(r->error, r->options->path, "cannot keep the index");
	return err;
}

enum ink_err recover(const struct recover_options *options, struct index *index,
		     struct catalog *catalog, struct recover_result *ret_result,
		     struct ink_error *ret_error)
{
	struct recovery r = { .options = options,
			      .io = options->io,
			      .index = index,
			      .catalog = catalog,
			      .result = ret_result,
			      .error = ret_error };
	enum ink_err err;

	*ret_result =
		(struct recover_result){ .durable_size = catalog_head(catalog)->record_count };
	if (ret_result->durable_size < options->durable_count)
		ret_result->durable_size = options->durable_count;
	snprintf(r.log_dir, sizeof(r.log_dir), "%.*s/log", PATH_MAX - 80, options->path);
	snprintf(r.lost_dir, sizeof(r.lost_dir), "%.*s/lost", PATH_MAX - 80, options->path);
	if (walk_open(&r.walk, r.io, r.log_dir) != INK_OK)
		return error_io(ret_error, r.log_dir, "cannot read the log");
	if (options->is_read_only) {
		err = replay_beside_writer(&r);
	} else {
		err = recover_sync_segments(&r);
		if (err == INK_OK)
			err = replay(&r);
	}
	walk_close(&r.walk);
	ret_result->durable_size = durable_size(&r);
	ret_result->unsealed_count =
		catalog_head(catalog)->record_count - catalog_head(catalog)->last_seal_seq - 1;
	return err;
}
