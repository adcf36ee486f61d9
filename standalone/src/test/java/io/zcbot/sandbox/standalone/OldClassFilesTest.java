/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintWriter;
import java.lang.classfile.ClassFile;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class OldClassFilesTest {
  @TempDir Path directory;

  /** The JVM keeps no class in its cache that is older, and verifies each newer one. */
  @Test
  void everyClassIsNewEnoughAndIsVerified() throws Exception {
    Path picocli =
        Path.of(CommandLine.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path renewed = directory.resolve("renewed.jar");

    OldClassFiles.main(new String[] {picocli.toString(), renewed.toString()});

    List<String> tooOld = new ArrayList<>();
    int classes = 0;
    try (JarFile jar = new JarFile(renewed.toFile());
        URLClassLoader loader =
            new URLClassLoader(
                new URL[] {renewed.toUri().toURL()}, ClassLoader.getPlatformClassLoader())) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        if (entry.getName().endsWith(".class")) {
          classes++;
          byte[] bytes = jar.getInputStream(entry).readAllBytes();
          if (ClassFile.of().parse(bytes).majorVersion() < ClassFile.JAVA_6_VERSION) {
            tooOld.add(entry.getName());
          }
          String name = entry.getName().replace('/', '.').replaceFirst("\\.class$", "");
          if (!name.contains("groovy")) {
            Class.forName(name, true, loader);
          }
        }
      }
      assertThat(help(loader)).contains("-h, --help", "Show this help");
    }
    assertThat(classes).isGreaterThan(200);
    assertThat(tooOld).isEmpty();
  }

  /** The help text that the classes of a loader print. */
  private static String help(ClassLoader loader) throws Exception {
    Class<?> line = Class.forName("picocli.CommandLine", true, loader);
    Class<?> specs = Class.forName("picocli.CommandLine$Model$CommandSpec", true, loader);
    Object spec = specs.getMethod("create").invoke(null);
    specs.getMethod("mixinStandardHelpOptions", boolean.class).invoke(spec, true);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (PrintWriter writer = new PrintWriter(out)) {
      line.getMethod("usage", PrintWriter.class)
          .invoke(line.getConstructor(Object.class).newInstance(spec), writer);
    }
    return out.toString();
  }
}
