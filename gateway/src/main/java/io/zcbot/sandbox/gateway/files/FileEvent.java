/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import org.jspecify.annotations.Nullable;

/**
 * A change in a watched directory. The sandbox reports it, so it is untrusted.
 *
 * @param type what happened
 * @param name the file's path relative to the watched directory; {@code .} for that itself
 * @param entry the file soon after a {@code CREATE}, {@code WRITE} or {@code CHMOD}; null if it was
 *     gone by then, for other types, and if the watch did not ask for it
 */
public record FileEvent(Type type, String name, @Nullable FileInfo entry) {
  /**
   * What happened. A file that is renamed within the directory is a {@code RENAME} of the old name
   * and a {@code CREATE} of the new one.
   */
  public enum Type {
    CREATE,
    WRITE,
    REMOVE,
    RENAME,
    CHMOD
  }
}
