/* SPDX-License-Identifier: MIT */
#include "common.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_complained;

INK_PRINTF(2, 0)
static void complain_args(const char *prefix, const char *format, va_list args, const char *suffix)
{
	char *sentence = NULL;
	int size = vasprintf(&sentence, format, args);

	has_complained = true;
	fputs(prefix, stderr);
	if (size >= 0)
		text_put_safe(stderr, sentence, (size_t)size);
	else
		fputs("out of memory", stderr);
	fputs(suffix, stderr);
	fputc('\n', stderr);
	if (size >= 0)
		free(sentence);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_args("inkfs: ", format, args, "");
	va_end(args);
}

int usage_error(const char *cmd_name, const char *format, ...)
{
	char prefix[64], suffix[64];
	va_list args;

	snprintf(prefix, sizeof(prefix), "inkfs %s: ", cmd_name);
	snprintf(suffix, sizeof(suffix), "; see 'inkfs %s --help'", cmd_name);
	va_start(args, format);
	complain_args(prefix, format, args, suffix);
	va_end(args);
	return EXIT_USAGE;
}

const char *reason_of(enum ink_err err)
{
	if (err == INK_ERR_DAMAGED)
		return "what is on disk is not what was recorded; 'inkfs verify' says what is wrong";
	return err == INK_ERR_IO ? strerror(errno) : ink_err_text(err);
}

/* The long option that getopt_long() has just stumbled over, or NULL if it was a short one. */
static const char *bad_long_option(char **argv)
{
	const char *arg = argv[optind - 1];

	return strncmp(arg, "--", 2) == 0 ? arg : NULL;
}

int next_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
	int option;
	const char *name;

	opterr = 0;
	option = getopt_long(argc, argv, shorts, longs, NULL);
	if (option != '?' && option != ':')
		return option;
	name = bad_long_option(argv);
	if (option == ':' && name)
		usage_error(argv[0], "'%s' needs a value", name);
	else if (option == ':')
		usage_error(argv[0], "'-%c' needs a value", optopt);
	else if (name && optopt != 0)
		usage_error(argv[0], "'%.*s' takes no value", (int)strcspn(name, "="), name);
	else if (name)
		usage_error(argv[0], "unknown or ambiguous option '%s'", name);
	else
		usage_error(argv[0], "unknown option '-%c'", optopt);
	return '?';
}

bool has_operands(int argc, char **argv, int min, int max, const char *what)
{
	int count = argc - optind;

	if (count < min) {
		usage_error(argv[0], "needs %s", what);
		return false;
	}
	if (count > max) {
		usage_error(argv[0], "takes %s and nothing else, but there is '%s'", what,
			    argv[optind + max]);
		return false;
	}
	return true;
}

static bool parse_digits(const char *text, uint64_t *ret_value, const char **ret_end)
{
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	*ret_value = value;
	*ret_end = end;
	return true;
}

bool parse_u64(const char *text, uint64_t *ret_value)
{
	const char *end;
	uint64_t value;

	if (!parse_digits(text, &value, &end) || *end != '\0')
		return false;
	*ret_value = value;
	return true;
}

bool parse_size(const char *text, uint64_t *ret_size)
{
	static const char units[] = "KMG";
	const char *end, *unit;
	uint64_t size;
	unsigned shift = 0;

	if (!parse_digits(text, &size, &end))
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
	}
	if (*end != '\0' || size > UINT64_MAX >> shift)
		return false;
	*ret_size = size << shift;
	return true;
}

bool stdio_init(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* Open the wrong way round, so that using it is an error as it would have been. */
		if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return false;
	}
	return signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

void stdio_restore_signals(void)
{
	signal(SIGPIPE, SIG_DFL);
}

bool stdout_is_unread(int wait_ms)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, wait_ms) > 0 && (out.revents & POLLERR);
}

int stdio_close(int code, int code_if_lost, bool must_be_read)
{
	bool is_unread = !must_be_read && stdout_is_unread(0);
	bool is_lost = ferror(stdout);

	errno = 0;
	if (fclose(stdout) != 0)
		is_lost = true;
	if (!is_lost)
		return code;
	/* All that fails for another reason has been complained about. */
	if (is_unread)
		return has_complained ? code : EXIT_GOOD;
	if (errno != 0)
		complain("could not write all of the result: %s", strerror(errno));
	else
		complain("could not write all of the result");
	return code == EXIT_GOOD ? code_if_lost : code;
}
