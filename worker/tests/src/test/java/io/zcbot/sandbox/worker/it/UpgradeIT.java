/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A worker whose sandboxes have their own uids replaces one whose sandboxes all had uid 1000. */
@Tag("engine")
@Tag("kafka")
class UpgradeIT {
  private static final UserId USER = Deployment.newUser();

  private Deployment deployment;

  @BeforeEach
  void setUp() throws IOException {
    deployment = new Deployment().withNetwork().with("ZCBOT_RESTART", "adopt");
  }

  @AfterEach
  void tearDown() throws IOException {
    deployment.close();
  }

  private Worker start(String uids) throws Exception {
    return deployment.with("ZCBOT_SANDBOX_UIDS", uids).start("one");
  }

  private String said(Ready in, String script) throws Exception {
    Outcome ran = deployment.host().exec(in.containerId(), "bash", "-c", script);
    assertThat(ran.exitCode()).as(script + ": " + ran.output()).isZero();
    return ran.output().strip();
  }

  @Test
  void theWorkspacesOfAnOlderWorkerAreTheSandboxesOwnAndBack() throws Exception {
    Worker older = start("shared");
    Ready before = deployment.agent().ensured(USER);
    assertThat(
            said(
                before,
                "mkdir -m 700 private && echo old > private/file && chmod 400 private/file"
                    + " && ln -s private/file link && printf '#!/bin/sh\\necho ran' > tool"
                    + " && chmod 700 tool && id -u"))
        .isEqualTo("1000");
    deployment.stop(older);
    assertThat(deployment.host().isRunning(before.containerId())).isTrue();

    Worker newer = start("auto");
    Reaped replaced = deployment.log().awaitReaped(USER, Deployment.SOON);
    assertThat(replaced.containerId()).isEqualTo(before.containerId());
    Ready after = deployment.agent().ensured(USER);
    String uid = said(after, "id -u");
    assertThat(Integer.parseInt(uid)).isGreaterThan(1000);
    assertThat(said(after, "whoami; cat link; ./tool; stat -c %u . private private/file tool"))
        .isEqualTo("sandbox\nold\nran" + ("\n" + uid).repeat(4));
    said(after, "rm -f private/file && echo new > private/file && mv tool private/");
    assertThat(ownersOnDisk()).containsOnly(1000);
    deployment.stop(newer);

    start("shared");
    Ready back = deployment.agent().ensured(USER);
    assertThat(said(back, "id -u; cat link; private/tool; echo more >> private/file"))
        .isEqualTo("1000\nnew\nran");
    assertThat(ownersOnDisk()).containsOnly(1000);
  }

  private Stream<Object> ownersOnDisk() throws IOException {
    try (Stream<Path> all = Files.walk(deployment.workspaces().resolve(USER.toString()))) {
      return all.map(UpgradeIT::owner).toList().stream();
    }
  }

  private static Object owner(Path path) {
    try {
      return Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
