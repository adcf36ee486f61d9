/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Maps and sets that forget their oldest entries once they have too many. Not thread-safe. */
public final class Recent {
  private Recent() {}

  /** A map that forgets what was added first. */
  public static <K, V> Map<K, V> map(int most) {
    return map(most, false);
  }

  /** A map that forgets what was not used for the longest time. */
  public static <K, V> Map<K, V> mapByUse(int most) {
    return map(most, true);
  }

  /** A set that forgets what was added first. */
  public static <E> Set<E> set(int most) {
    return Collections.newSetFromMap(map(most));
  }

  private static <K, V> Map<K, V> map(int most, boolean byUse) {
    return new LinkedHashMap<>(16, 0.75f, byUse) {
      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > most;
      }
    };
  }
}
