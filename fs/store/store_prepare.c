/* SPDX-License-Identifier: MIT */
/* The handle: paths and defaults, the lock, and GENESIS, which says what never changes. */
#include "store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
	SEAL_INTERVAL_MS = 100,
	SYNC_INTERVAL_MS = 1000,
	EPOCH_S = 10,
	HEARTBEAT_S = 600,
	LOCK_TRIES = 50,
	LOCK_PAUSE_NS = 20000000,
};

static void set_defaults(struct ink_options *options)
{
	if (options->seal_interval_ms == 0)
		options->seal_interval_ms = SEAL_INTERVAL_MS;
	if (options->sync_interval_ms == 0)
		options->sync_interval_ms = SYNC_INTERVAL_MS;
	if (options->epoch_s == 0)
		options->epoch_s = EPOCH_S;
	if (options->heartbeat_s == 0)
		options->heartbeat_s = HEARTBEAT_S;
}

static void init_locks(struct ink_store *store)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->sync_lock, NULL);
	pthread_mutex_init(&store->epoch_lock, NULL);
	pthread_mutex_init(&store->nonce_lock, NULL);
	pthread_mutex_init(&store->pool_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&store->sealer_cond, &attr);
	pthread_cond_init(&store->committer_cond, &attr);
	pthread_cond_init(&store->syncer_cond, &attr);
	pthread_cond_init(&store->room_cond, &attr);
	pthread_condattr_destroy(&attr);
}

static enum ink_err make_store(const struct io *io, const char *path,
			       const struct ink_options *options, struct ink_store **ret_store,
			       struct ink_error *error)
{
	struct ink_store *store;
	char absolute[PATH_MAX];

	if (!vkey_setup())
		return error_set(error, INK_ERR_IO, "libsodium gets no randomness from the system");
	if (!realpath(path, absolute))
		return error_io(error, path, "no such store");
	if (strlen(absolute) > PATH_MAX - 128)
		return error_set(error, INK_ERR_LIMIT, "the path of the store is too long");
	store = calloc(1, sizeof(*store));
	if (!store)
		return error_io(error, path, "no memory");
	init_locks(store);
	store->io = io;
	store->lock_fd = -1;
	store->nonce_used = NONCE_POOL_SIZE;
	store->options = *options;
	set_defaults(&store->options);
	snprintf(store->path, PATH_MAX, "%s", absolute);
	snprintf(store->log_dir, PATH_MAX, "%.*s/log", PATH_MAX - 80, absolute);
	snprintf(store->index_dir, PATH_MAX, "%.*s/index", PATH_MAX - 80, absolute);
	if (options->keys_dir)
		snprintf(store->keys_dir, PATH_MAX, "%.*s", PATH_MAX - 80, options->keys_dir);
	else
		snprintf(store->keys_dir, PATH_MAX, "%.*s/keys", PATH_MAX - 80, absolute);
	store->segments = segments_open(store->io, store->log_dir);
	if (!store->segments) {
		store_free(store);
		return error_io(error, path, "no memory");
	}
	*ret_store = store;
	return INK_OK;
}

void store_free(struct ink_store *store)
{
	int keep = errno;

	store_writer_close(store->writer);
	catalog_close(store->catalog);
	index_close(store->index);
	log_close(store->log);
	segments_close(store->segments);
	key_free(store->seal_key);
	for (struct buffer *buffer = store->buffers, *next; buffer; buffer = next) {
		next = buffer->next;
		free(buffer);
	}
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->sync_lock);
	pthread_mutex_destroy(&store->epoch_lock);
	pthread_mutex_destroy(&store->nonce_lock);
	pthread_mutex_destroy(&store->pool_lock);
	pthread_cond_destroy(&store->sealer_cond);
	pthread_cond_destroy(&store->committer_cond);
	pthread_cond_destroy(&store->syncer_cond);
	pthread_cond_destroy(&store->room_cond);
	free(store);
	errno = keep;
}

static int open_lock_file(const char *path, int flags)
{
	char lock_path[PATH_MAX];

	snprintf(lock_path, sizeof(lock_path), "%.*s/lock", PATH_MAX - 80, path);
	return open(lock_path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
}

/* A verifier that asks whether we are there holds the lock for a moment: try for a second. */
static enum ink_err take_lock(struct ink_store *store, struct ink_error *error)
{
	static const struct timespec pause = { 0, LOCK_PAUSE_NS };

	store->lock_fd = open_lock_file(store->path, O_RDWR | O_CREAT);
	if (store->lock_fd < 0)
		return error_io(error, store->path, "cannot open the lock file");
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return INK_OK;
		if (errno != EWOULDBLOCK)
			return error_io(error, store->path, "cannot lock");
		nanosleep(&pause, NULL);
	}
	return error_set(error, INK_ERR_LOCKED,
			 "%s is in use by another process (mounted?); unmount it first",
			 store->path);
}

bool ink_store_is_locked(const char *path)
{
	int fd = open_lock_file(path, O_RDONLY);
	bool is_locked;

	if (fd < 0)
		return false;
	is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return is_locked;
}

static enum ink_err not_a_store(struct ink_store *store, struct ink_error *error, const char *why)
{
	return error_set(error, INK_ERR_FOREIGN, "%s is not an inkfs store: %s", store->path, why);
}

/* Whole, but of a version or with features of later: not for us to judge. */
static bool is_later_genesis(const uint8_t *frame, const struct ink_header *header)
{
	return header->kind == INK_GENESIS && header->body_size <= SEALED_BODY_SIZE_MAX &&
	       header->body_size >= 8 && frame_has_digest(frame, header) &&
	       (be32_load(frame + FRAME_OFF_BODY) != FORMAT_VERSION ||
		be32_load(frame + FRAME_OFF_BODY + 4) != 0);
}

/* What never changes, from the first record; recovery checks its signatures when it replays it. */
static enum ink_err read_genesis(struct ink_store *store, struct ink_error *error)
{
	enum { HEAD_SIZE = SEGMENT_HEADER_SIZE + FRAME_OFF_BODY + SEALED_BODY_SIZE_MAX };
	uint8_t bytes[HEAD_SIZE] = { 0 }, leaf[INK_HASH_SIZE];
	const uint8_t *frame = bytes + SEGMENT_HEADER_SIZE;
	struct segment_header segment;
	struct ink_header header;
	union ink_body body;
	enum ink_err err;
	size_t size;

	err = segments_read(store->segments, 0, bytes, sizeof(bytes), 0, &size);
	if (err == INK_ERR_NOT_FOUND)
		return not_a_store(store, error, "there is no log/0000000000.seg");
	if (err != INK_OK)
		return error_io(error, store->log_dir, "cannot read the first segment");
	err = size < SEGMENT_HEADER_SIZE ? INK_ERR_DAMAGED : segment_header_decode(bytes, &segment);
	if (err == INK_ERR_FOREIGN && memcmp(bytes, SEGMENT_MAGIC, 8) != 0)
		return not_a_store(store, error, "log/0000000000.seg is something else");
	if (err == INK_OK)
		err = frame_decode(frame, &header, leaf);
	if (err == INK_ERR_FOREIGN || (err == INK_OK && is_later_genesis(frame, &header)))
		return error_newer(error, store->path);
	if (err != INK_OK || header.kind != INK_GENESIS ||
	    header.body_size > SEALED_BODY_SIZE_MAX || !frame_has_digest(frame, &header) ||
	    ink_body_decode(INK_GENESIS, frame + FRAME_OFF_BODY, header.body_size, &body) !=
		    INK_OK ||
	    !origin_commits_to(body.genesis.origin, body.genesis.store_id, body.genesis.seal_key))
		return error_set(
			error, INK_ERR_DAMAGED,
			"the first record of %s is damaged; run 'inkfs verify' and mount a good copy",
			store->path);
	memcpy(store->store_id, body.genesis.store_id, INK_STORE_ID_SIZE);
	store->segment_size = body.genesis.segment_size;
	snprintf(store->origin, sizeof(store->origin), "%.*s", (int)body.genesis.origin.size,
		 body.genesis.origin.data);
	vkey_format(body.genesis.origin, body.genesis.log_key, store->vkey);
	return INK_OK;
}

enum ink_err store_prepare(const struct io *io, const char *path, const struct ink_options *options,
			   struct ink_store **ret_store, struct ink_error *error)
{
	struct ink_store *store = NULL;
	enum ink_err err = make_store(io, path, options, &store, error);

	if (err != INK_OK)
		return err;
	assert(store);
	/* GENESIS first: a folder that is no store must not get a lock file. */
	err = read_genesis(store, error);
	if (err == INK_OK && !store->options.is_read_only)
		err = take_lock(store, error);
	if (err == INK_OK)
		*ret_store = store;
	else
		store_free(store);
	return err;
}
