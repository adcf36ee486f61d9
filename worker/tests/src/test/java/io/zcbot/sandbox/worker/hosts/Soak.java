/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** Runs the scenarios one after another, or one of them, for as long as requested: see bin/soak. */
public final class Soak {
  private Soak() {}

  /** Arguments: seed, minutes, scenarios, "all" or "list". */
  public static void main(String[] args) throws Exception {
    if (args[2].equals("list")) {
      Scenarios.ALL.keySet().forEach(System.out::println);
      return;
    }
    Random seeds = new Random(Long.parseLong(args[0]));
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(Long.parseLong(args[1]));
    List<String> names =
        args[2].equals("all") ? List.copyOf(Scenarios.ALL.keySet()) : List.of(args[2].split(","));
    List<String> verdicts = new ArrayList<>();
    int failed = 0;
    Field field = Field.shared();
    boolean first = true;
    do {
      for (String name : names) {
        // One scenario alone has the seed that was asked for: that is how a failure is repeated.
        long seed = first && names.size() == 1 ? Long.parseLong(args[0]) : seeds.nextInt(1 << 30);
        first = false;
        Trial trial = Scenarios.run(field, name, seed, System.out::println);
        boolean good = trial.violations().isEmpty();
        failed += good ? 0 : 1;
        verdicts.add(
            "%s %s  (bin/soak --scenario %s --seed %d)"
                .formatted(good ? "ok  " : "FAIL", name, name, seed));
        System.out.println(verdicts.getLast());
        if (System.nanoTime() > deadline && !args[1].equals("0")) {
          break;
        }
      }
    } while (System.nanoTime() < deadline);
    System.out.println("\nseed " + args[0]);
    verdicts.forEach(System.out::println);
    System.out.println(verdicts.size() - failed + " of " + verdicts.size() + " without violation");
    Field.closeShared();
    System.exit(failed == 0 ? 0 : 1);
  }
}
