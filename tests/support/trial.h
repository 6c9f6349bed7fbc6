/* SPDX-License-Identifier: MIT */
/*
 * A store to try things on, and a model of what must be in it.
 *
 * Owns: the model's memory.  Knows nothing of: FUSE.  Threads: one at a time per model.
 * Functions with "assert" in their name fail the running cmocka test.
 */
#ifndef TEST_TRIAL_H
#define TEST_TRIAL_H

#include "inkfs/reader.h"
#include "inkfs/store.h"
#include "io.h"

enum { TRIAL_FILES_MAX = 64 };

struct trial_file {
	char name[INK_NAME_SIZE_MAX + 1];
	uint64_t inode;
	uint8_t *data;
	size_t size;
	size_t room;
	size_t durable_size; /* of these bytes a sync was acknowledged */
};

/* Regular files in the root folder. */
struct trial_model {
	struct trial_file files[TRIAL_FILES_MAX];
	unsigned count;
};

extern const struct ink_caller trial_root; /* uid 0 */
extern const struct ink_caller trial_user; /* uid 1000, gid 1000 */

/* No thread does anything by itself, so that runs are the same. */
struct ink_options trial_quiet(void);
/* Make a store in @path; 0: segments of the smallest size. */
void trial_make(const char *path, uint64_t segment_size);
struct ink_store *trial_open(const char *path, const struct ink_options *options);
/* Orderly, and it must succeed. */
void trial_close(struct ink_store *store);
/* An end without order: descriptors and locks are given up, nothing is written. */
void trial_abandon(struct ink_store *store);

/* Make a regular file in the root; its inode. */
uint64_t trial_create(struct ink_store *store, const char *name);
void trial_append(struct ink_store *store, uint64_t inode, const void *data, size_t size);

struct trial_file *model_add(struct trial_model *model, const char *name, uint64_t inode);
void model_append(struct trial_file *file, const void *data, size_t size);
void model_free(struct trial_model *model);

/* Exactly these files, with these sizes and bytes. */
void assert_store_is(struct ink_store *store, const struct trial_model *model);
/* The same, but the last file of a failed step may be there empty, or one may have @extra more bytes. */
bool file_is(struct ink_store *store, const struct trial_file *file, const void *extra,
	     size_t extra_size);

/* Number of records of @kind, 0: all, as the reader sees them from the segments alone. */
uint64_t count_records(const char *path, uint8_t kind);
/* The last record of @kind.  @ret_bytes: its body, to be freed. */
bool last_record(const char *path, uint8_t kind, struct ink_header *ret_header,
		 union ink_body *ret_body, uint8_t **ret_bytes);
/* The verifier finds nothing against the store, and whether it was closed in order. */
void assert_verifies(const char *path, bool is_closed);
/* The verifier finds nothing against the store; says what it found if it does. */
bool is_intact(const char *path);
/* RECOVERY records that tell of a tail set aside. */
uint64_t count_losses(const char *path);
/* The committed index equals the one made anew from the log.  The store must not be open. */
void assert_index_is_that_of_the_log(const char *path);

#endif
