/* SPDX-License-Identifier: MIT */
#include "tlog.h"

#include <stdio.h>

static const char proof_line[] = "c2sp.org/tlog-proof@v1";

static void put_numbered(struct put *put, const char *word, const struct tlog_text *text)
{
	char line[64];

	snprintf(line, sizeof(line), "%s %llu\n", word, (unsigned long long)text->number);
	put_bytes(put, line, strlen(line));
	for (unsigned i = 0; i < text->proof.hash_count; i++) {
		hash_put_base64(put, text->proof.hashes[i]);
		put_u8(put, '\n');
	}
	put_u8(put, '\n');
	put_bytes(put, text->checkpoint.data, text->checkpoint.size);
}

void tlog_proof_put(struct put *put, const struct tlog_text *text)
{
	put_bytes(put, proof_line, sizeof(proof_line) - 1);
	put_u8(put, '\n');
	put_numbered(put, "index", text);
}

void tlog_growth_put(struct put *put, const struct tlog_text *text)
{
	put_numbered(put, "old", text);
}

/* One line of a hash onto the proof. */
static bool take_hash(struct ink_str line, struct proof *proof)
{
	return proof->hash_count < PROOF_HASH_COUNT_MAX &&
	       hash_decode_base64(line, proof->hashes[proof->hash_count++]) == INK_OK;
}

static enum ink_err decode_numbered(struct ink_str rest, const char *word,
				    struct tlog_text *ret_text)
{
	size_t word_size = strlen(word);
	struct ink_str line = { 0 };

	ret_text->proof.hash_count = 0;
	(void)text_take_line(&rest, &line); /* where there is none, it stays empty */
	if (line.size < word_size + 1 || memcmp(line.data, word, word_size) != 0 ||
	    line.data[word_size] != ' ')
		return INK_ERR_INVALID;
	line.data += word_size + 1;
	line.size -= (uint32_t)word_size + 1;
	if (!text_decode_u64(line, &ret_text->number))
		return INK_ERR_INVALID;
	while (text_take_line(&rest, &line) && line.size > 0)
		if (!take_hash(line, &ret_text->proof))
			return INK_ERR_INVALID;
	if (line.size > 0) /* no empty line */
		return INK_ERR_INVALID;
	ret_text->checkpoint = rest;
	return INK_OK;
}

enum ink_err tlog_proof_decode(struct ink_str bytes, struct tlog_text *ret_text)
{
	struct ink_str line = { 0 };

	(void)text_take_line(&bytes, &line);
	if (!str_equals(line, str_of(proof_line, sizeof(proof_line))))
		return INK_ERR_INVALID;
	return decode_numbered(bytes, "index", ret_text);
}

enum ink_err tlog_growth_decode(struct ink_str bytes, struct tlog_text *ret_text)
{
	return decode_numbered(bytes, "old", ret_text);
}

enum ink_err tlog_hashes_decode(struct ink_str bytes, struct proof *ret_proof)
{
	struct ink_str line;

	ret_proof->hash_count = 0;
	while (text_take_line(&bytes, &line))
		if (!take_hash(line, ret_proof))
			return INK_ERR_INVALID;
	if (bytes.size > 0) /* a line without an end */
		return INK_ERR_INVALID;
	return INK_OK;
}

void tlog_tile_path(const char *level, uint64_t number, unsigned width,
		    char ret_path[static TLOG_TILE_PATH_SIZE])
{
	unsigned groups[8], count = 0;
	size_t used;

	do {
		groups[count++] = (unsigned)(number % 1000);
		number /= 1000;
	} while (number > 0);
	used = (size_t)snprintf(ret_path, TLOG_TILE_PATH_SIZE, "tile/%s/", level);
	while (count-- > 0)
		used += (size_t)snprintf(ret_path + used, TLOG_TILE_PATH_SIZE - used, "%s%03u%s",
					 count > 0 ? "x" : "", groups[count], count > 0 ? "/" : "");
	if (width < TILE_WIDTH)
		snprintf(ret_path + used, TLOG_TILE_PATH_SIZE - used, ".p/%u", width);
}
