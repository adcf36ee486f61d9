/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Brings the class files of a library to a newer version. The JVM keeps no class in its cache whose
 * file is older than Java 6: it verifies those by a slower method, in each process anew.
 */
final class OldClassFiles {
  private static final int OLDEST = ClassFile.JAVA_8_VERSION;

  private OldClassFiles() {}

  /**
   * Copies a jar; the classes do what they did.
   *
   * @param args the jar, and the one to write
   */
  public static void main(String[] args) throws IOException {
    Path from = Path.of(args[0]);
    Path to = Path.of(args[1]);
    Path unfinished = to.resolveSibling(to.getFileName() + ".new");
    try (JarFile jar = new JarFile(from.toFile());
        URLClassLoader library = new URLClassLoader(new URL[] {from.toUri().toURL()});
        JarOutputStream out = new JarOutputStream(Files.newOutputStream(unfinished))) {
      ClassFile files =
          ClassFile.of(
              ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
              ClassFile.ClassHierarchyResolverOption.of(
                  ClassHierarchyResolver.ofResourceParsing(library)
                      .orElse(ClassHierarchyResolver.defaultResolver())));
      for (JarEntry entry : Collections.list(jar.entries())) {
        // A module of its own can't be in front of another one with the same packages.
        if (entry.getName().endsWith("module-info.class")) {
          continue;
        }
        byte[] bytes = jar.getInputStream(entry).readAllBytes();
        out.putNextEntry(new JarEntry(entry.getName()));
        out.write(entry.getName().endsWith(".class") ? renewed(files, bytes) : bytes);
      }
    }
    Files.move(unfinished, to, StandardCopyOption.REPLACE_EXISTING);
  }

  private static byte[] renewed(ClassFile files, byte[] bytes) {
    ClassModel old = files.parse(bytes);
    if (old.majorVersion() >= OLDEST) {
      return bytes;
    }
    ClassTransform version =
        (builder, element) -> {
          if (element instanceof ClassFileVersion) {
            builder.withVersion(OLDEST, 0);
          } else {
            builder.with(element);
          }
        };
    // Code that nothing goes through is copied as it is, without the maps that it lacks.
    return files.transformClass(
        old,
        version.andThen(
            ClassTransform.transformingMethodBodies((code, element) -> code.with(element))));
  }
}
