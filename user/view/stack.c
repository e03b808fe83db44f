/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stack.c - see stack.h.
 */
#include "user/view/stack.h"

static const struct mp_stack *find(const struct mp_figures *fg, uint64_t id)
{
	return id ? mp_model_stack(fg->m, id) : NULL;
}

static const char *frame(const struct mp_figures *fg, const struct mp_stack *s, uint32_t i,
			 char buf[MP_FRAME_MAX - 4])
{
	return mp_frame_text(fg->m, s->mm ? s->mm : fg->p->mm, s->ip[i], buf, MP_FRAME_MAX - 4);
}

void mp_stack_json(struct mp_json *j, const struct mp_figures *fg, uint64_t id)
{
	const struct mp_stack *s = find(fg, id);
	char text[MP_FRAME_MAX - 4];

	if (!s) {
		mp_json_null(j, "stack");
		return;
	}
	mp_json_arr(j, "stack");
	for (uint32_t i = 0; i < s->n; i++)
		mp_json_str(j, NULL, frame(fg, s, i, text));
	mp_json_end(j);
}

char *mp_stack_text(const struct mp_figures *fg, uint64_t id, char *buf, size_t size)
{
	const struct mp_stack *s = find(fg, id);
	char one[MP_FRAME_MAX - 4];
	size_t len = 0;

	snprintf(buf, size, "%s", s ? "" : "(no stack)");
	for (uint32_t i = 0; s && i < s->n && i < size / MP_FRAME_MAX; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? " < " : "",
					frame(fg, s, i, one));
	return buf;
}
