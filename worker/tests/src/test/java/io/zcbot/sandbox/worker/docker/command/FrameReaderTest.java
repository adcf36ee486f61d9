/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.concat;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.ended;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.endedWithMemory;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.frame;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.hello;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.notStarted;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.number;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.out;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.started;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.text;
import static io.zcbot.sandbox.worker.docker.command.RunnerBytes.wants;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.docker.api.NonsenseException;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class FrameReaderTest {
  private static final byte[] NONCE = text("0123456789abcdef");
  private static final byte[] OTHER = text("0123456789abcdeg");

  private static FrameReader reader(byte[]... parts) {
    return new FrameReader(new ByteArrayInputStream(concat(parts)));
  }

  @Test
  void whatWasSaidToOthersIsSkipped() throws IOException {
    byte[] torn = frame('O', 5000, 7, text("half of a fra"));

    assertThat(reader(torn, out(3, "old"), hello(OTHER), hello(NONCE)).hello(NONCE))
        .isEqualTo("runner 1");
    assertThatExceptionOfType(EOFException.class)
        .isThrownBy(() -> reader(torn, out(3, "old"), hello(OTHER)).hello(NONCE));
  }

  @Test
  void anAnswerWithoutAnswerEnds() {
    byte[] much = new byte[FrameReader.MAX_LEFTOVERS + 100];

    assertThatExceptionOfType(NonsenseException.class)
        .isThrownBy(() -> reader(much, hello(NONCE)).hello(NONCE));
  }

  @Test
  void anotherVersionIsNotUnderstood() {
    assertThatExceptionOfType(NonsenseException.class)
        .isThrownBy(() -> reader(hello(NONCE, 2)).hello(NONCE))
        .withMessageContaining("version 2");
  }

  @Test
  void readsEveryKindOfFrame() throws IOException {
    FrameReader reader =
        reader(
            started(1),
            out(1, "hello"),
            frame('E', 1, text("oops")),
            wants(1, 65_536),
            ended(1, 0, 3, 0, 1500),
            ended(2, 1, 9, 0, 0),
            ended(3, 2, 0, 4, 7),
            ended(4, 3, 0, 0, 0),
            notStarted(5, 2, "pro\ngram"),
            notStarted(6, 11, ""),
            endedWithMemory(7, 0, 1, 0),
            endedWithMemory(8, 1, 9, 512 << 20),
            endedWithMemory(9, 3, 0, Long.MAX_VALUE),
            frame('P', 10, number(17)),
            frame('P', 11, number(0)));

    assertThat(all(reader, 15))
        .containsExactly(
            new RunnerFrame.Started(1, 0),
            new RunnerFrame.Output(1, OutputStreamName.STDOUT, Data.of("hello")),
            new RunnerFrame.Output(1, OutputStreamName.STDERR, Data.of("oops")),
            new RunnerFrame.InputWanted(1, 65_536),
            new RunnerFrame.Ended(1, new CommandEnd.Exited(3, Duration.ofNanos(1_500_000))),
            new RunnerFrame.Ended(2, new CommandEnd.Signalled(9, Duration.ZERO)),
            new RunnerFrame.Ended(3, new CommandEnd.Killed(true, 4, Duration.ofNanos(7000))),
            new RunnerFrame.Ended(4, new CommandEnd.Killed(false, 0, Duration.ZERO)),
            new RunnerFrame.NotStarted(5, 2, "pro gram"),
            new RunnerFrame.NotStarted(6, 11, ""),
            new RunnerFrame.Ended(7, new CommandEnd.Exited(1, Duration.ZERO)),
            new RunnerFrame.Ended(
                8,
                new CommandEnd.Signalled(9, Duration.ZERO, new CommandEnd.OutOfMemory(512L << 20))),
            new RunnerFrame.Ended(
                9,
                new CommandEnd.Killed(false, 0, Duration.ZERO, new CommandEnd.OutOfMemory(null))),
            new RunnerFrame.Started(10, 17),
            new RunnerFrame.Started(11, 0));
    assertThatExceptionOfType(EOFException.class).isThrownBy(reader::next);
  }

  private static List<RunnerFrame> all(FrameReader reader, int many) throws IOException {
    List<RunnerFrame> frames = new ArrayList<>();
    for (int i = 0; i < many; i++) {
      frames.add(reader.next());
    }
    return frames;
  }

  @Test
  void whatNoRunnerSaysIsNonsense() {
    Stream.of(
            frame('H', 0, concat(OTHER, new byte[] {1})),
            frame('Z', 1),
            frame((char) 255, 1),
            frame('P', 1, (byte) 1),
            frame('P', 1, number(-1)),
            frame('P', 1, new byte[8]),
            frame('O', 1),
            frame('E', 1),
            frame('O', FrameReader.MAX_PAYLOAD + 1, 1),
            frame('O', 0xff_ffff, 1),
            frame('C', 1, (byte) 1),
            frame('C', 1, new byte[5]),
            frame('F', 1, new byte[3]),
            frame('F', FrameReader.MAX_PAYLOAD + 1, 1),
            frame('X', 1, new byte[16]),
            ended(1, 4, 0, 0, 0),
            ended(1, 0, 256, 0, 0),
            ended(1, 0, -1, 0, 0),
            ended(1, 1, 0, 0, 0),
            ended(1, 1, 65, 0, 0),
            ended(1, 2, 0, -1, 0),
            ended(1, 0, 0, 0, -1),
            endedWithMemory(1, 0, 0, -1),
            frame('X', 1, new byte[20]),
            new byte[1])
        .forEach(
            bytes ->
                assertThatExceptionOfType(NonsenseException.class)
                    .isThrownBy(() -> reader(bytes, new byte[64]).next()));
  }

  @Test
  void aReasonIsBounded() throws IOException {
    RunnerFrame frame = reader(notStarted(1, 2, "x".repeat(60_000)), started(2)).next();

    assertThat(((RunnerFrame.NotStarted) frame).step()).hasSizeLessThan(1100);
  }

  @Test
  void aReasonThatIsNotComplete() {
    assertThatExceptionOfType(EOFException.class)
        .isThrownBy(() -> reader(frame('F', 9000, 1, number(2))).next());
  }

  /** Nothing but these two, and nothing after an end. */
  @Property(tries = 2000)
  void anyBytesAreReadToAnEnd(@ForAll @Size(max = 300) byte[] bytes) {
    FrameReader reader = reader(bytes);
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(
            () -> {
              for (int i = 0; i <= bytes.length; i++) {
                reader.next();
              }
            })
        .matches(e -> e instanceof NonsenseException || e instanceof EOFException);
  }
}
