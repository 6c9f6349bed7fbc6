/* SPDX-License-Identifier: MIT */
#include "state.h"

#include "common.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD_COUNT = 6 };

static bool copy_word(char *to, size_t size, const char *word)
{
	return word[0] != '\0' && (size_t)snprintf(to, size, "%s", word) < size;
}

/* A host may hold spaces. */
bool state_decode(struct state *state, char *text, size_t size)
{
	char *words[WORD_COUNT], *feed = strchr(text, '\n');

	if (size > STATE_SIZE_MAX || !feed || (size_t)(feed - text) + 1 != size)
		return false;
	*feed = '\0';
	for (int i = 0; i < WORD_COUNT - 1; i++) {
		words[i] = strsep(&text, " ");
		if (!text)
			return false;
	}
	words[WORD_COUNT - 1] = text;
	return strcmp(words[0], "inkfs-state/1") == 0 && parse_u64(words[1], &state->next_seq) &&
	       text_unhex(words[2], state->leaf, INK_HASH_SIZE) &&
	       parse_u64(words[3], &state->output_size) &&
	       copy_word(state->format, sizeof(state->format), words[4]) &&
	       copy_word(state->host, sizeof(state->host), words[5]);
}

size_t state_encode(const struct state *state, char *ret_line)
{
	char leaf[2 * INK_HASH_SIZE + 1];

	text_hex(state->leaf, INK_HASH_SIZE, leaf);
	/* At most 13 + 21 + 65 + 21 + 16 + 256 bytes. */
	return (size_t)snprintf(ret_line, STATE_SIZE_MAX + 1,
				"inkfs-state/1 %" PRIu64 " %s %" PRIu64 " %s %s\n", state->next_seq,
				leaf, state->output_size, state->format,
				state->host[0] ? state->host : "-");
}

/* Anything but a file reads as empty: a pipe would keep us waiting. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

bool state_load(struct state *state, const char *path)
{
	char text[STATE_SIZE_MAX + 2] = ""; /* one more, so that a longer file is seen to be */
	FILE *file = open_file(path);
	size_t size;

	*state = (struct state){ .path = path };
	if (!file && errno == ENOENT)
		return true;
	if (!file) {
		complain("%s: cannot read how far it got: %s", path, strerror(errno));
		return false;
	}
	size = fread(text, 1, STATE_SIZE_MAX + 1, file);
	text[size] = '\0';
	fclose(file);
	state->is_found = state_decode(state, text, size);
	if (!state->is_found)
		complain(
			"%s: not a state file of 'inkfs log'; name another, or remove it to begin anew",
			path);
	return state->is_found;
}

static bool sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool is_good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return is_good;
}

static bool write_file(const struct state *state, const char *path)
{
	FILE *file = fopen(path, "we");
	char line[STATE_SIZE_MAX + 1];
	bool is_good;

	if (!file)
		return false;
	(void)state_encode(state, line);
	fputs(line, file);
	is_good = fflush(file) == 0 && fsync(fileno(file)) == 0;
	return fclose(file) == 0 && is_good;
}

bool state_keep(const struct state *state)
{
	char *path;
	bool is_good;

	if (asprintf(&path, "%s.new", state->path) < 0) {
		complain("out of memory");
		return false;
	}
	is_good = write_file(state, path) && rename(path, state->path) == 0 &&
		  sync_folder(state->path);
	if (!is_good)
		complain("%s: cannot keep how far it got: %s", state->path, strerror(errno));
	free(path);
	return is_good;
}
