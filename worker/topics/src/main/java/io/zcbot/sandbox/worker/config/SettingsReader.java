/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.worker.config.ConfigException.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads settings from the environment. The code that reads a setting gives its key and its meaning,
 * and the documentation is generated from that. Problems are collected, and the default replaces an
 * invalid value, so that all problems can be reported at once. Not thread-safe.
 */
final class SettingsReader {
  private final Map<String, String> env;
  private final Supplier<String> hostName;
  private final List<Setting> described = new ArrayList<>();
  private final List<Problem> problems = new ArrayList<>();

  /**
   * Creates a reader.
   *
   * @param env the environment
   * @param hostName supplies the default of settings that name this host
   */
  SettingsReader(Map<String, String> env, Supplier<String> hostName) {
    this.env = env;
    this.hostName = hostName;
  }

  /** Reads a setting with a default. */
  <T> T get(String key, String fallback, Kind<T> kind, String meaning) {
    T given = findLiteral(key, fallback, kind, meaning);
    return given == null ? parsed(key, fallback, kind) : given;
  }

  /** Reads a setting whose default is applied by the caller; null if it is not set. */
  <T> @Nullable T findLiteral(String key, String fallback, Kind<T> kind, String meaning) {
    describe(new Setting(key, fallback, true, kind.allowed(), meaning));
    return parse(key, kind);
  }

  /** Reads a setting whose default is described in words. */
  <T> T get(String key, T fallback, String shown, Kind<T> kind, String meaning) {
    T given = find(key, shown, kind, meaning);
    return given == null ? fallback : given;
  }

  /** Reads a setting without a default; null if it is not set. */
  <T> @Nullable T find(String key, String shown, Kind<T> kind, String meaning) {
    describe(new Setting(key, shown, false, kind.allowed(), meaning));
    return parse(key, kind);
  }

  /** Reads a setting whose default is this host's name, which is validated too. */
  String getHostName(String key, Kind<String> kind, String meaning) {
    return getFrom("the host's name", "the host's name", hostName, key, kind, meaning);
  }

  /**
   * Reads another program's variable, which the worker uses as that program does; null if not set.
   */
  @Nullable String variable(String name) {
    String value = given(name);
    return value.isEmpty() ? null : value;
  }

  /** Reads a setting whose default is another program's variable, which is validated too. */
  String getVariable(
      String variable, String otherwise, String key, Kind<String> kind, String meaning) {
    String value = given(variable);
    return getFrom(
        variable,
        variable + ", else " + otherwise,
        () -> value.isEmpty() ? otherwise : value,
        key,
        kind,
        meaning);
  }

  private String getFrom(
      String source,
      String shown,
      Supplier<String> fallback,
      String key,
      Kind<String> kind,
      String meaning) {
    describe(new Setting(key, shown, false, kind.allowed(), meaning));
    if (!given(key).isEmpty()) {
      String value = parse(key, kind);
      return value == null ? "" : value;
    }
    String text = fallback.get();
    try {
      return kind.parse(text);
    } catch (Kind.RefusedException e) {
      String value = text + " (default, " + source + ")";
      problem(key, value, e.getMessage() + "; set " + key);
      return "";
    }
  }

  /** Returns the variables that are set, begin so, and were not read as a setting. */
  Map<String, String> others(String beginning) {
    Set<String> known = keys();
    return env.entrySet().stream()
        .filter(e -> e.getKey().startsWith(beginning) && e.getKey().length() > beginning.length())
        .filter(e -> !known.contains(e.getKey()) && !e.getValue().isBlank())
        .collect(
            Collectors.toMap(
                Map.Entry::getKey, e -> e.getValue().strip(), (one, _) -> one, TreeMap::new));
  }

  /** Records a problem. */
  void problem(String key, String value, String problem) {
    problems.add(new Problem(key, value, problem));
  }

  /**
   * Refuses variables that are set, begin so, and were not read as a setting.
   *
   * @param exceptions prefixes of variables that have another purpose
   */
  void refuseOthers(String beginning, List<String> exceptions) {
    TreeSet<String> known = new TreeSet<>(keys());
    for (String key : new TreeSet<>(env.keySet())) {
      if (key.startsWith(beginning)
          && !known.contains(key)
          && !given(key).isEmpty()
          && exceptions.stream().noneMatch(e -> key.startsWith(e) && key.length() > e.length())) {
        String nearest = Spelling.nearest(key, known, Integer.MAX_VALUE - 1);
        // The value is not shown, because it may be a secret.
        problem(key, "…", "there is no such setting; did you mean " + nearest + "?");
      }
    }
  }

  /** The environment that is read. */
  Map<String, String> environment() {
    return env;
  }

  /** The problems that were found so far. */
  List<Problem> problems() {
    return List.copyOf(problems);
  }

  void throwIfProblems() throws ConfigException {
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
  }

  List<Setting> described() {
    return List.copyOf(described);
  }

  private void describe(Setting setting) {
    described.add(setting);
  }

  private Set<String> keys() {
    return described.stream().map(Setting::key).collect(Collectors.toSet());
  }

  private <T> @Nullable T parse(String key, Kind<T> kind) {
    String text = given(key);
    if (text.isEmpty()) {
      return null;
    }
    try {
      return kind.parse(text);
    } catch (Kind.RefusedException e) {
      problem(key, text, String.valueOf(e.getMessage()));
      return null;
    }
  }

  private static <T> T parsed(String key, String fallback, Kind<T> kind) {
    try {
      return kind.parse(fallback);
    } catch (Kind.RefusedException e) {
      throw new IllegalStateException("the default of " + key + " is not allowed", e);
    }
  }

  /** A variable with an empty value counts as not set. */
  private String given(String key) {
    return env.getOrDefault(key, "").strip();
  }
}
