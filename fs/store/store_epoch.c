/* SPDX-License-Identifier: MIT */
/*
 * Epochs: the change of the seal key, and what is done while it cannot be changed.
 *
 * An epoch whose key file cannot be replaced goes on, because records without a seal would be worse; but the key that
 * is in force then signs for longer than anybody was promised.  So the failure is told, shown, tried again and, by
 * what the records say of times, found by the verifier.
 */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
enum { RETRY_FIRST_S = 1, RETRY_MAX_S = 60, OVERDUE_S = 10 };

/* --- the change ---------------------------------------------------------------------------- */

enum ink_err store_keys_folder(const struct ink_store *store, struct folder_id *ret_id)
{
	const struct io *io = store->io;
	int fd = io->open(io->ctx, store->keys_dir, O_RDONLY | O_DIRECTORY, 0);
	enum ink_err err = INK_ERR_IO;
	struct stat st;

	if (fd >= 0 && io->stat(io->ctx, fd, &st) == 0) {
		*ret_id = (struct folder_id){ st.st_dev, st.st_ino };
		err = INK_OK;
	}
	io_close(io, fd);
	return err;
}

/*
 * A folder that was unmounted shows what lies beneath it, and a secret must not be written there.  So it must be the
 * one that was opened, or one that has a key file of this store.
 */
static enum ink_err keys_folder_is_there(const struct ink_store *store)
{
	struct seal_key_file file = { 0 };
	struct folder_id id;
	enum ink_err err = store_keys_folder(store, &id);

	if (err != INK_OK ||
	    (id.device == store->keys_folder.device && id.inode == store->keys_folder.inode))
		return err;
	err = seal_key_read(store->io, store->keys_dir, store->store_id, &file, NULL);
	seal_key_file_release(&file);
	if (err == INK_OK)
		return INK_OK;
	errno = ESTALE;
	return INK_ERR_IO;
}

/* FORMAT.md section 8: (1) both seeds on disk, (2) EPOCH, (3) synced, (4) the new seed alone. */
static enum ink_err hand_over(struct ink_store *store, enum ink_seal_reason reason,
			      struct key_pair *next)
{
	const struct io *io = store->io;
	struct key_pair *old = store->seal_key;
	uint32_t epoch = catalog_head(store->catalog)->epoch;
	uint64_t count;
	int keep;
	enum ink_err err = keys_folder_is_there(store);

	/*
	 * The file is about to lose what it held for the change before, and that may have failed in its third step:
	 * then a loss of power would leave a log of the epoch before, and no key for it (invariant 5).
	 */
	if (err == INK_OK)
		err = store_sync_to(store, store->handover_count);
	if (err == INK_OK)
		err = seal_key_write(io, store->keys_dir, store->store_id, epoch, old, next);
	if (err != INK_OK)
		return err;
	pthread_mutex_lock(&store->lock);
	err = store_epoch(store, reason, next);
	if (err == INK_OK) {
		store->seal_key = next;
		/* A seal of the old key that still waits for its check has its own copy of the public half. */
	}
	count = catalog_head(store->catalog)->record_count;
	pthread_mutex_unlock(&store->lock);
	if (err != INK_OK)
		return err;
	store->handover_count = count;
	err = store_sync_to(store, count);
	if (err == INK_OK)
		err = seal_key_write(io, store->keys_dir, store->store_id, epoch + 1, next, NULL);
	keep = errno;
	key_free(old);
	errno = keep;
	return err;
}

enum ink_err store_change_epoch(struct ink_store *store, enum ink_seal_reason reason)
{
	struct key_pair *next = key_make();
	enum ink_err err;
	int keep;

	if (!next) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	pthread_mutex_lock(&store->epoch_lock);
	err = hand_over(store, reason, next);
	keep = errno;
	if (store->seal_key != next)
		key_free(next);
	pthread_mutex_unlock(&store->epoch_lock);
	errno = keep;
	return err;
}

/* --- and its failure ----------------------------------------------------------------------- */

static bool epoch_is_over(const struct ink_store *store)
{
	if (store->troubles[TROUBLE_EPOCH].error != 0)
		return monotonic_ns() >= store->epoch_retry_ns;
	return store->epoch_time_ns != 0 &&
	       boot_ns() - store->epoch_time_ns >= store->options.epoch_s * SECOND_NS;
}

/* Sooner at first: mostly somebody is just putting something back. */
static void put_off(struct ink_store *store)
{
	unsigned wait_s = RETRY_FIRST_S;

	for (unsigned i = 0; i < store->epoch_tries && wait_s < RETRY_MAX_S; i++)
		wait_s *= 2;
	if (wait_s > RETRY_MAX_S)
		wait_s = RETRY_MAX_S;
	store->epoch_tries++;
	store->epoch_retry_ns = monotonic_ns() + wait_s * SECOND_NS;
}

void store_end_epoch(struct ink_store *store)
{
	bool is_due;
	int error = 0;

	pthread_mutex_lock(&store->lock);
	is_due = epoch_is_over(store) && !store->has_failed;
	pthread_mutex_unlock(&store->lock);
	if (!is_due)
		return;
	if (store_change_epoch(store, INK_SEAL_EPOCH) != INK_OK)
		error = errno != 0 ? errno : EIO;
	pthread_mutex_lock(&store->lock);
	if (error != 0)
		put_off(store);
	else
		store->epoch_tries = 0;
	pthread_mutex_unlock(&store->lock);
	store_tell(store, TROUBLE_EPOCH, error);
}

/* --- telling ------------------------------------------------------------------------------- */

static void describe(const struct ink_store *store, enum trouble_kind kind, int error,
		     char *ret_text, size_t size)
{
	const char *why = strerror(error);

	switch (kind) {
	case TROUBLE_EPOCH:
		snprintf(
			ret_text, size,
			"%s: the seal key cannot be changed: %s: %s; until that succeeds one key stays in force for longer than %u s (it is tried again); see to the folder of the keys and to free space",
			store->path, store->keys_dir,
			error == ESTALE ? "not the folder that was there" : why,
			store->options.epoch_s);
		break;
	case TROUBLE_INDEX:
		snprintf(
			ret_text, size,
			"%s: the index cannot be committed: %s; writers will be refused when too much waits for it; see to the disk and to free space",
			store->path, why);
		break;
	case TROUBLE_FAILED:
	default:
		snprintf(
			ret_text, size,
			"%s: the log could not be written or synced, so it takes nothing more; see to the disk, then unmount and mount it again",
			store->path);
		break;
	}
}

void store_tell(struct ink_store *store, enum trouble_kind kind, int error)
{
	static const char *const over[] = {
		[TROUBLE_EPOCH] = "the seal key was changed again",
		[TROUBLE_INDEX] = "the index was committed again",
		[TROUBLE_FAILED] = "the log is written again",
	};
	struct trouble *trouble = &store->troubles[kind];
	char text[PATH_MAX * 2 + 512];
	uint64_t since_ns;
	int before;

	pthread_mutex_lock(&store->lock);
	before = trouble->error;
	trouble->error = error;
	if (before == 0 && error != 0)
		trouble->since_ns = monotonic_ns();
	since_ns = trouble->since_ns;
	pthread_mutex_unlock(&store->lock);
	if ((before == 0) == (error == 0) || !store->options.on_notice)
		return;
	if (error != 0)
		describe(store, kind, error, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s: %s, after %llu s", store->path, over[kind],
			 (unsigned long long)((monotonic_ns() - since_ns) / SECOND_NS));
	store->options.on_notice(store->options.notice_ctx, error == 0, text);
}

/* --- what the records say of it ------------------------------------------------------------ */

static enum ink_err read_head(struct ink_store *store, uint64_t seq, uint8_t *bytes, size_t size,
			      struct ink_header *ret_header)
{
	uint8_t leaf[INK_HASH_SIZE];
	enum ink_err err;
	uint64_t place;
	size_t got;

	err = catalog_place(store->catalog, seq, &place);
	if (err == INK_OK)
		err = segments_read(store->segments, place_segment(place), bytes, size,
				    place_offset(place), &got);
	if (err == INK_OK && got < FRAME_OFF_BODY)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		err = frame_decode(bytes, ret_header, leaf);
	return err == INK_OK && ret_header->seq != seq ? INK_ERR_DAMAGED : err;
}

/* What MOUNT gave epochs; 0: not known. */
static uint32_t read_epoch_length(struct ink_store *store, uint64_t mount_seq)
{
	enum { SIZE = FRAME_OFF_BODY + INK_BODY_SIZE_MAX };
	uint8_t *bytes = calloc(1, SIZE);
	struct ink_header header;
	union ink_body body;
	uint32_t length_s = 0;

	if (bytes && read_head(store, mount_seq, bytes, SIZE, &header) == INK_OK &&
	    header.kind == INK_MOUNT && header.body_size <= INK_BODY_SIZE_MAX &&
	    ink_body_decode(INK_MOUNT, bytes + FRAME_OFF_BODY, header.body_size, &body) == INK_OK)
		length_s = body.mount.epoch_s;
	free(bytes);
	return length_s;
}

/* The last EPOCH of the log; false: cannot be told. */
static bool find_epoch(struct ink_store *store, uint64_t *ret_seq)
{
	uint64_t seq = catalog_head(store->catalog)->last_seal_seq;
	struct index_pair pair;
	uint8_t key[8];

	for (;;) {
		key_u64(seq, key);
		if (index_seek_back(store->index, DB_SEALS, key, sizeof(key), &pair) != INK_OK ||
		    pair.key_size != 8 || pair.value_size < 1)
			return false;
		seq = be64_load(pair.key);
		if (pair.value[0] == INK_EPOCH || seq == 0) {
			*ret_seq = seq;
			return pair.value[0] == INK_EPOCH;
		}
		seq--;
	}
}

void store_epoch_age(struct ink_store *store, uint32_t *ret_length_s, uint64_t *ret_age_s)
{
	const struct head *head = catalog_head(store->catalog);
	struct ink_header first, last;
	uint8_t bytes[FRAME_OFF_BODY];
	uint64_t seq;

	*ret_length_s = 0;
	*ret_age_s = 0;
	/* Whose session it is knows, and writers wait for who reads records under the lock. */
	if (!store->options.is_read_only) {
		*ret_length_s = store->options.epoch_s;
		if (store->epoch_time_ns != 0)
			*ret_age_s = (boot_ns() - store->epoch_time_ns) / SECOND_NS;
		return;
	}
	if (head->mount_seq == 0 || !find_epoch(store, &seq) || seq + 1 >= head->record_count)
		return;
	*ret_length_s = read_epoch_length(store, head->mount_seq);
	/* An epoch begins with its first activity; seals of an idle store before it are few. */
	do {
		if (++seq == head->record_count ||
		    read_head(store, seq, bytes, sizeof(bytes), &first) != INK_OK)
			return;
	} while (first.kind == INK_SEAL);
	if (read_head(store, head->record_count - 1, bytes, sizeof(bytes), &last) == INK_OK &&
	    last.boot_ns > first.boot_ns)
		*ret_age_s = (last.boot_ns - first.boot_ns) / SECOND_NS;
}

bool store_epoch_is_overdue(uint32_t length_s, uint64_t age_s)
{
	return length_s != 0 && age_s > 2 * (uint64_t)length_s + OVERDUE_S;
}
