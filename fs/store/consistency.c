/* SPDX-License-Identifier: MIT */
#include "inkfs/consistency.h"

#include "error.h"
#include "identity.h"
#include "tlog.h"
#include "tree.h"

struct pair {
	struct note old_note, new_note;
	struct checkpoint old_one, new_one;
};

enum ink_err ink_checkpoint_look(const char *path, const struct ink_checkpoint_text *text,
				 uint64_t *ret_size, struct ink_error *ret_error)
{
	struct checkpoint checkpoint;
	struct succession keys;
	struct note note;
	enum ink_err err =
		vkey_setup() ? identity_read(path, &keys, ret_error)
			     : error_set(ret_error, INK_ERR_FAILED, "libsodium does not start");

	if (err == INK_OK)
		err = identity_checkpoint(keys.vkey, text->name, text->data, text->size, &note,
					  &checkpoint, ret_error);
	if (err == INK_OK)
		*ret_size = checkpoint.size;
	return err;
}

static enum ink_err tree_source(void *ctx, uint64_t from, uint64_t to,
				uint8_t ret_root[static INK_HASH_SIZE])
{
	return tree_range(ctx, from, to, ret_root);
}

static enum ink_err open_pair(const char *vkey, const struct ink_checkpoint_text *old_one,
			      const struct ink_checkpoint_text *new_one, struct pair *ret_pair,
			      struct ink_error *error)
{
	enum ink_err err;

	if (!vkey_setup())
		return error_set(error, INK_ERR_FAILED, "libsodium does not start");
	err = identity_checkpoint(vkey, old_one->name, old_one->data, old_one->size,
				  &ret_pair->old_note, &ret_pair->old_one, error);
	if (err == INK_OK)
		err = identity_checkpoint(vkey, new_one->name, new_one->data, new_one->size,
					  &ret_pair->new_note, &ret_pair->new_one, error);
	if (err == INK_OK && ret_pair->old_one.size > ret_pair->new_one.size)
		err = error_set(
			error, INK_ERR_INVALID,
			"%s has %llu records and %s only %llu: the older one comes first; if it is the older one, the log was cut or put back",
			old_one->name, (unsigned long long)ret_pair->old_one.size, new_one->name,
			(unsigned long long)ret_pair->new_one.size);
	return err;
}

/* Of an empty log every log is a continuation, and there is nothing to prove. */
static bool is_proved(const struct pair *pair, const struct proof *proof)
{
	if (pair->old_one.size == 0)
		return proof->hash_count == 0;
	return consistency_check(proof, pair->old_one.size, pair->old_one.root, pair->new_one.size,
				 pair->new_one.root);
}

static void fill_result(const struct pair *pair, struct ink_consistency *ret_result)
{
	ret_result->old_size = pair->old_one.size;
	ret_result->new_size = pair->new_one.size;
	memcpy(ret_result->old_root, pair->old_one.root, INK_HASH_SIZE);
	memcpy(ret_result->new_root, pair->new_one.root, INK_HASH_SIZE);
}

/* INK_ERR_DAMAGED without a sentence: what was found fits neither the one nor the other. */
static enum ink_err prove(const char *path, const struct pair *pair, bool has_index,
			  struct proof *ret_proof, bool *ret_is_new, struct ink_error *error)
{
	struct tree *tree = NULL;
	struct hash_source source = { tree_source, NULL };
	uint8_t root[INK_HASH_SIZE];
	enum ink_err err;

	*ret_is_new = false;
	ret_proof->hash_count = 0;
	if (pair->new_one.size == 0)
		return INK_OK;
	err = tree_open(path, pair->new_one.size, has_index, &tree, error);
	if (err != INK_OK)
		return err;
	source.ctx = tree;
	err = tree_root(tree, root);
	*ret_is_new = err == INK_OK && memcmp(root, pair->new_one.root, INK_HASH_SIZE) == 0;
	if (err == INK_OK)
		err = consistency_make(&source, pair->new_one.size, pair->old_one.size, ret_proof);
	if (err == INK_ERR_IO)
		err = error_io(error, path, "reading the log");
	tree_close(tree);
	return err;
}

enum ink_err ink_consistency_make(const char *path, const char *vkey,
				  const struct ink_checkpoint_text *old_one,
				  const struct ink_checkpoint_text *new_one, char *ret_body,
				  size_t *ret_size, struct ink_consistency *ret_result,
				  struct ink_error *ret_error)
{
	struct tlog_text text = { .checkpoint = { new_one->data, (uint32_t)new_one->size } };
	struct succession keys;
	struct pair pair = { 0 };
	bool is_new = false, is_good = false;
	struct put put;
	enum ink_err err =
		vkey_setup() ? identity_read(path, &keys, ret_error)
			     : error_set(ret_error, INK_ERR_FAILED, "libsodium does not start");

	if (err == INK_OK)
		err = open_pair(vkey ? vkey : keys.vkey, old_one, new_one, &pair, ret_error);
	if (err != INK_OK)
		return err;
	/* First with the index, which may be wrong; then without. */
	for (unsigned i = 0; i < 2 && !is_good; i++) {
		err = prove(path, &pair, i == 0, &text.proof, &is_new, ret_error);
		if (err != INK_OK && (err != INK_ERR_DAMAGED || i > 0))
			return err;
		is_good = err == INK_OK && is_new && is_proved(&pair, &text.proof);
	}
	if (!is_good)
		return error_set(
			ret_error, INK_ERR_DAMAGED,
			"the first %llu records of %s are not those of %s: another history was signed",
			(unsigned long long)(is_new ? pair.old_one.size : pair.new_one.size), path,
			is_new ? old_one->name : new_one->name);
	text.number = pair.old_one.size;
	put_init(&put, (uint8_t *)ret_body, INK_CONSISTENCY_SIZE_MAX);
	tlog_growth_put(&put, &text);
	if (put.is_full)
		return error_set(ret_error, INK_ERR_LIMIT, "%s is too large", new_one->name);
	*ret_size = put.size;
	fill_result(&pair, ret_result);
	return INK_OK;
}

enum ink_err ink_consistency_check(const char *vkey, const struct ink_checkpoint_text *old_one,
				   const struct ink_checkpoint_text *new_one,
				   const struct ink_checkpoint_text *proof,
				   struct ink_consistency *ret_result, struct ink_error *ret_error)
{
	struct ink_str bytes = { proof->data, (uint32_t)proof->size };
	struct ink_checkpoint_text inside = { .name = proof->name };
	struct tlog_text text = { 0 };
	struct pair pair = { 0 };
	enum ink_err err;

	if (proof->size > INK_CONSISTENCY_SIZE_MAX ||
	    (new_one ? tlog_hashes_decode(bytes, &text.proof) : tlog_growth_decode(bytes, &text)) !=
		    INK_OK)
		return error_set(ret_error, INK_ERR_INVALID, "%s is not a consistency proof",
				 proof->name);
	if (!new_one) {
		inside.data = text.checkpoint.data;
		inside.size = text.checkpoint.size;
	}
	err = open_pair(vkey, old_one, new_one ? new_one : &inside, &pair, ret_error);
	if (err != INK_OK)
		return err;
	if (!new_one && text.number != pair.old_one.size)
		return error_set(ret_error, INK_ERR_DAMAGED,
				 "%s begins at %llu records, %s has %llu", proof->name,
				 (unsigned long long)text.number, old_one->name,
				 (unsigned long long)pair.old_one.size);
	if (!is_proved(&pair, &text.proof))
		return error_set(
			ret_error, INK_ERR_DAMAGED,
			"%s does not prove that the %llu records of %s are the beginning of the %llu of %s",
			proof->name, (unsigned long long)pair.old_one.size, old_one->name,
			(unsigned long long)pair.new_one.size,
			new_one ? new_one->name : proof->name);
	fill_result(&pair, ret_result);
	return INK_OK;
}
