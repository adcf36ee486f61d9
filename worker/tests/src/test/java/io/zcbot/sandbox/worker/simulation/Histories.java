/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.Topic;
import java.nio.file.Path;
import java.util.function.BiFunction;

/** The entry point of a simulation from outside its class loader. */
public final class Histories implements BiFunction<String, Object[], Object[]> {
  /**
   * Runs one history.
   *
   * @param mutation the name of a mutation
   * @param seedAndRoot the seed and a directory for workspaces
   * @return a violation or null, the number of steps, and a trace that is the same for the same
   *     seed; null if the history was disturbed
   */
  @Override
  public Object[] apply(String mutation, Object[] seedAndRoot) {
    Mutations.active = Mutation.valueOf(mutation);
    try {
      Simulation simulation = new Simulation((Long) seedAndRoot[0], (Path) seedAndRoot[1]);
      String violation =
          seedAndRoot.length > 2
              ? simulation.runWithoutLeader(Topic.valueOf((String) seedAndRoot[2]))
              : simulation.run();
      return simulation.isDisturbed()
          ? null
          : new Object[] {violation, simulation.steps(), simulation.trace()};
    } catch (Exception e) {
      throw new IllegalStateException(e);
    } finally {
      Mutations.active = Mutation.NONE;
    }
  }
}
