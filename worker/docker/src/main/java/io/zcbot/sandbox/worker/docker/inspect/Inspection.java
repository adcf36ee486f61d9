/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.ContainerOwner;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.Verified;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Inspects containers and decides whether they conform to one spec. Remembers descriptions that
 * conform, so that an unchanged container need not be parsed again. Thread-safe.
 */
public final class Inspection {
  private static final Logger log = LoggerFactory.getLogger(Inspection.class);

  /**
   * Bound of the remembered descriptions; more than a host has sandboxes, at some hundred bytes
   * each.
   */
  private static final int MOST_KNOWN = 4096;

  private final Inspector inspector;
  private final SpecComparison spec;
  private final String specHash;
  private final ContainerOwner owner;
  private final KnownGood knownGood;

  public Inspection(
      Inspector inspector, SpecComparison spec, String specHash, ContainerOwner owner) {
    this.owner = owner;
    this.inspector = inspector;
    this.spec = spec;
    this.specHash = specHash;
    this.knownGood = new KnownGood(owner.workerId(), MOST_KNOWN);
  }

  /**
   * Inspects a user's sandbox and compares it with the spec; empty if there is none.
   *
   * @throws EngineException also if it belongs to a worker of another fleet, which serves the user
   */
  public Optional<Verified> verify(String nameOrId, UserId user, Path workspace)
      throws EngineException {
    return inspector.read(
        nameOrId,
        answer -> {
          Container known = knownGood.find(answer, user, workspace);
          if (known != null) {
            return new Verified(known, true);
          }
          JsonNode description = ContainerReading.parse(answer);
          Container container = inspector.reading().ofInspect(description);
          if (!container.isOurs()) {
            refuseIfOfAnotherFleet(container, description);
          }
          if (!container.isOurs() || !isOfSpec(container)) {
            return new Verified(container, false);
          }
          Verified verified =
              judged(
                  container, spec.differences(description, container.ourSlot(), user, workspace));
          if (verified.isAsSpecified()) {
            knownGood.add(answer, user, workspace, container);
          }
          return verified;
        });
  }

  private boolean isOfSpec(Container container) {
    return specHash.equals(container.specHash()) && owner.profile().equals(container.profile());
  }

  private void refuseIfOfAnotherFleet(Container container, JsonNode description)
      throws EngineException {
    String fleet = description.path("Config").path("Labels").path(SandboxLabels.FLEET).textValue();
    if (owner.fleet() != null && fleet != null && !fleet.equals(owner.fleet())) {
      throw new EngineException(
          EngineException.Kind.REJECTED,
          "inspect",
          ("container %s belongs to worker %s of another fleet (%s; this worker's is %s), which"
                  + " serves the same user on this engine; give each fleet an engine of its own, or,"
                  + " if that fleet is gone, run: docker rm -f %s")
              .formatted(
                  container.name(),
                  container.ownership().workerId(),
                  fleet,
                  owner.fleet(),
                  container.name()),
          null);
    }
  }

  /** Returns the user id that a container was created with, from its label. */
  public int uid(String containerId) throws EngineException {
    return inspector
        .read(containerId, answer -> ContainerReading.uid(ContainerReading.parse(answer)))
        .orElseThrow(
            () ->
                new EngineException(
                    EngineException.Kind.ABSENT, "inspect", "the container is gone", null));
  }

  /**
   * Inspects an idle slot and compares it with the spec; empty if there is none. If it conforms,
   * that is remembered, so that its claim needs no further comparison.
   *
   * @param directory the directory that should be mounted in it
   */
  public Optional<Verified> verifySlot(String containerId, Path directory) throws EngineException {
    return inspector.read(
        containerId,
        answer -> {
          JsonNode description = ContainerReading.parse(answer);
          Container container = inspector.reading().ofInspect(description);
          String slot = container.ourSlot();
          Verified verified =
              judged(
                  container,
                  slot == null || !isOfSpec(container)
                      ? List.of("its labels are not those of a slot of this spec")
                      : spec.slotDifferences(description, slot, directory, directory));
          if (verified.isAsSpecified()) {
            knownGood.addParked(answer, container, directory);
          }
          return verified;
        });
  }

  private static Verified judged(Container container, List<String> differences) {
    if (!differences.isEmpty()) {
      log.warn("Container {} differs from its spec: {}", container.id(), differences);
    }
    return new Verified(container, differences.isEmpty());
  }
}
