/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Views MIB - keeps so much and looks at it through collections (tests/workloads/step.h): under
 * ZGC up to JDK 20 the heap is one memfd, mapped at three addresses that take turns.
 */
import java.util.ArrayList;
import java.util.List;

public class Views {
	static List<byte[]> kept = new ArrayList<>();

	static long look() {
		long sum = 0;
		for (byte[] b : kept)
			for (int i = 0; i < b.length; i += 1024)
				sum += b[i];
		return sum;
	}

	static void step(String name, long sum) throws Exception {
		System.out.println("step " + name + " sum=" + sum);
		System.out.flush();
		for (int c = System.in.read(); c >= 0 && c != '\n'; c = System.in.read())
			;
	}

	public static void main(String[] args) throws Exception {
		long sum = 0;
		step("start", sum);
		for (int i = 0; i < Integer.parseInt(args[0]) * 10; i++)
			kept.add(new byte[100 << 10]);
		for (int round = 0; round < 4; round++) {
			sum += look();
			System.gc();
			sum += look();
		}
		step("done", sum);
	}
}
