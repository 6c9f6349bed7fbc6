/* SPDX-License-Identifier: MIT */
/*
 * The end of a file that grows while it is read.
 *
 * A writer bypasses the page cache, a reader uses it.  The system pads the last page with zeros; so who fetches that
 * page before an append and looks at the file's size after it would read zeros where the new bytes are.  Therefore,
 * while a file has readers,
 *
 * 1. the size that the system is told does not grow before the append is answered, and
 * 2. the page of the old end is dropped between the append and its answer: read again, it is whole.
 *
 * Two gaps are left that no server can close.  A reader that has the old page in hand when it is dropped, and looks at the
 * size after the answer, reads zeros once.  And who asks for the attributes and is told a new size sets it first and cuts
 * the pages to it afterwards: interrupted between the two, it puts zeros over what was appended and read meanwhile, and
 * they stay until the pages are next dropped.  So
 *
 * 3. who opens a file to read while somebody has it open to write reads past the page cache, too; the above is for who
 *    opened it before, and
 * 4. when who has appended while there were such readers closes the file, all its pages are dropped once more.
 *
 * Owns: counts of readers and writers, a list of appends under way.  Knows nothing of: the store.  Threads: any.
 */
#ifndef DRIVER_TAILS_H
#define DRIVER_TAILS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "driver.h"

struct fuse_session;

enum { TAIL_GROUP_COUNT = 1024 };

struct tails {
	_Atomic uint32_t reader_counts[TAIL_GROUP_COUNT]; /* by inode number, modulo */
	_Atomic uint32_t writer_counts[TAIL_GROUP_COUNT];
	_Atomic int dropping_count;
	int dropping_count_max;
	_Atomic unsigned growing_count; /* changed under the lock */
	pthread_mutex_t lock;           /* the next one */
	struct {
		uint64_t inode;
		uint64_t size; /* before the append */
	} growing[DRIVER_THREAD_COUNT_MAX];
};

/* @thread_count: of the session; one stays free to answer the reads that dropping a page waits for. */
void tails_init(struct tails *tails, unsigned thread_count);
void tails_release(struct tails *tails);

/* A handle that can fill pages was opened, is closed. */
void tails_add_reader(struct tails *tails, uint64_t inode);
void tails_remove_reader(struct tails *tails, uint64_t inode);
bool tails_has_reader(struct tails *tails, uint64_t inode);
/* A handle to write with was opened, is closed. */
void tails_add_writer(struct tails *tails, uint64_t inode);
void tails_remove_writer(struct tails *tails, uint64_t inode);
bool tails_has_writer(struct tails *tails, uint64_t inode);

/* Around an append to a file of @size bytes that has readers; end also if it failed. */
void tails_begin_append(struct tails *tails, uint64_t inode, uint64_t size);
void tails_end_append(struct tails *tails, struct fuse_session *session, uint64_t inode,
		      uint64_t size);

/* Has the system fetch again what it reads from the page of byte @begin on. */
void tails_drop_pages(struct tails *tails, struct fuse_session *session, uint64_t inode,
		      uint64_t begin);

/* What to tell the system of a file whose true size is @size. */
uint64_t tails_visible_size(struct tails *tails, uint64_t inode, uint64_t size);

#endif
