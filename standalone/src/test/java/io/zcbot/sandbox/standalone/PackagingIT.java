/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The jars as Maven packages them. */
class PackagingIT {
  @ParameterizedTest
  @ValueSource(strings = {"events", "worker/base", "worker/app", "worker/cli", "standalone"})
  void everyJarHasItsLicenceAndNotice(String module) throws IOException {
    List<Path> jars;
    try (Stream<Path> files = Files.list(Path.of("..", module, "target"))) {
      jars =
          files
              .filter(file -> file.toString().endsWith(".jar"))
              .filter(file -> !file.toString().endsWith("-javadoc.jar")) // has nothing but that
              .toList();
    }
    assertThat(jars).isNotEmpty();
    for (Path path : jars) {
      try (JarFile jar = new JarFile(path.toFile())) {
        assertThat(jar.stream().map(JarEntry::getName))
            .as(path.toString())
            .contains("META-INF/LICENSE", "META-INF/NOTICE");
      }
    }
  }
}
