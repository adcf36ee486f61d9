/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kafka's version is the one in pom.xml. The scripts read it there. A few files can't do that, and
 * must name the same version.
 */
class KafkaVersionTest {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();
  private static final Pattern IN_POM = Pattern.compile("<kafka\\.version>([0-9.]+)<");
  private static final Pattern OF_IMAGE = Pattern.compile("kafka:([0-9]+\\.[0-9.]*[0-9])");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "compose.yaml",
        "worker/testkit/src/main/java/io/zcbot/sandbox/worker/testkit/deployment/KafkaForTests.java"
      })
  void whatCannotReadThePomNamesTheSameKafka(String file) throws IOException {
    Matcher pom = IN_POM.matcher(Files.readString(REPOSITORY.resolve("pom.xml")));
    assertThat(pom.find()).isTrue();
    List<String> named =
        OF_IMAGE
            .matcher(Files.readString(REPOSITORY.resolve(file)))
            .results()
            .map(found -> found.group(1))
            .toList();
    assertThat(named).as(file).isNotEmpty().containsOnly(pom.group(1));
  }
}
