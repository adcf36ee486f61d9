/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A setting as the documentation and the help describe it. The code that reads a setting gives its
 * key and its description; see {@link SettingsReader}.
 *
 * @param key the environment variable
 * @param fallback the default, as the documentation shows it
 * @param isLiteral whether the default can be set as it is shown; otherwise it is described in
 *     words
 * @param allowed completes the sentence "must be …"
 */
public record Setting(
    String key, String fallback, boolean isLiteral, String allowed, String meaning) {

  /**
   * Returns all settings, in the order of the documentation. Found by reading an empty environment.
   */
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
   * Returns the keys of some settings.
   *
   * @param wanted those; one that ends in an underscore is the beginning of several
   */
  public static List<String> keys(List<String> wanted) {
    return all().stream()
        .filter(setting -> wanted.stream().anyMatch(setting::isMeantBy))
        .map(Setting::key)
        .toList();
  }

  /** Formats all settings for the command line's help. */
  public static String help() {
    return all().stream()
        .map(
            s ->
                "  %s (%s)\n      %s\n      Must be %s.\n"
                    .formatted(s.key, s.fallback, s.meaning, s.allowed))
        .collect(Collectors.joining("", "\nEnvironment (defaults in parentheses):\n", ""));
  }

  private boolean isMeantBy(String wanted) {
    return wanted.endsWith("_") ? key.startsWith(wanted) : key.equals(wanted);
  }
}
