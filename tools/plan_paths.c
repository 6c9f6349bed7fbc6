/* SPDX-License-Identifier: MIT */
#include "plan_paths.h"

#include "array.h"
#include "common.h"
#include "ranges.h"

#include <stdlib.h>
#include <sys/stat.h>

/* What is visited costs a microsecond; records that would be read in vain cost half of that. */
enum { VISIT_COUNT_MAX = 20000, DEPTH_MAX = 128 };
/* Names are taken away here and there only, or else all is read: one block of so many. */
enum { GONE_SHARE = 4 };

struct entry {
	uint64_t parent, inode;
	struct ink_str name; /* heap */
};

struct entries {
	struct entry *items;
	size_t count, capacity;
};

struct search {
	struct plan_paths *paths;
	struct ink_store *store;
	struct entries gone; /* what was taken away, whenever that was */
	const char *pattern; /* with a slash in front, if it must begin with one */
	size_t prefix_size;  /* of the pattern, before what may stand for something else */
	bool is_literal;     /* that is all of it */
	struct line path;    /* of the folder that is being visited; empty: the root */
	unsigned visit_count;
	bool has_failed;
};

static void entries_release(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free((char *)(uintptr_t)entries->items[i].name.data);
	free(entries->items);
	*entries = (struct entries){ 0 };
}

static bool entries_add(struct entries *entries, uint64_t parent, struct ink_str name,
			uint64_t inode)
{
	char *copy = malloc((size_t)name.size + 1);

	if (!copy || !array_grow((void **)&entries->items, entries->count, &entries->capacity,
				 sizeof(*entries->items))) {
		free(copy);
		return false;
	}
	memcpy(copy, name.data, name.size);
	entries->items[entries->count++] = (struct entry){ parent, inode, { copy, name.size } };
	return true;
}

/* --- names that were ------------------------------------------------------------------------- */

static bool may_take_names(void *ctx, const struct ink_block *block, uint64_t first)
{
	(void)ctx;
	(void)first;
	return (block->kinds & (1U << INK_RENAME | 1U << INK_UNLINK)) != 0;
}

static bool take_gone(void *ctx, const struct ink_record *record)
{
	const struct ink_header *header = &record->header;
	struct search *search = ctx;
	union ink_body body;

	if (header->kind != INK_RENAME && header->kind != INK_UNLINK)
		return true;
	/* Whoever reads on finds out what is wrong with it. */
	if (record->is_damaged || record->is_erased ||
	    ink_body_decode(header->kind, record->body, header->body_size, &body) != INK_OK) {
		search->paths->is_any = true;
		return false;
	}
	if (header->kind == INK_RENAME)
		search->has_failed = !entries_add(&search->gone, body.rename.old_parent,
						  body.rename.old_name, header->inode);
	else
		search->has_failed = !entries_add(&search->gone, body.name.parent, body.name.name,
						  header->inode);
	return !search->has_failed;
}

static uint64_t sum(const struct ranges *ranges)
{
	uint64_t count = 0;

	for (size_t i = 0; i < ranges->count; i++)
		count += ranges->items[i].to - ranges->items[i].from;
	return count;
}

static bool find_gone(struct search *search, const char *store_path)
{
	struct ranges ranges = { 0 };
	struct ink_reader *reader = NULL;
	struct ink_status status;
	struct ink_error error;
	bool is_whole, is_good;

	ink_status(search->store, &status);
	is_good = ranges_find(&ranges, search->store, status.record_count, may_take_names, NULL);
	if (is_good && sum(&ranges) > status.record_count / GONE_SHARE + INK_BLOCK_COUNT) {
		search->paths->is_any = true;
	} else if (is_good && ranges.count > 0) {
		if (ink_reader_open(store_path, &reader, &error) != INK_OK ||
		    ranges_read(&ranges, search->store, reader, take_gone, search, &is_whole) !=
			    INK_OK)
			search->paths->is_any = true;
	}
	ink_reader_close(reader);
	ranges_release(&ranges);
	return is_good;
}

/* --- from the root downwards ----------------------------------------------------------------- */

static void visit(struct search *search, uint64_t folder, unsigned depth);

static bool is_over(const struct search *search)
{
	return search->has_failed || search->paths->is_any;
}

/* Can what the pattern means be this path, or lie beneath it? */
static bool leads_on(const struct search *search)
{
	size_t size =
		search->path.size < search->prefix_size ? search->path.size : search->prefix_size;

	return memcmp(search->path.data, search->pattern, size) == 0;
}

static void take_entry(struct search *search, const struct entry *entry, unsigned depth)
{
	size_t start = search->path.size;
	struct ink_attr attr;

	if (++search->visit_count > VISIT_COUNT_MAX || depth == DEPTH_MAX) {
		search->paths->is_any = true;
		return;
	}
	line_putc(&search->path, '/');
	line_put(&search->path, entry->name.data, entry->name.size);
	line_putc(&search->path, '\0');
	search->path.size--;
	search->has_failed |= search->path.has_failed;
	if (!is_over(search) && leads_on(search)) {
		if (filter_path_matches(search->pattern, search->path.data) &&
		    !marks_add(&search->paths->objects, ink_mark_inode(entry->inode)))
			search->paths->is_any = true;
		else if (ink_getattr(search->store, entry->inode, &attr) != INK_OK)
			search->paths->is_any = true;
		else if (S_ISDIR(attr.mode))
			visit(search, entry->inode, depth + 1);
	}
	search->path.size = start;
}

/* The one name in this folder that leads on, if the pattern says it; false: it may be any. */
static bool next_name(const struct search *search, struct ink_str *ret_name, bool *ret_is_last)
{
	size_t at = search->path.size + 1, end = at;

	if (at > search->prefix_size)
		return false;
	while (end < search->prefix_size && search->pattern[end] != '/')
		end++;
	*ret_is_last = end == search->prefix_size;
	*ret_name = (struct ink_str){ search->pattern + at, (uint32_t)(end - at) };
	return end > at && (!*ret_is_last || search->is_literal);
}

static bool add_entry(void *ctx, const struct ink_entry *found)
{
	struct entries *entries = ctx;

	return entries->count <= VISIT_COUNT_MAX &&
	       entries_add(entries, 0, (struct ink_str){ found->name, found->name_size },
			   found->inode);
}

/* What the folder holds now: one name of it, or if @wanted is NULL all. */
static bool list_present(struct search *search, uint64_t folder, const struct ink_str *wanted,
			 struct entries *ret_entries)
{
	char name[INK_NAME_SIZE_MAX + 1];
	struct ink_attr attr;
	enum ink_err err;

	if (!wanted) {
		err = ink_readdir(search->store, folder, 0, add_entry, ret_entries);
		return err == INK_OK || err == INK_ERR_NOT_DIR;
	}
	if (wanted->size > INK_NAME_SIZE_MAX)
		return true;
	memcpy(name, wanted->data, wanted->size);
	name[wanted->size] = '\0';
	err = ink_lookup(search->store, folder, name, &attr);
	if (err == INK_OK)
		return entries_add(ret_entries, folder, *wanted, attr.inode);
	return err == INK_ERR_NOT_FOUND || err == INK_ERR_NOT_DIR;
}

static void visit(struct search *search, uint64_t folder, unsigned depth)
{
	struct entries entries = { 0 };
	struct ink_str name;
	bool is_last = false, is_one = next_name(search, &name, &is_last);

	if (is_one && is_last &&
	    !marks_add(&search->paths->refused, ink_mark_refused_name(folder, name)))
		search->paths->is_any = true;
	if (!list_present(search, folder, is_one ? &name : NULL, &entries))
		search->paths->is_any = true;
	for (size_t i = 0; i < entries.count && !is_over(search); i++)
		take_entry(search, &entries.items[i], depth);
	for (size_t i = 0; i < search->gone.count && !is_over(search); i++) {
		const struct entry *gone = &search->gone.items[i];

		if (gone->parent == folder &&
		    (!is_one || (gone->name.size == name.size &&
				 memcmp(gone->name.data, name.data, name.size) == 0)))
			take_entry(search, gone, depth);
	}
	entries_release(&entries);
}

/* --- patterns -------------------------------------------------------------------------------- */

static void find_pattern(struct search *search, const char *pattern)
{
	struct plan_paths *paths = search->paths;
	size_t size = strcspn(pattern, "*?[\\");

	search->pattern = pattern;
	search->is_literal = pattern[size] == '\0';
	while (search->is_literal && size > 0 && pattern[size - 1] == '/')
		size--;
	search->prefix_size = size;
	/* "/": all of them. */
	if (search->is_literal && size == 0) {
		paths->is_any = true;
		return;
	}
	paths->takes_any_refusal |= !search->is_literal;
	if (filter_path_matches(pattern, "/") &&
	    !marks_add(&paths->objects, ink_mark_inode(INK_ROOT_INODE)))
		paths->is_any = true;
	visit(search, INK_ROOT_INODE, 0);
}

/* The first slash may be left out, unless a '*' stands for it. */
static void find_word(struct search *search, const char *word)
{
	char *with_slash;

	if (word[0] == '/' || strchr("*?[\\", word[0])) {
		find_pattern(search, word);
		return;
	}
	if (asprintf(&with_slash, "/%s", word) < 0) {
		search->has_failed = true;
		return;
	}
	find_pattern(search, with_slash);
	free(with_slash);
}

bool plan_paths_find(struct plan_paths *paths, const struct filter *filter, struct ink_store *store,
		     const char *store_path)
{
	struct search search = { .paths = paths, .store = store };
	bool is_good;

	paths->is_any = paths->takes_any_refusal = false;
	paths->objects.count = paths->refused.count = 0;
	is_good = find_gone(&search, store_path);
	for (size_t i = 0; is_good && i < filter->paths.count && !is_over(&search); i++)
		find_word(&search, filter->paths.words[i]);
	if (search.has_failed)
		complain("out of memory");
	entries_release(&search.gone);
	line_release(&search.path);
	return is_good && !search.has_failed;
}
