/* SPDX-License-Identifier: MIT */
#include "vkey.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

#include "hash.h"

enum { KEY_ID_SIZE = 4, KEY_TYPE_ED25519 = 0x01 };

bool vkey_setup(void)
{
	return sodium_init() >= 0;
}

static bool name_bytes_are_valid(const char *name, size_t size)
{
	if (size < 1 || size > ORIGIN_NAME_SIZE_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '+')
			return false;
	return name[0] != '/' && name[size - 1] != '/';
}

bool origin_name_is_valid(const char *name)
{
	return name_bytes_are_valid(name, strnlen(name, ORIGIN_NAME_SIZE_MAX + 1));
}

static void commitment(const uint8_t *store_id, const uint8_t *seal_key,
		       char ret_hex[static ORIGIN_HEX_SIZE + 1])
{
	uint8_t data[sizeof(DOMAIN_ORIGIN) + INK_STORE_ID_SIZE + INK_KEY_SIZE];
	uint8_t hash[INK_HASH_SIZE];
	struct put put;

	put_init(&put, data, sizeof(data));
	put_bytes(&put, DOMAIN_ORIGIN, sizeof(DOMAIN_ORIGIN)); /* its NUL is the separator */
	put_bytes(&put, store_id, INK_STORE_ID_SIZE);
	put_bytes(&put, seal_key, INK_KEY_SIZE);
	hash_data(data, put.size, hash);
	sodium_bin2hex(ret_hex, ORIGIN_HEX_SIZE + 1, hash, ORIGIN_HEX_SIZE / 2);
}

void origin_make(const char *name, const uint8_t *store_id, const uint8_t *seal_key,
		 char ret_origin[static ORIGIN_SIZE_MAX + 1])
{
	char hex[ORIGIN_HEX_SIZE + 1];

	assert(origin_name_is_valid(name));
	commitment(store_id, seal_key, hex);
	snprintf(ret_origin, ORIGIN_SIZE_MAX + 1, "%s/%s", name, hex);
}

bool origin_commits_to(struct ink_str origin, const uint8_t *store_id, const uint8_t *seal_key)
{
	char hex[ORIGIN_HEX_SIZE + 1];
	/* Of an origin that is too short it is beyond all bounds. */
	size_t name_size = (size_t)origin.size - ORIGIN_HEX_SIZE - 1;

	if (!name_bytes_are_valid(origin.data, name_size) || origin.data[name_size] != '/')
		return false;
	commitment(store_id, seal_key, hex);
	return memcmp(origin.data + name_size + 1, hex, ORIGIN_HEX_SIZE) == 0;
}

static uint32_t key_id(struct ink_str origin, const uint8_t *typed_key)
{
	uint8_t data[UINT16_MAX + 1 + 1 + INK_KEY_SIZE];
	uint8_t hash[INK_HASH_SIZE];
	struct put put;

	put_init(&put, data, sizeof(data));
	put_bytes(&put, origin.data, origin.size);
	put_u8(&put, '\n');
	put_bytes(&put, typed_key, 1 + INK_KEY_SIZE);
	assert(!put.is_full);
	hash_data(data, put.size, hash);
	return be32_load(hash);
}

void vkey_format(struct ink_str origin, const uint8_t *log_key, char ret_vkey[static INK_VKEY_SIZE])
{
	uint8_t typed[1 + INK_KEY_SIZE];
	char base64[64];

	typed[0] = KEY_TYPE_ED25519;
	memcpy(typed + 1, log_key, INK_KEY_SIZE);
	sodium_bin2base64(base64, sizeof(base64), typed, sizeof(typed),
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(ret_vkey, INK_VKEY_SIZE, "%.*s+%08x+%s", (int)origin.size, origin.data,
		 key_id(origin, typed), base64);
}

enum ink_err vkey_parse(const char *vkey, struct ink_str *ret_origin,
			uint8_t ret_log_key[static INK_KEY_SIZE])
{
	uint8_t typed[1 + INK_KEY_SIZE] = { 0 };
	const char *id = strchr(vkey, '+');
	char again[INK_VKEY_SIZE];
	struct ink_str origin;
	size_t size;

	if (strlen(vkey) >= INK_VKEY_SIZE || !id || strlen(id) < 11)
		return INK_ERR_INVALID;
	origin = (struct ink_str){ vkey, (uint32_t)(id - vkey) };
	if (origin.size == 0)
		return INK_ERR_INVALID;
	(void)sodium_base642bin(typed, sizeof(typed), id + 10, strlen(id + 10), NULL, &size, NULL,
				sodium_base64_VARIANT_ORIGINAL);
	/* Whatever is not canonical, be it the key, its type or its id, does not come out the same again. */
	vkey_format(origin, typed + 1, again);
	if (strcmp(again, vkey) != 0)
		return INK_ERR_INVALID;
	*ret_origin = origin;
	memcpy(ret_log_key, typed + 1, INK_KEY_SIZE);
	return INK_OK;
}

size_t signed_message(const char *domain, const uint8_t *entry, const uint8_t *nonce,
		      const uint8_t *body, size_t body_size, uint8_t *ret_message)
{
	struct put put;

	put_init(&put, ret_message, SIGNED_SIZE_MAX);
	put_bytes(&put, domain, strlen(domain) + 1);
	put_bytes(&put, entry, HEADER_SIGNED_SIZE);
	put_bytes(&put, nonce, INK_NONCE_SIZE);
	put_bytes(&put, body, body_size);
	return put.is_full ? 0 : put.size;
}

bool signature_is_good(const uint8_t signature[static INK_SIGNATURE_SIZE], const uint8_t *message,
		       size_t message_size, const uint8_t public_key[static INK_KEY_SIZE])
{
	return crypto_sign_verify_detached(signature, message, message_size, public_key) == 0;
}

bool record_signature_is_good(uint8_t kind, const uint8_t *entry, const uint8_t *nonce,
			      const uint8_t *body, size_t body_size, unsigned which,
			      const uint8_t public_key[static INK_KEY_SIZE])
{
	uint8_t message[SIGNED_SIZE_MAX];
	size_t signature_size = body_signature_size(kind);
	size_t size;

	if (signature_size == 0 || body_size < signature_size)
		return false;
	size = signed_message(body_domain(kind), entry, nonce, body, body_size - signature_size,
			      message);
	if (size == 0)
		return false;
	return signature_is_good(body + body_size - signature_size +
					 (size_t)which * INK_SIGNATURE_SIZE,
				 message, size, public_key);
}
