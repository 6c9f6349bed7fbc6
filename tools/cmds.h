/* SPDX-License-Identifier: MIT */
/*
 * The subcommands, each in its cmd_NAME.c.
 *
 * Owns: nothing.  Knows nothing of: what they do.  Threads: one.
 */
#ifndef TOOLS_CMDS_H
#define TOOLS_CMDS_H

#include "common.h"

extern const struct cmd cmd_blame;
extern const struct cmd cmd_cat;
extern const struct cmd cmd_check;
extern const struct cmd cmd_checkpoint;
extern const struct cmd cmd_consistency;
extern const struct cmd cmd_diff;
extern const struct cmd cmd_export;
extern const struct cmd cmd_grep;
extern const struct cmd cmd_help;
extern const struct cmd cmd_init;
extern const struct cmd cmd_key;
extern const struct cmd cmd_log;
extern const struct cmd cmd_ls;
extern const struct cmd cmd_mount;
extern const struct cmd cmd_prove;
extern const struct cmd cmd_reindex;
extern const struct cmd cmd_rekey;
extern const struct cmd cmd_status;
extern const struct cmd cmd_umount;
extern const struct cmd cmd_verify;
extern const struct cmd cmd_version;

#endif
