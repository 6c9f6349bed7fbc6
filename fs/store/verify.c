/* SPDX-License-Identifier: MIT */
/*
 * ink_verify(): the order of steps and the result.
 *
 * The index is read before the log: it covers only what was synced, so a log that is read after it has at least that
 * much, also while somebody writes.
 */
#include "verify_private.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "vkey.h"
#include "walk_ahead.h"

enum { AHEAD_BYTES_MIN = 8 << 20 };

bool verify_grow(struct verify *v, void *array, size_t *room, size_t count, size_t size)
{
	void *data, *grown;
	size_t wanted;

	if (count < *room)
		return true;
	memcpy(&data, array, sizeof(data)); /* whatever it points to */
	wanted = *room ? *room * 2 : 64;
	if (wanted < count + 1)
		wanted = count + 1;
	grown = reallocarray(data, wanted, size);
	if (!grown) {
		v->has_no_memory = true;
		return false;
	}
	memcpy(array, &grown, sizeof(grown));
	*room = wanted;
	return true;
}

char *verify_join(struct verify *v, const char *name)
{
	size_t size = strlen(v->path) + 1 + strlen(name) + 1;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s/%s", v->path, name);
	else
		v->has_no_memory = true;
	return path;
}

enum ink_err verify_io_error(struct verify *v, const char *path)
{
	if (v->has_no_memory)
		errno = ENOMEM;
	return error_io(v->error, path, "could not check");
}

/* --- before -------------------------------------------------------------------------------- */

bool ink_vkey_is_valid(const char *vkey)
{
	uint8_t log_key[INK_KEY_SIZE];
	struct ink_str origin;

	return vkey_setup() && vkey_parse(vkey, &origin, log_key) == INK_OK;
}

static enum ink_err check_options(const struct ink_verify_options *options, struct ink_error *error)
{
	if (!vkey_setup())
		return error_set(error, INK_ERR_FAILED, "libsodium does not start");
	if (options->vkey && !ink_vkey_is_valid(options->vkey))
		return error_set(error, INK_ERR_INVALID, "the given key is not a verification key");
	return INK_OK;
}

static enum ink_err start(struct verify *v)
{
	size_t size = strlen(v->path) + sizeof("/log");
	char *log_dir = malloc(size);
	enum ink_err err = INK_ERR_IO;

	errno = ENOMEM;
	if (log_dir) {
		snprintf(log_dir, size, "%s/log", v->path);
		err = walk_open(&v->walk, v->io, log_dir);
		free(log_dir);
	}
	if (err != INK_OK)
		return verify_io_error(v, v->path);
	merkle_init(&v->chain.tree);
	v->chain.is_tree_known = true;
	v->chain.is_state_known = true;
	v->chain.was_ended = true;
	v->chain.next_inode = INK_ROOT_INODE;
	return INK_OK;
}

static unsigned cpu_count(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
}

/* A small store is read before a thread has begun. */
static enum ink_err start_ahead(struct verify *v)
{
	unsigned count = v->options.thread_count;

	v->walk.skip_seq = v->since_size;
	if (count == 0)
		count = v->total_bytes < AHEAD_BYTES_MIN ? 1 : cpu_count();
	if (count > AHEAD_THREADS_MAX)
		count = AHEAD_THREADS_MAX;
	if (count < 2)
		return INK_OK;
	if (ahead_open(v->io, v->walk.log_dir, count, v->since_size, &v->ahead) != INK_OK)
		return verify_io_error(v, v->path);
	v->walk.ahead = v->ahead;
	return INK_OK;
}

/* --- after --------------------------------------------------------------------------------- */

static void check_reach(struct verify *v)
{
	const struct chain *chain = &v->chain;
	uint64_t count = chain->tree.size;

	if (!chain->is_tree_known)
		return;
	/* No seal says that more were on the disk than stand before it. */
	if (!v->index.is_open)
		return;
	if (v->index.count > count && change_spoils(v))
		return;
	if (v->index.count > count)
		report_file(v, INK_FIND_INDEX_AHEAD, "index/data.mdb",
			    "the index covers %llu records, the log has %llu: its end was cut off",
			    (unsigned long long)v->index.count, (unsigned long long)count);
	else if (v->index.count < count && v->index.count > 0 && !v->is_live && !v->was_written)
		note_record(v, INK_FIND_INDEX_BEHIND, NULL, "the index covers %llu of %llu records",
			    (unsigned long long)v->index.count, (unsigned long long)count);
}

static void check_segments(struct verify *v)
{
	const struct chain *chain = &v->chain;

	if (chain->has_genesis && v->largest_segment > chain->segment_size)
		report_file(v, INK_FIND_SEGMENT_TAIL, "log",
			    "a segment has %llu bytes, GENESIS allows %llu",
			    (unsigned long long)v->largest_segment,
			    (unsigned long long)chain->segment_size);
	if (!chain->has_genesis && v->segment_count > 0)
		report_file(v, INK_FIND_GENESIS, "log",
			    "there is no GENESIS: nothing says whose log this is");
}

static void note_end(struct verify *v)
{
	struct chain *chain = &v->chain;
	uint64_t unsealed = chain->tree.size - chain->sealed_count;

	if (!chain->has_genesis)
		return;
	/* GENESIS signs itself. */
	if (chain->sealed_count == 0 && chain->tree.size > 0)
		unsealed--;
	v->result->unsealed_count = unsealed;
	if (unsealed > 0)
		note_record(v, INK_FIND_UNSEALED_TAIL, NULL,
			    "no signature covers the last %llu record%s",
			    (unsigned long long)unsealed, unsealed == 1 ? "" : "s");
	if (v->is_live)
		return;
	if (chain->session_seq != 0) {
		chain->unclean_count++;
		note_record(v, INK_FIND_UNCLEAN_END, NULL,
			    "the session that began with record %llu has no UNMOUNT",
			    (unsigned long long)chain->session_seq);
	}
	if (!chain->is_closed)
		note_record(
			v, INK_FIND_NOT_CLOSED, NULL,
			"the log does not end with its closing record: in use, ended uncleanly, or cut");
}

static void fill_result(struct verify *v)
{
	struct ink_verify_result *result = v->result;
	const struct chain *chain = &v->chain;

	result->is_closed = chain->is_closed;
	result->is_live = v->is_live;
	result->since_size = v->since_size < chain->tree.size ? v->since_size : chain->tree.size;
	memcpy(result->vkey, chain->vkey, sizeof(result->vkey));
	result->record_count = chain->tree.size;
	result->payload_bytes = chain->payload;
	result->file_count = chain->next_inode - INK_ROOT_INODE;
	result->seal_count = chain->seal_count;
	result->session_count = chain->session_count;
	result->unclean_count = chain->unclean_count;
	result->refusal_count = chain->refusals;
	result->erased_count = chain->erased_count;
	result->index_count = v->index.is_open ? v->index.count : 0;
	merkle_root(&chain->tree, result->root);
	result->first_wall_ns = chain->first_wall;
	result->last_wall_ns = chain->last_wall;
	result->is_intact = result->evidence_count == 0;
	if (v->has_fault) {
		result->is_closed = false;
		result->record_count = v->good_count;
		memcpy(result->root, v->good_root, sizeof(result->root));
	}
}

static enum ink_err run(struct verify *v)
{
	enum ink_err err = start(v);

	if (err == INK_OK)
		err = pins_begin(v);
	if (err == INK_OK)
		err = files_list(v);
	if (err != INK_OK)
		return err;
	err = start_ahead(v);
	if (err != INK_OK)
		return err;
	change_begin(v);
	err = index_begin(v);
	if (err == INK_OK && v->segment_count > 0)
		err = verify_log(v);
	if (v->is_spoiled)
		return err;
	if (err == INK_OK)
		err = index_finish(v);
	if (err == INK_OK)
		err = lost_finish(v);
	if (err == INK_OK)
		err = keys_check(v);
	if (err != INK_OK)
		return err;
	check_segments(v);
	check_reach(v);
	if (v->is_spoiled)
		return INK_OK;
	note_end(v);
	pins_finish(v);
	report_overflows(v);
	fill_result(v);
	return v->has_no_memory ? verify_io_error(v, v->path) : INK_OK;
}

static void release(struct verify *v)
{
	ahead_close(v->ahead);
	walk_close(&v->walk);
	index_release(v);
	kept_drop(&v->suspect.findings);
	names_release(&v->names);
	pins_release(v);
	free(v->actors);
	free(v->erased);
	free(v->recoveries);
	free(v->segments);
	free(v);
}

/* @told_counts: of each code, how many were told in earlier runs; then in this one too. */
static enum ink_err run_once(const char *path, const struct ink_verify_options *options,
			     unsigned number, uint64_t *told_counts, bool *ret_is_spoiled,
			     struct ink_verify_result *ret_result, struct ink_error *error)
{
	struct verify *v = calloc(1, sizeof(*v));
	enum ink_err err;

	*ret_is_spoiled = false;
	if (!v) {
		errno = ENOMEM;
		return error_io(error, path, "could not check");
	}
	*ret_result = (struct ink_verify_result){ 0 };
	v->path = path;
	v->io = io_system();
	v->options = *options;
	v->result = ret_result;
	v->error = error;
	v->walk.fd = -1;
	v->run = number;
	memcpy(v->told_counts, told_counts, sizeof(v->told_counts));
	err = run(v);
	for (unsigned code = 0; code <= FINDING_CODE_LAST; code++)
		if (told_counts[code] < v->code_counts[code])
			told_counts[code] = v->code_counts[code];
	*ret_is_spoiled = err == INK_OK && v->is_spoiled;
	release(v);
	return err;
}

enum ink_err ink_verify(const char *path, const struct ink_verify_options *options,
			struct ink_verify_result *ret_result, struct ink_error *ret_error)
{
	enum ink_err err = check_options(options, ret_error);
	uint64_t told_counts[FINDING_CODE_LAST + 1] = { 0 };
	struct ink_verify_result result;
	bool is_spoiled = true;

	for (unsigned number = 0; err == INK_OK && is_spoiled; number++)
		err = run_once(path, options, number, told_counts, &is_spoiled, &result, ret_error);
	if (err == INK_OK)
		*ret_result = result;
	return err;
}
