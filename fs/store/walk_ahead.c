/* SPDX-License-Identifier: MIT */
#include "walk_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "vkey.h"
#include "walk.h"

enum {
	CHUNK_SIZE = 256 << 10,
	CHUNK_ROOM = CHUNK_SIZE + INK_APPEND_SIZE_MAX + FRAME_ALIGN, /* the last frame's end */
	CHUNK_FRAMES_MAX = CHUNK_SIZE / FRAME_OFF_BODY + 1,
	CHUNK_COUNT_MAX = 48,
	HOP_SIZE = 4096, /* where little of what is read is looked at */
	GENESIS_OFF_SEAL_KEY = 64,
	SEAL_OFF_NEXT_KEY = 56,
};

/* An open segment, shared by the chunks that still read from it. */
struct file {
	int fd;
	unsigned users; /* under the lock */
};

struct chunk {
	struct chunk *next;
	bool is_done; /* under the lock */
	struct file *file;
	uint32_t segment;
	uint64_t pos;
	uint64_t end;  /* behind the last frame */
	size_t loaded; /* bytes in @bytes from @pos on */
	bool is_hop;   /* the end of the last frame is not read */
	unsigned count, seal_count;
	uint8_t *bytes;
	struct ahead_frame *frames;
	struct ahead_seal *seals;
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
		bool has_key;
		uint8_t key[INK_KEY_SIZE];
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

/* The key that signs from here on, as the log names it; a wrong one costs time alone, since the walk asks with the right one. */
static void follow_key(struct walk_ahead *ahead, uint8_t kind, const uint8_t *body, uint32_t size)
{
	const uint8_t *key = NULL;

	if (kind == INK_GENESIS && size >= GENESIS_FIXED_SIZE)
		key = body + GENESIS_OFF_SEAL_KEY;
	else if ((kind == INK_EPOCH || kind == INK_REKEY) && size == EPOCH_BODY_SIZE)
		key = body + SEAL_OFF_NEXT_KEY;
	if (!key)
		return;
	memcpy(ahead->reader.key, key, INK_KEY_SIZE);
	ahead->reader.has_key = true;
}

static bool is_skipped(const struct walk_ahead *ahead, const uint8_t *header)
{
	const struct ink_header h = { .kind = header[HEADER_OFF_KIND],
				      .seq = be64_load(header + HEADER_OFF_SEQ) };

	return walk_skips(ahead->skip_seq, &h);
}

/* Step over the frames that begin in the loaded bytes. */
static void scan(struct walk_ahead *ahead, struct chunk *chunk)
{
	size_t at = 0;

	while (chunk->loaded - at >= FRAME_OFF_BODY && chunk->count < CHUNK_FRAMES_MAX) {
		const uint8_t *frame = chunk->bytes + at, *header = frame + FRAME_OFF_HEADER;
		uint32_t body_size = be32_load(header + HEADER_OFF_BODY_SIZE);
		uint8_t kind = header[HEADER_OFF_KIND];
		uint64_t size = frame_size(body_size);
		struct ahead_frame *f = &chunk->frames[chunk->count];

		if (memcmp(frame, FRAME_MAGIC, 4) != 0 || body_size > INK_APPEND_SIZE_MAX ||
		    chunk->pos + at + size > UINT32_MAX)
			break;
		if (kind != INK_APPEND && chunk->loaded - at < size)
			break; /* in whole at the start of the next chunk */
		*f = (struct ahead_frame){ .pos = (uint32_t)(chunk->pos + at), .bytes = frame };
		if ((kind == INK_SEAL || kind == INK_EPOCH) && ahead->reader.has_key) {
			f->seal = &chunk->seals[chunk->seal_count];
			memcpy(chunk->seals[chunk->seal_count++].key, ahead->reader.key,
			       INK_KEY_SIZE);
		}
		follow_key(ahead, kind, frame + FRAME_OFF_BODY, body_size);
		chunk->count++;
		at += size;
		if (at >= chunk->loaded) {
			chunk->is_hop = is_skipped(ahead, header);
			break;
		}
	}
	chunk->end = chunk->pos + at;
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
	scan(ahead, chunk);
	ahead->reader.has_hopped = chunk->is_hop && chunk->end - chunk->pos > CHUNK_SIZE;
	ahead->reader.pos = chunk->end;
}

/* --- hashing, on all cores ------------------------------------------------------------------- */

static void check_seal(struct ahead_frame *f)
{
	const uint8_t *entry = f->bytes + FRAME_OFF_HEADER, *nonce = f->bytes + FRAME_OFF_NONCE;
	const uint8_t *body = f->bytes + FRAME_OFF_BODY;
	uint8_t kind = f->header.kind;
	uint32_t size = f->header.body_size;

	if (size != (kind == INK_SEAL ? SEAL_BODY_SIZE : EPOCH_BODY_SIZE)) {
		f->seal = NULL;
		return;
	}
	f->seal->is_good[0] =
		record_signature_is_good(kind, entry, nonce, body, size, 0, f->seal->key);
	f->seal->is_good[1] =
		kind == INK_EPOCH && record_signature_is_good(kind, entry, nonce, body, size, 1,
							      body + SEAL_OFF_NEXT_KEY);
}

static void hash_chunk(struct walk_ahead *ahead, struct chunk *chunk)
{
	size_t size = (size_t)(chunk->end - chunk->pos), got = 0;

	if (size > chunk->loaded && !chunk->is_hop &&
	    io_read(ahead->io, chunk->file->fd, chunk->bytes + chunk->loaded, size - chunk->loaded,
		    chunk->pos + chunk->loaded, &got) != INK_OK)
		got = 0;
	if (size > chunk->loaded + got && !chunk->is_hop)
		chunk->count--; /* the last one is not whole */
	for (unsigned i = 0; i < chunk->count; i++) {
		struct ahead_frame *f = &chunk->frames[i];

		f->is_sound = frame_decode(f->bytes, &f->header, f->leaf) == INK_OK;
		if (!f->is_sound)
			continue;
		f->has_digest = walk_skips(ahead->skip_seq, &f->header) ||
				frame_has_digest(f->bytes, &f->header);
		if (f->header.seq < ahead->skip_seq)
			f->seal = NULL;
		if (f->seal)
			check_seal(f);
	}
}

/* --- chunks ---------------------------------------------------------------------------------- */

static void chunk_free(struct chunk *chunk)
{
	if (!chunk)
		return;
	free(chunk->bytes);
	free(chunk->frames);
	free(chunk->seals);
	free(chunk);
}

static struct chunk *chunk_make(void)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->bytes = malloc(CHUNK_ROOM);
	chunk->frames = malloc(CHUNK_FRAMES_MAX * sizeof(chunk->frames[0]));
	chunk->seals = malloc(CHUNK_FRAMES_MAX * sizeof(chunk->seals[0]));
	if (chunk->bytes && chunk->frames && chunk->seals)
		return chunk;
	chunk_free(chunk);
	return NULL;
}

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
	hash_chunk(ahead, chunk);
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
	ahead->reader.has_key = false;
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
