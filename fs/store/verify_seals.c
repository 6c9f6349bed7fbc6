/* SPDX-License-Identifier: MIT */
/* Records that sign: GENESIS, seals and the succession of keys. */
#include "verify_private.h"

#include <string.h>

#include "vkey.h"
#include "walk_ahead.h"

/* --- GENESIS ------------------------------------------------------------------------------- */

static void check_genesis_signatures(struct verify *v, const struct ink_record *record,
				     const struct ink_body_genesis *g)
{
	const uint8_t *keys[2] = { g->log_key, g->seal_key };

	for (unsigned which = 0; which < 2; which++)
		if (!record_signature_is_good(INK_GENESIS, record->entry, record->nonce,
					      record->body, record->header.body_size, which,
					      keys[which]))
			report_record(v, INK_FIND_SIGNATURE, record,
				      "GENESIS is not signed by its %s key",
				      which == 0 ? "log" : "seal");
	if (!origin_commits_to(g->origin, g->store_id, g->seal_key))
		report_record(v, INK_FIND_GENESIS, record,
			      "the origin is not the one of this store id and first seal key");
}

static void check_pinned_key(struct verify *v, const struct ink_record *record)
{
	if (!v->options.vkey)
		return;
	v->result->trust = INK_TRUST_PINNED_KEY;
	if (strcmp(v->options.vkey, v->chain.vkey) != 0)
		report_record(v, INK_FIND_PINNED_KEY, record,
			      "this is not the store of the given key; its own is %s",
			      v->chain.vkey);
}

void seals_genesis(struct verify *v, const struct ink_record *record,
		   const struct ink_body_genesis *g)
{
	struct chain *chain = &v->chain;

	if (chain->has_genesis || record->header.seq != 0)
		return;
	chain->has_genesis = true;
	chain->is_key_known = true;
	memcpy(chain->store_id, g->store_id, INK_STORE_ID_SIZE);
	memcpy(chain->log_key, g->log_key, INK_KEY_SIZE);
	memcpy(chain->seal_key, g->seal_key, INK_KEY_SIZE);
	chain->segment_size = g->segment_size;
	chain->is_closed = true;
	if (g->origin.size <= ORIGIN_SIZE_MAX)
		vkey_format(g->origin, g->log_key, chain->vkey);
	check_genesis_signatures(v, record, g);
	check_pinned_key(v, record);
	if (memcmp(v->walk.store_id, g->store_id, INK_STORE_ID_SIZE) != 0)
		report_place(v, INK_FIND_SEGMENT_HEADER, 0, 0,
			     "the segments carry another store id than GENESIS");
}

/* --- seals --------------------------------------------------------------------------------- */

static bool check_epoch(struct verify *v, const struct ink_record *record,
			const struct ink_body_seal *seal)
{
	struct chain *chain = &v->chain;
	uint64_t wanted = (uint64_t)chain->epoch + (record->header.kind != INK_SEAL);

	if (seal->epoch == wanted)
		return true;
	if (chain->is_state_known || seal->epoch < wanted)
		report_record(v, INK_FIND_EPOCH, record, "epoch %u where %llu is due", seal->epoch,
			      (unsigned long long)wanted);
	else if (chain->is_key_known)
		report_record(
			v, INK_FIND_EPOCH, record,
			"the record that named the seal key of epoch %u is lost: its signatures cannot be checked",
			seal->epoch - (record->header.kind != INK_SEAL));
	if (!chain->is_state_known)
		chain->is_key_known = false;
	return false;
}

static bool check_root(struct verify *v, const struct ink_record *record,
		       const struct ink_body_seal *seal)
{
	uint8_t root[INK_HASH_SIZE];

	if (seal->tree_size != record->header.seq) {
		report_record(v, INK_FIND_ROOT, record, "signs %llu records, but is record %llu",
			      (unsigned long long)seal->tree_size,
			      (unsigned long long)record->header.seq);
		return false;
	}
	if (!v->chain.is_tree_known)
		return false;
	merkle_root(&v->chain.tree, root);
	if (memcmp(root, seal->root, INK_HASH_SIZE) == 0)
		return true;
	report_record(v, INK_FIND_ROOT, record,
		      "the tree that was signed is not the tree of the records before it");
	return false;
}

/* Of the record that the walk stands at; @key is what it must be signed with. */
static bool is_signed(struct verify *v, const struct ink_record *record, unsigned which,
		      const uint8_t *key)
{
	const struct ahead_seal *ahead = v->walk.seal;

	if (record->header.seq < v->since_size)
		return true; /* the checkpoint signs it too, or is evidence at the end */
	/* The second signature is always checked with the key in the body. */
	if (ahead && (which == 1 || memcmp(ahead->key, key, INK_KEY_SIZE) == 0))
		return ahead->is_good[which];
	return record_signature_is_good(record->header.kind, record->entry, record->nonce,
					record->body, record->header.body_size, which, key);
}

static bool check_signatures(struct verify *v, const struct ink_record *record,
			     const struct ink_body_seal *seal)
{
	const struct chain *chain = &v->chain;
	uint8_t kind = record->header.kind;
	const uint8_t *key = kind == INK_REKEY ? chain->log_key : chain->seal_key;

	if (!chain->has_genesis || (kind != INK_REKEY && !chain->is_key_known))
		return false;
	if (!is_signed(v, record, 0, key)) {
		report_record(v, INK_FIND_SIGNATURE, record,
			      "%s: not signed by the %s key of epoch %u", ink_kind_name(kind),
			      kind == INK_REKEY ? "log" : "seal", chain->epoch);
		return false;
	}
	if (seal->next_key && !is_signed(v, record, 1, seal->next_key)) {
		report_record(v, INK_FIND_SIGNATURE, record, "%s: not signed by the next seal key",
			      ink_kind_name(kind));
		return false;
	}
	return true;
}

static void check_seal_reason(struct verify *v, const struct ink_record *record,
			      const struct ink_body_seal *seal)
{
	uint8_t kind = record->header.kind;

	if (kind == INK_SEAL && seal->reason == INK_SEAL_UNMOUNT)
		report_record(v, INK_FIND_BODY, record,
			      "a SEAL with the reason of a closing EPOCH");
	if (kind != INK_EPOCH || seal->reason != INK_SEAL_UNMOUNT)
		return;
	v->chain.is_closed = true;
	if (v->chain.is_state_known && v->chain.last_kind != INK_UNMOUNT)
		report_record(v, INK_FIND_SESSION, record,
			      "a closing EPOCH without UNMOUNT before it");
}

static void apply_seal(struct verify *v, const struct ink_record *record,
		       const struct ink_body_seal *seal)
{
	struct chain *chain = &v->chain;
	bool is_good = check_epoch(v, record, seal);

	is_good = check_root(v, record, seal) && is_good;
	is_good = check_signatures(v, record, seal) && is_good;
	if (record->header.kind == INK_REKEY)
		note_record(
			v, INK_FIND_REKEY, record,
			"the seal keys were lost; from here on trust rests on the log key alone");
	check_seal_reason(v, record, seal);
	chain->last_seal_seq = record->header.seq;
	if (seal->next_key) {
		if (record->header.kind == INK_REKEY && is_good)
			chain->is_key_known = true;
		memcpy(chain->seal_key, seal->next_key, INK_KEY_SIZE);
		chain->epoch = seal->epoch;
	}
	if (is_good) {
		chain->seal_count++;
		chain->sealed_count = record->header.seq + 1;
		if (seal->durable_size > chain->durable)
			chain->durable = seal->durable_size;
		chain_settle_erased(v);
	}
	/* A crash cannot make a whole record: what this one says of the disk counts, signed or not. */
	suspect_prove(v, seal->durable_size);
}

/* A seal whose body is damaged.  The key that it names is taken on trial: what follows shows. */
static void apply_damaged_seal(struct verify *v, const struct ink_record *record)
{
	union ink_body body;

	v->chain.last_seal_seq = record->header.seq;
	if (record->header.kind == INK_SEAL)
		return;
	v->chain.epoch++;
	if (ink_body_decode(record->header.kind, record->body, record->header.body_size, &body) !=
	    INK_OK)
		v->chain.is_key_known = false;
	else
		memcpy(v->chain.seal_key, body.seal.next_key, INK_KEY_SIZE);
}

void seals_apply(struct verify *v, const struct ink_record *record,
		 const struct ink_body_seal *body)
{
	if (body)
		apply_seal(v, record, body);
	else
		apply_damaged_seal(v, record);
}
