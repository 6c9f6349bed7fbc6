/* SPDX-License-Identifier: MIT */
/* The one way into the log: every record of a store, the signed ones included, is written here. */
#include "store_private.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <time.h>

#include "hash.h"

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

uint64_t monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t boot_ns(void)
{
	return now_ns(CLOCK_BOOTTIME);
}

/* Randomness by the page: one system call for 256 nonces. */
void store_nonce(struct ink_store *store, uint8_t ret_nonce[static INK_NONCE_SIZE])
{
	pthread_mutex_lock(&store->nonce_lock);
	if (store->nonce_used + INK_NONCE_SIZE > NONCE_POOL_SIZE) {
		randombytes_buf(store->nonces, NONCE_POOL_SIZE);
		store->nonce_used = 0;
	}
	memcpy(ret_nonce, store->nonces + store->nonce_used, INK_NONCE_SIZE);
	store->nonce_used += INK_NONCE_SIZE;
	pthread_mutex_unlock(&store->nonce_lock);
}

/* What a record's being there means for the threads. */
static void after_record(struct ink_store *store, const struct ink_header *header)
{
	bool is_seal = body_domain(header->kind) != NULL;

	if (is_seal) {
		store->seal_count++;
		store->seal_wall_ns = header->wall_ns;
		store->seal_time_ns = monotonic_ns();
		if (header->kind == INK_EPOCH)
			store->epoch_time_ns = 0;
		return;
	}
	if (store->epoch_time_ns == 0)
		store->epoch_time_ns = boot_ns();
	if (store->is_sealer_idle) {
		store->is_sealer_idle = false;
		pthread_cond_signal(&store->sealer_cond);
	}
}

/* Header prepared and digest set: into the log, then into the catalog. */
static enum ink_err finish(struct ink_store *store, const struct ink_header *header,
			   const uint8_t *nonce, const void *bytes, const union ink_body *body)
{
	uint8_t leaf[INK_HASH_SIZE];
	enum ink_err err;
	uint64_t place;

	err = log_write(store->log, header, nonce, bytes, leaf, &place);
	if (err != INK_OK)
		return err;
	/*
	 * The record is in the chain and cannot be taken back, so this call says so; but a catalog that
	 * could not follow would contradict the log, so it is the last one (invariant 1).
	 */
	if (catalog_apply(store->catalog, header, leaf, body, place) != INK_OK)
		store->has_failed = true;
	after_record(store, header);
	return INK_OK;
}

static void fill_caller(struct ink_header *header, const struct ink_caller *caller)
{
	if (!caller)
		return;
	header->uid = caller->uid;
	header->gid = caller->gid;
	header->actor = caller->actor;
}

/* Memory and room for it: behind this only the disk can fail, and nothing of the record is there then. */
static enum ink_err prepare(struct ink_store *store, struct ink_header *header, bool is_system)
{
	enum ink_err err = catalog_reserve(store->catalog, header->kind);

	return err == INK_OK ? log_prepare(store->log, header, is_system) : err;
}

/* Records that a full disk must not keep out; at the end of a session that is all there are. */
static bool is_system_record(const struct ink_store *store, uint8_t kind)
{
	return store->is_stopping || kind == INK_MOUNT || kind == INK_UNMOUNT ||
	       kind == INK_RECOVERY || body_domain(kind);
}

enum ink_err store_record(struct ink_store *store, uint8_t kind, const struct ink_caller *caller,
			  uint64_t inode, const union ink_body *body)
{
	struct ink_header header = { .kind = kind, .inode = inode };
	uint8_t nonce[INK_NONCE_SIZE];
	struct put put;
	enum ink_err err;

	if (store->has_failed)
		return INK_ERR_FAILED;
	put_init(&put, store->scratch, sizeof(store->scratch));
	body_encode(kind, body, &put);
	if (put.is_full)
		return INK_ERR_LIMIT;
	header.body_size = (uint32_t)put.size;
	fill_caller(&header, caller);
	store_nonce(store, nonce);
	hash_two(nonce, INK_NONCE_SIZE, store->scratch, put.size, header.digest);
	err = prepare(store, &header, is_system_record(store, kind));
	return err == INK_OK ? finish(store, &header, nonce, store->scratch, body) : err;
}

enum ink_err store_append(struct ink_store *store, const struct ink_caller *caller,
			  const struct inode *inode, const void *data, size_t size,
			  const uint8_t *nonce, const uint8_t *digest)
{
	struct ink_header header = {
		.kind = INK_APPEND,
		.inode = inode->number,
		.offset = inode->size,
		.body_size = (uint32_t)size,
	};
	union ink_body body = { .append = { data, (uint32_t)size } };
	enum ink_err err;

	if (store->has_failed)
		return INK_ERR_FAILED;
	fill_caller(&header, caller);
	err = prepare(store, &header, false);
	if (err == INK_OK && digest)
		memcpy(header.digest, digest, INK_HASH_SIZE);
	else if (err == INK_OK)
		err = store_write_and_hash(store, data, (uint32_t)size, nonce, header.digest);
	/* A body that was written already leaves only the head to write. */
	return err == INK_OK ? finish(store, &header, nonce, digest ? data : NULL, &body) : err;
}

/* The parts that all seals have.  @root stays with the caller. */
static void fill_seal(struct ink_store *store, const struct ink_header *header,
		      enum ink_seal_reason reason, uint8_t *root, struct ink_body_seal *ret_seal)
{
	merkle_root(&catalog_head(store->catalog)->tree, root);
	*ret_seal = (struct ink_body_seal){
		.epoch = catalog_head(store->catalog)->epoch,
		.reason = (uint8_t)reason,
		.tree_size = header->seq,
		.root = root,
		.durable_size = store->durable_count,
	};
}

/* The newest seal waits for the sealing thread to check it; an older one that waits still is superseded. */
static void remember_seal(struct ink_store *store, const struct ink_header *header,
			  const uint8_t *nonce, const uint8_t *bytes)
{
	struct seal_check *check = &store->check;

	check->is_set = true;
	check->header = *header;
	memcpy(check->nonce, nonce, INK_NONCE_SIZE);
	memcpy(check->body, bytes, SEAL_BODY_SIZE);
	memcpy(check->public_key, store->seal_key->public_key, INK_KEY_SIZE);
}

enum ink_err store_seal(struct ink_store *store, enum ink_seal_reason reason)
{
	struct ink_header header = { .kind = INK_SEAL, .body_size = SEAL_BODY_SIZE };
	uint8_t bytes[SEALED_BODY_SIZE_MAX], root[INK_HASH_SIZE], nonce[INK_NONCE_SIZE];
	union ink_body body;
	enum ink_err err;

	if (store->has_failed)
		return INK_ERR_FAILED;
	err = prepare(store, &header, true);
	if (err != INK_OK)
		return err;
	fill_seal(store, &header, reason, root, &body.seal);
	store_nonce(store, nonce);
	err = seal_sign(&header, nonce, &body, store->seal_key, NULL, false, bytes);
	if (err == INK_OK)
		err = finish(store, &header, nonce, bytes, &body);
	if (err == INK_OK)
		remember_seal(store, &header, nonce, bytes);
	return err;
}

/* The two that put another seal key in force. */
static enum ink_err hand_over(struct ink_store *store, uint8_t kind, enum ink_seal_reason reason,
			      const struct key_pair *signer, const struct key_pair *next)
{
	struct ink_header header = { .kind = kind, .body_size = EPOCH_BODY_SIZE };
	uint8_t bytes[SEALED_BODY_SIZE_MAX], root[INK_HASH_SIZE], nonce[INK_NONCE_SIZE];
	union ink_body body;
	enum ink_err err;

	if (store->has_failed)
		return INK_ERR_FAILED;
	err = prepare(store, &header, true);
	if (err != INK_OK)
		return err;
	fill_seal(store, &header, reason, root, &body.seal);
	body.seal.epoch++;
	body.seal.next_key = next->public_key;
	store_nonce(store, nonce);
	err = seal_sign(&header, nonce, &body, signer, next, true, bytes);
	return err == INK_OK ? finish(store, &header, nonce, bytes, &body) : err;
}

enum ink_err store_epoch(struct ink_store *store, enum ink_seal_reason reason,
			 const struct key_pair *next)
{
	return hand_over(store, INK_EPOCH, reason, store->seal_key, next);
}

enum ink_err store_rekey(struct ink_store *store, const struct key_pair *log_key,
			 const struct key_pair *next)
{
	return hand_over(store, INK_REKEY, INK_SEAL_REKEY, log_key, next);
}

static bool is_over(struct ink_store *store, size_t bytes, unsigned closing)
{
	return index_pending_bytes(store->index) > bytes || log_closing_count(store->log) > closing;
}

static void ask_for_commit(struct ink_store *store)
{
	if (store->is_commit_asked)
		return;
	store->is_commit_asked = true;
	pthread_cond_signal(&store->committer_cond);
}

/* Nothing up to where the pace begins, all of it where writers wait. */
static uint64_t pace_ns(const struct ink_store *store)
{
	size_t bytes = index_pending_bytes(store->index);

	if (bytes <= PENDING_PACE_BYTES)
		return 0;
	return (uint64_t)(bytes - PENDING_PACE_BYTES) * PACE_MAX_NS /
	       (PENDING_WAIT_BYTES - PENDING_PACE_BYTES);
}

/* The commit that makes room wakes it. */
static void keep_pace(struct ink_store *store)
{
	uint64_t until_ns = monotonic_ns() + pace_ns(store);
	struct timespec deadline = { (time_t)(until_ns / UINT64_C(1000000000)),
				     (long)(until_ns % UINT64_C(1000000000)) };

	while (pace_ns(store) > 0 && !store->is_stopping && !store->has_failed &&
	       pthread_cond_timedwait(&store->room_cond, &store->lock, &deadline) == 0)
		;
}

enum ink_err store_wait_for_room(struct ink_store *store)
{
	/* A store that is only read has no log to wait for; its caller is told so a step later. */
	if (store->options.is_read_only)
		return INK_OK;
	if (!is_over(store, PENDING_KICK_BYTES, CLOSING_KICK_COUNT))
		return INK_OK;
	ask_for_commit(store);
	if (store->thread_count == 0)
		return INK_OK;
	keep_pace(store);
	while (is_over(store, PENDING_WAIT_BYTES, CLOSING_WAIT_COUNT)) {
		if (store->is_stopping)
			return INK_OK;
		if (store->has_failed)
			return INK_ERR_FAILED;
		/* A writer must not wait for a disk that takes nothing: it is told, as the commit was. */
		if (store->commit_error != 0) {
			errno = store->commit_error;
			return INK_ERR_IO;
		}
		/* The one under way may be of what was frozen before: then it makes no room. */
		ask_for_commit(store);
		pthread_cond_wait(&store->room_cond, &store->lock);
	}
	return INK_OK;
}
