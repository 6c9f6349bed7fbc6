/* SPDX-License-Identifier: MIT */
/*
 * Signed notes and checkpoints: a byte of flags, then
 *   flag 1 clear  the note itself: whatever parses comes out the same again, and nobody has signed it;
 *   flag 1 set    u16 place, u8 change, and a text that the target signs (flag 2: as a cosignature): the note is
 *                 good, and with that one byte changed it is not.
 */
#include <sodium.h>
#include <string.h>

#include "fuzz.h"
#include "note.h"

enum { ROOM = NOTE_SIZE_MAX + 4096 };

static const char key_name[] = "fuzz.example/log";
static uint8_t public_key[INK_KEY_SIZE], secret_key[crypto_sign_SECRETKEYBYTES];

static void make_key(void)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = "a seed that everybody may know";

	crypto_sign_seed_keypair(public_key, secret_key, seed);
}

static void check_checkpoint(struct ink_str text)
{
	struct checkpoint checkpoint;
	uint8_t again[1024];
	struct put put;

	if (checkpoint_decode(text, &checkpoint) != INK_OK)
		return;
	put_init(&put, again, sizeof(again));
	checkpoint_put(&put, &checkpoint);
	FUZZ_REQUIRE(!put.is_full && put.size <= text.size);
	FUZZ_REQUIRE(memcmp(again, text.data, put.size) == 0); /* behind it: extension lines */
}

static void check_same(const struct note *note, const uint8_t *data, size_t size)
{
	uint8_t *again = malloc(ROOM);
	struct put put;

	FUZZ_REQUIRE(again);
	put_init(&put, again, ROOM);
	put_bytes(&put, note->text.data, note->text.size);
	put_u8(&put, '\n');
	for (unsigned i = 0; i < note->line_count; i++) {
		put_bytes(&put, "\xe2\x80\x94 ", 4);
		put_bytes(&put, note->lines[i].name.data, note->lines[i].name.size);
		put_u8(&put, ' ');
		put_bytes(&put, note->lines[i].base64.data, note->lines[i].base64.size);
		put_u8(&put, '\n');
	}
	FUZZ_REQUIRE(!put.is_full && put.size == size && memcmp(again, data, size) == 0);
	free(again);
}

static enum note_verdict verdict_of(const struct note *note, enum note_type type)
{
	uint64_t time_s;

	return note_check(note, str_of(key_name, sizeof(key_name)), type, public_key, &time_s);
}

static void run_plain(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct note note;

	check_checkpoint((struct ink_str){ (const char *)copy, (uint32_t)size });
	if (note_parse(copy, size, &note) == INK_OK) {
		FUZZ_REQUIRE(note.line_count >= 1 && note.line_count <= NOTE_LINE_COUNT_MAX);
		check_same(&note, copy, size);
		check_checkpoint(note.text);
		FUZZ_REQUIRE(verdict_of(&note, NOTE_ED25519) != NOTE_GOOD);
		FUZZ_REQUIRE(verdict_of(&note, NOTE_COSIGNATURE) != NOTE_GOOD);
	}
	free(copy);
}

static void sign(struct put *put, struct ink_str text, enum note_type type)
{
	enum { TIME_S = 1700000000 };
	uint8_t signature[INK_SIGNATURE_SIZE], message[ROOM];
	struct put signed_put;

	put_init(&signed_put, message, sizeof(message));
	if (type == NOTE_COSIGNATURE)
		note_put_cosigned(&signed_put, TIME_S, text);
	else
		put_bytes(&signed_put, text.data, text.size);
	FUZZ_REQUIRE(!signed_put.is_full);
	crypto_sign_detached(signature, NULL, message, signed_put.size, secret_key);
	put_bytes(put, text.data, text.size);
	put_u8(put, '\n');
	note_put_line(put, str_of(key_name, sizeof(key_name)), type, public_key, TIME_S, signature);
	FUZZ_REQUIRE(!put->is_full);
}

static void run_signed(struct fuzz_input input, enum note_type type)
{
	uint16_t place = input_u16(&input);
	uint8_t change = input_u8(&input), *bytes = malloc(ROOM), *exact;
	struct ink_str text = { (const char *)input.data, (uint32_t)input.size };
	struct note note;
	struct put put;

	FUZZ_REQUIRE(bytes);
	put_init(&put, bytes, ROOM);
	sign(&put, text, type);
	exact = fuzz_copy(bytes, put.size);
	free(bytes);
	/* A text that is none, or that looks like signature lines itself, makes no note. */
	if (note_parse(exact, put.size, &note) == INK_OK && note.text.size == text.size) {
		FUZZ_REQUIRE(verdict_of(&note, type) == NOTE_GOOD);
		check_same(&note, exact, put.size);
		exact[place % put.size] ^= change;
		if (change != 0 && note_parse(exact, put.size, &note) == INK_OK)
			FUZZ_REQUIRE(verdict_of(&note, type) != NOTE_GOOD);
	}
	free(exact);
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t flags = input_u8(&input);

	make_key();
	if (flags & 1)
		run_signed(input, flags & 2 ? NOTE_COSIGNATURE : NOTE_ED25519);
	else
		run_plain(input.data, input.size);
}

const struct fuzz_target fuzz_note = { "note", run, 8192 };
