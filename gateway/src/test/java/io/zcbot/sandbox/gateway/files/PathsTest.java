/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.gateway.files.SandboxFileSystemException.Kind;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PathsTest {
  private final Paths paths = new Paths("/home/user");

  @Test
  void pathsAreMadeAbsolute() {
    Map.ofEntries(
            Map.entry("", "/home/user"),
            Map.entry(".", "/home/user"),
            Map.entry("~", "/home/user"),
            Map.entry("~/", "/home/user"),
            Map.entry("~/a", "/home/user/a"),
            Map.entry("a/./b//c/", "/home/user/a/b/c"),
            Map.entry("../a", "/home/a"),
            Map.entry("/", "/"),
            Map.entry("//a/../../b", "/b"),
            Map.entry("a~", "/home/user/a~"),
            Map.entry("-rf", "/home/user/-rf"),
            Map.entry("\n\u00fc", "/home/user/\n\u00fc"))
        .forEach((given, wanted) -> assertThat(paths.resolve(given)).as(given).isEqualTo(wanted));
    assertThat(new Paths("/").resolve("a")).isEqualTo("/a");
  }

  @Test
  void whatIsNoPathIsRefused() {
    for (String path : new String[] {"~other", "~other/a", "a\0b", "\ud800", "x".repeat(4096)}) {
      assertThatExceptionOfType(SandboxFileSystemException.class)
          .as(path)
          .isThrownBy(() -> paths.resolve(path))
          .satisfies(e -> assertThat(e.kind()).isEqualTo(Kind.INVALID_ARGUMENT));
    }
    assertThatThrownBy(() -> new Paths("home")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Paths("/home/../x")).isInstanceOf(IllegalArgumentException.class);
  }
}
