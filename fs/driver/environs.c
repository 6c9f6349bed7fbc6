/* SPDX-License-Identifier: MIT */
#include "environs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum state {
	IDLE,
	ASKED,
	ANSWERED,
	ABANDONED, /* whoever asked does not wait any longer; idle when the read is over */
};

struct reader {
	struct environs *environs;
	pthread_cond_t asked;
	enum state state;
	int dir_fd; /* a copy, while it is asked */
	ssize_t size;
	char text[ENVIRON_SIZE_MAX]; /* the reader's own until it has answered */
};

struct environs {
	pthread_mutex_t lock; /* the rest, and the readers' states */
	pthread_cond_t answered;
	bool is_ending;
	unsigned user_count; /* who opened it, and the threads; the last one frees it */
	unsigned reader_count;
	struct reader *readers[ENVIRONS_READER_COUNT];
};

struct environs *environs_open(void)
{
	struct environs *environs = calloc(1, sizeof(*environs));
	pthread_condattr_t by_monotonic_clock;

	if (!environs)
		return NULL;
	environs->user_count = 1;
	pthread_mutex_init(&environs->lock, NULL);
	pthread_condattr_init(&by_monotonic_clock);
	pthread_condattr_setclock(&by_monotonic_clock, CLOCK_MONOTONIC);
	pthread_cond_init(&environs->answered, &by_monotonic_clock);
	pthread_condattr_destroy(&by_monotonic_clock);
	return environs;
}

/* With the lock, which is gone afterwards. */
static void leave(struct environs *environs)
{
	bool is_last = --environs->user_count == 0;

	pthread_mutex_unlock(&environs->lock);
	if (!is_last)
		return;
	for (unsigned i = 0; i < environs->reader_count; i++) {
		pthread_cond_destroy(&environs->readers[i]->asked);
		free(environs->readers[i]);
	}
	pthread_cond_destroy(&environs->answered);
	pthread_mutex_destroy(&environs->lock);
	free(environs);
}

void environs_close(struct environs *environs)
{
	int saved_errno = errno;

	if (!environs)
		return;
	pthread_mutex_lock(&environs->lock);
	environs->is_ending = true;
	for (unsigned i = 0; i < environs->reader_count; i++)
		pthread_cond_signal(&environs->readers[i]->asked);
	leave(environs);
	errno = saved_errno;
}

static void *reader_run(void *ctx)
{
	struct reader *reader = ctx;
	struct environs *environs = reader->environs;

	pthread_mutex_lock(&environs->lock);
	for (;;) {
		while (reader->state != ASKED && !environs->is_ending)
			pthread_cond_wait(&reader->asked, &environs->lock);
		if (environs->is_ending)
			break;
		pthread_mutex_unlock(&environs->lock);
		reader->size = process_read_environ(reader->dir_fd, reader->text);
		close(reader->dir_fd);
		pthread_mutex_lock(&environs->lock);
		reader->state = reader->state == ABANDONED ? IDLE : ANSWERED;
		pthread_cond_broadcast(&environs->answered);
	}
	leave(environs);
	return NULL;
}

/* With the lock; NULL if there is none to be had.  Signals are for others: those who ask have them blocked. */
static struct reader *reader_start(struct environs *environs)
{
	struct reader *reader;
	pthread_t thread;

	if (environs->reader_count == ENVIRONS_READER_COUNT)
		return NULL;
	reader = malloc(sizeof(*reader));
	if (!reader)
		return NULL;
	reader->environs = environs;
	reader->state = IDLE;
	pthread_cond_init(&reader->asked, NULL);
	if (pthread_create(&thread, NULL, reader_run, reader) != 0) {
		pthread_cond_destroy(&reader->asked);
		free(reader);
		return NULL;
	}
	pthread_detach(thread);
	environs->user_count++;
	environs->readers[environs->reader_count++] = reader;
	return reader;
}

static struct reader *idle_reader(struct environs *environs)
{
	for (unsigned i = 0; i < environs->reader_count; i++) {
		if (environs->readers[i]->state == IDLE)
			return environs->readers[i];
	}
	return reader_start(environs);
}

static struct timespec in_ms(unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

static bool are_all_kept(const struct environs *environs)
{
	for (unsigned i = 0; i < environs->reader_count; i++)
		if (environs->readers[i]->state != ABANDONED)
			return false;
	return true;
}

/* Many may begin at once, and each is read in a moment.  With the lock, which others have in between. */
static struct reader *wait_for_reader(struct environs *environs)
{
	struct timespec until = in_ms(ENVIRONS_TURN_MS);
	struct reader *reader = idle_reader(environs);
	int err = 0;

	while (!reader && !are_all_kept(environs) && err == 0) {
		err = pthread_cond_timedwait(&environs->answered, &environs->lock, &until);
		reader = idle_reader(environs);
	}
	return reader;
}

/* With the lock, which others have in between.  false: too late. */
static bool ask(struct environs *environs, struct reader *reader)
{
	struct timespec until = in_ms(ENVIRONS_WAIT_S * 1000);
	int err = 0;

	reader->state = ASKED;
	pthread_cond_signal(&reader->asked);
	while (reader->state == ASKED && err == 0)
		err = pthread_cond_timedwait(&environs->answered, &environs->lock, &until);
	if (reader->state == ASKED)
		reader->state = ABANDONED;
	return reader->state == ANSWERED;
}

bool environs_read(struct environs *environs, int dir_fd, char ret_text[static ENVIRON_SIZE_MAX],
		   size_t *ret_size)
{
	struct reader *reader;
	bool is_read = false;

	pthread_mutex_lock(&environs->lock);
	reader = wait_for_reader(environs);
	if (reader)
		reader->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (reader && reader->dir_fd >= 0 && ask(environs, reader)) {
		reader->state = IDLE;
		is_read = reader->size >= 0;
	}
	if (is_read) {
		*ret_size = (size_t)reader->size;
		memcpy(ret_text, reader->text, *ret_size);
	}
	/* For those who wait for a reader. */
	pthread_cond_broadcast(&environs->answered);
	pthread_mutex_unlock(&environs->lock);
	return is_read;
}
