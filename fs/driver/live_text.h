/* SPDX-License-Identifier: MIT */
/*
 * What the files of .inkfs say.
 *
 * Owns: nothing.  Knows nothing of: requests.  Threads: any.
 */
#ifndef DRIVER_LIVE_TEXT_H
#define DRIVER_LIVE_TEXT_H

#include <stdio.h>

#include "inkfs/err.h"

struct driver;

/* One object, schema inkfs-status/1, without what a reader knows who found it: the store's path and the mount point. */
INK_MUST_CHECK enum ink_err live_print_status(struct driver *driver, FILE *out);
/*
 * A signed note, never older than a second.  INK_ERR_KEY: there is no log key here, or nothing is written.
 */
INK_MUST_CHECK enum ink_err live_print_checkpoint(struct driver *driver, FILE *out);
/* The verification key, one line. */
INK_MUST_CHECK enum ink_err live_print_vkey(struct driver *driver, FILE *out);
/* For Prometheus. */
INK_MUST_CHECK enum ink_err live_print_metrics(struct driver *driver, FILE *out);

#endif
