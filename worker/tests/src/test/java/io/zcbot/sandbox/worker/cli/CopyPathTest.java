/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine.TypeConversionException;

class CopyPathTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  private static CopyPath place(String text) {
    return new CopyPath.Converter().convert(text);
  }

  @Test
  void whatBeginsWithAUserIsInASandbox() {
    UserId user = UserId.parse(USER);
    assertThat(place(USER + ":/tmp/a:b")).isEqualTo(new CopyPath.InSandbox(user, "/tmp/a:b"));
    assertThat(place(USER + ":")).isEqualTo(new CopyPath.InSandbox(user, "."));
    assertThat(place("./" + USER + ":x"))
        .isEqualTo(new CopyPath.Local(Path.of("./" + USER + ":x")));
    assertThat(place("-")).isEqualTo(new CopyPath.Standard());
    assertThat(place("a:b")).isEqualTo(new CopyPath.Local(Path.of("a:b")));
  }

  @Test
  void aUserInUpperCaseIsAnError() {
    assertThatThrownBy(() -> place("7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10:x"))
        .isInstanceOf(TypeConversionException.class);
  }

  @ParameterizedTest
  @CsvSource({"a/b, b", "a/b///, b", "/, sandbox", "., sandbox", "a/.., sandbox", "x, x"})
  void itsNameIsTheLastOne(String path, String name) {
    assertThat(new CopyPath.InSandbox(UserId.parse(USER), path).name()).isEqualTo(name);
  }
}
