/* SPDX-License-Identifier: MIT */
#include "replay_private.h"

#include <stdlib.h>
#include <sys/stat.h>

/* What was erased cannot be read, and is no fault. */
static bool read_record(struct replay *replay, uint64_t seq, const struct ink_header **ret_header,
			union ink_body *ret_body)
{
	const struct ink_record *record = NULL;
	uint64_t place;

	if (ink_place(replay->store, seq, &place) != INK_OK ||
	    ink_reader_seek(replay->reader, place, seq) != INK_OK ||
	    ink_reader_next(replay->reader, &record) != INK_OK || !record || record->is_damaged ||
	    record->is_erased ||
	    ink_body_decode(record->header.kind, record->body, record->header.body_size,
			    ret_body) != INK_OK) {
		replay->has_failed |= !record || !record->is_erased;
		return false;
	}
	*ret_header = &record->header;
	return true;
}

struct loading {
	struct replay *replay;
	uint64_t inode;
};

/* The name that record @seq gave; only if it is a record that gave one to this inode there. */
static bool load_name(void *ctx, uint64_t parent, uint64_t seq)
{
	struct loading *loading = ctx;
	struct replay *replay = loading->replay;
	const struct ink_header *header;
	uint64_t said_parent = 0;
	struct ink_str name = { "", 0 };
	union ink_body body;

	if (!read_record(replay, seq, &header, &body)) {
		replay->has_failed = true;
		return false;
	}
	switch (header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: said_parent = body.node.parent, name = body.node.name; break;
	case INK_LINK: said_parent = body.name.parent, name = body.name.name; break;
	case INK_RENAME: said_parent = body.rename.new_parent, name = body.rename.new_name; break;
	default: break;
	}
	if (header->inode != loading->inode || said_parent != parent) {
		replay->has_failed = true;
		return false;
	}
	if (seq > replay->newest_loaded)
		replay->newest_loaded = seq;
	if (!replay_add_name(replay, loading->inode, parent, name, seq))
		replay->has_failed = true;
	return !replay->has_failed;
}

static void load_node(struct replay *replay, uint64_t inode)
{
	struct loading loading = { replay, inode };
	struct ink_attr attr;

	if (ink_getattr(replay->store, inode, &attr) == INK_OK)
		replay->nodes[inode].is_folder = S_ISDIR(attr.mode);
	if (ink_each_name(replay->store, inode, load_name, &loading) != INK_OK)
		replay->has_failed = true;
}

/* Take in the log from its start up to record @seq, instead of what the index says. */
static bool read_from_start(struct replay *replay, uint64_t seq)
{
	const struct ink_record *record = NULL;
	struct ink_reader *reader;
	struct ink_error error;
	bool is_good;

	if (!replay_forget_names(replay) ||
	    ink_reader_open(replay->store_path, &reader, &error) != INK_OK)
		return false;
	while ((is_good = ink_reader_next(reader, &record) == INK_OK && record) &&
	       record->header.seq < seq) {
		union ink_body body;

		if (record->header.kind == INK_APPEND || record->header.kind == INK_ACTOR ||
		    record->is_erased || record->is_damaged ||
		    ink_body_decode(record->header.kind, record->body, record->header.body_size,
				    &body) != INK_OK)
			continue;
		if (!replay_apply(replay, &record->header, &body)) {
			is_good = false;
			break;
		}
	}
	ink_reader_close(reader);
	return is_good;
}

static void close_within(struct replay *replay)
{
	ink_reader_close(replay->reader);
}

static const struct replay_log within = { read_record, load_node, read_from_start, close_within };

struct replay *replay_open_within(struct ink_store *store, const char *store_path)
{
	struct replay *replay = replay_open();
	struct ink_status status;
	struct ink_error error;
	struct node *nodes;

	if (!replay)
		return NULL;
	ink_status(store, &status);
	nodes = calloc(status.file_count + 1, sizeof(*nodes));
	if (!nodes || ink_reader_open(store_path, &replay->reader, &error) != INK_OK) {
		free(nodes);
		replay_close(replay);
		return NULL;
	}
	nodes[INK_ROOT_INODE] = replay->nodes[INK_ROOT_INODE];
	free(replay->nodes);
	replay->nodes = nodes;
	replay->node_count = replay->node_capacity = status.file_count + 1;
	replay->index_count = replay->store_count = status.record_count;
	replay->log = &within;
	replay->store = store;
	replay->store_path = store_path;
	return replay;
}
