/* SPDX-License-Identifier: MIT */
/*
 * Proofs as text, and the names of tiles: C2SP tlog-tiles, tlog-proof (a record is in a log) and the body of add-checkpoint of C2SP tlog-witness (a log
 * has grown out of an earlier state).
 *
 *   c2sp.org/tlog-proof@v1          old SIZE
 *   index N                         HASH…
 *   HASH…
 *                                   CHECKPOINT
 *   CHECKPOINT
 *
 * Owns: nothing; what is decoded borrows.  Knows nothing of: whether a proof is right.  Threads: any.
 */
#ifndef INK_TLOG_H
#define INK_TLOG_H

#include "note.h"
#include "proof.h"

enum {
	TLOG_HASH_LINE_SIZE = 45,
	/* Without the checkpoint. */
	TLOG_HEAD_SIZE_MAX = 64 + PROOF_HASH_COUNT_MAX * TLOG_HASH_LINE_SIZE,
	TLOG_TILE_PATH_SIZE = 64, /* "tile/entries/x001/…/000.p/255" */
};

struct tlog_text {
	uint64_t number; /* of the record; of an add-checkpoint body: the old size */
	struct proof proof;
	struct ink_str checkpoint; /* verbatim; not looked at */
};

void tlog_proof_put(struct put *put, const struct tlog_text *text);
/* Strict, and without the optional line "extra", which nobody signs.  INK_ERR_INVALID. */
INK_MUST_CHECK enum ink_err tlog_proof_decode(struct ink_str bytes, struct tlog_text *ret_text);

void tlog_growth_put(struct put *put, const struct tlog_text *text);
INK_MUST_CHECK enum ink_err tlog_growth_decode(struct ink_str bytes, struct tlog_text *ret_text);

/* Lines of hashes and nothing else.  INK_ERR_INVALID. */
INK_MUST_CHECK enum ink_err tlog_hashes_decode(struct ink_str bytes, struct proof *ret_proof);

/*
 * Where a tile lies (C2SP tlog-tiles): "tile/0/x001/x234/067", in groups of three digits.
 *
 * @level: "0", "1", … or "entries".  @width: of a partial tile, with ".p/WIDTH" behind it; TILE_WIDTH: a full one.
 */
void tlog_tile_path(const char *level, uint64_t number, unsigned width,
		    char ret_path[static TLOG_TILE_PATH_SIZE]);

#endif
