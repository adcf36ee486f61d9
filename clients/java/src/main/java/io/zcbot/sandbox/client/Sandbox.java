/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One user's sandbox. It costs nothing to have one of these, and any thread may use it. Closing it
 * ends its subscriptions; the sandbox stays, until it is idle or {@link #release}d.
 */
public final class Sandbox implements AutoCloseable {
  private static final Duration SUBSCRIBE = Duration.ofSeconds(30);

  private final Connection connection;
  private final UserId user;
  private final ConcurrentLinkedQueue<Subscription> subscriptions = new ConcurrentLinkedQueue<>();

  Sandbox(Connection connection, UserId user) {
    this.connection = connection;
    this.user = user;
  }

  /** Whose sandbox it is. */
  public UserId user() {
    return user;
  }

  /**
   * Makes sure that the user has a sandbox, within a minute. Its outcome tells whether it ran
   * already ({@code REUSED}) or is new ({@code CREATED}, {@code CLAIMED}, {@code RECREATED}).
   *
   * @throws SandboxFailedException if there is none; what is retryable was tried again before
   * @throws NoAnswerException if nothing answered
   */
  public Ready ensure() throws InterruptedException {
    return ensure(EnsureOptions.DEFAULT);
  }

  /** As {@link #ensure()}, otherwise. */
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
   * Runs a program, in a new sandbox if there is none, and waits for its end. An exit code that is
   * not 0 is a result like any other.
   *
   * @throws CommandTimeoutException if it was killed at its time-out
   * @throws CommandNotStartedException if it was not started; nothing ran
   * @throws CommandLostException if it is not known how it ended
   * @throws NoAnswerException if nothing answered
   */
  public CommandResult run(String... arguments) throws InterruptedException {
    return run(Command.of(arguments));
  }

  /** Runs a script with bash, as {@link #run(String...)} does a program. */
  public CommandResult shell(String script) throws InterruptedException {
    return run(Command.shell(script));
  }

  /** Runs a command, as {@link #run(String...)} does a program. */
  public CommandResult run(Command command) throws InterruptedException {
    return run(command, null);
  }

  /**
   * Runs a command, and hands over each piece of its output as it comes, in the caller's thread. A
   * callback that throws ends the command.
   */
  public CommandResult run(Command command, @Nullable Consumer<OutputChunk> onOutput)
      throws InterruptedException {
    return measured(
        Request.COMMAND,
        () -> new CommandCall(connection, user, command).run(onOutput),
        result -> result.signal() == 0 ? "exited" : "signalled");
  }

  /**
   * Has a command started, and returns once the log has the request. Its output, input and signals
   * pass while it runs.
   */
  public RunningCommand start(Command command) throws InterruptedException {
    return new CommandCall(connection, user, command).start(true);
  }

  /** The user's files. */
  public SandboxFiles files() {
    return new SandboxFiles(this);
  }

  /**
   * Says that the sandbox is in use, while no command says so. May be called every second: what is
   * called more often than is of use is left out. Does not wait for the log.
   */
  public void keepAlive() {
    connection.keepAlives().report(user, connection.options().requestedBy());
  }

  /**
   * Says that the sandbox is not needed any more, and returns once the log has it. The user's files
   * stay.
   */
  public void release() throws InterruptedException {
    publishRelease(Duration.ofSeconds(60));
  }

  private void publishRelease(Duration within) throws InterruptedException {
    connection
        .publisher()
        .publish(
            new Release(
                UUID.randomUUID().toString(),
                user,
                Connection.now(),
                connection.options().requestedBy(),
                Connection.now().plus(within),
                null),
            Deadline.in(within));
  }

  /**
   * Releases the sandbox and waits until it is gone.
   *
   * @return its end; nothing if none was announced in that time, because there was no sandbox
   */
  @SuppressWarnings("try") // they are there to be closed
  public Optional<Reaped> release(Duration within) throws InterruptedException {
    Deadline.requirePositive("within", within);
    Deadline deadline = Deadline.in(within);
    EndOfSandbox end = new EndOfSandbox();
    try (AnswerReader.Following following =
            connection.reader().follow(user, List.of(Topic.REAPED), deadline);
        Answers.Registration waiting = connection.answers().listen(user, end)) {
      publishRelease(within);
      return Optional.ofNullable(end.mailbox.take(deadline));
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
   * Tells of each end of the user's sandboxes from now on, by a thread of its own, until it or this
   * is closed.
   */
  public Subscription onReaped(Consumer<Reaped> consumer) throws InterruptedException {
    return subscribed(Topic.REAPED, Reaped.class, consumer);
  }

  /**
   * Tells when the user's sandbox will be reaped unless it is used, if the operator has that on.
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

  @Override
  public void close() {
    subscriptions.forEach(Subscription::close);
  }
}
