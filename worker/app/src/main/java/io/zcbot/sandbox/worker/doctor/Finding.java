/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.spec.Profile;
import java.util.Set;

/**
 * The result of a check.
 *
 * @param check the check's name, one word
 * @param detail what was found
 * @param fix what to do about it; empty if nothing has to be done
 */
public record Finding(String check, Level level, String detail, String fix) {
  /** The severity of a finding. */
  public enum Level {
    /** Nothing to do. */
    OK,
    /**
     * Sandboxes work, but their protection is weaker than possible or could not be checked, or
     * commands do not run in them as they could.
     */
    WARN,
    /** A guarantee of the worker would not hold. */
    FAIL
  }

  /** The checks of what keeps the code in a sandbox away from the host and from others. */
  private static final Set<String> OF_ISOLATION =
      Set.of(
          "advisories",
          "engine",
          "filter",
          "firewall",
          "firewall-image",
          "mac",
          "network",
          "published-ports",
          "runc",
          "runtime",
          "seccomp",
          "sockets",
          "userns",
          "volumes");

  /**
   * Whether this is about what keeps the code in a sandbox away from the host and from others,
   * which matters more than what sandboxes can't do.
   */
  public boolean isAboutIsolation() {
    return OF_ISOLATION.contains(check);
  }

  /** The same, said of a profile. */
  Finding of(Profile profile) {
    return profile.name().equals(ProfileName.DEFAULT)
        ? this
        : new Finding(check, level, "profile " + profile.name() + ": " + detail, fix);
  }

  static Finding ok(String check, String detail) {
    return new Finding(check, Level.OK, detail, "");
  }

  static Finding warn(String check, String detail, String fix) {
    return new Finding(check, Level.WARN, detail, fix);
  }

  static Finding fail(String check, String detail, String fix) {
    return new Finding(check, Level.FAIL, detail, fix);
  }
}
