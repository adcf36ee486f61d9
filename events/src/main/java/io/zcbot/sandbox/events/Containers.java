/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** Containers and workers in the fields of an event. */
final class Containers {
  private Containers() {}

  static void write(Site site, FieldWriter out) {
    if (site instanceof ContainerRef container) {
      out.text("container_name", container.name()).text("container_id", container.id());
    }
    out.text("host", site.host()).text("worker_id", site.workerId());
  }

  static ContainerRef read(Fields in) throws EventFormatException {
    return new ContainerRef(
        in.text("container_name"), in.text("container_id"), in.text("host"), in.text("worker_id"));
  }

  /** A container if there is one. */
  static Site readSite(Fields in) throws EventFormatException {
    return in.has("container_id") || in.has("container_name")
        ? read(in)
        : new WorkerRef(in.text("host"), in.text("worker_id"));
  }
}
