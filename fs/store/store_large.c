/* SPDX-License-Identifier: MIT */
/*
 * Large appends: the body goes to the segment by a second thread while this one hashes it.
 *
 * Both steps of a large append are long (1 MiB: 560 µs to hash, 200 µs to write), and neither needs the
 * other.  The body is written to the place that the record will have, then the head, which makes a
 * frame of it; a crash in between leaves bytes behind the end of the log, as any torn write does.
 * The lock is held meanwhile, so this is done only when no other large append is under way: several of
 * them keep the processors busy by themselves, hashing outside the lock.
 */
#include "store_private.h"

#include <errno.h>
#include <stdlib.h>

#include "hash.h"

struct writer {
	pthread_t thread;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t cond;
	bool is_stopping;
	bool has_job;
	bool is_done;
	const struct io *io;
	int fd;
	uint64_t offset;
	const void *data;
	size_t size;
	size_t padding;
	enum ink_err err;
	int error; /* errno */
};

static void work(struct writer *writer)
{
	static const uint8_t zeros[FRAME_ALIGN];
	struct iovec parts[2] = { { (void *)(uintptr_t)writer->data, writer->size },
				  { (void *)(uintptr_t)zeros, writer->padding } };

	pthread_mutex_unlock(&writer->lock);
	errno = 0;
	writer->err = io_write(writer->io, writer->fd, parts, 2, writer->offset);
	writer->error = errno;
	pthread_mutex_lock(&writer->lock);
	writer->has_job = false;
	writer->is_done = true;
	pthread_cond_broadcast(&writer->cond);
}

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	pthread_mutex_lock(&writer->lock);
	while (!writer->is_stopping) {
		if (writer->has_job)
			work(writer);
		else
			pthread_cond_wait(&writer->cond, &writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

struct writer *store_writer_open(void)
{
	struct writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->cond, NULL);
	if (pthread_create(&writer->thread, NULL, writer_main, writer) == 0)
		return writer;
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->cond);
	free(writer);
	return NULL;
}

void store_writer_close(struct writer *writer)
{
	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->is_stopping = true;
	pthread_cond_broadcast(&writer->cond);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->cond);
	free(writer);
}

static void start(struct writer *writer, const struct ink_store *store, const void *data,
		  uint32_t size)
{
	pthread_mutex_lock(&writer->lock);
	writer->io = store->io;
	log_body_target(store->log, &writer->fd, &writer->offset);
	writer->data = data;
	writer->size = size;
	writer->padding = frame_size(size) - FRAME_OFF_BODY - size;
	writer->is_done = false;
	writer->has_job = true;
	pthread_cond_broadcast(&writer->cond);
	pthread_mutex_unlock(&writer->lock);
}

static enum ink_err wait_until_written(struct writer *writer)
{
	enum ink_err err;
	int error;

	pthread_mutex_lock(&writer->lock);
	while (!writer->is_done)
		pthread_cond_wait(&writer->cond, &writer->lock);
	err = writer->err;
	error = writer->error;
	pthread_mutex_unlock(&writer->lock);
	errno = error;
	return err;
}

enum ink_err store_write_and_hash(struct ink_store *store, const void *data, uint32_t size,
				  const uint8_t *nonce, uint8_t ret_digest[static INK_HASH_SIZE])
{
	start(store->writer, store, data, size);
	hash_two(nonce, INK_NONCE_SIZE, data, size, ret_digest);
	return wait_until_written(store->writer);
}
