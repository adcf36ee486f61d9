/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Names that many sandboxes share, such as those of hosts and images. Each is kept in memory once,
 * unless there are too many. Guarded by the lock of {@link Fleet}.
 */
final class SharedNames {
  private static final int MOST = 4_096;

  private final LinkedHashMap<String, String> names = new LinkedHashMap<>(16, 0.75f, true);

  /** The name as it is shown, shared if possible. */
  String of(@Nullable String text) {
    String name = ShownText.name(text);
    String known = names.putIfAbsent(name, name);
    if (names.size() > MOST) {
      names.pollFirstEntry();
    }
    return known == null ? name : known;
  }
}
