/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include "actors.h"
#include "array.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Deeper is not followed; a forged log may have folders in a circle. */
enum { DEPTH_MAX = 4096, KNOWN_PATH_COUNT = 1024 };

struct name {
	struct name *next; /* an older one */
	uint64_t parent;
	uint64_t seq; /* of the record that made it */
	uint16_t size;
	char text[];
};

struct node {
	struct name *names; /* the newest first */
	bool is_folder;
	bool is_loaded;
};

/* A path that was put together lately. */
struct known_path {
	uint64_t inode;   /* 0: none */
	uint64_t changes; /* replay->changes then */
	char *text;
	size_t size;
};

struct replay {
	struct node *nodes; /* by inode; 0 is not used */
	size_t node_count, node_capacity;
	struct actors *actors;
	uint64_t changes; /* of names, so far */
	struct known_path known[KNOWN_PATH_COUNT];
	/* Within a log: records before this one are in the index and are not taken in again.  Else 0. */
	uint64_t index_count;
	struct ink_store *store;
	uint64_t store_count; /* records in it; an ACTOR among them can be looked up */
	const char *store_path;
	struct ink_reader *reader;
	uint64_t newest_loaded; /* no name loaded so far was made later */
	bool has_failed;
};

static bool add_node(struct replay *replay, bool is_folder)
{
	if (!array_grow((void **)&replay->nodes, replay->node_count, &replay->node_capacity,
			sizeof(*replay->nodes)))
		return false;
	replay->nodes[replay->node_count++] =
		(struct node){ .is_folder = is_folder, .is_loaded = true };
	return true;
}

struct replay *replay_open(void)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (replay)
		replay->actors = actors_open();
	if (replay && replay->actors && add_node(replay, false) && add_node(replay, true))
		return replay;
	replay_close(replay);
	return NULL;
}

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
	replay->store = store;
	replay->store_path = store_path;
	return replay;
}

static void drop_nodes(struct replay *replay)
{
	for (size_t i = 0; i < replay->node_count; i++) {
		while (replay->nodes[i].names) {
			struct name *name = replay->nodes[i].names;

			replay->nodes[i].names = name->next;
			free(name);
		}
	}
	free(replay->nodes);
	replay->nodes = NULL;
	replay->node_count = replay->node_capacity = 0;
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	drop_nodes(replay);
	actors_close(replay->actors);
	for (size_t i = 0; i < KNOWN_PATH_COUNT; i++)
		free(replay->known[i].text);
	ink_reader_close(replay->reader);
	free(replay);
}

bool replay_has_failed(const struct replay *replay)
{
	return replay->has_failed;
}

/* --- names ---------------------------------------------------------------------- */

static bool add_name(struct replay *replay, uint64_t inode, uint64_t parent, struct ink_str text,
		     uint64_t seq)
{
	struct name *name;

	if (inode >= replay->node_count || text.size > INK_NAME_SIZE_MAX)
		return true;
	name = malloc(sizeof(*name) + text.size);
	if (!name)
		return false;
	name->parent = parent;
	name->seq = seq;
	name->size = (uint16_t)text.size;
	memcpy(name->text, text.data, text.size);
	name->next = replay->nodes[inode].names;
	replay->nodes[inode].names = name;
	replay->changes++;
	return true;
}

static void drop_name(struct replay *replay, uint64_t inode, uint64_t parent, struct ink_str text)
{
	struct name **at;

	if (inode >= replay->node_count)
		return;
	for (at = &replay->nodes[inode].names; *at; at = &(*at)->next) {
		struct name *name = *at;

		if (name->parent == parent && name->size == text.size &&
		    memcmp(name->text, text.data, text.size) == 0) {
			*at = name->next;
			free(name);
			replay->changes++;
			return;
		}
	}
}

/* --- from the index and the records that it leads to -------------------------------- */

/* Record @seq, checked; its body is valid until the next call.  false: it cannot be read. */
static bool read_record(struct replay *replay, uint64_t seq, const struct ink_header **ret_header,
			union ink_body *ret_body)
{
	const struct ink_record *record = NULL;
	uint64_t place;

	if (ink_place(replay->store, seq, &place) != INK_OK ||
	    ink_reader_seek(replay->reader, place, seq) != INK_OK ||
	    ink_reader_next(replay->reader, &record) != INK_OK || !record || record->is_erased ||
	    record->is_damaged ||
	    ink_body_decode(record->header.kind, record->body, record->header.body_size,
			    ret_body) != INK_OK) {
		replay->has_failed = true;
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

	if (!read_record(replay, seq, &header, &body))
		return false;
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
	if (!add_name(replay, loading->inode, parent, name, seq))
		replay->has_failed = true;
	return !replay->has_failed;
}

static void load_node(struct replay *replay, uint64_t inode)
{
	struct loading loading = { replay, inode };
	struct ink_attr attr;

	if (inode >= replay->node_count || replay->nodes[inode].is_loaded)
		return;
	replay->nodes[inode].is_loaded = true;
	if (ink_getattr(replay->store, inode, &attr) == INK_OK)
		replay->nodes[inode].is_folder = S_ISDIR(attr.mode);
	if (ink_each_name(replay->store, inode, load_name, &loading) != INK_OK)
		replay->has_failed = true;
}

bool replay_is_folder(struct replay *replay, uint64_t inode)
{
	load_node(replay, inode);
	return inode < replay->node_count && replay->nodes[inode].is_folder;
}

const struct replay_actor *replay_actor(struct replay *replay, uint64_t seq)
{
	const struct replay_actor *actor = actors_find(replay->actors, seq);
	const struct ink_header *header;
	union ink_body body;

	if (actor || seq == 0 || seq >= replay->store_count)
		return actor;
	if (!read_record(replay, seq, &header, &body) || header->kind != INK_ACTOR ||
	    !actors_add(replay->actors, header, &body.actor))
		return NULL;
	return actors_find(replay->actors, seq);
}

/* --- records, in order ---------------------------------------------------------------- */

static bool add_made(struct replay *replay, const struct ink_header *header,
		     const struct ink_body_node *body)
{
	if (header->inode != replay->node_count)
		return true;
	return add_node(replay, header->kind == INK_MKDIR) &&
	       (!replay_is_folder(replay, body->parent) ||
		add_name(replay, header->inode, body->parent, body->name, header->seq));
}

bool replay_apply(struct replay *replay, const struct ink_header *header,
		  const union ink_body *body)
{
	if (header->kind == INK_ACTOR)
		return actors_add(replay->actors, header, &body->actor);
	if (header->seq < replay->index_count)
		return true;
	load_node(replay, header->inode);
	switch (header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: return add_made(replay, header, &body->node);
	case INK_LINK:
		return !replay_is_folder(replay, body->name.parent) ||
		       add_name(replay, header->inode, body->name.parent, body->name.name,
				header->seq);
	case INK_UNLINK:
		drop_name(replay, header->inode, body->name.parent, body->name.name);
		return true;
	case INK_RENAME:
		drop_name(replay, header->inode, body->rename.old_parent, body->rename.old_name);
		return !replay_is_folder(replay, body->rename.new_parent) ||
		       add_name(replay, header->inode, body->rename.new_parent,
				body->rename.new_name, header->seq);
	default: return true;
	}
}

/* Take in the log from its start up to record @seq, instead of what the index says. */
static bool read_from_start(struct replay *replay, uint64_t seq)
{
	const struct ink_record *record = NULL;
	struct ink_reader *reader;
	struct ink_error error;
	bool is_good;

	drop_nodes(replay);
	replay->index_count = 0;
	replay->changes++;
	if (!add_node(replay, false) || !add_node(replay, true) ||
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

/* --- paths ------------------------------------------------------------------------------ */

static const struct name *name_before(struct replay *replay, uint64_t inode, uint64_t seq)
{
	const struct name *name;

	load_node(replay, inode);
	name = inode < replay->node_count ? replay->nodes[inode].names : NULL;
	while (name && name->seq >= seq)
		name = name->next;
	return name;
}

/* The names from @inode up to the root, written from the end of @buf to the front. */
static bool climb(struct replay *replay, uint64_t seq, uint64_t inode, struct line *out)
{
	const struct name *names[DEPTH_MAX];
	size_t count = 0, size = 0;
	char *to;

	for (; inode != INK_ROOT_INODE; inode = names[count++]->parent) {
		if (count == DEPTH_MAX)
			return false;
		names[count] = name_before(replay, inode, seq);
		if (!names[count])
			return false;
		size += 1 + (size_t)names[count]->size;
	}
	to = line_reserve(out, size + 1);
	if (!to)
		return false;
	while (count > 0) {
		const struct name *name = names[--count];

		line_putc(out, '/');
		line_put(out, name->text, name->size);
	}
	return true;
}

/* climb(), but what was climbed lately is remembered. */
static bool put_path(struct replay *replay, uint64_t seq, uint64_t inode, struct line *out)
{
	struct known_path *known = &replay->known[inode % KNOWN_PATH_COUNT];
	size_t start = out->size;
	char *text;

	if (known->inode == inode && known->changes == replay->changes) {
		line_put(out, known->text, known->size);
		return true;
	}
	if (!climb(replay, seq, inode, out)) {
		out->size = start;
		return false;
	}
	/* Names that are made later must not have been passed over, or the path is not good for all that follow. */
	if (seq <= replay->newest_loaded)
		return true;
	text = malloc(out->size - start + 1);
	if (!text)
		return true;
	memcpy(text, out->data + start, out->size - start);
	free(known->text);
	*known = (struct known_path){ inode, replay->changes, text, out->size - start };
	return true;
}

bool replay_path(struct replay *replay, uint64_t seq, uint64_t inode, struct ink_str name,
		 struct line *out)
{
	size_t start = out->size;

	if (!put_path(replay, seq, inode, out)) {
		/* A name that is gone: only the records themselves know it. */
		if (seq > replay->index_count || replay->index_count == 0 ||
		    inode >= replay->node_count)
			return false;
		if (!read_from_start(replay, seq)) {
			replay->has_failed = true;
			return false;
		}
		if (!put_path(replay, seq, inode, out))
			return false;
	}
	if (name.size > 0 || out->size == start)
		line_putc(out, '/');
	line_put(out, name.data, name.size);
	return true;
}

void replay_each(const struct replay *replay, void (*each)(void *ctx, uint64_t inode), void *ctx)
{
	for (size_t inode = 0; inode < replay->node_count; inode++) {
		if (replay->nodes[inode].names)
			each(ctx, inode);
	}
}
