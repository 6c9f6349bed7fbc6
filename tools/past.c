/* SPDX-License-Identifier: MIT */
#include "past.h"

#include "array.h"
#include "common.h"
#include "timespec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static bool is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

bool past_parse(const char *cmd_name, const char *text, struct ink_store *store,
		const char *store_path, uint64_t *ret_count, bool *ret_is_usage)
{
	struct ink_status status;
	struct timespec now;
	uint64_t seq;
	int64_t ns;

	*ret_is_usage = false;
	ink_status(store, &status);
	if (is_number(text)) {
		if (parse_u64(text, &seq) && seq < status.record_count) {
			*ret_count = seq + 1;
			return true;
		}
		complain("there is no record %s; the last is %" PRIu64, text,
			 status.record_count - 1);
		return false;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (!timespec_parse(text, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, &ns)) {
		usage_error(cmd_name, "'%s' is no number of a record and no time", text);
		*ret_is_usage = true;
		return false;
	}
	return records_find_time(store, store_path, ns + 1, ret_count);
}

bool past_open(struct past *past, const char *store_path, bool is_unverified)
{
	struct records_options options = { .is_unverified = is_unverified, .is_scan = true };
	struct filter all;

	*past = (struct past){ 0 };
	filter_init(&all);
	return records_open(&past->records, store_path, &all, &options);
}

void past_close(struct past *past)
{
	records_close(&past->records);
	free(past->nodes);
}

static bool add_node(struct past *past, const struct ink_header *header)
{
	while (past->count <= header->inode) {
		if (!array_grow((void **)&past->nodes, past->count, &past->capacity,
				sizeof(*past->nodes))) {
			complain("out of memory");
			return false;
		}
		past->nodes[past->count++] = (struct past_node){ 0 };
	}
	past->nodes[header->inode].kind = header->kind;
	past->nodes[header->inode].made_seq = header->seq;
	return true;
}

static bool changes_names(uint8_t kind)
{
	return kind >= INK_CREATE && kind <= INK_UNLINK && kind != INK_ATTR;
}

static bool take(struct past *past)
{
	const struct ink_header *header = &past->records.record->header;
	/* Numbers of inodes have no gap, so one far away is a forgery, not a reason to take memory. */
	bool is_next = header->inode <= past->count + 2;

	past->damaged_count += changes_names(header->kind) && !past->records.body;
	switch (header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: return !is_next || add_node(past, header);
	case INK_APPEND:
		if (header->inode < past->count)
			past->nodes[header->inode].size = header->offset + header->body_size;
		return true;
	default: return true;
	}
}

bool past_read_to(struct past *past, uint64_t count, past_fn each, void *ctx)
{
	while (past->records.next_seq < count) {
		enum records_step step = records_next(&past->records);

		if (step == RECORDS_FAILED)
			return false;
		if (step != RECORDS_RECORD) {
			complain(
				"only %" PRIu64 " of %" PRIu64
				" records can be read; what follows is damaged or missing: run 'inkfs verify'",
				past->records.next_seq, count);
			return false;
		}
		if (each && !each(ctx, past))
			return false;
		if (!take(past) || !records_accept(&past->records))
			return false;
	}
	if (past->damaged_count == 0)
		return true;
	complain(
		"%" PRIu64
		" of the records that give and take names %s not what was recorded, so that no path is "
		"certain; run 'inkfs verify'",
		past->damaged_count, past->damaged_count == 1 ? "is" : "are");
	return false;
}

const struct past_node *past_node(const struct past *past, uint64_t inode)
{
	static const struct past_node none;

	return inode < past->count ? &past->nodes[inode] : &none;
}

uint64_t past_find(struct past *past, const char *path)
{
	static const struct ink_str no_name = { "", 0 };
	struct line line = { 0 };
	uint64_t found = 0;
	size_t size = strlen(path);

	while (size > 0 && path[0] == '/')
		path++, size--;
	for (uint64_t inode = 2; inode < past->count && found == 0; inode++) {
		line.size = 0;
		if (replay_path(past->records.replay, past->records.next_seq, inode, no_name,
				&line) &&
		    line.size == size + 1 && memcmp(line.data + 1, path, size) == 0)
			found = inode;
	}
	line_release(&line);
	return found;
}
