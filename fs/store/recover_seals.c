/* SPDX-License-Identifier: MIT */
/* Signatures, as far as recovery judges by them. */
#include "recover_private.h"

#include "seal.h"
#include "vkey.h"

static bool genesis_is_good(const struct ink_record *record, const struct ink_body_genesis *g)
{
	return origin_commits_to(g->origin, g->store_id, g->seal_key) &&
	       record_signature_is_good(INK_GENESIS, record->entry, record->nonce, record->body,
					record->header.body_size, 0, g->log_key) &&
	       record_signature_is_good(INK_GENESIS, record->entry, record->nonce, record->body,
					record->header.body_size, 1, g->seal_key);
}

bool recover_signatures_are_good(const struct head *head, const struct ink_record *record,
				 const union ink_body *body)
{
	const struct ink_header *header = &record->header;
	const uint8_t *first_key = header->kind == INK_REKEY ? head->log_key : head->seal_key;
	uint8_t root[INK_HASH_SIZE];

	if (header->kind == INK_GENESIS)
		return genesis_is_good(record, &body->genesis);
	merkle_root(&head->tree, root);
	if (body->seal.tree_size != header->seq ||
	    memcmp(root, body->seal.root, INK_HASH_SIZE) != 0)
		return false;
	if (!record_signature_is_good(header->kind, record->entry, record->nonce, record->body,
				      header->body_size, 0, first_key))
		return false;
	return header->kind == INK_SEAL ||
	       record_signature_is_good(header->kind, record->entry, record->nonce, record->body,
					header->body_size, 1, body->seal.next_key);
}

static bool seals_beyond(const struct head *head, const struct ink_record *record,
			 uint64_t fault_seq)
{
	union ink_body body;

	return record->header.kind == INK_SEAL &&
	       ink_body_decode(INK_SEAL, record->body, record->header.body_size, &body) == INK_OK &&
	       body.seal.durable_size > fault_seq &&
	       record_signature_is_good(INK_SEAL, record->entry, record->nonce, record->body,
					record->header.body_size, 0, head->seal_key);
}

enum ink_err recover_look_for_seals(struct recovery *r, uint64_t fault_seq, bool *ret_is_evidence)
{
	const struct head *head = catalog_head(r->catalog);
	enum ink_err err = INK_OK;

	*ret_is_evidence = false;
	while (err == INK_OK && !*ret_is_evidence) {
		const struct ink_record *record = &r->walk.record;
		bool is_found = true;
		enum walk_step step;

		err = walk_next(&r->walk, &step);
		if (err != INK_OK)
			break;
		if (step == WALK_RECORD) {
			*ret_is_evidence = seals_beyond(head, record, fault_seq);
			continue;
		}
		err = walk_resync(&r->walk, &is_found);
		if (err != INK_OK || is_found)
			continue;
		err = recover_segment_exists(r, r->walk.segment + 1, &is_found);
		if (err == INK_OK && !is_found)
			break;
		if (err == INK_OK)
			err = walk_enter(&r->walk, r->walk.segment + 1);
	}
	return err;
}
