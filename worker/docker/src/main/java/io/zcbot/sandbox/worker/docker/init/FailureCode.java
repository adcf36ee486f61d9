/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.init;

import java.util.Locale;

/** Why a script of the image failed, as {@code sandbox-image/firewall.sh} lists the codes. */
public enum FailureCode {
  /** A setting that the worker passed has an invalid value. */
  SETTINGS,
  /** The container's network differs from the settings. */
  NETWORK,
  /** The host's rules are not in force. */
  HOST_RULES,
  /** Rules could not be set, or have not the effect that they should have. */
  RULES,
  /** A mount that the worker made is not visible in the container. */
  MOUNTS,
  /** In the container, the workspace belongs to another user. */
  OWNER,
  /** The kernel does not load the runner's filter of system calls. */
  FILTER,
  /** The script ended unexpectedly. */
  ENDED,
  /** An unknown code: the image was built for another version of the worker. */
  UNKNOWN;

  static FailureCode of(String text) {
    for (FailureCode code : values()) {
      if (code.text().equals(text)) {
        return code;
      }
    }
    return UNKNOWN;
  }

  /** The code in the spelling of the scripts. */
  String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
