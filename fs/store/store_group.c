/* SPDX-License-Identifier: MIT */
/*
 * Group sync: whoever waits for the disk at the same time shares one flush.
 *
 * At most one flush is under way (is_syncing), and the thread that makes it leads: it signs what is
 * recorded, flushes log and signature in one go, and wakes those whose records that has covered.
 * Who comes meanwhile waits for the next flush, which covers them all: their records are in the log
 * before they ask.  One of them leads it and is woken first, so that the disk rests no longer than
 * one wake-up takes.  So nobody waits for more than the flush under way and one of its own.
 */
#include "store_private.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>

/* On the stack of who waits; in the list under `sync_lock`, and until its `wake` is posted. */
struct sync_waiter {
	struct sync_waiter *next;
	uint64_t record_count;
	bool is_leader; /* makes the next flush; otherwise what it waits for is on the disk */
	sem_t wake;
};

/* What is recorded until the ticket is taken, signed, then one flush. */
static enum ink_err flush(struct ink_store *store, uint64_t *ret_count)
{
	struct log_ticket ticket;
	enum ink_err err = INK_OK;

	pthread_mutex_lock(&store->lock);
	if (has_unsealed(store))
		err = store_seal(store, INK_SEAL_SYNC);
	/* Who syncs often gets space that was written before (log.h, 5); who never does writes nothing twice. */
	if (err == INK_OK && atomic_load(&store->asked_sync_count) >= SYNC_HABIT_COUNT)
		log_write_ahead(store->log);
	if (err == INK_OK)
		err = log_ticket_take(store->log, &ticket);
	pthread_mutex_unlock(&store->lock);
	if (err != INK_OK)
		return err;
	err = log_ticket_sync(&ticket);
	pthread_mutex_lock(&store->lock);
	log_ticket_return(store->log, &ticket, err == INK_OK);
	if (err == INK_OK)
		store->durable_count = ticket.record_count;
	else
		store->has_failed = true;
	pthread_cond_broadcast(&store->room_cond);
	pthread_mutex_unlock(&store->lock);
	if (err == INK_OK)
		*ret_count = ticket.record_count;
	return err;
}

/* Take those out of the list who need to wait no more.  Under `sync_lock`. */
static struct sync_waiter *take_covered(struct ink_store *store)
{
	struct sync_waiter **at = &store->sync_waiters, *covered = NULL;

	while (*at) {
		struct sync_waiter *waiter = *at;

		if (waiter->record_count > store->synced_count) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		waiter->next = covered;
		covered = waiter;
	}
	return covered;
}

/* The next flush goes to one of those who wait; NULL: nobody does, and there is none.  Under `sync_lock`. */
static struct sync_waiter *take_leader(struct ink_store *store)
{
	struct sync_waiter *leader = store->sync_waiters;

	store->is_syncing = leader != NULL;
	if (leader) {
		store->sync_waiters = leader->next;
		leader->is_leader = true;
	}
	return leader;
}

/* A flush that failed has covered nobody: each leads one of its own then, and is told what comes of it. */
static enum ink_err lead(struct ink_store *store)
{
	struct sync_waiter *covered, *leader;
	uint64_t count = 0;
	enum ink_err err = flush(store, &count);
	int keep = errno;

	pthread_mutex_lock(&store->sync_lock);
	if (err == INK_OK)
		store->synced_count = count;
	covered = take_covered(store);
	leader = take_leader(store);
	pthread_mutex_unlock(&store->sync_lock);
	if (leader)
		sem_post(&leader->wake);
	while (covered) {
		struct sync_waiter *next = covered->next;

		/* From here on it is gone. */
		sem_post(&covered->wake);
		covered = next;
	}
	errno = keep;
	return err;
}

/* Under `sync_lock`, which it gives up. */
static void wait_for_flush(struct ink_store *store, struct sync_waiter *self)
{
	sem_init(&self->wake, 0, 0);
	self->next = store->sync_waiters;
	store->sync_waiters = self;
	pthread_mutex_unlock(&store->sync_lock);
	while (sem_wait(&self->wake) != 0)
		assert(errno == EINTR);
	sem_destroy(&self->wake);
}

enum ink_err store_sync_to(struct ink_store *store, uint64_t record_count)
{
	struct sync_waiter self = { .record_count = record_count };

	pthread_mutex_lock(&store->sync_lock);
	if (store->synced_count >= record_count) {
		pthread_mutex_unlock(&store->sync_lock);
		return INK_OK;
	}
	if (store->is_syncing) {
		wait_for_flush(store, &self);
		return self.is_leader ? lead(store) : INK_OK;
	}
	store->is_syncing = true;
	pthread_mutex_unlock(&store->sync_lock);
	return lead(store);
}

enum ink_err store_sync_asked(struct ink_store *store, uint64_t record_count)
{
	if (atomic_load(&store->asked_sync_count) < SYNC_HABIT_COUNT)
		atomic_fetch_add(&store->asked_sync_count, 1);
	return store_sync_to(store, record_count);
}

unsigned store_sync_waiter_count(struct ink_store *store)
{
	unsigned count = 0;

	pthread_mutex_lock(&store->sync_lock);
	for (const struct sync_waiter *at = store->sync_waiters; at; at = at->next)
		count++;
	pthread_mutex_unlock(&store->sync_lock);
	return count;
}

enum ink_err ink_sync(struct ink_store *store)
{
	uint64_t count;

	if (store->options.is_read_only)
		return INK_OK;
	pthread_mutex_lock(&store->lock);
	count = catalog_head(store->catalog)->record_count;
	pthread_mutex_unlock(&store->lock);
	return store_sync_asked(store, count);
}
