/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Compares what the engine reports about a container with its spec. */
public interface SpecComparison {
  /**
   * Returns how a sandbox differs from the spec; empty if it does not.
   *
   * @param answer the engine's description of the container
   * @param slotId the slot that it was created as; null if it was created for the user
   * @param workspace the user's workspace; in a claimed slot it is mounted on the slot's directory
   */
  List<String> differences(JsonNode answer, @Nullable String slotId, UserId user, Path workspace)
      throws EngineException, IOException;

  /**
   * Returns how a slot, claimed or not, differs from the spec; empty if it does not.
   *
   * @param directory the slot's directory, which should be mounted in it
   * @param probed the directory that is mounted in a reference container
   */
  List<String> slotDifferences(JsonNode answer, String slotId, Path directory, Path probed)
      throws EngineException, IOException;
}
