/* SPDX-License-Identifier: MIT */
#include "power_oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frame.h"

static void *memory(void *old, size_t size)
{
	void *result = realloc(old, size ? size : 1);

	if (!result)
		abort();
	return result;
}

static void init_state(struct power_state *state)
{
	memset(state, 0, sizeof(*state));
	state->nodes[INK_ROOT_INODE] = (struct power_node){ .kind = INK_MKDIR, .mode = 0755 };
	state->node_count = INK_ROOT_INODE + 1;
}

void power_oracle_init(struct power_oracle *oracle)
{
	memset(oracle, 0, sizeof(*oracle));
	init_state(&oracle->state);
}

static void free_from(struct power_oracle *oracle, unsigned count)
{
	while (oracle->count > count)
		free(oracle->records[--oracle->count].body);
}

void power_oracle_forget_refused(struct power_oracle *oracle)
{
	while (oracle->refused_count > 0)
		free(oracle->refused[--oracle->refused_count].body);
	free(oracle->refused);
	oracle->refused = NULL;
}

void power_oracle_release(struct power_oracle *oracle)
{
	free_from(oracle, 0);
	free(oracle->records);
	power_oracle_forget_refused(oracle);
}

bool power_oracle_fail(struct power_oracle *oracle, const char *format, ...)
{
	va_list args;

	if (oracle->why[0])
		return false; /* the first is the one to look at */
	va_start(args, format);
	vsnprintf(oracle->why, sizeof(oracle->why), format, args);
	va_end(args);
	return false;
}

/* --- the name space --- */

static void add_name(struct power_state *state, uint64_t parent, struct ink_str name,
		     uint64_t inode)
{
	struct power_name *entry = &state->names[state->name_count++];

	if (state->name_count >= POWER_NODES_MAX || name.size >= POWER_NAME_SIZE)
		abort();
	*entry = (struct power_name){ .parent = parent, .inode = inode };
	memcpy(entry->name, name.data, name.size);
	state->nodes[inode].name_count++;
	state->nodes[parent].held_count++;
}

static void remove_name(struct power_state *state, uint64_t parent, struct ink_str name)
{
	for (unsigned i = 0; i < state->name_count; i++) {
		struct power_name *entry = &state->names[i];

		if (entry->parent != parent || strlen(entry->name) != name.size ||
		    memcmp(entry->name, name.data, name.size) != 0)
			continue;
		state->nodes[entry->inode].name_count--;
		*entry = state->names[--state->name_count];
		return;
	}
	abort();
}

static void apply(struct power_state *state, const struct power_record *record)
{
	struct power_node *node = &state->nodes[record->inode];
	union ink_body body;

	if (record->inode >= POWER_NODES_MAX ||
	    ink_body_decode(record->kind, record->body, record->size, &body) != INK_OK)
		abort();
	switch (record->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK:
		*node = (struct power_node){ .kind = record->kind, .mode = body.node.mode & 07777 };
		if (record->kind == INK_SYMLINK)
			node->size = body.node.target.size;
		state->node_count = (unsigned)record->inode + 1;
		add_name(state, body.node.parent, body.node.name, record->inode);
		break;
	case INK_RENAME:
		remove_name(state, body.rename.old_parent, body.rename.old_name);
		add_name(state, body.rename.new_parent, body.rename.new_name, record->inode);
		break;
	case INK_LINK: add_name(state, body.name.parent, body.name.name, record->inode); break;
	case INK_UNLINK: remove_name(state, body.name.parent, body.name.name); break;
	case INK_ATTR: node->mode = body.attr.mode; break;
	case INK_APPEND: node->size += record->size; break;
	default: break;
	}
}

static void fill(struct power_record *record, uint8_t kind, uint64_t inode, uint64_t offset,
		 const void *body, uint32_t size)
{
	*record = (struct power_record){
		.kind = kind, .inode = inode, .offset = offset, .size = size
	};
	record->body = memory(NULL, size);
	memcpy(record->body, body, size);
}

void power_oracle_add(struct power_oracle *oracle, uint8_t kind, uint64_t inode, uint64_t offset,
		      const void *body, uint32_t size)
{
	struct power_record *record;

	if (oracle->count == oracle->room) {
		oracle->room = oracle->room * 2 + 64;
		oracle->records =
			memory(oracle->records, oracle->room * sizeof(oracle->records[0]));
	}
	record = &oracle->records[oracle->count++];
	fill(record, kind, inode, offset, body, size);
	apply(&oracle->state, record);
}

void power_oracle_refuse(struct power_oracle *oracle, uint8_t kind, uint64_t inode, uint64_t offset,
			 const void *body, uint32_t size)
{
	oracle->refused =
		memory(oracle->refused, (oracle->refused_count + 1) * sizeof(oracle->refused[0]));
	fill(&oracle->refused[oracle->refused_count++], kind, inode, offset, body, size);
}

void power_oracle_promise(struct power_oracle *oracle)
{
	oracle->durable_count = oracle->count;
	oracle->sealed_count = oracle->count;
}

void power_oracle_cut(struct power_oracle *oracle, unsigned count)
{
	oracle->is_last_open = false;
	power_oracle_forget_refused(oracle);
	if (count == oracle->count)
		return;
	free_from(oracle, count);
	init_state(&oracle->state);
	for (unsigned i = 0; i < count; i++)
		apply(&oracle->state, &oracle->records[i]);
}

void power_oracle_copy(const struct power_oracle *from, struct power_oracle *to)
{
	power_oracle_init(to);
	for (unsigned i = 0; i < from->count; i++) {
		const struct power_record *r = &from->records[i];

		power_oracle_add(to, r->kind, r->inode, r->offset, r->body, r->size);
	}
	to->durable_count = from->durable_count;
	to->sealed_count = from->sealed_count;
	to->epoch = from->epoch;
}

/* --- the log --- */

static bool is_callers(uint8_t kind)
{
	return (kind >= INK_ACTOR && kind <= INK_DENIED);
}

static bool is_same(const struct power_record *expected, const struct ink_record *found)
{
	return expected->kind == found->header.kind && expected->inode == found->header.inode &&
	       expected->offset == found->header.offset &&
	       expected->size == found->header.body_size &&
	       memcmp(expected->body, found->body, expected->size) == 0;
}

static bool note_session(struct power_oracle *oracle, const struct ink_record *record,
			 struct power_log *log)
{
	union ink_body body;

	switch (record->header.kind) {
	case INK_MOUNT:
		log->is_session_open = true;
		log->unclean_count++;
		break;
	case INK_UNMOUNT:
		log->unclean_count--;
		log->is_session_open = false;
		break;
	case INK_RECOVERY:
		if (ink_body_decode(INK_RECOVERY, record->body, record->header.body_size, &body) !=
		    INK_OK)
			return power_oracle_fail(oracle, "a RECOVERY that is none");
		log->unclean_count -= log->is_session_open;
		log->is_session_open = false;
		log->recovery_count++;
		log->recovery_seq = record->header.seq;
		log->lost_count = body.recovery.lost_count;
		for (unsigned i = 0; i < log->lost_count; i++)
			log->lost_sizes[i] = body.recovery.lost[i].size;
		break;
	default: break;
	}
	return true;
}

/* One that was refused, and was made after all: it is the last, in the place of one that nobody was told of. */
static bool take_refused(struct power_oracle *oracle, const struct ink_record *record,
			 unsigned number)
{
	const struct ink_header *header = &record->header;
	bool is_known = false;

	for (unsigned i = 0; i < oracle->refused_count; i++)
		is_known |= is_same(&oracle->refused[i], record);
	if (!is_known || number + oracle->is_last_open < oracle->count)
		return false;
	power_oracle_cut(oracle, number);
	power_oracle_add(oracle, header->kind, header->inode, header->offset, record->body,
			 header->body_size);
	return true;
}

static bool hold_against(struct power_oracle *oracle, const struct ink_record *record,
			 unsigned number)
{
	const char *kind = ink_kind_name(record->header.kind);
	const struct power_record *expected = &oracle->records[number];
	bool is_beyond = number >= oracle->count;

	if (!is_beyond && is_same(expected, record))
		return true;
	if (take_refused(oracle, record, number))
		return true;
	if (is_beyond)
		return power_oracle_fail(oracle, "record %llu (%s) was invented: only %u were made",
					 (unsigned long long)record->header.seq, kind,
					 oracle->count);
	return power_oracle_fail(
		oracle,
		"record %llu, %s of inode %llu (offset %llu, size %u), is not the %u-th made, %s of inode %llu (offset %llu, size %u)",
		(unsigned long long)record->header.seq, kind,
		(unsigned long long)record->header.inode, (unsigned long long)record->header.offset,
		record->header.body_size, number, ink_kind_name(expected->kind),
		(unsigned long long)expected->inode, (unsigned long long)expected->offset,
		expected->size);
}

static bool read_log(struct power_oracle *oracle, struct ink_reader *reader,
		     struct power_log *ret_log)
{
	uint64_t sealed_seq = 0, seal_seq = 0;
	const struct ink_record *record;

	for (;;) {
		if (ink_reader_next(reader, &record) != INK_OK)
			return power_oracle_fail(oracle, "the log cannot be read");
		/* Nobody erases here: a body that is another did not reach the disk, and the log ends before it. */
		if (!record || record->is_erased || record->is_damaged)
			break;
		ret_log->end_place = record->place + frame_size(record->header.body_size);
		if (record->header.kind == INK_SEAL || record->header.kind == INK_EPOCH)
			seal_seq = record->header.seq;
		if (!note_session(oracle, record, ret_log))
			return false;
		if (!is_callers(record->header.kind))
			continue;
		if (!hold_against(oracle, record, ret_log->count))
			return false;
		if (ret_log->count++ < oracle->sealed_count)
			sealed_seq = record->header.seq;
	}
	if (ret_log->count < oracle->durable_count)
		return power_oracle_fail(oracle, "lost: %u of %u records that were durable",
					 oracle->durable_count - ret_log->count,
					 oracle->durable_count);
	if (sealed_seq > seal_seq)
		return power_oracle_fail(oracle, "lost: the seal of record %llu that was durable",
					 (unsigned long long)sealed_seq);
	return true;
}

bool power_oracle_check_log(struct power_oracle *oracle, const char *path,
			    struct power_log *ret_log)
{
	struct ink_reader *reader;
	struct ink_error error;
	bool is_good;

	*ret_log = (struct power_log){ 0 };
	if (ink_reader_open(path, &reader, &error) != INK_OK)
		return power_oracle_fail(oracle, "no reader: %s", error.text);
	is_good = read_log(oracle, reader, ret_log);
	ink_reader_close(reader);
	return is_good;
}

/* --- the open store --- */

static bool check_content(struct power_oracle *oracle, struct ink_store *store, uint64_t inode)
{
	uint64_t size = oracle->state.nodes[inode].size, done = 0;
	uint8_t *bytes = memory(NULL, size + 1);
	bool is_good = true;
	size_t got = 0;

	if (ink_read(store, inode, 0, bytes, size + 1, &got) != INK_OK || got != size)
		is_good =
			power_oracle_fail(oracle, "inode %llu: %zu bytes instead of %llu",
					  (unsigned long long)inode, got, (unsigned long long)size);
	for (unsigned i = 0; is_good && i < oracle->count; i++) {
		const struct power_record *record = &oracle->records[i];

		if (record->kind != INK_APPEND || record->inode != inode)
			continue;
		if (memcmp(bytes + done, record->body, record->size) != 0)
			is_good = power_oracle_fail(oracle, "inode %llu: other bytes at %llu",
						    (unsigned long long)inode,
						    (unsigned long long)done);
		done += record->size;
	}
	free(bytes);
	return is_good;
}

static bool count_entry(void *ctx, const struct ink_entry *entry)
{
	(void)entry;
	++*(unsigned *)ctx;
	return true;
}

static bool check_node(struct power_oracle *oracle, struct ink_store *store, uint64_t inode)
{
	const struct power_node *node = &oracle->state.nodes[inode];
	unsigned found = 0, expected = 0;
	struct ink_attr attr;

	if (ink_getattr(store, inode, &attr) != INK_OK ||
	    (node->kind != INK_MKDIR && attr.size != node->size) ||
	    (attr.mode & 07777) != node->mode)
		return power_oracle_fail(oracle, "inode %llu: other attributes",
					 (unsigned long long)inode);
	if (node->kind == INK_CREATE)
		return node->size == 0 || check_content(oracle, store, inode);
	if (node->kind != INK_MKDIR)
		return true;
	for (unsigned i = 0; i < oracle->state.name_count; i++)
		expected += oracle->state.names[i].parent == inode;
	if (ink_readdir(store, inode, 0, count_entry, &found) != INK_OK || found != expected)
		return power_oracle_fail(oracle, "folder %llu: %u names instead of %u",
					 (unsigned long long)inode, found, expected);
	return true;
}

bool power_oracle_check_store(struct power_oracle *oracle, struct ink_store *store)
{
	const struct power_state *state = &oracle->state;
	struct ink_attr attr;

	for (unsigned i = 0; i < state->name_count; i++) {
		const struct power_name *name = &state->names[i];

		if (ink_lookup(store, name->parent, name->name, &attr) != INK_OK ||
		    attr.inode != name->inode)
			return power_oracle_fail(oracle, "no name %s in folder %llu", name->name,
						 (unsigned long long)name->parent);
	}
	for (unsigned inode = INK_ROOT_INODE; inode < state->node_count; inode++)
		if (!check_node(oracle, store, inode))
			return false;
	if (ink_getattr(store, state->node_count, &attr) == INK_OK)
		return power_oracle_fail(oracle, "inode %u was invented", state->node_count);
	return true;
}
