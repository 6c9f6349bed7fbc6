/* SPDX-License-Identifier: MIT */
/* What programs do to a store, and what each thing must leave behind. */
#include <errno.h>
#include <semaphore.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "power_private.h"
#include "record.h"

enum { FILES_MAX = 200 };

bool power_is_over(const struct power *p)
{
	return p->env->disk && lying_disk_is_dead(p->env->disk);
}

bool power_has_failed(const struct power *p)
{
	return p->env->disk && lying_disk_has_failed(p->env->disk);
}

/* What the call that is judged would have recorded. */
struct attempt {
	const char *what;
	uint8_t kind;
	uint64_t inode, offset;
	const void *body;
	uint32_t size;
	bool is_durable; /* once it has returned */
	bool may_stand;  /* an error may come behind the record: its sync or its seal failed */
};

/* An append that failed behind its record: does it stand? */
static bool stands(const struct power *p, const struct attempt *a)
{
	struct ink_attr attr;

	return a->may_stand && ink_getattr(p->store, a->inode, &attr) == INK_OK &&
	       attr.size == a->offset + a->size;
}

static void judge(struct power *p, const struct attempt *a, enum ink_err expected, enum ink_err err)
{
	struct power_oracle *oracle = p->oracle;
	bool is_made = err == expected, is_open = false;

	if (!is_made && power_is_over(p))
		is_made = is_open = true;
	else if (!is_made && power_has_failed(p))
		is_made = stands(p, a);
	else if (!is_made)
		power_oracle_fail(oracle, "%s: %s", a->what, ink_err_text(err));
	if (!is_made) {
		if (p->env->disk && lying_disk_has_refused(p->env->disk, LYING_SIZE))
			power_oracle_refuse(oracle, a->kind, a->inode, a->offset, a->body, a->size);
		return;
	}
	power_oracle_add(oracle, a->kind, a->inode, a->offset, a->body, a->size);
	oracle->is_last_open = is_open;
	if (!is_open)
		power_oracle_forget_refused(oracle);
	if (a->is_durable && !is_open && err == expected)
		power_oracle_promise(oracle);
}

/* The same for a record whose body has fields. */
static void judge_body(struct power *p, const char *what, uint8_t kind, uint64_t inode,
		       const union ink_body *body, enum ink_err expected, enum ink_err err)
{
	uint8_t bytes[2048];
	struct put put;

	put_init(&put, bytes, sizeof(bytes));
	body_encode(kind, body, &put);
	judge(p, &(struct attempt){ what, kind, inode, 0, bytes, (uint32_t)put.size, false, false },
	      expected, err);
}

/* --- choosing --- */

static uint64_t below(struct power *p, uint64_t limit)
{
	return rng_below(&p->rng, limit);
}

/* Some inode of @kind, 0 if there is none. */
static uint64_t choose(struct power *p, uint8_t kind)
{
	const struct power_state *state = &p->oracle->state;
	uint64_t first = INK_ROOT_INODE + below(p, state->node_count - INK_ROOT_INODE);

	for (uint64_t i = 0; i < state->node_count; i++) {
		uint64_t inode = (first + i) % state->node_count;

		if (state->nodes[inode].kind == kind &&
		    (kind != INK_MKDIR || inode == INK_ROOT_INODE ||
		     state->nodes[inode].name_count > 0))
			return inode;
	}
	return 0;
}

static const struct power_name *choose_name(struct power *p)
{
	const struct power_state *state = &p->oracle->state;

	return state->name_count ? &state->names[below(p, state->name_count)] : NULL;
}

/* One that was never used: records that were lost are no reason to use a name again, but may be. */
static struct ink_str fresh_name(struct power *p, char *ret_name)
{
	int size = snprintf(ret_name, POWER_NAME_SIZE, "n%u.%llu", p->oracle->count,
			    (unsigned long long)below(p, 1000));

	return (struct ink_str){ ret_name, (uint32_t)size };
}

/* --- steps --- */

struct request {
	struct ink_sync sync; /* first: its done finds us by it */
	sem_t told;
	enum ink_err err;
	int error;
};

static void on_done(struct ink_sync *sync, enum ink_err err)
{
	struct request *request = (struct request *)sync;

	request->error = errno;
	request->err = err;
	sem_post(&request->told);
}

static enum ink_err sync_by_request(struct power *p)
{
	struct request request = { .sync.done = on_done };

	sem_init(&request.told, 0, 0);
	ink_sync_begin(p->store, &request.sync);
	while (sem_wait(&request.told) != 0)
		continue;
	sem_destroy(&request.told);
	errno = request.error;
	return request.err;
}

/* Whether the next sync is asked for as the driver does it, or as other callers do. */
static bool is_by_request(struct power *p)
{
	return p->sync_count++ % 2 == 0;
}

static void append(struct power *p, uint64_t size_max, bool is_sync)
{
	uint64_t inode = choose(p, INK_CREATE), size = 1 + below(p, size_max);
	struct attempt a = { "append", INK_APPEND, inode, 0, NULL, (uint32_t)size, false, false };
	enum ink_err err;
	bool by_request;

	if (inode == 0)
		return;
	a.body = p->env->payload + below(p, POWER_PAYLOAD_MAX - size);
	a.offset = p->oracle->state.nodes[inode].size;
	a.is_durable = is_sync || p->is_sync;
	by_request = a.is_durable && is_by_request(p);
	a.may_stand = a.is_durable || p->options.seal_mode == INK_SEAL_MODE_WRITE;
	err = ink_append(p->store, &trial_root, inode, below(p, 2) ? INK_AT_END : a.offset, a.body,
			 size, a.is_durable && !by_request);
	if (err == INK_OK && by_request)
		err = sync_by_request(p);
	judge(p, &a, INK_OK, err);
}

static void make(struct power *p, uint8_t kind)
{
	static const uint32_t types[] = {
		[INK_CREATE] = S_IFREG, [INK_MKDIR] = S_IFDIR, [INK_SYMLINK] = S_IFLNK
	};
	uint64_t parent = choose(p, INK_MKDIR), inode = p->oracle->state.node_count;
	uint32_t mode = types[kind] | (kind == INK_SYMLINK ? 0777 : 0640);
	const char *target = kind == INK_SYMLINK ? "some/where" : NULL;
	char text[POWER_NAME_SIZE];
	struct ink_str name = fresh_name(p, text);
	union ink_body body = { .node = { .parent = parent, .mode = mode, .name = name } };
	struct ink_attr attr;
	enum ink_err err;

	if (inode >= FILES_MAX)
		return;
	if (target)
		body.node.target = (struct ink_str){ target, (uint32_t)strlen(target) };
	err = ink_make(p->store, &trial_root, parent, text, mode, target, &attr);
	if (err == INK_OK && attr.inode != inode)
		power_oracle_fail(p->oracle, "a new inode is not the next");
	judge_body(p, "make", kind, inode, &body, INK_OK, err);
}

static void denied(struct power *p, const char *what, uint64_t inode, struct ink_body_denied denied,
		   enum ink_err err)
{
	union ink_body body = { .denied = denied };

	body.denied.errno_code = EPERM;
	body.denied.count = 1;
	judge_body(p, what, INK_DENIED, inode, &body, INK_ERR_DENIED, err);
}

static void rename_one(struct power *p)
{
	const struct power_name *old = choose_name(p);
	char text[POWER_NAME_SIZE];
	struct ink_str name = fresh_name(p, text), old_name;
	uint64_t parent, inode;
	enum ink_err err;

	if (!old)
		return;
	parent = old->parent;
	inode = old->inode;
	old_name = (struct ink_str){ old->name, (uint32_t)strlen(old->name) };
	err = ink_rename(p->store, &trial_root, parent, old->name, parent, text, 0);
	if (p->options.profile == INK_PROFILE_ROTATE) {
		union ink_body body = { .rename = { parent, parent, old_name, name } };

		judge_body(p, "rename", INK_RENAME, inode, &body, INK_OK, err);
	} else {
		denied(p, "refused rename", parent,
		       (struct ink_body_denied){ .op = INK_OP_RENAME,
						 .second_inode = parent,
						 .name = old_name,
						 .second_name = name },
		       err);
	}
}

static void link_one(struct power *p)
{
	uint64_t inode = choose(p, INK_CREATE), parent = choose(p, INK_MKDIR);
	char text[POWER_NAME_SIZE];
	union ink_body body = { .name = { parent, fresh_name(p, text) } };
	struct ink_attr attr;

	if (inode == 0 || p->options.profile != INK_PROFILE_ROTATE ||
	    p->oracle->state.nodes[inode].name_count == 0)
		return;
	judge_body(p, "link", INK_LINK, inode, &body, INK_OK,
		   ink_link(p->store, &trial_root, inode, parent, text, &attr));
}

/* Names that hold nothing go, the others are kept by a refusal. */
static void unlink_one(struct power *p)
{
	const struct power_name *entry = choose_name(p);
	const struct power_node *node = entry ? &p->oracle->state.nodes[entry->inode] : NULL;
	char text[POWER_NAME_SIZE];
	uint64_t parent, inode;
	struct ink_str name;
	bool is_dir, is_allowed;
	enum ink_err err;

	if (!entry)
		return;
	is_dir = node->kind == INK_MKDIR;
	is_allowed = is_dir ? node->held_count == 0
			    : node->kind == INK_SYMLINK || node->size == 0 || node->name_count > 1;
	is_allowed = is_allowed && p->options.profile == INK_PROFILE_ROTATE;
	/* The same refusal twice within a second would be folded: the rest asks for other things. */
	if (!is_allowed && p->has_refused_unlink)
		return;
	p->has_refused_unlink |= !is_allowed;
	snprintf(text, sizeof(text), "%s", entry->name);
	name = (struct ink_str){ text, (uint32_t)strlen(text) };
	parent = entry->parent;
	inode = entry->inode;
	err = ink_unlink(p->store, &trial_root, parent, text, is_dir);
	if (is_allowed) {
		union ink_body body = { .name = { parent, name } };

		judge_body(p, "unlink", INK_UNLINK, inode, &body, INK_OK, err);
	} else {
		denied(p, "refused unlink", parent,
		       (struct ink_body_denied){ .op = is_dir ? INK_OP_RMDIR : INK_OP_UNLINK,
						 .name = name },
		       err);
	}
}

static void refuse(struct power *p)
{
	uint64_t inode = choose(p, INK_CREATE);
	uint64_t size = (UINT64_C(1) << 40) + p->oracle->count;

	if (inode != 0)
		denied(p, "refused truncation", inode,
		       (struct ink_body_denied){ .op = INK_OP_TRUNCATE, .a = size },
		       ink_truncate(p->store, &trial_root, inode, size));
}

static void set_mode(struct power *p)
{
	uint64_t inode = choose(p, INK_CREATE);
	struct ink_setattr change = { .mask = INK_ATTR_MODE };
	union ink_body body = { .attr = { .mask = INK_ATTR_MODE } };
	struct ink_attr attr;

	if (inode == 0)
		return;
	change.mode = p->oracle->state.nodes[inode].mode ^ 0004;
	body.attr.mode = change.mode;
	judge_body(p, "chmod", INK_ATTR, inode, &body, INK_OK,
		   ink_setattr(p->store, &trial_root, inode, &change, &attr));
}

/* Calls that make no record of the caller's; @is_durable: all before is, once it has returned. */
static void judge_call(struct power *p, const char *what, bool is_durable, enum ink_err err)
{
	if (err == INK_OK && is_durable)
		power_oracle_promise(p->oracle);
	if (err != INK_OK && !power_is_over(p) && !power_has_failed(p))
		power_oracle_fail(p->oracle, "%s: %s", what, ink_err_text(err));
}

static void change_epoch(struct power *p)
{
	enum ink_err err = store_change_epoch(p->store, INK_SEAL_EPOCH);

	judge_call(p, "change of epoch", true, err);
	if (err == INK_OK)
		p->oracle->epoch = catalog_head(p->store->catalog)->epoch;
}

static void seal(struct power *p)
{
	uint64_t inode = choose(p, INK_CREATE);

	if (inode != 0)
		judge_call(p, "seal", false, ink_seal(p->store, inode));
}

static void step(struct power *p, uint64_t choice)
{
	if (p->oracle->state.node_count == INK_ROOT_INODE + 1 || choice < 8)
		make(p, INK_CREATE);
	else if (choice < 40)
		append(p, 600, false);
	else if (choice < 52)
		append(p, 600, true);
	else if (choice < 55)
		make(p, INK_MKDIR);
	else if (choice < 57)
		make(p, INK_SYMLINK);
	else if (choice < 61)
		rename_one(p);
	else if (choice < 64)
		link_one(p);
	else if (choice < 67)
		unlink_one(p);
	else if (choice < 70)
		refuse(p);
	else if (choice < 73)
		set_mode(p);
	else if (choice < 77)
		change_epoch(p);
	else if (choice < 81)
		judge_call(p, "index commit", true, store_commit_index(p->store));
	else if (choice < 85)
		seal(p);
	else if (choice < 90)
		judge_call(p, "sync", true,
			   is_by_request(p) ? sync_by_request(p) : ink_sync(p->store));
	else if (choice < 98 || below(p, 3) != 0)
		append(p, 20000, below(p, 4) == 0);
	else
		append(p, below(p, 3) ? 300000 : 1000000, below(p, 4) == 0);
}

void power_step(struct power *p)
{
	step(p, below(p, 100));
}

void power_step_small(struct power *p)
{
	step(p, below(p, 90));
}

void power_fill_segment(struct power *p)
{
	struct ink_status status;

	for (ink_status(p->store, &status); status.log_bytes < SEGMENT_SIZE_MIN - 200000;
	     ink_status(p->store, &status))
		append(p, 60000, false);
}
