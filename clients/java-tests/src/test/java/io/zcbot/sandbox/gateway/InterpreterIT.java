/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/**
 * E2B's code interpreter in sandboxes whose image has one, which takes minutes to make. {@link
 * GatewayIT} shows in every run how requests reach it, and what is answered without it. Each check
 * is in {@code gateway/sdk/interpreter.mjs}.
 */
@Tag("engine")
@Tag("interpreter")
@Tag("node")
@EnabledIfEnvironmentVariable(
    named = "ZCBOT_TEST_ALL",
    matches = "yes",
    disabledReason = "only bin/test --all runs it")
class InterpreterIT {
  @TempDir private Path directory;

  @Test
  void codeRunsInContexts() throws Exception {
    KeyFile keys = KeyFile.in(directory);
    String key = keys.add("one", 0, 0).text();
    try (TestBed bed =
            TestBed.onTheEngine()
                .with("ZCBOT_SANDBOX_IMAGE", image())
                .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "24h")
                .start();
        SandboxClient client = bed.client();
        Gateway gateway = GatewayIT.start(client, keys, directory);
        Gateway another = GatewayIT.start(client, keys, directory)) {
      int passed =
          SdkProgram.run("interpreter.mjs", url(gateway), key, url(another), "interpreter");
      assertThat(passed).isEqualTo(26);
    }
  }

  private static String image() {
    return System.getenv()
        .getOrDefault("ZCBOT_TEST_INTERPRETER_IMAGE", "zcbot-sandbox-interpreter:latest");
  }

  private static String url(Gateway of) {
    return "http://127.0.0.1:" + of.port();
  }
}
