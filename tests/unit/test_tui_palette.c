/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * test_tui_palette.c - that the colours can be told apart: computed for normal vision
 * and for the three common forms of colour blindness, on dark and on light backgrounds.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <cmocka.h>

#include "tui/theme.h"

/*
 * How colours look without one kind of cone. G. M. Machado, M. M. Oliveira, L. A. F.
 * Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
 * IEEE Transactions on Visualization and Computer Graphics 15(6), 2009, table 1, severity
 * 1.0; for linear RGB.
 */
enum { NORMAL, PROTAN, DEUTAN, TRITAN, VISIONS };

static const char *const vision_names[] = { "normal", "protanopia", "deuteranopia", "tritanopia" };

static const double machado[VISIONS][3][3] = {
	{ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
	{ { 0.152286, 1.052583, -0.204868 },
	  { 0.114503, 0.786281, 0.099216 },
	  { -0.003882, -0.048116, 1.051998 } },
	{ { 0.367322, 0.860646, -0.227968 },
	  { 0.280085, 0.672501, 0.047413 },
	  { -0.011820, 0.042940, 0.968881 } },
	{ { 1.255528, -0.076749, -0.178779 },
	  { -0.078411, 0.930809, 0.147602 },
	  { 0.004733, 0.691367, 0.303900 } },
};

struct seen {
	double c[3]; /* linear RGB, 0..1 */
};

/* The sRGB transfer function: IEC 61966-2-1. */
static double linear(unsigned v)
{
	double c = v / 255.0;

	return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static struct seen see_rgb(uint32_t rgb, int vision)
{
	double in[3] = { linear(rgb >> 16 & 255), linear(rgb >> 8 & 255), linear(rgb & 255) };
	struct seen out;

	for (int i = 0; i < 3; i++) {
		double v = 0;

		for (int k = 0; k < 3; k++)
			v += machado[vision][i][k] * in[k];
		out.c[i] = v < 0 ? 0 : v > 1 ? 1 : v;
	}
	return out;
}

static struct seen see(uint8_t color, int vision)
{
	assert_true(tui_color_rgb(color) != TUI_RGB_NONE);
	return see_rgb(tui_color_rgb(color), vision);
}

/* Relative luminance and contrast as WCAG 2.2 defines them: 1 to 21. */
static double luminance(struct seen s)
{
	return 0.2126 * s.c[0] + 0.7152 * s.c[1] + 0.0722 * s.c[2];
}

static double contrast(struct seen a, struct seen b)
{
	double x = luminance(a), y = luminance(b);

	return (fmax(x, y) + 0.05) / (fmin(x, y) + 0.05);
}

static double lab_f(double t)
{
	return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

/* Distance in CIE L*a*b* (1976, white D65); 2.3 is just noticeable. */
static double distance(struct seen a, struct seen b)
{
	double lab[2][3];
	const struct seen *s[] = { &a, &b };

	for (int i = 0; i < 2; i++) {
		const double *c = s[i]->c;
		double x = lab_f((0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.95047);
		double y = lab_f(luminance(*s[i]));
		double z = lab_f((0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.08883);

		lab[i][0] = 116 * y - 16;
		lab[i][1] = 500 * (x - y);
		lab[i][2] = 200 * (y - z);
	}
	return sqrt(pow(lab[0][0] - lab[1][0], 2) + pow(lab[0][1] - lab[1][1], 2) +
		    pow(lab[0][2] - lab[1][2], 2));
}

static struct tui_theme theme(bool light)
{
	struct tui_theme t;

	tui_theme_init(&t, true, 256);
	t.light = light;
	return t;
}

/* What terminals have behind the text: black and a usual dark grey, white and a cream. */
static const uint32_t backgrounds[2][2] = { { 0x000000, 0x1e1e1e }, { 0xffffff, 0xfdf6e3 } };

#define NEED(v, least, what, ...)                                                                  \
	do {                                                                                       \
		if ((v) < (least))                                                                 \
			fail_msg("%.2f < %.2f: " what, (double)(v), (double)(least), __VA_ARGS__); \
	} while (0)

static void each_vision(void (*check)(const struct tui_theme *t, int vision))
{
	for (int light = 0; light < 2; light++) {
		struct tui_theme t = theme(light);

		for (int v = 0; v < VISIONS; v++)
			check(&t, v);
	}
}

static void bands_of(const struct tui_theme *t, int v)
{
	for (int a = 0; a < TUI_BAND_RSS; a++) {
		struct seen sa = see(tui_band_color(t, (enum tui_band)a), v);

		for (int b = 0; b < a; b++) {
			struct seen sb = see(tui_band_color(t, (enum tui_band)b), v);

			/* any two may touch, where those between them are empty */
			NEED(distance(sa, sb), 18, "bands %d %d, %s, light %d", a, b,
			     vision_names[v], t->light);
			if (b == a - 1)
				NEED(contrast(sa, sb), 1.15, "bands %d %d, %s, light %d", a, b,
				     vision_names[v], t->light);
		}
	}
}

static void bands_can_be_told_apart(void **state)
{
	(void)state;
	each_vision(bands_of);
}

/* What the whole tool is about: what is used and what was freed and stayed. */
static void owed_of(const struct tui_theme *t, int v)
{
	struct seen live = see(tui_band_color(t, TUI_BAND_LIVE), v);
	struct seen freed = see(tui_band_color(t, TUI_BAND_FREE), v);
	struct seen given = see(tui_band_color(t, TUI_BAND_LAZYFREE), v);

	NEED(distance(live, freed), 60, "live, free: %s, light %d", vision_names[v], t->light);
	NEED(contrast(live, freed), 1.4, "live, free: %s, light %d", vision_names[v], t->light);
	NEED(distance(given, freed), 25, "lazyfree, free: %s, light %d", vision_names[v], t->light);
}

static void free_heap_stands_out(void **state)
{
	(void)state;
	each_vision(owed_of);
}

/* WCAG 2.2, 1.4.3: text has 4.5, and in simulations, whose error is larger, 4. */
static double least_text(int v)
{
	return v == NORMAL ? 4.3 : 4.0;
}

static void inks_of(const struct tui_theme *t, int v)
{
	for (int b = 0; b < TUI_BAND_RSS; b++) {
		struct tui_style st = tui_band_text(t, (enum tui_band)b);

		assert_int_equal(st.bg, tui_band_color(t, (enum tui_band)b));
		NEED(contrast(see(st.fg, v), see(st.bg, v)), least_text(v),
		     "ink of %d, %s, light %d", b, vision_names[v], t->light);
	}
}

static void text_on_bands_can_be_read(void **state)
{
	(void)state;
	each_vision(inks_of);
}

static void ground_of(const struct tui_theme *t, int v)
{
	for (int i = 0; i < 2; i++) {
		struct seen bg = see_rgb(backgrounds[t->light][i], v);

		for (int b = 0; b < TUI_BAND_MAX; b++)
			NEED(contrast(see(tui_band_color(t, (enum tui_band)b), v), bg), 2.3,
			     "band %d on %06x, %s", b, backgrounds[t->light][i], vision_names[v]);
	}
}

static void bands_stand_off_the_background(void **state)
{
	(void)state;
	each_vision(ground_of);
}

static void roles_of(const struct tui_theme *t, int v)
{
	for (int r = 0; r < TUI_R_MAX; r++) {
		struct tui_style st = tui_role(t, (enum tui_role)r);

		for (int i = 0; st.fg && i < 2; i++) {
			struct seen bg = st.bg ? see(st.bg, v)
					       : see_rgb(backgrounds[t->light][i], v);

			NEED(contrast(see(st.fg, v), bg), least_text(v),
			     "role %d on %d (%d), %s, light %d", r, st.bg, i, vision_names[v],
			     t->light);
		}
		/* the terminal's own ink on a colour of ours could be anything */
		assert_true(st.fg || !st.bg);
	}
}

static void text_can_be_read(void **state)
{
	(void)state;
	each_vision(roles_of);
}

/* With few colours or none the characters tell the bands apart, not the colours. */
static void fill_characters_differ(void **state)
{
	static const int depths[] = { 0, 8 };

	(void)state;
	for (int utf8 = 0; utf8 < 2; utf8++) {
		for (int d = 0; d < 2; d++) {
			struct tui_theme t;

			tui_theme_init(&t, utf8, depths[d]);
			for (int a = 0; a < TUI_BAND_MAX; a++)
				for (int b = 0; b < a; b++)
					assert_int_not_equal(
						tui_band_cell(&t, (enum tui_band)a).ch,
						tui_band_cell(&t, (enum tui_band)b).ch);
		}
	}
}

/* The checks would fail for colours that cannot be told apart: red and green of one
 * brightness, under deuteranopia. */
static void simulation_sees_less(void **state)
{
	struct seen red = see_rgb(0xa06000, DEUTAN), green = see_rgb(0x608000, DEUTAN);

	(void)state;
	assert_true(distance(see_rgb(0xa06000, NORMAL), see_rgb(0x608000, NORMAL)) > 30);
	assert_true(distance(red, green) < 15);
	assert_true(contrast(see_rgb(0xffffff, NORMAL), see_rgb(0, NORMAL)) > 20.9);
	assert_int_equal(tui_color_rgb(16), 0);
	assert_int_equal(tui_color_rgb(231), 0xffffff);
	assert_int_equal(tui_color_rgb(214), 0xffaf00);
	assert_int_equal(tui_color_rgb(244), 0x808080);
	assert_true(tui_color_rgb(3) == TUI_RGB_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bands_can_be_told_apart),
		cmocka_unit_test(free_heap_stands_out),
		cmocka_unit_test(text_on_bands_can_be_read),
		cmocka_unit_test(bands_stand_off_the_background),
		cmocka_unit_test(text_can_be_read),
		cmocka_unit_test(fill_characters_differ),
		cmocka_unit_test(simulation_sees_less),
	};

	return cmocka_run_group_tests_name("tui_palette", tests, NULL, NULL);
}
