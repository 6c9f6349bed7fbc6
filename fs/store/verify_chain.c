/* SPDX-License-Identifier: MIT */
/* What a record means for the chain: sessions, actors, clocks; verify_seals.c has what signs. */
#include "verify_private.h"

#include <string.h>

static bool is_outside_kind(uint8_t kind)
{
	switch (kind) {
	case INK_GENESIS:
	case INK_MOUNT:
	case INK_RECOVERY:
	case INK_SEAL:
	case INK_EPOCH:
	case INK_REKEY:
	case INK_ERASE:
	case INK_ANCHOR: return true;
	default: return false;
	}
}

/* What opening a closed store begins with; but for RECOVERY it is signed, and nobody without a key goes on from there. */
static bool may_follow_end(uint8_t kind)
{
	return kind == INK_EPOCH || kind == INK_REKEY || kind == INK_SEAL || kind == INK_RECOVERY;
}

static bool has_inode(uint8_t kind)
{
	switch (kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK:
	case INK_ATTR:
	case INK_RENAME:
	case INK_LINK:
	case INK_UNLINK:
	case INK_OPEN:
	case INK_CLOSE:
	case INK_APPEND: return true;
	default: return false;
	}
}

static bool is_actor(const struct verify *v, uint64_t seq)
{
	size_t low = 0, high = v->actor_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v->actors[middle] == seq)
			return true;
		if (v->actors[middle] < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* --- rules for every record ---------------------------------------------------------------- */

static void check_header(struct verify *v, const struct ink_record *record)
{
	const struct ink_header *h = &record->header;
	bool is_right;

	if (h->kind == INK_DENIED)
		is_right = true;
	else if (h->kind == INK_GENESIS)
		is_right = h->inode == INK_ROOT_INODE;
	else
		is_right = (h->inode != 0) == has_inode(h->kind);
	if (!is_right)
		report_record(v, INK_FIND_HEADER, record, "a %s record cannot be about inode %llu",
			      ink_kind_name(h->kind), (unsigned long long)h->inode);
	if (h->actor != 0 && v->chain.is_state_known && !is_actor(v, h->actor))
		report_record(v, INK_FIND_ACTOR, record,
			      "record %llu, named as its actor, is no ACTOR record before it",
			      (unsigned long long)h->actor);
}

static void check_session(struct verify *v, const struct ink_record *record)
{
	uint8_t kind = record->header.kind;

	if (kind == INK_GENESIS && record->header.seq != 0)
		report_record(v, INK_FIND_SESSION, record, "a second GENESIS");
	if (kind != INK_GENESIS && record->header.seq == 0)
		report_record(v, INK_FIND_GENESIS, record, "the first record is not GENESIS");
	if (v->chain.is_state_known && v->chain.is_closed && !may_follow_end(kind))
		report_record(v, INK_FIND_SESSION, record,
			      "%s right behind the record that closed the store",
			      ink_kind_name(kind));
	if (v->chain.is_state_known && v->chain.session_seq == 0 && !is_outside_kind(kind))
		report_record(v, INK_FIND_SESSION, record, "%s outside a session",
			      ink_kind_name(kind));
}

static void check_clock(struct verify *v, const struct ink_record *record)
{
	struct chain *chain = &v->chain;
	int64_t wall = record->header.wall_ns;

	if (record->header.seq == 0)
		chain->first_wall = wall;
	else if (wall < chain->last_wall && !chain->has_clock_back) {
		note_record(v, INK_FIND_CLOCK_BACK, record,
			    "the wall clock went back by %lld ms between two records",
			    (long long)(((__int128)chain->last_wall - wall) / 1000000));
		chain->has_clock_back = true;
	}
	chain->last_wall = wall;
}

/* --- sessions ------------------------------------------------------------------------------ */

static void apply_mount(struct verify *v, const struct ink_record *record)
{
	struct chain *chain = &v->chain;

	if (chain->is_state_known && !chain->was_ended)
		report_record(v, INK_FIND_SESSION, record,
			      "MOUNT, but the session before has neither UNMOUNT nor RECOVERY");
	if (chain->is_state_known && chain->last_kind != INK_EPOCH)
		report_record(v, INK_FIND_SESSION, record,
			      "MOUNT without an EPOCH right before it");
	chain->session_seq = record->header.seq;
	chain->payload_before = chain->payload;
	chain->was_ended = false;
	chain->has_clock_back = false;
	chain->session_count++;
}

static void apply_unmount(struct verify *v, const struct ink_record *record,
			  const struct ink_body_unmount *body)
{
	struct chain *chain = &v->chain;
	uint64_t records = record->header.seq - chain->session_seq;
	uint64_t payload = chain->payload - chain->payload_before;

	if (body && chain->is_state_known && chain->session_seq != 0 &&
	    (body->record_count != records || body->payload_bytes != payload))
		report_record(
			v, INK_FIND_BODY, record,
			"UNMOUNT counts %llu records and %llu bytes, the session has %llu and %llu",
			(unsigned long long)body->record_count,
			(unsigned long long)body->payload_bytes, (unsigned long long)records,
			(unsigned long long)payload);
	chain->session_seq = 0;
	chain->was_ended = true;
}

static void check_recovery(struct verify *v, const struct ink_record *record,
			   const struct ink_body_recovery *body)
{
	uint64_t seq = record->header.seq, lost_bytes = 0;

	if (body->durable_size > seq || body->unsealed_count > seq ||
	    (v->chain.is_state_known && body->unsealed_count != seq - 1 - v->chain.last_seal_seq))
		report_record(v, INK_FIND_BODY, record, "RECOVERY miscounts the records before it");
	for (unsigned i = 0; i < body->lost_count; i++)
		lost_bytes += body->lost[i].size;
	if (body->lost_count > 0)
		note_record(
			v, INK_FIND_RECOVERY, record,
			"an unclean end before this record: %llu bytes were set aside in lost/, %llu records had no signature yet",
			(unsigned long long)lost_bytes, (unsigned long long)body->unsealed_count);
	else
		note_record(
			v, INK_FIND_RECOVERY, record,
			"an unclean end before this record: nothing was cut, %llu records had no signature yet",
			(unsigned long long)body->unsealed_count);
}

static enum ink_err apply_recovery(struct verify *v, const struct ink_record *record,
				   const struct ink_body_recovery *body)
{
	struct chain *chain = &v->chain;

	if (chain->session_seq != 0) {
		note_record(v, INK_FIND_UNCLEAN_END, record,
			    "the session that began with record %llu ended without UNMOUNT",
			    (unsigned long long)chain->session_seq);
		chain->unclean_count++;
	}
	if (body)
		check_recovery(v, record, body);
	chain->session_seq = 0;
	chain->was_ended = true;
	return lost_apply(v, record, body);
}

/* --- the rest ------------------------------------------------------------------------------ */

static void apply_erase(struct verify *v, const struct ink_record *record,
			const struct ink_body_erase *body)
{
	uint64_t seq = body->target_seq;

	if (seq >= record->header.seq) {
		report_record(v, INK_FIND_BODY, record, "ERASE names no record before it");
		return;
	}
	note_record(v, INK_FIND_ERASED, record,
		    "the body of record %llu was erased on the word of %.*s",
		    (unsigned long long)seq, (int)body->authority.size, body->authority.data);
	for (size_t i = 0; i < v->erased_count; i++)
		if (v->erased[i].seq == seq && v->erased[i].erase_seq == 0)
			v->erased[i].erase_seq = record->header.seq;
}

/* An ERASE is a word that somebody must have signed: without a good seal behind it anybody could have written it. */
void chain_settle_erased(struct verify *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->erased_count; i++) {
		uint64_t erase_seq = v->erased[i].erase_seq;

		if (erase_seq == 0 || erase_seq >= v->chain.sealed_count)
			v->erased[kept++] = v->erased[i];
		else
			v->chain.erased_count++;
	}
	v->erased_count = kept;
}

/* What is not known is zero or empty, and nothing is known that has no name here. */
static bool actor_is_consistent(const struct ink_body_actor *a)
{
	uint32_t known = a->known;

	return (known & ~127U) == 0 &&
	       (known & INK_KNOWN_PROCESS || (a->ppid == 0 && a->start_time == 0)) &&
	       (known & INK_KNOWN_LOGIN || a->login_uid == 0) &&
	       (known & INK_KNOWN_SESSION || a->session_id == 0) &&
	       (known & INK_KNOWN_COMM || a->comm.size == 0) &&
	       (known & INK_KNOWN_EXE || a->exe.size == 0) &&
	       (known & INK_KNOWN_CGROUP || a->cgroup.size == 0) &&
	       (known & INK_KNOWN_ENVIRON || (a->ci_system.size == 0 && a->ci_count == 0));
}

static enum ink_err apply_actor(struct verify *v, const struct ink_record *record,
				const struct ink_body_actor *body)
{
	uint64_t seq = record->header.seq;

	if (body && !actor_is_consistent(body))
		report_record(v, INK_FIND_BODY, record,
			      "ACTOR contradicts itself about what is known");
	if (v->actor_count > 0 && v->actors[v->actor_count - 1] >= seq)
		return INK_OK;
	if (!verify_grow(v, &v->actors, &v->actor_room, v->actor_count, sizeof(v->actors[0])))
		return verify_io_error(v, v->path);
	v->actors[v->actor_count++] = seq;
	return INK_OK;
}

static enum ink_err apply_kind(struct verify *v, const struct ink_record *record,
			       const union ink_body *body)
{
	switch (record->header.kind) {
	case INK_GENESIS:
		if (body)
			seals_genesis(v, record, &body->genesis);
		break;
	case INK_MOUNT: apply_mount(v, record); break;
	case INK_UNMOUNT: apply_unmount(v, record, body ? &body->unmount : NULL); break;
	case INK_RECOVERY: return apply_recovery(v, record, body ? &body->recovery : NULL);
	case INK_ACTOR: return apply_actor(v, record, body ? &body->actor : NULL);
	case INK_APPEND: v->chain.payload += record->header.body_size; break;
	case INK_DENIED: v->chain.refusals += body ? body->denied.count : 1; break;
	case INK_SEAL:
	case INK_EPOCH:
	case INK_REKEY: seals_apply(v, record, body ? &body->seal : NULL); break;
	case INK_ERASE:
		if (body)
			apply_erase(v, record, &body->erase);
		break;
	case INK_ANCHOR:
		if (body && body->anchor.tree_size > record->header.seq)
			report_record(v, INK_FIND_BODY, record,
				      "ANCHOR of a tree that was not there yet");
		break;
	default: break;
	}
	return INK_OK;
}

void chain_skip(struct verify *v, const uint8_t *leaf)
{
	merkle_append(&v->chain.tree, leaf);
	memcpy(v->chain.last_leaf, leaf, INK_HASH_SIZE);
	v->chain.is_closed = false;
	v->chain.is_state_known = false;
	v->chain.last_kind = 0;
	pins_look(v);
}

enum ink_err chain_apply(struct verify *v, const struct ink_record *record,
			 const union ink_body *body)
{
	struct chain *chain = &v->chain;
	enum ink_err err;

	check_header(v, record);
	check_session(v, record);
	chain->is_closed = false;
	check_clock(v, record);
	err = apply_kind(v, record, body);
	if (err != INK_OK)
		return err;
	epoch_watch(v, record, body);
	merkle_append(&chain->tree, record->leaf);
	memcpy(chain->last_leaf, record->leaf, INK_HASH_SIZE);
	chain->end_place = record->place + frame_size(record->header.body_size);
	chain->last_kind = record->header.kind;
	pins_look(v);
	return INK_OK;
}
