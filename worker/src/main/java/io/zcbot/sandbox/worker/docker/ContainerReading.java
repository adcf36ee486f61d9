package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.command.InspectContainerResponse.ContainerState;
import io.zcbot.sandbox.worker.sandbox.Container;
import io.zcbot.sandbox.worker.sandbox.Container.State;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads containers out of the engine's descriptions of them. */
final class ContainerReading {
  private ContainerReading() {}

  static Container ofInspect(@Nullable InspectContainerResponse body) throws IOException {
    InspectContainerResponse answer = required(body, "a body");
    ContainerState state = required(answer.getState(), "State");
    Map<String, String> labels = required(answer.getConfig(), "Config").getLabels();
    Long exitCode = state.getExitCodeLong();
    String name = withoutSlash(required(answer.getName(), "Name"));
    return new Container(
        required(answer.getId(), "Id"),
        name,
        state(state.getStatus()),
        SandboxLabels.owner(labels, name),
        labels == null ? null : labels.get(SandboxLabels.SPEC),
        instant(state.getStartedAt()),
        exitCode == null ? null : exitCode.intValue(),
        Boolean.TRUE.equals(state.getOOMKilled()),
        SandboxLabels.slot(labels));
  }

  static Container ofListing(com.github.dockerjava.api.model.Container answer) throws IOException {
    Map<String, String> labels = answer.getLabels();
    String name = ownName(answer.getNames());
    return new Container(
        required(answer.getId(), "Id"),
        name,
        state(answer.getState()),
        SandboxLabels.owner(labels, name),
        labels == null ? null : labels.get(SandboxLabels.SPEC),
        null,
        null,
        false,
        SandboxLabels.slot(labels));
  }

  private static State state(@Nullable String status) {
    return switch (status) {
      case "created" -> State.CREATED;
      case "running" -> State.RUNNING;
      case "paused" -> State.PAUSED;
      // exited, dead, removing; restarting, which ours never do, is of no use either
      case null, default -> State.ENDED;
    };
  }

  /** A container is also listed under the aliases that links give it; those have two slashes. */
  private static String ownName(String @Nullable [] names) {
    String own = "";
    if (names != null) {
      for (String name : names) {
        if (name.lastIndexOf('/') <= 0) {
          own = withoutSlash(name);
        }
      }
    }
    return own;
  }

  private static String withoutSlash(String name) {
    return name.startsWith("/") ? name.substring(1) : name;
  }

  /** The engine writes the year 1 for never. */
  private static @Nullable Instant instant(@Nullable String text) {
    if (text == null || text.isEmpty() || text.startsWith("0001-")) {
      return null;
    }
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      return null;
    }
  }

  /** An answer without it is half an answer. */
  private static <T> T required(@Nullable T value, String field) throws IOException {
    if (value == null) {
      throw new IOException("the engine described a container without " + field);
    }
    return value;
  }
}
