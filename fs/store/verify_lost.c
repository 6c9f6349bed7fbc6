/* SPDX-License-Identifier: MIT */
/* What recovery set aside: the files in lost/, held against the RECOVERY records that name them. */
#include "verify_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lost.h"

static enum ink_err compare(struct verify *v, const struct ink_record *record, const char *path,
			    int fd, const struct ink_lost *lost)
{
	uint8_t digest[INK_HASH_SIZE];
	uint64_t size = 0;
	struct stat status;

	if (v->io->stat(v->io->ctx, fd, &status) != 0)
		return verify_io_error(v, path);
	if (!S_ISREG(status.st_mode)) {
		report_record(v, INK_FIND_LOST_FILE, record, "%s is not a regular file", path);
		return INK_OK;
	}
	size = (uint64_t)status.st_size;
	if (size == lost->size && lost_digest(v->io, fd, &size, digest) != INK_OK)
		return verify_io_error(v, path);
	if (size != lost->size)
		report_record(v, INK_FIND_LOST_FILE, record,
			      "%s has %llu bytes, and this record says that %llu were set aside",
			      path, (unsigned long long)size, (unsigned long long)lost->size);
	else if (memcmp(digest, lost->digest, INK_HASH_SIZE) != 0)
		report_record(
			v, INK_FIND_LOST_FILE, record,
			"%s is not what this record says was set aside: its bytes were changed",
			path);
	return INK_OK;
}

static enum ink_err check_file(struct verify *v, const struct ink_record *record, unsigned number,
			       const struct ink_lost *lost)
{
	char name[INK_LOST_NAME_SIZE], path[8 + INK_LOST_NAME_SIZE];
	enum ink_err err;
	char *full;
	int fd;

	ink_lost_name(record->header.seq, number, name);
	snprintf(path, sizeof(path), "lost/%s", name);
	full = verify_join(v, path);
	if (!full)
		return verify_io_error(v, path);
	fd = v->io->open(v->io->ctx, full, O_RDONLY | O_NONBLOCK, 0);
	free(full);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		note_record(v, INK_FIND_LOST_MISSING, record,
			    "%s, which this record set aside, is not there", path);
		return INK_OK;
	}
	if (fd < 0 && (errno == ELOOP || errno == ENXIO)) {
		report_record(v, INK_FIND_LOST_FILE, record, "%s is not a regular file", path);
		return INK_OK;
	}
	err = fd < 0 ? verify_io_error(v, path) : compare(v, record, path, fd, lost);
	io_close(v->io, fd);
	return err;
}

enum ink_err lost_apply(struct verify *v, const struct ink_record *record,
			const struct ink_body_recovery *body)
{
	enum ink_err err = INK_OK;

	if (!verify_grow(v, &v->recoveries, &v->recovery_room, v->recovery_count,
			 sizeof(v->recoveries[0])))
		return verify_io_error(v, v->path);
	/* What a damaged one named is not known, so nothing is held against its files. */
	v->recoveries[v->recovery_count++] =
		(struct recovery_seen){ record->header.seq,
					body ? body->lost_count : INK_LOST_COUNT_MAX };
	for (unsigned i = 0; body && i < body->lost_count && err == INK_OK; i++)
		err = check_file(v, record, i, &body->lost[i]);
	return err;
}

static bool is_named(const struct verify *v, uint64_t seq, unsigned number)
{
	/* Ascending but for damaged logs, and few: unclean ends, not records. */
	for (size_t i = 0; i < v->recovery_count; i++)
		if (v->recoveries[i].seq == seq && number < v->recoveries[i].count)
			return true;
	return false;
}

static void check_entry(struct verify *v, const char *name, const struct stat *status)
{
	char path[8 + 256];
	unsigned number;
	uint64_t seq;

	snprintf(path, sizeof(path), "lost/%s", name);
	if (strcmp(name, LOST_NEW_NAME) == 0 && S_ISREG(status->st_mode)) {
		note_record(v, INK_FIND_LOST_UNNAMED, NULL,
			    "%s is left of a recovery that was cut off; it means nothing", path);
		return;
	}
	if (!lost_name_parse(name, &seq, &number)) {
		report_file(v, INK_FIND_FOREIGN_FILE, path, "does not belong into lost/");
		return;
	}
	if (!S_ISREG(status->st_mode)) {
		report_file(v, INK_FIND_FOREIGN_FILE, path, "not a regular file");
		return;
	}
	if (!v->chain.is_state_known || is_named(v, seq, number))
		return;
	if (seq >= v->chain.tree.size)
		note_record(v, INK_FIND_LOST_UNNAMED, NULL,
			    "no RECOVERY names %s yet: the opening that set it aside was cut off",
			    path);
	else
		report_file(v, INK_FIND_FOREIGN_FILE, path,
			    "no RECOVERY says that it was set aside");
}

enum ink_err lost_finish(struct verify *v)
{
	return files_each_readable(v, "lost", check_entry);
}
