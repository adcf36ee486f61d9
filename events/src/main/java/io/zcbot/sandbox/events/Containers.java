/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** The fields that name a container. */
final class Containers {
  private Containers() {}

  static void write(ContainerRef container, FieldWriter out) {
    out.text("container_name", container.name())
        .text("container_id", container.id())
        .text("host", container.host())
        .text("worker_id", container.workerId());
  }

  static ContainerRef read(Fields in) throws EventFormatException {
    return new ContainerRef(
        in.text("container_name"), in.text("container_id"), in.text("host"), in.text("worker_id"));
  }
}
