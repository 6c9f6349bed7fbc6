/* SPDX-License-Identifier: MIT */
/*
 * ink_evidence_make().  Places and hashes come from the index where there is one, records from the log; what comes out
 * is checked as a stranger would, and if it is not good, made anew from the log alone.
 */
#include "evidence_format.h"

#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "hash.h"
#include "identity.h"
#include "tree.h"

struct make {
	const char *path;
	const struct ink_evidence_request *request;
	struct ink_error *error;
	struct checkpoint checkpoint;
	struct tree *tree;
	struct ink_reader *reader;
	uint64_t *links;
	size_t link_count, next_link; /* of @links: the first that may be behind the record */
	uint8_t *data;
	size_t size, room;
};

/* --- bytes ----------------------------------------------------------------------------------- */

static enum ink_err too_large(struct make *m)
{
	return error_set(m->error, INK_ERR_LIMIT,
			 "more than an evidence file may hold (%d MiB, %d records); prove fewer",
			 INK_EVIDENCE_SIZE_MAX >> 20, INK_EVIDENCE_RECORDS_MAX);
}

static enum ink_err add(struct make *m, const void *data, size_t size)
{
	if (size > INK_EVIDENCE_SIZE_MAX - m->size)
		return too_large(m);
	if (m->size + size > m->room) {
		size_t room = m->room * 2 > m->size + size ? m->room * 2 : m->size + size + 4096;
		uint8_t *grown = realloc(m->data, room);

		if (!grown) {
			errno = ENOMEM;
			return error_io(m->error, m->path, "making evidence");
		}
		m->data = grown;
		m->room = room;
	}
	if (size > 0)
		memcpy(m->data + m->size, data, size);
	m->size += size;
	return INK_OK;
}

static enum ink_err add_head(struct make *m, size_t record_count)
{
	const struct ink_evidence_request *request = m->request;
	uint8_t head[EVIDENCE_HEAD_SIZE];
	struct put put;

	put_init(&put, head, sizeof(head));
	put_bytes(&put, EVIDENCE_MAGIC, 8);
	put_u32(&put, EVIDENCE_VERSION);
	put_u8(&put, (uint8_t)request->claim);
	put_u8(&put, !request->is_short);
	put_zero(&put, 2);
	put_u64(&put, request->claim == INK_CLAIM_RECORDS ? 0 : request->first);
	put_u64(&put, request->claim == INK_CLAIM_RECORDS ? 0 : request->last);
	put_u64(&put, request->claim == INK_CLAIM_BYTES ? request->inode : 0);
	put_u32(&put, request->is_short ? 0 : (uint32_t)m->link_count + 1); /* GENESIS too */
	put_u32(&put, (uint32_t)record_count);
	return add(m, head, sizeof(head));
}

static enum ink_err add_record(struct make *m, const struct ink_record *record)
{
	enum ink_err err = add(m, record->entry, HEADER_SIZE);

	if (err == INK_OK)
		err = add(m, record->nonce, INK_NONCE_SIZE);
	return err == INK_OK ? add(m, record->body, record->header.body_size) : err;
}

/* --- what the log has ------------------------------------------------------------------------ */

/* What the index or the log says does not hold; the caller tries again without the index. */
static enum ink_err not_sound(struct make *m, uint64_t seq)
{
	(void)error_set(
		m->error, INK_ERR_DAMAGED,
		"%s: record %llu is not readable or not the one that was signed; 'inkfs verify' says what is wrong",
		m->path, (unsigned long long)seq);
	return INK_ERR_DAMAGED;
}

static enum ink_err read_record(struct make *m, uint64_t seq, const struct ink_record **ret_record)
{
	uint64_t place;
	enum ink_err err = tree_place(m->tree, seq, &place);

	if (err == INK_OK)
		err = ink_reader_seek(m->reader, place, seq);
	if (err == INK_OK)
		err = ink_reader_next(m->reader, ret_record);
	if (err == INK_ERR_IO) {
		(void)error_io(m->error, m->path, "reading the log");
		return INK_ERR_IO;
	}
	if (err != INK_OK || !*ret_record || (*ret_record)->header.seq != seq ||
	    (*ret_record)->is_damaged)
		return not_sound(m, seq);
	if ((*ret_record)->is_erased) {
		(void)error_set(
			m->error, INK_ERR_NOT_FOUND,
			"the body of record %llu was erased, so there is nothing to be shown",
			(unsigned long long)seq);
		return INK_ERR_NOT_FOUND;
	}
	return INK_OK;
}

static enum ink_err range_of(void *ctx, uint64_t from, uint64_t to,
			     uint8_t ret_root[static INK_HASH_SIZE])
{
	return tree_range(ctx, from, to, ret_root);
}

static enum ink_err add_proof(struct make *m, uint64_t seq)
{
	const struct ink_checkpoint_text *note = &m->request->checkpoint;
	struct tlog_text text = { .number = seq,
				  .checkpoint = { note->data, (uint32_t)note->size } };
	const struct hash_source source = { range_of, m->tree };
	uint8_t bytes[TLOG_PROOF_SIZE_MAX], size[4];
	struct put put;
	enum ink_err err = inclusion_make(&source, m->checkpoint.size, seq, &text.proof);

	if (err != INK_OK)
		return not_sound(m, seq);
	put_init(&put, bytes, sizeof(bytes));
	tlog_proof_put(&put, &text);
	if (put.is_full)
		return too_large(m);
	be32_store(size, (uint32_t)put.size);
	err = add(m, size, sizeof(size));
	return err == INK_OK ? add(m, bytes, put.size) : err;
}

/* The path to the root of the first link behind the record. */
static enum ink_err add_cover(struct make *m, uint64_t seq)
{
	const struct hash_source source = { range_of, m->tree };
	struct proof proof = { 0 };
	enum ink_err err = INK_OK;
	uint8_t count;

	while (m->next_link < m->link_count && m->links[m->next_link] <= seq)
		m->next_link++;
	if (!m->request->is_short && m->next_link < m->link_count)
		err = inclusion_make(&source, m->links[m->next_link], seq, &proof);
	if (err != INK_OK)
		return not_sound(m, seq);
	count = (uint8_t)proof.hash_count;
	err = add(m, &count, 1);
	return err == INK_OK ? add(m, proof.hashes, (size_t)count * INK_HASH_SIZE) : err;
}

/* --- the parts ------------------------------------------------------------------------------- */

static enum ink_err add_links(struct make *m)
{
	const struct ink_record *record = NULL;
	enum ink_err err = INK_OK;

	for (size_t i = 0; i <= m->link_count && err == INK_OK && !m->request->is_short; i++) {
		err = read_record(m, i == 0 ? 0 : m->links[i - 1], &record);
		if (err == INK_OK)
			err = add_record(m, record);
	}
	return err;
}

static enum ink_err add_shown(struct make *m, uint64_t seq, enum evidence_role role)
{
	const struct ink_record *record = NULL;
	uint8_t byte = (uint8_t)role;
	enum ink_err err = read_record(m, seq, &record);

	if (err == INK_OK)
		err = add(m, &byte, 1);
	if (err == INK_OK)
		err = add_record(m, record);
	if (err == INK_OK)
		err = add_proof(m, seq);
	return err == INK_OK ? add_cover(m, seq) : err;
}

/* Both lists, merged. */
static enum ink_err add_all_shown(struct make *m)
{
	const struct ink_evidence_request *r = m->request;
	size_t shown = 0, context = 0;
	enum ink_err err = INK_OK;

	while (err == INK_OK && (shown < r->seq_count || context < r->context_count)) {
		if (context == r->context_count ||
		    (shown < r->seq_count && r->seqs[shown] < r->context_seqs[context]))
			err = add_shown(m, r->seqs[shown++], ROLE_CLAIMED);
		else
			err = add_shown(m, r->context_seqs[context++], ROLE_CONTEXT);
	}
	return err;
}

/* The last number in either list; INK_ERR_NOT_FOUND if the checkpoint does not cover it. */
static enum ink_err last_of(struct make *m, uint64_t *ret_last)
{
	const struct ink_evidence_request *r = m->request;
	uint64_t last = r->seqs[r->seq_count - 1];

	if (r->context_count > 0 && r->context_seqs[r->context_count - 1] > last)
		last = r->context_seqs[r->context_count - 1];
	*ret_last = last;
	if (last < m->checkpoint.size)
		return INK_OK;
	return error_set(
		m->error, INK_ERR_NOT_FOUND,
		"record %llu is not covered by the checkpoint, which has %llu records; take a later one, and of a mounted store one made after the next seal",
		(unsigned long long)last, (unsigned long long)m->checkpoint.size);
}

static enum ink_err make_once(struct make *m, bool has_index)
{
	const struct ink_evidence_request *r = m->request;
	uint8_t root[INK_HASH_SIZE], hash[INK_HASH_SIZE];
	uint64_t last;
	enum ink_err err = last_of(m, &last);

	if (err == INK_OK)
		err = tree_open(m->path, m->checkpoint.size, has_index, &m->tree, m->error);
	if (err != INK_OK)
		return err;
	err = tree_root(m->tree, root);
	if (err != INK_OK || memcmp(root, m->checkpoint.root, INK_HASH_SIZE) != 0)
		return error_set(
			m->error, INK_ERR_DAMAGED,
			"%s: its first %llu records are not those of the checkpoint: another history, or damage; run 'inkfs verify' with the checkpoint",
			m->path, (unsigned long long)m->checkpoint.size);
	err = ink_reader_open(m->path, &m->reader, m->error);
	if (err == INK_OK && !r->is_short &&
	    tree_links(m->tree, last, &m->links, &m->link_count) != INK_OK)
		err = not_sound(m, last);
	if (err == INK_OK)
		err = add_head(m, r->seq_count + r->context_count);
	if (err == INK_OK)
		err = add_links(m);
	if (err == INK_OK)
		err = add_all_shown(m);
	if (err != INK_OK)
		return err;
	hash_data(m->data, m->size, hash);
	return add(m, hash, sizeof(hash));
}

static void make_release(struct make *m)
{
	tree_close(m->tree);
	ink_reader_close(m->reader);
	free(m->links);
	free(m->data);
}

static bool is_ascending(const uint64_t *seqs, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (seqs[i - 1] >= seqs[i])
			return false;
	return true;
}

enum ink_err ink_evidence_make(const char *path, const struct ink_evidence_request *request,
			       uint8_t **ret_data, size_t *ret_size, struct ink_error *ret_error)
{
	const struct ink_checkpoint_text *text = &request->checkpoint;
	struct make m = { .path = path, .request = request, .error = ret_error };
	struct ink_evidence evidence;
	struct checkpoint checkpoint;
	struct succession keys;
	struct note note;
	enum ink_err err;

	if (request->seq_count == 0 ||
	    request->seq_count + request->context_count > INK_EVIDENCE_RECORDS_MAX)
		return too_large(&m);
	if (!is_ascending(request->seqs, request->seq_count) ||
	    !is_ascending(request->context_seqs, request->context_count))
		return error_set(ret_error, INK_ERR_INVALID, "records must be named in order");
	if (!vkey_setup())
		return error_set(ret_error, INK_ERR_FAILED, "libsodium does not start");
	err = identity_read(path, &keys, ret_error);
	if (err == INK_OK)
		err = identity_checkpoint(keys.vkey, text->name, text->data, text->size, &note,
					  &checkpoint, ret_error);
	if (err != INK_OK)
		return err;
	for (unsigned i = 0; i < 2; i++) {
		m = (struct make){ .path = path,
				   .request = request,
				   .error = ret_error,
				   .checkpoint = checkpoint };
		err = make_once(&m, i == 0);
		if (err == INK_OK)
			err = ink_evidence_check(m.data, m.size, keys.vkey, text, NULL, NULL,
						 &evidence, ret_error);
		if (err == INK_OK) {
			*ret_data = m.data;
			*ret_size = m.size;
			m.data = NULL;
		}
		make_release(&m);
		if (err != INK_ERR_DAMAGED)
			break;
	}
	return err;
}
