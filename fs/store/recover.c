/* SPDX-License-Identifier: MIT */
#include "recover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "vkey.h"
#include "walk.h"

enum { COMMIT_BYTES = 16 << 20, COMMIT_DIRTY = 50000, COPY_SIZE = 1 << 20 };

struct recovery {
	const struct recover_options *options;
	const struct io *io;
	struct index *index;
	struct catalog *catalog;
	struct walk walk;
	char log_dir[PATH_MAX];
	char lost_dir[PATH_MAX];
	struct recover_result *result;
	struct ink_error *error;
};

static bool genesis_is_good(const uint8_t *entry, const uint8_t *nonce, const uint8_t *bytes,
			    size_t size, const struct ink_body_genesis *g)
{
	return origin_commits_to(g->origin, g->store_id, g->seal_key) &&
	       record_signature_is_good(INK_GENESIS, entry, nonce, bytes, size, 0, g->log_key) &&
	       record_signature_is_good(INK_GENESIS, entry, nonce, bytes, size, 1, g->seal_key);
}

bool recover_signatures_are_good(const struct head *head, const struct ink_header *header,
				 const uint8_t *entry, const uint8_t *nonce, const uint8_t *bytes,
				 const union ink_body *body)
{
	const uint8_t *first_key = header->kind == INK_REKEY ? head->log_key : head->seal_key;
	uint8_t root[INK_HASH_SIZE];
	size_t size = header->body_size;

	if (header->kind == INK_GENESIS)
		return genesis_is_good(entry, nonce, bytes, size, &body->genesis);
	merkle_root(&head->tree, root);
	if (body->seal.tree_size != header->seq ||
	    memcmp(root, body->seal.root, INK_HASH_SIZE) != 0)
		return false;
	if (!record_signature_is_good(header->kind, entry, nonce, bytes, size, 0, first_key))
		return false;
	return header->kind == INK_SEAL ||
	       record_signature_is_good(header->kind, entry, nonce, bytes, size, 1,
					body->seal.next_key);
}

static bool may_cut(const struct recovery *r)
{
	return !r->options->is_read_only && !r->options->is_index_only;
}

static uint64_t durable_size(const struct recovery *r)
{
	uint64_t in_seal = catalog_head(r->catalog)->durable_size;

	return in_seal > r->result->durable_size ? in_seal : r->result->durable_size;
}

static enum ink_err damage(struct recovery *r, uint64_t seq, uint64_t place, const char *what)
{
	return error_set(
		r->error, INK_ERR_DAMAGED,
		"record %llu (segment %u, byte %u) of %s is not what was recorded: %s; run 'inkfs verify %s'",
		(unsigned long long)seq, place_segment(place), place_offset(place),
		r->options->path, what, r->options->path);
}

static enum ink_err commit(struct recovery *r)
{
	enum ink_err err = catalog_flush(r->catalog);

	if (err == INK_OK)
		err = index_freeze(r->index);
	while (err == INK_OK && index_is_frozen(r->index)) {
		err = index_commit(r->index);
		if (err == INK_ERR_IO && errno == EAGAIN)
			err = INK_OK;
		if (err == INK_OK)
			err = index_thaw(r->index);
	}
	return err == INK_OK ? INK_OK
			     : error_io(r->error, r->options->path, "cannot write the index");
}

static enum ink_err apply(struct recovery *r, const struct ink_record *record)
{
	const struct ink_header *header = &record->header;
	union ink_body body;
	enum ink_err err;

	if (record->is_erased)
		return damage(r, header->seq, record->place, "its body is erased");
	if (ink_body_decode(header->kind, record->body, header->body_size, &body) != INK_OK)
		return damage(r, header->seq, record->place, "its body is not one of its kind");
	if (body_domain(header->kind) &&
	    !recover_signatures_are_good(catalog_head(r->catalog), header, record->entry,
					 record->nonce, record->body, &body))
		return damage(r, header->seq, record->place,
			      "its signature is not by a key of this store");
	err = catalog_apply(r->catalog, header, record->leaf, &body, record->place);
	if (err == INK_ERR_DAMAGED)
		return damage(r, header->seq, record->place,
			      "the records before it do not allow it");
	if (err != INK_OK)
		return error_io(r->error, r->options->path, "cannot read the index");
	r->result->replayed_count++;
	if (!r->options->is_read_only && (index_pending_bytes(r->index) > COMMIT_BYTES ||
					  catalog_dirty_count(r->catalog) > COMMIT_DIRTY))
		return commit(r);
	return INK_OK;
}

static enum ink_err walk_error(struct recovery *r, enum ink_err err)
{
	if (err == INK_ERR_IO)
		return error_io(r->error, r->log_dir, "cannot read the log");
	return error_set(r->error, err,
			 "%s: the index says that the log goes on in segment %u, which is %s",
			 r->log_dir, place_segment(catalog_head(r->catalog)->end_place),
			 "missing or no segment");
}

static bool segment_exists(struct recovery *r, uint32_t segment)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%.*s/%010u.seg", PATH_MAX - 32, r->log_dir, segment);
	fd = r->io->open(r->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	io_close(r->io, fd);
	return fd >= 0;
}

static bool seals_beyond(const struct head *head, const struct ink_record *record,
			 uint64_t fault_seq)
{
	union ink_body body;

	return record->header.kind == INK_SEAL &&
	       ink_body_decode(INK_SEAL, record->body, record->header.body_size, &body) == INK_OK &&
	       body.seal.durable_size > fault_seq &&
	       record_signature_is_good(INK_SEAL, record->entry, record->nonce, record->body,
					record->header.body_size, 0, head->seal_key);
}

/* A good seal that lies further on and says that the fault's place had been synced makes it evidence. */
static enum ink_err look_for_seals(struct recovery *r, uint64_t fault_seq, bool *ret_is_evidence)
{
	const struct head *head = catalog_head(r->catalog);
	enum ink_err err = INK_OK;

	*ret_is_evidence = false;
	while (err == INK_OK && !*ret_is_evidence) {
		const struct ink_record *record = &r->walk.record;
		bool is_found = true;
		enum walk_step step;

		err = walk_next(&r->walk, &step);
		if (err != INK_OK)
			break;
		if (step == WALK_RECORD) {
			*ret_is_evidence = seals_beyond(head, record, fault_seq);
			continue;
		}
		err = walk_resync(&r->walk, &is_found);
		if (err == INK_OK && !is_found) {
			if (!segment_exists(r, r->walk.segment + 1))
				break;
			err = walk_enter(&r->walk, r->walk.segment + 1);
		}
	}
	return err;
}

/* Copy what lies from the end of the good log on, through all further segments. */
static enum ink_err copy_segment(struct recovery *r, uint32_t segment, uint64_t from, int out,
				 uint64_t *out_size, bool *ret_exists)
{
	uint8_t *piece = malloc(COPY_SIZE);
	enum ink_err err = INK_OK;
	char path[PATH_MAX];
	size_t size = COPY_SIZE;
	int fd;

	snprintf(path, sizeof(path), "%.*s/%010u.seg", PATH_MAX - 32, r->log_dir, segment);
	fd = r->io->open(r->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
	*ret_exists = fd >= 0;
	if (fd < 0 || !piece) {
		free(piece);
		io_close(r->io, fd);
		return fd < 0 && errno == ENOENT ? INK_OK : INK_ERR_IO;
	}
	while (err == INK_OK && size == COPY_SIZE) {
		err = io_read(r->io, fd, piece, COPY_SIZE, from, &size);
		from += size;
		/* Space allocated ahead is no loss. */
		if (err == INK_OK && size > 0 && !bytes_are_zero(piece, size)) {
			err = io_write(r->io, out, &(struct iovec){ piece, size }, 1, *out_size);
			*out_size += size;
		}
	}
	io_close(r->io, fd);
	free(piece);
	return err;
}

static enum ink_err copy_tail(struct recovery *r, int out, uint64_t *ret_size,
			      uint32_t *ret_last_segment)
{
	uint64_t place = catalog_head(r->catalog)->end_place, from = place_offset(place);
	uint32_t segment = place_segment(place);
	enum ink_err err = INK_OK;
	bool exists = true;

	for (*ret_size = 0; err == INK_OK && exists; segment++, from = 0)
		err = copy_segment(r, segment, from, out, ret_size, &exists);
	*ret_last_segment = segment - 2;
	if (err == INK_OK && r->io->fdatasync(r->io->ctx, out) != 0)
		err = INK_ERR_IO;
	return err;
}

/* The @number-th tail that was cut off before record @seq. */
static void tail_path(const struct recovery *r, unsigned number, char *ret_path)
{
	struct recover_result *result = r->result;
	unsigned long long seq = catalog_head(r->catalog)->record_count;

	if (number == 0)
		snprintf(result->lost_name, sizeof(result->lost_name), "%020llu.tail", seq);
	else
		snprintf(result->lost_name, sizeof(result->lost_name), "%020llu.%u.tail", seq,
			 number);
	snprintf(ret_path, PATH_MAX, "%.*s/%s", PATH_MAX - 80, r->lost_dir, result->lost_name);
}

/* Does @old begin with the @size bytes of @copy?  @ret_old_size: all that it has. */
static enum ink_err compare_tails(struct recovery *r, int old, int copy, uint64_t size,
				  bool *ret_begins, uint64_t *ret_old_size)
{
	uint8_t *pieces = malloc(2 * (size_t)COPY_SIZE);
	enum ink_err err = pieces ? INK_OK : INK_ERR_IO;
	size_t got, old_got;
	struct stat st;

	*ret_begins = true;
	for (uint64_t pos = 0; err == INK_OK && *ret_begins && pos < size; pos += COPY_SIZE) {
		err = io_read(r->io, copy, pieces, COPY_SIZE, pos, &got);
		if (err == INK_OK)
			err = io_read(r->io, old, pieces + COPY_SIZE, got, pos, &old_got);
		if (err == INK_OK)
			*ret_begins =
				old_got == got && memcmp(pieces, pieces + COPY_SIZE, got) == 0;
	}
	if (err == INK_OK && r->io->stat(r->io->ctx, old, &st) != 0)
		err = INK_ERR_IO;
	if (err == INK_OK)
		*ret_old_size = (uint64_t)st.st_size;
	free(pieces);
	return err;
}

/*
 * Give the copy its name.  One that is there already stays: it is of this recovery, cut off when part of the
 * log was removed, and then has all that we have and more; or of an earlier one, and ours gets another name.
 */
static enum ink_err keep_tail(struct recovery *r, const char *new_path, int copy)
{
	struct recover_result *result = r->result;
	enum ink_err err = INK_OK;
	char path[PATH_MAX];

	for (unsigned number = 0; err == INK_OK; number++) {
		uint64_t old_size = 0;
		bool begins = false;
		int old;

		tail_path(r, number, path);
		old = r->io->open(r->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
		if (old < 0 && errno != ENOENT)
			return INK_ERR_IO;
		if (old < 0)
			break;
		err = compare_tails(r, old, copy, result->lost_bytes, &begins, &old_size);
		io_close(r->io, old);
		if (err == INK_OK && begins) {
			result->lost_bytes = old_size;
			return r->io->unlink(r->io->ctx, new_path) == 0 ? INK_OK : INK_ERR_IO;
		}
	}
	if (err == INK_OK && (r->io->rename(r->io->ctx, new_path, path) != 0 ||
			      r->io->sync_dir(r->io->ctx, r->lost_dir) != 0))
		err = INK_ERR_IO;
	return err;
}

/* Step (1) above.  Nothing but zeros, as in a segment that never got its header, is no loss. */
static enum ink_err save_tail(struct recovery *r, uint32_t *ret_last_segment)
{
	char new_path[PATH_MAX];
	enum ink_err err;
	int copy;

	snprintf(new_path, sizeof(new_path), "%.*s/tail.new", PATH_MAX - 80, r->lost_dir);
	if (r->io->unlink(r->io->ctx, new_path) != 0 && errno != ENOENT)
		return INK_ERR_IO;
	copy = r->io->open(r->io->ctx, new_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (copy < 0)
		return INK_ERR_IO;
	err = copy_tail(r, copy, &r->result->lost_bytes, ret_last_segment);
	if (err == INK_OK && r->result->lost_bytes > 0)
		err = keep_tail(r, new_path, copy);
	else if (err == INK_OK && r->io->unlink(r->io->ctx, new_path) != 0)
		err = INK_ERR_IO;
	io_close(r->io, copy);
	return err;
}

static enum ink_err remove_segments(struct recovery *r, uint32_t last)
{
	uint32_t keep = place_segment(catalog_head(r->catalog)->end_place);
	char path[PATH_MAX];

	for (uint32_t segment = last; segment > keep; segment--) {
		snprintf(path, sizeof(path), "%.*s/%010u.seg", PATH_MAX - 32, r->log_dir, segment);
		if (r->io->unlink(r->io->ctx, path) != 0)
			return INK_ERR_IO;
	}
	return last > keep && r->io->sync_dir(r->io->ctx, r->log_dir) != 0 ? INK_ERR_IO : INK_OK;
}

static enum ink_err cut_segment(struct recovery *r)
{
	uint64_t place = catalog_head(r->catalog)->end_place;
	enum ink_err err = INK_ERR_IO;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.*s/%010u.seg", PATH_MAX - 32, r->log_dir,
		 place_segment(place));
	fd = r->io->open(r->io->ctx, path, O_RDONLY, 0);
	/* A finished segment that became the last one again ends already where it should. */
	if (fd >= 0 && r->io->stat(r->io->ctx, fd, &st) == 0 &&
	    (uint64_t)st.st_size == place_offset(place)) {
		io_close(r->io, fd);
		return INK_OK;
	}
	io_close(r->io, fd);
	fd = r->io->open(r->io->ctx, path, O_RDWR, 0);
	if (fd >= 0 && r->io->truncate(r->io->ctx, fd, place_offset(place)) == 0 &&
	    r->io->fdatasync(r->io->ctx, fd) == 0)
		err = INK_OK;
	io_close(r->io, fd);
	return err;
}

/*
 * The newest tail before this record: of a recovery that was cut off between setting aside and its record,
 * also if that one found nothing but zeros left to set aside.
 */
static enum ink_err find_earlier_tail(struct recovery *r)
{
	char path[PATH_MAX];
	struct stat st;

	for (unsigned number = 0;; number++) {
		enum ink_err err = INK_OK;
		int fd;

		tail_path(r, number, path);
		fd = r->io->open(r->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0 && errno != ENOENT)
			return error_io(r->error, path, "cannot open");
		if (fd < 0) {
			if (number == 0) {
				r->result->lost_name[0] = '\0';
				r->result->lost_place = 0;
			} else {
				tail_path(r, number - 1, path);
			}
			return INK_OK;
		}
		if (r->io->stat(r->io->ctx, fd, &st) != 0)
			err = error_io(r->error, path, "stat");
		io_close(r->io, fd);
		if (err != INK_OK)
			return err;
		r->result->lost_bytes = (uint64_t)st.st_size;
		r->result->lost_place = catalog_head(r->catalog)->end_place;
	}
}

static enum ink_err set_aside(struct recovery *r)
{
	enum ink_err err;
	uint32_t last;

	r->result->lost_place = catalog_head(r->catalog)->end_place;
	err = save_tail(r, &last);
	if (err == INK_OK)
		err = remove_segments(r, last);
	if (err == INK_OK)
		err = cut_segment(r);
	if (err != INK_OK)
		return error_io(r->error, r->lost_dir, "cannot set the torn tail aside");
	return r->result->lost_bytes > 0 ? INK_OK : find_earlier_tail(r);
}

static enum ink_err end_at_fault(struct recovery *r, const char *what)
{
	const struct head *head = catalog_head(r->catalog);
	uint64_t seq = head->record_count;
	bool is_evidence;
	enum ink_err err;

	if (seq == 0)
		return error_set(
			r->error, INK_ERR_FOREIGN,
			"%s does not begin with a GENESIS record: %s; is this an inkfs store?",
			r->log_dir, what);
	if (seq < durable_size(r))
		return damage(r, seq, head->end_place, what);
	if (head->epoch < r->options->epoch_min)
		return damage(r, seq, head->end_place, what);
	err = look_for_seals(r, seq, &is_evidence);
	if (err != INK_OK)
		return walk_error(r, err);
	if (is_evidence)
		return damage(r, seq, head->end_place, what);
	return may_cut(r) ? set_aside(r) : INK_OK;
}

/* A segment was begun and the driver died before its first record: the log goes on in the one before. */
static enum ink_err remove_empty_segment(struct recovery *r)
{
	uint32_t next = place_segment(catalog_head(r->catalog)->end_place) + 1;

	if (!segment_exists(r, next) || remove_segments(r, next) == INK_OK)
		return INK_OK;
	return error_io(r->error, r->log_dir, "cannot remove a segment without records");
}

static enum ink_err end_at_end(struct recovery *r)
{
	uint64_t count = catalog_head(r->catalog)->record_count, size;
	enum ink_err err;
	bool is_zero;

	if (count == 0)
		return end_at_fault(r, "there is none");
	if (count < durable_size(r))
		return damage(r, count, catalog_head(r->catalog)->end_place,
			      "the log ends here, but more had been synced");
	err = walk_tail(&r->walk, &is_zero, &size);
	if (err != INK_OK)
		return walk_error(r, err);
	if (!is_zero)
		return end_at_fault(r, "bytes behind the end of the log");
	if (!may_cut(r))
		return INK_OK;
	err = remove_empty_segment(r);
	return err == INK_OK ? find_earlier_tail(r) : err;
}

/*
 * What is read from here on may have been in memory only when the driver died.  It must be on the
 * disk before the index is committed for it.
 */
static enum ink_err sync_segments(struct recovery *r)
{
	uint32_t segment = place_segment(catalog_head(r->catalog)->end_place);

	for (;; segment++) {
		char path[PATH_MAX];
		int fd, code;

		snprintf(path, sizeof(path), "%.*s/%010u.seg", PATH_MAX - 32, r->log_dir, segment);
		fd = r->io->open(r->io->ctx, path, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0)
			break;
		code = r->io->fdatasync(r->io->ctx, fd);
		io_close(r->io, fd);
		if (code != 0)
			return error_io(r->error, path, "cannot sync");
	}
	if (r->io->sync_dir(r->io->ctx, r->log_dir) != 0)
		return error_io(r->error, r->log_dir, "cannot sync");
	return INK_OK;
}

/*
 * Go to the last record that the index covers and see that it is still the one.  Its absence would not be
 * noticed otherwise: a log cut there has an end like any other, and the next record would leave a hole.
 */
static enum ink_err walk_last_known(struct recovery *r)
{
	const struct head *head = catalog_head(r->catalog);
	uint64_t seq = head->record_count - 1, place;
	struct walk *walk = &r->walk;
	enum walk_step step;
	enum ink_err err = catalog_place(r->catalog, seq, &place);

	if (err == INK_OK)
		err = walk_seek(walk, place, seq, NULL);
	if (err == INK_OK)
		err = walk_next(walk, &step);
	if (err != INK_OK)
		return err;
	if (step == WALK_BAD && walk->fault == WALK_DIGEST && walk->record.is_erased) {
		walk_accept(walk);
		step = WALK_RECORD;
	}
	if (step != WALK_RECORD || memcmp(walk->record.leaf, head->last_leaf, INK_HASH_SIZE) != 0)
		return INK_ERR_DAMAGED;
	return INK_OK;
}

static enum ink_err replay(struct recovery *r)
{
	const struct head *head = catalog_head(r->catalog);
	enum walk_step step = WALK_RECORD;
	enum ink_err err = INK_OK;

	if (head->record_count > 0)
		err = walk_last_known(r);
	if (err == INK_ERR_DAMAGED)
		return damage(r, head->record_count - 1, head->end_place,
			      "the index says that the log goes on behind it, and it is not there");
	while (err == INK_OK) {
		err = walk_next(&r->walk, &step);
		if (err != INK_OK || step != WALK_RECORD)
			break;
		err = apply(r, &r->walk.record);
		if (err != INK_OK)
			return err;
	}
	if (err != INK_OK)
		return walk_error(r, err);
	/* Nothing that a crash of the next opening leaves begins with something else than a frame. */
	if (step == WALK_BAD && r->walk.fault == WALK_MAGIC && head->is_closed &&
	    head->record_count > 1)
		return damage(r, head->record_count, head->end_place,
			      "bytes were put behind the closing record");
	return step == WALK_END ? end_at_end(r) : end_at_fault(r, walk_fault_text(r->walk.fault));
}

enum ink_err recover(const struct recover_options *options, struct index *index,
		     struct catalog *catalog, struct recover_result *ret_result,
		     struct ink_error *ret_error)
{
	struct recovery r = { .options = options,
			      .io = options->io,
			      .index = index,
			      .catalog = catalog,
			      .result = ret_result,
			      .error = ret_error };
	enum ink_err err;

	*ret_result =
		(struct recover_result){ .durable_size = catalog_head(catalog)->record_count };
	if (ret_result->durable_size < options->durable_count)
		ret_result->durable_size = options->durable_count;
	snprintf(r.log_dir, sizeof(r.log_dir), "%.*s/log", PATH_MAX - 80, options->path);
	snprintf(r.lost_dir, sizeof(r.lost_dir), "%.*s/lost", PATH_MAX - 80, options->path);
	if (walk_open(&r.walk, r.io, r.log_dir) != INK_OK)
		return error_io(ret_error, r.log_dir, "cannot read the log");
	err = options->is_read_only ? INK_OK : sync_segments(&r);
	if (err == INK_OK)
		err = replay(&r);
	walk_close(&r.walk);
	ret_result->durable_size = durable_size(&r);
	ret_result->unsealed_count =
		catalog_head(catalog)->record_count - catalog_head(catalog)->last_seal_seq - 1;
	return err;
}
