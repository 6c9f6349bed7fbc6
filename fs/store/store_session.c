/* SPDX-License-Identifier: MIT */
/* Sessions: the records that begin and end one. */
#include "store_private.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "recover.h"

/* --- the beginning ------------------------------------------------------------------------- */

enum ink_err store_record_recovery(struct ink_store *store, const struct recover_result *result)
{
	union ink_body body = { .recovery = {
					.lost_count = (uint8_t)result->lost_count,
					.durable_size = result->durable_size,
					.unsealed_count = result->unsealed_count,
					.lost_place = result->lost_place,
				} };

	if (catalog_head(store->catalog)->mount_seq == 0 && result->lost_count == 0)
		return INK_OK;
	for (unsigned i = 0; i < result->lost_count; i++)
		body.recovery.lost[i] =
			(struct ink_lost){ result->lost[i].size, result->lost[i].digest };
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
		.seal_interval_ms = store->options.seal_interval_ms,
		.sync_interval_ms = store->options.sync_interval_ms,
		.epoch_s = store->options.epoch_s,
		.heartbeat_s = store->options.heartbeat_s,
	};
	return store_record(store, INK_MOUNT, NULL, 0, &body);
}

enum ink_err store_begin_session(struct ink_store *store, const struct recover_result *result,
				 struct ink_error *error)
{
	enum ink_err err = store_record_recovery(store, result);

	if (err == INK_OK) {
		err = store_change_epoch(store, INK_SEAL_MOUNT);
		/* Unless it was the log. */
		if (err == INK_ERR_IO && !store->has_failed)
			return error_io(error, store->keys_dir,
					"cannot begin to write with a new seal key");
	}
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

/* --- the end ------------------------------------------------------------------------------- */

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
