/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SettingTest {
  private static final String BEGIN = "<!-- config:begin -->";
  private static final String END = "<!-- config:end -->";

  @Test
  void noSettingIsDescribedTwice() {
    assertThat(Setting.all()).extracting(Setting::key).doesNotHaveDuplicates();
  }

  /** Run with -Dreadme.update=true to write the table instead of checking it. */
  @Test
  void theDocumentationHasTheTable() throws Exception {
    Path file = Path.of("../../docs/configuration.md");
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
