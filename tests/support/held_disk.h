/* SPDX-License-Identifier: MIT */
/*
 * A disk whose flushes wait while it is held: what a slow one does, for as long as a test wants.
 *
 * Owns: a lock.  Knows nothing of: stores.  Threads: any.
 */
#ifndef TEST_HELD_DISK_H
#define TEST_HELD_DISK_H

#include <pthread.h>

#include "fault_io.h"

struct held_disk {
	struct fault_io fault; /* first: its io finds us by it */
	int (*fdatasync)(void *ctx, int fd);
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_held;
	unsigned arrived;    /* flushes that began since it was held */
	unsigned writes_now; /* made when the last of them began */
};

void disk_init(struct held_disk *disk);
void disk_hold(struct held_disk *disk, bool is_held);
/* Until a flush waits. */
void disk_wait_for_flush(struct held_disk *disk);

#endif
