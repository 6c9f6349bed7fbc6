/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

/* Deeper is not followed; a forged log may have folders in a circle. */
enum { DEPTH_MAX = 4096 };

struct name {
	struct name *next;
	uint64_t parent;
	uint16_t size;
	char text[];
};

struct node {
	struct name *names;
	bool is_folder;
};

struct replay {
	struct node *nodes; /* by inode; numbers have no gap, 0 is not used */
	size_t node_count, node_capacity;
	struct replay_actor *actors; /* ascending */
	size_t actor_count, actor_capacity;
};

static bool grow(void **items, size_t count, size_t *capacity, size_t item_size)
{
	size_t wanted = *capacity ? 2 * *capacity : 256;
	void *grown;

	if (count < *capacity)
		return true;
	grown = reallocarray(*items, wanted, item_size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}

static bool add_node(struct replay *replay, bool is_folder)
{
	if (!grow((void **)&replay->nodes, replay->node_count, &replay->node_capacity,
		  sizeof(*replay->nodes)))
		return false;
	replay->nodes[replay->node_count++] = (struct node){ .is_folder = is_folder };
	return true;
}

struct replay *replay_open(void)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (replay && add_node(replay, false) && add_node(replay, true))
		return replay;
	replay_close(replay);
	return NULL;
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	for (size_t i = 0; i < replay->node_count; i++) {
		while (replay->nodes[i].names) {
			struct name *name = replay->nodes[i].names;

			replay->nodes[i].names = name->next;
			free(name);
		}
	}
	free(replay->nodes);
	free(replay->actors);
	free(replay);
}

bool replay_is_folder(const struct replay *replay, uint64_t inode)
{
	return inode < replay->node_count && replay->nodes[inode].is_folder;
}

static bool add_name(struct replay *replay, uint64_t inode, uint64_t parent, struct ink_str text)
{
	struct name *name;

	if (inode >= replay->node_count || !replay_is_folder(replay, parent) ||
	    text.size > INK_NAME_SIZE_MAX)
		return true;
	name = malloc(sizeof(*name) + text.size);
	if (!name)
		return false;
	name->parent = parent;
	name->size = (uint16_t)text.size;
	memcpy(name->text, text.data, text.size);
	name->next = replay->nodes[inode].names;
	replay->nodes[inode].names = name;
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
			return;
		}
	}
}

static bool add_actor(struct replay *replay, uint64_t seq, const struct ink_body_actor *body)
{
	struct replay_actor *actor;
	size_t size = body->comm.size;

	if (!grow((void **)&replay->actors, replay->actor_count, &replay->actor_capacity,
		  sizeof(*replay->actors)))
		return false;
	actor = &replay->actors[replay->actor_count++];
	*actor = (struct replay_actor){ .seq = seq, .pid = body->pid };
	if (size >= sizeof(actor->comm))
		size = sizeof(actor->comm) - 1;
	if (size > 0)
		memcpy(actor->comm, body->comm.data, size);
	return true;
}

static bool add_made(struct replay *replay, const struct ink_header *header,
		     const struct ink_body_node *body)
{
	if (header->inode != replay->node_count)
		return true;
	return add_node(replay, header->kind == INK_MKDIR) &&
	       add_name(replay, header->inode, body->parent, body->name);
}

bool replay_apply(struct replay *replay, const struct ink_header *header,
		  const union ink_body *body)
{
	switch (header->kind) {
	case INK_ACTOR: return add_actor(replay, header->seq, &body->actor);
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: return add_made(replay, header, &body->node);
	case INK_LINK: return add_name(replay, header->inode, body->name.parent, body->name.name);
	case INK_UNLINK:
		drop_name(replay, header->inode, body->name.parent, body->name.name);
		return true;
	case INK_RENAME:
		drop_name(replay, header->inode, body->rename.old_parent, body->rename.old_name);
		return add_name(replay, header->inode, body->rename.new_parent,
				body->rename.new_name);
	default: return true;
	}
}

/* Put "/TEXT" before the @used bytes at the end of *buf. */
static bool prepend(char **buf, size_t *capacity, size_t *used, const char *text, size_t size)
{
	while (*capacity - *used < size + 2) {
		size_t wanted = 2 * *capacity;
		char *grown = malloc(wanted);

		if (!grown)
			return false;
		memcpy(grown + wanted - *used, *buf + *capacity - *used, *used);
		free(*buf);
		*buf = grown;
		*capacity = wanted;
	}
	*used += size;
	if (size > 0)
		memcpy(*buf + *capacity - *used, text, size);
	*used += 1;
	(*buf)[*capacity - *used] = '/';
	return true;
}

/* The names from @inode up to the root.  false if one is missing, or without memory. */
static bool climb(const struct replay *replay, uint64_t inode, char **buf, size_t *capacity,
		  size_t *used)
{
	for (unsigned depth = 0; inode != INK_ROOT_INODE; depth++) {
		const struct name *name =
			inode < replay->node_count ? replay->nodes[inode].names : NULL;

		if (!name || depth == DEPTH_MAX)
			return false;
		if (!prepend(buf, capacity, used, name->text, name->size))
			return false;
		inode = name->parent;
	}
	return *used > 0 || prepend(buf, capacity, used, "", 0);
}

char *replay_path(const struct replay *replay, uint64_t inode, struct ink_str name,
		  size_t *ret_size)
{
	size_t capacity = 512, used = 0;
	char *buf = malloc(capacity);
	bool is_good = buf &&
		       (name.size == 0 || prepend(&buf, &capacity, &used, name.data, name.size)) &&
		       climb(replay, inode, &buf, &capacity, &used);

	if (!is_good) {
		free(buf);
		return NULL;
	}
	memmove(buf, buf + capacity - used, used);
	buf[used] = '\0';
	*ret_size = used;
	return buf;
}

static int compare_actors(const void *a, const void *b)
{
	const struct replay_actor *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

const struct replay_actor *replay_actor(const struct replay *replay, uint64_t seq)
{
	struct replay_actor key = { .seq = seq };

	if (replay->actor_count == 0)
		return NULL;
	return bsearch(&key, replay->actors, replay->actor_count, sizeof(key), compare_actors);
}
