/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.concat;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.ended;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.engine;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.frame;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.hello;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.notStarted;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.number;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.out;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.started;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.text;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.wants;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.CommandChannel.Command;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class RunnerChannelTest {
  private static final int WINDOW = 1000;
  private static final CommandRequest REQUEST =
      new CommandRequest(List.of("true"), Map.of(), null, Duration.ofMinutes(1), null, WINDOW);

  private static final CommandRequest LARGE =
      new CommandRequest(
          List.of("x".repeat(200_000)), Map.of(), null, Duration.ofMinutes(1), null, WINDOW);

  private final List<String> nonsense = new ArrayList<>();

  private RunnerChannel channel() {
    return channel(new Unsent());
  }

  private RunnerChannel channel(Unsent all) {
    return new RunnerChannel(Operation.ATTACH, nonsense::add, all);
  }

  /** The nonce with which the channel opens. */
  private static byte[] nonce(RunnerChannel channel) throws IOException {
    byte[] opening = channel.input().readNBytes((16 << 10) + 8 + 8 + 16);
    assertThat(Arrays.copyOf(opening, (16 << 10) + 8)).containsOnly(0);
    byte[] nonce = Arrays.copyOfRange(opening, opening.length - 16, opening.length);
    assertThat(Arrays.copyOfRange(opening, (16 << 10) + 8, opening.length))
        .isEqualTo(frame('R', 0, nonce));
    return nonce;
  }

  /** A command whose runner sent the given frames, and then nothing. */
  private Witness after(byte[]... said) throws Exception {
    RunnerChannel channel = channel();
    byte[] nonce = nonce(channel);
    Witness witness = new Witness();
    channel.start(REQUEST, witness);
    channel.read(new ByteArrayInputStream(engine(1, concat(hello(nonce), concat(said)))));
    assertThat(channel.isOpen()).isFalse();
    assertThat(witness.wrong).isEmpty();
    return witness;
  }

  @Test
  void aCommandsLife() throws Exception {
    Witness witness =
        after(started(1), out(1, "one "), wants(1, 10), out(1, "two"), ended(1, 0, 7, 0, 2000));

    assertThat(witness.stdout()).isEqualTo("one two");
    assertThat(witness.awaitEnd()).isEqualTo(new CommandEnd.Exited(7, Duration.ofMillis(2)));
    assertThat(nonsense).isEmpty();
  }

  /** With Long.MAX_VALUE in the log, two commands would make any sum negative. */
  @Test
  void noMoreProcessorTimeIsBelievedThanACommandCanHaveUsed() throws Exception {
    for (int how : new int[] {0, 1, 3}) {
      Duration cpu =
          switch (after(started(1), ended(1, how, 1, 0, Long.MAX_VALUE)).awaitEnd()) {
            case CommandEnd.Exited(int _, Duration used, var _) -> used;
            case CommandEnd.Signalled(int _, Duration used, var _) -> used;
            case CommandEnd.Killed(boolean _, int _, Duration used, var _) -> used;
            case CommandEnd end -> throw new AssertionError(end);
          };
      assertThat(cpu).isBetween(Duration.ofSeconds(1), Duration.ofDays(1));
    }
  }

  @Test
  void oneThatCannotStart() throws Exception {
    assertThat(after(notStarted(1, 2, "program")).awaitEnd())
        .isEqualTo(
            new CommandEnd.NotStarted(
                "the program 'true' can't be executed: no such file or directory", false, 127));
    assertThat(after(notStarted(1, 13, "directory")).awaitEnd())
        .isEqualTo(
            new CommandEnd.NotStarted(
                "the working directory '/workspace' can't be entered: permission denied", false));
  }

  @Test
  void whatNoRunnerSaysBreaksTheChannel() throws Exception {
    for (byte[] said :
        List.of(
            // another's, or nobody's
            started(2),
            out(0, "x"),
            ended(-1, 0, 0, 0, 0),
            // out of order
            out(1, "x"),
            concat(started(1), started(1)),
            concat(started(1), notStarted(1, 2, "x")),
            // more than it may
            concat(started(1), out(1, "x".repeat(WINDOW + 1))),
            concat(started(1), out(1, "x".repeat(WINDOW)), out(1, "x")),
            wants(1, 0),
            wants(1, -5),
            wants(1, RunnerCommand.MAX_WANTED + 1),
            concat(wants(1, RunnerCommand.MAX_WANTED), wants(1, 1)),
            // no frame at all
            concat(started(1), new byte[1], out(1, "x")),
            frame('H', 0, new byte[17]),
            text("garbage, garbage"))) {
      nonsense.clear();
      Witness witness = after(said);

      assertThat(witness.awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
      assertThat(nonsense).hasSize(1);
    }
  }

  @Test
  void noRunnerFloodsItsStandardError() throws Exception {
    RunnerChannel channel = channel();
    byte[] flood = engine(2, new byte[1 << 20]);
    boolean talks =
        channel.read(
            new ByteArrayInputStream(concat(engine(1, hello(nonce(channel))), flood, flood)));

    assertThat(nonsense).hasSize(1);
    assertThat(talks).as("its container is read slowly from then on").isTrue();
  }

  @Test
  void anEndIsToldOnce() throws Exception {
    Witness witness = after(started(1), ended(1, 0, 0, 0, 0), ended(1, 0, 1, 0, 0));

    assertThat(witness.awaitEnd()).isEqualTo(new CommandEnd.Exited(0, Duration.ZERO));
    assertThat(nonsense).hasSize(1);
  }

  /** What it was allowed before is all that may be on its way. */
  @Test
  void discardingIsNoLeaveToFlood() throws Exception {
    byte[] flood = concat(out(1, "x".repeat(WINDOW - 6)), out(1, "x"));
    assertThat(toldToDiscard("sole discard", flood, 0)).isEmpty();
    assertThat(nonsense).hasSize(1);
  }

  /** Each uses up something, so that they end. */
  @Test
  void aMillionTinyFramesAreTooMany() throws Exception {
    byte[] tiny = concat(Stream.generate(() -> out(1, "x")).limit(100_000).toArray(byte[][]::new));
    Witness witness = after(started(1), tiny);

    assertThat(witness.written()).isEqualTo(WINDOW);
    assertThat(witness.awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
  }

  @Test
  void aConnectionThatEndsIsNoNonsense() throws Exception {
    assertThat(after(started(1)).awaitEnd()).isInstanceOf(CommandEnd.Broken.class);
    assertThat(nonsense).isEmpty();
  }

  @Test
  void aWrongHelloFailsTheWait() throws Exception {
    RunnerChannel channel = channel();
    channel.read(new ByteArrayInputStream(engine(1, hello(new byte[16]))));

    assertThat(
            catchThrowableOfType(
                IOException.class, () -> channel.awaitHello(Duration.ofSeconds(60))))
        .hasMessageContaining("ended");
    assertThat(
            catchThrowableOfType(
                IOException.class, () -> channel().awaitHello(Duration.ofMillis(10))))
        .hasMessageContaining("no answer within");
  }

  @Test
  void sendsWhatACommandIsTold() throws Exception {
    RunnerChannel channel = channel();
    byte[] nonce = nonce(channel);
    Witness witness = new Witness();
    Command command = channel.start(REQUEST, witness);
    byte[] message = StartMessage.of(REQUEST, false);
    assertThat(sent(channel, concat(frame('S', 1, message), frame('G', 1)).length))
        .isEqualTo(concat(frame('S', 1, message), frame('G', 1)));

    Pipe pipe = Pipe.open();
    try (OutputStream runner = Channels.newOutputStream(pipe.sink());
        InputStream body = Channels.newInputStream(pipe.source())) {
      Thread reader = Thread.ofVirtual().start(() -> channel.read(body));
      runner.write(engine(1, concat(hello(nonce), started(1), wants(1, 20_000))));
      assertThat(channel.awaitHello(Duration.ofSeconds(60))).isEqualTo("runner 1");
      assertThat(witness.takeWanted(20_000)).isEqualTo(20_000);

      byte[] input = new byte[20_000];
      command.input(Data.of(input));
      assertThat(sent(channel, 20_016))
          .isEqualTo(
              concat(
                  frame('I', 1, new byte[16 << 10]), frame('I', 1, new byte[20_000 - (16 << 10)])));
      assertThatIllegalArgumentException().isThrownBy(() -> command.input(Data.of("x")));
      command.endInput();
      command.endInput();
      command.input(Data.of("too late"));
      command.signal(CommandSignal.TERM);
      command.resize(new TerminalSize(300, 2));
      command.allowOutput(5);
      command.kill();
      command.kill();
      byte[] told =
          concat(
              frame('E', 1),
              frame('K', 1, (byte) 15),
              frame('W', 1, (byte) 1, (byte) 44, (byte) 0, (byte) 2),
              frame('C', 1, number(5)),
              frame('T', 1));
      assertThat(sent(channel, told.length)).isEqualTo(told);

      runner.write(engine(1, concat(out(1, "x".repeat(WINDOW + 5)), ended(1, 3, 0, 0, 0))));
      runner.flush();
      assertThat(witness.awaitEnd()).isEqualTo(new CommandEnd.Killed(false, 0, Duration.ZERO));
      command.signal(CommandSignal.INT);
      command.allowOutput(5);
      command.kill();
      channel.start(REQUEST, new Witness());
      assertThat(sent(channel, 8)).as("nothing after its end").startsWith('S').endsWith(2);
      channel.close();
      reader.join();
    }
  }

  /**
   * A conversation about a command that writes what is wanted, and then what is not.
   *
   * @param length of what the runner is told, or 0 if it is not listened to any more
   * @return what it is told
   */
  private byte[] toldToDiscard(String greeting, byte[] written, int length) throws Exception {
    RunnerChannel channel = channel();
    byte[] nonce = nonce(channel);
    Witness witness = new Witness();
    Command command = channel.start(REQUEST, witness);
    byte[] start = concat(frame('S', 1, StartMessage.of(REQUEST, false)), frame('G', 1));
    assertThat(sent(channel, start.length)).isEqualTo(start);
    Pipe pipe = Pipe.open();
    try (OutputStream runner = Channels.newOutputStream(pipe.sink());
        InputStream body = Channels.newInputStream(pipe.source())) {
      Thread reader = Thread.ofVirtual().start(() -> channel.read(body));
      runner.write(engine(1, concat(hello(nonce, 1, greeting), started(1), out(1, "wanted"))));
      await().until(() -> witness.written() == 6);
      command.discardOutput();
      command.discardOutput();
      command.allowOutput(99);
      runner.write(engine(1, concat(written, ended(1, 0, 5, 0, 0))));
      CommandEnd end = witness.awaitEnd();
      assertThat(witness.stdout()).isEqualTo("wanted");
      byte[] told = {};
      if (length > 0) {
        assertThat(end).isEqualTo(new CommandEnd.Exited(5, Duration.ZERO));
        told = sent(channel, length);
        channel.start(REQUEST, new Witness());
        assertThat(sent(channel, 8)).as("nothing else").startsWith('S').endsWith(2);
      }
      channel.close();
      reader.join();
      return told;
    }
  }

  @Test
  void aRunnerDiscardsWhatNobodyWants() throws Exception {
    assertThat(toldToDiscard("sole discard", out(1, "on its way"), 8)).isEqualTo(frame('D', 1));
  }

  /** As one of an older image, which would not understand it. */
  @Test
  void whereTheRunnerDoesNotItIsDoneHere() throws Exception {
    byte[] piece = out(1, "x".repeat(1 << 16));
    assertThat(toldToDiscard("sole", concat(piece, piece, piece, piece), 36))
        .isEqualTo(
            concat(
                frame('C', 1, number(1 << 18)),
                frame('C', 1, number(1 << 17)),
                frame('C', 1, number(1 << 17))));
  }

  /** It may have no end. */
  @Test
  void whatIsDroppedHereIsReadSlowly() throws Exception {
    RunnerCommand command = new RunnerCommand(1, REQUEST, new Witness(), channel());
    RunnerFrame piece =
        new RunnerFrame.Output(1, OutputStreamName.STDOUT, Data.of(new byte[1 << 16]));
    command.on(new RunnerFrame.Started(1, 0));
    command.discardOutput();
    long begun = System.nanoTime();

    for (int i = 0; i < 16; i++) {
      command.on(piece);
    }

    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofMillis(400));
  }

  @Test
  void thatOneReadsNothingIsSaidWithItsStart() throws Exception {
    RunnerChannel channel = channel();
    nonce(channel);
    CommandRequest request =
        new CommandRequest(
            List.of("true"), Map.of(), null, Duration.ofMinutes(1), null, WINDOW, true, false);
    Command command = channel.start(request, new Witness());
    command.endInput();
    command.input(Data.of("nobody reads it"));
    byte[] told =
        concat(frame('S', 1, StartMessage.of(request, false)), frame('G', 1), frame('E', 1));
    assertThat(channel.input().read(new byte[told.length], 0, told.length)).isEqualTo(told.length);
    command.kill();
    assertThat(sent(channel, 8)).isEqualTo(frame('T', 1));
  }

  /** One of an older image does not know how. */
  @Test
  void onlyARunnerThatCanTellItIsAskedForTheProcessId() throws Exception {
    CommandRequest request =
        new CommandRequest(
            List.of("true"), Map.of(), null, Duration.ofMinutes(1), null, WINDOW, true, true);
    for (boolean can : new boolean[] {false, true}) {
      RunnerChannel channel = channel();
      byte[] nonce = nonce(channel);
      Pipe pipe = Pipe.open();
      try (OutputStream runner = Channels.newOutputStream(pipe.sink());
          InputStream body = Channels.newInputStream(pipe.source())) {
        Thread reader = Thread.ofVirtual().start(() -> channel.read(body));
        runner.write(engine(1, hello(nonce, 1, can ? "sole discard pid" : "sole discard pids")));
        channel.awaitHello(Duration.ofSeconds(90));
        Witness witness = new Witness();
        channel.start(request, witness);
        byte[] start = frame('S', 1, StartMessage.of(request, can));
        assertThat(sent(channel, start.length)).isEqualTo(start);
        runner.write(engine(1, can ? frame('P', 1, number(17)) : started(1)));
        assertThat(witness.awaitStart()).isEqualTo(can ? 17 : 0);
        channel.close();
        reader.join();
      }
    }
  }

  private static byte[] sent(RunnerChannel channel, int bytes) throws IOException {
    return channel.input().readNBytes(bytes);
  }

  @Test
  void aCommandThatCannotBeToldIsNotStarted() throws Exception {
    Witness witness = new Witness();
    CommandRequest request =
        new CommandRequest(
            List.of("echo", "a\0b"), Map.of(), null, Duration.ofSeconds(1), null, WINDOW);

    channel().start(request, witness);

    assertThat(witness.awaitEnd())
        .isInstanceOfSatisfying(
            CommandEnd.NotStarted.class, end -> assertThat(end.retryable()).isFalse());
  }

  @Test
  void aRunnerThatDoesNotReadGetsNoMore() throws Exception {
    RunnerChannel channel = channel();
    List<Witness> witnesses = new ArrayList<>();
    EngineException e =
        catchThrowableOfType(
            EngineException.class,
            () -> {
              while (true) {
                Witness witness = new Witness();
                witnesses.add(witness);
                channel.start(LARGE, witness);
              }
            });
    assertThat(e.kind()).isEqualTo(EngineException.Kind.TRANSIENT);
    assertThat(witnesses).hasSizeBetween(4, 6);
    assertThat(channel.isOpen()).isTrue();

    Command small = channel.start(REQUEST, new Witness());
    for (int i = 0; channel.isOpen(); i++) {
      assertThat(i).isLessThan(1 << 20);
      small.resize(new TerminalSize(80, 25));
    }
    assertThat(witnesses.getLast().hasEnded()).as("it was not started").isFalse();
    e = catchThrowableOfType(EngineException.class, () -> channel.start(REQUEST, new Witness()));
    assertThat(e.kind()).isEqualTo(EngineException.Kind.UNAVAILABLE);
  }

  /** The one that has not read for the longest time is to blame, not the one that is told more. */
  @Test
  void runnersThatDoNotReadTakeNoMemoryFromOthers() throws Exception {
    Unsent all = new Unsent();
    RunnerChannel opens = channel(all);
    RunnerChannel reads = channel(all);
    RunnerChannel first = stuck(all);
    nonce(reads);
    reads.start(LARGE, new Witness());
    List<RunnerChannel> others = new ArrayList<>();
    while (first.isOpen()) {
      others.add(stuck(all));
    }
    assertThat(others).hasSizeBetween(10, 20).allMatch(RunnerChannel::isOpen);
    assertThat(reads.isOpen()).isTrue();
    assertThat(opens.isOpen()).as("one that the engine opens has little to send").isTrue();

    others.forEach(RunnerChannel::close);
    for (int i = 0; i < 10; i++) {
      others.add(stuck(all));
    }
    assertThat(others.subList(others.size() - 10, others.size())).allMatch(RunnerChannel::isOpen);
    assertThat(reads.isOpen()).as("what was closed counts no more").isTrue();
  }

  /** As of many sandboxes that leave a little of what they are sent. */
  @Test
  void whoLeavesALittleUnreadTakesNoMemoryFromThoseWhoReadMore() throws Exception {
    Unsent all = new Unsent();
    RunnerChannel first = channel(all);
    first.start(LARGE, new Witness());
    List<RunnerChannel> others = new ArrayList<>();
    while (first.isOpen() && others.stream().allMatch(RunnerChannel::isOpen)) {
      RunnerChannel other = channel(all);
      other.start(LARGE, new Witness());
      other.start(LARGE, new Witness());
      others.add(other);
    }
    assertThat(others).hasSizeGreaterThan(20).allMatch(RunnerChannel::isOpen);
  }

  /** A channel in which nearly a megabyte waits. */
  private RunnerChannel stuck(Unsent all) throws EngineException {
    RunnerChannel channel = channel(all);
    for (int i = 0; i < 4; i++) {
      channel.start(LARGE, new Witness());
    }
    return channel;
  }

  @Test
  void closingBreaksWhatRuns() throws Exception {
    RunnerChannel channel = channel();
    byte[] nonce = nonce(channel);
    Witness witness = new Witness();
    channel.start(REQUEST, witness);
    Pipe pipe = Pipe.open();
    try (OutputStream runner = Channels.newOutputStream(pipe.sink());
        InputStream body = Channels.newInputStream(pipe.source())) {
      Thread reader = Thread.ofVirtual().start(() -> channel.read(body));
      runner.write(engine(1, concat(hello(nonce), started(1))));
      witness.awaitStart();

      channel.close();

      assertThat(witness.awaitEnd())
          .isEqualTo(new CommandEnd.Broken("the worker closed the connection"));
      reader.join();
    }
    assertThat(channel.isOpen()).isFalse();
    assertThat(nonsense).isEmpty();
  }

  @Test
  void closedBeforeItWasConnectedItReadsNothing() {
    RunnerChannel channel = channel();
    channel.close();

    assertThat(channel.read(new ByteArrayInputStream(new byte[100]))).isFalse();
  }

  @Test
  void anObserverThatFailsHurtsNoOther() throws Exception {
    RunnerChannel channel = channel();
    byte[] nonce = nonce(channel);
    Witness witness = new Witness();
    channel.start(
        REQUEST,
        new CommandObserver() {
          @Override
          public void started(int pid) {
            throw new IllegalStateException("a test's");
          }

          @Override
          public void output(OutputStreamName stream, Data data) {}

          @Override
          public void inputWanted(int bytes) {}

          @Override
          public void ended(CommandEnd end) {}
        });
    channel.start(REQUEST, witness);
    channel.read(
        new ByteArrayInputStream(
            engine(1, concat(hello(nonce), started(1), started(2), ended(2, 0, 0, 0, 0)))));

    assertThat(witness.awaitEnd()).isInstanceOf(CommandEnd.Exited.class);
  }

  /** Frames that are nearly right, with what is nearly a right number. */
  @Property(tries = 1500)
  void whateverARunnerSaysEachCommandEndsOnce(@ForAll long seed) throws Exception {
    Random random = new Random(seed);
    RunnerChannel channel = channel();
    byte[] nonce = nonce(channel);
    List<Witness> witnesses = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      witnesses.add(new Witness());
      channel.start(REQUEST, witnesses.getLast());
    }
    byte[] said = hello(nonce);
    for (int i = random.nextInt(60); i > 0; i--) {
      said = concat(said, random(random));
    }
    if (random.nextBoolean()) {
      said[hello(nonce).length + random.nextInt(said.length - hello(nonce).length + 1) - 1] ^=
          (byte) (1 << random.nextInt(8));
    }
    byte[] framed = new byte[0];
    for (int at = 0; at < said.length; ) {
      int piece = Math.min(1 + random.nextInt(400), said.length - at);
      framed = concat(framed, engine(1, Arrays.copyOfRange(said, at, at + piece)));
      at += piece;
    }
    channel.read(new ByteArrayInputStream(framed));

    assertThat(channel.isOpen()).isFalse();
    for (Witness witness : witnesses) {
      assertThat(witness.wrong).isEmpty();
      assertThat(witness.hasEnded()).isTrue();
      assertThat(witness.written()).isLessThanOrEqualTo(WINDOW);
    }
  }

  private static byte[] random(Random random) {
    int command = 1 + random.nextInt(random.nextInt(10) == 0 ? 6 : 4);
    return switch (random.nextInt(11)) {
      case 0, 1, 2 -> started(command);
      case 3, 4, 5 -> out(command, "x".repeat(1 + random.nextInt(300)));
      case 6, 7 -> wants(command, random.nextInt(70_000));
      case 8 -> ended(command, random.nextInt(5), random.nextInt(70), 0, random.nextInt(999));
      case 9 -> notStarted(command, random.nextInt(30), "why");
      default -> {
        byte[] bytes = new byte[random.nextInt(20)];
        random.nextBytes(bytes);
        yield random.nextInt(20) == 0 ? bytes : new byte[0];
      }
    };
  }
}
