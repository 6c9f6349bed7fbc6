/* SPDX-License-Identifier: MIT */
/*
 * Signed records: the body of a GENESIS, SEAL, EPOCH or REKEY, complete with its signatures.
 *
 * Owns: nothing.  Knows nothing of: when to seal, where keys are kept.  Threads: any.
 */
#ifndef INK_SEAL_H
#define INK_SEAL_H

#include "key.h"

enum { SEALED_BODY_SIZE_MAX = 1024 };

/* Size of the whole body, signatures included; 0 if it is over SEALED_BODY_SIZE_MAX. */
uint32_t seal_body_size(uint8_t kind, const union ink_body *body);

/*
 * Encode and sign.
 *
 * @header: as log_prepare() left it, body_size set; its digest is set here.
 * @first, @second: in the order of the signatures; @second is NULL for a SEAL.
 * @is_checked: check the signatures before giving them out (the rare ones; a SEAL is checked by the
 * sealing thread afterwards, because 40 µs a seal would be most of the cost of a close).
 * @ret_body: SEALED_BODY_SIZE_MAX bytes.
 *
 * INK_ERR_KEY: the signature made does not verify; nothing may be published.
 */
INK_MUST_CHECK enum ink_err seal_sign(struct ink_header *header, const uint8_t *nonce,
				      const union ink_body *body, const struct key_pair *first,
				      const struct key_pair *second, bool is_checked,
				      uint8_t *ret_body);

#endif
