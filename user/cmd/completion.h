/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * completion.h - what may stand at a place of the command line, whatever the shell.
 */
#ifndef MEMPROF_COMPLETION_H
#define MEMPROF_COMPLETION_H

#include <stdio.h>

#include "user/cmd/cmd.h"

enum mp_offer {
	MP_OFFER_NOTHING = 0, /* no argument at all */
	MP_OFFER_FREE,	      /* a time, a size: nothing to offer */
	MP_OFFER_PIDS,
	MP_OFFER_FILES,
	MP_OFFER_RECORDINGS,
	MP_OFFER_WORDS, /* one of some; files too where `files` is set */
	MP_OFFER_LIST,	/* several of some, with commas between */
};

struct mp_values {
	enum mp_offer offer;
	bool files;	  /* besides the words */
	char words[2048]; /* with blanks between; each a-z 0-9 - only */
};

/* What an option takes. */
void mp_completion_option(const struct mp_option *o, struct mp_values *v);
/* What a command takes besides options; "-- CMD" apart. */
void mp_completion_rest(const struct mp_command *c, struct mp_values *v);

void mp_completion_bash(FILE *f);
void mp_completion_zsh(FILE *f);
void mp_completion_fish(FILE *f);

#endif /* MEMPROF_COMPLETION_H */
