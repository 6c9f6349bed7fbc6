/* SPDX-License-Identifier: MIT */
#include "held_disk.h"

static int held_fdatasync(void *ctx, int fd)
{
	struct held_disk *disk = ctx;
	unsigned writes;

	pthread_mutex_lock(&disk->fault.lock);
	writes = disk->fault.calls[FAULT_PWRITEV];
	pthread_mutex_unlock(&disk->fault.lock);
	pthread_mutex_lock(&disk->lock);
	disk->arrived++;
	disk->writes_now = writes;
	pthread_cond_broadcast(&disk->cond);
	while (disk->is_held)
		pthread_cond_wait(&disk->cond, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
	return disk->fdatasync(&disk->fault, fd);
}

void disk_init(struct held_disk *disk)
{
	fault_io_init(&disk->fault);
	disk->fdatasync = disk->fault.io.fdatasync;
	disk->fault.io.fdatasync = held_fdatasync;
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->cond, NULL);
	disk->is_held = false;
	disk->arrived = 0;
}

void disk_hold(struct held_disk *disk, bool is_held)
{
	pthread_mutex_lock(&disk->lock);
	disk->is_held = is_held;
	if (is_held)
		disk->arrived = 0;
	pthread_cond_broadcast(&disk->cond);
	pthread_mutex_unlock(&disk->lock);
}

void disk_wait_for_flush(struct held_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	while (disk->arrived == 0)
		pthread_cond_wait(&disk->cond, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
}
