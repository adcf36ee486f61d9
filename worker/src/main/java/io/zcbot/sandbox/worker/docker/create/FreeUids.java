/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Users that no container on the engine has. Which ones are taken is known from the containers'
 * labels, those of all workers included, and is stored nowhere else.
 */
final class FreeUids {
  private static final long BEING_CREATED = Long.MAX_VALUE;

  private final EngineCalls calls;
  private final SandboxUids uids;

  /** Where the search begins: workers that share a range rarely want the same ones. */
  private final int start;

  /** Those of creates that a listing may not show yet, and when they ended. */
  private final Map<Integer, Long> taken = new HashMap<>();

  FreeUids(EngineCalls calls, SandboxUids uids, String workerId) {
    this.calls = calls;
    this.uids = uids;
    this.start = Math.floorMod(workerId.hashCode() * 0x9E3779B9, uids.size());
  }

  /** A user that nothing else gets, until this is closed or the engine lists who has it. */
  final class Taken implements AutoCloseable {
    private final int number;

    private Taken(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    @Override
    public void close() {
      if (!uids.isShared()) {
        created(number);
      }
    }
  }

  Taken take() throws EngineException {
    if (uids.isShared()) {
      return new Taken(uids.first());
    }
    long asked = System.nanoTime();
    return new Taken(pick(listed(), asked));
  }

  private synchronized int pick(Set<Integer> listed, long asked) throws EngineException {
    // A create that ended before the engine was asked is in its answer, or came to nothing.
    taken.values().removeIf(ended -> ended != BEING_CREATED && ended - asked < 0);
    for (int i = 0; i < uids.size(); i++) {
      int uid = uids.first() + (start + i) % uids.size();
      if (!listed.contains(uid) && taken.putIfAbsent(uid, BEING_CREATED) == null) {
        return uid;
      }
    }
    throw EngineErrors.exception(
        Kind.REJECTED,
        Operation.CREATE,
        "all users of the range " + uids + " have a sandbox on this engine",
        "choose a larger range in ZCBOT_SANDBOX_UIDS, or remove containers that are left",
        null);
  }

  private synchronized void created(int uid) {
    taken.put(uid, System.nanoTime());
  }

  private Set<Integer> listed() throws EngineException {
    return calls.call(
        Operation.LIST,
        engine -> {
          Set<Integer> numbers = new HashSet<>();
          for (var container :
              engine
                  .docker()
                  .listContainersCmd()
                  .withShowAll(true)
                  .withLabelFilter(List.of(SandboxLabels.UID))
                  .exec()) {
            Map<String, String> labels = container.getLabels();
            String uid = labels == null ? null : labels.get(SandboxLabels.UID);
            if (uid != null && uid.matches("[0-9]{1,9}")) {
              numbers.add(Integer.valueOf(uid));
            }
          }
          return numbers;
        });
  }
}
