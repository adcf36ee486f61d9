/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.security.Checklist.Property;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.platform.commons.support.ReflectionSupport;

/** Each row has a test or a reason, and the document matches the code. */
class ChecklistTest {
  private static final String BEGIN = "<!-- rows:begin -->";
  private static final String END = "<!-- rows:end -->";

  /** Those that name a row. */
  private static final List<Method> TESTS = testsWithRow();

  /** Only classes of tests are loaded, which takes a tenth of the time of looking at all. */
  private static List<Method> testsWithRow() {
    return ReflectionSupport.findAllClassesInPackage(
            "io.zcbot.sandbox.worker", _ -> true, name -> name.matches(".*(Test|IT)"))
        .stream()
        .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
        .filter(method -> method.isAnnotationPresent(Row.class))
        .toList();
  }

  /** Names of the tests of each row. */
  private static Map<Integer, SortedSet<String>> tests() {
    Map<Integer, SortedSet<String>> tests = new TreeMap<>();
    TESTS.forEach(method -> add(tests, method));
    return tests;
  }

  private static SortedSet<Integer> rowsOfProfiles() {
    return new TreeSet<>(profilesOfRows(true).keySet());
  }

  /** The profiles on which a run makes the attacks of each row. */
  private static SortedMap<Integer, Set<Profile>> profilesOfRows(boolean all) {
    SortedMap<Integer, Set<Profile>> profiles = new TreeMap<>();
    TESTS.stream()
        .filter(method -> Attacks.class.isAssignableFrom(method.getDeclaringClass()))
        .forEach(
            method -> {
              Set<Profile> made = ProfilesOfTheRun.of(method, all);
              for (int row : method.getAnnotation(Row.class).value()) {
                profiles.computeIfAbsent(row, _ -> EnumSet.noneOf(Profile.class)).addAll(made);
              }
            });
    return profiles;
  }

  private static void add(Map<Integer, SortedSet<String>> tests, Method method) {
    for (int row : method.getAnnotation(Row.class).value()) {
      tests
          .computeIfAbsent(row, _ -> new TreeSet<>())
          .add(method.getDeclaringClass().getSimpleName() + "." + method.getName());
    }
  }

  @Test
  void theRowsAreNumbered() {
    assertThat(Checklist.ALL)
        .extracting(Property::number)
        .as("numbers that others refer to; a row that went leaves a gap")
        .isSorted()
        .doesNotHaveDuplicates();
  }

  @Test
  void everyRowHasATestOrAReasonWhyNot() {
    Map<Integer, SortedSet<String>> tests = tests();
    assertThat(tests.keySet())
        .isSubsetOf(Checklist.ALL.stream().map(Property::number).collect(Collectors.toSet()));
    for (Property row : Checklist.ALL) {
      assertThat(tests.containsKey(row.number()) || !row.note().isEmpty())
          .as("row %d has a test, or a note that says why not", row.number())
          .isTrue();
    }
  }

  /** Run with -Dreadme.update=true to write the table instead of checking it. */
  @Test
  void theDocumentHasTheTable() throws Exception {
    Path file = Path.of("../../SECURITY.md");
    String text = Files.readString(file);
    assertThat(text).contains(BEGIN, END);
    int begin = text.indexOf(BEGIN) + BEGIN.length();
    int end = text.indexOf(END);
    String wanted = "\n" + table();
    if (Boolean.getBoolean("readme.update")) {
      Files.writeString(file, text.substring(0, begin) + wanted + text.substring(end));
      return;
    }
    assertThat(text.substring(begin, end))
        .as("SECURITY.md's table; run this test with -Dreadme.update=true to renew it")
        .isEqualTo(wanted);
  }

  private static String table() {
    Map<Integer, SortedSet<String>> tests = tests();
    SortedSet<Integer> byProfile = rowsOfProfiles();
    String columns =
        Arrays.stream(Profile.values()).map(Profile::column).collect(Collectors.joining(" | "));
    String rows =
        Checklist.ALL.stream()
            .map(
                row ->
                    line(
                        row,
                        tests.getOrDefault(row.number(), new TreeSet<>()),
                        byProfile.contains(row.number())))
            .collect(Collectors.joining());
    String apart =
        Checklist.ALL.stream()
            .flatMap(row -> apart(row, byProfile.contains(row.number())))
            .collect(Collectors.joining());
    return "| # | attack: only acceptable outcome | given by | "
        + columns
        + " | test |\n|---|---|---|"
        + "---|".repeat(Profile.values().length)
        + "---|\n"
        + rows
        + "\nDifferences between the columns:\n\n"
        + apart;
  }

  private static String line(Property row, SortedSet<String> tests, boolean byProfile) {
    String how = tests.stream().map(test -> "`" + test + "`").collect(Collectors.joining(", "));
    String note = row.note().isEmpty() ? "" : (how.isEmpty() ? "" : "; ") + row.note();
    String cells =
        Arrays.stream(Profile.values())
            .map(
                profile ->
                    tests.isEmpty() ? "host" : byProfile ? cell(row.apart().get(profile)) : "any")
            .collect(Collectors.joining(" | "));
    return "| %d | %s | %s | %s | %s%s |\n"
        .formatted(row.number(), row.attack(), row.by(), cells, how, note);
  }

  private static String cell(Checklist.@Nullable Apart apart) {
    return apart == null ? "yes" : apart.holds() ? "otherwise" : "n/a";
  }

  /** The reasons, one line for all profiles that share one. */
  private static Stream<String> apart(Property row, boolean byProfile) {
    if (!byProfile) {
      return Stream.of();
    }
    Map<Checklist.Apart, String> profiles = new LinkedHashMap<>();
    for (Profile profile : Profile.values()) {
      Checklist.Apart apart = row.apart().get(profile);
      if (apart != null) {
        profiles.merge(apart, profile.column(), (all, more) -> all + "; " + more);
      }
    }
    return profiles.entrySet().stream()
        .map(
            e ->
                "- %d, %s: %s%s\n"
                    .formatted(
                        row.number(),
                        e.getValue(),
                        e.getKey().holds() ? "" : "n/a, ",
                        e.getKey().words()));
  }

  /** The scripts compare the results with it: nothing is left out without a reason. */
  @Test
  void theScriptsGetWhatIsExpected() throws Exception {
    Path file = Files.createDirectories(Path.of("target", "security")).resolve("expected.tsv");
    List<String> lines = new ArrayList<>();
    profilesOfRows(InFullRuns.THIS_ONE)
        .forEach(
            (number, profiles) -> {
              for (Profile profile : profiles) {
                Checklist.Apart apart = Checklist.of(number).apart().get(profile);
                boolean holds = apart == null || apart.holds();
                String how = apart == null ? "" : apart.words();
                lines.add(
                    number + "\t" + profile.title() + "\t" + (holds ? "ok" : "n/a") + "\t" + how);
              }
            });
    Files.write(file, lines);
    assertThat(lines).isNotEmpty().allMatch(line -> line.split("\t", -1).length == 4);
  }

  /** A difference that only a nightly run could find would be found late. */
  @Test
  void everyRunMakesTheAttacksThatAProfileOfRuncChanges() {
    SortedMap<Integer, Set<Profile>> made = profilesOfRows(false);
    Set<Profile> ofRunc = EnumSet.of(Profile.RUNC_CONTAINER, Profile.RUNC_CLAIMED);
    assertThat(Checklist.ALL)
        .allSatisfy(
            row ->
                row.apart()
                    .forEach(
                        (profile, apart) -> {
                          if (apart.holds() && ofRunc.contains(profile)) {
                            assertThat(made.get(row.number()))
                                .as("profiles of row %d", row.number())
                                .contains(profile);
                          }
                        }));
  }

  @Test
  void onlyRowsOfProfilesDifferByProfile() {
    SortedSet<Integer> byProfile = rowsOfProfiles();
    assertThat(Checklist.ALL)
        .filteredOn(row -> !row.apart().isEmpty())
        .extracting(Property::number)
        .isSubsetOf(byProfile);
  }

  /** Rows that a run does not attack have a note that says so. */
  private static String noteOfRun(Property row) {
    SortedMap<Integer, Set<Profile>> made = profilesOfRows(InFullRuns.THIS_ONE);
    boolean left = made.containsKey(row.number()) && made.get(row.number()).isEmpty();
    return left && row.note().isEmpty() ? InFullRuns.REASON : row.note();
  }

  /** What the scripts print beside the results. */
  @Test
  void theScriptsGetTheTitles() throws Exception {
    Path file = Files.createDirectories(Path.of("target", "security")).resolve("rows.tsv");
    Files.writeString(
        file,
        Checklist.ALL.stream()
            .map(row -> row.number() + "\t" + row.attack() + "\t" + noteOfRun(row) + "\n")
            .collect(Collectors.joining()));
    assertThat(Files.readAllLines(file))
        .hasSameSizeAs(Checklist.ALL)
        .allMatch(line -> line.split("\t", -1).length == 3);
  }
}
