/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A line of {@code /proc/self/mountinfo} (proc_pid_mountinfo(5)).
 *
 * @param point where it is mounted
 */
record Mount(Path point, String type) {
  /** The mount that a path lies on; of several at one place the last covers the others. */
  static @Nullable Mount of(Path path, List<String> lines) {
    Path absolute = path.toAbsolutePath().normalize();
    Mount deepest = null;
    for (String line : lines) {
      Mount mount = parse(line);
      if (mount != null
          && absolute.startsWith(mount.point)
          && (deepest == null || mount.point.getNameCount() >= deepest.point.getNameCount())) {
        deepest = mount;
      }
    }
    return deepest;
  }

  private static @Nullable Mount parse(String line) {
    String[] sides = line.split(" - ", 2);
    String[] mount = sides[0].split(" ", -1);
    String[] fileSystem = sides.length < 2 ? new String[0] : sides[1].split(" ", -1);
    return mount.length < 5 || fileSystem.length < 3
        ? null
        : new Mount(Path.of(unescaped(mount[4])), fileSystem[0]);
  }

  /** The kernel writes blanks and backslashes as three octal digits. */
  private static String unescaped(String field) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < field.length(); i++) {
      if (field.charAt(i) == '\\' && i + 3 < field.length()) {
        text.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        text.append(field.charAt(i));
      }
    }
    return text.toString();
  }
}
