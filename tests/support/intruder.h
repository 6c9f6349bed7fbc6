/* SPDX-License-Identifier: MIT */
/*
 * Somebody who is root at time T: takes the records of a store apart, edits them, and puts them together again as well
 * as anybody can who knows the format and holds every key that lay on the machine at that moment.
 *
 * Owns: the records in memory.  Knows nothing of: what a verifier looks at.  Threads: one.
 * Whatever goes wrong here ends the program: it is not what is being tested.
 */
#ifndef TEST_INTRUDER_H
#define TEST_INTRUDER_H

#include <limits.h>
#include <stdbool.h>

#include "inkfs/store.h"

struct intruder_record {
	uint8_t *frame;
	size_t size;
	uint32_t segment;
};

struct intruder {
	char store[PATH_MAX];
	struct intruder_record *records;
	size_t count, room;
	uint8_t store_id[INK_STORE_ID_SIZE];
	uint32_t epoch_now; /* at the end of the log as it was found */
	/* What keys were found: */
	bool has_log_key, has_seal_key;
	uint8_t log_secret[64], log_public[INK_KEY_SIZE];
	uint8_t seal_secret[64], seal_public[INK_KEY_SIZE];
};

enum intruder_signs {
	INTRUDER_SIGNS_NOTHING, /* old signatures stay where they are */
	INTRUDER_SIGNS_OWN,     /* seals of the epoch whose key was found */
	INTRUDER_SIGNS_ALL,     /* every seal behind the first change, with that key */
};

/* Read the segments and the keys of @store, which need not be closed. */
void intruder_init(struct intruder *x, const char *store);
void intruder_release(struct intruder *x);

uint8_t *intruder_header(const struct intruder *x, size_t n);
uint8_t *intruder_body(const struct intruder *x, size_t n);
uint8_t intruder_kind(const struct intruder *x, size_t n);
uint32_t intruder_body_size(const struct intruder *x, size_t n);
/* The first of @kind from @from on; there must be one. */
size_t intruder_find(const struct intruder *x, uint8_t kind, size_t from);
size_t intruder_find_last(const struct intruder *x, uint8_t kind);
/* The APPEND whose body begins with @text, from @from on. */
size_t intruder_find_line(const struct intruder *x, const char *text, size_t from);

void intruder_remove(struct intruder *x, size_t n);
void intruder_cut(struct intruder *x, size_t count);
/* Record @n of @from comes to stand before record @at. */
void intruder_insert(struct intruder *x, size_t at, const struct intruder *from, size_t n);
/* A frame of one's own behind the last. */
void intruder_add(struct intruder *x, const uint8_t *frame, size_t size);
/* Behind the last record a REKEY to a key of one's own, signed with @log_secret. */
void intruder_rekey(struct intruder *x, const uint8_t *log_secret);
void intruder_swap(struct intruder *x, size_t a, size_t b);
/* Sign record @n with this secret as signature number @which, under @domain or its own (NULL). */
void intruder_sign(struct intruder *x, size_t n, unsigned which, const uint8_t *secret,
		   const char *domain);
/* Digest, leaf and check of one record, the chain left alone. */
void intruder_hash(struct intruder *x, size_t n);

/*
 * From record @from on, all that follows from what stands before: numbers, offsets in the files, counts, links, trees,
 * digests; and the signatures as far as @signs goes.
 */
void intruder_forge(struct intruder *x, size_t from, enum intruder_signs signs);
/* Write the segments back; the index is made anew if that can be, else removed. */
void intruder_write(struct intruder *x);

/* A store of its own from the same records: fresh keys for everything; @ret_vkey is its verification key. */
void intruder_found_anew(struct intruder *x, char ret_vkey[static INK_VKEY_SIZE]);

#endif
