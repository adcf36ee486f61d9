/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import org.jspecify.annotations.Nullable;

/** Where a command ran: a container, or, if the command never started, the worker that answers. */
public sealed interface Site permits ContainerRef, WorkerRef {
  /** Returns the name of the host. */
  String host();

  /** Returns the id of the worker. */
  String workerId();

  /** Returns the container's id; null if the command never started. */
  default @Nullable String containerId() {
    return this instanceof ContainerRef container ? container.id() : null;
  }
}
