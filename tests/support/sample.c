/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frame.h"
#include "hash.h"
#include "scratch.h"
#include "trial.h"

static const struct ink_caller caller = { .uid = 1000, .gid = 1000 };

static void must(enum ink_err err, const char *what)
{
	if (err == INK_OK)
		return;
	fprintf(stderr, "sample: %s: %s\n", what, ink_err_text(err));
	abort();
}

void sample_init(const char *path, char *ret_vkey)
{
	const struct ink_init_options options = { .origin = "sample",
						  .segment_size = SAMPLE_SEGMENT_SIZE };
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;

	must(ink_store_init(path, &options, vkey, &error), "init");
	if (ret_vkey)
		memcpy(ret_vkey, vkey, sizeof(vkey));
}

struct ink_store *sample_open(const char *path)
{
	struct ink_options options = trial_quiet();
	struct ink_store *store;
	struct ink_error error;

	options.profile = INK_PROFILE_ROTATE;
	options.audit = INK_AUDIT_READS;
	must(ink_store_open(path, &options, &store, &error), "open");
	return store;
}

static uint64_t make(struct ink_store *store, uint64_t parent, const char *name, uint32_t mode,
		     const char *target)
{
	struct ink_attr attr;

	must(ink_make(store, &caller, parent, name, mode, target, &attr), name);
	return attr.inode;
}

static void append(struct ink_store *store, uint64_t inode, const void *data, size_t size)
{
	must(ink_append(store, &caller, inode, INK_AT_END, data, size, false), "append");
}

/* Names carry the number of what is there, so that a second session finds its own free. */
void sample_session(const char *path)
{
	const struct ink_body_actor actor = {
		.pid = 7, .ppid = 1, .start_time = 9, .known = INK_KNOWN_PROCESS
	};
	const struct ink_setattr change = { .mask = INK_ATTR_MODE, .mode = 0600 };
	struct ink_store *store = sample_open(path);
	struct ink_status status;
	struct ink_attr attr;
	char name[64];
	uint64_t dir, file, empty;

	ink_status(store, &status);
	snprintf(name, sizeof(name), "dir%llu", (unsigned long long)status.file_count);
	dir = make(store, INK_ROOT_INODE, name, S_IFDIR | 0755, NULL);
	file = make(store, dir, "a.log", S_IFREG | 0644, NULL);
	must(ink_actor(store, 1000, 1000, &actor, &(uint64_t){ 0 }), "actor");
	must(ink_open(store, &caller, file, 1), "open");
	for (int i = 0; i < 3; i++)
		append(store, file, "one line\n", 9);
	must(ink_seal(store, file), "seal");
	make(store, dir, "link", S_IFLNK | 0777, "a.log");
	must(ink_setattr(store, &caller, file, &change, &attr), "setattr");
	must(ink_rename(store, &caller, dir, "a.log", dir, "b.log", 0), "rename");
	must(ink_link(store, &caller, file, dir, "c.log", &attr), "link");
	must(ink_unlink(store, &caller, dir, "c.log", false), "unlink");
	empty = make(store, dir, "empty", S_IFREG | 0644, NULL);
	if (ink_truncate(store, &caller, file, 0) != INK_ERR_DENIED)
		must(INK_ERR_INVALID, "truncate");
	append(store, empty, "not empty\n", 10);
	append(store, file, "last\n", 5);
	must(ink_release(store, &caller, file, 1), "release");
	must(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
}

void sample_small(const char *path, char *ret_vkey)
{
	sample_init(path, ret_vkey);
	sample_session(path);
	sample_session(path);
}

void sample_tiled(const char *path)
{
	const struct ink_caller nobody = { 0 };
	struct ink_store *store;

	sample_small(path, NULL);
	store = sample_open(path);
	for (unsigned i = 0; i < 300; i++)
		must(ink_append(store, &nobody, 3, INK_AT_END, "more\n", 5, false), "append");
	must(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
}

void sample_segments(const char *path, char *ret_vkey)
{
	enum { SIZE = 700 << 10 };
	char *data = malloc(SIZE);
	struct ink_store *store;
	uint64_t file;

	assert(data);
	sample_init(path, ret_vkey);
	store = sample_open(path);
	file = make(store, INK_ROOT_INODE, "big", S_IFREG | 0644, NULL);
	for (int i = 0; i < 8; i++) {
		memset(data, 'a' + i, SIZE);
		append(store, file, data, SIZE);
		append(store, file, "x", 1);
	}
	free(data);
	must(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
}

/* --- verdicts ------------------------------------------------------------------------------ */

/* What one run says, all of it in order. */
struct account {
	struct verdict *verdict; /* NULL: only the hash */
	uint8_t hash[INK_HASH_SIZE];
};

static void account_add(struct account *account, const struct ink_finding *finding)
{
	char line[8192];
	int size = snprintf(line, sizeof(line),
			    "%d %d %d %llu %llu %lld %llu %llu %llu %.4000s %.2000s",
			    (int)finding->code, (int)finding->severity, finding->has_record,
			    (unsigned long long)finding->seq, (unsigned long long)finding->place,
			    (long long)finding->wall_ns, (unsigned long long)finding->inode,
			    (unsigned long long)finding->offset, (unsigned long long)finding->size,
			    finding->path ? finding->path : "", finding->text);

	hash_two(account->hash, INK_HASH_SIZE, line, (size_t)size, account->hash);
}

static void keep_place(struct found *found, const struct ink_finding *finding)
{
	found->has_record = finding->has_record;
	found->seq = finding->seq;
	found->offset = finding->offset;
	found->size = finding->size;
	snprintf(found->path, sizeof(found->path), "%.90s", finding->path ? finding->path : "");
}

static void on_finding(void *ctx, const struct ink_finding *finding)
{
	struct account *account = ctx;
	struct verdict *verdict = account->verdict;

	assert(ink_finding_name(finding->code) && finding->text);
	account_add(account, finding);
	if (!verdict)
		return;
	if (finding->severity == INK_OBSERVATION) {
		if (verdict->notes[finding->code]++ == 0 && verdict->evidence[finding->code] == 0)
			keep_place(&verdict->found[finding->code], finding);
		return;
	}
	if (verdict->evidence[finding->code]++ == 0)
		keep_place(&verdict->found[finding->code], finding);
	if (verdict->first[0])
		return;
	snprintf(verdict->first, sizeof(verdict->first), "%s: %.400s",
		 ink_finding_name(finding->code), finding->text);
	snprintf(verdict->path, sizeof(verdict->path), "%.500s",
		 finding->path ? finding->path : "");
	verdict->offset = finding->offset;
	verdict->size = finding->size;
}

/* However many threads hash, what is found is the same, and in the same order. */
static void assert_threads_agree(const char *path, const struct ink_verify_options *options,
				 const struct verdict *verdict, const struct account *account)
{
	struct account again = { 0 };
	struct ink_verify_options with_threads = *options;
	struct ink_verify_result result = { 0 };
	struct ink_error error = { 0 };
	enum ink_err err;

	with_threads.ctx = &again;
	with_threads.thread_count = 3;
	err = ink_verify(path, &with_threads, &result, &error);
	if (err == verdict->err && memcmp(again.hash, account->hash, INK_HASH_SIZE) == 0 &&
	    memcmp(&result, &verdict->result, sizeof(result)) == 0)
		return;
	fprintf(stderr, "%s: one thread and three do not find the same: %d %d, %s\n", path,
		(int)verdict->err, (int)err, verdict->first);
	abort();
}

void verdict_with(const char *path, const struct ink_verify_options *options,
		  struct verdict *ret_verdict)
{
	struct account account = { .verdict = ret_verdict };
	struct ink_verify_options own = *options;

	memset(ret_verdict, 0, sizeof(*ret_verdict));
	own.on_finding = on_finding;
	own.ctx = &account;
	own.thread_count = 1;
	ret_verdict->err = ink_verify(path, &own, &ret_verdict->result, &ret_verdict->error);
	if (!ret_verdict->result.is_live && !getenv("INKFS_TEST_ONE_THREAD"))
		assert_threads_agree(path, &own, ret_verdict, &account);
}

void verdict_of(const char *path, const char *vkey, struct verdict *ret_verdict)
{
	const struct ink_verify_options options = { .vkey = vkey };

	verdict_with(path, &options, ret_verdict);
}

bool verdict_is_whole(const struct verdict *verdict)
{
	return verdict->err == INK_OK && verdict->result.is_intact && verdict->result.is_closed;
}

bool sample_has_evidence(const char *path)
{
	struct verdict verdict;

	verdict_of(path, NULL, &verdict);
	return verdict.err == INK_OK && !verdict.result.is_intact &&
	       verdict.result.evidence_count > 0;
}

/* --- frames -------------------------------------------------------------------------------- */

size_t sample_frames(const uint8_t *segment, size_t size, size_t *ret_at)
{
	size_t count = 0, pos = SEGMENT_HEADER_SIZE;

	while (pos + FRAME_OFF_BODY <= size && memcmp(segment + pos, FRAME_MAGIC, 4) == 0) {
		assert(count < SAMPLE_FRAMES_MAX);
		ret_at[count++] = pos;
		pos += frame_size(
			be32_load(segment + pos + FRAME_OFF_HEADER + HEADER_OFF_BODY_SIZE));
	}
	ret_at[count] = pos;
	return count;
}

uint8_t *sample_read(const char *path, size_t *ret_size, size_t *ret_at, size_t *ret_count)
{
	char file[PATH_MAX];
	uint8_t *data;

	scratch_path(path, SAMPLE_SEGMENT, file);
	data = file_read(file, ret_size);
	*ret_count = sample_frames(data, *ret_size, ret_at);
	return data;
}

size_t sample_find(const uint8_t *segment, const size_t *at, size_t count, uint8_t kind,
		   size_t from)
{
	for (size_t i = from; i < count; i++)
		if (segment[at[i] + FRAME_OFF_HEADER + HEADER_OFF_KIND] == kind)
			return i;
	return SIZE_MAX;
}

void sample_rehash(uint8_t *segment, size_t size)
{
	static size_t at[SAMPLE_FRAMES_MAX + 1];
	uint8_t prev[INK_HASH_SIZE] = { 0 };
	size_t count = sample_frames(segment, size, at);

	for (size_t i = 0; i < count; i++) {
		uint8_t *frame = segment + at[i], *header = frame + FRAME_OFF_HEADER;

		be64_store(header + HEADER_OFF_SEQ, i);
		memcpy(header + HEADER_OFF_PREV, prev, sizeof(prev));
		hash_data(frame + FRAME_OFF_NONCE,
			  INK_NONCE_SIZE + be32_load(header + HEADER_OFF_BODY_SIZE),
			  header + HEADER_OFF_DIGEST);
		hash_leaf(header, HEADER_SIZE, prev);
		memcpy(frame + FRAME_OFF_CHECK, prev, FRAME_CHECK_SIZE);
	}
}

void sample_cut(uint8_t *data, size_t *size, size_t from, size_t to)
{
	memmove(data + from, data + to, *size - to);
	*size -= to - from;
}
