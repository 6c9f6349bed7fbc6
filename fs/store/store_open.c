/* SPDX-License-Identifier: MIT */
/* Opening and closing: lock, GENESIS, index, recovery, keys, the records that begin and end a session. */
#include "store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "recover.h"

enum {
	SEAL_INTERVAL_MS = 100,
	SYNC_INTERVAL_MS = 1000,
	EPOCH_S = 10,
	HEARTBEAT_S = 600,
	SPACE_MIN = 512 << 10,
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
	pthread_cond_init(&store->room_cond, &attr);
	pthread_cond_init(&store->sync_cond, &attr);
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
	pthread_cond_destroy(&store->room_cond);
	pthread_cond_destroy(&store->sync_cond);
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
	if (err == INK_OK)
		err = frame_decode(frame, &header, leaf);
	if (err == INK_ERR_FOREIGN)
		return not_a_store(
			store, error,
			"its first segment is of another kind or of a later version; use a newer inkfs");
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

static enum ink_err open_index(struct ink_store *store, struct ink_error *error)
{
	enum ink_err err = index_open(store->index_dir, store->options.is_read_only, &store->index);
	const struct head *head;

	if (err == INK_ERR_NOT_FOUND && store->options.is_read_only)
		err = index_open_memory(&store->index);
	if (err == INK_OK)
		err = catalog_open(store->index, &store->catalog);
	if (err == INK_ERR_IO)
		return error_io(error, store->index_dir, "cannot open the index");
	if (err != INK_OK)
		return error_set(
			error, INK_ERR_DAMAGED,
			"the index of %s is damaged or of another version; 'inkfs reindex %s' makes it anew from the log",
			store->path, store->path);
	head = catalog_head(store->catalog);
	if (head->record_count > 0 &&
	    memcmp(head->store_id, store->store_id, INK_STORE_ID_SIZE) != 0)
		return error_set(
			error, INK_ERR_DAMAGED,
			"the index of %s belongs to another store; 'inkfs reindex %s' makes it anew from the log",
			store->path, store->path);
	store->index_count = head->record_count;
	return INK_OK;
}

static enum ink_err open_log(struct ink_store *store, struct ink_error *error)
{
	const struct head *head = catalog_head(store->catalog);
	struct log_options options = { .io = store->io,
				       .dir = store->log_dir,
				       .segment_size = store->segment_size,
				       .store_id = store->store_id,
				       .is_immutable = store->options.is_immutable };
	struct log_position at = { head->record_count, head->end_place, head->last_leaf };

	if (log_open(&options, &at, &store->log) != INK_OK)
		return error_io(error, store->log_dir, "cannot go on writing the log");
	return INK_OK;
}

/* Which of the file's seeds is in force is what the log's last EPOCH says. */
static enum ink_err choose_key(struct ink_store *store, struct seal_key_file *file,
			       struct ink_error *error)
{
	const struct head *head = catalog_head(store->catalog);
	struct key_pair **chosen = NULL;

	if (file->epoch == head->epoch)
		chosen = &file->first;
	else if (file->next && file->epoch + 1 == head->epoch)
		chosen = &file->next;
	if (!chosen || memcmp((*chosen)->public_key, head->seal_key, INK_KEY_SIZE) != 0)
		return error_set(
			error, INK_ERR_KEY,
			"%s/seal.key is of epoch %u, the log is at epoch %u with another key: an old copy of the keys or of the log; put the matching one back",
			store->keys_dir, file->epoch, head->epoch);
	store->seal_key = *chosen;
	*chosen = NULL;
	return INK_OK;
}

static enum ink_err record_recovery(struct ink_store *store, const struct recover_result *result)
{
	union ink_body body = { .recovery = {
					.what = result->lost_name[0] ? 2 : 1,
					.durable_size = result->durable_size,
					.unsealed_count = result->unsealed_count,
					.lost_bytes = result->lost_bytes,
					.lost_place = result->lost_place,
					.lost_name = str_of(result->lost_name,
							    sizeof(result->lost_name)),
				} };

	return store_record(store, INK_RECOVERY, NULL, 0, &body);
}

static void read_boot_id(char *ret_text, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, ret_text, size - 1) : 0;

	if (fd >= 0)
		close(fd);
	ret_text[got > 0 ? got : 0] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
}

static enum ink_err record_mount(struct ink_store *store)
{
	char boot_id[64];
	struct utsname uts;
	union ink_body body;

	if (uname(&uts) != 0)
		memset(&uts, 0, sizeof(uts));
	read_boot_id(boot_id, sizeof(boot_id));
	body.mount = (struct ink_body_mount){
		.version = str_of(INK_VERSION, 64),
		.host = str_of(uts.nodename, sizeof(uts.nodename)),
		.boot_id = str_of(boot_id, sizeof(boot_id)),
		.kernel = str_of(uts.release, sizeof(uts.release)),
		.mount_point = str_of(store->options.mount_point, PATH_MAX),
		.options = str_of(store->options.mount_options, PATH_MAX),
		.monotonic_ns = monotonic_ns(),
		.pid = (uint32_t)getpid(),
	};
	return store_record(store, INK_MOUNT, NULL, 0, &body);
}

/* RECOVERY if the last end was none, the new epoch, MOUNT; all of it on the disk. */
static enum ink_err begin_session(struct ink_store *store, const struct recover_result *result,
				  struct ink_error *error)
{
	enum ink_err err = INK_OK;

	if (catalog_head(store->catalog)->mount_seq != 0 || result->lost_name[0])
		err = record_recovery(store, result);
	if (err == INK_OK)
		err = store_change_epoch(store, INK_SEAL_MOUNT);
	if (err == INK_OK) {
		pthread_mutex_lock(&store->lock);
		err = record_mount(store);
		if (err == INK_OK)
			err = store_seal(store, INK_SEAL_MOUNT);
		pthread_mutex_unlock(&store->lock);
	}
	if (err == INK_OK)
		err = ink_sync(store);
	if (err == INK_OK)
		err = store_commit_index(store);
	if (err == INK_OK)
		err = store_start_threads(store);
	if (err == INK_ERR_IO)
		return error_io(error, store->path, "cannot begin to write");
	if (err != INK_OK)
		return error_set(error, err, "%s: cannot begin to write: %s", store->path,
				 ink_err_text(err));
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

/* Nothing reads the old segments at opening, so a hole in the log would first be noticed by a reader, years later. */
static enum ink_err need_segments(struct ink_store *store, struct ink_error *error)
{
	uint32_t last = place_segment(catalog_head(store->catalog)->end_place);
	char path[PATH_MAX];

	for (uint32_t segment = 0; segment <= last; segment++) {
		int fd;

		snprintf(path, sizeof(path), "%.*s/%010u.seg", PATH_MAX - 32, store->log_dir,
			 segment);
		fd = store->io->open(store->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
		/* The end itself may be in a segment that a crash kept from being made; recovery knows. */
		if (fd < 0 && errno == ENOENT && segment < last)
			return error_set(
				error, INK_ERR_DAMAGED,
				"%s is missing; put it back from a copy, or see with 'inkfs verify %s' what is lost",
				path, store->path);
		if (fd < 0 && errno != ENOENT)
			return error_io(error, path, "cannot open the segment");
		io_close(store->io, fd);
	}
	return INK_OK;
}

static enum ink_err open_to_read(struct ink_store *store, struct ink_error *error)
{
	struct recover_options options = { .io = store->io,
					   .path = store->path,
					   .is_read_only = true };
	struct recover_result result;
	enum ink_err err = open_index(store, error);

	return err == INK_OK ? recover(&options, store->index, store->catalog, &result, error)
			     : err;
}

/* A session needs room for its first records, a key file and the index; without it nothing is begun. */
static enum ink_err need_space(struct ink_store *store, struct ink_error *error)
{
	struct statvfs disk;
	uint64_t free_bytes;

	if (statvfs(store->path, &disk) != 0)
		return error_io(error, store->path, "cannot ask for free space");
	free_bytes = (uint64_t)(geteuid() == 0 ? disk.f_bfree : disk.f_bavail) * disk.f_frsize;
	if (free_bytes >= SPACE_MIN)
		return INK_OK;
	errno = ENOSPC;
	return error_set(error, INK_ERR_IO, "%s: the disk is full; free at least %d KiB on it",
			 store->path, SPACE_MIN >> 10);
}

static enum ink_err open_to_write(struct ink_store *store, struct seal_key_file *file,
				  struct ink_error *error)
{
	struct recover_options options = { .io = store->io,
					   .path = store->path,
					   .epoch_min = file->epoch };
	struct recover_result result;
	enum ink_err err = open_index(store, error);

	if (err == INK_OK)
		err = need_segments(store, error);
	if (err == INK_OK)
		err = need_space(store, error);
	if (err == INK_OK)
		err = recover(&options, store->index, store->catalog, &result, error);
	if (err == INK_OK)
		err = choose_key(store, file, error);
	if (err == INK_OK)
		err = open_log(store, error);
	if (err != INK_OK)
		return err;
	/* recover() synced all that it read. */
	store->durable_count = catalog_head(store->catalog)->record_count;
	store->synced_count = store->durable_count;
	return begin_session(store, &result, error);
}

static enum ink_err open_store(struct ink_store *store, struct ink_error *error)
{
	struct seal_key_file file = { 0 };
	enum ink_err err;

	if (store->options.is_read_only)
		return open_to_read(store, error);
	/* Before anything is changed: without the key nothing could be written anyway. */
	err = seal_key_read(store->io, store->keys_dir, store->store_id, &file, error);
	if (err == INK_OK)
		err = open_to_write(store, &file, error);
	seal_key_file_release(&file);
	return err;
}

enum ink_err store_open_on(const struct io *io, const char *path, const struct ink_options *options,
			   struct ink_store **ret_store, struct ink_error *ret_error)
{
	static const struct ink_options defaults;
	struct ink_store *store;
	enum ink_err err;

	err = store_prepare(io, path, options ? options : &defaults, &store, ret_error);
	if (err != INK_OK)
		return err;
	err = open_store(store, ret_error);
	if (err != INK_OK) {
		store_stop_threads(store);
		store_free(store);
		return err;
	}
	*ret_store = store;
	return INK_OK;
}

enum ink_err ink_store_open(const char *path, const struct ink_options *options,
			    struct ink_store **ret_store, struct ink_error *ret_error)
{
	return store_open_on(io_system(), path, options, ret_store, ret_error);
}

/* UNMOUNT, and the EPOCH that closes; the file ends right behind them. */
static enum ink_err end_session(struct ink_store *store, enum ink_unmount_reason reason)
{
	const struct head *head = catalog_head(store->catalog);
	union ink_body body = { .unmount = { .reason = (uint8_t)reason } };
	enum ink_err err;

	/* So that the closing EPOCH can say that all before UNMOUNT had been synced. */
	err = ink_sync(store);
	if (err != INK_OK)
		return err;
	pthread_mutex_lock(&store->lock);
	/* Counts that find no room on a full disk are no reason to end without order. */
	(void)!store_flush_refusals(store, true);
	err = log_trim(store->log, frame_size(UNMOUNT_BODY_SIZE) + frame_size(EPOCH_BODY_SIZE));
	body.unmount.record_count = head->record_count - head->mount_seq;
	body.unmount.payload_bytes = head->payload_bytes - head->payload_before;
	if (err == INK_OK)
		err = store_record(store, INK_UNMOUNT, NULL, 0, &body);
	pthread_mutex_unlock(&store->lock);
	if (err == INK_OK)
		err = store_change_epoch(store, INK_SEAL_UNMOUNT);
	if (err == INK_OK)
		err = store_commit_index(store);
	return err;
}

enum ink_err ink_store_close(struct ink_store *store, enum ink_unmount_reason reason)
{
	enum ink_err err = INK_OK;

	if (!store)
		return INK_OK;
	if (!store->options.is_read_only) {
		store_stop_threads(store);
		err = store->has_failed ? INK_ERR_FAILED : end_session(store, reason);
	}
	store_free(store);
	return err;
}
