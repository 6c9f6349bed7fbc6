/* SPDX-License-Identifier: MIT */
/* Who sent a request. */
#include "live.h"
#include "private.h"

#include <errno.h>

struct ink_caller caller_plain(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct ink_caller){ .uid = ctx->uid, .gid = ctx->gid };
}

enum ink_err caller_of(fuse_req_t req, struct ink_caller *ret_caller)
{
	struct actor_seen seen = { 0 };
	struct ink_caller caller = caller_plain(req);
	enum ink_err err;

	err = actors_find(driver_of(req)->actors, fuse_req_ctx(req)->pid, &caller, &seen);
	if (err == INK_OK)
		*ret_caller = caller;
	return err;
}

/* The slot that knows @pid, or the one that was looked at longest ago. */
static struct actor_seen *pick_seen(struct handle *handle, pid_t pid)
{
	struct actor_seen *oldest = &handle->seen[0];

	for (unsigned i = 0; i < HANDLE_SEEN_COUNT; i++) {
		if (handle->seen[i].tid == pid)
			return &handle->seen[i];
		if (handle->seen[i].checked_ns < oldest->checked_ns)
			oldest = &handle->seen[i];
	}
	return oldest;
}

/* /proc may keep a reader waiting, so it is read on a copy, without the lock. */
enum ink_err caller_of_handle(fuse_req_t req, struct handle *handle, struct ink_caller *ret_caller)
{
	struct actors *actors = driver_of(req)->actors;
	pid_t pid = fuse_req_ctx(req)->pid;
	struct ink_caller caller = caller_plain(req);
	struct actor_seen seen;
	enum ink_err err;

	pthread_mutex_lock(&handle->lock);
	seen = *pick_seen(handle, pid);
	pthread_mutex_unlock(&handle->lock);
	if (actor_is_fresh(actors, &seen, pid)) {
		caller.actor = seen.actor;
		*ret_caller = caller;
		return INK_OK;
	}
	err = actors_find(actors, pid, &caller, &seen);
	if (err != INK_OK)
		return err;
	pthread_mutex_lock(&handle->lock);
	*pick_seen(handle, pid) = seen;
	pthread_mutex_unlock(&handle->lock);
	*ret_caller = caller;
	return INK_OK;
}

void refuse(fuse_req_t req, uint64_t inode, const struct ink_body_denied *what)
{
	struct ink_caller caller;
	enum ink_err err = caller_of(req, &caller);

	if (err == INK_OK)
		err = ink_denied(store_of(req), &caller, live_recorded_inode(inode), what);
	reply_err(req, err == INK_OK ? INK_ERR_DENIED : err);
}
