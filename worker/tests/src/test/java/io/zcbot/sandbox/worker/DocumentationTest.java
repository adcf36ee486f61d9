/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Checks the Markdown documents of the repository. */
class DocumentationTest {
  private static final Path ROOT = RepositoryFiles.ROOT;
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.+)$");
  private static final Pattern CODE_BLOCK = Pattern.compile("(?ms)^```.*?^```");

  /** A name in camel case in a code span; what follows a dot is a member. */
  private static final Pattern CLASS =
      Pattern.compile("`@?([A-Z][a-z]+(?:[A-Z][a-z0-9]*)+)(?:\\.\\w+)?`");

  private static final Pattern RUN = Pattern.compile("test=([\\w/]+)|not-run=\"[^\"]{8,}\"");

  @Test
  void everyRelativeLinkLeadsToAFileAndAHeading() throws IOException {
    List<String> broken = new ArrayList<>();
    int links = 0;
    for (Path document : documents()) {
      String text = CODE_BLOCK.matcher(Files.readString(document)).replaceAll("");
      for (String link : LINK.matcher(text).results().map(found -> found.group(1)).toList()) {
        if (link.contains("://")) {
          continue;
        }
        links++;
        if (!resolves(document, link)) {
          broken.add(ROOT.relativize(document) + ": " + link);
        }
      }
    }
    assertThat(broken).as("links that lead nowhere").isEmpty();
    assertThat(links).isGreaterThan(20);
  }

  @Test
  void theIndexNamesEveryDocument() throws IOException {
    String index = Files.readString(ROOT.resolve("docs/README.md"));
    for (Path document : documents()) {
      if (document.getParent().equals(ROOT.resolve("docs")) && !document.endsWith("README.md")) {
        assertThat(index).contains("](" + document.getFileName() + ")");
      }
    }
  }

  /** In the first line of the block, where no reader sees it: test=Name or not-run="why". */
  @Test
  void everyShellBlockNamesItsTestOrSaysWhyItIsNotRun() throws IOException {
    Set<String> tests = classes();
    tests.addAll(List.of("bin/demo", "bin/test")); // which continuous integration runs
    for (ShellBlocks.Block block : ShellBlocks.all()) {
      Matcher info = RUN.matcher(block.info());
      assertThat(info.matches())
          .as("%s: write ```sh test=Name or ```sh not-run=\"why\":%n%s", block, block.text())
          .isTrue();
      if (info.group(1) != null) {
        assertThat(tests).as(block.toString()).contains(info.group(1));
      }
    }
  }

  @Test
  void everyClassThatIsNamedIsThere() throws IOException {
    Set<String> classes = classes();
    for (String document : List.of("worker/DESIGN.md", "CONTRIBUTING.md", "SECURITY.md")) {
      Set<String> named =
          CLASS
              .matcher(Files.readString(ROOT.resolve(document)))
              .results()
              .map(found -> found.group(1))
              .collect(Collectors.toSet());
      assertThat(named).isNotEmpty();
      assertThat(classes).as("classes that %s names", document).containsAll(named);
    }
  }

  @Test
  void theReadmeIsShortEnoughToBeReadOnce() throws IOException {
    assertThat(Files.readAllLines(ROOT.resolve("README.md"))).hasSizeLessThanOrEqualTo(250);
  }

  private static Set<String> classes() throws IOException {
    return RepositoryFiles.all().stream()
        .map(file -> file.getFileName().toString())
        .filter(name -> name.endsWith(".java"))
        .map(name -> name.substring(0, name.length() - ".java".length()))
        .collect(Collectors.toSet());
  }

  private static boolean resolves(Path document, String link) throws IOException {
    String[] parts = link.split("#", 2);
    Path target =
        parts[0].isEmpty()
            ? document
            : document.resolveSibling(parts[0]).toAbsolutePath().normalize();
    if (!target.startsWith(ROOT) || !Files.exists(target)) {
      return false;
    }
    return parts.length == 1 || anchors(target).contains(parts[1]);
  }

  /** The anchors, derived as GitHub does. */
  private static Set<String> anchors(Path document) throws IOException {
    String text = CODE_BLOCK.matcher(Files.readString(document)).replaceAll("");
    return HEADING
        .matcher(text)
        .results()
        .map(found -> found.group(1).toLowerCase(Locale.ROOT))
        .map(heading -> heading.replaceAll("[^\\p{Alnum} _-]", "").strip().replace(' ', '-'))
        .collect(Collectors.toSet());
  }

  static List<Path> documents() throws IOException {
    return RepositoryFiles.all().stream()
        .filter(file -> file.toString().endsWith(".md") && !file.toString().startsWith("."))
        .map(ROOT::resolve)
        .toList();
  }
}
