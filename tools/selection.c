/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include "array.h"
#include "common.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDER_DEPTH_MAX = 4096 };

static bool add(struct seq_list *list, uint64_t value)
{
	void *items = list->items;

	if (!array_grow(&items, list->count, &list->capacity, sizeof(uint64_t))) {
		complain("out of memory");
		return false;
	}
	list->items = items;
	list->items[list->count++] = value;
	return true;
}

/* Records come in the order of the log, and few processes write at a time: look at the last few only. */
static bool add_if_new(struct seq_list *list, uint64_t value)
{
	for (size_t i = list->count; i > 0 && i + 16 > list->count; i--) {
		if (list->items[i - 1] == value)
			return true;
	}
	return add(list, value);
}

static int by_value(const void *a, const void *b)
{
	uint64_t left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return (left > right) - (left < right);
}

static void sort_unique(struct seq_list *list)
{
	size_t kept = 0;

	if (list->count > 0)
		qsort(list->items, list->count, sizeof(uint64_t), by_value);
	for (size_t i = 0; i < list->count; i++) {
		if (kept == 0 || list->items[kept - 1] != list->items[i])
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

bool selection_init(struct selection *selection, struct ink_store *store, const char *store_path,
		    uint64_t size)
{
	struct ink_error error = { 0 };

	*selection = (struct selection){ .store = store, .size = size, .has_context = true };
	if (ink_reader_open(store_path, &selection->reader, &error) == INK_OK) {
		/* What is shown is held against its digest when the evidence is checked. */
		ink_reader_skip_digests(selection->reader);
		return true;
	}
	complain("%s", error.text);
	return false;
}

void selection_release(struct selection *selection)
{
	ink_reader_close(selection->reader);
	free(selection->seqs.items);
	free(selection->actors.items);
	free(selection->inodes.items);
	free(selection->context.items);
}

/* --- adding ------------------------------------------------------------------------------------ */

static bool is_wanted(const struct selection *selection, const struct ink_record *record)
{
	return !selection->text ||
	       (record->header.kind == INK_APPEND && memmem(record->body, record->header.body_size,
							    selection->text, selection->text_size));
}

static bool take(struct selection *selection, const struct ink_record *record)
{
	const struct ink_header *h = &record->header;

	if (!is_wanted(selection, record))
		return true;
	if (!add(&selection->seqs, h->seq))
		return false;
	if (!selection->has_context)
		return true;
	return (h->actor == 0 || add_if_new(&selection->actors, h->actor)) &&
	       (h->inode == 0 || add_if_new(&selection->inodes, h->inode));
}

static bool fail_reading(enum ink_err err)
{
	complain("cannot read the log: %s", reason_of(err == INK_OK ? INK_ERR_DAMAGED : err));
	return false;
}

static bool is_near(const struct ink_record *record, uint64_t end_place)
{
	return record->place >> 32 == end_place >> 32 && record->place - end_place <= 4096;
}

/*
 * The APPENDs of one run, up to @last.  @next: the first byte still wanted, moved on.  Records of others may lie between;
 * where the run ends the index is asked again.
 */
static bool take_run(struct selection *selection, const struct ink_run *run, uint64_t inode,
		     uint64_t *next, uint64_t last)
{
	enum ink_err err = ink_reader_seek(selection->reader, run->place, run->seq);
	const struct ink_record *record = NULL;
	uint64_t end_place = run->place;

	while (err == INK_OK && *next <= last) {
		const struct ink_header *h;

		err = ink_reader_next(selection->reader, &record);
		if (err != INK_OK || !record || !is_near(record, end_place))
			break;
		h = &record->header;
		if (h->kind != INK_APPEND || h->inode != inode)
			continue;
		end_place = record->place + h->body_size;
		if (h->seq >= selection->size) {
			*next = UINT64_MAX;
			return true;
		}
		if (h->offset + h->body_size <= *next)
			continue;
		if (!take(selection, record))
			return false;
		*next = selection->bytes_end = h->offset + h->body_size;
	}
	return err == INK_OK ? true : fail_reading(err);
}

bool selection_add_bytes(struct selection *selection, uint64_t inode, uint64_t first, uint64_t last)
{
	uint64_t next = first;

	while (next <= last) {
		uint64_t before = next;
		struct ink_run run;
		enum ink_err err = ink_run_at(selection->store, inode, next, &run);

		if (err != INK_OK)
			return fail_reading(err);
		if (!take_run(selection, &run, inode, &next, last))
			return false;
		if (next == before)
			return fail_reading(INK_ERR_DAMAGED);
	}
	return true;
}

/* In order from where the reader stands, up to record @last. */
static bool take_until(struct selection *selection, uint64_t last)
{
	const struct ink_record *record;

	for (;;) {
		enum ink_err err = ink_reader_next(selection->reader, &record);

		if (err != INK_OK || !record)
			return fail_reading(err);
		if (!take(selection, record))
			return false;
		if (record->header.seq >= last)
			return true;
	}
}

bool selection_add_run(struct selection *selection, uint64_t first, uint64_t last)
{
	uint64_t place;
	enum ink_err err;

	if (last >= selection->size) {
		complain("record %" PRIu64 " is not covered by the checkpoint, which has %" PRIu64
			 " records",
			 last, selection->size);
		return false;
	}
	err = ink_place(selection->store, first, &place);
	if (err == INK_OK)
		err = ink_reader_seek(selection->reader, place, first);
	return err == INK_OK ? take_until(selection, last) : fail_reading(err);
}

bool selection_add_all(struct selection *selection)
{
	return take_until(selection, selection->size - 1);
}

/* --- context ----------------------------------------------------------------------------------- */

struct naming {
	struct selection *selection;
	uint64_t parent;
	bool has_failed;
};

static bool on_name(void *ctx, uint64_t parent, uint64_t seq)
{
	struct naming *naming = ctx;

	naming->parent = parent;
	naming->has_failed = !add(&naming->selection->context, seq);
	return !naming->has_failed;
}

/* The records that gave the object its names, and the folders above it theirs. */
static bool add_names(struct selection *selection, uint64_t inode)
{
	for (unsigned i = 0; i < FOLDER_DEPTH_MAX && inode > INK_ROOT_INODE; i++) {
		struct naming naming = { .selection = selection, .parent = 0 };
		enum ink_err err = ink_each_name(selection->store, inode, on_name, &naming);

		if (naming.has_failed)
			return false;
		if (err != INK_OK)
			return fail_reading(err);
		inode = naming.parent;
	}
	return true;
}

bool selection_finish(struct selection *selection)
{
	struct seq_list *context = &selection->context;
	size_t kept = 0;

	sort_unique(&selection->inodes);
	sort_unique(&selection->actors);
	for (size_t i = 0; i < selection->inodes.count; i++) {
		if (!add_names(selection, selection->inodes.items[i]))
			return false;
	}
	for (size_t i = 0; i < selection->actors.count; i++) {
		if (!add(context, selection->actors.items[i]))
			return false;
	}
	sort_unique(context);
	for (size_t i = 0; i < context->count; i++) {
		uint64_t seq = context->items[i];

		if (seq < selection->size &&
		    (selection->seqs.count == 0 ||
		     !bsearch(&seq, selection->seqs.items, selection->seqs.count, sizeof(seq),
			      by_value)))
			context->items[kept++] = seq;
	}
	context->count = kept;
	return true;
}
