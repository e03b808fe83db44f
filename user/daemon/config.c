/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * config.c - see config.h: the file, its lines and sections, all mistakes of it. What keys
 * there are and what a value may be: config_keys.c.
 */
#include "user/daemon/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/daemon/config_int.h"
#include "user/util/diag.h"
#include "user/util/util.h"

#define FILE_MAX       (1u << 20)
#define LINE_LEN       4096
#define COMPLAINTS_MAX 200 /* of one file; the last says that there are more */
#define SETTINGS_MAX   64

enum section {
	NOWHERE, /* before the first */
	DAEMON,
	TARGET,
	UNKNOWN, /* its keys cannot be checked */
};

struct parse {
	struct dm_config *c;
	struct dm_complaint *list;
	size_t n, cap;
	bool wrong; /* a mistake among them */
	int err;    /* -ENOMEM */

	enum section section;
	unsigned line, daemon_line;
	struct dm_lines lines;		 /* of the current [target] */
	unsigned stood[2][SETTINGS_MAX]; /* the line of a key; [1]: in the current [target] */
	bool bad_rule;			 /* a line of it that may say which processes was refused */
	struct dm_group spare;		 /* of a [target] that cannot be kept */
	struct dm_group *g;
};

/* --- complaints ---------------------------------------------------------------------------- */

static struct dm_complaint *next_complaint(struct parse *p)
{
	if (p->err || p->n > COMPLAINTS_MAX)
		return NULL;
	p->err = mp_grow(&p->list, &p->cap, p->n + 1, sizeof(*p->list));
	return p->err ? NULL : &p->list[p->n++];
}

/* Text of the file may be anything: what is told of it can go to a terminal. */
static void say(struct parse *p, unsigned line, bool note, const char *fix, const char *what)
{
	struct dm_complaint *k = next_complaint(p);

	p->wrong |= !note;
	if (!k)
		return;
	*k = (struct dm_complaint){ .line = line, .note = note };
	if (p->n > COMPLAINTS_MAX) {
		mp_diag_fmt(k->what, "more mistakes than %d", COMPLAINTS_MAX);
		mp_diag_fmt(k->fix, "mend these first");
		return;
	}
	mp_clean(k->what, sizeof(k->what), what, 0);
	mp_clean(k->fix, sizeof(k->fix), fix, 0);
}

__attribute__((format(printf, 4, 5))) static void wrong(struct parse *p, unsigned line,
							const char *fix, const char *what, ...)
{
	char text[sizeof(p->list->what)];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	say(p, line, false, fix, text);
}

/* How many letters must change: one taken away, put in, replaced, or two swapped. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), d[3][DM_NAME_MAX + 1];

	if (la > DM_NAME_MAX || lb > DM_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			best = up[j] + 1 < best ? up[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return d[la % 3][lb];
}

/* The key of a section that was probably meant, or NULL. */
static const char *meant(const char *word, bool target)
{
	const char *best = NULL;
	size_t least = strlen(word) / 3 + 1;

	for (size_t i = 0; i < dm_n_settings; i++) {
		const struct dm_key *k = &dm_settings[i].key;
		size_t d = k->target == target ? distance(word, k->name) : SIZE_MAX;

		if (d <= least && (!best || d < least)) {
			best = k->name;
			least = d;
		}
	}
	return best;
}

/* --- keys ---------------------------------------------------------------------------------- */

static const struct dm_setting *setting(const char *name, bool target)
{
	for (size_t i = 0; i < dm_n_settings; i++)
		if (dm_settings[i].key.target == target && !strcmp(name, dm_settings[i].key.name))
			return &dm_settings[i];
	return NULL;
}

/* A [target] with a refused line of this key is not told to have none that says which processes. */
static bool may_be_rule(const char *name)
{
	static const char *const rules[] = { "exe", "user", "cgroup", "container", "pid" };
	const char *key = setting(name, true) ? name : meant(name, true);

	if (!setting(name, true) && setting(name, false))
		return false;
	for (size_t i = 0; key && i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(key, rules[i]))
			return true;
	return !key;
}

static void unknown_key(struct parse *p, const char *name)
{
	bool target = p->section == TARGET;
	const char *like = meant(name, target);
	char fix[160];

	if (setting(name, !target)) {
		mp_diag_fmt(fix, "put it under %s", target ? "[daemon]" : "[target NAME]");
		wrong(p, p->line, fix, "'%.40s' does not belong in a [%s]", name,
		      target ? "target" : "daemon");
		return;
	}
	if (like)
		mp_diag_fmt(fix, "did you mean '%s'?", like);
	else if (target)
		mp_diag_fmt(fix, "there are exe, user, cgroup, container, pid, follow-forks, "
				 "trigger, command, rest");
	else
		mp_diag_fmt(fix, "memprof daemon --defaults lists them all");
	wrong(p, p->line, fix, "there is no key '%.60s'", name);
}

static void key_outside(struct parse *p, const char *name)
{
	const char *fix = "begin with [daemon] or [target NAME]";

	if (setting(name, false))
		fix = "put [daemon] above it";
	else if (setting(name, true))
		fix = "put [target NAME] above it";
	wrong(p, p->line, fix, "'%.60s' stands before the first section", name);
}

static bool quoted(const char *text)
{
	size_t len = strlen(text);

	return len > 1 && (*text == '"' || *text == '\'') && text[len - 1] == *text;
}

static int keep_given(struct parse *p, ptrdiff_t key, const char *text)
{
	struct dm_given *g = &p->c->given[key];

	g->line = p->line;
	g->text = strdup(text);
	return g->text ? 0 : -ENOMEM;
}

static void set_value(struct parse *p, const struct dm_setting *s, const char *text)
{
	struct dm_value v = { .c = p->c, .g = p->g, .l = &p->lines, .text = text };
	char fix[200];
	int err;

	if (!*text) {
		mp_diag_fmt(fix, "%s = %s, or leave the line away", s->key.name, s->key.value);
		wrong(p, p->line, fix, "'%s' has no value", s->key.name);
		p->bad_rule |= may_be_rule(s->key.name);
		return;
	}
	if (quoted(text) && strcmp(s->key.name, "command")) {
		wrong(p, p->line, "leave them away: a value goes up to the end of the line",
		      "the quotes would belong to the value of '%s'", s->key.name);
		p->bad_rule |= may_be_rule(s->key.name);
		return;
	}
	err = s->set(&v);
	if (!err && !s->key.target)
		err = keep_given(p, s - dm_settings, text);
	if (err == -EINVAL) {
		wrong(p, p->line, v.fix, "%s: %s", s->key.name, v.what);
		p->bad_rule |= may_be_rule(s->key.name);
	} else if (err) {
		p->err = err;
	}
}

static void key_line(struct parse *p, const char *name, const char *text)
{
	const struct dm_setting *s = setting(name, p->section == TARGET);
	unsigned *stood;

	if (p->section == UNKNOWN)
		return;
	if (p->section == NOWHERE) {
		key_outside(p, name);
		return;
	}
	if (!s) {
		unknown_key(p, name);
		p->bad_rule |= may_be_rule(name);
		return;
	}
	stood = &p->stood[p->section == TARGET][s - dm_settings];
	if (*stood && !s->key.many) {
		wrong(p, p->line, "leave one of them", "'%s' stands in line %u already", name,
		      *stood);
		return;
	}
	*stood = p->line;
	set_value(p, s, text);
}

/* --- sections ------------------------------------------------------------------------------ */

/* Each way of one value of each kind that was given. */
static void combine(struct dm_group *g, const struct dm_lines *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct dm_rule *r = &g->rules[g->n_rules++];
		size_t k = i;

		*r = (struct dm_rule){ .pid = 0 };
		if (l->n_pid) {
			r->pid = l->pid[k % l->n_pid];
			k /= l->n_pid;
		}
		if (l->n_exe) {
			memcpy(r->exe, l->exe[k % l->n_exe], sizeof(r->exe));
			k /= l->n_exe;
		}
		r->has_uid = l->n_uid;
		if (l->n_uid) {
			r->uid = l->uid[k % l->n_uid];
			k /= l->n_uid;
		}
		if (l->n_cgroup) {
			memcpy(r->cgroup, l->cgroup[k % l->n_cgroup], sizeof(r->cgroup));
			k /= l->n_cgroup;
		}
		if (l->n_container)
			memcpy(r->container, l->container[k], sizeof(r->container));
	}
}

static bool takes_all(const struct dm_rule *r)
{
	bool any_exe = !r->exe[0] || !r->exe[strspn(r->exe, "*")],
	     any_cgroup = !r->cgroup[0] || !strcmp(r->cgroup, "/");

	return any_exe && any_cgroup && !r->pid && !r->has_uid && !r->container[0];
}

static size_t at_least_1(size_t n)
{
	return n ? n : 1;
}

static void end_target(struct parse *p)
{
	const struct dm_lines *l = &p->lines;
	struct dm_group *g = p->g;
	char text[200];
	size_t n;

	if (p->section != TARGET)
		return;
	n = l->n_pid + l->n_exe + l->n_uid + l->n_cgroup + l->n_container;
	if (!n && !p->bad_rule)
		wrong(p, g->line, "give it one of exe, user, cgroup, container, pid",
		      "[target %s] takes no process", g->name);
	if (!n)
		return;
	n = at_least_1(l->n_pid) * at_least_1(l->n_exe) * at_least_1(l->n_uid) *
	    at_least_1(l->n_cgroup) * at_least_1(l->n_container);
	if (n > DM_RULES_MAX) {
		wrong(p, g->line, "make two [target]s of it",
		      "[target %s]: each of its values with each other makes %zu rules, %d at most",
		      g->name, n, DM_RULES_MAX);
		return;
	}
	combine(g, l, n);
	for (size_t i = 0; i < n; i++)
		if (takes_all(&g->rules[i])) {
			mp_diag_fmt(text, "[target %s] takes every process of the machine",
				    g->name);
			say(p, g->line, true, "max-targets bounds it; later [target]s get nothing",
			    text);
			break;
		}
	if (g->command && !g->n_triggers)
		say(p, g->line, true, "add trigger = rss>2G or the like; SIGUSR1 saves one, too",
		    "a command, and no trigger that would lead to it");
}

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len <= DM_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len && name[0] != '.';
}

static void group_free(struct dm_group *g)
{
	for (size_t i = 0; i < g->n_triggers; i++)
		free(g->triggers[i]);
	free(g->command);
	memset(g, 0, sizeof(*g));
}

/* Where what a [target] says goes: even one that cannot be kept is checked. */
static struct dm_group *new_group(struct parse *p, const char *name)
{
	struct dm_config *c = p->c;
	struct dm_group *g = &p->spare, *of = NULL;

	group_free(g);
	for (size_t i = 0; i < c->n_groups; i++)
		if (!strcmp(c->groups[i].name, name))
			of = &c->groups[i];
	if (!name_ok(name))
		wrong(p, p->line, "1 to 32 of a-z 0-9 . _ -, not a dot first",
		      "'%.60s' cannot be the name of a target", name);
	else if (of)
		wrong(p, p->line, "give it another name, or put its lines there",
		      "[target %s] stands in line %u already", name, of->line);
	else if (c->n_groups == DM_GROUPS_MAX)
		wrong(p, p->line, "one [target] can have several rules", "more than %d targets",
		      DM_GROUPS_MAX);
	else
		g = &c->groups[c->n_groups++];
	g->children = true;
	g->rest_ns = 600ULL * 1000000000;
	g->line = p->line;
	snprintf(g->name, sizeof(g->name), "%s", name);
	return g;
}

static void begin_target(struct parse *p, const char *name)
{
	memset(&p->lines, 0, sizeof(p->lines));
	memset(p->stood[1], 0, sizeof(p->stood[1]));
	p->bad_rule = false;
	p->section = TARGET;
	p->g = new_group(p, name);
}

static void begin_daemon(struct parse *p)
{
	p->section = DAEMON;
	if (p->daemon_line)
		wrong(p, p->line, "put its lines there", "[daemon] stands in line %u already",
		      p->daemon_line);
	else
		p->daemon_line = p->line;
}

static char *trim(char *s)
{
	size_t len;

	while (isblank((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len && isblank((unsigned char)s[len - 1]))
		s[--len] = 0;
	return s;
}

static void unknown_section(struct parse *p, const char *word)
{
	char fix[160] = "there are [daemon] and [target NAME]";

	p->section = UNKNOWN;
	if (!strcmp(word, "target"))
		mp_diag_fmt(fix, "[target NAME]: the name stands in metrics and incidents");
	else if (distance(word, "target") < 3)
		mp_diag_fmt(fix, "did you mean [target NAME]?");
	else if (distance(word, "daemon") < 3)
		mp_diag_fmt(fix, "did you mean [daemon]?");
	wrong(p, p->line, fix, "there is no section [%.60s]", word);
}

static void section_line(struct parse *p, char *s)
{
	char *end = strchr(s, ']');
	char *word, *name;

	end_target(p);
	if (!end || end[1]) {
		p->section = UNKNOWN;
		wrong(p, p->line, "[daemon] or [target NAME]",
		      end ? "'%.60s': text behind the ']'" : "'%.60s' has no ']'", s);
		return;
	}
	*end = 0;
	word = trim(s + 1);
	name = word + strcspn(word, " \t");
	if (!strcmp(word, "daemon")) {
		begin_daemon(p);
		return;
	}
	if (*name) {
		*name++ = 0;
		name = trim(name);
	}
	if (!strcmp(word, "target") && *name)
		begin_target(p, name);
	else
		unknown_section(p, word);
}

/* --- lines --------------------------------------------------------------------------------- */

static void strip_comment(char *s)
{
	for (char *at = strchr(s, '#'); at; at = strchr(at + 1, '#'))
		if (at == s || isblank((unsigned char)at[-1])) {
			*at = 0;
			return;
		}
}

/* What no text has. */
static bool is_text(struct parse *p, const char *s, size_t len)
{
	if (len > LINE_LEN) {
		wrong(p, p->line, "no value is so long", "a line of %zu bytes, %d at most", len,
		      LINE_LEN);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] == 0x7f || ((unsigned char)s[i] < ' ' && s[i] != '\t')) {
			wrong(p, p->line,
			      s[i] ? "remove it" : "a file of UTF-8 text: iconv -f UTF-16 -t UTF-8",
			      "byte %zu is 0x%02x, which no text has", i + 1, (unsigned char)s[i]);
			return false;
		}
	return true;
}

static void one_line(struct parse *p, const char *from, size_t len)
{
	char buf[LINE_LEN + 1], *s, *eq;

	if (len && from[len - 1] == '\r')
		len--;
	if (!is_text(p, from, len)) {
		p->bad_rule = true;
		return;
	}
	memcpy(buf, from, len);
	buf[len] = 0;
	strip_comment(buf);
	s = trim(buf);
	if (!*s)
		return;
	if (*s == '[') {
		section_line(p, s);
		return;
	}
	eq = strchr(s, '=');
	if (!eq || eq == s) {
		p->bad_rule |= may_be_rule(s);
		wrong(p, p->line, "KEY = VALUE; # begins a comment",
		      eq ? "'%.60s' has no key before its '='" : "'%.60s' has no '='", s);
		return;
	}
	*eq = 0;
	key_line(p, trim(s), trim(eq + 1));
}

/* --- the whole ----------------------------------------------------------------------------- */

static int put_text(char **dst, const char *s)
{
	*dst = strdup(s);
	return *dst ? 0 : -ENOMEM;
}

/* The values of the table, by the same way that a file's go. */
static int defaults(struct dm_config *c)
{
	int err = put_text(&c->socket, "");

	c->groups = calloc(DM_GROUPS_MAX, sizeof(*c->groups));
	c->given = calloc(dm_n_settings, sizeof(*c->given));
	if (!c->groups || !c->given)
		return -ENOMEM;
	for (size_t i = 0; i < dm_n_settings && !err; i++) {
		const struct dm_setting *s = &dm_settings[i];
		struct dm_value v = { .c = c, .text = s->key.value };

		if (!s->key.target)
			err = s->set(&v);
		if (err == -EINVAL && !strcmp(s->key.name, "command-user"))
			err = put_text(&c->command_user,
				       s->key.value); /* found when it is needed */
	}
	return err;
}

static void whole_file(struct parse *p, const char *text, size_t len)
{
	const char *end = text + len, *nl;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	for (; text < end; text = nl + 1) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if (!nl)
			nl = end;
		p->line++;
		one_line(p, text, (size_t)(nl - text));
	}
	end_target(p);
	if (!p->c->n_groups && !p->wrong)
		say(p, 0, true, "add a [target NAME] with exe = NAME or the like",
		    "there is no [target]: nothing is watched");
}

static int by_line(const void *a, const void *b)
{
	const struct dm_complaint *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->what, y->what);
}

int dm_config_parse(const char *text, size_t len, struct dm_config **out,
		    struct dm_complaint **list, size_t *n)
{
	struct parse *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	*list = NULL;
	*n = 0;
	if (!p)
		return -ENOMEM;
	p->c = calloc(1, sizeof(*p->c));
	p->err = p->c ? defaults(p->c) : -ENOMEM;
	if (!p->err)
		whole_file(p, text, len);
	err = p->err ? p->err : p->wrong ? -EINVAL : 0;
	if (p->n && err != -ENOMEM) {
		qsort(p->list, p->n, sizeof(*p->list), by_line);
		*list = p->list;
		*n = p->n;
	} else {
		free(p->list);
	}
	if (err)
		dm_config_free(p->c);
	else
		*out = p->c;
	group_free(&p->spare);
	free(p);
	return err;
}

void dm_config_free(struct dm_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_groups; i++)
		group_free(&c->groups[i]);
	free(c->groups);
	for (size_t i = 0; c->given && i < dm_n_settings; i++)
		free(c->given[i].text);
	free(c->given);
	free(c->path);
	free(c->socket);
	free(c->user);
	free(c->command_user);
	free(c->state);
	free(c->metrics);
	free(c->textfile);
	free(c);
}

/* --- what a reload leaves for the next start ------------------------------------------------- */

static const char *value_of(const struct dm_config *c, size_t key)
{
	return c->given[key].text ? c->given[key].text : dm_settings[key].key.value;
}

int dm_config_differ(const struct dm_config *was, const struct dm_config *now,
		     struct dm_complaint **list)
{
	int n = 0;

	*list = calloc(dm_n_settings, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (size_t i = 0; i < dm_n_settings; i++) {
		const char *old = value_of(was, i), *fresh = value_of(now, i);
		struct dm_complaint *k = *list + n;

		if (dm_settings[i].key.target || !strcmp(old, fresh))
			continue;
		*k = (struct dm_complaint){ .line = now->given[i].line, .note = true };
		mp_diag_fmt(k->what, "%s: %.48s stays in force, %.48s is for the next start",
			    dm_settings[i].key.name, old, fresh);
		mp_diag_fmt(k->fix, "systemctl restart memprof, or stop it and start it");
		n++;
	}
	qsort(*list, (size_t)n, sizeof(**list), by_line);
	return n;
}

/* --- files --------------------------------------------------------------------------------- */

/* One complaint of the file as a whole, told behind its name. Returns err. */
__attribute__((format(printf, 5, 6))) static int
no_file(int err, struct dm_complaint **list, size_t *n, const char *fix, const char *what, ...)
{
	char text[160];
	va_list ap;

	*list = calloc(1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	va_start(ap, what);
	vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	mp_clean((*list)->what, sizeof((*list)->what), text, 0);
	mp_clean((*list)->fix, sizeof((*list)->fix), fix, 0);
	*n = 1;
	return err;
}

static int read_all(int fd, char *buf, size_t size, size_t *len)
{
	ssize_t got;

	*len = 0;
	do {
		got = read(fd, buf + *len, size - *len);
		if (got > 0)
			*len += (size_t)got;
		else if (got < 0 && errno != EINTR)
			return -errno;
	} while (got && *len < size);
	return 0;
}

static int read_fd(int fd, char *buf, size_t *len, struct dm_complaint **list, size_t *n)
{
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return no_file(-errno, list, n, "", "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return no_file(-EINVAL, list, n, "a file of text", "is not a regular file");
	err = read_all(fd, buf, FILE_MAX + 1, len);
	if (err)
		return no_file(err, list, n, "", "cannot be read: %s", strerror(-err));
	if (*len > FILE_MAX)
		return no_file(-EINVAL, list, n, "is it the right file?", "has more than 1 MiB");
	return 0;
}

int dm_config_read(const char *path, struct dm_config **out, struct dm_complaint **list, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;
	char *buf, fix[160];
	size_t len = 0;

	*list = NULL;
	*n = 0;
	if (fd < 0) {
		err = -errno;
		mp_diag_fmt(fix, "memprof daemon --defaults > %.120s", path);
		return no_file(err, list, n, err == -ENOENT ? fix : "", "cannot be read: %s",
			       strerror(-err));
	}
	buf = malloc(FILE_MAX + 1);
	err = buf ? read_fd(fd, buf, &len, list, n) : -ENOMEM;
	if (!err)
		err = dm_config_parse(buf, len, out, list, n);
	free(buf);
	close(fd);
	if (err)
		return err;
	err = put_text(&(*out)->path, path);
	if (err) {
		dm_config_free(*out);
		free(*list);
		*list = NULL;
		*n = 0;
	}
	return err;
}

const struct dm_key *dm_config_key(size_t i)
{
	return i < dm_n_settings ? &dm_settings[i].key : NULL;
}

void dm_config_defaults(FILE *f)
{
	fputs("# memprof.conf - what `memprof daemon` watches and keeps; see memprof.conf(5).\n"
	      "# Each key stands here with its default. Check a changed file with\n"
	      "#   memprof daemon --check --config FILE\n"
	      "\n[daemon]\n",
	      f);
	for (size_t i = 0; i < dm_n_settings; i++) {
		const struct dm_key *k = &dm_settings[i].key;

		if (k->target && !dm_settings[i - 1].key.target)
			fputs("\n# A group of processes; there may be 50. Lines of one kind are\n"
			      "# alternatives, and each kind that is given must match.\n"
			      "#[target web]\n",
			      f);
		fprintf(f, "# %s\n#%s = %s\n", k->says, k->name, k->value);
	}
}
