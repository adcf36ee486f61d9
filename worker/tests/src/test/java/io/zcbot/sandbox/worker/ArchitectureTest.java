/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.LocationProvider;
import com.tngtech.archunit.lang.ArchRule;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.Replay;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.cli.Main;
import io.zcbot.sandbox.worker.console.FleetConsole;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.publish.Publisher;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;

/**
 * Compares the packages with the table in DESIGN.md, which is the only place that lists what each
 * of them may use. To allow another dependency, change the table.
 */
@AnalyzeClasses(locations = ArchitectureTest.Product.class)
class ArchitectureTest {
  /** The locations of the modules' classes, without any tests. */
  static final class Product implements LocationProvider {
    @Override
    public Set<Location> get(Class<?> test) {
      return Stream.of(
              UserId.class,
              Time.class,
              SandboxEngine.class,
              KafkaClients.class,
              Publisher.class,
              DockerEngine.class,
              Worker.class,
              Replay.class,
              FleetConsole.class,
              Main.class)
          .map(type -> Location.of(type.getProtectionDomain().getCodeSource().getLocation()))
          .collect(Collectors.toSet());
    }
  }

  @ArchTest
  static void packagesUseWhatTheTableOfTheDesignAllowsAndNoMore(JavaClasses classes)
      throws IOException {
    Map<String, PackageUses> actual = new TreeMap<>();
    PackageUses.addClasses(classes, actual);
    // These modules are built later, so there may be no classes of them yet.
    PackageUses.addSources(Path.of("../../standalone/src/main/java"), actual);
    PackageUses.addSources(Path.of("../../bench/src/main/java"), actual);
    Map<String, PackageUses> allowed = PackageUses.ofTable(Path.of("../../worker/DESIGN.md"));

    SoftAssertions softly = new SoftAssertions();
    softly
        .assertThat(allowed.keySet())
        .as("the packages in the table of DESIGN.md")
        .isEqualTo(actual.keySet());
    actual.forEach(
        (name, uses) -> {
          PackageUses row = allowed.getOrDefault(name, uses);
          if (!row.allowsAllPackages()) {
            softly
                .assertThat(uses.packages())
                .as("the packages that %s uses, and those that DESIGN.md allows it", name)
                .isEqualTo(row.packages());
          }
          if (!row.allowsAllLibraries()) {
            softly
                .assertThat(uses.libraries())
                .as("the libraries that %s uses, and those that DESIGN.md allows it", name)
                .isEqualTo(row.libraries());
          }
        });
    softly.assertAll();
  }

  /** Each package is a slice, so that a package and its subpackages form no cycle either. */
  @ArchTest
  static final ArchRule packagesFormNoCycle =
      slices().matching("io.zcbot.(**)").should().beFreeOfCycles();

  /** Of what the command line and the servers start, nobody's work depends. */
  @ArchTest
  static final ArchRule usersWorkStartsItsThreadsInOnePlace =
      noClasses()
          .that()
          .resideInAnyPackage(
              "..worker.commands..",
              "..worker.docker..",
              "..worker.ensure..",
              "..worker.group..",
              "..worker.intake..",
              "..worker.lanes..",
              "..worker.mounts..",
              "..worker.pool..",
              "..worker.publish..",
              "..worker.reap..",
              "..worker.reply..",
              "..worker.startup..")
          .should()
          .callMethodWhere(
              describe(
                  "a thread is started",
                  call ->
                      call.getName().equals("start")
                          && call.getTargetOwner().getName().startsWith("java.lang.Thread")))
          .because(
              "a thread that can't be started must not leave behind what it was to do: Threads");

  @ArchTest
  static final ArchRule nobodySleeps =
      noClasses()
          .should()
          .callMethod(Thread.class, "sleep", long.class)
          .orShould()
          .callMethod(Thread.class, "sleep", Duration.class)
          .because("a wait is on a timer, a latch or the retry library, which all have a deadline");
}
