/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.util.Locale;

/** The engine's operations, used to classify errors and as labels of metrics. */
public enum Operation {
  PING,
  INFO,
  INSPECT,
  LIST,
  CREATE,
  ATTACH,
  START,
  RENAME,
  KILL,
  REMOVE,
  EXPORT,
  WAIT,
  EXEC_CREATE,
  EXEC_START,
  EXEC_INSPECT,
  STATS,
  EVENTS,
  IMAGE_INSPECT,
  PULL,
  NETWORK_INSPECT,
  NETWORK_CREATE,
  FIREWALL;

  // A label of a metric: renaming a constant breaks operators' queries.
  private final String label = name().toLowerCase(Locale.ROOT);

  /** The name in metrics and in an exception's operation. */
  public String label() {
    return label;
  }
}
