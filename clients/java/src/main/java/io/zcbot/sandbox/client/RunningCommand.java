/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.Transcript.Piece;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A command that was requested. It starts within {@link Command#startWithin}, or not at all. Close
 * it: that kills the command if it has not ended, unless it was only {@linkplain Sandbox#attach
 * attached to}. Safe for concurrent use, except {@link #stdin}, the streams and the output of a
 * command that does not keep it, which are for one thread at a time.
 *
 * <p>Methods that wait throw {@link SandboxException} when the command is closed before its end is
 * known, and {@link ClientClosedException} when the client is closed.
 */
public final class RunningCommand implements AutoCloseable {
  private final Connection connection;
  private final UserId user;
  private final String id;
  private final Deadline deadline;
  private final Transcript transcript;
  private final CommandInput input;
  private final boolean isStdinOpen;
  private final boolean isStartAnnounced;
  private final boolean isKilledOnClose;
  private final PassedOutput passed;
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
    this(
        connection,
        user,
        id,
        deadline,
        transcript,
        resources,
        command.isStdinOpen() && stdin == null,
        command.isStartAnnounced(),
        true);
    if (stdin != null) {
      Publisher publisher = connection.publisher();
      Runnable kill = () -> CommandInput.kill(publisher, user, id);
      Runnable pump = pump(stdin, input, deadline, kill, new WeakReference<>(transcript));
      Thread.ofVirtual().name("zcbot-client-stdin").start(pump);
    }
  }

  /** A command that somebody else has started. */
  static RunningCommand attached(
      Connection connection,
      UserId user,
      String id,
      Deadline deadline,
      Transcript transcript,
      Resources resources,
      boolean isStdinOpen) {
    return new RunningCommand(
        connection, user, id, deadline, transcript, resources, isStdinOpen, false, false);
  }

  private RunningCommand(
      Connection connection,
      UserId user,
      String id,
      Deadline deadline,
      Transcript transcript,
      Resources resources,
      boolean isStdinOpen,
      boolean isStartAnnounced,
      boolean isKilledOnClose) {
    this.connection = connection;
    this.user = user;
    this.id = id;
    this.deadline = deadline;
    this.transcript = transcript;
    this.input = new CommandInput(connection.publisher(), user, id, transcript.over(), deadline);
    this.passed = new PassedOutput(connection, user, id, transcript, this::unanswered);
    this.isStdinOpen = isStdinOpen;
    this.isStartAnnounced = isStartAnnounced;
    this.isKilledOnClose = isKilledOnClose;
    this.resources = resources;
  }

  /**
   * Passes the caller's stream on. It may wait for it long after the command's end, so it does not
   * keep the output. It is never interrupted: that would close the stream if it is a socket's.
   */
  private static Runnable pump(
      InputStream stdin,
      CommandInput input,
      Deadline deadline,
      Runnable kill,
      WeakReference<Transcript> reference) {
    return () -> {
      try {
        input.pipe(stdin);
      } catch (Exception e) {
        Transcript transcript = reference.get();
        // At the deadline, the error is that there was no answer.
        if (transcript != null && !transcript.isOver() && !deadline.isOver()) {
          kill.run();
          transcript.fail(
              new SandboxException(
                  "the command was killed, because its standard input could not be passed on: "
                      + e.getMessage(),
                  e));
        }
      }
    };
  }

  /** Returns the exec's {@code event_id}. */
  public String id() {
    return id;
  }

  /**
   * Waits for the command's end and the rest of its output.
   *
   * @return the result, also if the exit code is not 0
   * @throws CommandTimeoutException if the command was killed at its time-out
   * @throws CommandNotStartedException if the command was not started; nothing ran
   * @throws CommandLostException if it is unknown how the command ended
   * @throws OutputLostException if the command ended, but not all of its output arrived
   * @throws NoAnswerException if there was no answer within the times for the command's start and
   *     run, and 30 s
   * @throws SandboxException if the stream of {@link Command#stdin(InputStream)} could not be sent,
   *     for which the command was killed
   */
  public CommandResult await() throws InterruptedException {
    return Endings.result(end(), transcript);
  }

  private Exited end() throws InterruptedException {
    Exited exited = transcript.awaitEnd(deadline);
    if (exited == null) {
      throw unanswered();
    }
    return exited;
  }

  private NoAnswerException unanswered() {
    return connection.unanswered(
        "no answer to exec "
            + id
            + " of "
            + user
            + "; the command may have run. Check that a worker runs and runs commands ('sandbox"
            + " ps --all-hosts', 'sandbox doctor')",
        CommandCall.ANSWERS);
  }

  /**
   * Waits until the program of a command with {@link Command#announceStart} was executed.
   *
   * @return its process id, as its sandbox sees it; empty if the command has ended without a start,
   *     for the reason that {@link #await} throws
   * @throws NoAnswerException if neither is known in that time
   * @throws IllegalStateException if the command's start is not announced to this object
   */
  public OptionalInt awaitStart(Duration within) throws InterruptedException {
    Deadline.requirePositive("within", within);
    if (!isStartAnnounced) {
      throw new IllegalStateException(
          "this command's start is not announced: start it with Command.announceStart()");
    }
    try {
      Started started = transcript.started(Deadline.in(within).atMost(deadline.left()));
      return started == null ? OptionalInt.empty() : OptionalInt.of(started.pid());
    } catch (NoAnswerException e) {
      throw connection.unanswered(
          "exec " + id + " of " + user + " did not start within " + within, CommandCall.STARTS);
    }
  }

  /** Waits as {@link Transcript#awaitStart} does. */
  boolean awaitLateStart(Duration atMost) throws InterruptedException {
    return transcript.awaitStart(Deadline.in(atMost));
  }

  /**
   * Passes each piece of output to a consumer as it arrives, in the caller's thread, and returns
   * after the last one. Each call begins with the first piece, or with the first one that was not
   * passed yet, if output is not kept.
   *
   * @throws NoAnswerException if the command's end is unknown when its times are over
   * @throws SandboxException if the stream of {@link Command#stdin(InputStream)} could not be sent,
   *     for which the command was killed
   */
  public void forEachOutput(Consumer<OutputChunk> consumer) throws InterruptedException {
    int unused = passOutput(consumer);
  }

  /** Passes output as {@link #forEachOutput} does. Returns the number of pieces. */
  int passOutput(Consumer<OutputChunk> consumer) throws InterruptedException {
    Map<OutputStreamName, OutputDecoder> decoders = new EnumMap<>(OutputStreamName.class);
    int index = 0;
    for (Piece piece = piece(index); piece != null; piece = piece(index)) {
      OutputDecoder decoder = decoders.computeIfAbsent(piece.stream(), OutputDecoder::new);
      consumer.accept(decoder.chunk(piece.data()));
      index++;
    }
    if (transcript.isPassing() && transcript.absent() > 0) {
      throw lost(end());
    }
    for (OutputDecoder decoder : decoders.values()) {
      OutputChunk last = decoder.last();
      if (last != null) {
        consumer.accept(last);
      }
    }
    return index;
  }

  /**
   * Passes each piece of output to a consumer as it arrives, in the caller's thread, otherwise as
   * {@link #forEachOutput}. It returns the command's end after the last piece, whatever the end is.
   * Output of a command that is not streamed comes at its end.
   *
   * @throws OutputLostException if the command ended, but not all of its output arrived
   * @throws NoAnswerException if the command's end is unknown when its times are over, or output
   *     that was to be read again from the log can't be read within 60 s
   */
  public Exited forEachPiece(Consumer<OutputPiece> consumer) throws InterruptedException {
    int index = 0;
    for (Piece piece = piece(index); piece != null; piece = piece(index)) {
      consumer.accept(new OutputPiece(piece.stream(), piece.data().toByteArray()));
      index++;
    }
    Exited exited = end();
    if (transcript.absent() > 0) {
      throw lost(exited);
    }
    return exited;
  }

  private OutputLostException lost(Exited exited) {
    return new OutputLostException(transcript.absent(), Endings.resultOf(exited, transcript));
  }

  private @Nullable Piece piece(int index) throws InterruptedException {
    if (transcript.isPassing()) {
      return passed.next(deadline);
    }
    try {
      return transcript.piece(index, deadline);
    } catch (NoAnswerException e) {
      throw unanswered();
    }
  }

  /**
   * Returns standard output as it arrives. Each call returns a new stream from the beginning.
   * Reading it throws {@link java.io.IOException} if output is missing, or with the {@link
   * SandboxException} of {@link #forEachOutput} as its cause.
   *
   * @throws IllegalStateException if the command's output is not kept
   */
  public InputStream stdout() {
    return stream(OutputStreamName.STDOUT);
  }

  private InputStream stream(OutputStreamName name) {
    if (transcript.isPassing()) {
      throw new IllegalStateException("this command's output is not kept: use forEachPiece()");
    }
    return new TranscriptStream(transcript, name, deadline);
  }

  /** Returns standard error as it arrives, in the same way as {@link #stdout}. */
  public InputStream stderr() {
    return stream(OutputStreamName.STDERR);
  }

  /**
   * Returns the standard input of a command with {@link Command#openStdin}, or of one that was
   * attached to and has an open one. Written bytes are published by {@link OutputStream#flush} and
   * whenever there are 256 KiB of them; closing the stream ends the input. Writing throws {@link
   * java.io.IOException} if the command has ended or the log does not acknowledge the bytes within
   * 60 s, or by the end of the command's times. The log may have those bytes or get them later, so
   * all further writing throws as well, and closing the stream does not end the input: close the
   * command.
   *
   * @throws IllegalStateException if it is not open
   */
  public OutputStream stdin() {
    if (!isStdinOpen) {
      throw new IllegalStateException("this command's standard input is not open: use openStdin()");
    }
    return input;
  }

  /**
   * Sends a signal to the command, and waits until the log has it or the command has ended. A
   * command that has not started gets it when it starts; a command that has ended does not get it.
   *
   * @throws NoAnswerException if the log has not acknowledged the signal within 60 s, or by the end
   *     of the command's times
   */
  public void signal(CommandSignal signal) throws InterruptedException {
    publish(new Input.Content.Signal(signal));
  }

  /**
   * Changes the size of the command's terminal, and waits as {@link #signal} does.
   *
   * @throws NoAnswerException if the log has not acknowledged it within 60 s, or by the end of the
   *     command's times
   */
  public void resize(TerminalSize size) throws InterruptedException {
    publish(new Input.Content.Resize(size));
  }

  private void publish(Input.Content content) throws InterruptedException {
    boolean unused =
        connection
            .publisher()
            .publish(
                CommandInput.event(user, id, content),
                deadline.atMost(Duration.ofSeconds(60)),
                transcript::isEnded);
  }

  /**
   * Leaves the command running, and ends the waits of other threads for it. {@link Sandbox#attach}
   * gets its output from then on. After that, {@link #close} does nothing.
   */
  public void detach() {
    transcript.fail(new SandboxException("the command was left before its end was known"));
    resources.close();
  }

  /**
   * Kills the command if it has not ended, without waiting for its end, and ends the waits of other
   * threads for it. Output that arrives later is ignored. A command that was {@linkplain
   * Sandbox#attach attached to} is left running.
   */
  @Override
  public void close() {
    if (isKilledOnClose && !transcript.isOver()) {
      CommandInput.kill(connection.publisher(), user, id);
    }
    transcript.fail(new SandboxException("the command was closed before its end was known"));
    resources.close();
  }
}
