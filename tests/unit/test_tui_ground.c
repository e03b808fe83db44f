/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_ground.c - what a terminal says of its background, and characters for the
 * kernel's console.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tui/ground.h"
#include "tui/theme.h"

static void answers(void **state)
{
	static const struct {
		const char *text;
		enum tui_ground is;
	} all[] = {
		{ "rgb:ffff/ffff/ffff", TUI_GROUND_LIGHT },
		{ "rgb:0000/0000/0000", TUI_GROUND_DARK },
		{ "rgb:ff/ff/ff", TUI_GROUND_LIGHT },
		{ "rgb:f/f/f", TUI_GROUND_LIGHT },
		{ "rgb:7/7/7", TUI_GROUND_DARK },
		{ "rgba:fdfd/f6f6/e3e3/ffff", TUI_GROUND_LIGHT }, /* solarized light */
		{ "rgb:0000/2b2b/3636", TUI_GROUND_DARK },	  /* ... and dark    */
		{ "rgb:0000/0000/ffff", TUI_GROUND_DARK },	  /* blue is dark    */
		{ "rgb:ffff/ffff/0000", TUI_GROUND_LIGHT },	  /* yellow is not   */
		{ "rgb:ffff/ffff", TUI_GROUND_UNKNOWN },
		{ "rgb:ffff/ffff/", TUI_GROUND_UNKNOWN },
		{ "rgb:gggg/ffff/ffff", TUI_GROUND_UNKNOWN },
		{ "#ffffff", TUI_GROUND_UNKNOWN },
		{ "", TUI_GROUND_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (tui_ground_of(all[i].text) != all[i].is)
			fail_msg("\"%s\" gives %d", all[i].text, tui_ground_of(all[i].text));
}

static void environment(void **state)
{
	(void)state;
	assert_int_equal(tui_ground_of_env(NULL), TUI_GROUND_UNKNOWN);
	assert_int_equal(tui_ground_of_env(""), TUI_GROUND_UNKNOWN);
	assert_int_equal(tui_ground_of_env("15;0"), TUI_GROUND_DARK);
	assert_int_equal(tui_ground_of_env("0;15"), TUI_GROUND_LIGHT);
	assert_int_equal(tui_ground_of_env("0;default;15"), TUI_GROUND_LIGHT);
	assert_int_equal(tui_ground_of_env("0;7"), TUI_GROUND_LIGHT);
	assert_int_equal(tui_ground_of_env("15;8"), TUI_GROUND_DARK);
	assert_int_equal(tui_ground_of_env("default;default"), TUI_GROUND_UNKNOWN);
	assert_int_equal(tui_ground_of_env("0;99"), TUI_GROUND_UNKNOWN);
}

/* The kernel's console takes what it does not know for its palette, a serial line's
 * terminal may print it. */
static void who_is_asked(void **state)
{
	(void)state;
	assert_true(tui_ground_askable("xterm-256color"));
	assert_true(tui_ground_askable("tmux-256color"));
	assert_false(tui_ground_askable("linux"));
	assert_false(tui_ground_askable("vt220"));
	assert_false(tui_ground_askable("screen"));
	assert_false(tui_ground_askable(NULL));
}

/* Every character that the pictures are made of has one there, of different heights. */
static void console_has_all_glyphs(void **state)
{
	struct tui_theme t;
	const wchar_t *g;

	(void)state;
	tui_theme_init(&t, true, 8);
	g = (const wchar_t *)t.g;
	for (size_t i = 0; i < sizeof(*t.g) / sizeof(*g); i++)
		if (!tui_console_has(tui_console_char(g[i])))
			fail_msg("no form of U+%04X for the console", (unsigned)g[i]);
	assert_int_not_equal(tui_console_char(t.g->level[2]), tui_console_char(t.g->level[4]));
	assert_int_not_equal(tui_console_char(t.g->level[4]), tui_console_char(t.g->level[8]));
	assert_int_equal(tui_console_char(L'a'), L'a');
	assert_int_equal(tui_console_char(0xe9), 0xe9);
	assert_false(tui_console_has(0x2581));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(environment),
		cmocka_unit_test(who_is_asked),
		cmocka_unit_test(console_has_all_glyphs),
	};

	return cmocka_run_group_tests_name("tui_ground", tests, NULL, NULL);
}
