/* SPDX-License-Identifier: MIT */
/*
 * A file is written under the name COMMITMENT.new, synced, and then given its own name by a rename that replaces nothing
 * (or by a link, where the file system knows no such rename); the folder is synced last.  So whoever sees the name sees
 * all of the file, after a kill or a power cut too; COMMITMENT.new is all that may be left, and the next one removes it.
 */
#include "handout_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inkfs/checkpoint.h"
#include "inkfs/consistency.h"

enum { COMMITMENT_SIZE = 32, DIGITS = 20, NAME_SIZE = 128 };

static const char suffix[] = ".checkpoint";

/* --- names ------------------------------------------------------------------------------------- */

/* The end of the first line of the note. */
static const char *commitment_of(const struct handout_note *note)
{
	return note->text + strcspn(note->text, "\n") - COMMITMENT_SIZE;
}

static void name_of(const struct handout_note *note, char ret_name[static NAME_SIZE])
{
	snprintf(ret_name, NAME_SIZE, "%.*s-%0*llu%s", COMMITMENT_SIZE, commitment_of(note), DIGITS,
		 (unsigned long long)note->records, suffix);
}

/* Is that the name of a checkpoint of this log, and of how many records? */
static bool parse_name(const struct handout_note *note, const char *name, uint64_t *ret_records)
{
	const char *digits = name + COMMITMENT_SIZE + 1;
	char *end;

	if (strlen(name) != COMMITMENT_SIZE + 1 + DIGITS + sizeof(suffix) - 1 ||
	    memcmp(name, commitment_of(note), COMMITMENT_SIZE) != 0 ||
	    name[COMMITMENT_SIZE] != '-' || strcmp(digits + DIGITS, suffix) != 0)
		return false;
	errno = 0;
	*ret_records = strtoull(digits, &end, 10);
	return digits[0] >= '0' && digits[0] <= '9' && errno == 0 && end == digits + DIGITS;
}

static size_t read_file(int dir, const char *name, char ret_text[static INK_CHECKPOINT_SIZE_MAX])
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, ret_text, INK_CHECKPOINT_SIZE_MAX);

	if (fd >= 0)
		close(fd);
	return size > 0 ? (size_t)size : 0;
}

/* --- putting ----------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t step = write(fd, data + done, size - done);

		if (step < 0 && errno == EINTR)
			continue;
		if (step < 0)
			return false;
		done += (size_t)step;
	}
	return true;
}

static bool write_new(int dir, const char *name, const struct handout_note *note)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	bool is_good;

	if (fd < 0)
		return false;
	is_good = write_all(fd, note->text, note->size) && fsync(fd) == 0;
	if (close(fd) != 0)
		is_good = false;
	return is_good;
}

/* EEXIST: that name is taken, and stays what it is. */
static bool give_name(int dir, const char *new_name, const char *name)
{
	if (renameat2(dir, new_name, dir, name, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	return linkat(dir, new_name, dir, name, 0) == 0 && unlinkat(dir, new_name, 0) == 0;
}

/* A checkpoint of the same state; when it was signed does not matter. */
static bool is_same_state(int dir, const char *name, const struct handout_note *note)
{
	char there[INK_CHECKPOINT_SIZE_MAX];
	size_t size = read_file(dir, name, there), text_size = note->size;
	const char *blank = strstr(note->text, "\n\n");

	if (blank)
		text_size = (size_t)(blank - note->text) + 2;
	return size >= text_size && memcmp(there, note->text, text_size) == 0;
}

static bool put_file(int dir, const char *name, const struct handout_note *note)
{
	char new_name[NAME_SIZE];
	struct stat status;
	int error = 0;

	if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return is_same_state(dir, name, note);
	}
	snprintf(new_name, sizeof(new_name), "%.*s.new", COMMITMENT_SIZE, commitment_of(note));
	if (unlinkat(dir, new_name, 0) != 0 && errno != ENOENT)
		return false;
	if (!write_new(dir, new_name, note) || !give_name(dir, new_name, name)) {
		error = errno;
		(void)unlinkat(dir, new_name, 0);
	}
	errno = error;
	return error == 0 && fsync(dir) == 0;
}

bool handout_to_folder(const char *folder, const struct handout_note *note,
		       char ret_why[static HANDOUT_TEXT_SIZE])
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_SIZE];
	bool is_good;

	name_of(note, name);
	is_good = dir >= 0 && put_file(dir, name, note);
	if (!is_good && errno == EEXIST)
		snprintf(ret_why, HANDOUT_TEXT_SIZE,
			 "%s lies there and says something else, and is left alone", name);
	else if (!is_good)
		snprintf(ret_why, HANDOUT_TEXT_SIZE, "cannot put a checkpoint there: %s",
			 strerror(errno));
	if (dir >= 0)
		close(dir);
	return is_good;
}

/* --- what was there before --------------------------------------------------------------------- */

/* All numbers of records that names give, largest first. */
struct claims {
	uint64_t *records;
	size_t count, room;
};

static bool claims_add(struct claims *claims, uint64_t records)
{
	if (claims->count == claims->room) {
		size_t room = claims->room ? claims->room * 2 : 64;
		uint64_t *grown = reallocarray(claims->records, room, sizeof(*grown));

		if (!grown)
			return false;
		claims->records = grown;
		claims->room = room;
	}
	claims->records[claims->count++] = records;
	return true;
}

static int larger_first(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a < b) - (a > b);
}

static void read_claims(DIR *dir, const struct handout_note *note, struct claims *ret_claims)
{
	const struct dirent *entry;
	uint64_t records;

	while ((entry = readdir(dir)) != NULL)
		if (parse_name(note, entry->d_name, &records) && !claims_add(ret_claims, records))
			break;
	if (ret_claims->count > 0)
		qsort(ret_claims->records, ret_claims->count, sizeof(*ret_claims->records),
		      larger_first);
}

struct found {
	char name[NAME_SIZE], text[INK_CHECKPOINT_SIZE_MAX];
	struct ink_checkpoint_text checkpoint;
	uint64_t records;
};

/* A name can be given to any file; what counts is what the log key has signed. */
static bool look_at(DIR *dir, const char *store_path, struct found *found)
{
	struct ink_error error;
	uint64_t signed_records;

	found->checkpoint = (struct ink_checkpoint_text){
		.name = found->name,
		.data = found->text,
		.size = read_file(dirfd(dir), found->name, found->text),
	};
	return found->checkpoint.size > 0 &&
	       ink_checkpoint_look(store_path, &found->checkpoint, &signed_records, &error) ==
		       INK_OK &&
	       signed_records == found->records;
}

/* The largest good one.  false: there is none.  @ret_passed: the first that is passed over, if one is. */
static bool find_largest(const char *folder, const char *store_path,
			 const struct handout_note *note, struct found *ret_found, char *ret_passed)
{
	struct claims claims = { 0 };
	DIR *dir = opendir(folder);
	bool is_found = false;

	if (dir)
		read_claims(dir, note, &claims);
	for (size_t i = 0; i < claims.count && !is_found; i++) {
		ret_found->records = claims.records[i];
		name_of(&(struct handout_note){ .text = note->text, .records = claims.records[i] },
			ret_found->name);
		is_found = look_at(dir, store_path, ret_found);
		if (!is_found && ret_passed[0] == '\0')
			snprintf(
				ret_passed, HANDOUT_TEXT_SIZE,
				"%s lies there, but is no checkpoint of this log with that many records, and is passed over",
				ret_found->name);
	}
	free(claims.records);
	if (dir)
		closedir(dir);
	return is_found;
}

static bool is_continued(const char *store_path, const struct ink_checkpoint_text *old_one,
			 const struct handout_note *note, char *ret_why)
{
	const struct ink_checkpoint_text new_one = { "the checkpoint of now", note->text,
						     note->size };
	char body[INK_CONSISTENCY_SIZE_MAX];
	struct ink_consistency result;
	struct ink_error error = { 0 };
	size_t size;

	if (ink_consistency_make(store_path, NULL, old_one, &new_one, body, &size, &result,
				 &error) != INK_ERR_DAMAGED)
		return true;
	snprintf(ret_why, HANDOUT_TEXT_SIZE, "%s", error.text);
	return false;
}

bool handout_fits_folder(const char *folder, const char *store_path,
			 const struct handout_note *note, char ret_passed[static HANDOUT_TEXT_SIZE],
			 char ret_why[static HANDOUT_TEXT_SIZE])
{
	struct found found;

	ret_passed[0] = '\0';
	if (!find_largest(folder, store_path, note, &found, ret_passed))
		return true;
	if (found.records > note->records) {
		snprintf(
			ret_why, HANDOUT_TEXT_SIZE,
			"%s lies there, and the log has only %llu records: the store was put back to an older state, or a copy of it goes on elsewhere",
			found.name, (unsigned long long)note->records);
		return false;
	}
	return is_continued(store_path, &found.checkpoint, note, ret_why);
}
