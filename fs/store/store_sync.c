/* SPDX-License-Identifier: MIT */
/*
 * What happens beside the writers: index commits, and the three threads.
 *
 * The sealing thread signs what nobody asked to have signed, within seal_interval_ms of the first
 * unsigned record, and the heartbeat, and records folded refusals.  The committing thread makes the
 * log durable and the index follow, within sync_interval_ms, and ends epochs; it may wait for a slow
 * disk as long as it takes, the sealing thread does not touch the disk but for its records.  While it waits for
 * the index, the syncing thread keeps what it promised for the log.
 */
#include "store_private.h"

#include <errno.h>
#include <time.h>

enum ink_err ink_seal(struct ink_store *store, uint64_t number)
{
	struct inode *inode;
	enum ink_err err;

	if (store->options.is_read_only)
		return INK_OK;
	pthread_mutex_lock(&store->lock);
	err = catalog_inode(store->catalog, number, &inode);
	/* An inode leaves the cache only at a commit, which comes after a seal; so touched_seq is enough. */
	if (err == INK_OK && inode->touched_seq >= sealed_count(store))
		err = store_seal(store, INK_SEAL_CLOSE);
	pthread_mutex_unlock(&store->lock);
	return err;
}

/* Take what waits for the next commit; nothing to do if *ret_count is 0. */
static enum ink_err freeze(struct ink_store *store, uint64_t *ret_count)
{
	uint64_t count;
	enum ink_err err;

	*ret_count = 0;
	if (index_is_frozen(store->index)) {
		*ret_count = store->frozen_count;
		return INK_OK;
	}
	count = catalog_head(store->catalog)->record_count;
	if (count == store->index_count)
		return INK_OK;
	/* A reindex has no log to write to, and no key: what is unsealed stays it. */
	err = store->log && has_unsealed(store) ? store_seal(store, INK_SEAL_INTERVAL) : INK_OK;
	if (err == INK_OK)
		err = catalog_flush(store->catalog);
	if (err == INK_OK)
		err = index_freeze(store->index);
	if (err != INK_OK)
		return err;
	store->frozen_count = catalog_head(store->catalog)->record_count;
	*ret_count = store->frozen_count;
	return INK_OK;
}

/* @since_ns: what was recorded from then on has no other sync to wait for; 0: the index is done. */
static void tell_syncer(struct ink_store *store, uint64_t since_ns)
{
	pthread_mutex_lock(&store->lock);
	store->index_since_ns = since_ns;
	if (since_ns != 0)
		pthread_cond_signal(&store->syncer_cond);
	pthread_mutex_unlock(&store->lock);
}

/* Of what is frozen all has been synced. */
static enum ink_err commit_frozen(struct ink_store *store, uint64_t count)
{
	enum ink_err err = index_commit(store->index);
	bool has_grown;

	has_grown = err != INK_OK && index_needs_growth(store->index);
	if (err != INK_OK && !has_grown)
		return err;
	pthread_mutex_lock(&store->lock);
	if (index_thaw(store->index) != INK_OK) {
		store->has_failed = true;
		err = INK_ERR_IO;
	} else if (!has_grown) {
		store->index_count = count;
	}
	pthread_cond_broadcast(&store->room_cond);
	pthread_mutex_unlock(&store->lock);
	index_sweep(store->index);
	return has_grown ? commit_frozen(store, count) : err;
}

enum ink_err store_commit_index(struct ink_store *store)
{
	uint64_t count, all, since_ns = monotonic_ns();
	enum ink_err err, sync_err;
	int error;

	pthread_mutex_lock(&store->lock);
	store->is_commit_asked = false;
	err = freeze(store, &count);
	all = catalog_head(store->catalog)->record_count;
	pthread_mutex_unlock(&store->lock);
	/*
	 * Invariant 3: frozen, then synced, then committed.  All is synced, also what was recorded since a commit
	 * failed and left its frozen part: an index that cannot be written is no reason to keep the log off the disk.
	 */
	sync_err = store_sync_to(store, all);
	if (err == INK_OK)
		err = sync_err;
	if (err == INK_OK && count > 0) {
		tell_syncer(store, since_ns);
		err = commit_frozen(store, count);
		tell_syncer(store, 0);
	}
	if (err != INK_OK && (err != INK_ERR_IO || errno == 0))
		errno = EIO;
	error = err == INK_OK ? 0 : errno;
	pthread_mutex_lock(&store->lock);
	store->commit_error = error;
	pthread_cond_broadcast(&store->room_cond);
	pthread_mutex_unlock(&store->lock);
	errno = error;
	return err;
}

static void deadline_at(uint64_t at_ns, struct timespec *ret_deadline)
{
	ret_deadline->tv_sec = (time_t)(at_ns / UINT64_C(1000000000));
	ret_deadline->tv_nsec = (long)(at_ns % UINT64_C(1000000000));
}

/* The newest seal, checked against the public key beside the writers. */
static bool newest_seal_is_good(const struct seal_check *check)
{
	uint8_t entry[HEADER_SIZE];

	header_encode(&check->header, entry);
	return record_signature_is_good(INK_SEAL, entry, check->nonce, check->body, SEAL_BODY_SIZE,
					0, check->public_key);
}

static void check_newest_seal(struct ink_store *store)
{
	struct seal_check check = store->check;
	bool is_good;

	if (!check.is_set)
		return;
	store->check.is_set = false;
	pthread_mutex_unlock(&store->lock);
	is_good = newest_seal_is_good(&check);
	pthread_mutex_lock(&store->lock);
	if (!is_good)
		store->has_failed = true;
}

static void sealer_tick(struct ink_store *store)
{
	uint64_t heartbeat_ns = (uint64_t)store->options.heartbeat_s * UINT64_C(1000000000);
	enum ink_err err = INK_OK;

	/* A full disk or a failed log: nothing to sign can come, and the next tick tries again. */
	if (has_unsealed(store))
		err = store_seal(store, INK_SEAL_INTERVAL);
	else if (monotonic_ns() - store->seal_time_ns >= heartbeat_ns)
		err = store_seal(store, INK_SEAL_HEARTBEAT);
	(void)err;
	check_newest_seal(store);
}

static bool has_work_for_sealer(const struct ink_store *store)
{
	return has_unsealed(store) || store->check.is_set;
}

/*
 * Until @at_ns, or there is work if there is none yet; meanwhile counts are recorded when their time comes.  A seal
 * to check is work too: where each write or close has its own seal, there is hardly ever something to sign when this
 * thread comes, and every single write would wake it again, on the processor that its program needs.
 */
static void sealer_wait(struct ink_store *store, uint64_t at_ns)
{
	bool is_idle = !has_work_for_sealer(store);
	struct timespec deadline;

	while (!store->is_stopping && monotonic_ns() < at_ns &&
	       is_idle == !has_work_for_sealer(store)) {
		uint64_t due_ns = store->refusals_due_ns;

		store->is_sealer_idle = is_idle; /* whoever signals takes it away */
		deadline_at(due_ns != 0 && due_ns < at_ns ? due_ns : at_ns, &deadline);
		if (pthread_cond_timedwait(&store->sealer_cond, &store->lock, &deadline) != 0 &&
		    store->refusals_due_ns != 0)
			(void)!store_flush_refusals(store, false);
	}
	store->is_sealer_idle = false;
}

static void *sealer_main(void *arg)
{
	struct ink_store *store = arg;
	/* Less than the interval by what waking up may take. */
	uint64_t tick_ns = (uint64_t)store->options.seal_interval_ms * UINT64_C(600000);
	uint64_t idle_ns = (uint64_t)store->options.heartbeat_s * UINT64_C(1000000000);

	pthread_mutex_lock(&store->lock);
	while (!store->is_stopping) {
		if (!has_work_for_sealer(store))
			sealer_wait(store, monotonic_ns() + idle_ns);
		/* The first unsigned record is at most a moment old: sign it, and its followers, a tick later. */
		if (has_work_for_sealer(store) && !store->is_stopping)
			sealer_wait(store, monotonic_ns() + tick_ns);
		if (!store->is_stopping)
			sealer_tick(store);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

/* A sync takes time itself; leave it a fifth. */
static uint64_t sync_tick_ns(const struct ink_store *store)
{
	return (uint64_t)store->options.sync_interval_ms * UINT64_C(800000);
}

static void *committer_main(void *arg)
{
	struct ink_store *store = arg;
	uint64_t tick_ns = sync_tick_ns(store);
	uint64_t begun_ns = monotonic_ns();
	struct timespec deadline;

	pthread_mutex_lock(&store->lock);
	while (!store->is_stopping) {
		bool has_failed;
		int error;

		/* From the last beginning, not end: a slow disk must not stretch the promise. */
		deadline_at(begun_ns + tick_ns, &deadline);
		while (!store->is_stopping && !store->is_commit_asked &&
		       pthread_cond_timedwait(&store->committer_cond, &store->lock, &deadline) == 0)
			;
		if (store->is_stopping)
			break;
		begun_ns = monotonic_ns();
		pthread_mutex_unlock(&store->lock);
		/* What fails here fails again at the next tick, or has stopped the store; writers are told. */
		error = store_commit_index(store) == INK_OK ? 0 : errno;
		store_end_epoch(store);
		pthread_mutex_lock(&store->lock);
		has_failed = store->has_failed;
		pthread_mutex_unlock(&store->lock);
		store_tell(store, TROUBLE_FAILED, has_failed ? EIO : 0);
		store_tell(store, TROUBLE_INDEX, has_failed ? 0 : error);
		pthread_mutex_lock(&store->lock);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

/*
 * LMDB's syncs take as long as the disk likes, and the committing thread with them.  When that is longer than a tick, what
 * was recorded since is synced by this thread, tick for tick, until the index is done.  Otherwise it only waits.
 */
static void *syncer_main(void *arg)
{
	struct ink_store *store = arg;
	uint64_t tick_ns = sync_tick_ns(store), begun_ns = 0;

	pthread_mutex_lock(&store->lock);
	while (!store->is_stopping) {
		uint64_t since_ns = store->index_since_ns, count;
		struct timespec deadline;

		if (since_ns == 0) {
			pthread_cond_wait(&store->syncer_cond, &store->lock);
			continue;
		}
		deadline_at((begun_ns > since_ns ? begun_ns : since_ns) + tick_ns, &deadline);
		if (pthread_cond_timedwait(&store->syncer_cond, &store->lock, &deadline) == 0 ||
		    store->index_since_ns != since_ns || store->is_stopping)
			continue;
		begun_ns = monotonic_ns();
		count = catalog_head(store->catalog)->record_count;
		pthread_mutex_unlock(&store->lock);
		/* A log that cannot be synced takes nothing more, and that is what writers are told. */
		(void)!store_sync_to(store, count);
		pthread_mutex_lock(&store->lock);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

enum ink_err store_start_threads(struct ink_store *store)
{
	static void *(*const mains[STORE_THREAD_COUNT])(void *) = { sealer_main, committer_main,
								    syncer_main };
	int code = 0;

	/* Only speed depends on it. */
	store->writer = store_writer_open();
	while (code == 0 && store->thread_count < STORE_THREAD_COUNT) {
		unsigned at = store->thread_count;

		code = pthread_create(&store->threads[at], NULL, mains[at], store);
		if (code == 0)
			store->thread_count++;
	}
	if (code != 0)
		store_stop_threads(store);
	errno = code;
	return code == 0 ? INK_OK : INK_ERR_IO;
}

void store_stop_threads(struct ink_store *store)
{
	if (store->thread_count == 0)
		return;
	pthread_mutex_lock(&store->lock);
	store->is_stopping = true;
	pthread_cond_broadcast(&store->sealer_cond);
	pthread_cond_broadcast(&store->committer_cond);
	pthread_cond_broadcast(&store->syncer_cond);
	pthread_cond_broadcast(&store->room_cond);
	pthread_mutex_unlock(&store->lock);
	while (store->thread_count > 0)
		pthread_join(store->threads[--store->thread_count], NULL);
}
