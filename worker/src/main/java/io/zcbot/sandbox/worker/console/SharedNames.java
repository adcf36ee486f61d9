/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Names that are the same in many sandboxes, such as those of hosts and images: each is kept in
 * memory once, as far as there are not too many of them. Guarded by its fleet.
 */
final class SharedNames {
  private static final int MOST = 4_096;

  private final LinkedHashMap<String, String> names = new LinkedHashMap<>(16, 0.75f, true);

  /** The name as it is shown. */
  String of(@Nullable String text) {
    String name = ShownText.name(text);
    String known = names.putIfAbsent(name, name);
    if (names.size() > MOST) {
      names.pollFirstEntry();
    }
    return known == null ? name : known;
  }
}
