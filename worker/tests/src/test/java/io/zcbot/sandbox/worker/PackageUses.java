/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The other packages and the libraries that a package uses, or may use, with their names from the
 * table in DESIGN.md.
 */
record PackageUses(SortedSet<String> packages, SortedSet<String> libraries) {
  /** The package in which all packages of the product lie. */
  private static final String PRODUCT = "io.zcbot.sandbox";

  private static final String WORKER = PRODUCT + ".worker";
  private static final String ALL = "all";

  /** Packages that every package may use without being listed in the table. */
  private static final Set<String> FREE = Set.of("java", "javax", "org.slf4j", "org.jspecify");

  private static final Map<String, String> LIBRARIES =
      Map.ofEntries(
          Map.entry("org.apache.kafka", "Kafka"),
          Map.entry("com.github.dockerjava", "docker-java"),
          Map.entry("org.apache.commons.compress", "Commons Compress"),
          Map.entry("com.fasterxml.jackson", "Jackson"),
          Map.entry("io.micrometer", "Micrometer"),
          Map.entry("io.opentelemetry", "OpenTelemetry"),
          Map.entry("io.github.resilience4j", "Resilience4j"),
          Map.entry("ch.qos.logback", "Logback"),
          Map.entry("picocli", "picocli"),
          Map.entry("java.lang.foreign", "libc"),
          Map.entry("org.HdrHistogram", "HdrHistogram"),
          Map.entry("org.yaml.snakeyaml", "SnakeYAML"),
          Map.entry("com.sun.net.httpserver", "JDK HTTP server"),
          Map.entry("jdk.net", "JDK socket options"));

  private static final Pattern TABLE =
      Pattern.compile("<!-- packages:begin -->(.*)<!-- packages:end -->", Pattern.DOTALL);
  private static final Pattern ROW = Pattern.compile("\\| `(.+?)` \\|.*\\|(.*)\\|(.*)\\|");
  private static final Pattern PACKAGE = Pattern.compile("(?m)^package (.+);");
  private static final Pattern IMPORT =
      Pattern.compile("(?m)^import (?:static )?(io\\.zcbot\\.sandbox[a-z0-9_.]*)\\.[A-Z].*;");

  private PackageUses() {
    this(new TreeSet<>(), new TreeSet<>());
  }

  boolean allowsAllPackages() {
    return packages.contains(ALL);
  }

  boolean allowsAllLibraries() {
    return libraries.contains(ALL);
  }

  /** Reads the uses from the byte code, which also contains types that the source only infers. */
  static void addClasses(JavaClasses classes, Map<String, PackageUses> all) {
    for (JavaClass from : classes) {
      if (from.getSimpleName().equals("package-info")) {
        continue;
      }
      String name = shortName(from.getPackageName());
      PackageUses uses = all.computeIfAbsent(name, _ -> new PackageUses());
      for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        if (!target.isPrimitive()) {
          uses.add(name, target.getPackageName());
        }
      }
    }
  }

  /** Reads the uses from the imports of a module's sources, without the libraries. */
  static void addSources(Path root, Map<String, PackageUses> all) throws IOException {
    List<Path> sources;
    try (Stream<Path> files = Files.walk(root.resolve(PRODUCT.replace('.', '/')))) {
      sources = files.filter(file -> file.toString().endsWith(".java")).toList();
    }
    for (Path source : sources) {
      String text = Files.readString(source);
      Matcher declaration = PACKAGE.matcher(text);
      if (!declaration.find()) {
        throw new IOException(source + " declares no package");
      }
      String name = shortName(declaration.group(1));
      PackageUses uses = all.computeIfAbsent(name, _ -> new PackageUses());
      IMPORT.matcher(text).results().forEach(found -> uses.add(name, found.group(1)));
    }
  }

  /** Reads the uses from the table between the two marks in DESIGN.md. */
  static Map<String, PackageUses> ofTable(Path design) throws IOException {
    Matcher table = TABLE.matcher(Files.readString(design));
    if (!table.find()) {
      throw new IOException(design + " has no table of packages");
    }
    Map<String, PackageUses> all = new TreeMap<>();
    ROW.matcher(table.group(1))
        .results()
        .forEach(
            row ->
                all.put(row.group(1), new PackageUses(names(row.group(2)), names(row.group(3)))));
    return all;
  }

  private static SortedSet<String> names(String cell) {
    return Stream.of(cell.split(","))
        .map(name -> name.replace("`", "").strip())
        .filter(name -> !name.isEmpty())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private void add(String own, String used) {
    if (isIn(used, PRODUCT)) {
      String name = shortName(used);
      if (!name.equals(own)) {
        packages.add(name);
      }
      return;
    }
    String library =
        LIBRARIES.keySet().stream().filter(start -> isIn(used, start)).findFirst().orElse(null);
    if (library != null) {
      libraries.add(LIBRARIES.get(library));
    } else if (FREE.stream().noneMatch(start -> isIn(used, start))) {
      libraries.add(used);
    }
  }

  private static boolean isIn(String used, String start) {
    return used.equals(start) || used.startsWith(start + ".");
  }

  /** The name in the table, which leaves out the common prefix. */
  private static String shortName(String name) {
    return name.startsWith(WORKER + ".")
        ? name.substring(WORKER.length() + 1)
        : name.substring(PRODUCT.length() + 1);
  }
}
