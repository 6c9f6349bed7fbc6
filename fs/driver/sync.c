/* SPDX-License-Identifier: MIT */
/*
 * Answers that wait for the disk: fsync(2), and writes that are to be durable.
 *
 * They are left with the store (ink_sync_begin), and the thread goes on with other requests.  Otherwise as many programs as
 * the driver has threads, each waiting for a slow disk, would keep everybody else waiting, too.
 */
#include "private.h"

#include <stddef.h>
#include <stdlib.h>

struct request {
	struct ink_sync sync;
	fuse_req_t req;
	bool is_write;
	size_t size;    /* written */
	uint64_t begun; /* of metrics_begin_append() */
};

void syncs_init(struct syncs *syncs)
{
	pthread_mutex_init(&syncs->lock, NULL);
	pthread_cond_init(&syncs->none, NULL);
}

void syncs_release(struct syncs *syncs)
{
	pthread_cond_destroy(&syncs->none);
	pthread_mutex_destroy(&syncs->lock);
}

void syncs_wait(struct syncs *syncs)
{
	pthread_mutex_lock(&syncs->lock);
	while (syncs->count > 0)
		pthread_cond_wait(&syncs->none, &syncs->lock);
	pthread_mutex_unlock(&syncs->lock);
}

static void syncs_add(struct syncs *syncs)
{
	pthread_mutex_lock(&syncs->lock);
	syncs->count++;
	pthread_mutex_unlock(&syncs->lock);
}

static void syncs_remove(struct syncs *syncs)
{
	pthread_mutex_lock(&syncs->lock);
	if (--syncs->count == 0)
		pthread_cond_broadcast(&syncs->none);
	pthread_mutex_unlock(&syncs->lock);
}

void reply_write(fuse_req_t req, size_t size, uint64_t begun)
{
	metrics_end_append(&driver_of(req)->metrics, begun);
	fuse_reply_write(req, size);
}

static void reply(const struct request *request, enum ink_err err)
{
	if (err == INK_OK && request->is_write)
		reply_write(request->req, request->size, request->begun);
	else
		reply_err(request->req, err);
}

static void on_done(struct ink_sync *sync, enum ink_err err)
{
	/* By way of void: clang sees a char's alignment, and it is a request's. */
	struct request *request = (void *)((char *)sync - offsetof(struct request, sync));
	struct driver *driver = driver_of(request->req);

	reply(request, err);
	free(request);
	syncs_remove(&driver->syncs);
}

static void begin(const struct request *what)
{
	struct driver *driver = driver_of(what->req);
	struct request *request = malloc(sizeof(*request));

	if (!request) {
		reply(what, ink_sync(driver->store));
		return;
	}
	*request = *what;
	request->sync.done = on_done;
	syncs_add(&driver->syncs);
	ink_sync_begin(driver->store, &request->sync);
}

void reply_write_synced(fuse_req_t req, size_t size, uint64_t begun)
{
	begin(&(struct request){ .req = req, .is_write = true, .size = size, .begun = begun });
}

void reply_synced(fuse_req_t req)
{
	begin(&(struct request){ .req = req });
}
