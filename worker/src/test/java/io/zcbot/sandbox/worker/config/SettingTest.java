/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SettingTest {
  private static final String BEGIN = "<!-- config:begin -->";
  private static final String END = "<!-- config:end -->";

  @Test
  void allListsEverySettingOnce() {
    long declared =
        Arrays.stream(Setting.class.getDeclaredFields())
            .filter(f -> Modifier.isStatic(f.getModifiers()))
            .map(Field::getType)
            .filter(Setting.class::equals)
            .count();
    assertThat(Setting.ALL).hasSize((int) declared).doesNotHaveDuplicates();
    assertThat(Setting.ALL.stream().map(Setting::key)).doesNotHaveDuplicates();
  }

  @Test
  void everyDefaultIsAllowed() {
    for (Setting<?> setting : Setting.ALL) {
      String fallback = setting.fallback();
      if (fallback != null) {
        assertThatCode(() -> setting.kind().parse(fallback))
            .as(setting.key())
            .doesNotThrowAnyException();
      }
    }
  }

  /** Run with -Dreadme.update=true to write the table instead of checking it. */
  @Test
  void theDocumentationHasTheTable() throws Exception {
    Path file = Path.of("../docs/configuration.md");
    String text = Files.readString(file);
    assertThat(text).contains(BEGIN, END);
    int begin = text.indexOf(BEGIN) + BEGIN.length();
    int end = text.indexOf(END);
    String wanted = "\n" + Setting.markdown();
    if (Boolean.getBoolean("readme.update")) {
      Files.writeString(file, text.substring(0, begin) + wanted + text.substring(end));
      return;
    }
    assertThat(text.substring(begin, end))
        .as(
            "the table in docs/configuration.md; run this test with -Dreadme.update=true to renew it")
        .isEqualTo(wanted);
  }
}
