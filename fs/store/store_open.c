/* SPDX-License-Identifier: MIT */
/* Opening: index, recovery, keys and log, each in its turn. */
#include "store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "recover.h"

enum { SPACE_MIN = 512 << 10 };

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

enum ink_err store_open_log(struct ink_store *store, struct ink_error *error)
{
	const struct head *head = catalog_head(store->catalog);
	struct log_options options = { .io = store->io,
				       .dir = store->log_dir,
				       .segment_size = store->segment_size,
				       .store_id = store->store_id,
				       .is_immutable = store->options.is_immutable };
	struct log_position at = { head->record_count, head->end_place, head->last_leaf };
	enum ink_err err = log_open(&options, &at, &store->log);
	char path[PATH_MAX];

	if (err == INK_ERR_DENIED) {
		segment_path(store->log_dir, place_segment(head->end_place), path);
		errno = EACCES;
		return error_set(
			error, INK_ERR_IO,
			"%s: the log goes on in this segment, but it is protected against writing; take that away ('chmod u+w', 'chattr -ia')",
			path);
	}
	return err == INK_OK ? INK_OK
			     : error_io(error, store->log_dir, "cannot go on writing the log");
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
	if (chosen && !*chosen)
		return error_set(
			error, INK_ERR_KEY,
			"%s/seal.key: 'inkfs rekey' was cut off before it was done; run it again",
			store->keys_dir);
	if (!chosen || memcmp((*chosen)->public_key, head->seal_key, INK_KEY_SIZE) != 0)
		return error_set(
			error, INK_ERR_KEY,
			"%s/seal.key is of epoch %u, the log is at epoch %u with another key: an old copy of the keys or of the log; put the matching one back",
			store->keys_dir, file->epoch, head->epoch);
	store->seal_key = *chosen;
	*chosen = NULL;
	return INK_OK;
}

/* By their names alone, which is quick however many there are.  false: one is not there, or it cannot be told. */
static bool has_segments_before(const struct ink_store *store, uint32_t last)
{
	DIR *folder = opendir(store->log_dir);
	const struct dirent *entry;
	uint32_t count = 0, segment;

	while (folder && (entry = readdir(folder)))
		if (segment_of_name(entry->d_name, &segment) && segment < last &&
		    (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN))
			count++;
	if (folder)
		closedir(folder);
	return folder && count == last;
}

/* Nothing reads the old segments at opening, so a hole in the log would first be noticed by a reader, years later. */
static enum ink_err need_segments(struct ink_store *store, struct ink_error *error)
{
	uint32_t last = place_segment(catalog_head(store->catalog)->end_place);
	char path[PATH_MAX];

	if (has_segments_before(store, last))
		return INK_OK;
	for (uint32_t segment = 0; segment <= last; segment++) {
		int fd;

		segment_path(store->log_dir, segment, path);
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

/* Who wants to hear of damage gets what is whole; err is what it was for others. */
static enum ink_err pass_damage(struct ink_store *store, enum ink_err err,
				const struct ink_error *error)
{
	if (err != INK_ERR_DAMAGED || !store->options.on_damage)
		return err;
	store->options.on_damage(store->options.damage_ctx, error->text);
	return INK_OK;
}

static enum ink_err open_memory_index(struct ink_store *store, struct ink_error *error)
{
	enum ink_err err;

	catalog_close(store->catalog);
	store->catalog = NULL;
	index_close(store->index);
	store->index = NULL;
	store->index_count = 0;
	err = index_open_memory(&store->index);
	if (err == INK_OK)
		err = catalog_open(store->index, &store->catalog);
	return err == INK_OK ? INK_OK : error_io(error, store->path, "no memory");
}

static enum ink_err open_to_read(struct ink_store *store, struct ink_error *error)
{
	struct recover_options options = { .io = store->io,
					   .path = store->path,
					   .is_read_only = true,
					   .is_lenient = store->options.on_damage != NULL };
	struct recover_result result;
	enum ink_err err = open_index(store, error);

	if (err == INK_ERR_DAMAGED && options.is_lenient) {
		err = pass_damage(store, err, error);
		if (err == INK_OK)
			err = open_memory_index(store, error);
	}
	if (err == INK_OK && options.is_lenient)
		err = pass_damage(store, need_segments(store, error), error);
	if (err == INK_OK)
		err = recover(&options, store->index, store->catalog, &result, error);
	if (store->catalog && catalog_head(store->catalog)->record_count > 0)
		err = pass_damage(store, err, error);
	return err;
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

enum ink_err store_go_to_end(struct ink_store *store, uint32_t epoch_min,
			     struct recover_result *ret_result, struct ink_error *error)
{
	struct recover_options options = { .io = store->io,
					   .path = store->path,
					   .epoch_min = epoch_min };
	enum ink_err err = store_begin_index(store, error);

	if (err == INK_OK)
		err = open_index(store, error);
	if (err == INK_OK)
		err = need_segments(store, error);
	if (err == INK_OK)
		err = need_space(store, error);
	if (err == INK_OK)
		err = recover(&options, store->index, store->catalog, ret_result, error);
	if (err != INK_OK)
		return err;
	/* recover() synced all that it read. */
	store->durable_count = catalog_head(store->catalog)->record_count;
	store->synced_count = store->durable_count;
	return INK_OK;
}

static enum ink_err open_to_write(struct ink_store *store, struct seal_key_file *file,
				  struct ink_error *error)
{
	struct recover_result result;
	enum ink_err err = store_go_to_end(store, file->epoch, &result, error);

	if (err == INK_OK)
		err = choose_key(store, file, error);
	if (err == INK_OK)
		err = store_open_log(store, error);
	return err == INK_OK ? store_begin_session(store, &result, error) : err;
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
		err = log_key_check(store->io, store->keys_dir, error);
	if (err == INK_OK && store_keys_folder(store, &store->keys_folder) != INK_OK)
		err = error_io(error, store->keys_dir, "cannot read the folder of the keys");
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
