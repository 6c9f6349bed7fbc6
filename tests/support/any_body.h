/* SPDX-License-Identifier: MIT */
/*
 * Bodies of every kind with random fields, all as the format allows.
 *
 * Owns: the bytes that they point into, and overwrites its names after a while.  Knows nothing of: what is tested.
 * Threads: one.
 */
#ifndef TEST_ANY_BODY_H
#define TEST_ANY_BODY_H

#include "record.h"
#include "scratch.h"

enum { ANY_BODY_ROOM = 80000 };

/* Bytes that the random bodies point into, always the same. */
const uint8_t *any_body_text(void);
void any_body(struct rng *rng, uint8_t kind, union ink_body *b);
/* The whole body with random bytes for signatures, in memory of exactly its size; NULL if it is too long. */
uint8_t *any_body_bytes(struct rng *rng, uint8_t kind, size_t *ret_size);

#endif
