/* SPDX-License-Identifier: MIT */
/*
 * cmocka in the order in which it wants to be included, and checks of error codes that show both.
 *
 * Owns: nothing.  Knows nothing of: what is tested.  Threads: as cmocka, one.
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inkfs/err.h"

#define assert_err(expected, call) assert_int_equal((int)(call), (int)(expected))
#define assert_ok(call) assert_err(INK_OK, call)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
