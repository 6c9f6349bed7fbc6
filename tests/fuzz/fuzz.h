/* SPDX-License-Identifier: MIT */
/*
 * Fuzz targets: for each decoder a function that takes any bytes and holds what must be true of them.
 *
 * Owns: nothing.  Knows nothing of: who makes the bytes (libFuzzer in fuzz_main.c, the corpus and simple changes of
 * it in test_corpus.c).  Threads: one.
 *
 * A target never answers: what must not be ends the program with a sentence.  Where a format has hashes or
 * signatures, the first byte of the input says whether the target makes them right first, so that the fuzzer gets
 * behind them.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct fuzz_target {
	const char *name;                              /* of its folder in corpus/ too */
	void (*run)(const uint8_t *data, size_t size); /* @data: exactly @size bytes on the heap */
	size_t size_max;                               /* longer inputs are not worth running */
};

extern const struct fuzz_target fuzz_body, fuzz_frame, fuzz_segment, fuzz_key, fuzz_note, fuzz_vkey,
	fuzz_proof, fuzz_lmdb, fuzz_index, fuzz_store, fuzz_evidence, fuzz_tiles, fuzz_state;

/* All of the above; the last is NULL. */
extern const struct fuzz_target *const fuzz_targets[];

/* NULL if there is none. */
const struct fuzz_target *fuzz_find(const char *name);

/* Says what is wrong with which input, and aborts. */
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);
/* What fuzz_fail() names; borrowed. */
void fuzz_name_input(const char *name);

#define FUZZ_REQUIRE(condition)                                    \
	do {                                                       \
		if (!(condition))                                  \
			fuzz_fail(__FILE__, __LINE__, #condition); \
	} while (0)

/* A copy of exactly these bytes, so that a sanitizer sees a read behind them.  To be freed. */
uint8_t *fuzz_copy(const uint8_t *data, size_t size);

/* Numbers and pieces taken off the front of an input; behind its end come zeros and nothing. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

uint8_t input_u8(struct fuzz_input *input);
uint16_t input_u16(struct fuzz_input *input);
uint32_t input_u32(struct fuzz_input *input);
uint64_t input_u64(struct fuzz_input *input);
/* Up to @size bytes; @ret_size: how many there were. */
const uint8_t *input_bytes(struct fuzz_input *input, size_t size, size_t *ret_size);

#endif
