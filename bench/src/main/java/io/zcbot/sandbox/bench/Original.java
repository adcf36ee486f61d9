/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The single-process pool this succeeds: subprocesses of the docker CLI. */
final class Original {
  private Original() {}

  /** One look at a container. */
  static void inspect(String name) throws Exception {
    docker("inspect", name);
  }

  /** Looks, and runs one if there is none; the flags are those of the original. */
  static void ensure(Setting setting, String worker, UserId user, Path workspace) throws Exception {
    inspect(Container.nameOf(user));
    int code =
        docker(
            "run",
            "-d",
            "--name",
            Container.nameOf(user),
            "--label",
            "zcbot.product=sandbox",
            "--label",
            "zcbot.user_id=" + user,
            "--label",
            "zcbot.worker=" + worker,
            "--user",
            "0:0",
            "--network",
            setting.network(),
            "--read-only",
            "--tmpfs",
            "/tmp:exec,size=512m,mode=1777",
            "--cap-drop",
            "ALL",
            "--cap-add",
            "NET_ADMIN",
            "--security-opt",
            "no-new-privileges",
            "--pids-limit",
            "256",
            "--memory",
            "2g",
            "--cpus",
            "1.0",
            "--restart",
            "no",
            "-e",
            "ZCBOT_PG_IPS=",
            "-v",
            workspace + ":/workspace",
            "zcbot-sandbox:latest");
    if (code != 0) {
      throw new IOException("docker run ended with " + code);
    }
  }

  private static int docker(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("docker"));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }
}
