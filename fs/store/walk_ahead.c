/* SPDX-License-Identifier: MIT */
/* Who reads next, the queue of chunks, the threads.  What is done with one chunk: walk_ahead_chunk.c. */
#include "walk_ahead_private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "walk.h"

enum {
	CHUNK_COUNT_MAX = 48,
	HOP_SIZE = 4096, /* where little of what is read is looked at */
};

struct walk_ahead {
	const struct io *io;
	const char *log_dir;
	uint64_t skip_seq;
	pthread_mutex_t lock; /* of all that follows, but for what is said to be the reader's */
	pthread_cond_t changed;
	pthread_t threads[AHEAD_THREADS_MAX];
	unsigned thread_count; /* started */
	bool is_ending;

	struct chunk *free;
	struct chunk *first, **last; /* in the order of the log */
	unsigned made, count_max;

	bool is_reading; /* somebody has the turn, and with it all of reader */
	bool is_stuck;   /* there is no frame where the reader stands */
	struct {
		struct file *file; /* NULL: not open */
		uint32_t segment;
		uint64_t pos;
		bool has_hopped; /* over a frame longer than a chunk, without reading it */
		struct signer signer;
	} reader;
	uint64_t read_bytes;

	/* Of the walk's thread alone: */
	struct chunk *current;
	unsigned index;
	uint32_t
		retry_segment; /* no new start in this segment before @retry_pos, lest every fault make one */
	uint64_t retry_pos;
};

/* --- reading, in the order of the log (by whoever has the turn) ------------------------------ */

static void file_put(struct walk_ahead *ahead, struct file *file)
{
	if (!file || --file->users > 0)
		return;
	io_close(ahead->io, file->fd);
	free(file);
}

static bool open_segment(struct walk_ahead *ahead, uint32_t segment, uint64_t pos)
{
	struct file *file = calloc(1, sizeof(*file));
	enum walk_fault fault;
	uint64_t size;

	if (!file)
		return false;
	file->users = 1;
	if (walk_open_file(ahead->io, ahead->log_dir, segment, &file->fd, &size, &fault) !=
		    INK_OK ||
	    fault != WALK_SOUND) {
		free(file);
		return false;
	}
	pthread_mutex_lock(&ahead->lock);
	file_put(ahead, ahead->reader.file);
	pthread_mutex_unlock(&ahead->lock);
	ahead->reader.file = file;
	ahead->reader.segment = segment;
	ahead->reader.pos = pos;
	return true;
}

/* The next run of frames, if there is one where the reader stands. */
static void read_chunk(struct walk_ahead *ahead, struct chunk *chunk)
{
	size_t size = ahead->reader.has_hopped ? HOP_SIZE : CHUNK_SIZE;

	chunk->count = chunk->seal_count = 0;
	chunk->is_hop = false;
	chunk->loaded = 0;
	if (ahead->reader.file)
		if (io_read(ahead->io, ahead->reader.file->fd, chunk->bytes, size,
			    ahead->reader.pos, &chunk->loaded) != INK_OK)
			chunk->loaded = 0;
	if (ahead->reader.file && chunk->loaded == 0 &&
	    open_segment(ahead, ahead->reader.segment + 1, SEGMENT_HEADER_SIZE) &&
	    io_read(ahead->io, ahead->reader.file->fd, chunk->bytes, size, ahead->reader.pos,
		    &chunk->loaded) != INK_OK)
		chunk->loaded = 0;
	chunk->segment = ahead->reader.segment;
	chunk->pos = ahead->reader.pos;
	chunk_scan(chunk, ahead->skip_seq, &ahead->reader.signer);
	ahead->reader.has_hopped = chunk->is_hop && chunk->end - chunk->pos > CHUNK_SIZE;
	ahead->reader.pos = chunk->end;
}

/* --- chunks ---------------------------------------------------------------------------------- */

/* Locked.  NULL: all are in use. */
static struct chunk *chunk_get(struct walk_ahead *ahead)
{
	struct chunk *chunk = ahead->free;

	if (chunk) {
		ahead->free = chunk->next;
	} else if (ahead->made < ahead->count_max) {
		chunk = chunk_make();
		ahead->made += chunk != NULL;
	}
	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->is_done = false;
	return chunk;
}

/* Locked. */
static void chunk_put(struct walk_ahead *ahead, struct chunk *chunk)
{
	file_put(ahead, chunk->file);
	chunk->file = NULL;
	chunk->next = ahead->free;
	ahead->free = chunk;
}

/* Locked. */
static void drop_first(struct walk_ahead *ahead)
{
	struct chunk *chunk = ahead->first;

	ahead->first = chunk->next;
	if (!ahead->first)
		ahead->last = &ahead->first;
	chunk_put(ahead, chunk);
	pthread_cond_broadcast(&ahead->changed);
}

/* Locked; lets go of the lock meanwhile.  Read and hash one chunk; false: there is nothing to do now. */
static bool work(struct walk_ahead *ahead)
{
	struct chunk *chunk;

	if (ahead->is_reading || ahead->is_stuck || !(chunk = chunk_get(ahead)))
		return false;
	ahead->is_reading = true;
	pthread_mutex_unlock(&ahead->lock);
	read_chunk(ahead, chunk);
	pthread_mutex_lock(&ahead->lock);
	ahead->is_reading = false;
	ahead->read_bytes += chunk->end - chunk->pos;
	if (chunk->count == 0) {
		ahead->is_stuck = true;
		chunk_put(ahead, chunk);
		pthread_cond_broadcast(&ahead->changed);
		return true;
	}
	chunk->file = ahead->reader.file;
	chunk->file->users++;
	*ahead->last = chunk;
	ahead->last = &chunk->next;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	chunk_hash(chunk, ahead->io, ahead->skip_seq);
	pthread_mutex_lock(&ahead->lock);
	chunk->is_done = true;
	pthread_cond_broadcast(&ahead->changed);
	return true;
}

static void *work_on(void *arg)
{
	struct walk_ahead *ahead = arg;

	pthread_mutex_lock(&ahead->lock);
	while (!ahead->is_ending)
		if (!work(ahead))
			pthread_cond_wait(&ahead->changed, &ahead->lock);
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

/* --- for the walk ---------------------------------------------------------------------------- */

static int compare(uint32_t segment, uint64_t pos, uint32_t other_segment, uint64_t other_pos)
{
	if (segment != other_segment)
		return segment < other_segment ? -1 : 1;
	return pos < other_pos ? -1 : pos > other_pos;
}

/* Locked, the queue empty and nobody reading.  False: not worth it, or the reader stands there in vain already. */
static bool start_at(struct walk_ahead *ahead, uint32_t segment, uint64_t pos)
{
	bool is_there = ahead->reader.file &&
			compare(segment, pos, ahead->reader.segment, ahead->reader.pos) == 0;

	if (is_there)
		return !ahead->is_stuck;
	if (segment == ahead->retry_segment && pos < ahead->retry_pos)
		return false;
	ahead->retry_segment = segment;
	ahead->retry_pos = pos + CHUNK_SIZE;
	ahead->is_reading = true;
	pthread_mutex_unlock(&ahead->lock);
	if (ahead->reader.file && ahead->reader.segment == segment)
		ahead->reader.pos = pos;
	else
		(void)open_segment(ahead, segment, pos);
	ahead->reader.signer.is_known = false;
	pthread_mutex_lock(&ahead->lock);
	ahead->is_reading = false;
	ahead->is_stuck =
		!ahead->reader.file || ahead->reader.segment != segment || ahead->reader.pos != pos;
	pthread_cond_broadcast(&ahead->changed);
	return !ahead->is_stuck;
}

/* Locked.  The chunk that @pos lies in, hashed, off the queue; NULL: not to be had. */
static struct chunk *next_chunk(struct walk_ahead *ahead, uint32_t segment, uint64_t pos)
{
	for (;;) {
		struct chunk *chunk = ahead->first;

		if (chunk && compare(segment, pos, chunk->segment, chunk->pos) < 0)
			return NULL; /* the walk has not come that far */
		if (chunk && chunk->is_done) {
			if (compare(segment, pos, chunk->segment, chunk->end) >= 0) {
				drop_first(ahead);
				continue;
			}
			ahead->first = chunk->next;
			if (!ahead->first)
				ahead->last = &ahead->first;
			return chunk;
		}
		if (work(ahead))
			continue;
		if (!chunk && !ahead->is_reading) {
			/* Nobody has a chunk, and there is no memory for one: the walk reads for itself. */
			if (!ahead->is_stuck)
				return NULL;
			if (!start_at(ahead, segment, pos))
				return NULL;
			continue;
		}
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	}
}

static const struct ahead_frame *frame_at(struct chunk *chunk, unsigned *index, uint64_t pos)
{
	while (*index < chunk->count && chunk->frames[*index].pos < pos)
		++*index;
	if (*index == chunk->count || chunk->frames[*index].pos != pos)
		return NULL;
	/* Once only: who asks again wants to know what is on the disk by now. */
	return &chunk->frames[(*index)++];
}

const struct ahead_frame *ahead_take(struct walk_ahead *ahead, uint32_t segment, uint64_t pos)
{
	const struct ahead_frame *f;
	struct chunk *chunk = ahead->current;

	if (!chunk || chunk->segment != segment || pos < chunk->pos || pos >= chunk->end) {
		pthread_mutex_lock(&ahead->lock);
		if (chunk)
			chunk_put(ahead, chunk);
		ahead->index = 0;
		ahead->current = chunk = next_chunk(ahead, segment, pos);
		pthread_cond_broadcast(&ahead->changed);
		pthread_mutex_unlock(&ahead->lock);
	}
	f = chunk ? frame_at(chunk, &ahead->index, pos) : NULL;
	return f && f->is_sound ? f : NULL;
}

uint64_t ahead_read_bytes(struct walk_ahead *ahead)
{
	uint64_t bytes;

	pthread_mutex_lock(&ahead->lock);
	bytes = ahead->read_bytes;
	pthread_mutex_unlock(&ahead->lock);
	return bytes;
}

/* --- opening --------------------------------------------------------------------------------- */

static void start_threads(struct walk_ahead *ahead, unsigned count)
{
	sigset_t all, before;

	/* Signals are for the caller's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (ahead->thread_count < count &&
	       pthread_create(&ahead->threads[ahead->thread_count], NULL, work_on, ahead) == 0)
		ahead->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum ink_err ahead_open(const struct io *io, const char *log_dir, unsigned thread_count,
			uint64_t skip_seq, struct walk_ahead **ret_ahead)
{
	struct walk_ahead *ahead = calloc(1, sizeof(*ahead));

	if (!ahead) {
		errno = ENOMEM;
		return INK_ERR_IO;
	}
	ahead->io = io;
	ahead->log_dir = log_dir;
	ahead->skip_seq = skip_seq;
	ahead->last = &ahead->first;
	ahead->is_stuck = true; /* until it is told where to begin */
	ahead->count_max = 2 * thread_count + 1;
	if (ahead->count_max > CHUNK_COUNT_MAX)
		ahead->count_max = CHUNK_COUNT_MAX;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	start_threads(ahead, thread_count - 1);
	*ret_ahead = ahead;
	return INK_OK;
}

void ahead_close(struct walk_ahead *ahead)
{
	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->is_ending = true;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	for (unsigned i = 0; i < ahead->thread_count; i++)
		pthread_join(ahead->threads[i], NULL);
	while (ahead->first)
		drop_first(ahead);
	if (ahead->current)
		chunk_put(ahead, ahead->current);
	while (ahead->free) {
		struct chunk *chunk = ahead->free;

		ahead->free = chunk->next;
		chunk_free(chunk);
	}
	file_put(ahead, ahead->reader.file);
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}
