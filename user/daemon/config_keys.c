/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * config_keys.c - the keys of memprof.conf: defaults, sentences, and what a value may be.
 *
 * The manual's and the default file's text come from the table at the end.
 */
#include "user/daemon/config_int.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "user/util/diag.h"
#include "user/util/util.h"
#include "user/view/trigger.h"

#define SEC_NS	 1000000000ULL
#define MIN_NS	 (60 * SEC_NS)
#define HOUR_NS	 (60 * MIN_NS)
#define PATH_LEN 4000 /* room for names below it */
#define PID_TOP	 (1L << 22)

int dm_wrong(struct dm_value *v, const char *fix, const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	vsnprintf(v->what, sizeof(v->what), what, ap);
	va_end(ap);
	if (fix != v->fix)
		mp_diag_fmt(v->fix, "%s", fix);
	return -EINVAL;
}

static int keep_text(char **dst, const char *text)
{
	char *s = text ? strdup(text) : NULL;

	if (text && !s)
		return -ENOMEM;
	free(*dst);
	*dst = s;
	return 0;
}

static bool is_none(const struct dm_value *v)
{
	return !strcmp(v->text, "none");
}

/* --- kinds of values ----------------------------------------------------------------------- */

static int time_in(struct dm_value *v, uint64_t *dst, uint64_t low, uint64_t high)
{
	char a[32], b[32];
	uint64_t ns;

	if (mp_parse_time(v->text, &ns))
		return dm_wrong(v, "a number and ms, s, m or h: 500ms, 30s, 10m",
				"'%.60s' is not a time", v->text);
	if (ns < low || ns > high) {
		mp_diag_fmt(v->fix, "from %s to %s", mp_duration(a, sizeof(a), low),
			    mp_duration(b, sizeof(b), high));
		return dm_wrong(v, v->fix, "'%.60s' is too %s", v->text,
				ns < low ? "short" : "long");
	}
	*dst = ns;
	return 0;
}

static int size_in(struct dm_value *v, uint64_t *dst, uint64_t low, uint64_t high)
{
	char a[32], b[32];
	uint64_t n;

	if (mp_parse_bytes(v->text, &n))
		return dm_wrong(v, "a number and K, M, G or T: 256M, 1.5G", "'%.60s' is not a size",
				v->text);
	if (n < low || n > high) {
		mp_diag_fmt(v->fix, "from %s to %s", mp_bytes(a, sizeof(a), (int64_t)low),
			    mp_bytes(b, sizeof(b), (int64_t)high));
		return dm_wrong(v, v->fix, "'%.60s' is too %s", v->text,
				n < low ? "small" : "large");
	}
	*dst = n;
	return 0;
}

/* A plain decimal number. */
static int number(const char *text, unsigned long high, unsigned long *n)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*n = strtoul(text, &end, 10);
	return errno || *end || *n > high ? -EINVAL : 0;
}

static int count_in(struct dm_value *v, unsigned *dst, unsigned low, unsigned high)
{
	unsigned long n;

	if (number(v->text, high, &n) || n < low) {
		mp_diag_fmt(v->fix, "a number from %u to %u", low, high);
		return dm_wrong(v, v->fix, "'%.60s' is not such a number", v->text);
	}
	*dst = (unsigned)n;
	return 0;
}

static int truth(struct dm_value *v, bool *dst)
{
	static const char *const words[2][4] = { { "no", "false", "off", "0" },
						 { "yes", "true", "on", "1" } };

	for (int i = 0; i < 8; i++)
		if (!strcasecmp(v->text, words[i / 4][i % 4])) {
			*dst = i / 4;
			return 0;
		}
	return dm_wrong(v, "yes or no", "'%.60s' is neither yes nor no", v->text);
}

/* An absolute path of at most `max` bytes, of no folder where it names a file. */
static int path_ok(struct dm_value *v, const char *path, size_t max)
{
	if (*path != '/') {
		mp_diag_fmt(v->fix, "a path from / on; the daemon's own folder is not told");
		return dm_wrong(v, v->fix, "'%.60s' is not an absolute path", path);
	}
	if (strlen(path) > max) {
		mp_diag_fmt(v->fix, "a shorter one: at most %zu bytes", max);
		return dm_wrong(v, v->fix, "the path has %zu bytes", strlen(path));
	}
	return 0;
}

static int socket_ok(struct dm_value *v, const char *path)
{
	struct sockaddr_un un;
	int err = path_ok(v, path, sizeof(un.sun_path) - 1);

	if (!err && path[strlen(path) - 1] == '/')
		return dm_wrong(v, "a path with a name at its end", "'%.60s' names a folder", path);
	return err;
}

/* --- [daemon] ------------------------------------------------------------------------------ */

static int set_socket(struct dm_value *v)
{
	int err = is_none(v) ? 0 : socket_ok(v, v->text);

	return err ? err : keep_text(&v->c->socket, is_none(v) ? "" : v->text);
}

/* The name of a user that exists. */
static int user_name(struct dm_value *v, char **dst)
{
	unsigned long n;
	const struct passwd *p = getpwnam(v->text);

	if (!p && !number(v->text, UINT32_MAX - 1, &n))
		p = getpwuid((uid_t)n);
	if (!p)
		return dm_wrong(v, "useradd --system NAME; getent passwd lists those there are",
				"there is no user '%.60s'", v->text);
	return keep_text(dst, p->pw_name);
}

static int set_user(struct dm_value *v)
{
	return is_none(v) ? keep_text(&v->c->user, NULL) : user_name(v, &v->c->user);
}

static int set_command_user(struct dm_value *v)
{
	return user_name(v, &v->c->command_user);
}

static int set_group(struct dm_value *v)
{
	const struct group *g;
	unsigned long n;

	v->c->has_gid = false;
	if (is_none(v))
		return 0;
	g = getgrnam(v->text);
	if (!g && !number(v->text, UINT32_MAX - 1, &n))
		v->c->gid = (gid_t)n;
	else if (g)
		v->c->gid = g->gr_gid;
	else
		return dm_wrong(v, "groupadd --system NAME; getent group lists those there are",
				"there is no group '%.60s'", v->text);
	v->c->has_gid = true;
	return 0;
}

static int set_state(struct dm_value *v)
{
	int err = path_ok(v, v->text, PATH_LEN);

	return err ? err : keep_text(&v->c->state, v->text);
}

static int set_ring(struct dm_value *v)
{
	v->c->memory_ring = !strcmp(v->text, "memory");
	if (v->c->memory_ring || !strcmp(v->text, "disk"))
		return 0;
	return dm_wrong(v, "disk or memory", "'%.60s' is no place for a ring", v->text);
}

static int set_keep_time(struct dm_value *v)
{
	return time_in(v, &v->c->keep_ns, 10 * SEC_NS, 7 * 24 * HOUR_NS);
}

static int set_keep_size(struct dm_value *v)
{
	return size_in(v, &v->c->keep_bytes, 1ULL << 20, 1ULL << 40);
}

static int set_incidents_size(struct dm_value *v)
{
	return size_in(v, &v->c->incidents_bytes, 1ULL << 20, 1ULL << 50);
}

/* The port behind the address and whether that is this machine only. */
static int metrics_host(struct dm_value *v, char *host)
{
	struct in6_addr six;
	struct in_addr four;
	size_t len = strlen(host);

	if (*host == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		if (inet_pton(AF_INET6, host + 1, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six))
			return 0;
	} else if (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127) {
		return 0;
	} else if (!strcmp(host, "localhost")) {
		return dm_wrong(v, "127.0.0.1:PORT or [::1]:PORT",
				"'localhost' is two addresses: which one?");
	}
	return dm_wrong(v, "127.0.0.1:PORT, [::1]:PORT, or unix:PATH behind a proxy that asks who",
			"'%.60s' is not loopback: all the network could read the figures", v->text);
}

static int set_metrics(struct dm_value *v)
{
	unsigned long port;
	char host[256];
	const char *colon = strrchr(v->text, ':');
	int err;

	if (is_none(v))
		return keep_text(&v->c->metrics, NULL);
	if (!strncmp(v->text, "unix:", 5)) {
		err = socket_ok(v, v->text + 5);
		return err ? err : keep_text(&v->c->metrics, v->text);
	}
	if (!colon || number(colon + 1, 65535, &port) || !port)
		return dm_wrong(v, "127.0.0.1:9464, [::1]:9464 or unix:/run/memprof/metrics.sock",
				"'%.60s' has no port from 1 to 65535", v->text);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - v->text), v->text);
	err = metrics_host(v, host);
	return err ? err : keep_text(&v->c->metrics, v->text);
}

static int set_textfile(struct dm_value *v)
{
	size_t len = strlen(v->text);
	int err;

	if (is_none(v))
		return keep_text(&v->c->textfile, NULL);
	err = path_ok(v, v->text, PATH_LEN);
	if (!err && (len < 6 || strcmp(v->text + len - 5, ".prom")))
		return dm_wrong(v, "/var/lib/prometheus/node-exporter/memprof.prom",
				"'%.60s' does not end in .prom: node_exporter reads no other",
				v->text);
	return err ? err : keep_text(&v->c->textfile, v->text);
}

static int set_textfile_every(struct dm_value *v)
{
	return time_in(v, &v->c->textfile_ns, SEC_NS, HOUR_NS);
}

static int set_scan_every(struct dm_value *v)
{
	return time_in(v, &v->c->scan_ns, SEC_NS / 10, HOUR_NS);
}

static int set_keep_ended(struct dm_value *v)
{
	return time_in(v, &v->c->gone_ns, SEC_NS, 24 * HOUR_NS);
}

static int set_max_targets(struct dm_value *v)
{
	return count_in(v, &v->c->max_targets, 1, 65536);
}

static int set_max_viewers(struct dm_value *v)
{
	return count_in(v, &v->c->max_viewers, 1, 1024);
}

static int set_hooks(struct dm_value *v)
{
	struct mp_diag d = { .exit_code = 0 };

	if (!mp_hooks_parse(v->text, &v->c->hooks, &d))
		return 0;
	return dm_wrong(v, "auto, none, RUNG, FEATURE=RUNG, FEATURE=off: memprof doctor lists them",
			"%s", d.what);
}

static int set_stacks(struct dm_value *v)
{
	return truth(v, &v->c->stacks);
}

static int set_symbols(struct dm_value *v)
{
	return truth(v, &v->c->symbols);
}

/* --- [target NAME] ------------------------------------------------------------------------- */

static int room(struct dm_value *v, size_t n, size_t max)
{
	mp_diag_fmt(v->fix, "at most %zu of it in one [target]: make two of them", max);
	return n < max ? 0 : dm_wrong(v, v->fix, "one line of this key too many");
}

/* Patterns that fnmatch(3) would take for something else than was meant, or never match. */
static int glob_ok(struct dm_value *v)
{
	const char *open = strchr(v->text, '[');
	size_t len = strlen(v->text);

	if (open && !strchr(open + 1, ']'))
		return dm_wrong(v, "close it, or write ? for any one character",
				"the pattern '%.60s' has a '[' without ']'", v->text);
	if (v->text[len - 1] == '\\')
		return dm_wrong(v, "leave it away", "the pattern '%.60s' ends in a backslash",
				v->text);
	if (strstr(v->text, "//") || strstr(v->text, "/./") || strstr(v->text, "/../"))
		return dm_wrong(v, "the path as the kernel has it: ls -l /proc/PID/exe",
				"'%.60s' is no path that the kernel would tell", v->text);
	return 0;
}

static int set_pid(struct dm_value *v)
{
	unsigned long n;
	int err = room(v, v->l->n_pid, DM_RULES_MAX);

	if (err)
		return err;
	if (number(v->text, PID_TOP, &n) || !n)
		return dm_wrong(v, "a number as in the first column of ps -e",
				"'%.60s' is not a pid", v->text);
	v->l->pid[v->l->n_pid++] = (pid_t)n;
	return 0;
}

static int set_exe(struct dm_value *v)
{
	int err = room(v, v->l->n_exe, DM_RULES_MAX);
	size_t len = strlen(v->text);

	if (!err)
		err = glob_ok(v);
	if (err)
		return err;
	if (strchr(v->text, '/') && *v->text != '/')
		return dm_wrong(v, "a name alone (node), or a path from / on",
				"'%.60s' is not an absolute path", v->text);
	if (len >= sizeof(v->l->exe[0]))
		return dm_wrong(v, "a shorter one: * stands for any text but '/'",
				"%zu bytes are too many: 255 at most", len);
	if (v->text[len - 1] == '/')
		return dm_wrong(v, "the program in it, or * for all in it",
				"'%.60s' names a folder", v->text);
	snprintf(v->l->exe[v->l->n_exe++], sizeof(v->l->exe[0]), "%s", v->text);
	return 0;
}

static int set_uid(struct dm_value *v)
{
	int err = room(v, v->l->n_uid, DM_RULES_MAX);
	const struct passwd *p;
	unsigned long n;

	if (err)
		return err;
	p = getpwnam(v->text);
	if (p)
		n = p->pw_uid;
	else if (number(v->text, UINT32_MAX - 1, &n))
		return dm_wrong(v, "a name of getent passwd, or a number",
				"there is no user '%.60s'", v->text);
	v->l->uid[v->l->n_uid++] = (uid_t)n;
	return 0;
}

static int set_cgroup(struct dm_value *v)
{
	int err = room(v, v->l->n_cgroup, DM_RULES_MAX);
	size_t len = strlen(v->text);

	if (!err)
		err = glob_ok(v);
	if (err)
		return err;
	if (*v->text != '/' || !strncmp(v->text, "/sys/fs/cgroup", 14) ||
	    !strncmp(v->text, "/proc/", 6))
		return dm_wrong(v, "from the hierarchy's own / on, as /proc/PID/cgroup has it",
				"'%.60s' is not a path in the hierarchy", v->text);
	while (len > 1 && v->text[len - 1] == '/')
		len--;
	if (len >= sizeof(v->l->cgroup[0]))
		return dm_wrong(v, "a group above it: what is below is taken, too",
				"%zu bytes are too many: 511 at most", len);
	snprintf(v->l->cgroup[v->l->n_cgroup++], sizeof(v->l->cgroup[0]), "%.*s", (int)len,
		 v->text);
	return 0;
}

static int set_container(struct dm_value *v)
{
	int err = room(v, v->l->n_container, DM_RULES_MAX);
	size_t len = strlen(v->text);
	const char *scheme = strstr(v->text, "://");

	if (err)
		return err;
	if (scheme)
		return dm_wrong(v, "the digits behind :// alone", "'%.60s' is not an id", v->text);
	if (strspn(v->text, "0123456789abcdef") != len)
		return dm_wrong(v, "docker ps, crictl ps -a or podman ps give ids, of 0-9 a-f",
				"'%.60s' is not a container's id", v->text);
	if (len < 12 || len > 64)
		return dm_wrong(v, "12 to 64 digits: docker ps --no-trunc has them all",
				"an id of %zu digits", len);
	snprintf(v->l->container[v->l->n_container++], sizeof(v->l->container[0]), "%s", v->text);
	return 0;
}

static int set_forks(struct dm_value *v)
{
	return truth(v, &v->g->children);
}

static int set_trigger(struct dm_value *v)
{
	struct mp_trigger_error bad = { .pos = 0 };
	struct mp_trigger *t;
	int err = room(v, v->g->n_triggers, DM_TRIGGERS_MAX);

	if (!err)
		err = mp_trigger_parse(v->text, &t, &bad);
	if (err == -EINVAL && bad.why[0])
		return dm_wrong(v, bad.why, "'%.80s': not understood from byte %zu ('%.20s') on",
				v->text, bad.pos + 1, v->text + bad.pos);
	if (err)
		return err;
	mp_trigger_free(t);
	err = keep_text(&v->g->triggers[v->g->n_triggers], v->text);
	v->g->n_triggers += !err;
	return err;
}

static int set_command(struct dm_value *v)
{
	return keep_text(&v->g->command, v->text);
}

static int set_rest(struct dm_value *v)
{
	return time_in(v, &v->g->rest_ns, SEC_NS, 7 * 24 * HOUR_NS);
}

/* --- the table ----------------------------------------------------------------------------- */

#define DAEMON(name, def, says)                      \
	{                                            \
		name, false, false, def, false, says \
	}
#define RULE(name, val, says)                     \
	{                                         \
		name, true, true, val, true, says \
	}
#define OF_RULE(name, def, says)                    \
	{                                           \
		name, true, false, def, false, says \
	}

const struct dm_setting dm_settings[] = {
	{ DAEMON("socket", "/run/memprof/memprof.sock",
		 "Where viewers connect (memprof top --connect); none: nowhere."),
	  set_socket },
	{ DAEMON("group", "none",
		 "Members of this group see every target; all others their own processes."),
	  set_group },
	{ DAEMON("user", "none",
		 "Becomes this user once it has attached; none: stays who it was started as."),
	  set_user },
	{ DAEMON("command-user", "nobody",
		 "Whom commands of targets run as when the daemon is root still."),
	  set_command_user },
	{ DAEMON("state", "/var/lib/memprof",
		 "The folder of incidents and of the ring; made if it is not there."),
	  set_state },
	{ DAEMON("ring", "disk",
		 "Where the last minutes are kept until a trigger fires: disk survives a crash, "
		 "memory writes nothing."),
	  set_ring },
	{ DAEMON("keep-time", "10m", "So much of the past is kept, ..."), set_keep_time },
	{ DAEMON("keep-size", "256M", "... in at most so many bytes."), set_keep_size },
	{ DAEMON("incidents-size", "1G",
		 "Beyond it the oldest incidents are removed, never the newest."),
	  set_incidents_size },
	{ DAEMON("metrics", "none",
		 "Serves Prometheus: 127.0.0.1:9464, [::1]:9464 or unix:PATH. Other addresses are "
		 "refused."),
	  set_metrics },
	{ DAEMON("textfile", "none",
		 "Writes the same for node_exporter's textfile collector: a path that ends in "
		 ".prom."),
	  set_textfile },
	{ DAEMON("textfile-every", "15s", "How often."), set_textfile_every },
	{ DAEMON("scan-every", "2s",
		 "How often processes are looked through for what no exec told."),
	  set_scan_every },
	{ DAEMON("keep-ended", "10m", "How long processes that have ended are still shown."),
	  set_keep_ended },
	{ DAEMON("max-targets", "1024", "Processes watched at once; what is beyond is counted."),
	  set_max_targets },
	{ DAEMON("max-viewers", "16", "Viewers at once."), set_max_viewers },
	{ DAEMON("hooks", "auto", "As --hooks of memprof record: auto, none or a list."),
	  set_hooks },
	{ DAEMON("stacks", "yes", "Stacks of faults and calls."), set_stacks },
	{ DAEMON("symbols", "yes", "Names the functions of stacks."), set_symbols },

	{ RULE("exe", "node", "A program: its name, or its path from / on; * and ? as in a shell."),
	  set_exe },
	{ RULE("user", "www-data", "Whose processes: a name or a number."), set_uid },
	{ RULE("cgroup", "/system.slice/nginx.service",
	       "A control group and all below it, as /proc/PID/cgroup has it; * and ? as in a "
	       "shell."),
	  set_cgroup },
	{ RULE("container", "4f1c2ab09d77", "A container's id, or its first 12 digits or more."),
	  set_container },
	{ RULE("pid", "4242", "One process that runs already."), set_pid },
	{ OF_RULE("follow-forks", "yes", "Children of these processes are watched, too."),
	  set_forks },
	{ RULE("trigger", "rss>2G", "Saves an incident when this becomes true: see memprof(1)."),
	  set_trigger },
	{ { "command", true, false, "logger \"memprof: $MEMPROF_INCIDENT\"", true,
	    "Run by /bin/sh -c when an incident was saved." },
	  set_command },
	{ OF_RULE("rest", "10m",
		  "No two incidents of this target within this time; a kill waits for kills "
		  "alone."),
	  set_rest },
};
const size_t dm_n_settings = sizeof(dm_settings) / sizeof(dm_settings[0]);
