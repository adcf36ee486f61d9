/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One environment key, as documentation describes it. The code that reads a setting names its key
 * and describes it; see {@link SettingsReader}.
 *
 * @param fallback the default, as documentation puts it
 * @param isLiteral whether the default can be written as it is shown
 * @param allowed completes "must be ..."
 */
public record Setting(
    String key, String fallback, boolean isLiteral, String allowed, String meaning) {

  /** Every setting, in the order in which documentation lists them. */
  public static List<Setting> all() {
    SettingsReader nothingIsSet = new SettingsReader(Map.of(), () -> "localhost");
    var _ = new WorkerConfig(nothingIsSet);
    return nothingIsSet.described();
  }

  public static String markdown() {
    return all().stream()
        .map(
            s ->
                "| `%s` | %s | %s |\n"
                    .formatted(
                        s.key,
                        s.isLiteral ? "`" + s.fallback + "`" : s.fallback,
                        s.meaning.replace("<", "&lt;").replace("|", "\\|")))
        .collect(Collectors.joining("", "| key | default | meaning |\n|---|---|---|\n", ""));
  }

  /**
   * The settings as the command line's help shows them.
   *
   * @param beginnings of the keys that are shown; none shows all
   */
  public static String help(String... beginnings) {
    return all().stream()
        .filter(
            s -> beginnings.length == 0 || Arrays.stream(beginnings).anyMatch(s.key::startsWith))
        .map(
            s ->
                "  %s (%s)\n      %s\n      Must be %s.\n"
                    .formatted(s.key, s.fallback, s.meaning, s.allowed))
        .collect(Collectors.joining("", "\nEnvironment (defaults in parentheses):\n", ""));
  }
}
