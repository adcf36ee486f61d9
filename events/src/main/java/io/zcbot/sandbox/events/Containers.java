/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** Reads and writes the fields of an event that name a container or a worker. */
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

  /** Reads a container if the event names one, otherwise a worker. */
  static Site readSite(Fields in) throws EventFormatException {
    return in.has("container_id") || in.has("container_name")
        ? read(in)
        : new WorkerRef(in.text("host"), in.text("worker_id"));
  }
}
