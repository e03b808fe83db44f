/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps - what a JVM's heap and what lies beside it come to, for the diagnosis
 * (docs/diagnosis.md). Quiet points as in tests/workloads/step.h. Runs on Java 8.
 *   burst MB MS   arrays of 100 KB, dropped; three System.gc(); MS ms of rest
 *   asis MB MS    the same without a collection after
 *   direct MB MS  direct buffers of 1 MB that stay
 *   saw MB N      N times MB of garbage over a small live set
 *   rest MS       nothing
 * The rest is never shorter than twice what was done before it: on a busy machine as
 * well it came in a burst.
 */
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

public class Keeps {
	static List<byte[]> kept = new ArrayList<>();
	static List<ByteBuffer> outside = new ArrayList<>();

	static void step(String name) throws Exception {
		Runtime r = Runtime.getRuntime();
		System.out.println("step " + name + " used=" + (r.totalMemory() - r.freeMemory()) + " total=" + r.totalMemory());
		System.out.flush();
		for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read())
			;
	}

	static final int TIMES = 2;

	static void rest(long ms, long begin) {
		long start = System.nanoTime();
		long end = start + Math.max(ms * 1000000, TIMES * (start - begin));

		for (long now = System.nanoTime(); now < end; now = System.nanoTime())
			LockSupport.parkNanos(end - now);
	}

	static void fill(int mb) {
		for (int i = 0; i < mb * 10; i++)
			kept.add(new byte[100 << 10]);
	}

	public static void main(String[] args) throws Exception {
		int size = args.length > 1 ? Integer.parseInt(args[1]) : 0;
		int more = args.length > 2 ? Integer.parseInt(args[2]) : 0;

		step("start");
		long begin = System.nanoTime();
		switch (args[0]) {
		case "burst":
			fill(size);
			kept.clear();
			for (int i = 0; i < 3; i++)
				System.gc();
			rest(more, begin);
			break;
		case "asis":
			System.gc();
			fill(size);
			kept.clear();
			rest(more, begin);
			break;
		case "direct":
			for (int i = 0; i < size; i++)
				outside.add(ByteBuffer.allocateDirect(1 << 20));
			rest(more, begin);
			break;
		case "saw":
			for (int i = 0; i < more; i++) {
				fill(size);
				kept.clear();
			}
			break;
		default:
			rest(size, begin);
		}
		step("done");
	}
}
