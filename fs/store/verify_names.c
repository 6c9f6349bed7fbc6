/* SPDX-License-Identifier: MIT */
/* The name space, replayed in memory: names in a hash table, inodes in an array by number. */
#include "verify_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { BUCKETS_MIN = 1024, CLIMB_MAX = 4096 };

/* --- tables -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

/* Seeded, so that nobody can choose names that all fall into one bucket. */
static uint64_t hash_name(const struct names *names, uint64_t parent, const char *name, size_t size)
{
	uint64_t hash = mix(parent ^ names->seed);

	while (size > 0) {
		uint64_t word = 0;
		size_t part = size < 8 ? size : 8;

		memcpy(&word, name, part);
		hash = mix(hash ^ word) + part;
		name += part;
		size -= part;
	}
	return hash;
}

struct vname *names_find(const struct names *names, uint64_t parent, const char *name, size_t size)
{
	struct vname *n;

	if (names->bucket_count == 0)
		return NULL;
	n = names->buckets[hash_name(names, parent, name, size) & (names->bucket_count - 1)];
	while (n && (n->parent != parent || n->size != size || memcmp(n->bytes, name, size) != 0))
		n = n->next;
	return n;
}

static bool grow_buckets(struct verify *v)
{
	struct names *names = &v->names;
	size_t count = names->bucket_count ? names->bucket_count * 2 : BUCKETS_MIN;
	struct vname **buckets = calloc(count, sizeof(*buckets));

	if (!buckets) {
		v->has_no_memory = true;
		return false;
	}
	if (names->bucket_count == 0 &&
	    getrandom(&names->seed, sizeof(names->seed), GRND_NONBLOCK) < 0)
		names->seed = (uint64_t)(uintptr_t)buckets;
	for (size_t i = 0; i < names->bucket_count; i++) {
		struct vname *n = names->buckets[i];

		while (n) {
			struct vname *next = n->next;
			size_t at = hash_name(names, n->parent, n->bytes, n->size) & (count - 1);

			n->next = buckets[at];
			buckets[at] = n;
			n = next;
		}
	}
	free(names->buckets);
	names->buckets = buckets;
	names->bucket_count = count;
	return true;
}

const struct vnode *names_node(const struct names *names, uint64_t next_inode, uint64_t number)
{
	return number >= 1 && number < next_inode ? &names->nodes[number - 1] : NULL;
}

static struct vnode *node_of(struct verify *v, uint64_t number)
{
	return number >= 1 && number < v->chain.next_inode ? &v->names.nodes[number - 1] : NULL;
}

static struct vname *add_name(struct verify *v, uint64_t parent, struct ink_str name,
			      uint64_t inode, uint64_t seq)
{
	struct names *names = &v->names;
	struct vname *n;
	size_t at;

	if (names->name_count >= names->bucket_count && !grow_buckets(v))
		return NULL;
	n = malloc(sizeof(*n) + name.size);
	if (!n) {
		v->has_no_memory = true;
		return NULL;
	}
	*n = (struct vname){
		.parent = parent, .inode = inode, .cookie = COOKIE_BASE + seq, .size = name.size
	};
	memcpy(n->bytes, name.data, name.size);
	at = hash_name(names, parent, n->bytes, n->size) & (names->bucket_count - 1);
	n->next = names->buckets[at];
	names->buckets[at] = n;
	n->next_of_inode = names->nodes[inode - 1].names;
	names->nodes[inode - 1].names = n;
	names->name_count++;
	return n;
}

static void remove_name(struct verify *v, struct vname *name)
{
	struct names *names = &v->names;
	size_t at =
		hash_name(names, name->parent, name->bytes, name->size) & (names->bucket_count - 1);
	struct vname **link = &names->buckets[at];

	while (*link != name)
		link = &(*link)->next;
	*link = name->next;
	link = &names->nodes[name->inode - 1].names;
	while (*link != name)
		link = &(*link)->next_of_inode;
	*link = name->next_of_inode;
	names->name_count--;
	free(name);
}

void names_release(struct names *names)
{
	for (size_t i = 0; i < names->bucket_count; i++) {
		while (names->buckets[i]) {
			struct vname *n = names->buckets[i];

			names->buckets[i] = n->next;
			free(n);
		}
	}
	for (size_t i = 0; i < names->node_count; i++)
		free(names->nodes[i].target);
	free(names->buckets);
	free(names->nodes);
	*names = (struct names){ 0 };
}

void names_path(const struct names *names, uint64_t inode, char *ret_path, size_t size)
{
	char *p = ret_path + size - 1;

	*p = 0;
	for (unsigned steps = 0; inode != INK_ROOT_INODE; steps++) {
		const struct vname *n = names->nodes[inode - 1].names;

		if (!n && steps == 0) {
			snprintf(ret_path, size, "(inode %llu)", (unsigned long long)inode);
			return;
		}
		if (!n || steps == CLIMB_MAX || (size_t)(p - ret_path) < n->size + 4) {
			p -= 3;
			memcpy(p, "…", 3);
			break;
		}
		p -= n->size;
		memcpy(p, n->bytes, n->size);
		*--p = '/';
		inode = n->parent;
	}
	if (!*p)
		*--p = '/';
	memmove(ret_path, p, (size_t)(ret_path + size - p));
}

/* --- changes ------------------------------------------------------------------------------- */

/* Once a record is lost or breaks a rule the name space is not known any more, and saying so again helps nobody. */
static void break_names(struct verify *v, enum ink_finding_code code,
			const struct ink_record *record, const char *what)
{
	if (!v->names.is_partial)
		report_record(v, code, record, "%s: %s", ink_kind_name(record->header.kind), what);
	v->names.is_partial = true;
}

static struct vnode *folder_of(struct verify *v, const struct ink_record *record, uint64_t number)
{
	struct vnode *folder = node_of(v, number);

	if (folder && S_ISDIR(folder->mode) && folder->nlink > 0)
		return folder;
	break_names(v, INK_FIND_NAMES, record, "the folder is not there, or is none");
	return NULL;
}

static struct vnode *object_of(struct verify *v, const struct ink_record *record)
{
	struct vnode *node = node_of(v, record->header.inode);

	if (!node)
		break_names(v, INK_FIND_NAMES, record, "its object is not there");
	return node;
}

static bool name_is_free(struct verify *v, const struct ink_record *record, uint64_t parent,
			 struct ink_str name)
{
	if (!names_find(&v->names, parent, name.data, name.size))
		return true;
	break_names(v, INK_FIND_NAMES, record, "the name is taken");
	return false;
}

static struct vname *held_name(struct verify *v, const struct ink_record *record, uint64_t parent,
			       struct ink_str name)
{
	struct vname *held = names_find(&v->names, parent, name.data, name.size);

	if (held && held->inode == record->header.inode)
		return held;
	break_names(v, INK_FIND_NAMES, record, "the name is not there, or is another object's");
	return NULL;
}

static void touch_folder(struct vnode *folder, const struct ink_record *record)
{
	folder->mtime = record->header.wall_ns;
	folder->ctime = record->header.wall_ns;
}

/* The new inode's place in the array; it counts only once chain.next_inode is raised. */
static struct vnode *new_node(struct verify *v, const struct ink_record *record)
{
	struct names *names = &v->names;
	struct vnode *node;
	int64_t wall = record->header.wall_ns;

	if (!verify_grow(v, &names->nodes, &names->node_room, v->chain.next_inode - 1,
			 sizeof(names->nodes[0])))
		return NULL;
	node = &names->nodes[v->chain.next_inode - 1];
	if (v->chain.next_inode > names->node_count)
		names->node_count = v->chain.next_inode;
	*node = (struct vnode){ .atime = wall, .mtime = wall, .ctime = wall, .btime = wall };
	v->chain.next_inode++;
	return node;
}

static void apply_genesis(struct verify *v, const struct ink_record *record,
			  const struct ink_body_genesis *g)
{
	struct vnode *root;

	if (v->chain.next_inode != INK_ROOT_INODE)
		return;
	root = new_node(v, record);
	if (!root)
		return;
	root->mode = g->root_mode;
	root->uid = record->header.uid;
	root->gid = record->header.gid;
	root->nlink = 2;
	root->parent = INK_ROOT_INODE;
}

static void apply_node(struct verify *v, const struct ink_record *record,
		       const struct ink_body_node *body)
{
	bool is_dir = record->header.kind == INK_MKDIR;
	struct vnode *node, *folder;

	if (record->header.inode != v->chain.next_inode) {
		break_names(v, INK_FIND_NAMES, record,
			    "the number of the new inode is not the next one");
		return;
	}
	if (!folder_of(v, record, body->parent) ||
	    !name_is_free(v, record, body->parent, body->name))
		return;
	node = new_node(v, record);
	if (!node ||
	    !add_name(v, body->parent, body->name, record->header.inode, record->header.seq))
		return;
	node->mode = body->mode;
	node->uid = body->uid;
	node->gid = body->gid;
	node->nlink = is_dir ? 2 : 1;
	node->parent = is_dir ? body->parent : 0;
	if (record->header.kind == INK_SYMLINK) {
		node->size = body->target.size;
		node->target = malloc(body->target.size);
		if (!node->target) {
			v->has_no_memory = true;
			return;
		}
		memcpy(node->target, body->target.data, body->target.size);
		v->names.symlink_count++;
	}
	folder = node_of(v, body->parent);
	folder->nlink += is_dir;
	folder->has_held = true;
	touch_folder(folder, record);
}

static void apply_attr(struct verify *v, const struct ink_record *record,
		       const struct ink_body_attr *body)
{
	struct vnode *node = object_of(v, record);

	if (!node)
		return;
	if (body->mask & INK_ATTR_MODE)
		node->mode = (node->mode & S_IFMT) | body->mode;
	if (body->mask & INK_ATTR_UID)
		node->uid = body->uid;
	if (body->mask & INK_ATTR_GID)
		node->gid = body->gid;
	if (body->mask & INK_ATTR_ATIME)
		node->atime = body->atime_ns;
	if (body->mask & INK_ATTR_MTIME)
		node->mtime = body->mtime_ns;
	node->ctime = record->header.wall_ns;
}

static bool is_beneath(struct verify *v, uint64_t folder, uint64_t above)
{
	while (folder != INK_ROOT_INODE) {
		if (folder == above)
			return true;
		folder = v->names.nodes[folder - 1].parent;
	}
	return above == INK_ROOT_INODE;
}

static void apply_rename(struct verify *v, const struct ink_record *record,
			 const struct ink_body_rename *body)
{
	struct vnode *node = object_of(v, record), *from, *to;
	uint64_t inode = record->header.inode;
	struct vname *held;

	if (!node || !(from = folder_of(v, record, body->old_parent)) ||
	    !(to = folder_of(v, record, body->new_parent)) ||
	    !(held = held_name(v, record, body->old_parent, body->old_name)) ||
	    !name_is_free(v, record, body->new_parent, body->new_name))
		return;
	if (S_ISDIR(node->mode) && is_beneath(v, body->new_parent, inode)) {
		break_names(v, INK_FIND_NAMES, record, "a folder cannot go beneath itself");
		return;
	}
	remove_name(v, held);
	if (!add_name(v, body->new_parent, body->new_name, inode, record->header.seq))
		return;
	if (S_ISDIR(node->mode)) {
		from->nlink--;
		to->nlink++;
		node->parent = body->new_parent;
	}
	to->has_held = true;
	touch_folder(from, record);
	touch_folder(to, record);
	node->ctime = record->header.wall_ns;
}

static void apply_link(struct verify *v, const struct ink_record *record,
		       const struct ink_body_name *body)
{
	struct vnode *node = object_of(v, record), *folder;

	if (!node || !(folder = folder_of(v, record, body->parent)) ||
	    !name_is_free(v, record, body->parent, body->name))
		return;
	if (S_ISDIR(node->mode) || node->nlink == 0) {
		break_names(v, INK_FIND_NAMES, record, "this object cannot have another name");
		return;
	}
	if (!add_name(v, body->parent, body->name, record->header.inode, record->header.seq))
		return;
	node->nlink++;
	node->ctime = record->header.wall_ns;
	folder->has_held = true;
	touch_folder(folder, record);
}

static void apply_unlink(struct verify *v, const struct ink_record *record,
			 const struct ink_body_name *body)
{
	struct vnode *node = object_of(v, record), *folder;
	struct vname *held;

	if (!node || !(folder = folder_of(v, record, body->parent)) ||
	    !(held = held_name(v, record, body->parent, body->name)))
		return;
	if (S_ISDIR(node->mode) ? node->has_held
				: S_ISREG(node->mode) && node->size > 0 && node->nlink < 2) {
		break_names(v, INK_FIND_NAMES, record,
			    "what holds something cannot lose its last name");
		return;
	}
	remove_name(v, held);
	if (S_ISDIR(node->mode)) {
		node->nlink = 0;
		folder->nlink--;
	} else {
		node->nlink--;
	}
	node->ctime = record->header.wall_ns;
	touch_folder(folder, record);
}

/*
 * FORMAT.md 9: does this APPEND go on with the run of its file?  Places only grow, and another segment is farther away
 * than any gap.
 */
static bool continues_run(const struct vnode *node, const struct ink_record *record)
{
	return node->records > 0 && record->place - node->end_place <= RUN_GAP_MAX &&
	       record->header.offset + record->header.body_size - node->run_start <= RUN_SIZE_MAX;
}

static void apply_append(struct verify *v, const struct ink_record *record)
{
	const struct ink_header *header = &record->header;
	struct vnode *node = object_of(v, record);

	if (!node)
		return;
	if (!S_ISREG(node->mode)) {
		break_names(v, INK_FIND_NAMES, record, "not a regular file");
		return;
	}
	if (header->offset != node->size ||
	    header->offset > (uint64_t)INT64_MAX - header->body_size) {
		if (!v->names.is_partial)
			report_record(v, INK_FIND_OFFSET, record,
				      "appends at byte %llu of a file of %llu bytes",
				      (unsigned long long)header->offset,
				      (unsigned long long)node->size);
		v->names.is_partial = true;
	}
	if (!continues_run(node, record)) {
		v->names.has_new_run = true;
		v->names.extent_count++;
		node->run_start = header->offset;
	}
	node->size = header->offset + header->body_size;
	node->records++;
	node->last_seq = header->seq;
	memcpy(node->last_leaf, record->leaf, INK_HASH_SIZE);
	node->end_place = record->place + frame_size(header->body_size);
	node->mtime = header->wall_ns;
	node->ctime = header->wall_ns;
}

static void check_object(struct verify *v, const struct ink_record *record, bool is_file)
{
	const struct vnode *node = node_of(v, record->header.inode);

	if (!v->names.is_partial && (!node || (is_file && !S_ISREG(node->mode))))
		report_record(v, INK_FIND_NAMES, record, "%s of what is not there, or no file",
			      ink_kind_name(record->header.kind));
}

void names_apply(struct verify *v, const struct ink_record *record, const union ink_body *body)
{
	uint8_t kind = record->header.kind;

	v->names.has_new_run = false;
	if (kind == INK_APPEND) {
		apply_append(v, record);
		return;
	}
	if (kind == INK_OPEN || kind == INK_CLOSE ||
	    (kind == INK_DENIED && record->header.inode != 0))
		check_object(v, record, kind != INK_DENIED);
	if (!body) {
		v->names.is_partial =
			v->names.is_partial || (kind >= INK_CREATE && kind <= INK_UNLINK);
		return;
	}
	switch (kind) {
	case INK_GENESIS: apply_genesis(v, record, &body->genesis); break;
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK: apply_node(v, record, &body->node); break;
	case INK_ATTR: apply_attr(v, record, &body->attr); break;
	case INK_RENAME: apply_rename(v, record, &body->rename); break;
	case INK_LINK: apply_link(v, record, &body->name); break;
	case INK_UNLINK: apply_unlink(v, record, &body->name); break;
	default: break;
	}
}
