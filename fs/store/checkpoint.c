/* SPDX-License-Identifier: MIT */
/*
 * ink_checkpoint_make().  What it signs must never be taken back, so:
 *
 * 1. The tree ends with the last seal that is good.  What lies before the last seal that the index covers is not read
 *    again: that seal has signed the root over it.  Behind it, all is checked: chain, root, signature.
 * 2. Every segment up to there is synced here first, whatever the seals say was synced.
 * 3. The seal key is read after the log, and used only if it is the one in force at the end of that tree.  A driver
 *    that changes epochs meanwhile makes us read the log again.
 */
#include "inkfs/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "checkpoint_sign.h"
#include "error.h"
#include "key.h"
#include "merkle.h"
#include "note.h"
#include "succession.h"
#include "tree.h"
#include "walk.h"

enum { TRY_COUNT_MAX = 5, INDEX_TRY_COUNT = 3 };

struct sealed_log {
	struct succession keys;
	struct merkle tree;
	uint64_t size; /* records up to the last seal */
	uint8_t root[INK_HASH_SIZE];
};

static bool log_take(struct sealed_log *log, const struct ink_record *record)
{
	uint8_t kind = record->header.kind, root[INK_HASH_SIZE];

	if ((kind == INK_GENESIS) != (record->header.seq == 0))
		return false;
	merkle_root(&log->tree, root);
	if (kind == INK_GENESIS && !succession_begin(&log->keys, record))
		return false;
	if (kind != INK_GENESIS && kind_is_signed(kind) &&
	    !succession_follow(&log->keys, record, root, NULL))
		return false;
	merkle_append(&log->tree, record->leaf);
	if (kind_is_signed(kind)) {
		log->size = log->tree.size;
		merkle_root(&log->tree, log->root);
	}
	return true;
}

static enum ink_err not_sound(const char *path, uint64_t seq, struct ink_error *error)
{
	return error_set(
		error, INK_ERR_DAMAGED,
		"%s: the log is not sound at record %llu, so nothing was signed; 'inkfs verify' says what is wrong, and after a crash the next mount recovers",
		path, (unsigned long long)seq);
}

static enum ink_err log_read(struct walk *walk, const char *path, bool is_live,
			     struct sealed_log *log, struct ink_error *error)
{
	enum walk_step step;

	for (;;) {
		if (walk_next(walk, &step) != INK_OK)
			return error_io(error, path, "reading the log");
		if (step == WALK_BAD && walk->fault == WALK_DIGEST && walk->record.is_erased) {
			walk_accept(walk);
			step = WALK_RECORD;
		}
		if (step == WALK_RECORD && !log_take(log, &walk->record))
			return not_sound(path, log->tree.size, error);
		if (step == WALK_BAD && walk->fault == WALK_SEGMENT_NONE && log->tree.size == 0)
			return error_set(error, INK_ERR_FOREIGN,
					 "%s: no inkfs store: there is no log/0000000000.seg in it",
					 path);
		if (step == WALK_BAD &&
		    (walk->fault == WALK_SEGMENT_FOREIGN || walk->fault == WALK_FOREIGN))
			return error_newer(error, path);
		/* What is being written just now may look like anything. */
		if (step == WALK_BAD && !is_live)
			return not_sound(path, log->tree.size, error);
		if (step != WALK_RECORD)
			break;
	}
	return log->size > 0 ? INK_OK : not_sound(path, 0, error);
}

static enum ink_err log_sync(const struct walk *walk, const char *log_dir, struct ink_error *error)
{
	const struct io *io = walk->io;
	char path[PATH_MAX];

	for (uint32_t i = 0; i <= walk->segment; i++) {
		int fd, status;

		if (snprintf(path, sizeof(path), "%s/%010u.seg", log_dir, i) >= (int)sizeof(path))
			errno = ENAMETOOLONG, fd = -1;
		else
			fd = io->open(io->ctx, path, O_RDONLY, 0);
		status = fd < 0 ? -1 : io->fdatasync(io->ctx, fd);
		io_close(io, fd);
		if (status != 0)
			return error_io(error, path, "cannot sync what is to be signed");
	}
	if (io->sync_dir(io->ctx, log_dir) != 0)
		return error_io(error, log_dir, "cannot sync what is to be signed");
	return INK_OK;
}

static bool is_live(const char *path)
{
	char lock[PATH_MAX];
	bool is_locked;
	int fd;

	if (snprintf(lock, sizeof(lock), "%s/lock", path) >= (int)sizeof(lock))
		return false;
	fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
	io_close(io_system(), fd);
	return is_locked;
}

/* Take up the tree right before the seal: its perfect subtrees, largest first. */
static enum ink_err load_tree(struct tree *tree, uint64_t size, struct merkle *ret_tree)
{
	uint8_t nodes[TREE_DEPTH_MAX][INK_HASH_SIZE];
	unsigned count = 0;
	uint64_t from = 0;
	enum ink_err err = INK_OK;

	for (int bit = TREE_DEPTH_MAX - 1; bit >= 0 && err == INK_OK; bit--) {
		uint64_t step = UINT64_C(1) << bit;

		if (!(size & step))
			continue;
		err = tree_range(tree, from, from + step, nodes[count++]);
		from += step;
	}
	return err == INK_OK ? merkle_load(ret_tree, size, nodes[0], count) : err;
}

/*
 * The seal that the index says is in force.  Which key signed it, the index says too; in the end all depends on the
 * secret key being the last of the succession, and that one has signed no other log.
 */
static bool take_up_seal(struct sealed_log *log, const struct ink_record *record,
			 const struct tree_seal *known)
{
	struct succession keys = log->keys;
	uint8_t root[INK_HASH_SIZE];
	union ink_body body;

	merkle_root(&log->tree, root);
	memcpy(keys.seal_key, known->seal_key, INK_KEY_SIZE);
	keys.epoch = known->epoch;
	if (record->header.kind == INK_SEAL) {
		if (!succession_follow(&keys, record, root, NULL))
			return false;
	} else if (ink_body_decode(record->header.kind, record->body, record->header.body_size,
				   &body) != INK_OK ||
		   body.seal.epoch != known->epoch || body.seal.tree_size != record->header.seq ||
		   memcmp(body.seal.root, root, INK_HASH_SIZE) != 0 ||
		   memcmp(body.seal.next_key, known->seal_key, INK_KEY_SIZE) != 0 ||
		   !record_signature_is_good(record->header.kind, record->entry, record->nonce,
					     record->body, record->header.body_size, 1,
					     known->seal_key)) {
		return false;
	}
	log->keys = keys;
	merkle_append(&log->tree, record->leaf);
	log->size = log->tree.size;
	merkle_root(&log->tree, log->root);
	return true;
}

/* GENESIS, then from the last seal of the index on.  false: that did not work, and all of it must be read. */
static bool log_start(struct walk *walk, const char *path, struct sealed_log *log)
{
	struct tree_seal known;
	struct tree *tree = NULL;
	enum walk_step step;
	uint64_t place;
	bool is_good;

	if (walk_next(walk, &step) != INK_OK || step != WALK_RECORD ||
	    !log_take(log, &walk->record))
		return false;
	if (tree_open_at_seal(path, &tree, &known) != INK_OK)
		return false;
	is_good = load_tree(tree, known.seq, &log->tree) == INK_OK &&
		  tree_place(tree, known.seq, &place) == INK_OK &&
		  walk_seek(walk, place, known.seq, NULL) == INK_OK &&
		  walk_next(walk, &step) == INK_OK && step == WALK_RECORD &&
		  walk->record.header.kind != INK_GENESIS &&
		  kind_is_signed(walk->record.header.kind) &&
		  take_up_seal(log, &walk->record, &known);
	tree_close(tree);
	return is_good;
}

static enum ink_err log_walk(const char *path, const char *log_dir, bool has_index,
			     struct sealed_log *log, struct ink_error *error)
{
	struct walk walk = { .fd = -1 };
	enum ink_err err = INK_OK;

	*log = (struct sealed_log){ 0 };
	merkle_init(&log->tree);
	if (walk_open(&walk, io_system(), log_dir) != INK_OK)
		return error_io(error, path, "reading the log");
	if (has_index && !log_start(&walk, path, log))
		err = error_set(error, INK_ERR_NOT_FOUND, "%s: the index does not help", path);
	if (err == INK_OK)
		err = log_read(&walk, path, is_live(path), log, error);
	if (err == INK_OK)
		err = log_sync(&walk, log_dir, error);
	walk_close(&walk);
	return err;
}

/* While a driver commits its index, what we see of it may not fit together; then once more. */
static enum ink_err log_load(const char *path, struct sealed_log *log, struct ink_error *error)
{
	char log_dir[PATH_MAX];
	enum ink_err err = INK_ERR_NOT_FOUND;

	if (snprintf(log_dir, sizeof(log_dir), "%s/log", path) >= (int)sizeof(log_dir)) {
		errno = ENAMETOOLONG;
		return error_io(error, path, "path of the log");
	}
	for (unsigned i = 0; i < INDEX_TRY_COUNT && err == INK_ERR_NOT_FOUND; i++)
		err = log_walk(path, log_dir, true, log, error);
	return err == INK_OK ? err : log_walk(path, log_dir, false, log, error);
}

/* NULL: the file holds another epoch's key. */
static const struct key_pair *key_in_force(const struct sealed_log *log,
					   const struct seal_key_file *file)
{
	const struct key_pair *key = log->keys.epoch == file->epoch ? file->first : file->next;

	if (log->keys.epoch != file->epoch && log->keys.epoch != file->epoch + 1)
		return NULL;
	return key && memcmp(key->public_key, log->keys.seal_key, INK_KEY_SIZE) == 0 ? key : NULL;
}

static enum ink_err make(const char *path, const char *keys_dir, bool *ret_is_stale, char *ret_note,
			 size_t *ret_size, struct ink_error *error)
{
	struct seal_key_file file = { 0 };
	struct key_pair *log_key = NULL;
	const struct key_pair *seal_key;
	struct checkpoint_state state;
	struct sealed_log log;
	enum ink_err err = log_load(path, &log, error);

	*ret_is_stale = false;
	if (err == INK_OK)
		err = log_key_read(io_system(), keys_dir, log.keys.vkey, &log_key, error);
	if (err == INK_OK)
		err = seal_key_read(io_system(), keys_dir, log.keys.store_id, &file, error);
	if (err == INK_OK) {
		seal_key = key_in_force(&log, &file);
		*ret_is_stale = !seal_key;
		state = (struct checkpoint_state){ .vkey = log.keys.vkey,
						   .log_key = log.keys.log_key,
						   .epoch = log.keys.epoch,
						   .size = log.size,
						   .root = log.root };
		err = seal_key ? checkpoint_sign(&state, log_key, seal_key, ret_note, ret_size)
			       : INK_ERR_KEY;
		if (err != INK_OK)
			(void)error_set(
				error, err,
				"%s/seal.key is not the seal key of epoch %u, in force at the end of the log; nothing was signed",
				keys_dir, log.keys.epoch);
	}
	key_free(log_key);
	seal_key_file_release(&file);
	return err;
}

enum ink_err ink_checkpoint_make(const char *path, const char *keys_dir, char *ret_note,
				 size_t *ret_size, struct ink_error *ret_error)
{
	char own[PATH_MAX];
	bool is_stale = true;
	enum ink_err err = INK_ERR_KEY;

	if (!vkey_setup())
		return error_set(ret_error, INK_ERR_FAILED, "libsodium does not start");
	if (snprintf(own, sizeof(own), "%s/keys", path) >= (int)sizeof(own)) {
		errno = ENAMETOOLONG;
		return error_io(ret_error, path, "path of the keys");
	}
	for (unsigned i = 0; i < TRY_COUNT_MAX && is_stale; i++)
		err = make(path, keys_dir ? keys_dir : own, &is_stale, ret_note, ret_size,
			   ret_error);
	return err;
}
