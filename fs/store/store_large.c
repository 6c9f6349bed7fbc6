/* SPDX-License-Identifier: MIT */
/*
 * Large appends: the body goes to the segment by a second thread while this one hashes it.
 *
 * Both steps of a large append are long (1 MiB: 560 µs to hash, 200 µs to write), and neither needs the
 * other.  The body is written to the place that the record will have, then the head, which makes a
 * frame of it; a crash in between leaves bytes behind the end of the log, as any torn write does.
 * The lock is held meanwhile, so this is done only when no other large append is under way: several of
 * them keep the processors busy by themselves, hashing outside the lock.
 *
 * Left alone, the system wakes the second thread on the processor of the first one (in 9 of 10 appends,
 * measured), and nothing is won.  So it is sent to the others that the first one may run on.  Where there
 * is none, or where they are busy until the hash is done, the first thread does all of it.
 */
#include "store_private.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "hash.h"

/* One job at a time.  Whoever turns WANTED into TAKEN writes it. */
enum job_state { JOB_NONE, JOB_WANTED, JOB_TAKEN };

struct writer {
	pthread_t thread;
	sem_t is_wanted; /* a job may be there, or the end */
	sem_t is_done;
	atomic_bool is_stopping;
	_Atomic enum job_state state;
	const struct io *io;
	int fd;
	uint64_t offset;
	const void *data;
	size_t size;
	size_t padding;
	enum ink_err err;
	int error; /* errno */
};

static void sem_wait_for_sure(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		; /* a signal */
}

static bool take(struct writer *writer)
{
	enum job_state wanted = JOB_WANTED;

	return atomic_compare_exchange_strong(&writer->state, &wanted, JOB_TAKEN);
}

static void work(struct writer *writer)
{
	static const uint8_t zeros[FRAME_ALIGN];
	struct iovec parts[2] = { { (void *)(uintptr_t)writer->data, writer->size },
				  { (void *)(uintptr_t)zeros, writer->padding } };

	errno = 0;
	writer->err = io_write(writer->io, writer->fd, parts, 2, writer->offset);
	writer->error = errno;
}

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	for (;;) {
		sem_wait_for_sure(&writer->is_wanted);
		if (atomic_load(&writer->is_stopping))
			return NULL;
		if (take(writer)) {
			work(writer);
			sem_post(&writer->is_done);
		}
	}
}

static void writer_free(struct writer *writer)
{
	sem_destroy(&writer->is_wanted);
	sem_destroy(&writer->is_done);
	free(writer);
}

struct writer *store_writer_open(void)
{
	struct writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	sem_init(&writer->is_wanted, 0, 0);
	sem_init(&writer->is_done, 0, 0);
	if (pthread_create(&writer->thread, NULL, writer_main, writer) == 0)
		return writer;
	writer_free(writer);
	return NULL;
}

void store_writer_close(struct writer *writer)
{
	if (!writer)
		return;
	atomic_store(&writer->is_stopping, true);
	sem_post(&writer->is_wanted);
	pthread_join(writer->thread, NULL);
	writer_free(writer);
}

/* Whether another processor than this one is there for the second thread, which then runs on no other. */
static bool send_elsewhere(struct writer *writer)
{
	cpu_set_t cpus;
	int here = sched_getcpu();

	if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return true; /* as the system likes */
	CPU_CLR(here, &cpus);
	if (CPU_COUNT(&cpus) == 0)
		return false;
	(void)pthread_setaffinity_np(writer->thread, sizeof(cpus), &cpus);
	return true;
}

static void start(struct writer *writer, const struct ink_store *store, const void *data,
		  uint32_t size)
{
	writer->io = store->io;
	log_body_target(store->log, &writer->fd, &writer->offset);
	writer->data = data;
	writer->size = size;
	writer->padding = frame_size(size) - FRAME_OFF_BODY - size;
	atomic_store(&writer->state, JOB_WANTED);
	if (send_elsewhere(writer))
		sem_post(&writer->is_wanted);
}

static enum ink_err finish(struct writer *writer)
{
	if (take(writer))
		work(writer);
	else
		sem_wait_for_sure(&writer->is_done);
	atomic_store(&writer->state, JOB_NONE);
	errno = writer->error;
	return writer->err;
}

enum ink_err store_write_and_hash(struct ink_store *store, const void *data, uint32_t size,
				  const uint8_t *nonce, uint8_t ret_digest[static INK_HASH_SIZE])
{
	enum ink_err err;

	start(store->writer, store, data, size);
	hash_two(nonce, INK_NONCE_SIZE, data, size, ret_digest);
	err = finish(store->writer);
	if (err != INK_OK)
		log_take_back(store->log);
	return err;
}
