/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Leaks - a static map that is only ever added to, `Leaks MB`, as a Java program grows that
 * forgets sessions. It stops at quiet points as tests/workloads/step.h does. There is
 * garbage beside it, and now and then a full collection, as an operator's tool asks for.
 */
import java.util.HashMap;
import java.util.Map;

public class Leaks {
	static final Map<Integer, byte[]> SESSIONS = new HashMap<>();
	static byte[] dropped;

	static void step(String name) throws Exception {
		System.out.println("step " + name);
		System.out.flush();
		for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read())
			;
	}

	public static void main(String[] args) throws Exception {
		int mb = Integer.parseInt(args[0]);

		step("start");
		for (int i = 0; i < mb * 64; i++) {
			SESSIONS.put(i, new byte[16 << 10]);
			for (int k = 0; k < 4; k++)
				dropped = new byte[16 << 10];
			if (i % (mb * 64 / 10) == 0)
				System.gc();
		}
		System.gc();
		step("done");
	}
}
