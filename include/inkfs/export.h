/* SPDX-License-Identifier: MIT */
/*
 * A log in the layout of other people's verifiers: C2SP tlog-tiles, bodies as tlog-addenda.
 *
 * Owns: nothing.  Knows nothing of: secret keys, the index, FUSE.  Threads: any; one export into a folder at a time.
 *
 * DIR/checkpoint              the signed note
 * DIR/tile/L/N[.p/W]          256 (or W) hashes; DIR/tile/entries/N[.p/W]: 256 (or W) entries, each u16 size || header
 * DIR/addenda/dd/dd/DIGEST    nonce || body of the record with that digest; DIR/addenda.v1: every entry ends in its index
 * DIR/.inkfs-export           whose export this is: the verification key
 */
#ifndef INKFS_EXPORT_H
#define INKFS_EXPORT_H

#include "inkfs/store.h"

struct ink_export_options {
	const void
		*note; /* the checkpoint to export: ink_checkpoint_make(), or one that was kept */
	size_t note_size;       /* bytes */
	bool is_without_bodies; /* headers alone: nobody who reads the export sees what was written */
	/* May be NULL.  Called now and then. */
	void (*on_progress)(void *ctx, uint64_t done_count, uint64_t record_count);
	void *ctx;
};

struct ink_export_result {
	uint64_t record_count;  /* in the checkpoint */
	uint64_t written_count; /* files */
	uint64_t kept_count;    /* files that were there already, byte for byte */
	uint64_t erased_count;  /* records whose body was erased */
};

/*
 * Write the first records of the store @path, as many as the checkpoint has, into the folder @dir: a new one, an empty
 * one, or that of an earlier export of the same log, which then grows.  Each file comes into being whole; `checkpoint`
 * last, when all that it covers is on the disk; so after any end the call can simply be made again.
 *
 * INK_ERR_EXISTS: @dir holds something else, or a file that contradicts the log.  INK_ERR_LOCKED: another export
 * is writing there.  INK_ERR_DAMAGED: the log is not the one that was signed.  INK_ERR_INVALID: not a checkpoint of it.
 */
INK_API INK_MUST_CHECK enum ink_err ink_export_tiles(const char *path, const char *dir,
						     const struct ink_export_options *options,
						     struct ink_export_result *ret_result,
						     struct ink_error *ret_error);

#endif
