/* SPDX-License-Identifier: MIT */
/*
 * Records in order, read from the segments alone; and single ones by sequence number.
 *
 * Owns: its own descriptors and buffers.  Knows nothing of: the index, locks, names.
 * Threads: one reader per thread.  Works on stores that are mounted, copied or read-only.
 */
#ifndef INKFS_READER_H
#define INKFS_READER_H

#include "inkfs/store.h"

struct ink_reader;

struct ink_record {
	struct ink_header header;
	uint8_t leaf[INK_HASH_SIZE]; /* computed, not read */
	const uint8_t *entry;        /* the 133 bytes of the header */
	const uint8_t *nonce;        /* INK_NONCE_SIZE */
	const uint8_t *body;         /* header.body_size bytes; valid until the next call */
	uint64_t place;
	bool is_erased; /* nonce and body are zero and do not match the digest */
};

INK_API INK_MUST_CHECK enum ink_err ink_reader_open(const char *store_path,
						    struct ink_reader **ret_reader,
						    struct ink_error *ret_error);
INK_API void ink_reader_close(struct ink_reader *reader);

/*
 * The next record, from GENESIS on (or from behind the last ink_reader_seek()).  Header checksum, leaf, chain and
 * digest are checked.  *ret_record is NULL at the end of the log: no more bytes, or only bytes that are no
 * record that continues the chain.
 *
 * INK_ERR_IO (errno): could not read.  Call again later for records that were appended since the end was reached.
 */
INK_API INK_MUST_CHECK enum ink_err ink_reader_next(struct ink_reader *reader,
						    const struct ink_record **ret_record);
/* Go on at @place, whose record must be number @seq (a place from an index or an earlier record); the chain is taken up from it. */
INK_API INK_MUST_CHECK enum ink_err ink_reader_seek(struct ink_reader *reader, uint64_t place,
						    uint64_t seq);

/* Place of record @seq from the index of an open store. */
INK_API INK_MUST_CHECK enum ink_err ink_place(struct ink_store *store, uint64_t seq,
					      uint64_t *ret_place);
/*
 * A path of @inode as the names are now, from the root, as "/a/b"; any one of several hard links.
 * "(inode N)" if it has no name.  At most @size bytes with NUL; longer ones are cut at the front ("…/b").
 */
INK_API void ink_path(struct ink_store *store, uint64_t inode, char *ret_path, size_t size);

#endif
