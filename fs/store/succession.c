/* SPDX-License-Identifier: MIT */
#include "succession.h"

#include <stdio.h>
#include <string.h>

bool kind_is_signed(uint8_t kind)
{
	return kind == INK_GENESIS || kind == INK_SEAL || kind == INK_EPOCH || kind == INK_REKEY;
}

/* Of those that come after GENESIS: their bodies are alike. */
static bool is_link(uint8_t kind)
{
	return kind != INK_GENESIS && kind_is_signed(kind);
}

static bool is_signed_by(const struct ink_record *record, unsigned which, const uint8_t *key)
{
	return record_signature_is_good(record->header.kind, record->entry, record->nonce,
					record->body, record->header.body_size, which, key);
}

static bool decode(const struct ink_record *record, union ink_body *ret_body)
{
	return !record->is_erased && !record->is_damaged &&
	       ink_body_decode(record->header.kind, record->body, record->header.body_size,
			       ret_body) == INK_OK;
}

bool succession_begin(struct succession *ret_keys, const struct ink_record *record)
{
	const struct ink_body_genesis *g;
	union ink_body body;

	if (record->header.kind != INK_GENESIS || record->header.seq != 0 || !decode(record, &body))
		return false;
	g = &body.genesis;
	if (!is_signed_by(record, 0, g->log_key) || !is_signed_by(record, 1, g->seal_key) ||
	    !origin_commits_to(g->origin, g->store_id, g->seal_key))
		return false;
	memcpy(ret_keys->store_id, g->store_id, INK_STORE_ID_SIZE);
	memcpy(ret_keys->log_key, g->log_key, INK_KEY_SIZE);
	memcpy(ret_keys->seal_key, g->seal_key, INK_KEY_SIZE);
	ret_keys->epoch = 0;
	vkey_format(g->origin, g->log_key, ret_keys->vkey);
	return true;
}

bool succession_follow(struct succession *keys, const struct ink_record *record,
		       const uint8_t *root, struct ink_body_seal *ret_seal)
{
	const struct ink_header *h = &record->header;
	const struct ink_body_seal *seal;
	union ink_body body;

	if (!is_link(h->kind) || !decode(record, &body))
		return false;
	seal = &body.seal;
	if (seal->epoch != keys->epoch + (h->kind != INK_SEAL) || seal->tree_size != h->seq ||
	    (root && memcmp(root, seal->root, INK_HASH_SIZE) != 0) ||
	    !is_signed_by(record, 0, h->kind == INK_REKEY ? keys->log_key : keys->seal_key) ||
	    (seal->next_key && !is_signed_by(record, 1, seal->next_key)))
		return false;
	if (seal->next_key) {
		memcpy(keys->seal_key, seal->next_key, INK_KEY_SIZE);
		keys->epoch = seal->epoch;
	}
	if (ret_seal)
		*ret_seal = *seal;
	return true;
}

void succession_name(struct ink_str origin, uint32_t epoch, char ret_name[static EPOCH_NAME_SIZE])
{
	snprintf(ret_name, EPOCH_NAME_SIZE, "%.*s/epoch/%u", (int)origin.size, origin.data, epoch);
}

bool succession_has_line(const struct note *note, struct ink_str origin)
{
	static const char epoch[] = "/epoch/";
	const size_t size = origin.size + sizeof(epoch) - 1;

	for (unsigned i = 0; i < note->line_count; i++) {
		struct ink_str name = note->lines[i].name;

		if (name.size > size && memcmp(name.data, origin.data, origin.size) == 0 &&
		    memcmp(name.data + origin.size, epoch, sizeof(epoch) - 1) == 0)
			return true;
	}
	return false;
}
