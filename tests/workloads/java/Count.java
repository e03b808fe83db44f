/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Count - allocates for a while; prints how often the JVM collected and how long that took. */
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;

public class Count {
	static Object[] kept = new Object[100];

	public static void main(String[] args) {
		long n = 0, ms = 0;
		for (int i = 0; i < 4000; i++)
			kept[i % kept.length] = new byte[100000];
		System.gc();
		for (GarbageCollectorMXBean b : ManagementFactory.getGarbageCollectorMXBeans()) {
			n += b.getCollectionCount();
			ms += b.getCollectionTime();
		}
		System.out.println("gcs=" + n + " ms=" + ms);
	}
}
