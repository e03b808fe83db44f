/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Leaks - a static map that is only ever added to, `Leaks MB`, as a Java program grows that
 * forgets sessions. It stops at quiet points as tests/workloads/step.h does, but goes on behind
 * `done` up to twice as much: how soon a recording ends makes no difference. There is garbage
 * beside it, and now and then a full collection, as an operator's tool asks for.
 */
import java.util.HashMap;
import java.util.Map;

public class Leaks {
	static final Map<Integer, byte[]> SESSIONS = new HashMap<>();
	static byte[] dropped;

	static void say(String name) {
		System.out.println("step " + name);
		System.out.flush();
	}

	static void await() throws Exception {
		for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read())
			;
	}

	public static void main(String[] args) throws Exception {
		int n = Integer.parseInt(args[0]) * 64;

		say("start");
		await();
		for (int i = 0; i < 2 * n; i++) {
			SESSIONS.put(i, new byte[16 << 10]);
			for (int k = 0; k < 4; k++)
				dropped = new byte[16 << 10];
			if (i % (n / 10) == 0)
				System.gc();
			if (i == n)
				say("done");
		}
		await();
	}
}
