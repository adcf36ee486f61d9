/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Each alert names its section in the runbook, which exists. */
class RunbookTest {
  private static final Pattern ALERT = Pattern.compile("(?m)^ +- alert: (\\w+)$");
  private static final Pattern RUNBOOK = Pattern.compile("(?m)^ +runbook: (\\S+)$");
  private static final Pattern SECTION = Pattern.compile("(?m)^## (\\w+)$");

  @Test
  void eachAlertHasItsSection() throws IOException {
    List<String> alerts = found(ALERT, "alerts.yml");
    assertThat(alerts).hasSizeGreaterThan(10).doesNotHaveDuplicates();
    assertThat(found(SECTION, "runbook.md")).containsExactlyElementsOf(alerts);
  }

  @Test
  void eachAlertNamesItsSection() throws IOException {
    assertThat(found(RUNBOOK, "alerts.yml"))
        .containsExactlyElementsOf(
            found(ALERT, "alerts.yml").stream()
                .map(alert -> "docs/runbook.md#" + alert.toLowerCase(Locale.ROOT))
                .toList());
  }

  private static List<String> found(Pattern pattern, String document) throws IOException {
    return pattern
        .matcher(Files.readString(Path.of("../../docs").resolve(document)))
        .results()
        .map(found -> found.group(1))
        .toList();
  }
}
