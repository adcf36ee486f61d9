/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A command that was asked for. It starts, at the latest, when {@link Command#startWithin} is over,
 * and not at all then. Close it: that kills the command if it has not ended.
 */
public final class RunningCommand implements AutoCloseable {
  private final Connection connection;
  private final UserId user;
  private final String id;
  private final Deadline deadline;
  private final Transcript transcript;
  private final CommandInput input;
  private final boolean isStdinOpen;
  private final Resources resources;

  RunningCommand(
      Connection connection,
      UserId user,
      String id,
      Command command,
      Deadline deadline,
      Transcript transcript,
      @Nullable InputStream stdin,
      Resources resources) {
    this.connection = connection;
    this.user = user;
    this.id = id;
    this.deadline = deadline;
    this.transcript = transcript;
    this.input = new CommandInput(connection.publisher(), user, id, transcript);
    this.isStdinOpen = command.isStdinOpen() && stdin == null;
    this.resources = resources;
    if (stdin != null) {
      Thread pump = Thread.ofVirtual().name("zcbot-client-stdin").start(() -> pump(stdin));
      resources.add(pump::interrupt);
    }
  }

  private void pump(InputStream stdin) {
    try {
      input.pipe(stdin);
    } catch (Exception e) {
      if (!transcript.isOver() && !Thread.currentThread().isInterrupted()) {
        CommandInput.kill(connection.publisher(), user, id);
        transcript.fail(
            new SandboxException(
                "the command was killed, because its standard input could not be passed on: "
                    + e.getMessage(),
                e));
      }
    }
  }

  /** The exec's {@code event_id}. */
  public String id() {
    return id;
  }

  /**
   * Waits for the command's end.
   *
   * @throws CommandTimeoutException if it was killed at its time-out
   * @throws CommandNotStartedException if it was not started; nothing ran
   * @throws CommandLostException if it is not known how it ended
   * @throws OutputLostException if it ended and not all of its output arrived
   * @throws NoAnswerException if nothing answered within the times that the command has
   */
  public CommandResult await() throws InterruptedException {
    Exited exited = transcript.awaitEnd(deadline);
    if (exited == null) {
      throw new NoAnswerException(
          "no answer to exec "
              + id
              + " of "
              + user
              + "; the command may have run. Check that a worker runs and runs commands ('sandbox"
              + " ps --all-hosts', 'sandbox doctor')"
              + connection.options().hintWithoutAnswer(Topic.EXITED),
          null);
    }
    return Endings.result(exited, transcript);
  }

  /** Hands over each piece of output as it comes, in the caller's thread, until the last one. */
  public void forEachOutput(Consumer<OutputChunk> consumer) throws InterruptedException {
    Map<OutputStreamName, OutputDecoder> decoders = new EnumMap<>(OutputStreamName.class);
    int index = 0;
    for (Transcript.Piece piece = transcript.piece(index, deadline);
        piece != null;
        piece = transcript.piece(index, deadline)) {
      OutputDecoder decoder = decoders.computeIfAbsent(piece.stream(), OutputDecoder::new);
      consumer.accept(decoder.chunk(piece.data()));
      index++;
    }
    for (OutputDecoder decoder : decoders.values()) {
      OutputChunk last = decoder.last();
      if (last != null) {
        consumer.accept(last);
      }
    }
  }

  /** Standard output as it comes; each call reads from its beginning. */
  public InputStream stdout() {
    return new TranscriptStream(transcript, OutputStreamName.STDOUT, deadline);
  }

  /** Standard error as it comes; each call reads from its beginning. */
  public InputStream stderr() {
    return new TranscriptStream(transcript, OutputStreamName.STDERR, deadline);
  }

  /**
   * Standard input of a command with {@link Command#openStdin}. What is written is published with
   * {@link OutputStream#flush}, or when there are 256 KiB of it; closing it ends the input. For one
   * thread at a time.
   */
  public OutputStream stdin() {
    if (!isStdinOpen) {
      throw new IllegalStateException("this command's standard input is not open: use openStdin()");
    }
    return input;
  }

  /**
   * Sends a signal to the command. One that has not started gets it when it starts; one that has
   * ended does not.
   */
  public void signal(CommandSignal signal) throws InterruptedException {
    connection
        .publisher()
        .publish(
            CommandInput.event(user, id, new Input.Content.Signal(signal)),
            deadline.atMost(Duration.ofSeconds(60)));
  }

  @Override
  public void close() {
    if (!transcript.isOver()) {
      CommandInput.kill(connection.publisher(), user, id);
    }
    resources.close();
  }
}
