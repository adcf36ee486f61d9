/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.zcbot.sandbox.worker.base.DiskSpace;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Gauges of the space for workspaces; NaN while it can't be measured. */
final class SpaceGauges {
  private final MeterRegistry registry;
  private final Supplier<@Nullable DiskSpace> space;

  private SpaceGauges(MeterRegistry registry, Supplier<@Nullable DiskSpace> space) {
    this.registry = registry;
    this.space = space;
  }

  static void register(MeterRegistry registry, Supplier<@Nullable DiskSpace> space) {
    SpaceGauges gauges = new SpaceGauges(registry, space);
    gauges.add("free.bytes", "Bytes that workspaces can still take", DiskSpace::freeBytes);
    gauges.add("size.bytes", "Size of the file system of the workspaces", DiskSpace::bytes);
    gauges.add("free.inodes", "Files that workspaces can still have", DiskSpace::freeInodes);
    gauges.add(
        "size.inodes",
        "Files that the file system of the workspaces can hold; 0 if that is not fixed",
        DiskSpace::inodes);
  }

  private void add(String name, String description, ToLongFunction<DiskSpace> value) {
    Gauge.builder("zcbot.workspaces." + name, () -> valueOf(value))
        .description(description)
        .strongReference(true)
        .register(registry);
  }

  private double valueOf(ToLongFunction<DiskSpace> value) {
    DiskSpace now = space.get();
    return now == null ? Double.NaN : value.applyAsLong(now);
  }
}
