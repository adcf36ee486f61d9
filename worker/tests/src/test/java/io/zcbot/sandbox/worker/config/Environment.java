/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.zcbot.sandbox.worker.config.ConfigException.Problem;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Settings of a test, read on a host whose name is box-1. */
final class Environment {
  private Environment() {}

  static WorkerConfig read(String... keysAndValues) throws ConfigException {
    return read(env(keysAndValues));
  }

  static WorkerConfig read(Map<String, String> env) throws ConfigException {
    return WorkerConfig.fromEnvironment(env, () -> "box-1");
  }

  static List<Problem> problems(String... keysAndValues) {
    return catchThrowableOfType(ConfigException.class, () -> read(keysAndValues)).problems();
  }

  static String problem(String key, String value) {
    List<Problem> problems = problems(key, value);
    assertThat(problems).hasSize(1);
    return problems.getFirst().toString();
  }

  private static Map<String, String> env(String... keysAndValues) {
    Map<String, String> env = new HashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      env.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return env;
  }
}
