/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import io.zcbot.sandbox.gateway.files.FileEvent;
import io.zcbot.sandbox.gateway.files.SandboxFileSystem;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException;
import io.zcbot.sandbox.gateway.files.Watch;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** E2B's {@code filesystem.Filesystem}: looks at files, moves, removes and watches them. */
final class Filesystem {
  private final Sandboxes sandboxes;
  private final GatewayOptions options;

  Filesystem(Sandboxes sandboxes, GatewayOptions options) {
    this.sandboxes = sandboxes;
    this.options = options;
  }

  /** What is asked of the files of a sandbox. */
  private interface Question {
    ObjectNode answer(SandboxFileSystem files) throws InterruptedException;
  }

  private ObjectNode ask(SandboxView sandbox, Question question) throws InterruptedException {
    try {
      return question.answer(of(sandbox));
    } catch (SandboxFileSystemException e) {
      throw FileEntries.rpc(e);
    }
  }

  private SandboxFileSystem of(SandboxView sandbox) {
    return new SandboxFileSystem(sandboxes.of(sandbox), Processes.HOME);
  }

  ObjectNode stat(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String path = path(in, "path");
    return ask(sandbox, files -> entry(FileEntries.json(files.stat(path))));
  }

  ObjectNode makeDir(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String path = path(in, "path");
    return ask(sandbox, files -> entry(FileEntries.json(files.makeDir(path))));
  }

  ObjectNode move(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String source = path(in, "source");
    String destination = path(in, "destination");
    return ask(sandbox, files -> entry(FileEntries.json(files.move(source, destination))));
  }

  ObjectNode list(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String path = path(in, "path");
    Long depth = Json.optionalNumber(in, "depth");
    return ask(
        sandbox,
        files -> {
          ObjectNode answer = Json.MAPPER.createObjectNode();
          ArrayNode entries = answer.putArray("entries");
          files
              .list(path, depth == null ? 1 : depth)
              .forEach(info -> entries.add(FileEntries.json(info)));
          return answer;
        });
  }

  ObjectNode remove(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String path = path(in, "path");
    return ask(
        sandbox,
        files -> {
          files.remove(path);
          return Json.MAPPER.createObjectNode();
        });
  }

  private static String path(ObjectNode in, String field) {
    String path = Json.optionalText(in, field);
    if (path == null || path.isEmpty()) {
      throw new ConnectException(Code.INVALID_ARGUMENT, field + " is missing");
    }
    if (path.indexOf('\0') >= 0) {
      throw new ConnectException(Code.INVALID_ARGUMENT, field + " contains a NUL");
    }
    return path;
  }

  private static ObjectNode entry(ObjectNode entry) {
    ObjectNode answer = Json.MAPPER.createObjectNode();
    answer.set("entry", entry);
    return answer;
  }

  /** Serves {@code WatchDir}: events until the client closes the stream. */
  void watch(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    Processes.streamed(
        request,
        response,
        (stream, in) -> {
          String path = path(in, "path");
          boolean isRecursive = Json.flag(in, "recursive", false);
          boolean isWithEntry = Json.flag(in, "includeEntry", false);
          Duration timeout = Processes.timeout(request);
          Duration longest = options.longestCommand();
          CompletableFuture<Void> begun = new CompletableFuture<>(); // clients want the start first
          try (Watch watch =
              sandboxes
                  .brokers()
                  .use(
                      () ->
                          of(sandbox)
                              .watch(
                                  path,
                                  isRecursive,
                                  isWithEntry,
                                  timeout == null || timeout.compareTo(longest) > 0
                                      ? longest
                                      : timeout,
                                  event -> {
                                    begun.join();
                                    stream.send(message(event));
                                  }))) {
            ObjectNode start = Json.MAPPER.createObjectNode();
            start.putObject("start");
            stream.send(start);
            boolean _ = begun.complete(null);
            awaitEnd(watch, stream, Processes.keepAlive(request));
          } catch (SandboxFileSystemException e) {
            throw FileEntries.rpc(e);
          } finally {
            boolean _ = begun.complete(null);
          }
        });
  }

  /** Serves {@code CreateWatcher}. */
  ObjectNode createWatcher(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String path = path(in, "path");
    boolean isRecursive = Json.flag(in, "recursive", false);
    boolean isWithEntry = Json.flag(in, "includeEntry", false);
    return ask(
        sandbox,
        files ->
            Json.MAPPER
                .createObjectNode()
                .put(
                    "watcherId",
                    files.createWatcher(path, isRecursive, isWithEntry, options.longestCommand())));
  }

  /** Serves {@code GetWatcherEvents}. */
  ObjectNode watcherEvents(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String watcher = Json.text(in, "watcherId");
    return ask(
        sandbox,
        files -> {
          ObjectNode answer = Json.MAPPER.createObjectNode();
          ArrayNode events = answer.putArray("events");
          files.watcherEvents(watcher).forEach(event -> events.add(json(event)));
          return answer;
        });
  }

  /** Serves {@code RemoveWatcher}. */
  ObjectNode removeWatcher(SandboxView sandbox, ObjectNode in) throws InterruptedException {
    String watcher = Json.text(in, "watcherId");
    return ask(
        sandbox,
        files -> {
          files.removeWatcher(watcher);
          return Json.MAPPER.createObjectNode();
        });
  }

  /** Sends a sign of life whenever nothing else was sent for a while. */
  private static void awaitEnd(Watch watch, Connect.Stream stream, Duration keepAlive)
      throws InterruptedException {
    Thread pulse =
        Thread.ofVirtual()
            .name("keepalive")
            .start(
                () -> {
                  try {
                    while (true) {
                      long silent = System.nanoTime() - stream.sentAt();
                      if (silent >= keepAlive.toNanos()) {
                        ObjectNode event = Json.MAPPER.createObjectNode();
                        event.putObject("keepalive");
                        stream.send(event);
                        silent = 0;
                      }
                      Thread.sleep(keepAlive.minusNanos(silent).plusMillis(1));
                    }
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt(); // the watch has ended
                  } catch (UncheckedIOException e) {
                    watch.close(); // the client is gone
                  }
                });
    try {
      watch.await();
    } finally {
      pulse.interrupt();
    }
  }

  private static ObjectNode message(FileEvent event) {
    ObjectNode answer = Json.MAPPER.createObjectNode();
    answer.set("filesystem", json(event));
    return answer;
  }

  private static ObjectNode json(FileEvent event) {
    ObjectNode answer =
        Json.MAPPER
            .createObjectNode()
            .put("name", event.name())
            .put("type", "EVENT_TYPE_" + event.type().name());
    if (event.entry() != null) {
      answer.set("entry", FileEntries.json(event.entry()));
    }
    return answer;
  }
}
