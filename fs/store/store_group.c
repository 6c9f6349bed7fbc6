/* SPDX-License-Identifier: MIT */
/*
 * Group sync: whoever waits for the disk at the same time shares one flush.
 *
 * At most one flush is under way (is_syncing), and the thread that makes it leads: it signs what is recorded, flushes
 * log and signature in one go, and tells those whose records that has covered.  Who comes meanwhile waits for the
 * next flush, which covers them all: their records are in the log before they ask.  So nobody waits for more than the
 * flush under way and one of its own.
 *
 * Who waits is a thread (store_sync_to), or a request that was left here (ink_sync_begin).  Between two flushes the
 * disk should not rest while threads wake up: of threads that wait one leads the next flush, and is woken first; the
 * thread that brought a request and leads goes on with the next flush, and the first that brings one while it flushes
 * is kept, the teller, to tell meanwhile what the last one has covered.  However many requests there are, they keep
 * two threads.
 */
#include "store_private.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>

/* On the stack of a thread that waits; in the list, or the teller, under `sync_lock`, and until its `wake` is posted. */
struct sync_waiter {
	struct sync_waiter *next;
	uint64_t record_count;
	bool is_leader; /* makes the next flush; otherwise what it waits for is on the disk */
	struct ink_sync *covered; /* the teller's: told by it, before all else */
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

/* The same of requests; a flush that failed is told to all of them.  Under `sync_lock`. */
static struct ink_sync *take_covered_requests(struct ink_store *store, bool has_failed)
{
	struct ink_sync **at = &store->sync_requests, *covered = NULL;

	while (*at) {
		struct ink_sync *request = *at;

		if (!has_failed && request->record_count > store->synced_count) {
			at = &request->next;
			continue;
		}
		*at = request->next;
		request->next = covered;
		covered = request;
	}
	return covered;
}

static void wake_all(struct sync_waiter *covered)
{
	while (covered) {
		struct sync_waiter *next = covered->next;

		/* From here on it is gone. */
		sem_post(&covered->wake);
		covered = next;
	}
}

static void tell_all(struct ink_sync *covered, enum ink_err err, int error)
{
	while (covered) {
		struct ink_sync *next = covered->next;

		errno = error;
		covered->done(covered, err);
		covered = next;
	}
}

/* What follows a flush. */
struct turn {
	struct sync_waiter *covered;
	struct ink_sync *covered_requests;
	struct sync_waiter *leader; /* of the next flush; may be the teller */
	struct sync_waiter *teller; /* to be told: its covered requests, or that it may go */
	bool goes_on;               /* the thread that made this one makes the next */
};

/* @may_stay: the thread that leads came with a request, and has nothing else to do.  Under `sync_lock`. */
static struct turn end_turn(struct ink_store *store, bool has_failed, bool may_stay)
{
	struct turn turn = {
		.covered_requests = take_covered_requests(store, has_failed),
		.covered = has_failed ? NULL : take_covered(store),
	};

	store->is_syncing = store->sync_waiters || store->sync_requests;
	if (store->is_syncing && may_stay && !has_failed) {
		turn.goes_on = true;
		/* Telling one takes less than waking somebody up for it. */
		if (turn.covered_requests && turn.covered_requests->next)
			turn.teller = store->sync_teller;
	} else if (store->sync_waiters) {
		turn.leader = store->sync_waiters;
		store->sync_waiters = turn.leader->next;
	} else {
		/* Who is not covered came during this flush, and the first of them stayed. */
		assert(!store->is_syncing || store->sync_teller);
		turn.teller = store->sync_teller;
		turn.leader = store->is_syncing ? turn.teller : NULL;
	}
	if (turn.leader)
		turn.leader->is_leader = true;
	if (turn.teller)
		store->sync_teller = NULL;
	if (turn.teller && turn.goes_on) {
		turn.teller->covered = turn.covered_requests;
		turn.covered_requests = NULL;
	}
	return turn;
}

/*
 * A flush that failed has covered no thread: each leads one of its own then, and is told what comes of it.  Only a thread
 * that may stay makes more than one, and nobody asks it how they went.
 */
static enum ink_err lead(struct ink_store *store, bool may_stay)
{
	struct turn turn;
	enum ink_err err;
	int error;

	do {
		uint64_t count = 0;

		err = flush(store, &count);
		error = errno;
		pthread_mutex_lock(&store->sync_lock);
		if (err == INK_OK)
			store->synced_count = count;
		turn = end_turn(store, err != INK_OK, may_stay);
		pthread_mutex_unlock(&store->sync_lock);
		if (turn.leader)
			sem_post(&turn.leader->wake);
		if (turn.teller && turn.teller != turn.leader)
			sem_post(&turn.teller->wake);
		tell_all(turn.covered_requests, err, error);
		wake_all(turn.covered);
	} while (turn.goes_on);
	errno = error;
	return err;
}

static void wait_to_be_woken(struct sync_waiter *self)
{
	while (sem_wait(&self->wake) != 0)
		assert(errno == EINTR);
	sem_destroy(&self->wake);
}

/* Under `sync_lock`, which it gives up. */
static void wait_for_flush(struct ink_store *store, struct sync_waiter *self)
{
	sem_init(&self->wake, 0, 0);
	self->next = store->sync_waiters;
	store->sync_waiters = self;
	pthread_mutex_unlock(&store->sync_lock);
	wait_to_be_woken(self);
}

/* The first that brings a request to a flush under way.  Under `sync_lock`, which it gives up. */
static void stay_as_teller(struct ink_store *store)
{
	struct sync_waiter self = { .record_count = 0 };

	sem_init(&self.wake, 0, 0);
	store->sync_teller = &self;
	pthread_mutex_unlock(&store->sync_lock);
	wait_to_be_woken(&self);
	tell_all(self.covered, INK_OK, 0);
	if (self.is_leader)
		(void)!lead(store, true);
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
		return self.is_leader ? lead(store, false) : INK_OK;
	}
	store->is_syncing = true;
	pthread_mutex_unlock(&store->sync_lock);
	return lead(store, false);
}

static void count_asked(struct ink_store *store)
{
	if (atomic_load(&store->asked_sync_count) < SYNC_HABIT_COUNT)
		atomic_fetch_add(&store->asked_sync_count, 1);
}

enum ink_err store_sync_asked(struct ink_store *store, uint64_t record_count)
{
	count_asked(store);
	return store_sync_to(store, record_count);
}

static uint64_t record_count(struct ink_store *store)
{
	uint64_t count;

	pthread_mutex_lock(&store->lock);
	count = catalog_head(store->catalog)->record_count;
	pthread_mutex_unlock(&store->lock);
	return count;
}

void ink_sync_begin(struct ink_store *store, struct ink_sync *request)
{
	bool is_leader;

	if (store->options.is_read_only) {
		request->done(request, INK_OK);
		return;
	}
	count_asked(store);
	request->record_count = record_count(store);
	pthread_mutex_lock(&store->sync_lock);
	if (store->synced_count >= request->record_count) {
		pthread_mutex_unlock(&store->sync_lock);
		request->done(request, INK_OK);
		return;
	}
	request->next = store->sync_requests;
	store->sync_requests = request;
	is_leader = !store->is_syncing;
	store->is_syncing = true;
	if (!is_leader && !store->sync_teller) {
		stay_as_teller(store);
		return;
	}
	pthread_mutex_unlock(&store->sync_lock);
	/* What comes of it is told to the requests. */
	if (is_leader)
		(void)!lead(store, true);
}

unsigned store_sync_waiter_count(struct ink_store *store)
{
	unsigned count = 0;

	pthread_mutex_lock(&store->sync_lock);
	for (const struct sync_waiter *at = store->sync_waiters; at; at = at->next)
		count++;
	for (const struct ink_sync *at = store->sync_requests; at; at = at->next)
		count++;
	pthread_mutex_unlock(&store->sync_lock);
	return count;
}

enum ink_err ink_sync(struct ink_store *store)
{
	if (store->options.is_read_only)
		return INK_OK;
	return store_sync_asked(store, record_count(store));
}
