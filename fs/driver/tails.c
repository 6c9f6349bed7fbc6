/* SPDX-License-Identifier: MIT */
#include "tails.h"

#include "private.h"

#include <assert.h>

#define PAGE_MASK (UINT64_C(4096) - 1)

void tails_init(struct tails *tails, unsigned thread_count)
{
	pthread_mutex_init(&tails->lock, NULL);
	tails->dropping_count_max = (int)thread_count - 1;
}

void tails_release(struct tails *tails)
{
	pthread_mutex_destroy(&tails->lock);
}

void tails_add_reader(struct tails *tails, uint64_t inode)
{
	atomic_fetch_add(&tails->reader_counts[inode % TAIL_GROUP_COUNT], 1);
}

void tails_remove_reader(struct tails *tails, uint64_t inode)
{
	atomic_fetch_sub(&tails->reader_counts[inode % TAIL_GROUP_COUNT], 1);
}

bool tails_has_reader(struct tails *tails, uint64_t inode)
{
	return atomic_load(&tails->reader_counts[inode % TAIL_GROUP_COUNT]) > 0;
}

void tails_add_writer(struct tails *tails, uint64_t inode)
{
	atomic_fetch_add(&tails->writer_counts[inode % TAIL_GROUP_COUNT], 1);
}

void tails_remove_writer(struct tails *tails, uint64_t inode)
{
	atomic_fetch_sub(&tails->writer_counts[inode % TAIL_GROUP_COUNT], 1);
}

bool tails_has_writer(struct tails *tails, uint64_t inode)
{
	return atomic_load(&tails->writer_counts[inode % TAIL_GROUP_COUNT]) > 0;
}

void tails_begin_append(struct tails *tails, uint64_t inode, uint64_t size)
{
	unsigned count;

	pthread_mutex_lock(&tails->lock);
	count = atomic_load(&tails->growing_count);
	assert(count < DRIVER_THREAD_COUNT_MAX);
	tails->growing[count].inode = inode;
	tails->growing[count].size = size;
	atomic_store(&tails->growing_count, count + 1);
	pthread_mutex_unlock(&tails->lock);
}

/*
 * Dropping waits for the answer to a read of such a page, which another thread has to give.  When so many wait
 * already that none might be left, the pages stay until the system next compares the time of change.
 */
void tails_drop_pages(struct tails *tails, struct fuse_session *session, uint64_t inode,
		      uint64_t begin)
{
	if (atomic_fetch_add(&tails->dropping_count, 1) < tails->dropping_count_max)
		fuse_lowlevel_notify_inval_inode(session, inode, (off_t)(begin & ~PAGE_MASK), 0);
	atomic_fetch_sub(&tails->dropping_count, 1);
}

void tails_end_append(struct tails *tails, struct fuse_session *session, uint64_t inode,
		      uint64_t size)
{
	unsigned last, i = 0;

	tails_drop_pages(tails, session, inode, size);
	pthread_mutex_lock(&tails->lock);
	last = atomic_load(&tails->growing_count) - 1;
	while (tails->growing[i].inode != inode || tails->growing[i].size != size)
		i++;
	tails->growing[i] = tails->growing[last];
	atomic_store(&tails->growing_count, last);
	pthread_mutex_unlock(&tails->lock);
}

uint64_t tails_visible_size(struct tails *tails, uint64_t inode, uint64_t size)
{
	if (atomic_load(&tails->growing_count) == 0)
		return size;
	pthread_mutex_lock(&tails->lock);
	for (unsigned i = 0; i < atomic_load(&tails->growing_count); i++) {
		if (tails->growing[i].inode == inode && tails->growing[i].size < size)
			size = tails->growing[i].size;
	}
	pthread_mutex_unlock(&tails->lock);
	return size;
}
