/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The script that sets and watches the host's rules, in a container that is its host. */
@Tag("engine")
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class HostRulesIT {
  private static final String HOST =
      """
      export ZCBOT_BRIDGE=lo ZCBOT_SUBNETS=172.20.0.0/16 ZCBOT_EGRESS=public ZCBOT_POLICY=p ZCBOT_OWNER=w1
      firewall() { bash -pc "$script" host-firewall "$1" </dev/null || :; }
      script=$1
      firewall set
      while read -r rule; do
        [[ ! $rule =~ ^drop\\ #\\ handle\\ ([0-9]+)$ ]] ||
          nft replace rule inet zcbot_lo source handle "${BASH_REMATCH[1]}" accept
      done <<<"$(nft -a list chain inet zcbot_lo source)"
      nft list chain inet zcbot_lo source
      firewall watch
      nft list chain inet zcbot_lo source
      firewall watch
      echo watched
      """;

  /** As many as were set, so that their number does not tell. */
  @Test
  void aRuleThatChangedBeforeItIsWatchedIsSetAgain() throws Exception {
    String said =
        Commands.run(
            "docker",
            "run",
            "--rm",
            "--cap-drop=ALL",
            "--cap-add=NET_ADMIN",
            "--network=none",
            "--user=0",
            "--entrypoint=/bin/bash",
            DockerEngineSettings.FIREWALL_IMAGE,
            "-euc",
            HOST,
            "host",
            Files.readString(Path.of("../sandbox-image/host-firewall.sh")));

    assertThat(said.lines().map(String::strip).filter(line -> line.matches("zcb.*|drop|acc.*|w.*")))
        .containsExactly(
            "zcbot-sandbox ready table=zcbot_lo rules=%s found=none"
                .formatted(said.replaceAll("(?s).*? rules=(\\d+) .*", "$1")),
            "accept",
            "zcbot-sandbox failed rules: the rules are gone, or others",
            "drop",
            "watched");
  }
}
