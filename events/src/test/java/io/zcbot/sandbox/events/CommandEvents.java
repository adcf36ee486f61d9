/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/** Generates any event about a command. */
final class CommandEvents {
  private CommandEvents() {}

  static Arbitrary<SandboxEvent> any() {
    return Arbitraries.oneOf(execs(), inputs(), started(), outputs(), exited());
  }

  /** Bytes of any kind, and text. */
  static Arbitrary<Data> data() {
    return Arbitraries.oneOf(
        Arbitraries.bytes().array(byte[].class).ofMaxSize(300).map(Data::of),
        Arbitraries.of("", "\0", "\n\n\n\n\n\n", "a\"b\\c", "🙂🙂", "\u001b[2J").map(Data::of),
        Events.prose().map(Data::of));
  }

  /** What the kernel accepts as an argument. */
  static Arbitrary<String> literals() {
    return Arbitraries.oneOf(Arbitraries.just(""), Events.prose(), Arbitraries.of("\n", "a\u0007"));
  }

  private static Arbitrary<Exec.Program> programs() {
    return Arbitraries.oneOf(
        Events.prose().map(Exec.Program.Shell::new),
        Combinators.combine(Events.prose(), literals().list().ofMaxSize(8))
            .as(
                (program, arguments) ->
                    new Exec.Program.Command(
                        java.util.stream.Stream.concat(
                                java.util.stream.Stream.of(program), arguments.stream())
                            .toList())));
  }

  private static Arbitrary<Map<String, String>> environments() {
    Arbitrary<String> names =
        Events.prose().map(name -> name.replace("=", "")).filter(name -> !name.isEmpty());
    return Arbitraries.maps(names, literals()).ofMaxSize(5);
  }

  private static Arbitrary<TerminalSize> terminals() {
    Arbitrary<Integer> sides = Arbitraries.integers().between(1, TerminalSize.MAX);
    return Combinators.combine(sides, sides).as(TerminalSize::new);
  }

  private static <T> Arbitrary<T> orNull(Arbitrary<T> arbitrary) {
    return arbitrary.injectNull(0.3);
  }

  /** Some settings of an exec, grouped since an exec has too many components to combine at once. */
  private record Limits(
      Duration timeout, Integer output, TerminalSize terminal, Instant expires, String profile) {}

  private static Arbitrary<String> execIds() {
    return Events.texts().filter(text -> text.length() <= ExecCodec.MAX_ID_LENGTH);
  }

  static Arbitrary<SandboxEvent> execs() {
    Arbitrary<Limits> limits =
        Combinators.combine(
                orNull(Arbitraries.longs().between(1, 86_400).map(Duration::ofSeconds)),
                orNull(Arbitraries.integers().between(0, 16 << 20)),
                orNull(terminals()),
                orNull(Events.instants()),
                orNull(Events.profiles()))
            .as(Limits::new);
    Arbitrary<List<Boolean>> choices = Arbitraries.of(true, false).list().ofSize(4);
    Arbitrary<String> directories =
        Events.prose().map(name -> "/" + name.substring(0, Math.min(name.length(), 1000)));
    return Combinators.combine(
            execIds().list().ofSize(2),
            Events.users(),
            Events.instants(),
            programs(),
            data(),
            environments(),
            orNull(directories.filter(UntrustedText::isWhole)),
            Combinators.combine(limits, choices).as(Map::entry))
        .as(
            (t, user, at, program, stdin, environment, directory, rest) ->
                new Exec(
                    t.get(0),
                    user,
                    at,
                    t.get(1),
                    rest.getKey().expires(),
                    program,
                    stdin,
                    rest.getValue().get(0),
                    new TreeMap<>(environment),
                    directory,
                    rest.getKey().timeout(),
                    rest.getKey().output(),
                    rest.getValue().get(1),
                    rest.getKey().terminal(),
                    rest.getValue().get(2),
                    rest.getValue().get(3),
                    rest.getKey().profile()));
  }

  static Arbitrary<SandboxEvent> inputs() {
    Arbitrary<Input.Content> contents =
        Arbitraries.oneOf(
            data().map(Input.Content.Bytes::new),
            Arbitraries.just(new Input.Content.End()),
            Arbitraries.of(CommandSignal.class).map(Input.Content.Signal::new),
            terminals().map(Input.Content.Resize::new));
    return Combinators.combine(
            Events.texts(), Events.users(), Events.instants(), execIds(), contents)
        .as(Input::new);
  }

  static Arbitrary<SandboxEvent> started() {
    return Combinators.combine(
            Events.texts(),
            Events.users(),
            Events.texts(),
            Events.instants(),
            Arbitraries.integers().greaterOrEqual(1),
            containers())
        .as(Started::new);
  }

  private static Arbitrary<ContainerRef> containers() {
    return Events.texts()
        .list()
        .ofSize(4)
        .map(t -> new ContainerRef(t.get(0), t.get(1), t.get(2), t.get(3)));
  }

  static Arbitrary<SandboxEvent> outputs() {
    return Combinators.combine(
            Events.texts(),
            Events.users(),
            Events.texts(),
            Events.instants(),
            Arbitraries.longs().greaterOrEqual(0),
            Arbitraries.of(OutputStreamName.class),
            data())
        .as(Output::new);
  }

  static Arbitrary<SandboxEvent> exited() {
    Arbitrary<Site> sites =
        Arbitraries.oneOf(
            containers(), Combinators.combine(Events.texts(), Events.texts()).as(WorkerRef::new));
    return Combinators.combine(
            Events.texts().list().ofSize(2),
            Events.users(),
            Events.instants().list().ofSize(2),
            Arbitraries.of(Exited.Reason.class),
            orNull(data()).list().ofSize(2),
            sites,
            Arbitraries.longs().greaterOrEqual(0).list().ofSize(3),
            Combinators.combine(
                    orNull(Arbitraries.integers()),
                    orNull(Events.prose()),
                    Arbitraries.of(true, false),
                    Arbitraries.integers().greaterOrEqual(0))
                .as(End::new))
        .as(
            (t, user, at, reason, output, site, numbers, end) ->
                new Exited(
                    t.get(0),
                    user,
                    t.get(1),
                    at.get(0),
                    reason,
                    end.code(),
                    end.code(),
                    output.get(0),
                    output.get(1),
                    numbers.get(0),
                    end.flag(),
                    end.survivors(),
                    site,
                    end.flag() ? at.get(1) : null,
                    numbers.get(1),
                    end.flag() ? Duration.ofMillis(numbers.get(2)) : null,
                    end.message(),
                    !end.flag(),
                    end.flag(),
                    end.flag() ? numbers.get(2) : null));
  }

  /** The other fields of an exited event. */
  private record End(Integer code, String message, boolean flag, int survivors) {}
}
