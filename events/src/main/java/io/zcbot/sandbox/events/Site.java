/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import org.jspecify.annotations.Nullable;

/** Where a command ran: in a container. If it never started: at the worker that says so. */
public sealed interface Site permits ContainerRef, WorkerRef {
  /** The machine. */
  String host();

  /** The worker that serves it. */
  String workerId();

  /** The container's id; null if it is at none. */
  default @Nullable String containerId() {
    return this instanceof ContainerRef container ? container.id() : null;
  }
}
