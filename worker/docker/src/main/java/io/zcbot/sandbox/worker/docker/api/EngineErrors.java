/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.exception.DockerException;
import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.net.ConnectException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Converts errors of the engine to {@link EngineException}s, by operation and HTTP status where
 * possible. Texts of messages change between engine versions and are used only where one status has
 * several meanings.
 */
public final class EngineErrors {
  private static final int MAX_MESSAGE = 1000;
  private static final Set<Operation> ANY = EnumSet.allOf(Operation.class);
  private static final int ANY_STATUS = 0;
  private static final Pattern MISSING_NETWORK = text("network \\S+ not found");
  private static final Pattern NO_CONNECTION =
      text("no such file or directory|permission denied|connection refused|too many open files");
  private static final String CHECK = "check that it runs there and that DOCKER_HOST is right";
  private static final Pattern NO_FILES = text("too many open files");
  private static final String RAISE = "raise the limit of open files of this process or its host";
  private static final Pattern NO_IPV6 = text("disable_ipv6");
  private static final ObjectMapper JSON = new ObjectMapper();

  /** In order: the first rule that matches decides. */
  private static final List<Rule> RULES =
      List.of(
          rule(
              ANY,
              ANY_STATUS,
              HostShortage.NO_DISK,
              Kind.CAPACITY,
              "free disk space on the engine's host"),
          rule(
              ANY,
              ANY_STATUS,
              "no available IPv4 addresses|exchange full|fully subnetted"
                  + "|could not find an available, non-overlapping",
              Kind.CAPACITY,
              "the sandbox network or the engine's address pools are full: remove containers and"
                  + " networks that are not needed, or lower ZCBOT_SANDBOX_MAX"),
          rule(
              ANY,
              ANY_STATUS,
              HostShortage.NO_MEMORY,
              Kind.CAPACITY,
              "the engine's host is out of memory, processes or file descriptors"),
          rule(
              ANY,
              ANY_STATUS,
              "(unknown or )?invalid runtime name",
              Kind.REJECTED,
              "register the runtime with the engine, or unset ZCBOT_SANDBOX_RUNTIME"),

          // A worker in a container must see its workspaces under the same path as the engine's
          // host. Retryable, because the worker creates the directory again before each attempt.
          rule(
              EnumSet.of(Operation.CREATE),
              ANY_STATUS,
              "bind source path does not exist",
              Kind.TRANSIENT,
              "the workspace must exist under the same path on the engine's host: if the worker"
                  + " runs in a container, mount the workspace root there under its own path"),
          rule(
              EnumSet.of(Operation.CREATE, Operation.START),
              404,
              MISSING_NETWORK,
              Kind.CONFLICT,
              "it is created again"),
          rule(
              EnumSet.of(Operation.CREATE),
              404,
              "no such image",
              Kind.IMAGE_MISSING,
              "build it (docker build -t NAME sandbox-image), or name another in"
                  + " ZCBOT_SANDBOX_IMAGE"),
          rule(EnumSet.of(Operation.CREATE), 404, "", Kind.REJECTED, ""),
          rule(EnumSet.of(Operation.CREATE), 409, "", Kind.CONFLICT, ""),
          rule(EnumSet.of(Operation.START), ANY_STATUS, NO_IPV6, Kind.CONFLICT, "it is recreated"),
          rule(
              EnumSet.of(Operation.START),
              ANY_STATUS,
              "executable file not found|exec format error",
              Kind.REJECTED,
              "the image can't be executed: build it from sandbox-image"),
          rule(
              EnumSet.of(Operation.START),
              ANY_STATUS,
              "io(\\.bfq)?\\.weight",
              Kind.REJECTED,
              "the kernel of the engine's host does not support I/O weights: load its module bfq,"
                  + " or unset ZCBOT_SANDBOX_IO_WEIGHT"),
          rule(
              EnumSet.of(Operation.START),
              400,
              "",
              Kind.REJECTED,
              "if the cause is the entry point, build the image from sandbox-image"),
          rule(EnumSet.of(Operation.KILL), ANY_STATUS, "is not running", Kind.CONFLICT, ""),
          rule(
              EnumSet.of(Operation.REMOVE),
              500,
              "did not receive an exit event|unable to remove filesystem",
              Kind.TRANSIENT,
              "if this persists, check the engine's log and restart the engine"),
          rule(ANY, 404, "", Kind.ABSENT, ""),
          rule(ANY, 409, "", Kind.CONFLICT, ""),
          rule(ANY, 408, "", Kind.TRANSIENT, ""),
          rule(ANY, 429, "", Kind.TRANSIENT, ""));

  private EngineErrors() {}

  /**
   * Classifies what an engine call threw.
   *
   * @param address the engine's address, for messages
   * @throws RuntimeException {@code failure} itself if it is a bug rather than a failure of the
   *     engine
   */
  static EngineException classify(Operation operation, Throwable failure, String address) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof EngineException known) {
        return known;
      }
      if (t instanceof DockerException answered && answered.getHttpStatus() != 0) {
        return classify(operation, answered.getHttpStatus(), bodyOf(answered), failure, address);
      }
      if (t instanceof IOException) {
        boolean isOurs = NO_FILES.matcher(String.valueOf(t.getMessage())).find();
        return unanswered(operation, broken(t, address), isOurs ? RAISE : CHECK, failure);
      }
    }
    switch (failure) {
      case RuntimeException bug -> throw bug;
      case Error error -> throw error;
      default -> throw new IllegalStateException(operation + " failed unexpectedly", failure);
    }
  }

  /**
   * Classifies an unsuccessful response.
   *
   * @param body the response's body as the engine sent it
   */
  static EngineException classify(
      Operation operation, int status, String body, @Nullable Throwable cause, String address) {
    String said = messageIn(body);
    if (said == null && operation == Operation.ATTACH) {
      said = body; // the one error the engine writes as plain text
    }
    if (said == null) {
      // The engine explains its errors in JSON. A 404 from something else, such as a proxy in front
      // of an engine that is down, must not mean that a container is absent.
      return exception(
          Kind.TRANSIENT,
          operation,
          address + " answered " + status + " with an unexpected body: " + clean(body),
          "check DOCKER_HOST and any proxy between the worker and the engine",
          cause);
    }
    return refused(operation, status, said, cause);
  }

  /** Classifies a failure by the engine's status and message. */
  public static EngineException refused(
      Operation operation, int status, String said, @Nullable Throwable cause) {
    String problem = "the engine answered " + status + ": " + clean(said);
    for (Rule rule : RULES) {
      if (rule.matches(operation, status, said)) {
        return exception(rule.kind, operation, problem, rule.advice, cause);
      }
    }
    boolean refused = status >= 400 && status < 500;
    return exception(refused ? Kind.REJECTED : Kind.TRANSIENT, operation, problem, "", cause);
  }

  /** The failure of a call that the engine did not answer in time: its outcome is unknown. */
  static EngineException silent(
      Operation operation, String patience, String address, Throwable cause) {
    String problem = "no answer within " + patience + " from the engine at " + address;
    return unanswered(operation, problem, CHECK, cause);
  }

  private static String broken(Throwable t, String address) {
    String message = String.valueOf(t.getMessage());
    return t instanceof ConnectException || NO_CONNECTION.matcher(message).find()
        ? "could not connect to the engine at " + address + ": " + clean(message)
        : "the engine at " + address + " did not answer completely: " + describe(t);
  }

  /**
   * The failure of a call that was abandoned before the engine answered: its outcome is unknown.
   */
  public static EngineException unanswered(
      Operation operation, String problem, @Nullable Throwable cause) {
    return unanswered(operation, problem, "", cause);
  }

  private static EngineException unanswered(
      Operation operation, String problem, String advice, @Nullable Throwable cause) {
    return exception(Kind.UNAVAILABLE, operation, problem, advice, cause);
  }

  /** Creates an exception with a message of bounded length. Empty advice is left out. */
  public static EngineException exception(
      Kind kind, Operation operation, String problem, String advice, @Nullable Throwable cause) {
    String suffix = advice.isEmpty() ? "" : "; " + advice;
    return new EngineException(
        kind,
        operation.label(),
        bounded(problem, MAX_MESSAGE - operation.label().length() - 2 - suffix.length()) + suffix,
        cause);
  }

  /** Whether the engine refused because the container's network does not exist. */
  public static boolean isMissingNetwork(EngineException e) {
    return e.kind() == Kind.CONFLICT && MISSING_NETWORK.matcher(e.getMessage()).find();
  }

  /** Whether a start failed because the host's kernel has no IPv6 to disable. */
  public static boolean isMissingIpv6(EngineException e) {
    return e.kind() == Kind.CONFLICT && NO_IPV6.matcher(e.getMessage()).find();
  }

  /** Makes untrusted text safe for one line of a log or an event, and bounds its length. */
  public static String clean(String text) {
    return bounded(text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]+", " ").strip(), MAX_MESSAGE);
  }

  private static String bounded(String text, int length) {
    return text.length() <= length ? text : text.substring(0, Math.max(0, length - 1)) + "…";
  }

  /** Returns the engine's response body, without the "Status 404: " that docker-java prepends. */
  private static String bodyOf(DockerException e) {
    String message = String.valueOf(e.getMessage());
    String prefix = "Status " + e.getHttpStatus() + ": ";
    return message.startsWith(prefix) ? message.substring(prefix.length()) : message;
  }

  /** Returns a message in the JSON form of the engine's errors. */
  public static String bodyOf(String message) {
    return JSON.createObjectNode().put("message", message).toString();
  }

  private static @Nullable String messageIn(String body) {
    try {
      JsonNode message = JSON.readTree(body).get("message");
      return message == null || !message.isTextual() ? null : message.textValue();
    } catch (JsonProcessingException e) {
      return null;
    }
  }

  private static String describe(Throwable t) {
    String message = t.getMessage();
    String name = t.getClass().getSimpleName();
    return message == null ? name : name + ": " + clean(message);
  }

  private static Pattern text(String regex) {
    return Pattern.compile(regex, Pattern.CASE_INSENSITIVE);
  }

  private static Rule rule(
      Set<Operation> operations, int status, String text, Kind kind, String advice) {
    return new Rule(operations, status, text(text), kind, advice);
  }

  private static Rule rule(
      Set<Operation> operations, int status, Pattern text, Kind kind, String advice) {
    return new Rule(operations, status, text, kind, advice);
  }

  private record Rule(
      Set<Operation> operations, int status, Pattern text, Kind kind, String advice) {
    boolean matches(Operation operation, int answered, String said) {
      return operations.contains(operation)
          && (status == ANY_STATUS || status == answered)
          && text.matcher(said).find();
    }
  }
}
