/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.github.dockerjava.api.model.Version;
import com.github.dockerjava.api.model.VersionComponent;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.EngineProxy;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.slf4j.LoggerFactory;

/** The real engine with a faked version: one with published vulnerabilities, or a new one. */
@Tag("engine")
@Tag("kafka")
@Isolated("a command beside it would take its place in the log")
class KnownBadVersionsIT {
  private final Logger log =
      (Logger) LoggerFactory.getLogger("io.zcbot.sandbox.worker.startup.Preflight");
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private EngineProxy proxy;
  private Deployment deployment;

  @BeforeEach
  void deploy() throws Exception {
    lines.list = new CopyOnWriteArrayList<>();
    lines.start();
    log.addAppender(lines);
    log.setLevel(Level.WARN); // tests are silent
    log.setAdditive(false);
    proxy = new EngineProxy();
    deployment = new Deployment().withEngineAt(proxy.address()).withOps();
  }

  @AfterEach
  void leaveNothing() throws Exception {
    log.detachAppender(lines);
    log.setLevel(null);
    log.setAdditive(true);
    deployment.close();
    proxy.close();
  }

  private void pretend(String engine, String runc) {
    Version version = deployment.host().docker().versionCmd().exec();
    replace(version.getVersion(), engine);
    replace(
        version.getComponents().stream()
            .filter(component -> "runc".equals(component.getName()))
            .map(VersionComponent::getVersion)
            .findFirst()
            .orElseThrow(),
        runc);
  }

  /** Replaces the engine's version, in the notation of a distribution that has the same length. */
  private void replace(String said, String version) {
    String quoted = '"' + said + '"';
    proxy.replace(
        quoted, '"' + version + "+".repeat(Math.max(0, said.length() - version.length())) + '"');
  }

  @Row(16)
  @Test
  void areWarnedOfInTheLogInHealthAndByTheDoctor() throws Exception {
    pretend("20.9.1", "1.0.1");
    deployment.start("a");

    assertThat(deployment.agent().ensured(Deployment.newUser()).outcome())
        .as("a warning, no refusal: distributions mend old versions")
        .isEqualTo(Ready.Outcome.CREATED);
    Map<String, String> health = health();
    assertThat(health.get("engine-engine"))
        .startsWith("warning: 20.9.1")
        .contains("CVE-2024-29018");
    assertThat(health.get("engine-runc")).startsWith("warning: 1.0.1").contains("CVE-2024-21626");
    assertThat(warnings())
        .filteredOn(line -> line.startsWith("the engine protects sandboxes less than it could"))
        .as("one line, since the details are long")
        .singleElement()
        .asString()
        .containsPattern("warnings: .*\\bengine\\b.*\\brunc\\b.*'sandbox doctor");
    Map<String, String> doctor = doctor();
    assertThat(doctor.get("engine")).startsWith("WARN: 20.9.1").contains("CVE-2024-29018");
    assertThat(doctor.get("runc")).startsWith("WARN: 1.0.1").contains("CVE-2024-21626");
  }

  @Row(16)
  @Test
  void aNewVersionIsNotWarnedOf() throws Exception {
    pretend("99.9.1", "9.9.1");
    deployment.start("a");

    assertThat(health()).doesNotContainKeys("engine-engine", "engine-runc");
    assertThat(warnings())
        .filteredOn(line -> line.startsWith("the engine protects"))
        .noneMatch(line -> line.matches(".* (engine|runc)[,;].*"));
    Map<String, String> doctor = doctor();
    assertThat(doctor.get("engine")).startsWith("OK: 99.9.1");
    assertThat(doctor.get("runc")).startsWith("OK: 9.9.1");
  }

  private Map<String, String> health() throws Exception {
    Map<String, String> checks = new TreeMap<>();
    for (Map.Entry<String, JsonNode> check :
        new JsonMapper()
            .readTree(deployment.ops().get("/health/ready").body())
            .get("checks")
            .properties()) {
      checks.put(
          check.getKey(),
          check.getValue().path("status").asText()
              + ": "
              + check.getValue().path("reason").asText());
    }
    return checks;
  }

  private List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    for (ILoggingEvent line : lines.list) {
      if (line.getLevel().equals(Level.WARN)) {
        warnings.add(line.getFormattedMessage());
      }
    }
    return warnings;
  }

  private Map<String, String> doctor() throws Exception {
    StringWriter text = new StringWriter();
    PrintWriter writer = new PrintWriter(text, true);
    Map<String, String> env = deployment.environment("a");
    Cli.commandLine(new Console(env, writer, writer, false)).execute("doctor", "--json");
    Map<String, String> findings = new TreeMap<>();
    for (JsonNode check : new JsonMapper().readTree(text.toString()).get("checks")) {
      findings.put(
          check.get("check").asText(),
          check.get("level").asText() + ": " + check.get("detail").asText());
    }
    return findings;
  }
}
