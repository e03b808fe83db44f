/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Places.java - the same in Java: a method that its compiler has compiled. */
import java.nio.ByteBuffer;

public class Places {
	static void touchAll(ByteBuffer b) {
		for (int i = 0; i < b.capacity(); i += 4096)
			b.put(i, (byte) 1);
	}

	static void step(String name) throws Exception {
		System.out.println("step " + name);
		System.in.read();
	}

	public static void main(String[] args) throws Exception {
		ByteBuffer small = ByteBuffer.allocateDirect(1 << 16);
		for (int i = 0; i < 200000; i++)
			touchAll(small);
		step("start");
		for (int i = 0; i < 4; i++) /* what is set to zero is touched by the runtime, before */
			touchAll(ByteBuffer.allocateDirect(16 << 20));
		step("touched");
	}
}
