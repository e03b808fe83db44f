/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * config.h - what the daemon is told to do: its file, memprof.conf(5).
 *
 * Owns: the grammar, the defaults, every check that needs nothing but the file. Must not: look
 * at processes, open sockets, print. A mistake is told with its line and a config is whole or
 * not there at all: all mistakes of a file are found in one go.
 *
 *   [daemon]                      at most once
 *   KEY = VALUE                   '#' begins a comment, at the start of a line or after a blank
 *   [target NAME]                 a group of processes; NAME: a-z 0-9 . _ -, unique, 1 to 32 bytes
 */
#ifndef MEMPROF_DAEMON_CONFIG_H
#define MEMPROF_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "user/live/probes.h"

#define DM_GROUPS_MAX	50 /* labels of metrics are bounded by it */
#define DM_RULES_MAX	16 /* of one group */
#define DM_TRIGGERS_MAX 16 /* of one group */
#define DM_NAME_MAX	32

/*
 * Which processes. Every field that is given must match; a group takes what any of its rules
 * takes. A [target] with one line of a kind is one rule; `exe` and the like given several times
 * make a rule of each value (their combinations: DM_RULES_MAX at most).
 */
struct dm_rule {
	pid_t pid;     /* 0: any */
	char exe[256]; /* "": any; a basename, or an absolute path, as /proc/PID/exe has it;
			* `*` and `?` as in fnmatch(3), not across '/' */
	bool has_uid;
	uid_t uid;	    /* effective; given by number or by name */
	char cgroup[512];   /* "": any; a path in the hierarchy, it or below it; fnmatch(3) per name
			     */
	char container[80]; /* "": any; an id, 12 to 64 hex digits, or the beginning of one */
};

struct dm_group {
	char name[DM_NAME_MAX + 1];
	struct dm_rule rules[DM_RULES_MAX];
	size_t n_rules;
	bool children;			 /* follow-forks, default yes */
	char *triggers[DM_TRIGGERS_MAX]; /* expressions that were parsed once: user/view/trigger.h
					  */
	size_t n_triggers;
	char *command;	  /* run when a trigger fired, by /bin/sh -c; NULL: none */
	uint64_t rest_ns; /* no two incidents of this group within it, default 10 min */
	unsigned line;	  /* of its header */
};

struct dm_config {
	char *path;	    /* NULL: the defaults */
	char *socket;	    /* default /run/memprof/memprof.sock; "" = none */
	char *user;	    /* becomes this one after attaching; NULL: stays */
	char *command_user; /* whom commands of groups run as while the daemon is root still */
	bool has_gid;
	gid_t gid;	  /* members see every target; group = NAME */
	char *state;	  /* folder for incidents and the ring; default /var/lib/memprof */
	bool memory_ring; /* ring = memory: nothing is written until a trigger fires */
	uint64_t keep_ns, keep_bytes; /* of the ring: both bound it; default 10 min, 256 MiB */
	uint64_t incidents_bytes;     /* oldest incidents are removed beyond, default 1 GiB */
	char *metrics;		      /* "127.0.0.1:PORT", "[::1]:PORT", "unix:PATH"; NULL = none */
	char *textfile;		      /* PATH of a *.prom for node_exporter; NULL = none */
	uint64_t textfile_ns;	      /* how often, default 15 s */
	uint64_t scan_ns; /* how often /proc is gone through for what no exec told, default 2 s */
	uint64_t gone_ns; /* how long ended processes are kept, default 10 min */
	unsigned max_targets; /* processes at once, default 1024; the rest is counted */
	unsigned max_viewers; /* default 16 */
	struct mp_hooks hooks;
	bool stacks, symbols; /* default yes */
	struct dm_group *groups;
	size_t n_groups;
	struct dm_given *given; /* [daemon] as it stood in the file: one for each key there is */
};

/* A key's line. */
struct dm_given {
	char *text;    /* NULL: it has its default */
	unsigned line; /* 0: it has none */
};

struct dm_complaint {
	unsigned line; /* 0: the file as a whole */
	bool note;     /* not a mistake: allowed, and worth a word */
	char what[160], fix[160];
};

/*
 * Reads and checks. 0 and *out, or -EINVAL with all complaints, or what open(2) said (one
 * complaint, line 0), or -ENOMEM. *list is the caller's to free in any case: notes come with
 * success, too, and *n then counts them. Complaints stand in the order of lines and hold no
 * control characters. The caller frees *out.
 */
int dm_config_read(const char *path, struct dm_config **out, struct dm_complaint **list, size_t *n);
/* The same of text in memory; for tests and the fuzzer. */
int dm_config_parse(const char *text, size_t len, struct dm_config **out,
		    struct dm_complaint **list, size_t *n);
void dm_config_free(struct dm_config *c);
/*
 * The keys of [daemon] that the file asks for otherwise than it was when *was was read of it: a
 * note for each, with its line now, 0 where it has none any more. *list is the caller's to free.
 * How many, or -ENOMEM.
 */
int dm_config_differ(const struct dm_config *was, const struct dm_config *now,
		     struct dm_complaint **list);
/* What a key says and stands for; in the order of the manual. */
struct dm_key {
	const char *name;
	bool target;	   /* of a [target], else of [daemon] */
	bool many;	   /* may stand more than once */
	const char *value; /* its default, or an example where there is none */
	bool example;
	const char *says; /* sentences for the file and the manual */
};
/* The i-th, NULL behind the last. */
const struct dm_key *dm_config_key(size_t i);
/* Every key with its default and its sentence, as a file that parses: `memprof daemon
 * --defaults`, and what is installed as memprof.conf. */
void dm_config_defaults(FILE *f);

#endif /* MEMPROF_DAEMON_CONFIG_H */
