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

/* The largest by name; 0: there is none, or the folder cannot be read. */
static uint64_t find_largest(DIR *dir, const struct handout_note *note,
			     char ret_name[static NAME_SIZE])
{
	const struct dirent *entry;
	uint64_t largest = 0, records;

	while ((entry = readdir(dir)) != NULL) {
		if (!parse_name(note, entry->d_name, &records) || records <= largest)
			continue;
		largest = records;
		name_of(&(struct handout_note){ .text = note->text, .records = records }, ret_name);
	}
	return largest;
}

/* What is no checkpoint of ours says nothing; whoever verifies with it will hear that. */
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
			 const struct handout_note *note, char ret_why[static HANDOUT_TEXT_SIZE])
{
	char name[NAME_SIZE], before[INK_CHECKPOINT_SIZE_MAX];
	struct ink_checkpoint_text old_one = { .name = name, .data = before };
	DIR *dir = opendir(folder);
	uint64_t records = dir ? find_largest(dir, note, name) : 0;

	if (records > 0)
		old_one.size = read_file(dirfd(dir), name, before);
	if (dir)
		closedir(dir);
	if (records > note->records) {
		snprintf(
			ret_why, HANDOUT_TEXT_SIZE,
			"%s lies there, and the log has only %llu records: the store was put back to an older state, or a copy of it goes on elsewhere",
			name, (unsigned long long)note->records);
		return false;
	}
	return old_one.size == 0 || is_continued(store_path, &old_one, note, ret_why);
}
