/* SPDX-License-Identifier: MIT */
#include "replay_private.h"

#include "actors.h"
#include "array.h"

#include <stdlib.h>
#include <string.h>

/* Deeper is not followed; a forged log may have folders in a circle. */
enum { DEPTH_MAX = 4096 };

bool replay_add_node(struct replay *replay, bool is_folder)
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
	if (replay && replay->actors && replay_add_node(replay, false) &&
	    replay_add_node(replay, true))
		return replay;
	replay_close(replay);
	return NULL;
}

void replay_drop_nodes(struct replay *replay)
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

bool replay_forget_names(struct replay *replay)
{
	replay_drop_nodes(replay);
	replay->index_count = 0;
	replay->changes++;
	return replay_add_node(replay, false) && replay_add_node(replay, true);
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	replay_drop_nodes(replay);
	actors_close(replay->actors);
	for (size_t i = 0; i < KNOWN_PATH_COUNT; i++)
		free(replay->known[i].text);
	if (replay->log)
		replay->log->close(replay);
	free(replay);
}

bool replay_has_failed(const struct replay *replay)
{
	return replay->has_failed;
}

/* --- names ---------------------------------------------------------------------- */

bool replay_add_name(struct replay *replay, uint64_t inode, uint64_t parent, struct ink_str text,
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

static void load_node(struct replay *replay, uint64_t inode)
{
	if (inode >= replay->node_count || replay->nodes[inode].is_loaded)
		return;
	replay->nodes[inode].is_loaded = true;
	if (replay->log)
		replay->log->load_node(replay, inode);
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
	if (!replay->log->read_record(replay, seq, &header, &body) || header->kind != INK_ACTOR ||
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
	return replay_add_node(replay, header->kind == INK_MKDIR) &&
	       (!replay_is_folder(replay, body->parent) ||
		replay_add_name(replay, header->inode, body->parent, body->name, header->seq));
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
		       replay_add_name(replay, header->inode, body->name.parent, body->name.name,
				       header->seq);
	case INK_UNLINK:
		drop_name(replay, header->inode, body->name.parent, body->name.name);
		return true;
	case INK_RENAME:
		drop_name(replay, header->inode, body->rename.old_parent, body->rename.old_name);
		return !replay_is_folder(replay, body->rename.new_parent) ||
		       replay_add_name(replay, header->inode, body->rename.new_parent,
				       body->rename.new_name, header->seq);
	default: return true;
	}
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
		if (!replay->log->read_from_start(replay, seq)) {
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
