/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Who has had the processors so far: times in milliseconds, of all cores.
 *
 * @param all busy and idle
 * @param worker the worker's process
 * @param clients the measuring program and the broker
 * @param stolen by other guests of the machine's host
 */
record Processors(double all, double idle, double worker, double clients, double stolen) {
  private static final double MILLIS_PER_TICK = 10; // USER_HZ is 100 on every Linux
  private static final int IDLE = 4;
  private static final int IOWAIT = 5;
  private static final int STEAL = 8;
  private static final int GUEST = 9; // counted in user time already

  static Processors now(@Nullable WorkerProcess worker) throws IOException {
    String[] fields = Files.readAllLines(Path.of("/proc/stat")).getFirst().split(" +");
    double all = 0;
    for (int i = 1; i < GUEST; i++) {
      all += Double.parseDouble(fields[i]) * MILLIS_PER_TICK;
    }
    double idle =
        (Double.parseDouble(fields[IDLE]) + Double.parseDouble(fields[IOWAIT])) * MILLIS_PER_TICK;
    ProcessHandle self = ProcessHandle.current();
    double children =
        self.children()
            .filter(child -> worker == null || !child.equals(worker.jvm()))
            .mapToDouble(Processors::millis)
            .sum();
    return new Processors(
        all,
        idle,
        worker == null ? 0 : worker.processorMillis(),
        millis(self) + children,
        Double.parseDouble(fields[STEAL]) * MILLIS_PER_TICK);
  }

  private static double millis(ProcessHandle process) {
    return process.info().totalCpuDuration().map(spent -> (double) spent.toMillis()).orElse(0.0);
  }

  /** All but the clients' and nobody's: the worker, the engine, the sandboxes and the rest. */
  double ofWorkerAndEngine() {
    return all - idle - clients;
  }

  /** How much of them somebody had since an earlier instant, in percent. */
  double busySince(Processors before) {
    return 100 * (1 - (idle - before.idle) / (all - before.all));
  }

  /** Adds who had how much of them since an earlier instant, in percent. */
  static void add(String name, Processors before, Processors after, Rounds into) {
    double all = after.all - before.all;
    double idle = (after.idle - before.idle) / all;
    double worker = (after.worker - before.worker) / all;
    double clients = (after.clients - before.clients) / all;
    into.add(name + " worker", 100 * worker);
    into.add(name + " clients", 100 * clients);
    into.add(name + " idle", 100 * idle);
    into.add(name + " stolen", 100 * (after.stolen - before.stolen) / all);
    into.add(name + " engine", 100 * (1 - idle - worker - clients));
  }

  static String text(String name, Rounds rounds) {
    return "the worker had "
        + rounds.text(name + " worker", "%.0f")
        + " % of the processors, broker and measuring client "
        + rounds.text(name + " clients", "%.0f")
        + " %, the engine, its containers and the rest "
        + rounds.text(name + " engine", "%.0f")
        + " %, nobody "
        + rounds.text(name + " idle", "%.0f")
        + " %";
  }
}
