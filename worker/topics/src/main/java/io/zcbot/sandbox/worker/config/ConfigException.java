/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.util.List;
import java.util.stream.Collectors;

/** The configuration is invalid. Lists all problems, not only the first. */
public final class ConfigException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<Problem> problems;

  /**
   * A problem of one setting.
   *
   * @param key the environment variable, or the file and property
   * @param value the value that was given; secrets are masked
   * @param problem what is allowed instead, or why the value is refused
   */
  public record Problem(String key, String value, String problem) {
    @Override
    public String toString() {
      return key + "=" + value + ": " + problem;
    }
  }

  ConfigException(List<Problem> problems) {
    super(
        problems.stream()
            .map(Problem::toString)
            .collect(
                Collectors.joining(
                    "\n  ",
                    problems.size() == 1
                        ? "1 setting is invalid:\n  "
                        : problems.size() + " settings are invalid:\n  ",
                    "")));
    this.problems = List.copyOf(problems);
  }

  public List<Problem> problems() {
    return problems;
  }

  /** The message; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
