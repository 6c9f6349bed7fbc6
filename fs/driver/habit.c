/* SPDX-License-Identifier: MIT */
/*
 * The habit of writing once and then waiting for the disk.
 *
 * Such a program's write is answered, it wakes up, asks for the sync, and a thread of ours wakes up for that: two trips in which
 * the disk rests.  So the thread that has answered the write begins the flush, and the sync finds it under way.
 * Only for one who syncs alone: where several do, a flush would begin with one record in it where it would have had theirs, too.
 *
 * Nothing is promised by it: the sync waits for its record as ever, and learns what came of a flush that failed.  Threads
 * that share a handle may miscount; what the counts decide is only when a flush begins.
 */
#include "private.h"

enum { HABIT_COUNT = 4 };

bool habit_wrote(struct driver *driver, struct handle *handle)
{
	uint32_t before = atomic_load_explicit(&handle->unsynced_count, memory_order_relaxed);

	if (before <= 1)
		atomic_store_explicit(&handle->unsynced_count, before + 1, memory_order_relaxed);
	return before == 0 &&
	       atomic_load_explicit(&handle->habit_count, memory_order_relaxed) >= HABIT_COUNT &&
	       atomic_load_explicit(&driver->synced_last, memory_order_relaxed) == handle;
}

void habit_synced(struct driver *driver, struct handle *handle)
{
	const struct handle *last = atomic_exchange(&driver->synced_last, handle);
	uint32_t habit = 0;

	if (!handle)
		return;
	if (last == handle &&
	    atomic_load_explicit(&handle->unsynced_count, memory_order_relaxed) == 1)
		habit = atomic_load_explicit(&handle->habit_count, memory_order_relaxed) + 1;
	if (habit <= HABIT_COUNT)
		atomic_store_explicit(&handle->habit_count, habit, memory_order_relaxed);
	atomic_store_explicit(&handle->unsynced_count, 0, memory_order_relaxed);
}
