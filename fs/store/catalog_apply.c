/* SPDX-License-Identifier: MIT */
/* What each kind of record does to the catalog.  Every function tests first and changes afterwards. */
#include "catalog_private.h"

#include "block.h"
#include "overlay.h"

#include <assert.h>
#include <sys/stat.h>

/* One record being applied. */
struct step {
	const struct ink_header *header;
	const uint8_t *leaf;
	const union ink_body *body;
	uint64_t place;
};

static enum ink_err as_damage(enum ink_err err)
{
	return err == INK_ERR_NOT_FOUND ? INK_ERR_DAMAGED : err;
}

static enum ink_err get_folder(struct catalog *catalog, uint64_t number, struct inode **ret_folder)
{
	enum ink_err err = as_damage(catalog_inode(catalog, number, ret_folder));

	if (err == INK_OK && (!S_ISDIR((*ret_folder)->mode) || (*ret_folder)->nlink == 0))
		err = INK_ERR_DAMAGED;
	return err;
}

static enum ink_err check_name_is_free(struct catalog *catalog, uint64_t parent,
				       struct ink_str name)
{
	struct name_entry entry;
	enum ink_err err = catalog_name(catalog, parent, name, &entry);

	if (err == INK_OK)
		return INK_ERR_DAMAGED;
	return err == INK_ERR_NOT_FOUND ? INK_OK : err;
}

static enum ink_err put_name(struct catalog *catalog, uint64_t parent, struct ink_str name,
			     const struct inode *inode, uint64_t seq)
{
	uint8_t key[8 + INK_NAME_SIZE_MAX], value[12 + INK_NAME_SIZE_MAX];
	uint64_t cookie = seq + COOKIE_BASE;
	enum ink_err err;

	be64_store(value, inode->number);
	be64_store(value + 8, cookie);
	err = index_put(catalog->index, DB_NAMES, key, key_name(parent, name, key), value, 16);
	be32_store(value + 8, inode->mode & S_IFMT);
	memcpy(value + 12, name.data, name.size);
	if (err == INK_OK)
		err = index_put(catalog->index, DB_ENTRIES, key, key_u64_pair(parent, cookie, key),
				value, 12 + name.size);
	be64_store(value, parent);
	if (err == INK_OK)
		err = index_put(catalog->index, DB_LINKS, key,
				key_u64_pair(inode->number, cookie, key), value, 8);
	return err;
}

static enum ink_err remove_name(struct catalog *catalog, uint64_t parent, struct ink_str name,
				uint64_t number, uint64_t cookie)
{
	uint8_t key[8 + INK_NAME_SIZE_MAX];
	enum ink_err err;

	err = index_remove(catalog->index, DB_NAMES, key, key_name(parent, name, key));
	if (err == INK_OK)
		err = index_remove(catalog->index, DB_ENTRIES, key,
				   key_u64_pair(parent, cookie, key));
	if (err == INK_OK)
		err = index_remove(catalog->index, DB_LINKS, key,
				   key_u64_pair(number, cookie, key));
	return err;
}

static void change_folder(struct catalog *catalog, struct inode *folder, const struct step *step)
{
	folder->mtime_ns = step->header->wall_ns;
	folder->ctime_ns = step->header->wall_ns;
	inode_touch(catalog, folder, step->header->seq);
}

static void init_times(struct inode *inode, int64_t wall_ns)
{
	inode->atime_ns = wall_ns;
	inode->mtime_ns = wall_ns;
	inode->ctime_ns = wall_ns;
	inode->btime_ns = wall_ns;
}

static enum ink_err apply_genesis(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_genesis *g = &step->body->genesis;
	struct head *head = &catalog->head;
	struct inode *root;
	enum ink_err err;

	if (step->header->seq != 0 || step->header->inode != INK_ROOT_INODE)
		return INK_ERR_DAMAGED;
	err = inode_add(catalog, INK_ROOT_INODE, &root);
	if (err != INK_OK)
		return err;
	root->mode = g->root_mode;
	root->uid = step->header->uid;
	root->gid = step->header->gid;
	root->nlink = 2;
	root->parent = INK_ROOT_INODE;
	init_times(root, step->header->wall_ns);
	inode_touch(catalog, root, 0);
	memcpy(head->store_id, g->store_id, INK_STORE_ID_SIZE);
	memcpy(head->log_key, g->log_key, INK_KEY_SIZE);
	memcpy(head->seal_key, g->seal_key, INK_KEY_SIZE);
	return INK_OK;
}

static enum ink_err apply_mount(struct catalog *catalog, const struct step *step)
{
	catalog->head.mount_seq = step->header->seq;
	catalog->head.payload_before = catalog->head.payload_bytes;
	return INK_OK;
}

static enum ink_err apply_session_end(struct catalog *catalog, const struct step *step)
{
	(void)step;
	catalog->head.mount_seq = 0;
	return INK_OK;
}

static enum ink_err apply_actor(struct catalog *catalog, const struct step *step)
{
	uint8_t key[8], value[12];

	be32_store(value, step->body->actor.pid);
	be64_store(value + 4, step->body->actor.start_time);
	return index_put(catalog->index, DB_ACTORS, key, key_u64(step->header->seq, key), value,
			 sizeof(value));
}

static enum ink_err apply_node(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_node *node = &step->body->node;
	struct inode *parent, *inode;
	enum ink_err err;
	uint8_t key[8];

	if (step->header->inode != catalog->head.next_inode)
		return INK_ERR_DAMAGED;
	err = get_folder(catalog, node->parent, &parent);
	if (err == INK_OK)
		err = check_name_is_free(catalog, node->parent, node->name);
	if (err == INK_OK)
		err = inode_add(catalog, step->header->inode, &inode);
	if (err != INK_OK)
		return err;
	catalog->head.next_inode++;
	inode->mode = node->mode;
	inode->uid = node->uid;
	inode->gid = node->gid;
	inode->nlink = S_ISDIR(node->mode) ? 2 : 1;
	inode->parent = S_ISDIR(node->mode) ? node->parent : 0;
	inode->size = S_ISLNK(node->mode) ? node->target.size : 0;
	init_times(inode, step->header->wall_ns);
	inode_touch(catalog, inode, step->header->seq);
	parent->nlink += S_ISDIR(node->mode) ? 1 : 0;
	parent->flags |= INODE_HELD_NAME;
	change_folder(catalog, parent, step);
	err = put_name(catalog, node->parent, node->name, inode, step->header->seq);
	if (err == INK_OK && S_ISLNK(node->mode))
		err = index_put(catalog->index, DB_TARGETS, key, key_u64(inode->number, key),
				node->target.data, node->target.size);
	return err;
}

static enum ink_err apply_attr(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_attr *attr = &step->body->attr;
	struct inode *inode;
	enum ink_err err = as_damage(catalog_inode(catalog, step->header->inode, &inode));

	if (err != INK_OK)
		return err;
	if (attr->mask & INK_ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | attr->mode;
	if (attr->mask & INK_ATTR_UID)
		inode->uid = attr->uid;
	if (attr->mask & INK_ATTR_GID)
		inode->gid = attr->gid;
	if (attr->mask & INK_ATTR_ATIME)
		inode->atime_ns = attr->atime_ns;
	if (attr->mask & INK_ATTR_MTIME)
		inode->mtime_ns = attr->mtime_ns;
	inode->ctime_ns = step->header->wall_ns;
	inode_touch(catalog, inode, step->header->seq);
	return INK_OK;
}

static enum ink_err check_rename(struct catalog *catalog, const struct step *step,
				 struct name_entry *ret_old)
{
	const struct ink_body_rename *r = &step->body->rename;
	enum ink_err err = as_damage(catalog_name(catalog, r->old_parent, r->old_name, ret_old));

	if (err == INK_OK && ret_old->inode != step->header->inode)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		err = check_name_is_free(catalog, r->new_parent, r->new_name);
	return err;
}

static enum ink_err apply_rename(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_rename *r = &step->body->rename;
	struct inode *inode, *from, *to;
	struct name_entry old;
	enum ink_err err = check_rename(catalog, step, &old);

	if (err == INK_OK)
		err = get_folder(catalog, r->old_parent, &from);
	if (err == INK_OK)
		err = get_folder(catalog, r->new_parent, &to);
	if (err == INK_OK)
		err = as_damage(catalog_inode(catalog, old.inode, &inode));
	if (err == INK_OK && S_ISDIR(inode->mode) &&
	    catalog_is_beneath(catalog, r->new_parent, inode->number))
		err = INK_ERR_DAMAGED;
	if (err != INK_OK)
		return err;
	err = remove_name(catalog, r->old_parent, r->old_name, old.inode, old.cookie);
	if (err == INK_OK)
		err = put_name(catalog, r->new_parent, r->new_name, inode, step->header->seq);
	if (S_ISDIR(inode->mode)) {
		from->nlink--;
		to->nlink++;
		inode->parent = to->number;
	}
	to->flags |= INODE_HELD_NAME;
	inode->ctime_ns = step->header->wall_ns;
	inode_touch(catalog, inode, step->header->seq);
	change_folder(catalog, from, step);
	change_folder(catalog, to, step);
	return err;
}

static enum ink_err apply_link(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_name *n = &step->body->name;
	struct inode *inode, *parent;
	enum ink_err err = get_folder(catalog, n->parent, &parent);

	if (err == INK_OK)
		err = check_name_is_free(catalog, n->parent, n->name);
	if (err == INK_OK)
		err = as_damage(catalog_inode(catalog, step->header->inode, &inode));
	if (err == INK_OK && (S_ISDIR(inode->mode) || inode->nlink == 0))
		err = INK_ERR_DAMAGED;
	if (err != INK_OK)
		return err;
	inode->nlink++;
	inode->ctime_ns = step->header->wall_ns;
	inode_touch(catalog, inode, step->header->seq);
	parent->flags |= INODE_HELD_NAME;
	change_folder(catalog, parent, step);
	return put_name(catalog, n->parent, n->name, inode, step->header->seq);
}

/* What may lose a name without losing a byte. */
static bool may_be_unlinked(const struct inode *inode)
{
	if (S_ISDIR(inode->mode))
		return !(inode->flags & INODE_HELD_NAME);
	return S_ISLNK(inode->mode) || inode->size == 0 || inode->nlink > 1;
}

static enum ink_err apply_unlink(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_name *n = &step->body->name;
	struct inode *inode, *parent;
	struct name_entry old;
	enum ink_err err = get_folder(catalog, n->parent, &parent);

	if (err == INK_OK)
		err = as_damage(catalog_name(catalog, n->parent, n->name, &old));
	if (err == INK_OK && old.inode != step->header->inode)
		err = INK_ERR_DAMAGED;
	if (err == INK_OK)
		err = as_damage(catalog_inode(catalog, old.inode, &inode));
	if (err == INK_OK && !may_be_unlinked(inode))
		err = INK_ERR_DAMAGED;
	if (err != INK_OK)
		return err;
	if (S_ISDIR(inode->mode)) {
		inode->nlink = 0;
		parent->nlink--;
	} else {
		inode->nlink--;
	}
	inode->ctime_ns = step->header->wall_ns;
	inode_touch(catalog, inode, step->header->seq);
	change_folder(catalog, parent, step);
	return remove_name(catalog, n->parent, n->name, old.inode, old.cookie);
}

static bool continues_run(const struct inode *inode, const struct step *step)
{
	uint64_t end = inode->run_end_place;

	return inode->record_count > 0 && place_segment(end) == place_segment(step->place) &&
	       step->place - end <= RUN_GAP_MAX &&
	       step->header->offset + step->header->body_size - inode->run_start <= RUN_SIZE_MAX;
}

static enum ink_err apply_append(struct catalog *catalog, const struct step *step)
{
	const struct ink_header *header = step->header;
	struct inode *inode;
	enum ink_err err = as_damage(catalog_inode(catalog, header->inode, &inode));

	if (err == INK_OK && (!S_ISREG(inode->mode) || header->offset != inode->size))
		err = INK_ERR_DAMAGED;
	if (err == INK_OK && !continues_run(inode, step)) {
		uint8_t key[16], value[16];

		be64_store(value, step->place);
		be64_store(value + 8, header->seq);
		err = index_put(catalog->index, DB_EXTENTS, key,
				key_u64_pair(inode->number, header->offset, key), value, 16);
		if (err == INK_OK)
			inode->run_start = header->offset;
	}
	if (err != INK_OK)
		return err;
	inode->run_end_place = step->place + frame_size(header->body_size);
	inode->size += header->body_size;
	inode->record_count++;
	inode->last_seq = header->seq;
	memcpy(inode->last_leaf, step->leaf, INK_HASH_SIZE);
	inode->mtime_ns = header->wall_ns;
	inode->ctime_ns = header->wall_ns;
	inode_touch(catalog, inode, header->seq);
	catalog->head.payload_bytes += header->body_size;
	return INK_OK;
}

static enum ink_err apply_denied(struct catalog *catalog, const struct step *step)
{
	catalog->head.refusal_count += step->body->denied.count;
	return INK_OK;
}

static enum ink_err apply_seal(struct catalog *catalog, const struct step *step)
{
	const struct ink_body_seal *seal = &step->body->seal;
	struct head *head = &catalog->head;
	bool is_handover = step->header->kind != INK_SEAL;
	uint8_t key[8], value[8] = { 0 };
	enum ink_err err;

	if (seal->tree_size != step->header->seq ||
	    seal->epoch != head->epoch + (is_handover ? 1 : 0))
		return INK_ERR_DAMAGED;
	value[0] = step->header->kind;
	be32_store(value + 4, seal->epoch);
	err = index_put(catalog->index, DB_SEALS, key, key_u64(step->header->seq, key), value, 8);
	if (err != INK_OK)
		return err;
	head->last_seal_seq = step->header->seq;
	if (seal->durable_size > head->durable_size)
		head->durable_size = seal->durable_size;
	if (is_handover) {
		head->epoch = seal->epoch;
		memcpy(head->seal_key, seal->next_key, INK_KEY_SIZE);
	}
	return INK_OK;
}

static enum ink_err apply_nothing(struct catalog *catalog, const struct step *step)
{
	(void)catalog;
	(void)step;
	return INK_OK;
}

enum session { ANYWHERE, INSIDE, OUTSIDE };

static const struct {
	enum ink_err (*apply)(struct catalog *catalog, const struct step *step);
	enum session session;
} kinds[] = {
	[INK_GENESIS] = { apply_genesis, OUTSIDE },
	[INK_MOUNT] = { apply_mount, OUTSIDE },
	[INK_UNMOUNT] = { apply_session_end, INSIDE },
	[INK_RECOVERY] = { apply_session_end, ANYWHERE },
	[INK_ACTOR] = { apply_actor, INSIDE },
	[INK_CREATE] = { apply_node, INSIDE },
	[INK_MKDIR] = { apply_node, INSIDE },
	[INK_SYMLINK] = { apply_node, INSIDE },
	[INK_ATTR] = { apply_attr, INSIDE },
	[INK_RENAME] = { apply_rename, INSIDE },
	[INK_LINK] = { apply_link, INSIDE },
	[INK_UNLINK] = { apply_unlink, INSIDE },
	[INK_OPEN] = { apply_nothing, INSIDE },
	[INK_CLOSE] = { apply_nothing, INSIDE },
	[INK_APPEND] = { apply_append, INSIDE },
	[INK_DENIED] = { apply_denied, INSIDE },
	[INK_SEAL] = { apply_seal, ANYWHERE },
	[INK_EPOCH] = { apply_seal, ANYWHERE },
	[INK_REKEY] = { apply_seal, ANYWHERE },
	[INK_ERASE] = { apply_nothing, ANYWHERE },
	[INK_ANCHOR] = { apply_nothing, ANYWHERE },
};

static bool is_of_names(uint8_t kind)
{
	return kind == INK_CREATE || kind == INK_MKDIR || kind == INK_SYMLINK ||
	       kind == INK_RENAME || kind == INK_LINK || kind == INK_UNLINK;
}

enum ink_err catalog_reserve(struct catalog *catalog, uint8_t kind)
{
	/* A name is in three places, and a RENAME over another takes both away and puts one. */
	enum { NAME_PUTS = 9 };
	uint64_t count = catalog->head.record_count + 1;
	/* ACTOR, EXTENTS, SEALS: one short pair. */
	size_t size = overlay_put_size(16, 16);
	enum ink_err err;

	if (is_of_names(kind))
		size += NAME_PUTS * overlay_put_size(8 + INK_NAME_SIZE_MAX, 8 + INK_NAME_SIZE_MAX) +
			overlay_put_size(8, INK_TARGET_SIZE_MAX);
	if (count % TILE_WIDTH == 0)
		size += overlay_put_size(8, TILE_WIDTH * LEAF_ENTRY_SIZE) +
			overlay_put_size(8, BLOCK_VALUE_SIZE);
	for (uint64_t n = count; n % TILE_WIDTH == 0 && n > 0; n /= TILE_WIDTH)
		size += overlay_put_size(9, TILE_WIDTH * INK_HASH_SIZE);
	err = inodes_reserve(catalog);
	return err == INK_OK ? index_reserve(catalog->index, size) : err;
}

static bool session_allows(const struct head *head, enum session session)
{
	return session == ANYWHERE || (session == INSIDE) == (head->mount_seq != 0);
}

/* Opening a closed store begins with a signature, or says before that what it has set aside. */
static bool end_allows(const struct head *head, uint8_t kind)
{
	return !head->is_closed || kind == INK_EPOCH || kind == INK_REKEY || kind == INK_SEAL ||
	       kind == INK_RECOVERY;
}

enum ink_err catalog_apply(struct catalog *catalog, const struct ink_header *header,
			   const uint8_t leaf[static INK_HASH_SIZE], const union ink_body *body,
			   uint64_t place)
{
	struct step step = { header, leaf, body, place };
	struct head *head = &catalog->head;
	enum ink_err err;

	assert(ink_kind_name(header->kind));
	if (header->seq != head->record_count ||
	    (header->kind == INK_GENESIS) != (header->seq == 0) ||
	    !session_allows(head, kinds[header->kind].session) || !end_allows(head, header->kind))
		return INK_ERR_DAMAGED;
	err = kinds[header->kind].apply(catalog, &step);
	if (err != INK_OK)
		return err;
	head->end_place = place + frame_size(header->body_size);
	head->is_closed = header->kind == INK_GENESIS ||
			  (header->kind == INK_EPOCH && body->seal.reason == INK_SEAL_UNMOUNT &&
			   head->mount_seq == 0);
	block_add(&catalog->block, header, body);
	err = leaf_add(catalog, leaf, place);
	/* What finds no memory for this goes on waiting. */
	if (err == INK_OK)
		(void)!inodes_flush(catalog, INODE_DIRTY_MAX);
	return err;
}
