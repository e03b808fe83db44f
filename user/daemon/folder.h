/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * folder.h - the daemon's places in the file system: the state folder, and that no two daemons
 * share one, or a socket.
 *
 * Owns: STATE itself, the socket's place, locks. Must not: look into recordings; what lies in
 * STATE is store.h's.
 */
#ifndef MEMPROF_DAEMON_FOLDER_H
#define MEMPROF_DAEMON_FOLDER_H

#include "user/daemon/config.h"
#include "user/util/diag.h"

/*
 * Makes the state folder and takes it, and the socket's place, for this process: the locks hold
 * until it ends. To be called while it may still write everywhere: what it makes is given to
 * c->user; folders that were there must be that user's already, and are left as they are.
 * 0, or -errno with diag: -EBUSY: another daemon has it.
 */
int dm_folder_take(const struct dm_config *c, struct mp_diag *diag);

#endif /* MEMPROF_DAEMON_FOLDER_H */
