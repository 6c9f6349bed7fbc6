/* SPDX-License-Identifier: MIT */
/*
 * Files that are mostly zeros, in short: u16 size in units, then runs of u32 place, u16 size, bytes.
 *
 * Owns: nothing.  Knows nothing of: what the file means.  Threads: any.
 */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include "fuzz.h"

/* At most @units_max units of @unit bytes; what lies outside is left out.  To be freed. */
uint8_t *image_decode(struct fuzz_input *input, size_t unit, size_t units_max, size_t *ret_size);
/* The input that gives this file.  To be freed. */
uint8_t *image_encode(const uint8_t *data, size_t size, size_t unit, size_t *ret_size);

#endif
