/* SPDX-License-Identifier: MIT */
/*
 * Refusals, all of them counted, none of them a burden to others.
 *
 * 1. The first of a kind is recorded at once; the same again is counted, and the count recorded within a second.
 * 2. An actor gets REFUSAL_RATE_MAX records a second that say what was tried on what.  Beyond that its refusals are
 *    one kind for each operation, without object and name, and 1 holds for that kind.
 * 3. What was counted and not yet recorded is lost if the driver is killed: at most the last second's.
 */
#include "store_private.h"

#include <errno.h>

enum {
	/* A second, less what waking up may take. */
	FOLD_NS = 900000000,
	RATE_NS = 1000000000,
};

static bool is_same(const struct refusal *slot, const struct ink_caller *caller, uint64_t inode,
		    const struct ink_body_denied *what)
{
	return slot->is_used && slot->uid == caller->uid && slot->gid == caller->gid &&
	       slot->actor == caller->actor && slot->inode == inode && slot->what.op == what->op &&
	       slot->what.errno_code == what->errno_code && slot->what.flags == what->flags &&
	       slot->what.a == what->a && slot->what.b == what->b &&
	       slot->what.second_inode == what->second_inode &&
	       str_equals(slot->what.name, what->name) &&
	       str_equals(slot->what.second_name, what->second_name);
}

static enum ink_err record(struct ink_store *store, const struct ink_caller *caller, uint64_t inode,
			   const struct ink_body_denied *what)
{
	union ink_body body = { .denied = *what };

	return store_record(store, INK_DENIED, caller, inode, &body);
}

/* What could not be recorded stays counted, and its time comes again. */
static enum ink_err flush_slot(struct ink_store *store, struct refusal *slot)
{
	struct ink_caller caller = { slot->uid, slot->gid, slot->actor };
	enum ink_err err = INK_OK;

	if (slot->count > 0) {
		slot->what.count = slot->count;
		err = record(store, &caller, slot->inode, &slot->what);
	}
	if (err == INK_OK)
		slot->count = 0;
	slot->recorded_ns = monotonic_ns();
	return err;
}

static struct ink_str keep_name(struct ink_str name, char *place)
{
	if (name.size > INK_NAME_SIZE_MAX)
		name.size = INK_NAME_SIZE_MAX;
	if (name.size > 0)
		memcpy(place, name.data, name.size);
	return (struct ink_str){ place, name.size };
}

static void fill_slot(struct refusal *slot, const struct ink_caller *caller, uint64_t inode,
		      const struct ink_body_denied *what)
{
	*slot = (struct refusal){
		.is_used = true,
		.uid = caller->uid,
		.gid = caller->gid,
		.actor = caller->actor,
		.inode = inode,
		.recorded_ns = monotonic_ns(),
		.what = *what,
	};
	slot->what.name = keep_name(what->name, slot->name);
	slot->what.second_name = keep_name(what->second_name, slot->second_name);
}

/* The slot of this refusal, or the one that was recorded longest ago. */
static struct refusal *find_slot(struct ink_store *store, const struct ink_caller *caller,
				 uint64_t inode, const struct ink_body_denied *what,
				 bool *ret_is_same)
{
	struct refusal *oldest = &store->refusals[0];

	for (unsigned i = 0; i < REFUSAL_SLOT_COUNT; i++) {
		struct refusal *slot = &store->refusals[i];

		if (is_same(slot, caller, inode, what)) {
			*ret_is_same = true;
			return slot;
		}
		if (slot->recorded_ns < oldest->recorded_ns)
			oldest = slot;
	}
	*ret_is_same = false;
	return oldest;
}

/*
 * Has the actor had its records of this second?  If not, one more is counted.
 *
 * More actors than places: the newcomer takes the place of the one with the fewest, and its count too, so whoever
 * takes turns with others gains nothing (the Space-Saving sketch: a count may be too high, never too low).
 */
static bool is_over_rate(struct ink_store *store, const struct ink_caller *caller)
{
	struct refusal_rates *rates = &store->refusal_rates;
	uint64_t now_ns = monotonic_ns();
	struct refusal_rate *fewest = NULL;

	if (now_ns - rates->begun_ns >= RATE_NS)
		*rates = (struct refusal_rates){ .begun_ns = now_ns };
	for (unsigned i = 0; i < REFUSAL_RATE_COUNT; i++) {
		struct refusal_rate *rate = &rates->of[i];

		if (rate->count > 0 && rate->actor == caller->actor && rate->uid == caller->uid) {
			fewest = rate;
			break;
		}
		if (!fewest || rate->count < fewest->count)
			fewest = rate;
	}
	fewest->actor = caller->actor;
	fewest->uid = caller->uid;
	if (fewest->count >= REFUSAL_RATE_MAX)
		return true;
	fewest->count++;
	return false;
}

/* Is it counted in this slot, and not time yet to record the count? */
static bool is_folding(const struct refusal *slot, bool is_same_refusal)
{
	return is_same_refusal && monotonic_ns() - slot->recorded_ns < FOLD_NS &&
	       slot->count < UINT32_MAX;
}

static void count_one(struct ink_store *store, struct refusal *slot)
{
	uint64_t due_ns = slot->recorded_ns + FOLD_NS;

	slot->count++;
	if (store->refusals_due_ns != 0 && store->refusals_due_ns <= due_ns)
		return;
	store->refusals_due_ns = due_ns;
	pthread_cond_signal(&store->sealer_cond);
}

enum ink_err store_deny(struct ink_store *store, const struct ink_caller *caller, uint64_t inode,
			const struct ink_body_denied *what)
{
	struct ink_body_denied once = *what;
	struct refusal *slot;
	bool is_known;
	enum ink_err err;

	if (store->options.is_read_only) {
		errno = EROFS;
		return INK_ERR_IO;
	}
	once.count = 1;
	if (once.errno_code == 0)
		once.errno_code = EPERM;
	if (once.op <= INK_OP_LAST)
		store->refusals_by_op[once.op]++;
	slot = find_slot(store, caller, inode, &once, &is_known);
	if (!is_folding(slot, is_known) && is_over_rate(store, caller)) {
		inode = 0;
		once = (struct ink_body_denied){ .op = once.op,
						 .errno_code = once.errno_code,
						 .count = 1 };
		slot = find_slot(store, caller, inode, &once, &is_known);
	}
	if (is_folding(slot, is_known)) {
		count_one(store, slot);
		return INK_ERR_DENIED;
	}
	err = flush_slot(store, slot);
	if (err == INK_OK)
		err = record(store, caller, inode, &once);
	if (err != INK_OK)
		return err;
	fill_slot(slot, caller, inode, &once);
	return INK_ERR_DENIED;
}

enum ink_err store_flush_refusals(struct ink_store *store, bool is_all)
{
	uint64_t now_ns = monotonic_ns(), next_ns = 0;
	enum ink_err first_err = INK_OK;

	for (unsigned i = 0; i < REFUSAL_SLOT_COUNT; i++) {
		struct refusal *slot = &store->refusals[i];
		enum ink_err err = INK_OK;

		if (slot->count > 0 && (is_all || now_ns - slot->recorded_ns >= FOLD_NS))
			err = flush_slot(store, slot);
		if (err != INK_OK && first_err == INK_OK)
			first_err = err;
		if (slot->count > 0 && (next_ns == 0 || slot->recorded_ns + FOLD_NS < next_ns))
			next_ns = slot->recorded_ns + FOLD_NS;
	}
	store->refusals_due_ns = next_ns;
	return first_err;
}

enum ink_err ink_denied(struct ink_store *store, const struct ink_caller *caller, uint64_t inode,
			const struct ink_body_denied *what)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = store_deny(store, caller, inode, what);
	pthread_mutex_unlock(&store->lock);
	return err;
}
