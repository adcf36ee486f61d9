/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.client.ClientOverloadedException;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandLostException;
import io.zcbot.sandbox.client.CommandNotRunningException;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.InvalidRequestException;
import io.zcbot.sandbox.client.RunningCommand;
import io.zcbot.sandbox.client.RunningEntry;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.gateway.BodyMemory;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.e2b.Connect.Stream;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * E2B's {@code process.Process}: starts commands in a sandbox, lists them, and passes their input
 * and output. Processes are known by their ids in the sandbox. What another gateway started is
 * found in the log.
 */
final class Processes {
  /** The home that clients of E2B know; in a sandbox it is the workspace. */
  static final String HOME = "/home/user";

  static final String USER = "user";

  /**
   * Carries a process's tag from its exec to its lists. Runners leave variables of this prefix out.
   */
  private static final String TAG = "ZCBOT_E2B_TAG";

  /** How long a command may take to start. */
  private static final Duration START = Duration.ofSeconds(50);

  /** How long a process that has ended can still be connected to, by this gateway's clients. */
  private static final Duration AFTER_END = Duration.ofSeconds(30);

  /** How long a process that this gateway has not started is followed without being used. */
  private static final Duration UNUSED = Duration.ofSeconds(10);

  private static final Duration KEEP_ALIVE = Duration.ofSeconds(90);
  private static final ObjectNode NOTHING = Json.MAPPER.createObjectNode();
  private static final long MAX_MILLIS = Duration.ofDays(365).toMillis();

  private final Sandboxes sandboxes;
  private final GatewayOptions options;

  /** The processes that streams of this gateway follow. All of it is in the log as well. */
  private final ConcurrentHashMap<Key, LiveProcess> followed = new ConcurrentHashMap<>();

  private record Key(String containerId, int pid) {}

  Processes(Sandboxes sandboxes, GatewayOptions options) {
    this.sandboxes = sandboxes;
    this.options = options;
  }

  /**
   * Serves {@code Start}.
   *
   * @param place is closed when the command has ended
   */
  void start(
      SandboxView sandbox, ServerRequest request, ServerResponse response, ApiKeys.Place place) {
    boolean[] isBegun = {false};
    try {
      streamed(
          request, response, (stream, in) -> start(sandbox, request, stream, in, place, isBegun));
    } finally {
      if (!isBegun[0]) {
        place.close();
      }
    }
  }

  private void start(
      SandboxView sandbox,
      ServerRequest request,
      Stream stream,
      ObjectNode in,
      ApiKeys.Place place,
      boolean[] isBegun)
      throws InterruptedException {
    long startedAt = System.nanoTime();
    Duration timeout = timeout(request);
    LiveProcess process = sandboxes.brokers().use(() -> begin(sandbox, in, timeout));
    LiveProcess.Follower follower = process.follow(stream);
    Thread.ofVirtual().name("process").start(() -> readToEnd(sandbox, process, place));
    isBegun[0] = true;
    Duration left = timeout == null ? null : timeout.minusNanos(System.nanoTime() - startedAt);
    if (!passOn(request, stream, process, follower, left)) {
      process.signal(CommandSignal.KILL);
      throw new ConnectException(
          Code.DEADLINE_EXCEEDED, "the command reached its time-out and was killed");
    }
  }

  /** Serves {@code Connect}: output from now on. */
  void connect(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    streamed(
        request,
        response,
        (stream, in) -> {
          LiveProcess process = sandboxes.brokers().use(() -> find(sandbox, in.path("process")));
          LiveProcess.Follower follower = process.follow(stream);
          if (!passOn(request, stream, process, follower, timeout(request))) {
            throw new ConnectException(Code.DEADLINE_EXCEEDED, "the stream reached its time-out");
          }
        });
  }

  /** Serves {@code List}. */
  ObjectNode list(SandboxView sandbox) throws InterruptedException {
    ObjectNode answer = Json.MAPPER.createObjectNode();
    ArrayNode processes = answer.putArray("processes");
    for (RunningEntry entry : entries(sandbox)) {
      Exec exec = entry.exec();
      if (entry.pid().isPresent() && exec != null) {
        ObjectNode process = processes.addObject().put("pid", entry.pid().getAsInt());
        process.set("config", config(exec));
        String tag = exec.environment().get(TAG);
        if (tag != null) {
          process.put("tag", tag);
        }
      }
    }
    return answer;
  }

  private List<RunningEntry> entries(SandboxView sandbox) throws InterruptedException {
    return sandboxes.of(sandbox).commands();
  }

  private static ObjectNode config(Exec exec) {
    List<String> arguments = exec.program().arguments();
    ObjectNode config = Json.MAPPER.createObjectNode().put("cmd", arguments.getFirst());
    ArrayNode args = config.putArray("args");
    arguments.stream().skip(1).forEach(args::add);
    ObjectNode envs = config.putObject("envs");
    exec.environment()
        .forEach(
            (name, value) -> {
              if (!name.startsWith("ZCBOT_")) {
                envs.put(name, value);
              }
            });
    if (exec.directory() != null) {
      config.put("cwd", exec.directory());
    }
    return config;
  }

  /** Serves {@code SendInput}. */
  ObjectNode sendInput(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    byte[] bytes = input(in.path("input"));
    find(sandbox, in.path("process")).write(bytes);
    return Json.MAPPER.createObjectNode();
  }

  /** Serves {@code StreamInput}: the first message names the process, the others have its input. */
  void streamInput(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    Codec codec = Codec.of(request);
    Stream stream = new Stream(response, codec);
    answered(
        stream,
        () -> {
          BodyMemory.Part room = BodyMemory.of(request);
          try (InputStream in = request.content().inputStream()) {
            ObjectNode message = Connect.next(in, codec, room);
            JsonNode selector = message == null ? NOTHING : message.path("start").path("process");
            LiveProcess process = sandboxes.brokers().use(() -> find(sandbox, selector));
            for (message = Connect.next(in, codec, room);
                message != null;
                message = Connect.next(in, codec, room)) {
              if (!process.use()) { // it was left meanwhile
                process = sandboxes.brokers().use(() -> find(sandbox, selector));
              }
              process.write(input(message.path("data").path("input")));
            }
          } catch (IOException e) {
            throw Connect.unreadable(e);
          }
          stream.send(Json.MAPPER.createObjectNode());
        });
  }

  private static byte[] input(JsonNode input) {
    return bytes(input.has("pty") ? input.path("pty") : input.path("stdin"));
  }

  private static byte[] bytes(JsonNode node) {
    try {
      byte[] bytes = node.isMissingNode() || node.isNull() ? new byte[0] : node.binaryValue();
      if (bytes != null) { // as it is for a number
        return bytes;
      }
    } catch (IOException e) {
      // told below
    }
    throw new ConnectException(Code.INVALID_ARGUMENT, "input is not base64");
  }

  /** Serves {@code CloseStdin}. */
  ObjectNode closeStdin(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    find(sandbox, in.path("process")).closeInput();
    return Json.MAPPER.createObjectNode();
  }

  /** Serves {@code SendSignal}. */
  ObjectNode sendSignal(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    CommandSignal signal =
        switch (in.path("signal").asText()) {
          case "SIGNAL_SIGTERM", "15" -> CommandSignal.TERM;
          case "SIGNAL_SIGKILL", "9" -> CommandSignal.KILL;
          default ->
              throw new ConnectException(
                  Code.INVALID_ARGUMENT, "signal must be SIGNAL_SIGTERM or SIGNAL_SIGKILL");
        };
    JsonNode selector = in.path("process");
    LiveProcess known = known(sandbox, selector);
    if (known != null && known.use()) {
      known.signal(signal);
    } else {
      RunningEntry entry = entry(sandbox, selector).orElseThrow(() -> notFound(selector));
      sandboxes.of(sandbox).signal(entry.execId(), signal);
    }
    return Json.MAPPER.createObjectNode();
  }

  /** Serves {@code Update}: another size of the terminal. */
  ObjectNode update(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    JsonNode size = in.path("pty").path("size");
    LiveProcess process = find(sandbox, in.path("process"));
    if (!size.isMissingNode()) {
      TerminalSize wanted = size(size);
      process.resize(wanted.columns(), wanted.rows());
    }
    return Json.MAPPER.createObjectNode();
  }

  private static TerminalSize size(JsonNode size) {
    try {
      return new TerminalSize(size.path("cols").asInt(80), size.path("rows").asInt(24));
    } catch (IllegalArgumentException e) {
      throw new ConnectException(Code.INVALID_ARGUMENT, "pty.size: " + e.getMessage());
    }
  }

  /** What a stream has to say. An {@link UncheckedIOException} means that its client is gone. */
  interface Talk {
    void talk(Stream stream, ObjectNode message) throws InterruptedException;
  }

  /** Answers the only message of a request with a stream. */
  static void streamed(ServerRequest request, ServerResponse response, Talk talk) {
    Codec codec = Codec.of(request);
    Stream stream = new Stream(response, codec);
    answered(stream, () -> talk.talk(stream, Connect.streamed(request, codec)));
  }

  private static void answered(Stream stream, Conversation conversation) {
    try {
      end(stream, conversation);
    } catch (UncheckedIOException e) {
      // The client is gone. Its command goes on.
    }
  }

  private interface Conversation {
    void hold() throws InterruptedException;
  }

  private static void end(Stream stream, Conversation conversation) {
    try {
      conversation.hold();
      stream.end(null);
    } catch (ConnectException e) {
      stream.end(e);
    } catch (E2bException e) {
      stream.end(
          new ConnectException(
              e.status() == 503 ? Code.UNAVAILABLE : Code.INVALID_ARGUMENT, e.text()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      stream.end(new ConnectException(Code.UNAVAILABLE, "the gateway is stopping"));
    } catch (SandboxException e) {
      stream.end(failure(e));
    }
  }

  /** Returns how a failure of a command or of Kafka is told. */
  static ConnectException failure(SandboxException e) {
    String text = String.valueOf(e.getMessage());
    if (e instanceof CommandNotStartedException failed) {
      return failed.reason() == Exited.Reason.NO_SANDBOX
          ? new ConnectException(Code.UNAVAILABLE, "The sandbox was not found")
          : new ConnectException(
              failed.isRetryable() ? Code.RESOURCE_EXHAUSTED : Code.INVALID_ARGUMENT, text);
    }
    if (e instanceof CommandNotRunningException) {
      return new ConnectException(Code.NOT_FOUND, text);
    }
    if (e instanceof CommandTimeoutException) {
      return new ConnectException(Code.DEADLINE_EXCEEDED, text);
    }
    if (e instanceof CommandLostException lost && lost.reason() == Exited.Reason.SANDBOX_GONE) {
      return new ConnectException(
          Code.UNAVAILABLE, "the sandbox was killed or reached its end of life");
    }
    if (e instanceof ClientOverloadedException) {
      return new ConnectException(Code.RESOURCE_EXHAUSTED, text, 1);
    }
    if (e instanceof InvalidRequestException) {
      return new ConnectException(Code.INVALID_ARGUMENT, text);
    }
    return new ConnectException(
        Sandboxes.unavailable(e).status() == 503 ? Code.UNAVAILABLE : Code.INTERNAL, text);
  }

  /** Starts the command of a request, and waits until its program was executed. */
  private LiveProcess begin(SandboxView sandbox, ObjectNode in, @Nullable Duration timeout)
      throws InterruptedException {
    JsonNode pty = in.path("pty");
    boolean hasTerminal = !pty.isMissingNode() && !pty.isNull();
    boolean hasInput = hasTerminal || Json.flag(in, "stdin", true);
    Command command = command(sandbox, in, timeout);
    if (hasTerminal) {
      command = command.terminal(size(pty.path("size")));
    }
    if (hasInput) {
      command = command.openStdin();
    }
    RunningCommand running = sandboxes.of(sandbox).start(command);
    LiveProcess process = null;
    try {
      OptionalInt pid = running.awaitStart(START);
      if (pid.isEmpty()) {
        var _ = running.await(); // tells why
        throw new ConnectException(Code.INTERNAL, "the command ended, but its start is not known");
      }
      process =
          new LiveProcess(running, pid.getAsInt(), hasTerminal, hasInput ? running.stdin() : null);
    } finally {
      if (process == null) {
        running.close();
      }
    }
    followed.put(new Key(sandbox.containerId(), process.pid()), process);
    return process;
  }

  private Command command(SandboxView sandbox, ObjectNode in, @Nullable Duration timeout) {
    JsonNode config = in.path("process");
    List<String> arguments = new ArrayList<>();
    arguments.add(Json.text(config, "cmd"));
    arguments.addAll(Json.list(config, "args"));
    String directory = directory(Json.optionalText(config, "cwd"));
    Command command =
        asUser(Command.of(arguments), sandbox, directory)
            .onlyInExistingSandbox()
            .announceStart()
            .withoutKeepingOutput()
            .maxOutput(Command.MAX_OUTPUT)
            .startWithin(START)
            .timeout(limit(timeout))
            .env(Json.texts(config, "envs"));
    String tag = Json.optionalText(in, "tag");
    return tag == null ? command : command.env(TAG, tag);
  }

  /** Gives a command the directory and the environment that clients of E2B expect. */
  static Command asUser(Command command, SandboxView sandbox, String directory) {
    return command
        .cwd(directory)
        .env("HOME", HOME)
        .env("USER", USER)
        .env("LOGNAME", USER)
        .env("PWD", directory)
        .env(sandbox.environment());
  }

  private static String directory(@Nullable String cwd) {
    if (cwd == null || cwd.isEmpty() || cwd.equals("~")) {
      return HOME;
    }
    if (cwd.startsWith("~/")) {
      return HOME + cwd.substring(1);
    }
    return cwd.startsWith("/") ? cwd : HOME + "/" + cwd;
  }

  /** Returns the time-out of a request; null if it has none. */
  static @Nullable Duration timeout(ServerRequest request) {
    String text = request.headers().first(HeaderNames.create("Connect-Timeout-Ms")).orElse(null);
    if (text == null) {
      return null;
    }
    try {
      long millis = Long.parseLong(text);
      if (millis >= 0) {
        return millis == 0 ? null : Duration.ofMillis(Math.min(millis, MAX_MILLIS));
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new ConnectException(
        Code.INVALID_ARGUMENT, "Connect-Timeout-Ms is not a number of milliseconds");
  }

  /** A command without a time-out may run as long as workers allow; its sandbox's end ends it. */
  private Duration limit(@Nullable Duration timeout) {
    Duration longest = options.longestCommand();
    return timeout == null || timeout.compareTo(longest) > 0 ? longest : timeout;
  }

  /** Reads a process's output while it runs, and keeps it findable for a while. */
  private void readToEnd(SandboxView sandbox, LiveProcess process, ApiKeys.Place place) {
    Key key = new Key(sandbox.containerId(), process.pid());
    try {
      try (place) {
        process.run();
      }
      if (!process.isLeft()) {
        Thread.sleep(AFTER_END);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      boolean _ = followed.remove(key, process);
    }
  }

  /**
   * Waits until the process has ended, which it then tells, or the client is gone.
   *
   * @return false if the time was over before
   */
  private static boolean passOn(
      ServerRequest request,
      Stream stream,
      LiveProcess process,
      LiveProcess.Follower follower,
      @Nullable Duration timeout)
      throws InterruptedException {
    Duration keepAlive = keepAlive(request);
    long startedAt = System.nanoTime();
    try {
      while (true) {
        Duration silence = Duration.ofNanos(System.nanoTime() - stream.sentAt());
        Duration wait = keepAlive.minus(silence);
        if (timeout != null) {
          Duration left = timeout.minusNanos(System.nanoTime() - startedAt);
          if (!left.isPositive()) {
            return false;
          }
          wait = wait.compareTo(left) < 0 ? wait : left;
        }
        if (follower.await(wait)) {
          if (process.isEnded()) {
            stream.send(process.endEvent());
          }
          return true;
        }
        if (System.nanoTime() - stream.sentAt() >= keepAlive.toNanos()) {
          ObjectNode event = Json.MAPPER.createObjectNode();
          event.putObject("event").putObject("keepalive");
          stream.send(event);
        }
      }
    } finally {
      follower.leave();
    }
  }

  static Duration keepAlive(ServerRequest request) {
    try {
      return request
          .headers()
          .first(HeaderNames.create("Keepalive-Ping-Interval"))
          .map(text -> Duration.ofSeconds(Math.clamp(Long.parseLong(text), 1, 3600)))
          .orElse(KEEP_ALIVE);
    } catch (NumberFormatException e) {
      return KEEP_ALIVE;
    }
  }

  /** Returns the process that a selector names, whichever gateway started it. */
  private LiveProcess find(SandboxView sandbox, JsonNode selector) throws InterruptedException {
    LiveProcess known = known(sandbox, selector);
    if (known != null && known.use()) {
      return known;
    }
    Optional<RunningEntry> entry = entry(sandbox, selector);
    if (entry.isPresent()) {
      return adopt(sandbox, entry.get());
    }
    if (known != null) { // and its id is of no other process yet
      return known;
    }
    throw notFound(selector);
  }

  /** Returns the process that this gateway has followed last under a selector's pid. */
  private @Nullable LiveProcess known(SandboxView sandbox, JsonNode selector) {
    Long pid = Json.optionalNumber(selector, "pid");
    if (Json.optionalText(selector, "tag") == null
        && (pid == null || pid <= 0 || pid > Integer.MAX_VALUE)) {
      throw new ConnectException(Code.INVALID_ARGUMENT, "process: pid or tag is missing");
    }
    return pid == null ? null : followed.get(new Key(sandbox.containerId(), pid.intValue()));
  }

  /** Returns the running process that a selector names. */
  private Optional<RunningEntry> entry(SandboxView sandbox, JsonNode selector)
      throws InterruptedException {
    String tag = Json.optionalText(selector, "tag");
    Long pid = Json.optionalNumber(selector, "pid");
    return entries(sandbox).stream().filter(entry -> isMeant(entry, pid, tag)).findFirst();
  }

  private static boolean isMeant(RunningEntry entry, @Nullable Long pid, @Nullable String tag) {
    Exec exec = entry.exec();
    if (exec == null || entry.pid().isEmpty()) {
      return false;
    }
    return tag == null
        ? pid != null && entry.pid().getAsInt() == pid
        : tag.equals(exec.environment().get(TAG));
  }

  private static ConnectException notFound(JsonNode selector) {
    String tag = Json.optionalText(selector, "tag");
    String name = tag == null ? "pid " + selector.path("pid").asText() : "tag " + tag;
    return new ConnectException(Code.NOT_FOUND, "process with " + name + " not found");
  }

  /**
   * Follows a process that another gateway started, or that this one started before it restarted,
   * as long as it is used.
   */
  private LiveProcess adopt(SandboxView sandbox, RunningEntry entry) throws InterruptedException {
    int pid = entry.pid().getAsInt();
    Key key = new Key(sandbox.containerId(), pid);
    LiveProcess known = followed.get(key);
    if (known != null && isSame(known, entry.execId())) {
      return known;
    }
    RunningCommand running = sandboxes.of(sandbox).attach(entry.execId());
    Exec exec = entry.exec();
    boolean hasInput = exec != null && exec.inputFollows();
    LiveProcess process =
        new LiveProcess(
            running,
            pid,
            exec != null && exec.terminal() != null,
            hasInput ? running.stdin() : null);
    LiveProcess kept =
        followed.merge(key, process, (old, own) -> isSame(old, own.execId()) ? old : own);
    if (kept == process) {
      Thread.ofVirtual().name("process").start(() -> readToEnd(sandbox, process, () -> {}));
      Thread.ofVirtual().name("unused").start(() -> leaveWhenUnused(process));
    } else { // another request was faster
      running.detach();
    }
    return kept;
  }

  private static boolean isSame(LiveProcess known, String execId) {
    return known.execId().equals(execId) && !known.isLeft();
  }

  /** Leaves a process once nobody uses it, since it takes the room of others. */
  private static void leaveWhenUnused(LiveProcess process) {
    try {
      while (!process.isEnded()) {
        process.awaitEnd(UNUSED);
        process.leaveIfUnused(UNUSED);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
