/* SPDX-License-Identifier: MIT */
/*
 * What every test needs: a folder of its own, whole files, numbers from a printed seed.
 *
 * Owns: nothing.  Knows nothing of: the store.  Threads: any, but one per struct rng.
 * Whatever goes wrong here ends the program with a sentence: it is not what is being tested.
 */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fresh folder beneath TEST_TMPDIR (else /tmp); @ret_path: PATH_MAX bytes. */
void scratch_dir(char *ret_path);
/* In memory if there is room, else as above: where no sync is to be waited for.  Not kept when a test fails. */
void scratch_dir_in_memory(char *ret_path);
/* @dir/@name; @ret_path: PATH_MAX bytes. */
void scratch_path(const char *dir, const char *name, char *ret_path);
/* All bytes of a file, to be freed by the caller, a NUL behind them. */
uint8_t *file_read(const char *path, size_t *ret_size);
/* Make or replace. */
void file_write(const char *path, const void *data, size_t size);
bool file_exists(const char *path);
uint64_t file_size(const char *path);
/* A folder with all that is in it: files, folders, links; modes are kept.  @to must not exist. */
void tree_copy(const char *from, const char *to);
void tree_remove(const char *path);

/* Sanitizers take their time, and their shadow counts as memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

/* Loops that may run longer or shorter: @normal, times INKFS_TEST_ROUNDS / 100 (without it 100, with a sanitizer 20). */
unsigned rounds(unsigned normal);
/* The step of a loop over every byte: 1, or more where rounds() gives fewer; odd, so that no pattern of the bytes is met. */
unsigned stride(void);

/* xorshift64*; the same seed, the same numbers. */
struct rng {
	uint64_t state;
};

/* From INKFS_TEST_SEED, or fresh; printed, so that a failure can be had again. */
void rng_init(struct rng *rng, const char *what);
void rng_init_from(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* 0 to @limit - 1. */
uint64_t rng_below(struct rng *rng, uint64_t limit);
void rng_fill(struct rng *rng, void *data, size_t size);

#endif
