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

enum { LINE_SIZE_MAX = 512, WORD_COUNT = 6 };

static bool copy_word(char *to, size_t size, const char *word)
{
	return word[0] != '\0' && (size_t)snprintf(to, size, "%s", word) < size;
}

/* The words of the one line of @text, which is cut into them; a host may hold spaces. */
static bool parse(struct state *state, char *text)
{
	char *words[WORD_COUNT], *feed = strchr(text, '\n');

	if (!feed || feed[1] != '\0')
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
	char text[LINE_SIZE_MAX + 1] = "";
	FILE *file = open_file(path);

	*state = (struct state){ .path = path };
	if (!file && errno == ENOENT)
		return true;
	if (!file) {
		complain("%s: cannot read how far it got: %s", path, strerror(errno));
		return false;
	}
	text[fread(text, 1, LINE_SIZE_MAX, file)] = '\0';
	fclose(file);
	state->is_found = parse(state, text);
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
	char leaf[2 * INK_HASH_SIZE + 1];
	FILE *file = fopen(path, "we");
	bool is_good;

	if (!file)
		return false;
	text_hex(state->leaf, INK_HASH_SIZE, leaf);
	fprintf(file, "inkfs-state/1 %" PRIu64 " %s %" PRIu64 " %s %s\n", state->next_seq, leaf,
		state->output_size, state->format, state->host[0] ? state->host : "-");
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
