/* SPDX-License-Identifier: MIT */
/*
 * Which records are to be shown, and which others say who wrote them and what the files are called.
 *
 * Owns: lists of numbers.  Knows nothing of: proofs.  Threads: one.
 *
 * The index says where to look; what is taken is decided by the records.
 */
#ifndef TOOLS_SELECTION_H
#define TOOLS_SELECTION_H

#include <stdbool.h>

#include "inkfs/reader.h"

struct seq_list {
	uint64_t *items;
	size_t count, capacity;
};

struct selection {
	struct ink_store *store;
	struct ink_reader *reader;
	uint64_t size;    /* of the checkpoint: records from there on are left out */
	const char *text; /* only APPENDs that hold it; NULL: all */
	size_t text_size;
	bool has_context;
	uint64_t bytes_end; /* offset in the file behind the last APPEND that was taken */
	struct seq_list seqs;
	struct seq_list actors; /* before selection_finish(); then empty */
	struct seq_list inodes; /* the same */
	struct seq_list context;
};

/* false after having complained; selection_release() is due in any case. */
bool selection_init(struct selection *selection, struct ink_store *store, const char *store_path,
		    uint64_t size);
void selection_release(struct selection *selection);

/*
 * These three add records, ascending; each false after having complained.
 *
 * selection_add_bytes(): the APPENDs of file @inode that hold the bytes from @first to @last.
 */
bool selection_add_bytes(struct selection *selection, uint64_t inode, uint64_t first,
			 uint64_t last);
bool selection_add_run(struct selection *selection, uint64_t first, uint64_t last);
bool selection_add_all(struct selection *selection);

/* Make the context out of what was added. */
bool selection_finish(struct selection *selection);

#endif
