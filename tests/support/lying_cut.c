/* SPDX-License-Identifier: MIT */
/* The power goes: from what was synced and what was not to what a disk may hold. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lying_disk_private.h"

enum { CHUNK_SIZE = 1 << 20, DEPTH_MAX = 4 };

struct lie_chunk {
	struct lie_chunk *next;
	size_t used, room;
	uint8_t bytes[];
};

static void die(const char *path)
{
	perror(path);
	exit(3);
}

void *lie_memory(void *memory, size_t size)
{
	memory = realloc(memory, size);
	if (!memory)
		die("memory");
	return memory;
}

uint8_t *lie_chunk_take(struct lying_disk *disk, size_t size)
{
	struct lie_chunk *chunk = disk->chunks;

	if (!chunk || chunk->room - chunk->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		chunk = lie_memory(NULL, sizeof(*chunk) + room);
		*chunk = (struct lie_chunk){ .next = disk->chunks, .room = room };
		disk->chunks = chunk;
	}
	chunk->used += size;
	return chunk->bytes + chunk->used - size;
}

void lie_chunks_free(struct lying_disk *disk)
{
	while (disk->chunks) {
		struct lie_chunk *next = disk->chunks->next;

		free(disk->chunks);
		disk->chunks = next;
	}
}

/* --- nodes and names --- */

struct lie_node *lie_node_make(struct lying_disk *disk, bool is_dir, mode_t mode)
{
	struct lie_node *node = lie_memory(NULL, sizeof(*node));

	*node = (struct lie_node){ .next = disk->nodes, .is_dir = is_dir, .mode = mode & 07777 };
	disk->nodes = node;
	return node;
}

void lie_nodes_free(struct lying_disk *disk)
{
	while (disk->nodes) {
		struct lie_node *node = disk->nodes;

		disk->nodes = node->next;
		free(node->synced.bytes);
		free(node->ops);
		free(node->forgotten);
		free(node->synced_names.entries);
		free(node->names.entries);
		free(node->changes);
		free(node);
	}
	disk->top = NULL;
}

static struct lie_entry *find(const struct lie_names *names, const char *name)
{
	for (unsigned i = 0; i < names->count; i++)
		if (strcmp(names->entries[i].name, name) == 0)
			return &names->entries[i];
	return NULL;
}

struct lie_node *lie_names_find(const struct lie_names *names, const char *name)
{
	struct lie_entry *entry = find(names, name);

	return entry ? entry->node : NULL;
}

void lie_names_set(struct lie_names *names, const char *name, struct lie_node *node)
{
	struct lie_entry *entry = find(names, name);

	if (!entry) {
		if (names->count == names->room) {
			names->room = names->room * 2 + 8;
			names->entries =
				lie_memory(names->entries, names->room * sizeof(names->entries[0]));
		}
		entry = &names->entries[names->count++];
		snprintf(entry->name, sizeof(entry->name), "%s", name);
	}
	entry->node = node;
}

void lie_names_remove(struct lie_names *names, const char *name)
{
	struct lie_entry *entry = find(names, name);

	if (entry)
		*entry = names->entries[--names->count];
}

void lie_names_copy(const struct lie_names *from, struct lie_names *to)
{
	to->count = 0;
	for (unsigned i = 0; i < from->count; i++)
		lie_names_set(to, from->entries[i].name, from->entries[i].node);
}

/* --- bytes --- */

/* Make `used` at least @end; what is new is zero. */
static void reach(struct lie_image *image, uint64_t end)
{
	if (end <= image->used)
		return;
	if (end > image->room) {
		image->room = end + end / 2 + LIE_PAGE;
		image->bytes = lie_memory(image->bytes, image->room);
	}
	memset(image->bytes + image->used, 0, end - image->used);
	image->used = end;
}

static void set_size(struct lie_image *image, uint64_t size)
{
	if (image->used > size)
		image->used = size;
	image->size = size;
}

/* @count bytes of the op, from @skip on. */
static void apply_bytes(struct lie_image *image, const struct lie_op *op, uint32_t skip,
			uint32_t count)
{
	uint64_t pos = op->page * LIE_PAGE + op->offset + skip;

	reach(image, pos + count);
	memcpy(image->bytes + pos, op->data + skip, count);
	if (image->size < pos + count)
		image->size = pos + count;
}

void lie_image_apply(struct lie_image *image, const struct lie_op *op)
{
	if (op->is_size)
		set_size(image, op->size);
	else
		apply_bytes(image, op, 0, op->count);
}

void lie_image_copy(const struct lie_image *from, struct lie_image *to)
{
	*to = (struct lie_image){ .size = from->size };
	reach(to, from->used);
	if (from->used > 0)
		memcpy(to->bytes, from->bytes, from->used);
}

/* The writes arrived in order, up to one that stopped at the end of a block. */
static void keep_first(const struct lie_node *node, struct rng *rng, struct lie_image *image)
{
	unsigned kept = (unsigned)rng_below(rng, node->op_count + 1);
	const struct lie_op *torn = &node->ops[kept];

	for (unsigned i = 0; i < kept; i++)
		lie_image_apply(image, &node->ops[i]);
	if (kept < node->op_count && !torn->is_size) {
		uint32_t end = torn->offset + (uint32_t)rng_below(rng, torn->count);

		end -= end % LIE_SECTOR;
		if (end > torn->offset)
			apply_bytes(image, torn, 0, end - torn->offset);
	}
}

/* How many of the changes of each block are on the disk: none, all, or some. */
struct versions {
	uint32_t block_size;
	uint64_t block_count;
	unsigned *counts, *kept, *seen;
};

static void count_versions(const struct lie_node *node, struct rng *rng, struct versions *v)
{
	v->block_size = rng_below(rng, 2) == 0 ? LIE_SECTOR : LIE_PAGE;
	for (unsigned i = 0; i < node->op_count; i++)
		if (!node->ops[i].is_size && node->ops[i].page >= v->block_count)
			v->block_count = node->ops[i].page + 1;
	v->block_count *= LIE_PAGE / v->block_size;
	v->counts = calloc(3 * v->block_count + 1, sizeof(unsigned));
	if (!v->counts)
		die("memory");
	v->kept = v->counts + v->block_count;
	v->seen = v->kept + v->block_count;
	for (unsigned i = 0; i < node->op_count; i++) {
		const struct lie_op *op = &node->ops[i];
		uint64_t pos = op->page * LIE_PAGE + op->offset, end = pos + op->count;

		for (pos -= pos % v->block_size; !op->is_size && pos < end; pos += v->block_size)
			v->counts[pos / v->block_size]++;
	}
	/* Mostly a few blocks are missing, or a few are there: both find other faults than an even mix. */
	uint64_t odds = rng_below(rng, 3);

	for (uint64_t i = 0; i < v->block_count; i++) {
		if (v->counts[i] == 0)
			continue;
		if (odds == 2)
			v->kept[i] = (unsigned)rng_below(rng, v->counts[i] + 1);
		else if (rng_below(rng, 8) == 0)
			v->kept[i] =
				odds == 0 ? (unsigned)rng_below(rng, v->counts[i]) : v->counts[i];
		else
			v->kept[i] = odds == 0 ? v->counts[i] : 0;
	}
}

/* The parts of one write that lie in blocks that have got that far. */
static void apply_versions(struct lie_image *image, const struct lie_op *op, struct versions *v)
{
	uint32_t from = 0;

	while (from < op->count) {
		uint64_t pos = op->page * LIE_PAGE + op->offset + from;
		uint64_t block = pos / v->block_size;
		uint32_t count = (uint32_t)(v->block_size - pos % v->block_size);

		if (count > op->count - from)
			count = op->count - from;
		if (v->seen[block]++ < v->kept[block])
			apply_bytes(image, op, from, count);
		from += count;
	}
}

/* Each block by itself; the sizes in their order, up to one. */
static void keep_some(const struct lie_node *node, struct rng *rng, struct lie_image *image)
{
	unsigned sizes = (unsigned)rng_below(rng, node->op_count + 1);
	struct versions v = { 0 };
	uint64_t size = image->size;

	if (rng_below(rng, 2) == 0)
		sizes = node->op_count;
	count_versions(node, rng, &v);
	for (unsigned i = 0; i < node->op_count; i++) {
		const struct lie_op *op = &node->ops[i];

		if (!op->is_size)
			apply_versions(image, op, &v);
		else if (i < sizes)
			set_size(image, op->size);
		if (i < sizes && (op->is_size || op->size > size))
			size = op->size;
	}
	set_size(image, size);
	free(v.counts);
}

static void cut_file(struct lie_node *node, struct rng *rng)
{
	struct lie_image *image = &node->synced;

	switch (node->op_count == 0 ? 0 : rng_below(rng, 6)) {
	case 0: break;
	case 1:
		for (unsigned i = 0; i < node->op_count; i++)
			lie_image_apply(image, &node->ops[i]);
		break;
	case 2: keep_first(node, rng, image); break;
	default: keep_some(node, rng, image); break;
	}
	node->op_count = 0;
	node->forgotten_count = 0;
}

/* --- names --- */

static void cut_folder(struct lie_node *node, struct rng *rng)
{
	uint64_t kept;

	switch (rng_below(rng, 3)) {
	case 0: kept = 0; break;
	case 1: kept = node->change_count; break;
	default: kept = rng_below(rng, node->change_count + 1); break;
	}
	for (unsigned i = 0; i < kept; i++) {
		const struct lie_change *c = &node->changes[i];

		if (c->gone[0])
			lie_names_remove(&node->synced_names, c->gone);
		if (c->come[0])
			lie_names_set(&node->synced_names, c->come, c->node);
	}
	node->change_count = 0;
	lie_names_copy(&node->synced_names, &node->names);
}

/* --- the files anew --- */

static void write_file(const struct lie_node *node, const char *path)
{
	const struct lie_image *image = &node->synced;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			      0600);

	if (fd < 0 ||
	    (image->used > 0 &&
	     syscall(SYS_pwrite64, fd, image->bytes, image->used, 0) != (ssize_t)image->used) ||
	    syscall(SYS_ftruncate, fd, image->size) != 0 ||
	    syscall(SYS_fchmod, fd, node->mode) != 0)
		die(path);
	syscall(SYS_close, fd);
}

static void write_folder(const struct lie_node *node, const char *path, int depth)
{
	for (unsigned i = 0; i < node->names.count; i++) {
		const struct lie_entry *entry = &node->names.entries[i];
		char below[PATH_MAX];

		scratch_path(path, entry->name, below);
		if (!entry->node->is_dir) {
			write_file(entry->node, below);
			continue;
		}
		if (depth == DEPTH_MAX || syscall(SYS_mkdirat, AT_FDCWD, below, 0700) != 0)
			die(below);
		write_folder(entry->node, below, depth + 1);
	}
}

static void remove_below(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[PATH_MAX];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		scratch_path(path, entry->d_name, below);
		if (entry->d_type == DT_DIR)
			remove_below(below);
		if (syscall(SYS_unlinkat, AT_FDCWD, below,
			    entry->d_type == DT_DIR ? AT_REMOVEDIR : 0) != 0)
			die(below);
	}
	if (!dir || closedir(dir) != 0)
		die(path);
}

static void disarm(struct lying_disk *disk)
{
	memset(disk->fds, 0, sizeof(disk->fds));
	disk->fault = (struct lying_fault){ 0 };
	disk->cut_at = 0;
	disk->is_dead = false;
	disk->failed_calls = 0;
	lie_chunks_free(disk);
}

void lying_disk_cut(struct lying_disk *disk)
{
	for (struct lie_node *node = disk->nodes; node; node = node->next) {
		if (node->is_dir)
			cut_folder(node, &disk->rng);
		else
			cut_file(node, &disk->rng);
	}
	remove_below(disk->root);
	write_folder(disk->top, disk->root, 0);
	disarm(disk);
}

void lying_disk_cut_all(struct lying_disk *disk)
{
	for (struct lie_node *node = disk->nodes; node; node = node->next) {
		node->op_count = 0;
		node->change_count = 0;
	}
	lying_disk_cut(disk);
}

/* --- what is there already --- */

static void load_file(struct lie_node *node, const char *path)
{
	size_t size;

	node->synced.bytes = file_read(path, &size);
	node->synced.room = node->synced.size = size;
	while (size > 0 && node->synced.bytes[size - 1] == 0)
		size--;
	node->synced.used = size;
}

static void load_folder(struct lying_disk *disk, struct lie_node *node, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		die(path);
	while ((entry = readdir(dir))) {
		struct lie_node *found;
		char below[PATH_MAX];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		scratch_path(path, entry->d_name, below);
		if (lstat(below, &st) != 0)
			die(below);
		found = lie_node_make(disk, S_ISDIR(st.st_mode), st.st_mode);
		lie_names_set(&node->names, entry->d_name, found);
		if (S_ISDIR(st.st_mode))
			load_folder(disk, found, below);
		else
			load_file(found, below);
	}
	closedir(dir);
	lie_names_copy(&node->names, &node->synced_names);
}

void lying_disk_load(struct lying_disk *disk, uint64_t seed)
{
	lie_nodes_free(disk);
	disarm(disk);
	rng_init_from(&disk->rng, seed);
	disk->call_count = 0;
	disk->top = lie_node_make(disk, true, 0700);
	load_folder(disk, disk->top, disk->root);
}
