/* SPDX-License-Identifier: MIT */
/* Texts of proofs and names of tiles, to the letter: samples of other programs come out as they went in. */
#include "tlog.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "scratch.h"

static const char hash_line[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

static void tiles_lie_where_the_specification_says(void **state)
{
	static const struct {
		const char *level;
		uint64_t number;
		unsigned width;
		const char *path;
	} rows[] = {
		{ "0", 0, 256, "tile/0/000" },
		{ "0", 1, 256, "tile/0/001" },
		{ "1", 255, 1, "tile/1/255.p/1" },
		{ "entries", 0, 44, "tile/entries/000.p/44" },
		{ "entries", 999, 256, "tile/entries/999" },
		{ "0", 1000, 256, "tile/0/x001/000" },
		{ "0", 1001, 255, "tile/0/x001/001.p/255" },
		{ "0", 65535, 256, "tile/0/x065/535" },
		{ "2", 999999, 256, "tile/2/x999/999" },
		{ "0", 1000000, 256, "tile/0/x001/x000/000" },
		{ "0", 1234067, 256, "tile/0/x001/x234/067" },
		{ "0", UINT64_C(1) << 40, 256, "tile/0/x001/x099/x511/x627/776" },
		{ "entries", (UINT64_C(1) << 56) - 1, 255,
		  "tile/entries/x072/x057/x594/x037/x927/935.p/255" },
	};
	char path[TLOG_TILE_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tlog_tile_path(rows[i].level, rows[i].number, rows[i].width, path);
		assert_string_equal(path, rows[i].path);
	}
}

static void proofs_of_others_come_out_as_they_went_in(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/data/proof/*.tlog-proof", 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 20);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t size;
		uint8_t *data = file_read(found.gl_pathv[i], &size), again[8192];
		struct ink_str bytes = { (const char *)data, (uint32_t)size };
		struct tlog_text text;
		struct put put;

		assert_ok(tlog_proof_decode(bytes, &text));
		put_init(&put, again, sizeof(again));
		tlog_proof_put(&put, &text);
		assert_false(put.is_full);
		assert_int_equal(put.size, size);
		assert_memory_equal(again, data, size);
		/* The checkpoint is not looked at, but nothing before it may be cut. */
		for (uint32_t cut = 0; cut < size - text.checkpoint.size; cut++) {
			char *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees */

			memcpy(exact, data, cut);
			bytes = (struct ink_str){ exact, cut };
			assert_err(INK_ERR_INVALID, tlog_proof_decode(bytes, &text));
			free(exact);
		}
		free(data);
	}
	globfree(&found);
}

static enum ink_err decode(const char *head, unsigned hash_count, const char *tail)
{
	char data[8192];
	int size = snprintf(data, sizeof(data), "%s", head);
	struct tlog_text text;

	for (unsigned i = 0; i < hash_count; i++)
		size += snprintf(data + size, sizeof(data) - (size_t)size, "%s", hash_line);
	size += snprintf(data + size, sizeof(data) - (size_t)size, "%s", tail);
	return tlog_proof_decode((struct ink_str){ data, (uint32_t)size }, &text);
}

static void what_is_not_to_the_letter_is_refused(void **state)
{
	static const char *const heads[] = {
		"",
		"index 5\n", /* as files had it before there was a specification */
		"c2sp.org/tlog-proof@v2\nindex 5\n",
		"c2sp.org/tlog-proof@v1\r\nindex 5\n",
		"c2sp.org/tlog-proof@v1 \nindex 5\n",
		" c2sp.org/tlog-proof@v1\nindex 5\n",
		"c2sp.org/tlog-proof@v1\n",
		"c2sp.org/tlog-proof@v1\nindex\n",
		"c2sp.org/tlog-proof@v1\nindex \n",
		"c2sp.org/tlog-proof@v1\nindex  5\n",
		"c2sp.org/tlog-proof@v1\nindex 5 \n",
		"c2sp.org/tlog-proof@v1\nindex 05\n",
		"c2sp.org/tlog-proof@v1\nindex +5\n",
		"c2sp.org/tlog-proof@v1\nindex -5\n",
		"c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n",
		"c2sp.org/tlog-proof@v1\nindex 5\nindex 5\n",
		"c2sp.org/tlog-proof@v1\nextra AA==\nindex 5\n", /* nobody signs it */
		"c2sp.org/tlog-proof@v1\nindex 5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
		"c2sp.org/tlog-proof@v1\nindex 5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
		"c2sp.org/tlog-proof@v1\nindex 5\nAA==\n",
	};

	(void)state;
	assert_ok(decode("c2sp.org/tlog-proof@v1\nindex 5\n", 0, "\nnote"));
	assert_ok(decode("c2sp.org/tlog-proof@v1\nindex 0\n", PROOF_HASH_COUNT_MAX, "\nnote"));
	assert_ok(decode("c2sp.org/tlog-proof@v1\nindex 18446744073709551615\n", 1, "\nnote"));
	for (size_t i = 0; i < COUNT_OF(heads); i++)
		assert_err(INK_ERR_INVALID, decode(heads[i], 1, "\nnote"));
	assert_err(INK_ERR_INVALID,
		   decode("c2sp.org/tlog-proof@v1\nindex 5\n", PROOF_HASH_COUNT_MAX + 1, "\nnote"));
	assert_err(INK_ERR_INVALID, decode("c2sp.org/tlog-proof@v1\nindex 5\n", 1, "note\n"));
}

/* Lines of hashes and nothing else; of growth: the number of records before them. */
static void hashes_are_whole_lines(void **state)
{
	static const struct {
		const char *before, *behind;
		bool is_good;
	} rows[] = {
		{ "", "", true },     { "", "\n", false },
		{ "", "x", false },   { "", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", false },
		{ "\n", "", false },  { "AA==\n", "", false },
		{ "x\n", "", false },
	};
	char data[8192];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int size = snprintf(data, sizeof(data), "%s%s%s", rows[i].before, hash_line,
				    rows[i].behind);
		struct ink_str bytes = { data, (uint32_t)size };
		struct proof proof;

		assert_err(rows[i].is_good ? INK_OK : INK_ERR_INVALID,
			   tlog_hashes_decode(bytes, &proof));
		if (rows[i].is_good)
			assert_int_equal(proof.hash_count, 1);
	}
	data[0] = '\0';
	for (unsigned count = 1; count <= PROOF_HASH_COUNT_MAX + 1; count++) {
		struct proof proof;

		strcat(data, hash_line);
		assert_err(count <= PROOF_HASH_COUNT_MAX ? INK_OK : INK_ERR_INVALID,
			   tlog_hashes_decode(str_of(data, sizeof(data)), &proof));
	}
}

static void growth_begins_with_the_old_size(void **state)
{
	static const char *const bad[] = { "",          "old",        "old\n",
					   "old \n\n",  "old 5\n",    "old5\n\n",
					   "new 5\n\n", "old 05\n\n", "olt 5\n\n" };
	struct tlog_text text;

	(void)state;
	assert_ok(tlog_growth_decode(str_of("old 5\n\nnote", 100), &text));
	assert_int_equal(text.number, 5);
	assert_int_equal(text.proof.hash_count, 0);
	assert_int_equal(text.checkpoint.size, 4);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_err(INK_ERR_INVALID, tlog_growth_decode(str_of(bad[i], 100), &text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiles_lie_where_the_specification_says),
		cmocka_unit_test(proofs_of_others_come_out_as_they_went_in),
		cmocka_unit_test(hashes_are_whole_lines),
		cmocka_unit_test(growth_begins_with_the_old_size),
		cmocka_unit_test(what_is_not_to_the_letter_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
