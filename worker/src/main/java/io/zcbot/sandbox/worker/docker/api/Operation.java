/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.util.Locale;

/** The operations of the engine, by which errors are classified and calls are counted. */
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

  // Renaming a constant renames a label of a metric, which operators' queries select by.
  private final String label = name().toLowerCase(Locale.ROOT);

  /** As in metrics and in an exception's operation. */
  public String label() {
    return label;
  }
}
