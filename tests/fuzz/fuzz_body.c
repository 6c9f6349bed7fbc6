/* SPDX-License-Identifier: MIT */
/* Bodies: kind, then the body's bytes.  What decodes is canonical: it encodes to the same bytes. */
#include <string.h>

#include "fuzz.h"
#include "record.h"

/* The encoder leaves the signatures to whoever signs; they are the last bytes. */
static void encode_again(uint8_t kind, const union ink_body *body, const uint8_t *bytes,
			 size_t size)
{
	size_t signature_size = body_signature_size(kind);
	uint8_t *again = malloc(size + 1);
	struct put put;

	FUZZ_REQUIRE(again && size >= signature_size);
	put_init(&put, again, size + 1);
	if (kind == INK_APPEND)
		put_bytes(&put, body->append.data, body->append.size);
	else
		body_encode(kind, body, &put);
	FUZZ_REQUIRE(!put.is_full);
	FUZZ_REQUIRE(put.size == size - signature_size);
	FUZZ_REQUIRE(put.size == 0 || memcmp(again, bytes, put.size) == 0);
	free(again);
}

static void run(const uint8_t *data, size_t size)
{
	union ink_body body;
	uint8_t kind, *bytes;

	if (size == 0)
		return;
	kind = data[0];
	bytes = fuzz_copy(data + 1, size - 1);
	if (ink_body_decode(kind, bytes, size - 1, &body) == INK_OK) {
		FUZZ_REQUIRE(ink_kind_name(kind));
		FUZZ_REQUIRE(size - 1 <= body_size_max(kind));
		encode_again(kind, &body, bytes, size - 1);
	}
	free(bytes);
}

const struct fuzz_target fuzz_body = { "body", run, 70000 };
