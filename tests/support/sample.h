/* SPDX-License-Identifier: MIT */
/*
 * Small stores to read and to spoil, and what verification says of them.
 *
 * Owns: nothing.  Knows nothing of: what is tested.  Threads: one.
 */
#ifndef TEST_SAMPLE_H
#define TEST_SAMPLE_H

#include "inkfs/verify.h"

#define SAMPLE_SEGMENT "log/0000000000.seg"

enum { SAMPLE_FRAMES_MAX = 4096, SAMPLE_SEGMENT_SIZE = 2 << 20 };

/* A store with nothing but GENESIS; @ret_vkey: INK_VKEY_SIZE bytes or NULL. */
void sample_init(const char *path, char *ret_vkey);
struct ink_store *sample_open(const char *path);
/* A session with every kind of record that a program can cause; closed in order. */
void sample_session(const char *path);
/* sample_init(), two sessions. */
void sample_small(const char *path, char *ret_vkey);
/* sample_small(), and a session of so many appends that the index has a tile. */
void sample_tiled(const char *path);
/* Four segments of 2 MiB. */
void sample_segments(const char *path, char *ret_vkey);

struct verdict {
	enum ink_err err;
	struct ink_error error;
	struct ink_verify_result result;
	unsigned evidence[INK_FIND_CHECKPOINT_WEAK + 1];
	unsigned notes[INK_FIND_CHECKPOINT_WEAK + 1];
	char first[512]; /* the first piece of evidence */
	char path[512];  /* of it, where it has one; so the rest */
	uint64_t offset, size;
	struct found {
		bool has_record;
		uint64_t seq, offset, size;
		char path[96];
	} found[INK_FIND_CHECKPOINT_WEAK +
		1]; /* the first piece of evidence of each code, else the first observation */
};

/* Verified with one thread and with three, which must agree (INKFS_TEST_ONE_THREAD: not asked); @options without callbacks. */
void verdict_with(const char *path, const struct ink_verify_options *options,
		  struct verdict *ret_verdict);
void verdict_of(const char *path, const char *vkey, struct verdict *ret_verdict);
/* Nothing to be desired: intact and closed in order. */
bool verdict_is_whole(const struct verdict *verdict);
/* The verdict of the store at @path is that it is not intact. */
bool sample_has_evidence(const char *path);

/* The frames of a segment's bytes: @ret_at SAMPLE_FRAMES_MAX + 1 offsets, the last behind the last frame. */
size_t sample_frames(const uint8_t *segment, size_t size, size_t *ret_at);
/*
 * The first segment of the store @path, as it lies there: allocated, *ret_size bytes; its frames in *ret_count and
 * @ret_at as by sample_frames().
 */
uint8_t *sample_read(const char *path, size_t *ret_size, size_t *ret_at, size_t *ret_count);
/* First frame of @kind from number @from on; SIZE_MAX: none. */
size_t sample_find(const uint8_t *segment, const size_t *at, size_t count, uint8_t kind,
		   size_t from);
/* Number, chain and hash all frames anew, as somebody without keys can. */
void sample_rehash(uint8_t *segment, size_t size);
/* Take out the bytes [from, to). */
void sample_cut(uint8_t *data, size_t *size, size_t from, size_t to);

#endif
