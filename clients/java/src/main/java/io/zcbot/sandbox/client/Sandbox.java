/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One user's sandbox, whether it is running or not. Creating an instance is cheap and publishes
 * nothing. Safe for concurrent use. Closing it ends its subscriptions; the sandbox stays until it
 * is idle or {@link #release}d.
 *
 * <p>In addition to the documented exceptions, methods that publish or wait throw {@link
 * ClientClosedException} if the client is closed, {@link ClientOverloadedException} if it has no
 * room for another request, {@link InvalidRequestException} if no worker would accept the request,
 * {@link KafkaUnreachableException} if no broker was ever reached, and {@link SandboxException} if
 * Kafka refuses to write or read.
 */
public final class Sandbox implements AutoCloseable {
  private static final Duration SUBSCRIBE = Duration.ofSeconds(30);
  private static final Duration LIST = Duration.ofSeconds(30);
  private static final Duration SIGNAL = Duration.ofSeconds(60);

  /**
   * How long the end of a released sandbox usually takes at most. If it takes longer, there may be
   * no sandbox.
   */
  private static final Duration END = Duration.ofSeconds(1);

  private final Connection connection;
  private final UserId user;
  private final ConcurrentLinkedQueue<Subscription> subscriptions = new ConcurrentLinkedQueue<>();

  Sandbox(Connection connection, UserId user) {
    this.connection = connection;
    this.user = user;
  }

  /** Returns the user whose sandbox this is. */
  public UserId user() {
    return user;
  }

  /**
   * Makes sure that the user has a sandbox, and waits for it for up to 60 s. The outcome of the
   * answer says whether the sandbox was already running ({@code REUSED}) or is new ({@code
   * CREATED}, {@code CLAIMED}, {@code RECREATED}). A retryable failure is tried again until the
   * deadline.
   *
   * @throws SandboxFailedException if the sandbox could not be made
   * @throws NoAnswerException if there was no answer
   */
  public Ready ensure() throws InterruptedException {
    return ensure(EnsureOptions.DEFAULT);
  }

  /**
   * Makes sure that the user has a sandbox, as {@link #ensure()} does, with other options.
   *
   * @throws SandboxFailedException if the sandbox could not be made
   * @throws NoAnswerException if there was no answer
   */
  public Ready ensure(EnsureOptions options) throws InterruptedException {
    Ready ready =
        measured(
            Request.ENSURE,
            () -> new EnsureCall(connection, user, options).answer(),
            answer -> answer.outcome().wire());
    if (ready.environment().idleTtl() != null) {
      connection.keepAlives().used(user, ready.environment().idleTtl());
    }
    return ready;
  }

  /**
   * Runs a program with its arguments, in a new sandbox if there is none, and waits for its end. No
   * shell interprets the arguments. An exit code other than 0 is a result, not an error.
   *
   * @throws CommandTimeoutException if the command was killed at its time-out
   * @throws CommandNotStartedException if the command was not started; nothing ran
   * @throws CommandLostException if it is unknown how the command ended
   * @throws NoAnswerException if there was no answer; the command may have run
   */
  public CommandResult run(String... arguments) throws InterruptedException {
    return run(Command.of(arguments));
  }

  /** Runs a script with {@code bash -c}, otherwise as {@link #run(String...)}. */
  public CommandResult shell(String script) throws InterruptedException {
    return run(Command.shell(script));
  }

  /**
   * Runs a command, otherwise as {@link #run(Command, Consumer)} without a consumer of its output.
   */
  public CommandResult run(Command command) throws InterruptedException {
    return run(command, null);
  }

  /**
   * Runs a command and waits for its end. If a consumer is given, each piece of output is passed to
   * it as it arrives, in the caller's thread; an exception of the consumer kills the command. If
   * the command is not started for a retryable reason, it is tried again within {@link
   * Command#startWithin}.
   *
   * @throws CommandTimeoutException if the command was killed at its time-out
   * @throws CommandNotStartedException if the command was not started; nothing ran
   * @throws CommandLostException if it is unknown how the command ended
   * @throws OutputLostException if the command ended, but not all of its streamed output arrived
   * @throws NoAnswerException if there was no answer; the command may have run
   */
  public CommandResult run(Command command, @Nullable Consumer<OutputChunk> onOutput)
      throws InterruptedException {
    return measured(
        Request.COMMAND,
        () -> new CommandCall(connection, user, command).run(onOutput),
        result -> result.signal() == 0 ? "exited" : "signalled");
  }

  /**
   * Requests a command, and returns as soon as the log has the request, so that the caller can use
   * the command's input, output and signals while it runs. The request is not tried again.
   *
   * @throws NoAnswerException if the log has not acknowledged the request within {@link
   *     Command#startWithin}
   * @throws IllegalStateException if an earlier start has taken the stream of the command's
   *     standard input
   */
  public RunningCommand start(Command command) throws InterruptedException {
    return new CommandCall(connection, user, command).start(true);
  }

  /**
   * Follows a command that runs and was started by somebody else, such as another process: its
   * output from now on, which is not kept, and its end. The caller can write its standard input if
   * that is open, signal it and resize its terminal. Closing the returned object leaves the command
   * running. Takes 30 s at most. The client must not have a reply topic.
   *
   * @param execId the {@code event_id} of its exec, as in {@link #commands} and {@link
   *     RunningCommand#id}
   * @throws CommandNotRunningException if it does not run
   * @throws NoAnswerException if Kafka did not answer in time
   */
  public RunningCommand attach(String execId) throws InterruptedException {
    return new AttachCall(connection, user, execId).attach();
  }

  /**
   * Sends a signal to a command that runs, whoever has started it, and waits until the log has it.
   * A command that has ended does not get it. Takes 60 s at most.
   *
   * @param execId the {@code event_id} of its exec, as in {@link #commands}
   * @throws NoAnswerException if the log has not acknowledged the signal in time
   */
  public void signal(String execId, CommandSignal signal) throws InterruptedException {
    connection
        .publisher()
        .publish(
            CommandInput.event(user, execId, new Input.Content.Signal(signal)),
            Deadline.in(SIGNAL));
  }

  /**
   * Returns the user's commands that run, or are about to be started, whoever has requested them.
   * It reads the user's partition of the table {@code sandbox.commands} and what that names, so it
   * is only for what is rarely asked. Takes 30 s at most.
   *
   * @throws NoAnswerException if Kafka did not answer in time
   */
  public List<RunningEntry> commands() throws InterruptedException {
    return connection
        .lookups()
        .look(
            "list the commands of " + user,
            Deadline.in(LIST),
            log -> new RunningTable(log, connection.options().topicPrefix(), user).commands());
  }

  /** Requests a command without waiting for the log or for an answer. A failure is ignored. */
  void tryInBackground(Command command) {
    Instant now = Connection.now();
    connection
        .publisher()
        .tryInBackground(
            command.exec(
                UUID.randomUUID().toString(),
                user,
                now,
                now.plus(command.startWithin()),
                connection.options().requestedBy(),
                false));
  }

  /** Returns how often something may be tried: once if the client repeats nothing. */
  int attempts(int most) {
    return connection.options().isRepeating() ? most : 1;
  }

  /** Returns access to the files in the sandbox. */
  public SandboxFiles files() {
    return new SandboxFiles(this);
  }

  /**
   * Reports that the sandbox is in use, for times when no command runs. It may be called every
   * second: a report is left out if the sandbox was reported or ensured by this client within the
   * last tenth of its idle TTL (at least 1 s, at most 30 s; 3 s if the idle TTL is unknown), or if
   * the last report is still being published. Does not wait for the log; a report that fails is
   * logged.
   */
  public void keepAlive() {
    connection.keepAlives().report(user, connection.options().requestedBy());
  }

  /**
   * Reports that the sandbox is not needed any more, and waits for up to 60 s until the log has the
   * report. The user's files stay.
   *
   * @throws NoAnswerException if the log has not acknowledged the report
   */
  public void release() throws InterruptedException {
    publishRelease(Deadline.in(Duration.ofSeconds(60)));
  }

  private void publishRelease(Deadline deadline) throws InterruptedException {
    connection
        .publisher()
        .publish(
            new Release(
                UUID.randomUUID().toString(),
                user,
                Connection.now(),
                connection.options().requestedBy(),
                Connection.now().plusNanos(deadline.nanosLeft()),
                null),
            deadline);
  }

  /**
   * Releases the sandbox and waits until it is gone. If there is none, that takes some 2 s at most,
   * if this client may read the table {@code sandbox.current}.
   *
   * @param within how long to wait
   * @return the end of the sandbox; empty if none was announced in that time, for example because
   *     there was no sandbox
   * @throws NoAnswerException if Kafka did not answer in that time
   */
  public Optional<Reaped> release(Duration within) throws InterruptedException {
    Deadline.requirePositive("within", within);
    return measured(
        Request.RELEASE,
        () -> released(within),
        end -> end.map(reaped -> reaped.reason().wire()).orElse("none"));
  }

  @SuppressWarnings("try") // resources that are only closed
  private Optional<Reaped> released(Duration within) throws InterruptedException {
    Deadline deadline = Deadline.in(within);
    EndOfSandbox end = new EndOfSandbox();
    try (AnswerReader.Following following =
            connection.reader().follow(user, List.of(Topic.REAPED), deadline);
        Answers.Registration waiting = connection.answers().listen(user, end)) {
      publishRelease(deadline);
      Reaped reaped = end.mailbox.take(deadline.atMost(END));
      if (reaped == null) {
        boolean hasNone =
            connection.current().hasNone(user, deadline, () -> !end.mailbox.isEmpty());
        reaped = end.mailbox.take(hasNone ? deadline.atMost(END) : deadline);
      }
      return Optional.ofNullable(reaped);
    }
  }

  private static final class EndOfSandbox implements Answers.Listener {
    private final Mailbox<Reaped> mailbox = new Mailbox<>();

    @Override
    public void heard(SandboxEvent event) {
      if (event instanceof Reaped reaped) {
        mailbox.put(reaped);
      }
    }

    @Override
    public void closed() {
      mailbox.close();
    }
  }

  /**
   * Calls a consumer for each end of the user's sandboxes from now on, in a thread of the
   * subscription, until the subscription or this object is closed.
   *
   * @throws NoAnswerException if Kafka did not answer within 30 s
   */
  public Subscription onReaped(Consumer<Reaped> consumer) throws InterruptedException {
    return subscribed(Topic.REAPED, Reaped.class, consumer);
  }

  /**
   * Calls a consumer before the user's sandbox is reaped, if the operator has switched that notice
   * on; otherwise as {@link #onReaped}.
   *
   * @throws NoAnswerException if Kafka did not answer within 30 s
   */
  public Subscription onExpiring(Consumer<Expiring> consumer) throws InterruptedException {
    return subscribed(Topic.EXPIRING, Expiring.class, consumer);
  }

  private <E extends SandboxEvent> Subscription subscribed(
      Topic topic, Class<E> type, Consumer<E> consumer) throws InterruptedException {
    Subscription subscription =
        Subscription.begin(connection, user, topic, type, consumer, Deadline.in(SUBSCRIBE));
    subscriptions.add(subscription);
    subscription.onClose(() -> subscriptions.remove(subscription));
    return subscription;
  }

  /** A call that waits for an answer. */
  private interface Call<T> {
    T make() throws InterruptedException;
  }

  private <T> T measured(Request request, Call<T> call, Function<T, String> outcome)
      throws InterruptedException {
    long began = System.nanoTime();
    String ended = "interrupted";
    try {
      T result = call.make();
      ended = outcome.apply(result);
      return result;
    } catch (RuntimeException e) {
      ended = e.getClass().getSimpleName();
      throw e;
    } finally {
      connection.metrics().ended(request, ended, Duration.ofNanos(System.nanoTime() - began));
    }
  }

  /** Ends the subscriptions of this object. The sandbox stays. */
  @Override
  public void close() {
    subscriptions.forEach(Subscription::close);
  }
}
