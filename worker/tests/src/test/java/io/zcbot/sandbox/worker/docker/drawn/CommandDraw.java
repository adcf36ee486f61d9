/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.drawn;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.docker.drawn.DrawnCommand.Meddling;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Generates random commands; the same ones for the same seed. */
final class CommandDraw {
  private static final List<String> LETTERS =
      List.of(
          "a", "b", "Z", "0", "9", " ", "\n", "\t", "'", "\"", "\\", "$", "`", "*", ";", "&", "|",
          "ü", "漢", "😀");

  /** Signals that end a program which does not handle them. */
  private static final int[] SIGNALS = {1, 2, 3, 6, 9, 10, 12, 13, 14, 15};

  private record Kind(int weight, Supplier<DrawnCommand> draw) {}

  private final Random random;
  private final List<Kind> kinds =
      List.of(
          new Kind(20, this::echo),
          new Kind(12, this::exit),
          new Kind(8, this::signalToItself),
          new Kind(12, this::bothStreams),
          new Kind(10, this::copy),
          new Kind(4, this::partOfTheInput),
          new Kind(6, this::timeOut),
          new Kind(3, this::timeOutOfATree),
          new Kind(3, this::inTime),
          new Kind(3, this::background),
          new Kind(6, this::directory),
          new Kind(6, this::environment),
          new Kind(3, this::notStarted),
          new Kind(4, this::smallWindow),
          new Kind(2, this::killed),
          new Kind(3, this::signalled),
          new Kind(2, this::terminal));

  CommandDraw(long seed) {
    // The first numbers of a Random hardly differ between small seeds.
    random = new Random(new SplittableRandom(seed).nextLong());
  }

  DrawnCommand next() {
    int left = random.nextInt(kinds.stream().mapToInt(Kind::weight).sum());
    for (Kind kind : kinds) {
      left -= kind.weight;
      if (left < 0) {
        return kind.draw.get();
      }
    }
    throw new AssertionError();
  }

  private String word() {
    return IntStream.range(0, random.nextInt(30))
        .mapToObj(_ -> LETTERS.get(random.nextInt(LETTERS.size())))
        .collect(Collectors.joining());
  }

  private List<String> words(int most) {
    return IntStream.range(0, random.nextInt(most)).mapToObj(_ -> word()).toList();
  }

  private Data bytes(int most) {
    byte[] bytes = new byte[random.nextInt(most)];
    random.nextBytes(bytes);
    return Data.of(bytes);
  }

  private Duration millis(int least, int most) {
    return Duration.ofMillis(random.nextInt(least, most));
  }

  private DrawnCommand echo() {
    List<String> arguments = new ArrayList<>(List.of("echo", "no option"));
    arguments.addAll(words(20));
    return DrawnCommand.of(arguments.toArray(String[]::new))
        .saying(String.join(" ", arguments.subList(1, arguments.size())) + "\n");
  }

  private DrawnCommand exit() {
    int code = random.nextInt(256);
    return DrawnCommand.shell("exit " + code).ending("exited " + code);
  }

  private DrawnCommand signalToItself() {
    int signal = SIGNALS[random.nextInt(SIGNALS.length)];
    return DrawnCommand.shell("kill -" + signal + " $$; exit 99").ending("signalled " + signal);
  }

  private DrawnCommand bothStreams() {
    int code = random.nextInt(256);
    List<String> words = words(30);
    return DrawnCommand.shell(
            "for each; do printf %s \"o$each\"; printf %s \"e$each\" >&2; done; exit " + code,
            words.toArray(String[]::new))
        .saying(prefixed("o", words), prefixed("e", words))
        .ending("exited " + code);
  }

  private static Data prefixed(String prefix, List<String> words) {
    return Data.of(words.stream().map(prefix::concat).collect(Collectors.joining()));
  }

  private DrawnCommand copy() {
    Data bytes = bytes(150_000);
    return DrawnCommand.of("cat")
        .reading(bytes)
        .saying(bytes, Data.EMPTY)
        .allowed(random.nextInt(20_000, 300_000));
  }

  /** What it does not read is nobody's. */
  private DrawnCommand partOfTheInput() {
    Data bytes = bytes(200_000);
    int read = random.nextInt(50_000);
    return DrawnCommand.of("head", "-c", Integer.toString(read))
        .reading(bytes)
        .saying(Data.of(bytes.toByteArray(), 0, Math.min(read, bytes.length())), Data.EMPTY);
  }

  private DrawnCommand timeOut() {
    return DrawnCommand.of("sleep", "300").within(millis(1, 300)).ending("timed out");
  }

  /** Daemons that ignore all signals that they can, and their children. */
  private DrawnCommand timeOutOfATree() {
    return DrawnCommand.shell(
            "trap '' TERM HUP INT; setsid sh -c 'sleep 300 & sleep 300' & (sleep 300 &) ; sleep 300")
        .within(millis(1, 300))
        .ending("timed out");
  }

  private DrawnCommand inTime() {
    return DrawnCommand.of("sleep", "0.0" + random.nextInt(10));
  }

  /** The streams of the background process stay open, which blocks nothing. */
  private DrawnCommand background() {
    int code = random.nextInt(256);
    return DrawnCommand.shell("sleep 2 & printf now; exit " + code)
        .saying("now")
        .ending("exited " + code);
  }

  private DrawnCommand directory() {
    String place = List.of("/", "/tmp", "/usr/bin", "/workspace", "").get(random.nextInt(5));
    return DrawnCommand.of("pwd")
        .in(place.isEmpty() ? null : place)
        .saying((place.isEmpty() ? "/workspace" : place) + "\n");
  }

  private DrawnCommand environment() {
    if (random.nextInt(4) == 0) {
      return DrawnCommand.of("printenv", "ZCBOT_EGRESS")
          .with(Map.of("ZCBOT_EGRESS", word()))
          .ending("exited 1");
    }
    Map<String, String> variables = new TreeMap<>();
    for (int i = random.nextInt(1, 20); i > 0; i--) {
      variables.put("V_" + random.nextInt(1000), word());
    }
    List<String> arguments = new ArrayList<>(List.of("printenv"));
    arguments.addAll(variables.keySet());
    return DrawnCommand.of(arguments.toArray(String[]::new))
        .with(variables)
        .saying(variables.values().stream().map(each -> each + "\n").collect(Collectors.joining()));
  }

  private DrawnCommand notStarted() {
    DrawnCommand command =
        switch (random.nextInt(4)) {
          case 0 -> DrawnCommand.of("no-such-program");
          case 1 -> DrawnCommand.of("/etc/passwd");
          case 2 -> DrawnCommand.of("true").in("/no/such/directory");
          default -> DrawnCommand.of("true").in("/etc/passwd");
        };
    return command.ending("not started");
  }

  private DrawnCommand smallWindow() {
    int last = random.nextInt(2000);
    return DrawnCommand.of("seq", "1", Integer.toString(last))
        .allowed(random.nextInt(500, 5000))
        .saying(
            IntStream.rangeClosed(1, last)
                .mapToObj(each -> each + "\n")
                .collect(Collectors.joining()));
  }

  private DrawnCommand killed() {
    return DrawnCommand.of("sleep", "300").meddledWith(new Meddling.Kill()).ending("killed");
  }

  private DrawnCommand signalled() {
    CommandSignal signal = CommandSignal.values()[random.nextInt(CommandSignal.values().length)];
    return DrawnCommand.of("sleep", "300")
        .meddledWith(new Meddling.Signal(signal))
        .ending("signalled " + signal.number());
  }

  private DrawnCommand terminal() {
    TerminalSize size = new TerminalSize(random.nextInt(1, 500), random.nextInt(1, 500));
    return DrawnCommand.of("stty", "size")
        .on(size)
        .saying(size.rows() + " " + size.columns() + "\r\n");
  }
}
