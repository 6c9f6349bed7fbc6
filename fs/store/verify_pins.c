/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints that were kept outside: the tree of the log, at the size of each, must be the one that it signs.
 *
 * The walk only remembers the tree at each size; judged is at the end, because the records at the end of the log may
 * yet turn out to be the remainder of a crash.  A store of which a checkpoint tells had those records on the disk,
 * so whatever is lost below its size was cut, and not torn.
 */
#include "verify_private.h"

#include <stdlib.h>

#include "error.h"
#include "succession.h"

static int by_size(const void *a, const void *b)
{
	const struct pin *left = a, *right = b;

	return (left->checkpoint.size > right->checkpoint.size) -
	       (left->checkpoint.size < right->checkpoint.size);
}

enum ink_err pins_begin(struct verify *v)
{
	size_t count = v->options.checkpoint_count;

	if (count == 0)
		return INK_OK;
	v->pins = calloc(count, sizeof(*v->pins));
	if (!v->pins) {
		v->has_no_memory = true;
		return verify_io_error(v, v->path);
	}
	for (size_t i = 0; i < count; i++) {
		const struct ink_checkpoint_text *text = &v->options.checkpoints[i];
		struct pin *pin = &v->pins[i];
		enum ink_err err = note_parse(text->data, text->size, &pin->note);

		if (err == INK_OK)
			err = checkpoint_decode(pin->note.text, &pin->checkpoint);
		if (err != INK_OK)
			return error_set(v->error, INK_ERR_INVALID,
					 "%s is not a checkpoint; give the file as it was written",
					 text->name);
		pin->name = text->name;
		if (text == v->options.since &&
		    !succession_has_line(&pin->note, pin->checkpoint.origin))
			return error_set(
				v->error, INK_ERR_INVALID,
				"%s is signed by no seal key, so whoever has the log key could have made it, and nothing is left out on its word; verify all, with --checkpoint %s",
				text->name, text->name);
		if (text == v->options.since)
			v->since_size = pin->checkpoint.size;
	}
	v->pin_count = count;
	qsort(v->pins, count, sizeof(*v->pins), by_size);
	return INK_OK;
}

/* The seal key in force at this size vouches too, under a name of its own. */
static enum note_verdict epoch_verdict(const struct verify *v, const struct pin *pin)
{
	const struct chain *chain = &v->chain;
	char name[EPOCH_NAME_SIZE];

	if (!chain->is_key_known)
		return NOTE_UNKNOWN;
	succession_name(pin->checkpoint.origin, chain->epoch, name);
	return note_check(&pin->note, str_of(name, sizeof(name)), NOTE_COSIGNATURE, chain->seal_key,
			  NULL);
}

void pins_look(struct verify *v)
{
	uint64_t size = v->chain.tree.size;

	for (size_t i = 0; i < v->pin_count && v->pins[i].checkpoint.size <= size; i++) {
		struct pin *pin = &v->pins[i];

		if (pin->checkpoint.size != size)
			continue;
		pin->is_reached = true;
		pin->is_tree_known = v->chain.is_tree_known;
		merkle_root(&v->chain.tree, pin->root);
		pin->epoch = v->chain.epoch;
		pin->epoch_verdict = epoch_verdict(v, pin);
	}
}

/* Signed by the log key of GENESIS for its origin; else nothing that it says counts. */
static bool is_ours(struct verify *v, const struct pin *pin)
{
	uint8_t log_key[INK_KEY_SIZE];
	struct ink_str origin;

	if (vkey_parse(v->chain.vkey, &origin, log_key) != INK_OK) {
		report_file(v, INK_FIND_CHECKPOINT, pin->name,
			    "the store has no good GENESIS to hold the checkpoint against");
		return false;
	}
	if (!str_equals(origin, pin->checkpoint.origin)) {
		report_file(v, INK_FIND_CHECKPOINT, pin->name,
			    "a checkpoint of another log; this store is %.*s", (int)origin.size,
			    origin.data);
		return false;
	}
	if (note_check(&pin->note, origin, NOTE_ED25519, log_key, NULL) == NOTE_GOOD)
		return true;
	report_file(v, INK_FIND_CHECKPOINT, pin->name,
		    "the checkpoint is not signed by the log key of this store");
	return false;
}

static bool is_same_tree(struct verify *v, const struct pin *pin)
{
	unsigned long long size = pin->checkpoint.size;

	if (size > v->chain.tree.size) {
		report_file(
			v, INK_FIND_CHECKPOINT_AHEAD, pin->name,
			"the checkpoint has %llu records, the log has %llu: its end was cut off, or this is an older copy",
			size, (unsigned long long)v->chain.tree.size);
		return false;
	}
	if (size > 0 && (!pin->is_reached || !pin->is_tree_known)) {
		report_file(
			v, INK_FIND_CHECKPOINT_FORK, pin->name,
			"among the first %llu records some are lost, so they are not those of the checkpoint",
			size);
		return false;
	}
	if (size > 0 && memcmp(pin->root, pin->checkpoint.root, INK_HASH_SIZE) != 0) {
		report_file(
			v, INK_FIND_CHECKPOINT_FORK, pin->name,
			"the first %llu records are not those of the checkpoint: the log was replaced or made anew",
			size);
		return false;
	}
	if (pin->epoch_verdict == NOTE_BAD) {
		report_file(v, INK_FIND_CHECKPOINT, pin->name,
			    "the signature of the seal key on the checkpoint is bad");
		return false;
	}
	if (pin->epoch_verdict == NOTE_UNKNOWN && size > 0 &&
	    succession_has_line(&pin->note, pin->checkpoint.origin)) {
		report_file(
			v, INK_FIND_CHECKPOINT, pin->name,
			"the checkpoint is signed by another seal key than that of epoch %u, in force at its %llu records",
			pin->epoch, size);
		return false;
	}
	return true;
}

/*
 * The log key is not erased, so what it alone has signed may be signed by a thief, at any time and for any size at which
 * it fits.  An empty tree has no seal key.
 */
static bool is_strong(struct verify *v, const struct pin *pin)
{
	if (pin->epoch_verdict == NOTE_GOOD || pin->checkpoint.size == 0)
		return true;
	note_file(
		v, INK_FIND_CHECKPOINT_WEAK, pin->name,
		"it fits, but is signed by the log key only: the line of the seal key of epoch %u is missing, so whoever has the log key could have made it; it does not count",
		pin->epoch);
	return false;
}

void pins_finish(struct verify *v)
{
	for (size_t i = 0; i < v->pin_count; i++) {
		const struct pin *pin = &v->pins[i];

		if (!is_ours(v, pin) || !is_same_tree(v, pin))
			continue;
		if (!is_strong(v, pin)) {
			v->result->weak_checkpoint_count++;
			continue;
		}
		v->result->checkpoint_count++;
		v->result->checkpoint_size = pin->checkpoint.size;
		if (pin->checkpoint.size > 0) /* an empty tree pins nothing */
			v->result->trust = INK_TRUST_PINNED_CHECKPOINT;
	}
}

void pins_release(struct verify *v)
{
	free(v->pins);
}
