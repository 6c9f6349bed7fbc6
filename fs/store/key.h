/* SPDX-License-Identifier: MIT */
/*
 * Secret keys: making, signing with, keeping and erasing them.
 *
 * Owns: key pairs in guarded memory (sodium_malloc), the files log.key and seal.key.
 * Knows nothing of: records' meaning, epochs beyond their number.  Threads: one at a time per pair.
 */
#ifndef INK_KEY_H
#define INK_KEY_H

#include "io.h"
#include "vkey.h"

/* An Ed25519 pair; always in sodium_malloc()ed memory. */
struct key_pair {
	uint8_t public_key[INK_KEY_SIZE];
	uint8_t seed[INK_KEY_SIZE];
	uint8_t secret[64]; /* libsodium's form: seed || public key */
};

/* Fresh random pair; NULL without memory. */
struct key_pair *key_make(void);
/* Wipes; takes NULL. */
void key_free(struct key_pair *key);
void key_sign(const struct key_pair *key, const uint8_t *message, size_t size,
	      uint8_t ret_signature[static INK_SIGNATURE_SIZE]);

#define LOG_KEY_CREDENTIAL "inkfs.log.key"

/* FORMAT.md section 8.  Refuses an existing file. */
INK_MUST_CHECK enum ink_err log_key_write(const struct io *io, const char *dir, const char *origin,
					  const struct key_pair *key);

/*
 * Read log.key of the store whose verification key is @vkey.  Where @dir has none, it is the file LOG_KEY_CREDENTIAL in the
 * folder that $CREDENTIALS_DIRECTORY names (systemd's LoadCredential=): only the seal key is ever written, so this one
 * may lie where nothing can be.  Refuses what seal_key_read() refuses; a credential may be root's, and read by an ACL.
 * INK_ERR_KEY with a sentence in @ret_error.
 */
INK_MUST_CHECK enum ink_err log_key_read(const struct io *io, const char *dir, const char *vkey,
					 struct key_pair **ret_key, struct ink_error *ret_error);

/*
 * Would log_key_read() take the file by its kind, owner and mode?  What it holds is not looked at.  OK, too, if there is
 * none: it may be elsewhere until a checkpoint is asked for.
 */
INK_MUST_CHECK enum ink_err log_key_check(const struct io *io, const char *dir,
					  struct ink_error *ret_error);

/* What seal.key holds.  Owned by the caller: seal_key_file_release(). */
struct seal_key_file {
	uint32_t epoch;         /* of first */
	struct key_pair *first; /* NULL: lost, and a rekey is under way */
	struct key_pair *next;  /* of epoch + 1, or NULL */
};

void seal_key_file_release(struct seal_key_file *file);

/*
 * Write seal.key so that either the old or the new one is there after a power cut, then wipe the
 * bytes of the old one where they lie.
 *
 * @first: NULL while a rekey is under way: there is @next then.
 * @next: NULL for a file with one seed.
 */
INK_MUST_CHECK enum ink_err seal_key_write(const struct io *io, const char *dir,
					   const uint8_t *store_id, uint32_t epoch,
					   const struct key_pair *first,
					   const struct key_pair *next);

/*
 * Read seal.key.  Refuses links, files of another owner, files that others may read.
 * INK_ERR_KEY with a sentence in @ret_error.
 */
INK_MUST_CHECK enum ink_err seal_key_read(const struct io *io, const char *dir,
					  const uint8_t *store_id, struct seal_key_file *ret_file,
					  struct ink_error *ret_error);

#endif
