/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.init;

import java.util.Locale;

/** Why a script of the image gave up, as {@code sandbox-image/firewall.sh} lists it. */
public enum FailureCode {
  /** A variable has a value that means nothing. */
  SETTINGS,
  /** The network is not as the settings say. */
  NETWORK,
  /** The host's rules are not in force. */
  HOST_RULES,
  /** Rules could not be set, or do not do what they should. */
  RULES,
  /** What the worker mounts does not show in the container. */
  MOUNTS,
  /** The workspace shows as another user's. */
  OWNER,
  /** The script ended where it should not. */
  ENDED,
  /** None of these: the image was not built for this worker. */
  UNKNOWN;

  static FailureCode of(String text) {
    for (FailureCode code : values()) {
      if (code.text().equals(text)) {
        return code;
      }
    }
    return UNKNOWN;
  }

  /** As the scripts write it. */
  String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
