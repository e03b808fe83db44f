// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** A service with a cache that is bounded, and much garbage: it is well. Lru LOOKUPS */
final class Lru {
	private static final int MOST = 4000;
	private static final int BYTES = 8192;

	private static final class Cache extends LinkedHashMap<Integer, byte[]> {
		Cache() {
			super(16, 0.75f, true);
		}

		@Override
		protected boolean removeEldestEntry(Map.Entry<Integer, byte[]> e) {
			return size() > MOST;
		}
	}

	public static void main(String[] args) {
		Random random = new Random(1);
		Cache cache = new Cache();
		long seen = 0;

		for (int i = Integer.parseInt(args[0]); i > 0; i--) {
			int key = random.nextInt(2 * MOST);
			byte[] v = cache.get(key);

			if (v == null)
				cache.put(key, v = new byte[BYTES]);
			seen += v.length + new byte[BYTES].length;
		}
		System.out.println(seen);
	}
}
