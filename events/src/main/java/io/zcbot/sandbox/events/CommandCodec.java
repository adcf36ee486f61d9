/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads and writes the events of a running command: input, started, output and exited. */
final class CommandCodec {
  /** The fields with the content of an input, which has exactly one of them. */
  private static final List<String> CONTENTS =
      List.of("data", "data_base64", "eof", "signal", "resize");

  private static final Map<String, FieldParser.Wanted> NESTED =
      Map.of("resize", ExecCodec.TERMINAL);

  private CommandCodec() {}

  static void write(Input input, FieldWriter out) {
    out.time("occurred_at", input.occurredAt()).text("exec_id", input.execId());
    switch (input.content()) {
      case Input.Content.Bytes bytes -> DataFields.write(out, "data", bytes.data());
      case Input.Content.End end -> out.bool("eof", true);
      case Input.Content.Signal signal -> out.text("signal", signal.signal().name());
      case Input.Content.Resize resize -> ExecCodec.write("resize", resize.size(), out);
    }
  }

  static Input input(byte @Nullable [] key, byte @Nullable [] value, Origin origin)
      throws EventFormatException {
    Fields in = Requests.fields(value, Topic.INPUT, origin, NESTED);
    UserId user = RecordKey.agreedUser(in, key);
    return new Input(
        Requests.eventId(in, origin),
        user,
        Requests.time(in, "occurred_at", origin),
        Requests.within(ExecCodec.MAX_ID_LENGTH, in.path("exec_id"), in.text("exec_id")),
        content(in));
  }

  private static Input.Content content(Fields in) throws EventFormatException {
    List<String> given = CONTENTS.stream().filter(in::has).toList();
    if (given.isEmpty()) {
      throw in.refusal("data", "missing; send one of " + String.join(", ", CONTENTS));
    }
    if (given.size() > 1) {
      throw in.refusal(
          given.get(1),
          "is given together with " + given.getFirst() + "; send one of them in each record");
    }
    Data data = DataFields.read(in, "data");
    if (data != null) {
      return new Input.Content.Bytes(data);
    }
    TerminalSize size = ExecCodec.terminal(in, "resize");
    if (size != null) {
      return new Input.Content.Resize(size);
    }
    CommandSignal signal = in.optionalOneOf("signal", CommandSignal.values(), CommandSignal::name);
    if (signal != null) {
      return new Input.Content.Signal(signal);
    }
    if (!in.bool("eof")) {
      throw in.refusal("eof", "is false; make it true or leave the field out");
    }
    return new Input.Content.End();
  }

  static void write(Started started, FieldWriter out) {
    out.text("exec_id", started.execId())
        .time("started_at", started.startedAt())
        .number("pid", started.pid());
    Containers.write(started.container(), out);
  }

  static Started started(byte @Nullable [] key, byte @Nullable [] value)
      throws EventFormatException {
    Fields in = Fields.parse(value, Topic.STARTED);
    return new Started(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.text("exec_id"),
        in.instant("started_at"),
        (int) (long) in.required("pid", in.optionalWithin("pid", 1, Integer.MAX_VALUE)),
        Containers.read(in));
  }

  static void write(Output output, FieldWriter out) {
    out.text("exec_id", output.execId())
        .time("written_at", output.writtenAt())
        .number("seq", output.seq())
        .oneOf("stream", output.stream());
    DataFields.write(out, "data", output.data());
  }

  static Output output(byte @Nullable [] key, byte @Nullable [] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.OUTPUT);
    return new Output(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.text("exec_id"),
        in.instant("written_at"),
        in.nonNegative("seq"),
        in.oneOf("stream", OutputStreamName.values()),
        in.required("data", DataFields.read(in, "data")));
  }

  static void write(Exited exited, FieldWriter out) {
    out.text("exec_id", exited.execId())
        .time("exited_at", exited.exitedAt())
        .oneOf("reason", exited.reason())
        .number("exit_code", exited.exitCode())
        .number("signal", exited.signal());
    DataFields.write(out, "stdout", exited.stdout());
    DataFields.write(out, "stderr", exited.stderr());
    out.number("output_count", exited.outputCount())
        .bool("truncated", exited.truncated())
        .number("survivors", exited.survivors() == 0 ? null : exited.survivors());
    Containers.write(exited.site(), out);
    out.time("started_at", exited.startedAt())
        .number("took_ms", exited.tookMs())
        .number("cpu_ms", exited.cpu() == null ? null : exited.cpu().toMillis())
        .text("message", message(exited.message()))
        .bool("retryable", exited.retryable())
        .bool("oom_killed", exited.oomKilled() ? true : null)
        .number("memory_limit_bytes", exited.memoryLimit());
  }

  /** Returns the message in a form that readers accept, regardless of its source. */
  private static @Nullable String message(@Nullable String message) {
    return message == null || message.isBlank() ? null : UntrustedText.fitting(message);
  }

  static Exited exited(byte @Nullable [] key, byte @Nullable [] value) throws EventFormatException {
    Fields in = Fields.parse(value, Topic.EXITED);
    Long survivors = in.optionalWithin("survivors", 0, Integer.MAX_VALUE);
    Long cpu = in.optionalNonNegative("cpu_ms");
    return new Exited(
        in.text("event_id"),
        RecordKey.agreedUser(in, key),
        in.text("exec_id"),
        in.instant("exited_at"),
        in.oneOfOr(Exited.Reason.UNKNOWN, "reason", Exited.Reason.values()),
        in.optionalInt("exit_code"),
        in.optionalInt("signal"),
        DataFields.read(in, "stdout"),
        DataFields.read(in, "stderr"),
        in.nonNegative("output_count"),
        in.bool("truncated"),
        survivors == null ? 0 : survivors.intValue(),
        Containers.readSite(in),
        in.optionalInstant("started_at"),
        in.nonNegative("took_ms"),
        cpu == null ? null : Duration.ofMillis(cpu),
        in.optionalProse("message"),
        in.bool("retryable"),
        Boolean.TRUE.equals(in.optionalBool("oom_killed")),
        in.optionalNonNegative("memory_limit_bytes"));
  }
}
