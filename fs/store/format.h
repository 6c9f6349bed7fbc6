/* SPDX-License-Identifier: MIT */
/*
 * Offsets, sizes and limits of FORMAT.md.
 *
 * Owns: nothing.  Knows nothing of: how bytes get to a disk.  Threads: any.
 */
#ifndef INK_FORMAT_H
#define INK_FORMAT_H

#include "inkfs/record.h"

/* A number above the second is not a version but damage. */
enum { FORMAT_VERSION = 1, FORMAT_VERSION_PLAUSIBLE = 255 };

/*
 * Segment header
 *   0 magic 8 | 8 version 4 | 12 index 4 | 16 first seq 8 | 24 store id 16 | 40 prev 32 | 72 zero 24 | 96 H 32
 */
#define SEGMENT_MAGIC "inkfsSEG"
enum {
	SEGMENT_OFF_VERSION = 8,
	SEGMENT_OFF_INDEX = 12,
	SEGMENT_OFF_FIRST_SEQ = 16,
	SEGMENT_OFF_STORE_ID = 24,
	SEGMENT_OFF_PREV = 40,
	SEGMENT_OFF_ZERO = 72,
	SEGMENT_OFF_HASH = 96,
	SEGMENT_HEADER_SIZE = 128,
};

#define SEGMENT_SIZE_DEFAULT (UINT64_C(64) << 20)
#define SEGMENT_SIZE_MIN (UINT64_C(2) << 20)
#define SEGMENT_SIZE_MAX (UINT64_C(1) << 30)

/*
 * Frame
 *   0 magic 4 | 4 check 4 | 8 header 133 | 141 nonce 16 | 157 body | zeros up to a multiple of 8
 */
#define FRAME_MAGIC "inkF"
enum {
	FRAME_OFF_CHECK = 4,
	FRAME_OFF_HEADER = 8,
	FRAME_OFF_NONCE = 141,
	FRAME_OFF_BODY = 157,
	FRAME_CHECK_SIZE = 4,
	FRAME_ALIGN = 8,
};

/*
 * Record header = leaf entry
 *   0 version 1 | 1 kind 1 | 2 flags 2 | 4 body size 4 | 8 seq 8 | 16 wall 8 | 24 boot 8 | 32 inode 8
 *   40 offset 8 | 48 uid 4 | 52 gid 4 | 56 actor 8 | 64 prev 32 | 96 digest 32 | 128 addendum index 5
 */
enum {
	HEADER_OFF_VERSION = 0,
	HEADER_OFF_KIND = 1,
	HEADER_OFF_FLAGS = 2,
	HEADER_OFF_BODY_SIZE = 4,
	HEADER_OFF_SEQ = 8,
	HEADER_OFF_WALL = 16,
	HEADER_OFF_BOOT = 24,
	HEADER_OFF_INODE = 32,
	HEADER_OFF_OFFSET = 40,
	HEADER_OFF_UID = 48,
	HEADER_OFF_GID = 52,
	HEADER_OFF_ACTOR = 56,
	HEADER_OFF_PREV = 64,
	HEADER_OFF_DIGEST = 96,
	HEADER_OFF_ADDENDA = 128,
	HEADER_SIZE = 133,
	/* What a signature covers of it: all before the digest, which depends on the signature. */
	HEADER_SIGNED_SIZE = 96,
};

_Static_assert(HEADER_OFF_PREV + INK_HASH_SIZE == HEADER_OFF_DIGEST, "prev fits");
_Static_assert(HEADER_OFF_DIGEST + INK_HASH_SIZE == HEADER_OFF_ADDENDA, "digest fits");
_Static_assert(FRAME_OFF_HEADER + HEADER_SIZE == FRAME_OFF_NONCE, "header fits");
_Static_assert(FRAME_OFF_NONCE + INK_NONCE_SIZE == FRAME_OFF_BODY, "nonce fits");
_Static_assert(SEGMENT_OFF_HASH + INK_HASH_SIZE == SEGMENT_HEADER_SIZE, "segment header fits");

/* GENESIS, SEAL, EPOCH, REKEY: sizes that do not vary. */
enum {
	GENESIS_FIXED_SIZE = 104,
	SEAL_BODY_SIZE = 120,
	EPOCH_BODY_SIZE = 216,
	UNMOUNT_BODY_SIZE = 24,
	ORIGIN_HEX_SIZE = 32, /* digits of the commitment in an origin */
	ORIGIN_NAME_SIZE_MAX = 200,
};

#define DOMAIN_GENESIS "inkfs/genesis/v1"
#define DOMAIN_SEAL "inkfs/seal/v1"
#define DOMAIN_EPOCH "inkfs/epoch/v1"
#define DOMAIN_REKEY "inkfs/rekey/v1"
#define DOMAIN_ORIGIN "inkfs/origin/v1"

enum {
	FIRST_INODE = 2, /* of the first object that is not the root */
	COOKIE_BASE = 3,
	TILE_WIDTH = 256,
	TILE_LEVEL_MAX = 8,
	TREE_DEPTH_MAX = 64,
};

/* Runs of one file's records in the extent index. */
enum { RUN_GAP_MAX = 4096, RUN_SIZE_MAX = 65536 };

/* A place in the log: segment number and byte offset in that file. */
static inline uint64_t place_make(uint32_t segment, uint32_t offset)
{
	return (uint64_t)segment << 32 | offset;
}

static inline uint32_t place_segment(uint64_t place)
{
	return (uint32_t)(place >> 32);
}

static inline uint32_t place_offset(uint64_t place)
{
	return (uint32_t)place;
}

/* Bytes that a frame takes, padding included. */
static inline uint64_t frame_size(uint32_t body_size)
{
	return ((uint64_t)FRAME_OFF_BODY + body_size + FRAME_ALIGN - 1) &
	       ~(uint64_t)(FRAME_ALIGN - 1);
}

static inline uint32_t body_size_max(uint8_t kind)
{
	return kind == INK_APPEND ? INK_APPEND_SIZE_MAX : INK_BODY_SIZE_MAX;
}

#endif
