/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The script that makes the workspace root a shared mount, in a container that plays its host. */
@Tag("engine")
class ShareWorkspacesIT {
  /**
   * Processes with the engine's name that are found before it: one of a container, whose root is
   * root, and one of a user, which the kernel shows as root's because its file can't be read.
   */
  private static final String HOST =
      """
      await_named() {
        for ((i = 0; i < 600; i++)); do
          [[ $(grep -lx dockerd /proc/[0-9]*/comm | wc -l) != "$1" ]] || return 0
          sleep 0.1
        done
        echo "there are no $1 processes named dockerd" && exit 1
      }
      mkdir /tmp/bin
      printf '#!/bin/bash\\necho "$*"\\n' >/tmp/bin/nsenter
      cp /usr/bin/sleep /tmp/dockerd
      chmod 0755 /tmp/bin/nsenter
      chmod 0711 /tmp/dockerd
      export PATH=/tmp/bin:$PATH

      echo 99 >/proc/sys/kernel/ns_last_pid
      unshare --pid --fork /tmp/dockerd 100 &
      setpriv --reuid=1000 --regid=1000 --clear-groups /tmp/dockerd 100 &
      await_named 2
      if [[ $2 == engine ]]; then
        echo 199 >/proc/sys/kernel/ns_last_pid
        /tmp/dockerd 100 &
        await_named 3
      fi
      bash -c "$1" share-workspaces.sh /workspaces
      """;

  private static String runs(String engine) throws Exception {
    assumeTrue(
        Files.exists(Path.of("/proc/sys/kernel/ns_last_pid")),
        "this kernel, without CONFIG_CHECKPOINT_RESTORE, lets nobody choose the ids of processes");
    return Commands.run(
        "docker",
        "run",
        "--rm",
        "--privileged",
        "--network=none",
        "--user=0",
        "--entrypoint=bash",
        SandboxImage.NAME,
        "-euc",
        HOST,
        "host",
        Files.readString(Path.of("../share-workspaces.sh")),
        engine);
  }

  @Test
  void theEngineIsTheHostsAndNotAProcessOfItsName() throws Exception {
    assertThat(runs("engine")).startsWith("--target 200 --mount -- ");
  }

  @Test
  void withoutAnEngineItIsTheFirstProcess() throws Exception {
    assertThat(runs("none")).startsWith("--target 1 --mount -- ");
  }
}
