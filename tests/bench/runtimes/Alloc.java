/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Alloc - a line read is a round: as many million objects as the argument says, every thousandth
 * kept; a line is written behind it.
 */
import java.util.ArrayList;

public class Alloc {
	static Object sink;

	static int round(int objects) {
		ArrayList<Object> kept = new ArrayList<>();
		for (int i = 0; i < objects; i++) {
			sink = new int[] { i, i + 1, i + 2, i + 3 };
			if (i % 1000 == 0)
				kept.add(sink);
		}
		return kept.size();
	}

	public static void main(String[] args) throws Exception {
		int objects = Integer.parseInt(args[0]) * 1000000;

		System.out.println("ready");
		for (int c = System.in.read(); c >= 0; c = System.in.read())
			if (c == '\n')
				System.out.println(round(objects));
	}
}
