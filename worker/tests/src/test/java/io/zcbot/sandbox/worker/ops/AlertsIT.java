/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The alert rules and the dashboard's expressions, as Prometheus reads and evaluates them without a
 * worker. OpsIT checks that a worker has their metrics, and PrometheusIT lets a Prometheus scrape a
 * real worker.
 */
@Tag("promtool")
class AlertsIT {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir private Path dir;

  @Test
  void eachAlertFiresForItsCauseAndNotWithoutIt() throws Exception {
    promtool(true, "test", "rules", "src/test/resources/alerts-test.yml");
  }

  @Test
  void theRulesAreValid() throws Exception {
    promtool(true, "check", "rules", "../../docs/alerts.yml");
  }

  @Test
  void eachExpressionOfTheDashboardIsValid() throws Exception {
    List<String> expressions = Dashboard.expressions();
    assertThat(expressions).hasSizeGreaterThan(20);
    promtool(true, "check", "rules", rules(expressions));
    promtool(false, "check", "rules", rules(List.of(expressions.getFirst() + ")")));
  }

  /** Recording rules of the expressions, since rules are what is checked; JSON is valid YAML. */
  private String rules(List<String> expressions) throws IOException {
    ObjectNode file = JSON.createObjectNode();
    ArrayNode rules =
        file.putArray("groups").addObject().put("name", "dashboard").putArray("rules");
    for (int i = 0; i < expressions.size(); i++) {
      rules.addObject().put("record", "expression:" + i).put("expr", expressions.get(i));
    }
    return Files.writeString(dir.resolve("rules.yml"), file.toString()).toString();
  }

  private static void promtool(boolean accepts, String... arguments) throws Exception {
    Process promtool =
        new ProcessBuilder(Stream.concat(Stream.of("promtool"), Stream.of(arguments)).toList())
            .redirectErrorStream(true)
            .start();
    String output = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(promtool.waitFor() == 0).as(output).isEqualTo(accepts);
  }
}
