/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The alert rules, as Prometheus evaluates them; OpsIT checks the names of their metrics. */
@Tag("promtool")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class AlertsIT {
  @Test
  void eachAlertFiresForItsCauseAndNotWithoutIt() throws Exception {
    Process promtool =
        new ProcessBuilder("promtool", "test", "rules", "src/test/resources/alerts-test.yml")
            .redirectErrorStream(true)
            .start();
    String output = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(promtool.waitFor()).as(output).isZero();
  }
}
