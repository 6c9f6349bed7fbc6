/* SPDX-License-Identifier: MIT */
/*
 * What the index vouches for, held against the log before anything is built on it: one wrong bit there, and the next
 * record would be written over others, or a wrong root be signed, for which no reindexing makes up.
 */
#include "recover_private.h"

#include "frame.h"

/* The walk has just read the last seal.  INK_ERR_DAMAGED: the tree before it is not the one that it signs. */
static enum ink_err tree_before_seal(struct recovery *r, struct merkle *ret_tree)
{
	const struct ink_record *record = &r->walk.record;
	uint64_t seq = catalog_head(r->catalog)->last_seal_seq;
	uint8_t root[INK_HASH_SIZE];
	union ink_body body;
	enum ink_err err;

	merkle_init(ret_tree);
	if (seq == 0)
		return INK_OK;
	err = catalog_tree(r->catalog, seq, ret_tree);
	if (err != INK_OK)
		return err == INK_ERR_IO ? err : INK_ERR_DAMAGED;
	merkle_root(ret_tree, root);
	if (!body_domain(record->header.kind) || record->header.kind == INK_GENESIS ||
	    ink_body_decode(record->header.kind, record->body, record->header.body_size, &body) !=
		    INK_OK)
		return INK_ERR_DAMAGED;
	return body.seal.tree_size == seq && memcmp(body.seal.root, root, INK_HASH_SIZE) == 0
		       ? INK_OK
		       : INK_ERR_DAMAGED;
}

/* Record @seq, which must be the next; an erased body, or a damaged one before the last record, is for others to judge. */
static enum ink_err step_to(struct recovery *r, uint64_t seq)
{
	bool is_last = seq + 1 == catalog_head(r->catalog)->record_count;
	struct walk *walk = &r->walk;
	enum walk_step step;
	enum ink_err err = walk_next(walk, &step);

	if (err != INK_OK)
		return err;
	if (step == WALK_BAD && walk->fault == WALK_DIGEST &&
	    (walk->record.is_erased || !is_last)) {
		walk_accept(walk);
		step = WALK_RECORD;
	}
	return step == WALK_RECORD && walk->record.header.seq == seq ? INK_OK : INK_ERR_DAMAGED;
}

/* From the last seal, where the walk is, to the last record that the index knows. */
static enum ink_err step_to_last(struct recovery *r, struct merkle *tree, bool *ret_has_seal)
{
	uint64_t last = catalog_head(r->catalog)->record_count - 1;
	enum ink_err err = INK_OK;

	*ret_has_seal = false;
	merkle_append(tree, r->walk.record.leaf);
	while (err == INK_OK && tree->size <= last && !*ret_has_seal) {
		err = step_to(r, tree->size);
		if (err != INK_OK)
			break;
		merkle_append(tree, r->walk.record.leaf);
		*ret_has_seal = body_domain(r->walk.record.header.kind) != NULL;
	}
	return err;
}

static const char *wrong_head(const struct head *head, const struct walk *walk,
			      const struct merkle *tree)
{
	if (head->end_place != walk->record.place + frame_size(walk->record.header.body_size))
		return "another end of the log than the log itself";
	if (head->tree.size != tree->size || head->tree.node_count != tree->node_count ||
	    memcmp(head->tree.nodes, tree->nodes, (size_t)tree->node_count * INK_HASH_SIZE) != 0)
		return "another tree than that of the records";
	return NULL;
}

enum ink_err recover_known(struct recovery *r, const char **ret_wrong)
{
	const struct head *head = catalog_head(r->catalog);
	struct merkle tree;
	bool has_seal = false;
	uint64_t place;
	enum ink_err err;

	*ret_wrong = "another last seal than the log";
	if (head->last_seal_seq >= head->record_count)
		return INK_OK;
	err = catalog_place(r->catalog, head->last_seal_seq, &place);
	if (err == INK_OK)
		err = walk_seek(&r->walk, place, head->last_seal_seq, NULL);
	if (err == INK_OK)
		err = step_to(r, head->last_seal_seq);
	if (err != INK_OK)
		return err;
	err = tree_before_seal(r, &tree);
	if (err != INK_OK)
		return err == INK_ERR_DAMAGED ? INK_OK : err;
	err = step_to_last(r, &tree, &has_seal);
	if (err != INK_OK || has_seal)
		return err;
	if (memcmp(r->walk.record.leaf, head->last_leaf, INK_HASH_SIZE) != 0)
		return INK_ERR_DAMAGED;
	*ret_wrong = wrong_head(head, &r->walk, &tree);
	if (*ret_wrong)
		return INK_OK;
	err = catalog_check_inodes(r->catalog);
	if (err == INK_ERR_DAMAGED)
		*ret_wrong = "other numbers of files than it counts";
	return err == INK_ERR_DAMAGED ? INK_OK : err;
}
