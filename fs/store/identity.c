/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include "error.h"

enum ink_err identity_read(const char *path, struct succession *ret_keys,
			   struct ink_error *ret_error)
{
	const struct ink_record *record;
	struct ink_reader *reader;
	enum ink_err err = ink_reader_open(path, &reader, ret_error);

	if (err != INK_OK)
		return err;
	if (ink_reader_next(reader, &record) != INK_OK)
		err = error_io(ret_error, path, "reading the log");
	else if (!record || !succession_begin(ret_keys, record))
		err = error_set(
			ret_error, INK_ERR_DAMAGED,
			"%s: the first record is no good GENESIS; 'inkfs verify' says what is wrong",
			path);
	ink_reader_close(reader);
	return err;
}

enum ink_err identity_checkpoint(const char *vkey, const char *name, const void *data, size_t size,
				 struct note *ret_note, struct checkpoint *ret_checkpoint,
				 struct ink_error *ret_error)
{
	uint8_t log_key[INK_KEY_SIZE];
	struct ink_str origin;

	if (vkey_parse(vkey, &origin, log_key) != INK_OK)
		return error_set(ret_error, INK_ERR_INVALID,
				 "the given key is not a verification key");
	if (note_parse(data, size, ret_note) != INK_OK ||
	    checkpoint_decode(ret_note->text, ret_checkpoint) != INK_OK)
		return error_set(ret_error, INK_ERR_INVALID,
				 "%s is not a checkpoint; give the file as it was written", name);
	if (!str_equals(origin, ret_checkpoint->origin))
		return error_set(ret_error, INK_ERR_DAMAGED,
				 "%s is a checkpoint of another log, not of %.*s", name,
				 (int)origin.size, origin.data);
	if (note_check(ret_note, origin, NOTE_ED25519, log_key, NULL) != NOTE_GOOD)
		return error_set(ret_error, INK_ERR_DAMAGED,
				 "%s is not signed by the log key of %.*s", name, (int)origin.size,
				 origin.data);
	return INK_OK;
}
