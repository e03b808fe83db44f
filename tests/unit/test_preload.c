/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The addon of memprof-node without Node: sums over isolates, isolates that end, forks,
 * threads. Node-API is played by the few functions at the top.
 */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "gc/segfile.c"
#include "user/preload/node/memprof-node.c"

/* after what it uses */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* --- Node-API, as far as it is used --------------------------------------------------- */

/* An isolate; its functions by name. */
struct napi_env__ {
	struct {
		char name[16];
		napi_callback cb;
		void *data;
	} f[8];
	unsigned n;
	void (*hook)(void *arg);
	void *hook_arg;
	bool no_hooks;
};

struct napi_value__ {
	const char *text;
	double *v;
	size_t len;
	int number, function;
};

struct napi_callback_info__ {
	napi_value arg;
	void *data;
};

static _Thread_local struct napi_value__ result, function[8];

int napi_create_function(napi_env env, const char *name, size_t len, napi_callback cb, void *data,
			 napi_value *f)
{
	snprintf(env->f[env->n].name, sizeof(env->f[0].name), "%.*s", (int)len, name);
	env->f[env->n].cb = cb;
	env->f[env->n].data = data;
	function[env->n].function = (int)env->n;
	*f = &function[env->n++];
	return 0;
}

int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value)
{
	assert_ptr_equal(object, &result);
	assert_string_equal(env->f[value->function].name, name);
	return 0;
}

int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv,
		     napi_value *this_arg, void **data)
{
	(void)env;
	assert_null(this_arg);
	*data = info->data;
	if (argc && *argc)
		*argv = info->arg;
	if (argc)
		*argc = info->arg != NULL;
	return 0;
}

int napi_get_value_string_utf8(napi_env env, napi_value value, char *buf, size_t size, size_t *len)
{
	(void)env;
	if (!value->text)
		return 3; /* napi_string_expected */
	*len = (size_t)snprintf(buf, size, "%s", value->text);
	return 0;
}

int napi_get_typedarray_info(napi_env env, napi_value value, int *type, size_t *len, void **data,
			     napi_value *buffer, size_t *offset)
{
	(void)env;
	assert_true(!buffer && !offset);
	if (!value->v)
		return 1; /* napi_invalid_arg */
	*type = NAPI_FLOAT64_ARRAY;
	*len = value->len;
	*data = value->v;
	return 0;
}

int napi_create_int32(napi_env env, int32_t value, napi_value *r)
{
	(void)env;
	result.number = value;
	*r = &result;
	return 0;
}

int napi_add_env_cleanup_hook(napi_env env, void (*fun)(void *arg), void *arg)
{
	if (env->no_hooks)
		return 1;
	env->hook = fun;
	env->hook_arg = arg;
	return 0;
}

static int call(napi_env env, const char *name, struct napi_value__ *arg)
{
	struct napi_callback_info__ info = { .arg = arg };

	for (unsigned i = 0; i < env->n; i++)
		if (!strcmp(env->f[i].name, name)) {
			info.data = env->f[i].data;
			return env->f[i].cb(env, &info) ? result.number : 0;
		}
	fail_msg("no function %s", name);
	return -1;
}

/* --- what tests do --------------------------------------------------------------------- */

#define NAMES "read_only_space new_space old_space code_space"

static int try_open(napi_env env, const char *list)
{
	struct napi_value__ v = { .text = list };

	return call(env, "open", &v);
}

static struct napi_env__ *isolate_new(const char *list)
{
	struct napi_env__ *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	napi_register_module_v1(env, &result);
	assert_int_equal(try_open(env, list), 0);
	return env;
}

/* All figures of a round number; spaces have a tenth each. */
static void tell(napi_env env, double mb, unsigned spaces)
{
	double v[FIXED + 2 * SPACES_MAX] = { 500e6,    2e6 * mb, 1e6 * mb, 3e6 * mb,
					     4e5 * mb, 9e9,	 spaces };
	struct napi_value__ a = { .v = v, .len = FIXED + 2 * spaces };

	for (unsigned i = 0; i < 2 * spaces; i++)
		v[FIXED + i] = 1e5 * mb * (i % 2 + 1);
	call(env, "publish", &a);
}

static void isolate_end(struct napi_env__ *env)
{
	env->hook(env->hook_arg);
	free(env);
}

static struct gc_seg_counters read_counters(struct gc_seg *s)
{
	struct gc_seg_counters c;

	assert_int_equal(gc_seg_attach_check(s, seg, SEG_LEN), 0);
	assert_int_equal(gc_seg_counters_read(s, &c), 0);
	return c;
}

static int forget(void **state)
{
	(void)state;
	if (seg)
		munmap(seg, SEG_LEN);
	if (seg_fd >= 0)
		close(seg_fd);
	seg = NULL;
	seg_fd = -1;
	forked = ending = false;
	rss = 0;
	n_spaces = top_space = 0;
	return isolates != NULL;
}

/* --- tests ----------------------------------------------------------------------------- */

static void isolates_are_summed(void **state)
{
	struct napi_env__ *a = isolate_new(NAMES), *b = isolate_new(NAMES);
	struct gc_seg_counters c;
	struct gc_seg s;
	char name[32];

	(void)state;
	tell(a, 10, 4);
	c = read_counters(&s);
	assert_int_equal(c.heaps, 1); /* b has told nothing yet */
	tell(b, 32, 4);
	c = read_counters(&s);
	assert_string_equal(s.hdr.source, "v8");
	assert_int_equal(s.hdr.pid, getpid());
	assert_int_equal(c.heaps, 2);
	assert_int_equal(c.used, 42000000);
	assert_int_equal(c.committed, 84000000);
	assert_int_equal(c.external, 126000000);
	assert_int_equal(c.array_buffers, 16800000);
	assert_int_equal(c.limit, 18000000000);
	assert_int_equal(c.process_rss, 500000000); /* of the process, not twice */
	assert_true(c.owed == GC_SEG_UNKNOWN && c.live == GC_SEG_UNKNOWN);
	/* old_space has its number in the format, code_space one of its own */
	assert_true(gc_seg_name_of(&s, GC_NAME_SPACE, GC_SPACE_OLD, name, sizeof(name)) > 0);
	assert_string_equal(name, "old_space");
	assert_true(gc_seg_name_of(&s, GC_NAME_SPACE, 7, name, sizeof(name)) > 0);
	assert_string_equal(name, "code_space");
	assert_int_equal(c.space[7].used, 4200000);
	assert_int_equal(c.space[7].committed, 8400000);
	assert_int_equal(c.nspaces, 8);
	isolate_end(a);
	isolate_end(b);
}

static void a_worker_takes_its_figures_along(void **state)
{
	struct napi_env__ *m = isolate_new(NAMES), *w = isolate_new(NAMES),
			  *last = isolate_new(NAMES);
	struct gc_seg s;

	(void)state;
	((struct isolate *)w->hook_arg)->main = ((struct isolate *)last->hook_arg)->main = false;
	tell(m, 10, 4);
	tell(w, 32, 4);
	tell(last, 8, 4);
	isolate_end(w);
	assert_int_equal(read_counters(&s).used, 18000000);
	/* the process ends: what it had at last stays to be read */
	call(m, "exiting", NULL);
	isolate_end(last);
	isolate_end(m);
	assert_int_equal(read_counters(&s).used, 18000000);
	assert_int_equal(read_counters(&s).heaps, 2);
}

static void unknown_in_one_is_unknown_in_all(void **state)
{
	struct napi_env__ *a = isolate_new(NAMES), *b = isolate_new(NAMES);
	double v[FIXED] = { NAN, -1, 1e300, 5, NAN, 1, 0 };
	struct napi_value__ arg = { .v = v, .len = FIXED };
	struct gc_seg_counters c;
	struct gc_seg s;

	(void)state;
	tell(a, 10, 4);
	call(b, "publish", &arg);
	c = read_counters(&s);
	assert_true(c.used == GC_SEG_UNKNOWN && c.committed == GC_SEG_UNKNOWN);
	assert_true(c.array_buffers == GC_SEG_UNKNOWN && c.space[2].used == GC_SEG_UNKNOWN);
	assert_int_equal(c.external, 30000005);
	isolate_end(a);
	isolate_end(b);
}

static void more_spaces_than_the_format_has(void **state)
{
	struct napi_env__ *a = isolate_new("a b c d e f g h i j k l m n");
	struct gc_seg_counters c;
	struct gc_seg s;

	(void)state;
	tell(a, 10, 14);
	c = read_counters(&s);
	assert_int_equal(c.nspaces, GC_SEG_SPACES);
	assert_int_equal(c.space[14].used, 1000000);
	assert_int_equal(c.space[15].used, 5000000); /* j and the four behind it */
	isolate_end(a);
}

static void without_its_hook_it_stays_away(void **state)
{
	struct napi_env__ env = { .no_hooks = true };

	(void)state;
	assert_ptr_equal(napi_register_module_v1(&env, &result), &result);
	assert_int_equal(env.n, 0);
}

/* A child that runs on after fork() has not got the mapping. */
static void the_child_of_a_fork_is_silent(void **state)
{
	struct napi_env__ *a = isolate_new(NAMES);
	int fd = seg_fd, status;
	struct gc_seg s;
	pid_t pid;

	(void)state;
	tell(a, 10, 4);
	pid = fork();
	if (!pid) {
		tell(a, 20, 4);
		_exit(fcntl(fd, F_GETFD) == -1 && try_open(a, NAMES) == -ECHILD ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read_counters(&s).used, 10000000);
	tell(a, 30, 4);
	assert_int_equal(read_counters(&s).used, 30000000);
	isolate_end(a);
}

static void *worker(void *arg)
{
	(void)arg;
	for (int round = 0; round < 50; round++) {
		struct napi_env__ *w = isolate_new(NAMES);

		if (((struct isolate *)w->hook_arg)->main)
			return "a thread is not the main one";
		for (int i = 0; i < 20; i++)
			tell(w, 10, 4);
		isolate_end(w);
	}
	return NULL;
}

/* A writer that is stopped in the middle of a change leaves nothing to be read until it goes on. */
static struct gc_seg_counters read_beside_writers(struct gc_seg *s)
{
	struct gc_seg_counters c;
	int err;

	assert_int_equal(gc_seg_attach_check(s, seg, SEG_LEN), 0);
	while ((err = gc_seg_counters_read(s, &c)) == -EAGAIN)
		sched_yield();
	assert_int_equal(err, 0);
	return c;
}

static void workers_come_and_go_at_once(void **state)
{
	struct napi_env__ *m = isolate_new(NAMES);
	pthread_t t[4];
	struct gc_seg s;
	void *said;

	(void)state;
	tell(m, 10, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, worker, NULL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct gc_seg_counters c = read_beside_writers(&s);

		assert_in_range(c.heaps, 1, 5);
		assert_int_equal(c.used, c.heaps * 10000000);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], &said);
		assert_null(said);
	}
	assert_int_equal(read_counters(&s).used, 10000000);
	isolate_end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(isolates_are_summed, forget),
		cmocka_unit_test_teardown(a_worker_takes_its_figures_along, forget),
		cmocka_unit_test_teardown(unknown_in_one_is_unknown_in_all, forget),
		cmocka_unit_test_teardown(more_spaces_than_the_format_has, forget),
		cmocka_unit_test_teardown(without_its_hook_it_stays_away, forget),
		cmocka_unit_test_teardown(the_child_of_a_fork_is_silent, forget),
		cmocka_unit_test_teardown(workers_come_and_go_at_once, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
