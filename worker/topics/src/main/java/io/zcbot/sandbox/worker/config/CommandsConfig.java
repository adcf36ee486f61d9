/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.time.Duration;

/** Settings of commands. */
public final class CommandsConfig {
  public final Mode mode;
  public final int perSandbox;
  public final Duration maxTimeout;

  /** How commands are run. */
  public enum Mode {
    /** By a runner that is the sandbox's first process, through its attached streams. */
    RUNNER,
    /** By a runner that an exec of the engine starts. */
    ENGINE,
    /** Commands are rejected. */
    OFF
  }

  CommandsConfig(SettingsReader in) {
    mode =
        in.get(
            "ZCBOT_COMMANDS",
            "runner",
            Kind.oneOf(Mode.values()),
            "How commands are run. runner: by a small process in each sandbox, in milliseconds."
                + " engine: that process is started by an exec of the engine, once for each"
                + " sandbox. off: they are not, and execs are answered exited(rejected).");
    perSandbox =
        in.get(
            "ZCBOT_COMMANDS_PER_SANDBOX",
            "8",
            Kind.count(1, 64),
            "Maximum number of commands that run in a sandbox at the same time. At most 64 further"
                + " ones wait in order; what comes then is answered exited(rejected).");
    maxTimeout =
        in.get(
            "ZCBOT_COMMAND_MAX_TIMEOUT",
            "1h",
            Kind.duration("1s", "1d"),
            "The longest time-out that an exec may ask for.");
  }
}
