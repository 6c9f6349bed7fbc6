/* SPDX-License-Identifier: MIT */
/*
 * Offsets and limits of EVIDENCE.md.
 *
 *   0 magic 8 | 8 version 4 | 12 claim 1 | 13 succession 1 | 14 zero 2 | 16 first 8 | 24 last 8 | 32 inode 8
 *   40 links 4 | 44 records 4 | links: record … | records: role 1, record, u32 size, tlog-proof, u8 count, hashes … | H 32
 *
 * Owns: nothing.  Knows nothing of: stores.  Threads: any.
 */
#ifndef INK_EVIDENCE_FORMAT_H
#define INK_EVIDENCE_FORMAT_H

#include "format.h"
#include "inkfs/evidence.h"
#include "tlog.h"

#define EVIDENCE_MAGIC "inkfsEVI"
enum {
	EVIDENCE_VERSION = 1,
	EVIDENCE_HEAD_SIZE = 48,
	EVIDENCE_SIZE_MIN = EVIDENCE_HEAD_SIZE + INK_HASH_SIZE,
	EVIDENCE_LINKS_MAX = 1 << 20,
	TLOG_PROOF_SIZE_MAX = TLOG_HEAD_SIZE_MAX + NOTE_SIZE_MAX,
};

enum evidence_role { ROLE_CLAIMED = 1, ROLE_CONTEXT = 2 };

struct evidence_head {
	uint8_t claim;
	bool has_succession;
	uint64_t first, last, inode;
	uint32_t link_count, record_count;
};

#endif
