/* SPDX-License-Identifier: MIT */
#include "seal.h"

#include <assert.h>

#include "hash.h"

uint32_t seal_body_size(uint8_t kind, const union ink_body *body)
{
	uint8_t bytes[SEALED_BODY_SIZE_MAX];
	struct put put;

	put_init(&put, bytes, sizeof(bytes));
	body_encode(kind, body, &put);
	put_zero(&put, body_signature_size(kind));
	return put.is_full ? 0 : (uint32_t)put.size;
}

enum ink_err seal_sign(struct ink_header *header, const uint8_t *nonce, const union ink_body *body,
		       const struct key_pair *first, const struct key_pair *second, bool is_checked,
		       uint8_t *ret_body)
{
	uint8_t message[SIGNED_SIZE_MAX], entry[HEADER_SIZE];
	size_t signature_size = body_signature_size(header->kind);
	size_t message_size;
	struct put put;
	uint8_t *signatures;

	put_init(&put, ret_body, SEALED_BODY_SIZE_MAX);
	body_encode(header->kind, body, &put);
	assert(!put.is_full && put.size + signature_size == header->body_size);
	memset(header->digest, 0, INK_HASH_SIZE);
	header_encode(header, entry);
	message_size = signed_message(body_domain(header->kind), entry, nonce, ret_body, put.size,
				      message);
	assert(message_size > 0);
	signatures = ret_body + put.size;
	key_sign(first, message, message_size, signatures);
	if (second)
		key_sign(second, message, message_size, signatures + INK_SIGNATURE_SIZE);
	if (is_checked) {
		if (!signature_is_good(signatures, message, message_size, first->public_key))
			return INK_ERR_KEY;
		if (second && !signature_is_good(signatures + INK_SIGNATURE_SIZE, message,
						 message_size, second->public_key))
			return INK_ERR_KEY;
	}
	hash_two(nonce, INK_NONCE_SIZE, ret_body, header->body_size, header->digest);
	return INK_OK;
}
