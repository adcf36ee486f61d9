/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.model.Event;
import com.github.dockerjava.api.model.EventActor;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Recent;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.command.RunnerExec;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads the engine's event stream and passes on the events that concern sandboxes and slots.
 *
 * <p>Events that the worker itself causes are dropped: the start of a runner or an entrance is no
 * use of a sandbox, and the rename of a slot is its claim.
 */
final class EngineWatch {
  private static final Map<String, List<String>> FILTERS =
      Map.of(
          "type", List.of("container"),
          "label", List.of(SandboxLabels.PRODUCT + "=" + SandboxLabels.PRODUCT_SANDBOX),
          "event", List.of("die", "destroy", "pause", "rename", "exec_start", "exec_die"));

  private static final int MOST_OWN_EXECS = 1024;

  private final EngineCalls calls;
  private final ObjectMapper json;
  private final String workerId;

  /**
   * Ids of running execs that the worker started itself (runners and slots' entrances). The oldest
   * is forgotten first.
   */
  private final Set<String> ownExecs = Collections.synchronizedSet(Recent.set(MOST_OWN_EXECS));

  EngineWatch(EngineCalls calls, ObjectMapper json, String workerId) {
    this.calls = calls;
    this.json = json;
    this.workerId = workerId;
  }

  /**
   * Reads events until the thread is interrupted; then returns with the interrupt status set. Any
   * other end of the stream is an exception.
   *
   * @param since events from this instant on are read, so that none is missed across a reconnect
   * @param connected called on the reader's thread once the engine streams events
   * @param events called on the reader's thread for each event
   */
  void run(Instant since, Runnable connected, Consumer<EngineEvent> events) throws EngineException {
    try (EngineStream<Boolean> stream =
        EngineStream.open(
            calls,
            Operation.EVENTS,
            requests -> requests.events(since, FILTERS),
            body -> {
              connected.run();
              read(body, events);
              return true;
            })) {
      try {
        stream.outcome().get();
        stream.broke();
        throw calls.failure(Operation.EVENTS, new EOFException("the engine ended the stream"));
      } catch (ExecutionException e) {
        stream.broke();
        Throwable cause = e.getCause();
        throw calls.failure(Operation.EVENTS, cause == null ? e : cause);
      } catch (InterruptedException e) {
        stream.stop();
        throw e;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (EngineException e) {
      if (!Thread.currentThread().isInterrupted()) {
        throw e;
      }
    }
  }

  private void read(InputStream body, Consumer<EngineEvent> events) throws IOException {
    try (MappingIterator<Event> iterator = json.readerFor(Event.class).readValues(body)) {
      while (iterator.hasNextValue()) {
        EngineEvent event = toEvent(iterator.nextValue());
        if (event != null) {
          events.accept(event);
        }
      }
    }
  }

  private @Nullable EngineEvent toEvent(Event event) {
    EventActor actor = event.getActor();
    EngineEvent.Kind kind = kind(event.getAction());
    Long nanos = event.getTimeNano();
    if (actor == null || kind == null || nanos == null || actor.getId() == null) {
      return null;
    }
    // the engine puts a container's labels among the attributes
    Map<String, String> attributes = actor.getAttributes();
    if (attributes == null) {
      return null;
    }
    boolean own =
        kind == EngineEvent.Kind.EXEC && isOwn(event.getAction(), attributes.get("execID"));
    Ownership ownership = SandboxLabels.ownership(attributes, attributes.get("name"), workerId);
    UserId user = ownership.user();
    boolean slot = ownership.slotId() != null;
    if (user == null) {
      // a claimed slot that was renamed again: its previous name still tells its user
      user = SandboxLabels.ownership(attributes, oldName(attributes), workerId).user();
    } else if (slot && kind == EngineEvent.Kind.RENAMED) {
      return null; // the worker's own claim
    }
    if (user == null && !slot) {
      return null;
    }
    // The end of an idle slot's entrance is reported, because the slot is useless without it.
    if (own && (user != null || RunnerExec.isStartOfOwn(event.getAction()))) {
      return null;
    }
    return new EngineEvent(
        kind,
        user,
        actor.getId(),
        Instant.ofEpochSecond(0, nanos),
        kind == EngineEvent.Kind.DIED ? number(attributes.get("exitCode")) : null);
  }

  /**
   * Whether an exec event is of an exec that the worker started. Only the start event has the
   * command line, so the id is remembered until the end event.
   */
  private boolean isOwn(@Nullable String action, @Nullable String execId) {
    if (!RunnerExec.isStartOfOwn(action)) {
      return execId != null && ownExecs.remove(execId);
    }
    if (execId != null) {
      ownExecs.add(execId);
    }
    return true;
  }

  private static @Nullable String oldName(Map<String, String> attributes) {
    String name = attributes.get("oldName");
    return name != null && name.startsWith("/") ? name.substring(1) : name;
  }

  /**
   * Returns the event's kind, or null if it is of no interest. The action of an exec contains its
   * command: {@code exec_start: bash -c ls}.
   */
  private static EngineEvent.@Nullable Kind kind(@Nullable String action) {
    if (action == null) {
      return null;
    }
    int colon = action.indexOf(':');
    return switch (colon < 0 ? action : action.substring(0, colon)) {
      case "die" -> EngineEvent.Kind.DIED;
      case "destroy" -> EngineEvent.Kind.DESTROYED;
      case "pause" -> EngineEvent.Kind.PAUSED;
      case "rename" -> EngineEvent.Kind.RENAMED;
      case "exec_start", "exec_die" -> EngineEvent.Kind.EXEC;
      default -> null;
    };
  }

  private static @Nullable Integer number(@Nullable String text) {
    try {
      return text == null ? null : Integer.valueOf(text);
    } catch (NumberFormatException e) {
      return null;
    }
  }
}
