/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bursts - a Java program that takes turns with a test (tests/workloads/step.h): bursts of
 * garbage over some live objects, and rest. With each step it tells what the JVM says of
 * itself: MemoryMXBean, GarbageCollectorMXBean, and System.nanoTime (CLOCK_MONOTONIC).
 *
 * Runs on Java 8. It prints with as few objects as it can, after a rest of 200 ms: the JVM
 * writes its counters every 50 ms.
 */
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.concurrent.locks.LockSupport;

public class Bursts {
	static byte[][] kept = new byte[32][];
	/* 40 MB from the start to the end, more than the heap begins with. */
	static byte[][] old;
	/* With a second argument: 26 MB that are old from the start, and which only marking finds
	 * dead (arrays of references this large are not looked at by young collections). */
	static Object[][] large;

	/* Collections, not pauses of those that run beside the program. */
	static long collections() {
		long n = 0;

		for (GarbageCollectorMXBean b : ManagementFactory.getGarbageCollectorMXBeans())
			if (!b.getName().endsWith("Pauses") && !b.getName().startsWith("G1 Concurrent"))
				n += b.getCollectionCount();
		return n;
	}

	static void rest(long ms) {
		long end = System.nanoTime() + ms * 1000000;

		for (long now = System.nanoTime(); now < end; now = System.nanoTime())
			LockSupport.parkNanos(end - now);
	}

	static void step(String name) throws Exception {
		/* Asked twice: the first time takes what the second needs, before the rest. */
		MemoryUsage u = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
		collections();
		rest(200);
		u = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
		System.out.println("step " + name + " gcs=" + collections() + " used=" + u.getUsed() +
				   " committed=" + u.getCommitted() + " max=" + u.getMax() + " ns=" + System.nanoTime());
		System.out.flush();
		for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read())
			;
	}

	/* mb MB of garbage, of which 128 KB are live at a time. */
	static void burst(int mb) {
		int at = 0;

		for (long i = 0; i < mb * 256L; i++) {
			kept[at] = new byte[4000];
			at = (at + 1) % kept.length;
		}
	}

	public static void main(String[] args) throws Exception {
		int mb = args.length > 0 ? Integer.parseInt(args[0]) : 400;

		if (args.length > 1)
			large = new Object[16][400000];
		else
			old = new byte[10000][4000];
		System.gc();
		step("start");
		for (int i = 0; i < 3; i++) {
			burst(mb / 3);
			rest(60);
		}
		step("bursts");
		kept = new byte[32][];
		old = null;
		large = null;
		System.gc();
		step("idle");
	}
}
