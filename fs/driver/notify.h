/* SPDX-License-Identifier: MIT */
/*
 * Tell a service manager how we are, as sd_notify(3) does: one datagram to $NOTIFY_SOCKET.
 *
 * Owns: nothing.  Knows nothing of: the driver.  Threads: any, while nobody changes the environment.
 */
#ifndef DRIVER_NOTIFY_H
#define DRIVER_NOTIFY_H

/* @state: "READY=1", "STOPPING=1".  Does nothing if nobody listens: a manager that is gone is no reason to fail. */
void notify(const char *state);

#endif
