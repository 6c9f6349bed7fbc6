/* SPDX-License-Identifier: MIT */
/*
 * Refusals: the first of a kind is recorded at once; the same again within a second is counted, and
 * the count recorded when the second is over.
 */
#include "store_private.h"

#include <errno.h>

enum { FOLD_NS = 1000000000 };

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

static enum ink_err flush_slot(struct ink_store *store, struct refusal *slot)
{
	struct ink_caller caller = { slot->uid, slot->gid, slot->actor };
	enum ink_err err = INK_OK;

	if (slot->count > 0) {
		slot->what.count = slot->count;
		err = record(store, &caller, slot->inode, &slot->what);
	}
	/* What could not be recorded stays counted. */
	if (err == INK_OK) {
		slot->count = 0;
		slot->recorded_ns = monotonic_ns();
	}
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
	if (is_known && monotonic_ns() - slot->recorded_ns < FOLD_NS && slot->count < UINT32_MAX) {
		slot->count++;
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
	uint64_t now = monotonic_ns();
	enum ink_err first_err = INK_OK;

	for (unsigned i = 0; i < REFUSAL_SLOT_COUNT; i++) {
		struct refusal *slot = &store->refusals[i];
		enum ink_err err = INK_OK;

		if (slot->is_used && slot->count > 0 &&
		    (is_all || now - slot->recorded_ns >= FOLD_NS))
			err = flush_slot(store, slot);
		if (err != INK_OK && first_err == INK_OK)
			first_err = err;
	}
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
