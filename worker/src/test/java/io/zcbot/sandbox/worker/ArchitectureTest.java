/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The directions of DESIGN.md, section «Layout». */
@AnalyzeClasses(packages = "io.zcbot.sandbox", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ROOT = "io.zcbot.sandbox.worker";

  @ArchTest
  static final ArchRule noCycles = slices().matching(ROOT + ".(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule theDomainKnowsOnlyEventsAndItsPorts =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".sandbox")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.apache.kafka..",
              "com.github.dockerjava..",
              "io.micrometer..",
              ROOT,
              ROOT + ".config",
              ROOT + ".intake",
              ROOT + ".lanes",
              ROOT + ".docker",
              ROOT + ".mounts",
              ROOT + ".publish",
              ROOT + ".ops",
              ROOT + ".cli")
          .because("what it needs of the outside it states as ports");

  @ArchTest
  static final ArchRule lanesKnowAUserAndATask =
      classes()
          .that()
          .resideInAPackage(ROOT + ".lanes")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "java..", "org.slf4j..", "org.jspecify..", "io.zcbot.sandbox.events", ROOT + ".lanes")
          .because("order per user has nothing to do with what is ordered");

  @ArchTest
  static final ArchRule onlyTheAdapterKnowsDockerJava =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + ".docker")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("com.github.dockerjava..")
          .because("another engine client must not touch more than one package");

  @ArchTest
  static final ArchRule onlyMountsKnowTheKernel =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + ".mounts")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.lang.foreign..")
          .because("a wrong call into libc can end the process, so few may make one");

  @ArchTest
  static final ArchRule onlyTheEdgesKnowKafka =
      noClasses()
          .that()
          .resideInAnyPackage(ROOT + ".sandbox", ROOT + ".lanes", ROOT + ".docker")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.kafka..")
          .because("the domain is tested without a broker");

  @ArchTest
  static final ArchRule nobodySleeps =
      noClasses()
          .should()
          .callMethod(Thread.class, "sleep", long.class)
          .orShould()
          .callMethod(Thread.class, "sleep", java.time.Duration.class)
          .because("waits are timers, latches or the retry library's, all with an end");

  @ArchTest
  static final ArchRule theContractKnowsNoClient =
      noClasses()
          .that()
          .resideInAPackage("io.zcbot.sandbox.events")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.kafka..", "com.github.dockerjava..", ROOT + "..")
          .because("producers and auditors of any kind use it");
}
