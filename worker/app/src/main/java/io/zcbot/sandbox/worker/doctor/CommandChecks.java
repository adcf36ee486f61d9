/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.config.CommandsConfig;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.util.Locale;

/** Checks how commands can run. Makes no calls. */
final class CommandChecks {
  private static final String CHECK = "commands";

  private CommandChecks() {}

  /** Checks how commands run in sandboxes of a spec. */
  static Finding of(CommandsConfig.Mode mode, SandboxGround ground, SandboxSpec spec) {
    if (mode == CommandsConfig.Mode.OFF) {
      return Finding.ok(CHECK, "off (ZCBOT_COMMANDS)");
    }
    SandboxGround.Image image = ground.image();
    if (image != null && !image.isForeign() && !image.hasRunner()) {
      return Finding.warn(
          CHECK,
          spec.image() + " has no runner, so every command is answered exited(failed)",
          "build it from the sandbox-image of this version, or FROM an image built from there");
    }
    if (mode == CommandsConfig.Mode.RUNNER && spec.policy().rulesInSandbox()) {
      return Finding.warn(
          CHECK,
          "in the firewall mode "
              + spec.policy().firewall().name().toLowerCase(Locale.ROOT)
              + " the runner is not the first process of a sandbox: the engine starts it with the"
              + " first command, which waits for it",
          "set ZCBOT_SANDBOX_FIREWALL=host, or ZCBOT_COMMANDS=engine if this is what you want");
    }
    return Finding.ok(CHECK, mode.name().toLowerCase(Locale.ROOT));
  }
}
