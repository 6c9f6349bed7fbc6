/* SPDX-License-Identifier: MIT */
#include "slurp.h"

#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_SIZE = 1 << 16 };

static bool read_all(FILE *file, size_t size_max, char **ret_data, size_t *ret_size)
{
	size_t size = 0, room = 0;
	char *data = NULL;

	while (size <= size_max) {
		char *grown = NULL;
		size_t got, step;

		if (size == room) {
			room = room ? room * 2 : STEP_SIZE;
			grown = realloc(data, room + 1);
			if (!grown) {
				free(data);
				errno = ENOMEM;
				return false;
			}
			data = grown;
		}
		step = room - size <= size_max + 1 - size ? room - size : size_max + 1 - size;
		got = fread(data + size, 1, step, file);
		size += got;
		if (got < step)
			break;
	}
	if (ferror(file)) {
		free(data);
		return false;
	}
	data[size] = '\0';
	*ret_data = data;
	*ret_size = size;
	return true;
}

bool slurp(const char *path, const char *what, size_t size_max, char **ret_data, size_t *ret_size)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	bool is_read = file && read_all(file, size_max, ret_data, ret_size);

	if (!is_read)
		complain("cannot read the %s %s: %s", what, path, strerror(errno));
	if (file && !is_stdin)
		fclose(file);
	return is_read;
}
