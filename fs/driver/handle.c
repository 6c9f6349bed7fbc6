/* SPDX-License-Identifier: MIT */
/* Open files: one struct handle each, from OPEN or CREATE to RELEASE, or to the end of the driver. */
#include "private.h"

#include <errno.h>
#include <stdlib.h>

/* false: it has a text, and there are @text_count_max of these already. */
static bool list_add(struct handles *list, struct handle *handle, unsigned text_count_max)
{
	bool is_full;

	pthread_mutex_lock(&list->lock);
	is_full = handle->text && list->text_count >= text_count_max;
	if (!is_full) {
		handle->previous = list->last;
		*(list->last ? &list->last->next : &list->first) = handle;
		list->last = handle;
		list->text_count += handle->text != NULL;
	}
	pthread_mutex_unlock(&list->lock);
	return !is_full;
}

static void list_remove(struct handles *list, struct handle *handle)
{
	pthread_mutex_lock(&list->lock);
	*(handle->previous ? &handle->previous->next : &list->first) = handle->next;
	*(handle->next ? &handle->next->previous : &list->last) = handle->previous;
	list->text_count -= handle->text != NULL;
	pthread_mutex_unlock(&list->lock);
}

static struct handle *handle_new(uint64_t inode, uint32_t flags, const struct ink_caller *caller)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	handle->inode = inode;
	handle->flags = flags;
	handle->opened_by = *caller;
	/* Not the driver's number: the first write looks. */
	handle->setid_generation = UINT32_MAX;
	pthread_mutex_init(&handle->lock, NULL);
	return handle;
}

static void handle_free(struct handle *handle)
{
	int saved_errno = errno;

	pthread_mutex_destroy(&handle->lock);
	free(handle->text);
	free(handle);
	errno = saved_errno;
}

enum ink_err handle_open(struct driver *driver, const struct ink_caller *caller, uint64_t inode,
			 uint32_t flags, struct handle **ret_handle)
{
	struct handle *handle = handle_new(inode, flags, caller);
	struct tails *tails = &driver->tails;
	enum ink_err err;

	if (!handle)
		return INK_ERR_IO;
	err = ink_open(driver->store, caller, inode, flags);
	if (err != INK_OK) {
		handle_free(handle);
		return err;
	}
	if (is_for_writing(flags))
		tails_add_writer(tails, inode);
	handle->is_cached = !is_for_writing(flags) && !tails_has_writer(tails, inode);
	if (handle->is_cached)
		tails_add_reader(tails, inode);
	(void)list_add(&driver->handles, handle, 0);
	*ret_handle = handle;
	return INK_OK;
}

enum ink_err handle_open_text(struct driver *driver, uint64_t inode, char *text, size_t size,
			      unsigned text_count_max, struct handle **ret_handle)
{
	struct handle *handle = handle_new(inode, O_RDONLY, &(struct ink_caller){ .uid = 0 });

	if (!handle) {
		free(text);
		return INK_ERR_IO;
	}
	handle->text = text;
	handle->text_size = size;
	if (!list_add(&driver->handles, handle, text_count_max)) {
		handle_free(handle);
		return INK_ERR_LIMIT;
	}
	*ret_handle = handle;
	return INK_OK;
}

static void close_in_store(struct driver *driver, const struct handle *handle)
{
	/* Nobody hears an answer to RELEASE; a store that has failed says so at the next write. */
	(void)!ink_release(driver->store, &handle->opened_by, handle->inode, handle->flags);
	if (is_for_writing(handle->flags))
		tails_remove_writer(&driver->tails, handle->inode);
	if (handle->is_cached)
		tails_remove_reader(&driver->tails, handle->inode);
}

void handle_close(struct driver *driver, struct handle *handle)
{
	if (!handle->text)
		close_in_store(driver, handle);
	list_remove(&driver->handles, handle);
	/* Its last reader has his answer, but the thread that gave it may not have come back from giving. */
	pthread_mutex_lock(&handle->lock);
	pthread_mutex_unlock(&handle->lock);
	handle_free(handle);
}

void handles_init(struct handles *list)
{
	*list = (struct handles){ .first = NULL };
	pthread_mutex_init(&list->lock, NULL);
}

void handles_release(struct driver *driver)
{
	while (driver->handles.first)
		handle_close(driver, driver->handles.first);
	pthread_mutex_destroy(&driver->handles.lock);
}
