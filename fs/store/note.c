/* SPDX-License-Identifier: MIT */
#include "note.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

#include "hash.h"

static const char dash[] = "\xe2\x80\x94 "; /* em dash, space */
enum {
	DASH_SIZE = sizeof(dash) - 1,
	COSIGNATURE_SIZE = 8 + INK_SIGNATURE_SIZE,
	HASH_BASE64_SIZE = 44,
};

/* --- text ---------------------------------------------------------------------------------- */

/*
 * Bytes of the character at @p, 0 if it is not UTF-8 (RFC 3629: shortest form, no surrogates).  Behind @p there is a
 * line's end, which no character goes beyond.
 */
static size_t utf8_size(const uint8_t *p)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (size == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	code = p[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return size;
}

/* The last byte ends a line. */
static bool is_text(const uint8_t *p, size_t size)
{
	for (size_t at = 0, step; at < size; at += step) {
		step = utf8_size(p + at);
		if (step == 0 || (p[at] < 0x20 && p[at] != '\n'))
			return false;
	}
	return true;
}

/* Unicode's White_Space beyond ASCII, in UTF-8. */
static bool is_space(const uint8_t *p, size_t size)
{
	uint32_t code;

	if (size == 1)
		return p[0] == ' ' || (p[0] >= 9 && p[0] <= 13);
	if (size == 2)
		return p[0] == 0xc2 && (p[1] == 0x85 || p[1] == 0xa0);
	if (size != 3)
		return false;
	code = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	return code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
	       code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

static bool key_name_is_valid(struct ink_str name)
{
	const uint8_t *p = (const uint8_t *)name.data;

	if (name.size == 0 || memchr(p, '+', name.size))
		return false;
	for (size_t at = 0, step; at < name.size; at += step) {
		step = utf8_size(p + at);
		assert(step > 0); /* is_text() has seen it */
		if (is_space(p + at, step))
			return false;
	}
	return true;
}

bool text_take_line(struct ink_str *rest, struct ink_str *ret_line)
{
	const char *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;

	if (!end)
		return false;
	*ret_line = (struct ink_str){ rest->data, (uint32_t)(end - rest->data) };
	rest->size -= ret_line->size + 1;
	rest->data = end + 1;
	return true;
}

bool text_decode_u64(struct ink_str digits, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (digits.size == 0 || (digits.size > 1 && digits.data[0] == '0'))
		return false;
	for (uint32_t i = 0; i < digits.size; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(digits.data[i] - '0'), &value))
			return false;
	}
	*ret_value = value;
	return true;
}

/* --- base64 -------------------------------------------------------------------------------- */

/* Only what encodes to the same characters again is canonical: whatever is wrong with the others, they do not. */
static bool base64_decode(struct ink_str base64, uint8_t *ret_bytes, size_t size_max,
			  size_t *ret_size)
{
	char again[sodium_base64_ENCODED_LEN(NOTE_SIGNATURE_SIZE_MAX,
					     sodium_base64_VARIANT_ORIGINAL)];

	(void)sodium_base642bin(ret_bytes, size_max, base64.data, base64.size, NULL, ret_size, NULL,
				sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(again, sizeof(again), ret_bytes, *ret_size,
			  sodium_base64_VARIANT_ORIGINAL);
	return str_equals(base64, str_of(again, sizeof(again)));
}

void hash_put_base64(struct put *put, const uint8_t hash[static INK_HASH_SIZE])
{
	char base64[HASH_BASE64_SIZE + 1];

	sodium_bin2base64(base64, sizeof(base64), hash, INK_HASH_SIZE,
			  sodium_base64_VARIANT_ORIGINAL);
	put_bytes(put, base64, HASH_BASE64_SIZE);
}

enum ink_err hash_decode_base64(struct ink_str base64, uint8_t ret_hash[static INK_HASH_SIZE])
{
	uint8_t bytes[INK_HASH_SIZE];
	size_t size;

	if (!base64_decode(base64, bytes, sizeof(bytes), &size) || size != sizeof(bytes))
		return INK_ERR_INVALID;
	memcpy(ret_hash, bytes, sizeof(bytes));
	return INK_OK;
}

/* --- notes --------------------------------------------------------------------------------- */

/* Em dash, space, name, space, base64. */
static bool line_parse(struct ink_str line, struct note_line *ret_line)
{
	uint8_t bytes[NOTE_SIGNATURE_SIZE_MAX];
	const char *space;
	size_t size;

	if (line.size <= DASH_SIZE || memcmp(line.data, dash, DASH_SIZE) != 0)
		return false;
	line.data += DASH_SIZE;
	line.size -= DASH_SIZE;
	space = memchr(line.data, ' ', line.size);
	if (!space)
		return false;
	ret_line->name = (struct ink_str){ line.data, (uint32_t)(space - line.data) };
	ret_line->base64 = (struct ink_str){ space + 1, line.size - ret_line->name.size - 1 };
	if (!key_name_is_valid(ret_line->name) ||
	    !base64_decode(ret_line->base64, bytes, sizeof(bytes), &size) ||
	    size <= NOTE_KEY_ID_SIZE)
		return false;
	ret_line->key_id = be32_load(bytes);
	return true;
}

static bool has_line(const struct note *note, struct ink_str name, uint32_t key_id)
{
	for (unsigned i = 0; i < note->line_count; i++) {
		if (note->lines[i].key_id == key_id && str_equals(note->lines[i].name, name))
			return true;
	}
	return false;
}

enum ink_err note_parse(const void *data, size_t size, struct note *ret_note)
{
	const char *p = data;
	struct note note = { 0 };
	struct ink_str rest, line;
	size_t split;

	if (size > NOTE_SIZE_MAX)
		return INK_ERR_LIMIT;
	if (size < 4 || p[size - 1] != '\n' || !is_text(data, size))
		return INK_ERR_INVALID;
	/* The last empty line; before it there is one at least, and one behind it, as the last byte ends it. */
	split = size - 2;
	while (split >= 2 && (p[split] != '\n' || p[split - 1] != '\n'))
		split--;
	if (split < 2)
		return INK_ERR_INVALID;
	note.text = (struct ink_str){ p, (uint32_t)split };
	rest = (struct ink_str){ p + split + 1, (uint32_t)(size - split - 1) };
	while (text_take_line(&rest, &line)) {
		struct note_line parsed;

		if (note.line_count == NOTE_LINE_COUNT_MAX)
			return INK_ERR_LIMIT;
		if (!line_parse(line, &parsed) || has_line(&note, parsed.name, parsed.key_id))
			return INK_ERR_INVALID;
		note.lines[note.line_count++] = parsed;
	}
	*ret_note = note;
	return INK_OK;
}

static uint32_t key_id_of(struct ink_str name, enum note_type type, const uint8_t *public_key)
{
	uint8_t tail[2 + INK_KEY_SIZE] = { '\n', (uint8_t)type };
	uint8_t hash[INK_HASH_SIZE];

	memcpy(tail + 2, public_key, INK_KEY_SIZE);
	hash_two(name.data, name.size, tail, sizeof(tail), hash);
	return be32_load(hash);
}

void note_put_cosigned(struct put *put, uint64_t time_s, struct ink_str text)
{
	char head[64];

	snprintf(head, sizeof(head), "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
	put_bytes(put, head, strlen(head));
	put_bytes(put, text.data, text.size);
}

static bool cosignature_is_good(struct ink_str text, const uint8_t *bytes,
				const uint8_t *public_key, uint64_t *ret_time_s)
{
	uint8_t message[NOTE_SIZE_MAX + 64];
	uint64_t time_s = be64_load(bytes);
	struct put put;

	put_init(&put, message, sizeof(message));
	note_put_cosigned(&put, time_s, text);
	assert(!put.is_full); /* note_parse() has seen the text */
	if (time_s > INT64_MAX || !signature_is_good(bytes + 8, message, put.size, public_key))
		return false;
	if (ret_time_s)
		*ret_time_s = time_s;
	return true;
}

enum note_verdict note_check(const struct note *note, struct ink_str name, enum note_type type,
			     const uint8_t public_key[static INK_KEY_SIZE], uint64_t *ret_time_s)
{
	uint32_t key_id = key_id_of(name, type, public_key);

	for (unsigned i = 0; i < note->line_count; i++) {
		const struct note_line *line = &note->lines[i];
		uint8_t bytes[NOTE_SIGNATURE_SIZE_MAX];
		size_t size;
		bool is_good, is_decoded;

		if (line->key_id != key_id || !str_equals(line->name, name))
			continue;
		is_decoded = base64_decode(line->base64, bytes, sizeof(bytes), &size);
		assert(is_decoded); /* by note_parse(), too */
		size -= NOTE_KEY_ID_SIZE;
		if (type == NOTE_COSIGNATURE)
			is_good = size == COSIGNATURE_SIZE &&
				  cosignature_is_good(note->text, bytes + NOTE_KEY_ID_SIZE,
						      public_key, ret_time_s);
		else
			is_good = size == INK_SIGNATURE_SIZE &&
				  signature_is_good(bytes + NOTE_KEY_ID_SIZE,
						    (const uint8_t *)note->text.data,
						    note->text.size, public_key);
		return is_good ? NOTE_GOOD : NOTE_BAD;
	}
	return NOTE_UNKNOWN;
}

void note_put_line(struct put *put, struct ink_str name, enum note_type type,
		   const uint8_t public_key[static INK_KEY_SIZE], uint64_t time_s,
		   const uint8_t signature[static INK_SIGNATURE_SIZE])
{
	uint8_t bytes[NOTE_KEY_ID_SIZE + COSIGNATURE_SIZE];
	char base64[128];
	struct put raw;

	put_init(&raw, bytes, sizeof(bytes));
	put_u32(&raw, key_id_of(name, type, public_key));
	if (type == NOTE_COSIGNATURE)
		put_u64(&raw, time_s);
	put_bytes(&raw, signature, INK_SIGNATURE_SIZE);
	sodium_bin2base64(base64, sizeof(base64), bytes, raw.size, sodium_base64_VARIANT_ORIGINAL);
	put_bytes(put, dash, DASH_SIZE);
	put_bytes(put, name.data, name.size);
	put_u8(put, ' ');
	put_bytes(put, base64, strlen(base64));
	put_u8(put, '\n');
}

/* --- checkpoints --------------------------------------------------------------------------- */

void checkpoint_put(struct put *put, const struct checkpoint *checkpoint)
{
	char digits[32];

	put_bytes(put, checkpoint->origin.data, checkpoint->origin.size);
	snprintf(digits, sizeof(digits), "\n%llu\n", (unsigned long long)checkpoint->size);
	put_bytes(put, digits, strlen(digits));
	hash_put_base64(put, checkpoint->root);
	put_u8(put, '\n');
}

enum ink_err checkpoint_decode(struct ink_str text, struct checkpoint *ret_checkpoint)
{
	struct checkpoint checkpoint;
	uint8_t empty[INK_HASH_SIZE];
	struct ink_str lines[3], line;

	for (unsigned i = 0; i < 3; i++)
		if (!text_take_line(&text, &lines[i]))
			return INK_ERR_INVALID;
	checkpoint.origin = lines[0];
	if (checkpoint.origin.size < 1 || checkpoint.origin.size > CHECKPOINT_ORIGIN_SIZE_MAX ||
	    !text_decode_u64(lines[1], &checkpoint.size) ||
	    hash_decode_base64(lines[2], checkpoint.root) != INK_OK)
		return INK_ERR_INVALID;
	hash_data("", 0, empty);
	if (checkpoint.size == 0 && memcmp(checkpoint.root, empty, INK_HASH_SIZE) != 0)
		return INK_ERR_INVALID;
	while (text_take_line(&text, &line)) {
		if (line.size == 0)
			return INK_ERR_INVALID;
	}
	if (text.size != 0)
		return INK_ERR_INVALID;
	*ret_checkpoint = checkpoint;
	return INK_OK;
}
