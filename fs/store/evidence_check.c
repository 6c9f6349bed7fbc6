/* SPDX-License-Identifier: MIT */
/*
 * ink_evidence_check().  Evidence is good if and only if
 *
 * 1. it has exactly the bytes that its counts and sizes give, and its hash;
 * 2. all its tlog-proofs are under one and the same checkpoint, which the log key has signed, and which is the given one
 *    if one was given;
 * 3. each record's body has its header's digest, and its header is included under the checkpoint, at its number;
 * 4. with a succession: GENESIS is the one that the origin commits to, each link is signed by the key in force before it
 *    and by the one that it names; each record is also included under the root of the first link behind it; and where
 *    there is none behind the last record, the seal key then in force has signed the checkpoint too;
 * 5. the records are what the head claims, all of it.
 */
#include "evidence_format.h"

#include <assert.h>

#include "error.h"
#include "hash.h"
#include "identity.h"
#include "record.h"

struct check {
	const char *vkey;
	struct ink_error *error;
	struct evidence_head head;
	struct get get;
	struct succession keys;
	size_t links_pos;    /* where the next link to be used as cover begins */
	uint32_t links_left; /* links from there on */
	bool has_cover;      /* the next two are of a link behind the record */
	bool has_word; /* among the links up to there is one that only the log key vouches for */
	uint64_t cover_size; /* = its sequence number */
	uint8_t cover_root[INK_HASH_SIZE];
	uint64_t last_link_seq;
	struct ink_str note_text; /* of the first proof; all others must be the same */
	struct note note;
	struct checkpoint checkpoint;
	bool has_record;
	uint64_t last_seq;
	uint64_t claimed_count, claimed_first, claimed_last, next_offset;
	struct ink_evidence evidence;
};

static enum ink_err bad(struct check *c, const char *what)
{
	return error_set(c->error, INK_ERR_DAMAGED, "bad evidence: %s", what);
}

static enum ink_err bad_record(struct check *c, uint64_t seq, const char *what)
{
	return error_set(c->error, INK_ERR_DAMAGED, "bad evidence: record %llu %s",
			 (unsigned long long)seq, what);
}

/* A record as it stands in the file: header, nonce, body. */
static enum ink_err get_record(struct check *c, struct ink_record *ret_record)
{
	const uint8_t *entry = get_bytes(&c->get, HEADER_SIZE);
	uint8_t digest[INK_HASH_SIZE];

	*ret_record = (struct ink_record){ 0 };
	if (!entry || header_decode(entry, &ret_record->header) != INK_OK)
		return bad(c, "a record's header is damaged or cut off");
	ret_record->entry = entry;
	ret_record->nonce = get_bytes(&c->get, INK_NONCE_SIZE);
	ret_record->body = get_bytes(&c->get, ret_record->header.body_size);
	if (c->get.is_bad)
		return bad(c, "a record is cut off");
	hash_leaf(entry, HEADER_SIZE, ret_record->leaf);
	hash_two(ret_record->nonce, INK_NONCE_SIZE, ret_record->body, ret_record->header.body_size,
		 digest);
	if (memcmp(digest, ret_record->header.digest, INK_HASH_SIZE) != 0)
		return bad_record(c, ret_record->header.seq, "has another body than was recorded");
	return INK_OK;
}

/* --- the succession of keys ------------------------------------------------------------------ */

static enum ink_err check_links(struct check *c)
{
	struct ink_record record;
	enum ink_err err = INK_OK;

	c->links_pos = c->get.pos;
	c->links_left = c->head.link_count;
	for (uint32_t i = 0; i < c->head.link_count && err == INK_OK; i++) {
		err = get_record(c, &record);
		if (err != INK_OK)
			return err;
		if (i == 0) {
			if (!succession_begin(&c->keys, &record))
				return bad(c, "its first link is no good GENESIS");
			if (strcmp(c->keys.vkey, c->vkey) != 0)
				return bad(c, "it is of another log than the key");
			continue;
		}
		if (record.header.kind == INK_SEAL || record.header.seq <= c->last_link_seq ||
		    !succession_follow(&c->keys, &record, NULL, NULL))
			return bad_record(c, record.header.seq,
					  "does not continue the succession of keys");
		c->last_link_seq = record.header.seq;
		c->evidence.rekey_count += record.header.kind == INK_REKEY;
	}
	c->evidence.epoch_count = c->head.link_count;
	return err;
}

/* Find the first link behind @seq; records come in order, so links are passed once. */
static enum ink_err find_cover(struct check *c, uint64_t seq)
{
	size_t pos = c->get.pos;
	enum ink_err err = INK_OK;

	while (err == INK_OK && !(c->has_cover && c->cover_size > seq) && c->links_left > 0) {
		struct ink_record record;
		union ink_body body;

		c->get.pos = c->links_pos;
		err = get_record(c, &record);
		if (err != INK_OK)
			break;
		c->links_pos = c->get.pos;
		c->links_left--;
		if (record.header.kind == INK_GENESIS)
			continue;
		err = ink_body_decode(record.header.kind, record.body, record.header.body_size,
				      &body);
		assert(err == INK_OK); /* check_links() has decoded it */
		c->has_cover = true;
		c->has_word |= record.header.kind == INK_REKEY;
		c->cover_size = body.seal.tree_size;
		memcpy(c->cover_root, body.seal.root, INK_HASH_SIZE);
	}
	if (c->has_cover && c->cover_size <= seq)
		c->has_cover = false;
	c->get.pos = pos;
	return err;
}

/* --- records --------------------------------------------------------------------------------- */

static enum ink_err check_note(struct check *c, struct ink_str text)
{
	enum ink_err err;

	if (c->note_text.data)
		return str_equals(c->note_text, text)
			       ? INK_OK
			       : bad(c, "its records are under different checkpoints");
	c->note_text = text;
	err = identity_checkpoint(c->vkey, "bad evidence: what the records are under", text.data,
				  text.size, &c->note, &c->checkpoint, c->error);
	if (err == INK_ERR_INVALID)
		return bad(c, "what its records are under is not a checkpoint");
	return err;
}

static enum ink_err check_cover(struct check *c, const struct ink_record *record)
{
	uint8_t count = get_u8(&c->get);
	struct proof proof = { .hash_count = count };
	const uint8_t *hashes = get_bytes(&c->get, (size_t)count * INK_HASH_SIZE);
	enum ink_err err;

	if (c->get.is_bad || count > PROOF_HASH_COUNT_MAX)
		return bad_record(c, record->header.seq, "is cut off");
	memcpy(proof.hashes, hashes, (size_t)count * INK_HASH_SIZE);
	err = c->head.has_succession ? find_cover(c, record->header.seq) : INK_OK;
	if (err != INK_OK)
		return err;
	if (!c->has_cover)
		return count == 0
			       ? INK_OK
			       : bad_record(c, record->header.seq, "has hashes that prove nothing");
	if (inclusion_check(&proof, c->cover_size, record->header.seq, record->leaf, c->cover_root))
		return INK_OK;
	return bad_record(c, record->header.seq,
			  "is not among those that the seal key of its time has signed");
}

/* All records that are claimed must be there, and no other. */
static enum ink_err take_claimed(struct check *c, const struct ink_header *h)
{
	bool is_first = c->claimed_count == 0;

	c->claimed_count++;
	if (c->head.claim == INK_CLAIM_RUN &&
	    h->seq != (is_first ? c->head.first : c->claimed_last + 1))
		return bad_record(c, h->seq,
				  "does not continue the run of records that is claimed");
	c->claimed_last = h->seq;
	if (c->head.claim != INK_CLAIM_BYTES)
		return INK_OK;
	if (h->kind != INK_APPEND || h->inode != c->head.inode)
		return bad_record(c, h->seq, "is not of the file that is claimed");
	if (is_first ? h->offset > c->head.first || h->offset + h->body_size <= c->head.first
		     : h->offset != c->next_offset || h->offset > c->head.last)
		return bad_record(c, h->seq, "does not continue the bytes that are claimed");
	c->next_offset = h->offset + h->body_size;
	return INK_OK;
}

static enum ink_err check_record(struct check *c)
{
	uint8_t role = get_u8(&c->get);
	struct ink_record record;
	struct tlog_text text;
	struct ink_str proof;
	enum ink_err err = get_record(c, &record);

	if (err != INK_OK)
		return err;
	proof.size = get_u32(&c->get);
	proof.data = (const char *)get_bytes(&c->get, proof.size);
	if (c->get.is_bad || proof.size > TLOG_PROOF_SIZE_MAX ||
	    tlog_proof_decode(proof, &text) != INK_OK)
		return bad_record(c, record.header.seq, "has no proof that can be read");
	if (role != ROLE_CLAIMED && role != ROLE_CONTEXT)
		return bad_record(c, record.header.seq, "has no role");
	if (c->has_record && record.header.seq <= c->last_seq)
		return bad_record(c, record.header.seq, "is out of order");
	err = check_note(c, text.checkpoint);
	if (err != INK_OK)
		return err;
	if (text.number != record.header.seq ||
	    !inclusion_check(&text.proof, c->checkpoint.size, record.header.seq, record.leaf,
			     c->checkpoint.root))
		return bad_record(c, record.header.seq, "is not in the log that was signed");
	err = check_cover(c, &record);
	if (err == INK_OK && role == ROLE_CLAIMED)
		err = take_claimed(c, &record.header);
	c->has_record = true;
	c->last_seq = record.header.seq;
	return err;
}

/* Once more over the same bytes, now that all of them are known to be good. */
static void hand_out(struct check *c, size_t pos, ink_evidence_fn on_record, void *ctx)
{
	bool is_wanted = true;

	c->get.pos = pos;
	for (uint32_t i = 0; i < c->head.record_count && is_wanted; i++) {
		uint8_t role = get_u8(&c->get);
		struct ink_record record;
		struct ink_str proof;
		enum ink_err err = get_record(c, &record);

		assert(err == INK_OK);
		proof.size = get_u32(&c->get);
		proof.data = (const char *)get_bytes(&c->get, proof.size);
		get_bytes(&c->get, (size_t)get_u8(&c->get) * INK_HASH_SIZE);
		is_wanted = on_record(ctx, &record, role == ROLE_CLAIMED, proof);
	}
}

/* --- all of it ------------------------------------------------------------------------------- */

static enum ink_err get_head(struct check *c, const uint8_t *data, size_t size)
{
	uint8_t hash[INK_HASH_SIZE], succession;

	if (size < EVIDENCE_HEAD_SIZE || memcmp(data, EVIDENCE_MAGIC, 8) != 0)
		return error_set(c->error, INK_ERR_FOREIGN, "this is not an evidence file");
	if (size > INK_EVIDENCE_SIZE_MAX)
		return error_set(c->error, INK_ERR_FOREIGN,
				 "larger than an evidence file may be (%d bytes)",
				 INK_EVIDENCE_SIZE_MAX);
	if (be32_load(data + 8) != EVIDENCE_VERSION)
		return error_set(c->error, INK_ERR_FOREIGN,
				 "evidence of version %u, which this program does not know",
				 be32_load(data + 8));
	if (size < EVIDENCE_SIZE_MIN)
		return bad(c, "it is cut off");
	hash_data(data, size - INK_HASH_SIZE, hash);
	if (memcmp(hash, data + size - INK_HASH_SIZE, INK_HASH_SIZE) != 0)
		return bad(c, "it is damaged or cut off: its hash is another");
	get_init(&c->get, data, size - INK_HASH_SIZE);
	(void)get_bytes(&c->get, 12); /* magic and version */
	c->head.claim = get_u8(&c->get);
	succession = get_u8(&c->get);
	get_zero(&c->get, 2);
	c->head.has_succession = succession == 1;
	c->head.first = get_u64(&c->get);
	c->head.last = get_u64(&c->get);
	c->head.inode = get_u64(&c->get);
	c->head.link_count = get_u32(&c->get);
	c->head.record_count = get_u32(&c->get);
	/* Behind a bad byte all is read as zero, the count of records too. */
	if (succession > 1 || c->head.claim < INK_CLAIM_RECORDS || c->head.claim > INK_CLAIM_RUN ||
	    c->head.link_count > EVIDENCE_LINKS_MAX ||
	    (c->head.link_count > 0) != c->head.has_succession || c->head.record_count == 0 ||
	    c->head.record_count > INK_EVIDENCE_RECORDS_MAX ||
	    (c->head.claim == INK_CLAIM_RECORDS && (c->head.first || c->head.last)) ||
	    c->head.first > c->head.last || (c->head.claim != INK_CLAIM_BYTES && c->head.inode))
		return bad(c, "its head contradicts itself");
	return INK_OK;
}

static enum ink_err check_claim(struct check *c)
{
	const struct evidence_head *head = &c->head;

	if (c->claimed_count == 0)
		return bad(c, "it shows no record");
	if (head->claim == INK_CLAIM_RUN && c->claimed_last != head->last)
		return bad(c, "the run of records that is claimed is not all there");
	if (head->claim == INK_CLAIM_BYTES && c->next_offset <= head->last)
		return bad(c, "the bytes that are claimed are not all there");
	return INK_OK;
}

/*
 * A link behind the last record stands for the line of the seal key.  Cover it is only if a seal key has signed it that
 * comes from GENESIS without the log key's word: a REKEY can be made at any time by who has the log key.
 */
static enum ink_err check_epoch_line(struct check *c)
{
	bool has_link = c->last_link_seq > c->last_seq;
	char name[EPOCH_NAME_SIZE];
	enum note_verdict verdict;

	if (!c->head.has_succession)
		return INK_OK;
	if (c->last_link_seq >= c->checkpoint.size)
		return bad(c, "its succession of keys goes beyond its checkpoint");
	c->evidence.is_covered = c->has_cover && !c->has_word;
	succession_name(c->checkpoint.origin, c->keys.epoch, name);
	verdict = note_check(&c->note, str_of(name, sizeof(name)), NOTE_COSIGNATURE,
			     c->keys.seal_key, &c->evidence.cosigned_s);
	if (verdict == NOTE_BAD || (verdict == NOTE_UNKNOWN && !has_link))
		return bad(c, "its checkpoint is not signed by the seal key of its epoch");
	return INK_OK;
}

static enum ink_err check_pinned(struct check *c, const struct ink_checkpoint_text *pinned)
{
	struct checkpoint checkpoint;
	struct note note;
	enum ink_err err = identity_checkpoint(c->vkey, pinned->name, pinned->data, pinned->size,
					       &note, &checkpoint, c->error);

	if (err != INK_OK)
		return err;
	if (checkpoint.size != c->checkpoint.size)
		return error_set(
			c->error, INK_ERR_INVALID,
			"the evidence is under a checkpoint of %llu records, %s has %llu; ask for evidence made with --checkpoint %s",
			(unsigned long long)c->checkpoint.size, pinned->name,
			(unsigned long long)checkpoint.size, pinned->name);
	if (memcmp(checkpoint.root, c->checkpoint.root, INK_HASH_SIZE) != 0)
		return bad(c, "it is of another history than the checkpoint that was given");
	c->evidence.is_pinned = true;
	c->evidence.is_pin_weak = !succession_has_line(&note, checkpoint.origin);
	return INK_OK;
}

static void fill_result(struct check *c)
{
	struct ink_evidence *e = &c->evidence;

	e->claim = c->head.claim;
	e->first = c->head.first;
	e->last = c->head.last;
	e->inode = c->head.inode;
	e->record_count = c->claimed_count;
	e->context_count = c->head.record_count - c->claimed_count;
	e->checkpoint_size = c->checkpoint.size;
	memcpy(e->root, c->checkpoint.root, INK_HASH_SIZE);
	e->has_succession = c->head.has_succession;
}

enum ink_err ink_evidence_check(const uint8_t *data, size_t size, const char *vkey,
				const struct ink_checkpoint_text *pinned, ink_evidence_fn on_record,
				void *ctx, struct ink_evidence *ret_evidence,
				struct ink_error *ret_error)
{
	struct check c = { .vkey = vkey, .error = ret_error };
	size_t records_pos;
	enum ink_err err;

	if (!vkey_setup())
		return error_set(ret_error, INK_ERR_FAILED, "libsodium does not start");
	err = get_head(&c, data, size);
	if (err == INK_OK)
		err = check_links(&c);
	records_pos = c.get.pos;
	for (uint32_t i = 0; i < c.head.record_count && err == INK_OK; i++)
		err = check_record(&c);
	if (err == INK_OK && !get_is_done(&c.get))
		err = bad(&c, "it has bytes left over");
	if (err == INK_OK)
		err = check_claim(&c);
	if (err == INK_OK)
		err = check_epoch_line(&c);
	if (err == INK_OK && pinned)
		err = check_pinned(&c, pinned);
	if (err != INK_OK)
		return err;
	fill_result(&c);
	*ret_evidence = c.evidence;
	if (on_record)
		hand_out(&c, records_pos, on_record, ctx);
	return INK_OK;
}
