/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

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

  /** As in metrics and in an exception's operation. */
  public String label() {
    return switch (this) {
      case PING -> "ping";
      case INFO -> "info";
      case INSPECT -> "inspect";
      case LIST -> "list";
      case CREATE -> "create";
      case ATTACH -> "attach";
      case START -> "start";
      case RENAME -> "rename";
      case KILL -> "kill";
      case REMOVE -> "remove";
      case WAIT -> "wait";
      case EXEC_CREATE -> "exec_create";
      case EXEC_START -> "exec_start";
      case EXEC_INSPECT -> "exec_inspect";
      case STATS -> "stats";
      case EVENTS -> "events";
      case IMAGE_INSPECT -> "image_inspect";
      case PULL -> "pull";
      case NETWORK_INSPECT -> "network_inspect";
      case NETWORK_CREATE -> "network_create";
      case FIREWALL -> "firewall";
    };
  }
}
