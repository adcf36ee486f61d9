/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.standalone.Training;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How a worker's JVM is started.
 *
 * @param java its options and class path
 */
record PackagedWorker(List<String> java) {
  private static final List<String> NEEDED =
      List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow");

  /** As in the worker's image: with its options, and a cache trained as that one's is. */
  static PackagedWorker asInTheImage(Path root, Path cache) throws Exception {
    PackagedWorker untrained = withItsOptions(root);
    Training.run(cache, untrained.java);
    return new PackagedWorker(plus(untrained.java, "-XX:AOTCache=" + cache));
  }

  /** With the options of the image's, and no cache. */
  static PackagedWorker withItsOptions(Path root) throws IOException {
    return new PackagedWorker(Training.packaged(root.resolve("worker")));
  }

  /** With what the JVM does by itself. */
  static PackagedWorker withNoOptions(Path root) throws IOException {
    List<String> java = withItsOptions(root).java;
    return new PackagedWorker(plus(NEEDED, java.subList(1, java.size()).toArray(String[]::new)));
  }

  private static List<String> plus(List<String> some, String... more) {
    List<String> all = new ArrayList<>(some);
    all.addAll(List.of(more));
    return List.copyOf(all);
  }
}
