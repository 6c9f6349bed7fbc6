/* SPDX-License-Identifier: MIT */
/*
 * Verification keys, origins and signature checks: the public half of key handling.  No secret ever
 * passes here, so that a verifier links nothing that can sign.
 *
 * Owns: nothing.  Knows nothing of: key files, secrets.  Threads: any, after vkey_setup().
 * Sources: C2SP signed-note (vkey, key id), RFC 8032 (Ed25519).
 */
#ifndef INK_VKEY_H
#define INK_VKEY_H

#include "record.h"
#include "inkfs/store.h"

enum { ORIGIN_SIZE_MAX = ORIGIN_NAME_SIZE_MAX + 1 + ORIGIN_HEX_SIZE };

/* Readies libsodium; false if the system gives no randomness. Any number of times, any thread. */
bool vkey_setup(void);

/* 1 to ORIGIN_NAME_SIZE_MAX bytes of printable ASCII without space and '+'. */
bool origin_name_is_valid(const char *name);
/* @ret_origin: NAME/commitment (FORMAT.md 5.1), NUL at the end. */
void origin_make(const char *name, const uint8_t *store_id, const uint8_t *seal_key,
		 char ret_origin[static ORIGIN_SIZE_MAX + 1]);
/* true if @origin ends in the commitment to these two and its name is valid. */
bool origin_commits_to(struct ink_str origin, const uint8_t *store_id, const uint8_t *seal_key);

/* FORMAT.md section 7, without line feed. */
void vkey_format(struct ink_str origin, const uint8_t *log_key,
		 char ret_vkey[static INK_VKEY_SIZE]);
/* Strict: canonical base64, key id recomputed, type 0x01, nothing behind. @ret_origin borrows from @vkey. */
INK_MUST_CHECK enum ink_err vkey_parse(const char *vkey, struct ink_str *ret_origin,
				       uint8_t ret_log_key[static INK_KEY_SIZE]);

/*
 * The message that the signatures of a record cover (FORMAT.md 5.5).
 *
 * @body, @body_size: without the signatures.  @ret_message: SIGNED_SIZE_MAX bytes; returns its size.
 */
enum { SIGNED_SIZE_MAX = 2048 };
size_t signed_message(const char *domain, const uint8_t *entry, const uint8_t *nonce,
		      const uint8_t *body, size_t body_size, uint8_t *ret_message);

/* RFC 8032; refuses non-canonical signatures and keys of small order. */
bool signature_is_good(const uint8_t signature[static INK_SIGNATURE_SIZE], const uint8_t *message,
		       size_t message_size, const uint8_t public_key[static INK_KEY_SIZE]);

/*
 * Check one signature of a whole record.  @which: 0 the first of its signatures, 1 the second.
 */
bool record_signature_is_good(uint8_t kind, const uint8_t *entry, const uint8_t *nonce,
			      const uint8_t *body, size_t body_size, unsigned which,
			      const uint8_t public_key[static INK_KEY_SIZE]);

#endif
