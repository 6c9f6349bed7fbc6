/* SPDX-License-Identifier: MIT */
#include "checkpoint_sign.h"

#include "note.h"
#include "succession.h"

#include <string.h>
#include <time.h>

enum ink_err checkpoint_sign(const struct checkpoint_state *state, const struct key_pair *log_key,
			     const struct key_pair *seal_key, char *ret_note, size_t *ret_size)
{
	struct ink_str origin = str_of(state->vkey, strcspn(state->vkey, "+")), text;
	struct checkpoint checkpoint = { .origin = origin, .size = state->size };
	uint8_t message[INK_CHECKPOINT_SIZE_MAX], signature[INK_SIGNATURE_SIZE];
	uint64_t time_s = (uint64_t)time(NULL);
	char name[EPOCH_NAME_SIZE];
	struct put put, cosigned;
	struct note note;

	succession_name(origin, state->epoch, name);
	memcpy(checkpoint.root, state->root, INK_HASH_SIZE);
	put_init(&put, (uint8_t *)ret_note, INK_CHECKPOINT_SIZE_MAX);
	checkpoint_put(&put, &checkpoint);
	text = (struct ink_str){ ret_note, (uint32_t)put.size };
	put_u8(&put, '\n');
	key_sign(log_key, (const uint8_t *)text.data, text.size, signature);
	note_put_line(&put, origin, NOTE_ED25519, log_key->public_key, 0, signature);
	put_init(&cosigned, message, sizeof(message));
	note_put_cosigned(&cosigned, time_s, text);
	key_sign(seal_key, message, cosigned.size, signature);
	note_put_line(&put, str_of(name, sizeof(name)), NOTE_COSIGNATURE, seal_key->public_key,
		      time_s, signature);
	/* Nothing goes out that we would not take in. */
	if (put.is_full || cosigned.is_full || note_parse(ret_note, put.size, &note) != INK_OK ||
	    note_check(&note, origin, NOTE_ED25519, state->log_key, NULL) != NOTE_GOOD ||
	    note_check(&note, str_of(name, sizeof(name)), NOTE_COSIGNATURE, seal_key->public_key,
		       NULL) != NOTE_GOOD)
		return INK_ERR_KEY;
	*ret_size = put.size;
	return INK_OK;
}
