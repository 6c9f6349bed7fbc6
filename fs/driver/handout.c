/* SPDX-License-Identifier: MIT */
#include "handout_private.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "inkfs/checkpoint.h"

struct handout {
	struct handout_options options;
	pthread_t thread;
	pthread_mutex_t lock; /* the next two */
	bool is_ending;
	struct handout_status
		status; /* changed by the thread alone, and by handout_close() after it */
	pthread_cond_t wake;
	pid_t running; /* the thread's, and the next */
	bool has_told_passed;
};

/* --- where to ---------------------------------------------------------------------------------- */

static bool lies_in(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	return strncmp(path, folder, size) == 0 &&
	       (path[size] == '\0' || path[size] == '/' || size == 1);
}

enum ink_err handout_check(const char *to, const char *store_path, const char *mount_point,
			   struct ink_error *ret_error)
{
	const char *place = lies_in(to, store_path)    ? "the store"
			    : lies_in(to, mount_point) ? "the mount point"
						       : NULL;

	if (!place)
		return INK_OK;
	ret_error->code = INK_ERR_INVALID;
	snprintf(
		ret_error->text, sizeof(ret_error->text),
		"checkpoint-to=%s lies in %s: what is to remember the log must be elsewhere, best on another machine",
		to, place);
	return INK_ERR_INVALID;
}

/* --- one --------------------------------------------------------------------------------------- */

static void tell(struct handout *handout, bool is_over, const char *why, const char *what)
{
	char text[PATH_MAX + HANDOUT_TEXT_SIZE + 128];

	snprintf(text, sizeof(text), "checkpoint-to=%s: %s%s", handout->options.to, why, what);
	handout->options.on_notice(handout->options.ctx, is_over, text);
}

static bool make_note(struct handout *handout, char buf[static INK_CHECKPOINT_SIZE_MAX + 1],
		      struct handout_note *ret_note, char *ret_why)
{
	const struct handout_options *options = &handout->options;
	struct ink_error error = { 0 };
	size_t size;

	if (ink_checkpoint_make(options->store_path, options->keys_dir, buf, &size, &error) !=
	    INK_OK) {
		snprintf(ret_why, HANDOUT_TEXT_SIZE, "no checkpoint to hand out: %s", error.text);
		return false;
	}
	buf[size] = '\0';
	*ret_note = (struct handout_note){
		.text = buf,
		.size = size,
		.records = strtoull(strchr(buf, '\n') + 1, NULL, 10),
	};
	return true;
}

/* Each is told once in a mount: nothing that we do makes it good again. */
static void look_for_conflict(struct handout *handout, const struct handout_note *note)
{
	char why[HANDOUT_TEXT_SIZE], passed[HANDOUT_TEXT_SIZE];
	bool fits;

	if (handout->status.has_conflict)
		return;
	fits = handout_fits_folder(handout->options.to, handout->options.store_path, note, passed,
				   why);
	if (passed[0] != '\0' && !handout->has_told_passed) {
		handout->has_told_passed = true;
		tell(handout, false, passed,
		     "; if nobody should have put it there, find out who did");
	}
	if (fits)
		return;
	pthread_mutex_lock(&handout->lock);
	handout->status.has_conflict = true;
	pthread_mutex_unlock(&handout->lock);
	tell(handout, false, why, "; 'inkfs verify --checkpoint FILE' with that file says more");
}

/* Not again what was handed out already. */
static bool give(struct handout *handout, uint64_t *ret_records, char *ret_why)
{
	const struct handout_options *options = &handout->options;
	char buf[INK_CHECKPOINT_SIZE_MAX + 1];
	struct handout_note note;
	struct stat status;

	if (!make_note(handout, buf, &note, ret_why))
		return false;
	*ret_records = note.records;
	if (note.records == handout->status.given_size)
		return true;
	if (stat(options->to, &status) != 0) {
		snprintf(ret_why, HANDOUT_TEXT_SIZE, "it cannot be reached: %s", strerror(errno));
		return false;
	}
	if (!S_ISDIR(status.st_mode))
		return handout_to_program(options->to, options->timeout_s, &note, &handout->running,
					  ret_why);
	look_for_conflict(handout, &note);
	return handout_to_folder(options->to, &note, ret_why);
}

static void note_result(struct handout *handout, bool is_good, uint64_t records)
{
	struct handout_status *status = &handout->status;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	pthread_mutex_lock(&handout->lock);
	status->is_failing = !is_good;
	status->failure_count += !is_good;
	if (is_good && records != status->given_size) {
		status->given_size = records;
		status->given_wall_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	}
	pthread_mutex_unlock(&handout->lock);
}

/* Each trouble is told once, and its end. */
static bool give_and_tell(struct handout *handout)
{
	bool was_failing = handout->status.is_failing, is_good;
	char why[HANDOUT_TEXT_SIZE];
	uint64_t records = 0;

	is_good = give(handout, &records, why);
	note_result(handout, is_good, records);
	if (!is_good && !was_failing)
		tell(handout, false, why,
		     "; until that works nobody outside remembers how the log goes on");
	if (is_good && was_failing)
		tell(handout, true, "handed out again", "");
	return is_good;
}

/* --- when -------------------------------------------------------------------------------------- */

static uint32_t pause_s(const struct handout *handout)
{
	uint32_t interval_s = handout->options.interval_s;

	return handout->status.is_failing && interval_s > HANDOUT_RETRY_S_MAX ? HANDOUT_RETRY_S_MAX
									      : interval_s;
}

/* true: it is time for the next; false: the end. */
static bool wait_for_next(struct handout *handout)
{
	struct timespec until;
	bool is_ending;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += pause_s(handout);
	pthread_mutex_lock(&handout->lock);
	while (!handout->is_ending && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&handout->wake, &handout->lock, &until);
	is_ending = handout->is_ending;
	pthread_mutex_unlock(&handout->lock);
	return !is_ending;
}

static void *run(void *arg)
{
	do
		(void)give_and_tell(arg);
	while (wait_for_next(arg));
	return NULL;
}

static void handout_free(struct handout *handout)
{
	pthread_cond_destroy(&handout->wake);
	pthread_mutex_destroy(&handout->lock);
	free(handout);
}

enum ink_err handout_open(const struct handout_options *options, struct handout **ret_handout)
{
	struct handout *handout = calloc(1, sizeof(*handout));
	pthread_condattr_t attr;
	int error;

	if (!handout)
		return INK_ERR_IO;
	handout->options = *options;
	if (handout->options.interval_s == 0)
		handout->options.interval_s = HANDOUT_INTERVAL_S_DEFAULT;
	if (handout->options.timeout_s == 0)
		handout->options.timeout_s = HANDOUT_TIMEOUT_S_DEFAULT;
	pthread_mutex_init(&handout->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&handout->wake, &attr);
	pthread_condattr_destroy(&attr);
	error = pthread_create(&handout->thread, NULL, run, handout);
	if (error != 0) {
		handout_free(handout);
		errno = error;
		return INK_ERR_IO;
	}
	*ret_handout = handout;
	return INK_OK;
}

void handout_status(struct handout *handout, struct handout_status *ret_status)
{
	pthread_mutex_lock(&handout->lock);
	*ret_status = handout->status;
	pthread_mutex_unlock(&handout->lock);
}

bool handout_close(struct handout *handout)
{
	bool is_good;

	if (!handout)
		return true;
	pthread_mutex_lock(&handout->lock);
	handout->is_ending = true;
	pthread_cond_signal(&handout->wake);
	pthread_mutex_unlock(&handout->lock);
	pthread_join(handout->thread, NULL);
	is_good = give_and_tell(handout);
	handout_free(handout);
	return is_good;
}
