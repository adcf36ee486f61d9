/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

/**
 * What a worker's JVM has allocated and collected so far.
 *
 * @param bytes allocated, with those of the look itself
 * @param full how often all of the heap was collected
 * @param look what a look allocates
 */
record GarbageCollections(double bytes, double full, double look) {
  static GarbageCollections of(WorkerProcess worker) throws Exception {
    double first = bytes(worker.metrics());
    WorkerProcess.Samples samples = worker.metrics();
    double bytes = bytes(samples);
    return new GarbageCollections(
        bytes,
        samples.sum("jvm_gc_pause_seconds_count", "action=\"end of major GC\""),
        bytes - first);
  }

  /** What the collector counted at its last collection, and what came since. */
  private static double bytes(WorkerProcess.Samples samples) {
    return samples.sum("jvm_gc_memory_allocated_bytes_total", "")
        + samples.sum("jvm_memory_used_bytes", "id=\"Eden Space\"");
  }

  /** The longest pause of the last minutes, in milliseconds. */
  static double longestPause(WorkerProcess worker) throws Exception {
    WorkerProcess.Samples samples = worker.metrics();
    return 1e3 * samples.most("jvm_gc_pause_seconds_max");
  }
}
