/* SPDX-License-Identifier: MIT */
/*
 * A store written record by record by somebody with all the keys: hashes and signatures are good, and what the records
 * say is up to the test.
 *
 * Owns: the records and keys until craft_release().  Knows nothing of: what a verifier looks at.  Threads: one.
 * Whatever goes wrong here ends the program: it is not what is being tested.
 */
#ifndef TEST_CRAFT_H
#define TEST_CRAFT_H

#include "inkfs/checkpoint.h"
#include "key.h"
#include "merkle.h"

enum { CRAFT_SEGMENTS_MAX = 8, CRAFT_KEYS_MAX = 16, CRAFT_STEP_NS = 1000 * 1000 };

struct craft {
	struct key_pair *log_key, *seal_key; /* in force */
	struct key_pair *keys[CRAFT_KEYS_MAX];
	unsigned key_count;
	uint8_t store_id[INK_STORE_ID_SIZE]; /* of the segments */
	struct merkle tree;
	uint8_t last_leaf[INK_HASH_SIZE];
	uint32_t epoch;
	uint64_t boot_shift_ns; /* added to the boot clock */
	uint64_t mount_seq, payload;
	uint8_t *segments[CRAFT_SEGMENTS_MAX];
	size_t sizes[CRAFT_SEGMENTS_MAX], rooms[CRAFT_SEGMENTS_MAX];
	unsigned segment_count;
	char origin[256], vkey[INK_VKEY_SIZE];
};

/* Keys, and a first segment without a record. */
void craft_init(struct craft *c);
void craft_release(struct craft *c);
/* Make the folder @path with log and lock; a segment that is NULL is missing. */
void craft_save(const struct craft *c, const char *path);

struct key_pair *craft_key(struct craft *c);
/* The last segment ends here. */
void craft_rotate(struct craft *c);
/* Bytes that are no record. */
void craft_noise(struct craft *c, const void *data, size_t size);

/* One record; all give its number.  @body may be anything. */
uint64_t craft_bytes(struct craft *c, const struct ink_header *header, const void *body,
		     size_t size);
/* @header: kind, inode, actor; the rest is made. */
uint64_t craft_record(struct craft *c, const struct ink_header *header, const union ink_body *body);
uint64_t craft_signed(struct craft *c, uint8_t kind, const union ink_body *body,
		      const struct key_pair *first, const struct key_pair *second);

void craft_genesis_of(struct craft *c, const uint8_t *store_id, const struct key_pair *first,
		      const struct key_pair *second);
void craft_genesis(struct craft *c);
/* A body as it should be here, to be changed and signed. */
struct ink_body_seal craft_seal_body(const struct craft *c, uint8_t kind, uint8_t reason,
				     uint64_t durable_size, uint8_t *ret_root);
uint64_t craft_seal(struct craft *c, uint8_t reason, uint64_t durable_size);
uint64_t craft_epoch(struct craft *c, uint8_t reason);
uint64_t craft_mount(struct craft *c);
uint64_t craft_unmount(struct craft *c);
/* EPOCH and MOUNT; UNMOUNT and its EPOCH. */
void craft_open(struct craft *c);
void craft_close(struct craft *c);
uint64_t craft_node(struct craft *c, uint8_t kind, uint64_t inode, uint64_t parent,
		    const char *name);
uint64_t craft_append(struct craft *c, uint64_t inode, uint64_t offset, const char *text);
/* An open session with folder 2 `d` and file 3 `d/f` of four bytes. */
void craft_begin(struct craft *c);

/* Nonce and body of record @seq, of @size bytes, in the first segment: zero. */
void craft_zero_body(struct craft *c, uint64_t seq);
/* Where record @seq begins in its segment. */
uint8_t *craft_frame(struct craft *c, uint64_t seq, size_t *ret_size);

/* A checkpoint of the log so far, signed with @log_key, and with @seal_key where there is one. */
size_t craft_checkpoint(const struct craft *c, const struct key_pair *log_key,
			const struct key_pair *seal_key, char *ret_note);

#endif
