/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Steps - a Java program that takes turns with a test (tests/workloads/step.h):
 * it keeps, drops and collects arrays, starts threads and takes memory outside
 * the heap. What it knows is told with each step.
 */
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

public class Steps {
	static List<byte[]> kept = new ArrayList<>();
	static List<ByteBuffer> outside = new ArrayList<>();

	static void step(String name) throws Exception {
		Runtime r = Runtime.getRuntime();
		System.out.println("step " + name + " used=" + (r.totalMemory() - r.freeMemory()) + " total=" + r.totalMemory());
		System.out.flush();
		for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read())
			;
	}

	static void sleeper() {
		try {
			Thread.sleep(1L << 40);
		} catch (InterruptedException e) {
			Thread.currentThread().interrupt();
		}
	}

	public static void main(String[] args) throws Exception {
		step("start");
		for (int i = 0; i < 600; i++)
			kept.add(new byte[100 << 10]);
		for (int i = 0; i < 8; i++) {
			Thread t = new Thread(Steps::sleeper);
			t.setDaemon(true);
			t.start();
		}
		for (int i = 0; i < 20; i++)
			outside.add(ByteBuffer.allocateDirect(1 << 20));
		step("grown");
		for (int i = 0; i < 600; i += 2)
			kept.set(i, null);
		for (int i = 0; i < 3000; i++) /* garbage: young collections */
			kept.set(0, new byte[100 << 10]);
		System.gc();
		step("dropped");
	}
}
