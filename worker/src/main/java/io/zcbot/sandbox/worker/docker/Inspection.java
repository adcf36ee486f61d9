/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Looks at one container, and holds what the engine tells of it against its spec. */
final class Inspection {
  private static final Logger log = LoggerFactory.getLogger(Inspection.class);

  /** Some hundred bytes each; more than a host has sandboxes. */
  private static final int MOST_KNOWN = 4096;

  private final Lookups lookups;
  private final SandboxFactory making;
  private final KnownGood knownGood = new KnownGood(MOST_KNOWN);

  Inspection(Lookups lookups, SandboxFactory making) {
    this.lookups = lookups;
    this.making = making;
  }

  /** Empty if there is none. */
  Optional<Container> find(String nameOrId) throws EngineException {
    byte[] answer = inspectIfThere(nameOrId);
    try {
      return answer == null
          ? Optional.empty()
          : Optional.of(ContainerReading.ofInspect(ContainerReading.parse(answer)));
    } catch (IOException e) {
      throw EngineErrors.classify(Operation.INSPECT, e);
    }
  }

  /** Without a spec hash if it is not as the spec says. */
  Optional<Container> verify(String nameOrId, SandboxSpec spec, UserId user, Path workspace)
      throws EngineException {
    byte[] answer = inspectIfThere(nameOrId);
    if (answer == null) {
      return Optional.empty();
    }
    try {
      Container known = knownGood.find(answer, spec, user, workspace);
      if (known != null) {
        return Optional.of(known);
      }
      JsonNode description = ContainerReading.parse(answer);
      Container container = ContainerReading.ofInspect(description);
      if (!spec.hash().equals(container.specHash())) {
        return Optional.of(container);
      }
      List<String> differences = making.differences(description, container, spec, user, workspace);
      if (differences.isEmpty()) {
        knownGood.add(answer, spec, user, workspace, container);
      }
      return Optional.of(judged(container, differences));
    } catch (IOException e) {
      throw EngineErrors.classify(Operation.INSPECT, e);
    }
  }

  /**
   * The same for a parked slot; what was seen of it then need not be looked at again at its claim.
   *
   * @param directory what should be mounted in it
   */
  Optional<Container> verifySlot(String containerId, SandboxSpec spec, Path directory)
      throws EngineException {
    byte[] answer = inspectIfThere(containerId);
    if (answer == null) {
      return Optional.empty();
    }
    try {
      JsonNode description = ContainerReading.parse(answer);
      Container container = ContainerReading.ofInspect(description);
      Container.Slot slot = container.slot();
      List<String> differences =
          slot == null || !spec.hash().equals(container.specHash())
              ? List.of("it is labelled otherwise")
              : making.slotDifferences(description, spec, slot, directory, directory);
      if (differences.isEmpty()) {
        knownGood.addParked(answer, spec, container, directory);
      }
      return Optional.of(judged(container, differences));
    } catch (IOException e) {
      throw EngineErrors.classify(Operation.INSPECT, e);
    }
  }

  private static Container judged(Container container, List<String> differences) {
    if (differences.isEmpty()) {
      return container;
    }
    log.warn("Container {} is not as its spec says: {}", container.id(), differences);
    return container.withoutSpec();
  }

  /** Ids of the execs the engine still knows in it. */
  List<String> execs(String containerId) throws EngineException {
    try {
      List<String> ids = new ArrayList<>();
      ContainerReading.parse(inspect(containerId))
          .path("ExecIDs")
          .forEach(id -> ids.add(id.asText()));
      return ids;
    } catch (IOException e) {
      throw EngineErrors.classify(Operation.INSPECT, e);
    }
  }

  private byte @Nullable [] inspectIfThere(String nameOrId) throws EngineException {
    try {
      return inspect(nameOrId);
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return null;
      }
      throw e;
    }
  }

  private byte[] inspect(String nameOrId) throws EngineException {
    return lookups.ask(Operation.INSPECT, engine -> engine.requests().inspect(nameOrId));
  }
}
