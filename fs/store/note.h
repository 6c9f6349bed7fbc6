/* SPDX-License-Identifier: MIT */
/*
 * Signed notes and the checkpoints in them, as text: C2SP signed-note, tlog-checkpoint and
 * tlog-cosignature.
 *
 * Owns: nothing; what is parsed borrows from the caller's bytes.
 * Knows nothing of: stores, secrets.  Threads: any, after vkey_setup().
 */
#ifndef INK_NOTE_H
#define INK_NOTE_H

#include "bytes.h"
#include "vkey.h"

enum {
	NOTE_SIZE_MAX = 65536,
	NOTE_LINE_COUNT_MAX = 16,
	NOTE_SIGNATURE_SIZE_MAX = 4096, /* key id included; ML-DSA-44 needs 2,432 */
	NOTE_KEY_ID_SIZE = 4,
	CHECKPOINT_ORIGIN_SIZE_MAX = 255,
};

/* How a line signs; part of the key id. */
enum note_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

struct note_line {
	struct ink_str name;
	struct ink_str base64; /* canonical; key id and signature */
	uint32_t key_id;
};

struct note {
	struct ink_str text; /* what is signed, its last line feed included */
	unsigned line_count;
	struct note_line lines[NOTE_LINE_COUNT_MAX];
};

enum note_verdict {
	NOTE_UNKNOWN, /* no line of this key */
	NOTE_GOOD,
	NOTE_BAD, /* a line of this key that does not verify: the whole note is refused */
};

/*
 * Strict: UTF-8 without control characters, canonical base64, no name and key id twice.
 * INK_ERR_LIMIT: larger, or more lines, than is read here.  INK_ERR_INVALID: not a signed note.
 */
INK_MUST_CHECK enum ink_err note_parse(const void *data, size_t size, struct note *ret_note);

/*
 * Look for the line of this key and check it.
 *
 * @ret_time_s: of a cosignature that is good, seconds since 1970; may be NULL.
 */
INK_MUST_CHECK enum note_verdict note_check(const struct note *note, struct ink_str name,
					    enum note_type type,
					    const uint8_t public_key[static INK_KEY_SIZE],
					    uint64_t *ret_time_s);

/* "cosignature/v1\ntime T\n" and the text; what NOTE_COSIGNATURE signs. put->is_full: no room. */
void note_put_cosigned(struct put *put, uint64_t time_s, struct ink_str text);
/*
 * One signature line with its line feed.
 *
 * @time_s: NOTE_COSIGNATURE only.
 */
void note_put_line(struct put *put, struct ink_str name, enum note_type type,
		   const uint8_t public_key[static INK_KEY_SIZE], uint64_t time_s,
		   const uint8_t signature[static INK_SIGNATURE_SIZE]);

struct checkpoint {
	struct ink_str origin;
	uint64_t size; /* records */
	uint8_t root[INK_HASH_SIZE];
};

void checkpoint_put(struct put *put, const struct checkpoint *checkpoint);
/* The text of a note; extension lines are allowed and not looked at. */
INK_MUST_CHECK enum ink_err checkpoint_decode(struct ink_str text,
					      struct checkpoint *ret_checkpoint);

/* One canonical base64 line of a hash, as in checkpoints and proofs; without the line feed. */
void hash_put_base64(struct put *put, const uint8_t hash[static INK_HASH_SIZE]);
INK_MUST_CHECK enum ink_err hash_decode_base64(struct ink_str base64,
					       uint8_t ret_hash[static INK_HASH_SIZE]);
/* Up to the line feed, which is taken off *@rest; false if there is none. */
bool text_take_line(struct ink_str *rest, struct ink_str *ret_line);
/* ASCII digits without leading zeros. */
bool text_decode_u64(struct ink_str digits, uint64_t *ret_value);

#endif
