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
   * What of a sandbox is not as the spec says; empty if all is.
   *
   * @param answer the engine's description of it
   * @param slotId the slot it was made as, if any
   * @param workspace of the user; that of a claimed slot is mounted on the slot's directory
   */
  List<String> differences(JsonNode answer, @Nullable String slotId, UserId user, Path workspace)
      throws EngineException, IOException;

  /**
   * The same for a slot, claimed or not, which has its own directory mounted.
   *
   * @param probed is mounted in one that is only looked at
   */
  List<String> slotDifferences(JsonNode answer, String slotId, Path directory, Path probed)
      throws EngineException, IOException;
}
